package keyspec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// TestWhichUsagesAndAlgorithmsASpecHas spells the matrix of the developer guide's "Key spec reference".
func TestWhichUsagesAndAlgorithmsASpecHas(t *testing.T) {
	const (
		rsa = "ENCRYPT_DECRYPT [RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256]; SIGN_VERIFY [RSASSA_PKCS1_V1_5_SHA_256 " +
			"RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512]"
		mldsa = "SIGN_VERIFY [ML_DSA_SHAKE_256]"
		mlkem = "ENCAPSULATE_DECAPSULATE [ML_KEM]"
	)
	want := map[keyspec.KeySpec]string{
		"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT [SYMMETRIC_DEFAULT]",
		"HMAC_224":          "GENERATE_VERIFY_MAC [HMAC_SHA_224]", "HMAC_256": "GENERATE_VERIFY_MAC [HMAC_SHA_256]",
		"HMAC_384": "GENERATE_VERIFY_MAC [HMAC_SHA_384]", "HMAC_512": "GENERATE_VERIFY_MAC [HMAC_SHA_512]",
		"RSA_2048": rsa, "RSA_3072": rsa, "RSA_4096": rsa,
		"ECC_NIST_P256":         "SIGN_VERIFY [ECDSA_SHA_256]; KEY_AGREEMENT [ECDH]",
		"ECC_NIST_P384":         "SIGN_VERIFY [ECDSA_SHA_384]; KEY_AGREEMENT [ECDH]",
		"ECC_NIST_P521":         "SIGN_VERIFY [ECDSA_SHA_512]; KEY_AGREEMENT [ECDH]",
		"ECC_SECG_P256K1":       "SIGN_VERIFY [ECDSA_SHA_256]",
		"ECC_NIST_EDWARDS25519": "SIGN_VERIFY [ED25519_SHA_512 ED25519_PH_SHA_512]",
		"SM2":                   "ENCRYPT_DECRYPT [SM2PKE]; SIGN_VERIFY [SM2DSA]; KEY_AGREEMENT [ECDH]",
		"ML_DSA_44":             mldsa, "ML_DSA_65": mldsa, "ML_DSA_87": mldsa,
		"ML_KEM_512": mlkem, "ML_KEM_768": mlkem, "ML_KEM_1024": mlkem,
	}
	if len(want) != len(keyspec.KeySpecs.Values()) {
		t.Errorf("%d specs in the vocabulary", len(keyspec.KeySpecs.Values()))
	}
	for _, spec := range keyspec.KeySpecs.Values() {
		row, ok := keyspec.Lookup(spec)
		if !ok {
			t.Errorf("%s is not in the table", spec)
		}
		if got := describe(t, row); got != want[spec] {
			t.Errorf("%s: got %s, want %s", spec, got, want[spec])
		}
	}
}

// describe writes a row as "USAGE [algorithms]; …".
func describe(t *testing.T, row keyspec.Spec) string {
	t.Helper()
	var uses []string
	for _, usage := range row.Usages() {
		if !keyspec.KeyUsages.Has(usage) || !keyspec.Compatible(row.KeySpec, usage) {
			t.Errorf("%s: usage %s", row.KeySpec, usage)
		}
		a, _ := keyspec.Algorithms(row.KeySpec, usage)
		var lists []string
		for _, list := range []any{a.Encryption, a.Signing, a.MAC, a.KeyAgreement, a.Encapsulation} {
			if text := fmt.Sprint(list); text != "[]" {
				lists = append(lists, text)
			}
		}
		uses = append(uses, string(usage)+" "+strings.Join(lists, "+"))
	}
	return strings.Join(uses, "; ")
}

func TestOnlySymmetricKeysAreServed(t *testing.T) {
	for _, spec := range keyspec.KeySpecs.Values() {
		if row, _ := keyspec.Lookup(spec); row.Servable != (spec == keyspec.SymmetricDefault) {
			t.Errorf("%s: servable %v", spec, row.Servable)
		}
	}
}

func TestUnknownSpecsAndIllegalPairs(t *testing.T) {
	if _, ok := keyspec.Lookup("AES_256"); ok {
		t.Error("a data key spec is no key spec")
	}
	for spec, usage := range map[keyspec.KeySpec]keyspec.KeyUsage{keyspec.SymmetricDefault: keyspec.SignVerify,
		keyspec.ECCSECGP256K1: keyspec.KeyAgreement, keyspec.HMAC256: keyspec.EncryptDecrypt, "AES_256": keyspec.EncryptDecrypt, keyspec.RSA2048: ""} {
		if keyspec.Compatible(spec, usage) {
			t.Errorf("%s with %s", spec, usage)
		}
	}
}

func TestFamilies(t *testing.T) {
	for spec, want := range map[keyspec.KeySpec]keyspec.Family{keyspec.SymmetricDefault: keyspec.FamilySymmetric, "AES": 0,
		keyspec.HMAC512: keyspec.FamilyHMAC, keyspec.RSA4096: keyspec.FamilyAsymmetric, keyspec.MLKEM512: keyspec.FamilyAsymmetric} {
		if got := keyspec.FamilyOf(spec); got != want {
			t.Errorf("%s: family %d", spec, got)
		}
	}
}

func TestPlaintextLimits(t *testing.T) {
	for _, c := range []struct {
		spec      keyspec.KeySpec
		algorithm keyspec.EncryptionAlgorithm
		want      int // 0: not together
	}{
		{"SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", 4096},
		{"RSA_2048", "RSAES_OAEP_SHA_1", 214}, {"RSA_2048", "RSAES_OAEP_SHA_256", 190},
		{"RSA_3072", "RSAES_OAEP_SHA_1", 342}, {"RSA_3072", "RSAES_OAEP_SHA_256", 318},
		{"RSA_4096", "RSAES_OAEP_SHA_1", 470}, {"RSA_4096", "RSAES_OAEP_SHA_256", 446},
		{"SM2", "SM2PKE", 1024}, {"RSA_2048", "SYMMETRIC_DEFAULT", 0}, {"HMAC_256", "SYMMETRIC_DEFAULT", 0},
	} {
		if got, ok := keyspec.PlaintextLimit(c.spec, c.algorithm); got != c.want || ok != (c.want > 0) {
			t.Errorf("%s, %s: %d, %v", c.spec, c.algorithm, got, ok)
		}
	}
}

// TestEveryEncryptionPairHasALimit ties the two tables: an algorithm that a key has can encrypt something with it.
func TestEveryEncryptionPairHasALimit(t *testing.T) {
	for _, spec := range keyspec.KeySpecs.Values() {
		row, _ := keyspec.Lookup(spec)
		for _, usage := range row.Usages() {
			algorithms, _ := keyspec.Algorithms(spec, usage)
			for _, algorithm := range algorithms.Encryption {
				if _, ok := keyspec.PlaintextLimit(spec, algorithm); !ok {
					t.Errorf("%s, %s has no limit", spec, algorithm)
				}
			}
		}
	}
}

func TestDataKeySizes(t *testing.T) {
	for spec, want := range map[keyspec.DataKeySpec]int{keyspec.AES128: 16, keyspec.AES256: 32, "AES_192": 0} {
		if spec.Size() != want || keyspec.DataKeySpecs.Has(spec) != (want > 0) {
			t.Errorf("%s: %d bytes", spec, spec.Size())
		}
	}
}

func TestSetsPrintInTheOrderOfAWS(t *testing.T) {
	for _, c := range []struct {
		set  fmt.Stringer
		want string
	}{
		{keyspec.EncryptionAlgorithms, "[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"},
		{keyspec.MacAlgorithms, "[HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]"},
		{keyspec.KeyUsages, "[ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE]"},
		{keyspec.KeyAgreementAlgorithms, "[ECDH]"},
		{keyspec.KeyStates, "[Creating, Enabled, Disabled, PendingDeletion, PendingImport, PendingReplicaDeletion, Unavailable, Updating]"},
		{keyspec.SigningAlgorithms, "[RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, RSASSA_PKCS1_V1_5_SHA_256, " +
			"RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384, ECDSA_SHA_512, ED25519_SHA_512, " +
			"ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256]"},
	} {
		if c.set.String() != c.want {
			t.Errorf("got %s, want %s", c.set, c.want)
		}
	}
	const recorded = "[RSA_2048, ECC_NIST_P384, ECC_NIST_P256, ECC_NIST_P521, HMAC_384, RSA_3072, ECC_SECG_P256K1, RSA_4096, " +
		"SYMMETRIC_DEFAULT, HMAC_256, HMAC_224, HMAC_512, "
	if got := keyspec.KeySpecs.String(); !strings.HasPrefix(got, recorded) {
		t.Errorf("got %s", got)
	}
}

func TestNobodyCanChangeATable(t *testing.T) {
	keyspec.KeyStates.Values()[0] = "Broken"
	row, _ := keyspec.Lookup(keyspec.SymmetricDefault)
	row.Usages()[0] = "Broken"
	algorithms, _ := keyspec.Algorithms(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	algorithms.Encryption[0] = "Broken"
	again, _ := keyspec.Algorithms(keyspec.SymmetricDefault, keyspec.EncryptDecrypt)
	if !keyspec.KeyStates.Has(keyspec.StateCreating) || !slices.Equal(row.Usages(), []keyspec.KeyUsage{keyspec.EncryptDecrypt}) ||
		again.Encryption[0] != keyspec.EncryptionSymmetricDefault {
		t.Error("a table was changed through its answer")
	}
}
