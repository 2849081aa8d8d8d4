package hsm

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/device"
)

// statesOf is which facts a row states, beyond what is asked of every token.
func statesOf(p profile) map[fact]bool {
	return map[fact]bool{
		factIV: true, factTemplate: true, factKWP: p.kwp != 0, factMessage: p.maxMessage != 0, factMAC: p.maxMAC != 0,
		factSessions: p.readWriteOnly || p.maxSessions != 0, factCapacity: p.maxObjects != 0, factPIN: p.pin != nil,
	}
}

// A row is worth what stands behind it: each fact names the document, its section and the version that it was read in.
func TestEveryFactOfAProfileCitesItsDocument(t *testing.T) {
	for _, p := range profiles {
		if p.name == "" || p.product == "" || len(p.sources) == 0 {
			t.Errorf("row %q has no name, product or document", p.name)
		}
		cited := map[fact]bool{}
		for _, s := range p.sources {
			if len(s.document) < 8 || len(s.section) < 8 || !strings.ContainsAny(s.version, "0123456789") {
				t.Errorf("%s: %s is cited as %+v; name a document, a section of it, and a version with its number", p.name, s.about, s)
			}
			if cited[s.about] {
				t.Errorf("%s: %s is cited twice", p.name, s.about)
			}
			cited[s.about] = true
		}
		for about, stated := range statesOf(p) {
			if stated != cited[about] {
				t.Errorf("%s: %s is stated: %t, cited: %t", p.name, about, stated, cited[about])
			}
		}
		for _, text := range p.unverified {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence", p.name, text)
			}
		}
	}
}

func TestEveryProfileCanBeUsed(t *testing.T) {
	for _, p := range profiles {
		if _, err := layoutOf(p.cipher.IV); err != nil || p.cipher.Mechanism == 0 {
			t.Errorf("%s: cipher %+v, %v", p.name, p.cipher, err)
		}
		if p.sessions < 1 || p.maxSessions != 0 && p.sessions >= p.maxSessions || len(p.wrapMechanisms) == 0 {
			t.Errorf("%s: %d sessions of %d, %d mechanisms to wrap by", p.name, p.sessions, p.maxSessions, len(p.wrapMechanisms))
		}
		if got, ok := profileNamed(p.name); !ok || got.product != p.product {
			t.Errorf("%s is found as %q", p.name, got.product)
		}
	}
}

func TestATokenIsRecognisedByWhatItShows(t *testing.T) {
	for want, seen := range map[string]traits{
		"softhsm2":     {traitFile: "libsofthsm2.so", traitLibrary: "SoftHSM", traitManufacturer: "SoftHSM project"},
		"cloudhsm":     {traitFile: "libcloudhsm_pkcs11.so", traitLibrary: "whatever AWS writes"},
		"luna":         {traitFile: "libCryptoki2_64.so", traitLibrary: "SafeNet, Inc."},
		"nshield":      {traitFile: "p11.so", traitLibrary: "nCipher Corp. Ltd"},
		genericProfile: {traitFile: "libeTPkcs11.so", traitLibrary: "SafeNet, Inc.", traitModel: "eToken"},
	} {
		p, why, err := chooseProfile("", seen)
		if err != nil || p.name != want || why == "" {
			t.Errorf("%v is taken for %s (%s), %v; want %s", seen, p.name, why, err, want)
		}
	}
}

func TestAVendorsOwnMechanismBelongsToItsIVPolicy(t *testing.T) {
	p, _ := profileNamed("cloudhsm")
	if got := p.cipherWith(device.IVPrepended); got.Mechanism != 0x80001087 {
		t.Errorf("prepended: %+v", got)
	}
	if got := p.cipherWith(device.IVWrittenBack); got != p.cipher {
		t.Errorf("written back: %+v", got)
	}
}

func TestACloudHSMPINNamesItsUser(t *testing.T) {
	for pin, says := range map[string]string{
		"crypto_user:password9":              "",
		"u:seven77":                          "",
		"user:with:colons":                   "",
		"password9":                          "no colon",
		":password9":                         "0 characters",
		strings.Repeat("u", 32) + ":passwd9": "32 characters",
		"user:short":                         "5 characters",
		"user:" + strings.Repeat("p", 33):    "33 characters",
	} {
		err := userAndPassword([]byte(pin))
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v; want %q", pin, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "passw") && strings.Contains(err.Error(), "password9") {
			t.Errorf("the refusal shows the PIN: %v", err)
		}
	}
}
