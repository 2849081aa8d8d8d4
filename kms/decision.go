package kms

import (
	"github.com/keyhold/keyhold/kms/policy"
)

// decisions are the words for what decided, in audit records and in ExplainAccess.
var decisions = map[policy.Basis]string{
	policy.ByNothing:         "nothing-allows-it",
	policy.ByKeyPolicy:       "allowed-by-key-policy",
	policy.ByIdentityPolicy:  "allowed-by-identity-policy",
	policy.ByGrant:           "allowed-by-grant",
	policy.ByRoot:            "allowed-for-root",
	policy.LacksIdentity:     "lacks-identity-policy",
	policy.LacksResource:     "lacks-key-policy-or-grant",
	policy.DeniedByKeyPolicy: "denied-by-key-policy",
	policy.DeniedByIdentity:  "denied-by-identity-policy",
}

// The decisions that are made without a policy.
const (
	notRecognized = "caller-not-recognized" // who asks is not, or not any more, somebody who may ask
	notThere      = "not-found"             // what is asked for does not exist, and the caller is not told
)

// maxRecordedReason bounds what the log says about one decision, in octets.
const maxRecordedReason = 1024

// grounds are why a caller was turned away.
type grounds struct {
	action   string
	decision string
	reason   string
	verdict  policy.Verdict
}

// turnedAway is an answer that says less than the log does: the log is the operator's, and the answer the caller's.
type turnedAway struct {
	error
	grounds
}

// Unwrap is the answer.
func (e *turnedAway) Unwrap() error { return e.error }

// refused is the answer to a target that is not allowed.
func (c *Call) refused(t *resolved) error {
	return &turnedAway{c.denial(t), grounds{t.Action, decisions[t.verdict.Basis], t.verdict.Reason, t.verdict}}
}

// because adds to an answer why it is given, for the log.
func because(answer error, decision, reason string) error {
	return &turnedAway{answer, grounds{decision: decision, reason: reason}}
}

// fields are what the log says of it.
func (r grounds) fields() map[string]any {
	out := map[string]any{"decision": r.decision}
	put := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	put("action", r.action)
	put("reason", cut(r.reason, maxRecordedReason))
	put("policy", r.verdict.Policy)
	put("sid", cut(r.verdict.Sid, maxRecordedReason))
	put("grantId", r.verdict.GrantID)
	if r.verdict.Statement > 0 {
		out["statement"] = r.verdict.Statement
	}
	return out
}

// additional is what the log says beside request and answer: the operation's own notes, why the caller was turned away,
// or which grant let it through. Of several targets the first that a grant decided stands for all, with the ids of all.
func (c *Call) additional() map[string]any {
	if c.grounds != nil {
		return withField(c.notes, "authorization", c.grounds.fields())
	}
	var first map[string]any
	var grants []string
	for _, t := range c.targets {
		if v := t.verdict; v.Basis == policy.ByGrant {
			if grants = append(grants, v.GrantID); first == nil {
				first = grounds{t.Action, decisions[v.Basis], "", v}.fields()
			}
		}
	}
	switch {
	case first == nil:
		return c.notes
	case len(grants) > 1:
		first["grantIds"] = grants
	}
	return withField(c.notes, "authorization", first)
}
