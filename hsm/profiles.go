package hsm

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// profile is what is known of a kind of token beforehand. It decides what is tried; the self-test decides what is
// believed, and `keyhold hsm probe` says of each claim whether it held. All sessions are read-write: CloudHSM accepts
// no others and a birth needs one.
type profile struct {
	name    string
	product string // as a person calls it
	// sources are where the row's facts are written. A row without any is not shipped.
	sources []source
	// unverified are facts of the row for which no document was found, as sentences for the report.
	unverified []string
	// signs are what a token of this kind shows of itself.
	signs []sign

	cipher device.Cipher
	// vendorGCM are mechanisms that stand for CKM_AES_GCM under other IV policies.
	vendorGCM map[device.IVPolicy]uint64
	// sessions is the default size of the pool, maxSessions what the token allows one application (0: no limit).
	sessions, maxSessions int
	// readWriteOnly tells that the token opens no read-only session.
	readWriteOnly bool
	// maxMessage is the most octets of plaintext in one AES-GCM call, maxMAC of a message in one HMAC-SHA256 call. 0: no
	// limit is known.
	maxMessage, maxMAC int
	// maxObjects is how many objects the token holds. 0: no limit is known.
	maxObjects int
	// exclusive is the default of Config.Exclusive.
	exclusive bool
	// options are the optional attributes to begin with; the token drops those that it refuses.
	options TemplateOptions
	// wrapMechanisms are tried, of those the token lists, to prove that a key cannot be wrapped.
	wrapMechanisms []uint
	// kwp is the mechanism that is said to be RFC 5649. 0: none is known.
	kwp uint
	// pin refuses a PIN of a form that the token cannot accept, before it is counted as a wrong one. nil: any form.
	pin func(pin []byte) error
	// birthHint says what else a failed birth may mean here. "": nothing is known.
	birthHint string
	// noHistory tells that LOCAL, ALWAYS_SENSITIVE and NEVER_EXTRACTABLE of generated keys mean nothing here.
	noHistory bool
	// valueLast tells that C_GenerateKey writes the template first, and the value together with LOCAL and
	// CKA_CHECK_VALUE last: killed in between, it leaves an object that hides a value it does not have.
	valueLast bool
}

// fact is what one column of a row states.
type fact string

// The facts that a row can cite and the probe can check.
const (
	factIV       fact = "iv"
	factKWP      fact = "kwp"
	factSessions fact = "sessions"
	factMessage  fact = "message"
	factMAC      fact = "mac"
	factCapacity fact = "capacity"
	factTemplate fact = "template"
	factPIN      fact = "pin"
	factFlags    fact = "flags"
)

// source cites what a document says about one fact.
type source struct {
	about    fact
	document string // title
	section  string
	version  string // of the SDK, the firmware or the document
}

func (s source) String() string {
	return fmt.Sprintf("%s, %s (%s)", s.document, s.section, s.version)
}

// citing is the row's source for a fact, or "".
func (p profile) citing(about fact) string {
	for _, s := range p.sources {
		if s.about == about {
			return s.String()
		}
	}
	return ""
}

// document is every document of the row, each once.
func (p profile) document() string {
	var titles []string
	seen := map[string]bool{}
	for _, s := range p.sources {
		title := fmt.Sprintf("%s (%s)", s.document, s.version)
		if !seen[title] {
			titles = append(titles, title)
		}
		seen[title] = true
	}
	return strings.Join(titles, "; ")
}

// cipherWith is how the token encrypts under an IV policy of the operator's.
func (p profile) cipherWith(iv device.IVPolicy) device.Cipher {
	c := device.Cipher{Mechanism: p.cipher.Mechanism, IV: iv}
	if vendor, ok := p.vendorGCM[iv]; ok {
		c.Mechanism = vendor
	}
	return c
}

// sign is the beginning of something that the library or the token shows of itself.
type sign struct {
	of     trait
	prefix string
}

// trait is where a sign is looked for. Its text stands in reports.
type trait string

// The traits, as they read after "the", and in the order in which they are looked at: vendors document the file's name.
const (
	traitFile         trait = "library's file"         // its name, without the directory
	traitLibrary      trait = "library's manufacturer" // CK_INFO.manufacturerID
	traitManufacturer trait = "token's manufacturer"   // CK_TOKEN_INFO.manufacturerID
	traitModel        trait = "token's model"          // CK_TOKEN_INFO.model
)

// traits are what a library and a token of it show.
type traits map[trait]string

func traitsOf(path string, library pkcs11.Info, token pkcs11.TokenInfo) traits {
	return traits{
		traitFile: filepath.Base(path), traitLibrary: blankless(library.ManufacturerID),
		traitManufacturer: blankless(token.ManufacturerID), traitModel: blankless(token.Model),
	}
}

const genericProfile = "generic"

// chooseProfile returns the profile and why it was chosen.
func chooseProfile(name string, seen traits) (profile, string, error) {
	if name != "" {
		p, ok := profileNamed(name)
		if !ok {
			return profile{}, "", fmt.Errorf("there is no profile %q; choose one of %s, or none to have it recognised", name, strings.Join(ProfileNames(), ", "))
		}
		return p, "configured", nil
	}
	for _, of := range []trait{traitFile, traitLibrary, traitManufacturer, traitModel} {
		if p, ok := profileShown(of, seen[of]); ok {
			return p, fmt.Sprintf("the %s is %q", of, seen[of]), nil
		}
	}
	p, _ := profileNamed(genericProfile)
	return p, fmt.Sprintf("no profile knows the manufacturer %q/%q", seen[traitLibrary], seen[traitManufacturer]), nil
}

func profileShown(of trait, text string) (profile, bool) {
	for _, p := range profiles {
		for _, s := range p.signs {
			if s.of == of && strings.HasPrefix(text, s.prefix) {
				return p, true
			}
		}
	}
	return profile{}, false
}

func profileNamed(name string) (profile, bool) {
	for _, p := range profiles {
		if p.name == name {
			return p, true
		}
	}
	return profile{}, false
}

// ProfileNames are the names that Config.Profile may have.
func ProfileNames() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.name
	}
	return names
}

// wellFormed is a PIN source that refuses what has not the form that this kind of token wants. The token is not asked.
func (p profile) wellFormed(given PINSource) PINSource {
	if given == nil || p.pin == nil {
		return given
	}
	return func() (secret.Bytes, error) {
		pin, err := given()
		if err != nil {
			return pin, err
		}
		if err := p.pin(pin.Reveal()); err != nil {
			pin.Wipe()
			return secret.Bytes{}, err
		}
		return pin, nil
	}
}
