package keyspec

import "slices"

// Family is the broad kind of a key. An alias may move between keys of one family and usage only (AWS KMS API reference,
// UpdateAlias).
type Family int

// The families.
const (
	FamilySymmetric Family = iota + 1
	FamilyHMAC
	FamilyAsymmetric
)

// AlgorithmSet are the algorithms of a key with one usage: exactly one of the lists is filled, according to the usage.
// The lists stand in the order in which KeyMetadata shows them.
type AlgorithmSet struct {
	Encryption    []EncryptionAlgorithm
	Signing       []SigningAlgorithm
	MAC           []MacAlgorithm
	KeyAgreement  []KeyAgreementAlgorithm
	Encapsulation []EncapsulationAlgorithm
}

// Spec is what the table knows of a key spec.
type Spec struct {
	KeySpec KeySpec
	Family  Family
	// Servable says whether Keyhold makes and uses such keys. The others are known, and refused by name.
	Servable bool
	uses     []use
}

type use struct {
	usage      KeyUsage
	algorithms AlgorithmSet
}

// Usages are the usages a key of this spec may have, as a fresh slice. A spec with one usage other than
// SYMMETRIC_DEFAULT still wants it spelled in CreateKey.
func (s Spec) Usages() []KeyUsage {
	usages := make([]KeyUsage, len(s.uses))
	for i, u := range s.uses {
		usages[i] = u.usage
	}
	return usages
}

var (
	symmetricEncryption = AlgorithmSet{Encryption: []EncryptionAlgorithm{EncryptionSymmetricDefault}}
	rsaEncryption       = AlgorithmSet{Encryption: []EncryptionAlgorithm{EncryptionRSAOAEPSHA1, EncryptionRSAOAEPSHA256}}
	rsaSigning          = AlgorithmSet{Signing: []SigningAlgorithm{SigningRSAPKCS1SHA256, SigningRSAPKCS1SHA384,
		SigningRSAPKCS1SHA512, SigningRSAPSSSHA256, SigningRSAPSSSHA384, SigningRSAPSSSHA512}}
	ecdh          = AlgorithmSet{KeyAgreement: []KeyAgreementAlgorithm{AgreementECDH}}
	edwards       = AlgorithmSet{Signing: []SigningAlgorithm{SigningEd25519SHA512, SigningEd25519PH}}
	sm2Encryption = AlgorithmSet{Encryption: []EncryptionAlgorithm{EncryptionSM2PKE}}
	encapsulation = AlgorithmSet{Encapsulation: []EncapsulationAlgorithm{EncapsulationMLKEM}}
)

func signing(a SigningAlgorithm) use {
	return use{SignVerify, AlgorithmSet{Signing: []SigningAlgorithm{a}}}
}

func mac(a MacAlgorithm) []use {
	return []use{{GenerateVerifyMAC, AlgorithmSet{MAC: []MacAlgorithm{a}}}}
}

func rsa() []use { return []use{{EncryptDecrypt, rsaEncryption}, {SignVerify, rsaSigning}} }

func nist(a SigningAlgorithm) []use { return []use{signing(a), {KeyAgreement, ecdh}} }

// table is the AWS KMS developer guide's "Key spec reference": which usages a spec may have, and the algorithms of each.
var table = []Spec{
	{SymmetricDefault, FamilySymmetric, true, []use{{EncryptDecrypt, symmetricEncryption}}},
	{HMAC224, FamilyHMAC, false, mac(MacHMACSHA224)},
	{HMAC256, FamilyHMAC, false, mac(MacHMACSHA256)},
	{HMAC384, FamilyHMAC, false, mac(MacHMACSHA384)},
	{HMAC512, FamilyHMAC, false, mac(MacHMACSHA512)},
	{RSA2048, FamilyAsymmetric, false, rsa()},
	{RSA3072, FamilyAsymmetric, false, rsa()},
	{RSA4096, FamilyAsymmetric, false, rsa()},
	{ECCNISTP256, FamilyAsymmetric, false, nist(SigningECDSASHA256)},
	{ECCNISTP384, FamilyAsymmetric, false, nist(SigningECDSASHA384)},
	{ECCNISTP521, FamilyAsymmetric, false, nist(SigningECDSASHA512)},
	{ECCSECGP256K1, FamilyAsymmetric, false, []use{signing(SigningECDSASHA256)}},
	{ECCNISTEdwards25519, FamilyAsymmetric, false, []use{{SignVerify, edwards}}},
	{SM2, FamilyAsymmetric, false, []use{{EncryptDecrypt, sm2Encryption}, signing(SigningSM2DSA), {KeyAgreement, ecdh}}},
	{MLDSA44, FamilyAsymmetric, false, []use{signing(SigningMLDSASHAKE256)}},
	{MLDSA65, FamilyAsymmetric, false, []use{signing(SigningMLDSASHAKE256)}},
	{MLDSA87, FamilyAsymmetric, false, []use{signing(SigningMLDSASHAKE256)}},
	{MLKEM512, FamilyAsymmetric, false, []use{{EncapsulateDecapsulate, encapsulation}}},
	{MLKEM768, FamilyAsymmetric, false, []use{{EncapsulateDecapsulate, encapsulation}}},
	{MLKEM1024, FamilyAsymmetric, false, []use{{EncapsulateDecapsulate, encapsulation}}},
}

// Lookup finds a key spec in the table.
func Lookup(spec KeySpec) (Spec, bool) {
	i := slices.IndexFunc(table, func(s Spec) bool { return s.KeySpec == spec })
	if i < 0 {
		return Spec{}, false
	}
	return table[i], true
}

// FamilyOf is the family of a key spec, or 0 for a spec outside the table.
func FamilyOf(spec KeySpec) Family {
	row, _ := Lookup(spec)
	return row.Family
}

// Compatible tells whether a key of this spec may have this usage.
func Compatible(spec KeySpec, usage KeyUsage) bool {
	_, ok := Algorithms(spec, usage)
	return ok
}

// Algorithms gives the algorithms of a key of this spec with this usage, as fresh slices; false means the pair is
// not legal.
func Algorithms(spec KeySpec, usage KeyUsage) (AlgorithmSet, bool) {
	s, _ := Lookup(spec)
	for _, u := range s.uses {
		if u.usage == usage {
			return u.algorithms.clone(), true
		}
	}
	return AlgorithmSet{}, false
}

func (a AlgorithmSet) clone() AlgorithmSet {
	return AlgorithmSet{slices.Clone(a.Encryption), slices.Clone(a.Signing), slices.Clone(a.MAC),
		slices.Clone(a.KeyAgreement), slices.Clone(a.Encapsulation)}
}
