package hsm

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// Claim is one fact of the profile's row, and whether this token bears it out.
type Claim struct {
	Fact    string  `json:"fact"`
	Says    string  `json:"says"`
	Source  string  `json:"source,omitempty"` // the document; "" where it is no claim of a vendor's
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"` // what the token did, or why it was not asked
}

// Outcome is what became of a claim.
type Outcome string

// The outcomes. A claim that failed need not make a token unusable: the self-test decides that.
const (
	Held        Outcome = "held"
	Failed      Outcome = "failed"
	NotTestable Outcome = "not testable"
)

// prober checks the claims of a token's row.
type prober struct {
	t       *Token
	checks  []Check // of the self-test
	in      bool    // logged in, with the session keys made
	problem error
	wraps   []KeyWrap
}

// claimRows are the facts in the order of the report. says is "" where the row does not state the fact.
var claimRows = []struct {
	about fact
	says  func(*Token) string
	check func(*prober, context.Context) (Outcome, string)
}{
	{factIV, saysIV, (*prober).checkIV},
	{factFlags, func(*Token) string { return "a key does only what its usage flags allow" }, (*prober).checkFlags},
	{factTemplate, saysTemplate, (*prober).checkTemplate},
	{factKWP, saysKWP, (*prober).checkKWP},
	{factMessage, saysMessage, (*prober).checkMessage},
	{factMAC, saysMAC, (*prober).checkMAC},
	{factSessions, saysSessions, (*prober).checkSessions},
	{factCapacity, saysCapacity, (*prober).checkCapacity},
	{factPIN, saysPIN, (*prober).checkPIN},
}

func (x *prober) claims(ctx context.Context) []Claim {
	var all []Claim
	for _, row := range claimRows {
		c := Claim{Fact: string(row.about), Says: row.says(x.t), Source: x.t.prof.citing(row.about)}
		switch {
		case c.Says == "":
			continue
		case !x.in && row.about != factIV:
			c.Outcome, c.Detail = NotTestable, "the token could not be put to use"
		default:
			c.Outcome, c.Detail = row.check(x, ctx)
		}
		all = append(all, c)
	}
	return all
}

func saysIV(t *Token) string {
	return fmt.Sprintf("%s, IV %s", mechanismName(uint(t.cipher.Mechanism)), t.cipher.IV)
}

// checkIV believes the self-test. A token that fails its first encryption has not come as far.
func (x *prober) checkIV(context.Context) (Outcome, string) {
	if len(x.checks) == 0 {
		if x.problem != nil && x.t.counts.logins.Load() > 0 && classIn(x.problem) != ClassPIN {
			return Failed, x.problem.Error()
		}
		return NotTestable, "nobody has logged in"
	}
	var details []string
	for _, c := range x.checks {
		if c.Name != nameFreshIV && c.Name != nameRoundTrip {
			continue
		}
		if !c.OK {
			return Failed, c.Detail
		}
		details = append(details, c.Detail)
	}
	return Held, strings.Join(details, "; ")
}

func saysPIN(t *Token) string {
	if t.prof.pin == nil {
		return ""
	}
	return "the PIN is user:password"
}

func (x *prober) checkPIN(context.Context) (Outcome, string) {
	return Held, "the token took one of this form"
}

// onSession runs f once, on a session that is given up if f gets an error of the token.
func (x *prober) onSession(ctx context.Context, f func(s *session) error) error {
	return x.t.once(ctx, use{calls: 4, run: f})
}

// withSessionKey hands f a session key with the usages that are set.
func (x *prober) withSessionKey(ctx context.Context, set map[uint]bool, f func(s *session, h pkcs11.ObjectHandle) error) error {
	return x.onSession(ctx, func(s *session) error {
		h, err := x.t.generate(s, pkcs11.CKM_AES_KEY_GEN, sessionAES(set))
		if err != nil {
			return fmt.Errorf("%w: %w", errNotTried, err)
		}
		err = f(s, h)
		_ = x.t.destroy(s, nil, h)
		return err
	})
}
