package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// Report is what is known of a token and how it would be used. It holds no secret.
type Report struct {
	Module     string            `json:"module"` // resolved path
	Library    LibraryReport     `json:"library"`
	Token      TokenReport       `json:"token"`
	Profile    ProfileReport     `json:"profile"`
	Choices    ChoicesReport     `json:"choices"`
	Mechanisms []MechanismReport `json:"mechanisms"`
	Checks     []Check           `json:"checks"`
	Claims     []Claim           `json:"claims"`
	KeyWraps   []KeyWrap         `json:"keyWraps"`             // what wraps by RFC 5649; for keys at rest, not in use yet
	IVTrials   []IVTrial         `json:"ivTrials,omitempty"`   // the other IV policies, tried when the chosen one failed
	Unverified []string          `json:"unverified,omitempty"` // facts of the profile without a document
	// Recommended is configuration for this token, in YAML; "" when there is none that works.
	Recommended string `json:"recommended,omitempty"`
	// Problem says why the token cannot be used; "" when it can.
	Problem string `json:"problem,omitempty"`
}

// LibraryReport is CK_INFO.
type LibraryReport struct {
	Manufacturer string `json:"manufacturer"`
	Description  string `json:"description"`
	Version      string `json:"version"`
	Cryptoki     string `json:"cryptoki"`
}

// TokenReport is CK_TOKEN_INFO and its slot.
type TokenReport struct {
	Slot         uint     `json:"slot"`
	Label        string   `json:"label"`
	Serial       string   `json:"serial"`
	Manufacturer string   `json:"manufacturer"`
	Model        string   `json:"model"`
	Firmware     string   `json:"firmware"`
	Hardware     string   `json:"hardware"`
	Flags        []string `json:"flags"`
	MaxSessions  string   `json:"maxSessions"`
	PINLength    string   `json:"pinLength"`
}

// ProfileReport is the row that was chosen.
type ProfileReport struct {
	Name     string `json:"name"`
	Why      string `json:"why"`
	Product  string `json:"product"`
	Document string `json:"document"` // what the row was read from
}

// ChoicesReport is how Keyhold would use the token.
type ChoicesReport struct {
	Mechanism  string          `json:"mechanism"`
	IVPolicy   string          `json:"ivPolicy"`
	Template   TemplateOptions `json:"template"`
	Sessions   int             `json:"sessions"`
	MaxMessage int             `json:"maxMessage"` // octets in one AES-GCM call; 0: no limit is known
	MaxMAC     int             `json:"maxMac"`     // octets in one HMAC call; 0: no limit is known
	MaxObjects int             `json:"maxObjects"` // 0: no limit is known
	Exclusive  bool            `json:"exclusive"`
	Wraps      []string        `json:"wraps"` // mechanisms by which keys must refuse to be wrapped
}

// MechanismReport is CK_MECHANISM_INFO.
type MechanismReport struct {
	Mechanism string   `json:"mechanism"`
	Flags     []string `json:"flags"`
	MinKey    uint     `json:"minKey"` // bits or octets, as the mechanism has it
	MaxKey    uint     `json:"maxKey"`
}

// Probe opens the token as Open does, and reports what it sees. A token that fails its self-test, refuses the PIN or
// has no PIN configured is reported too, with Problem set. The error is for what cannot be reported at all: no module,
// no token.
func Probe(ctx context.Context, cfg Config) (Report, error) {
	t, err := connect(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	r, err := t.report(ctx)
	if err == nil {
		r.IVTrials = t.tryOtherPolicies(ctx, r)
		r.Recommended = t.recommend(r)
	}
	return r, errors.Join(err, t.Close())
}

func (t *Token) report(ctx context.Context) (Report, error) {
	mechanisms, err := t.mechanisms(ctx)
	if err != nil {
		return Report{}, err
	}
	checks, problem := t.proof(ctx)
	x := &prober{t: t, checks: checks, in: t.epoch.Load() != nil, problem: problem}
	r := Report{
		Module: t.mod.path,
		Library: LibraryReport{
			Manufacturer: t.library.ManufacturerID, Description: t.library.LibraryDescription,
			Version: version(t.library.LibraryVersion), Cryptoki: version(t.library.CryptokiVersion),
		},
		Token:      t.tokenReport(),
		Profile:    ProfileReport{Name: t.prof.name, Why: t.why, Product: t.prof.product, Document: t.prof.document()},
		Choices:    t.choices(),
		Mechanisms: mechanisms,
		Checks:     checks,
		Unverified: t.prof.unverified,
	}
	r.KeyWraps = x.keyWraps(ctx)
	r.Claims = x.claims(ctx)
	if problem != nil {
		r.Problem = problem.Error()
	}
	return r, nil
}

// proof logs in and runs the self-test.
func (t *Token) proof(ctx context.Context) ([]Check, error) {
	if err := t.logInFirst(ctx); err != nil {
		return []Check{}, err
	}
	checks, err := t.selfTest(ctx)
	return checks, err
}

func (t *Token) tokenReport() TokenReport {
	return TokenReport{
		Slot: t.slot(), Label: t.info.Label, Serial: t.info.SerialNumber,
		Manufacturer: t.info.ManufacturerID, Model: t.info.Model,
		Firmware: version(t.info.FirmwareVersion), Hardware: version(t.info.HardwareVersion),
		Flags:       flagNames(t.info.Flags, tokenFlagNames),
		MaxSessions: countText(t.info.MaxSessionCount),
		PINLength:   fmt.Sprintf("%d to %d", t.info.MinPinLen, t.info.MaxPinLen),
	}
}

func (t *Token) choices() ChoicesReport {
	c := ChoicesReport{
		Mechanism: mechanismName(uint(t.cipher.Mechanism)), IVPolicy: t.cipher.IV.String(), Template: t.options,
		Sessions: t.pool.limit, MaxMessage: t.prof.maxMessage, MaxMAC: t.prof.maxMAC, MaxObjects: t.room.most, Exclusive: t.Exclusive(),
		Wraps: []string{},
	}
	for _, m := range t.wraps {
		c.Wraps = append(c.Wraps, mechanismName(m))
	}
	return c
}

func version(v pkcs11.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// countText reads the counts of CK_TOKEN_INFO, of which two values are words (PKCS #11 2.40, 3.2).
func countText(n uint) string {
	switch n {
	case 0:
		return "no limit"
	case pkcs11.CK_UNAVAILABLE_INFORMATION:
		return "not told"
	default:
		return fmt.Sprint(n)
	}
}
