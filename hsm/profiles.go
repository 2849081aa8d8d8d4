package hsm

import (
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// profile is what is known of a kind of token beforehand. It decides what is tried; the self-test decides what is
// believed. All sessions are read-write: CloudHSM accepts no others and a birth needs one.
type profile struct {
	name string
	// document is where the row's facts come from.
	document string
	// manufacturers are beginnings of CK_INFO.manufacturerID or CK_TOKEN_INFO.manufacturerID.
	manufacturers []string

	cipher device.Cipher
	// sessions is the default size of the pool, maxSessions what the token allows one application (0: no limit).
	sessions, maxSessions int
	// maxMessage is the most octets of plaintext or message in one call. 0: no limit is known.
	maxMessage int
	// maxObjects is how many objects the token holds. 0: no limit is known.
	maxObjects int
	// exclusive is the default of Config.Exclusive.
	exclusive bool
	// options are the optional attributes to begin with; the self-test drops those that the token refuses.
	options TemplateOptions
	// wrapMechanisms are tried, of those the token lists, to prove that a key cannot be wrapped.
	wrapMechanisms []uint
	// noHistory tells that LOCAL, ALWAYS_SENSITIVE and NEVER_EXTRACTABLE of generated keys mean nothing here.
	noHistory bool
	// valueLast tells that C_GenerateKey writes the template first, and the value together with LOCAL and
	// CKA_CHECK_VALUE last: killed in between, it leaves an object that hides a value it does not have.
	valueLast bool
}

// Key wrapping mechanisms: PKCS #11 2.40 and 3.0 number RFC 5649 differently, and tokens differ about 0x210A (facts
// on PKCS#11 tokens, A2 and B2). For the refusal test it does not matter which is which.
const (
	ckmAESKeyWrap    = 0x2109
	ckmAESKeyWrapPad = 0x210A
	ckmAESKeyWrapKWP = 0x210B
)

var standardWraps = []uint{ckmAESKeyWrap, ckmAESKeyWrapPad, ckmAESKeyWrapKWP, pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_AES_CBC}

var hostGCM = device.Cipher{Mechanism: pkcs11.CKM_AES_GCM, IV: device.IVHostRandom}

var profiles = []profile{
	{
		name:           "softhsm2",
		document:       "measured on SoftHSM 2.6.1, Debian 12 package 2.6.1-2.1, file backend",
		manufacturers:  []string{"SoftHSM"},
		cipher:         hostGCM,
		sessions:       4, // throughput is flat from 1 on; a small pool cuts the tail (facts, A5)
		exclusive:      true,
		options:        TemplateOptions{Frozen: true, AllowedMechanisms: true},
		wrapMechanisms: standardWraps,
		valueLast:      true,
	},
	{
		name:           genericProfile,
		document:       "PKCS #11 2.40 (OASIS); nothing vendor-specific is assumed",
		cipher:         hostGCM,
		sessions:       16,
		options:        TemplateOptions{Frozen: true, AllowedMechanisms: true},
		wrapMechanisms: standardWraps,
	},
}

const genericProfile = "generic"

// chooseProfile returns the profile and why it was chosen.
func chooseProfile(name string, manufacturers ...string) (profile, string, error) {
	if name != "" {
		p, ok := profileNamed(name)
		if !ok {
			return profile{}, "", fmt.Errorf("there is no profile %q; choose one of %s, or none to have it recognised", name, profileNames())
		}
		return p, "configured", nil
	}
	for _, p := range profiles {
		for _, prefix := range p.manufacturers {
			for _, m := range manufacturers {
				if strings.HasPrefix(m, prefix) {
					return p, fmt.Sprintf("the manufacturer is %q", m), nil
				}
			}
		}
	}
	p, _ := profileNamed(genericProfile)
	return p, fmt.Sprintf("no profile knows the manufacturer %q", strings.Join(manufacturers, "/")), nil
}

func profileNamed(name string) (profile, bool) {
	for _, p := range profiles {
		if p.name == name {
			return p, true
		}
	}
	return profile{}, false
}

func profileNames() string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.name
	}
	return strings.Join(names, ", ")
}
