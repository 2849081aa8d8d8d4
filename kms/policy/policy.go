// Package policy is the language of policies: it parses the three kinds of document, refuses what it could not apply to
// the letter, and decides requests with a reason. It is pure: no clock, no store, no network.
//
// The language is the IAM JSON policy language (IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON
// policy elements: Condition operators") as key policies have it (AWS KMS Developer Guide, "Key policies in AWS KMS").
// Where AWS leaves the meaning of something open, the reading is taken that helps a caller less: an Allow does not
// apply, a Deny does.
//
// A user or role is named in a document and matched by its unique id: Parse reads names, Bind gives each its id, and a
// user who is deleted and made anew under the old name inherits nothing.
package policy

import "fmt"

// MaxBytes is the greatest length of a document in octets of UTF-8 (AWS KMS quotas: 32 kilobytes). A caller that
// answers another error for length than for grammar compares it before Parse.
const MaxBytes = 32768

// Policy is a parsed document. It is immutable and safe for concurrent use. The zero value allows nothing.
type Policy struct {
	kind       Kind
	document   string
	statements []statement
}

// Kind is what the document is a policy of.
func (p *Policy) Kind() Kind { return p.kind }

// Effect is what a statement does to the requests that it matches.
type Effect int

// The effects. The zero Effect stands for no statement at all.
const (
	Allow Effect = iota + 1
	Deny
)

// String is the effect as documents spell it, or "none".
func (e Effect) String() string {
	switch e {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	default:
		return "none"
	}
}

// Class is what an error is about, as far as callers answer differently.
type Class int

// The classes of errors.
const (
	// ClassSyntax is everything that is not about a principal.
	ClassSyntax Class = iota + 1
	// ClassPrincipal is a principal that is none: AWS says "Policy contains a statement with one or more invalid principals."
	ClassPrincipal
	// ClassARN is an ARN that exists and is no principal, such as a group: AWS says "An ARN in the specified key policy is invalid."
	ClassARN
)

// Error is a refusal of a document. Line and Column are where: both count from 1, columns in characters.
type Error struct {
	Kind         Kind
	Class        Class
	Line, Column int
	Message      string // a sentence without its full stop
}

// Error gives the kind, the place and the message.
func (e *Error) Error() string {
	return fmt.Sprintf("%v, line %d, column %d: %s", e.Kind, e.Line, e.Column, e.Message)
}

// Parse reads a document. Every error is an *Error. The policy is unbound: of its principals, only "*" and accounts
// match anybody until Bind.
func Parse(kind Kind, document string) (*Policy, error) {
	source := source{kind: kind, document: document}
	if kind < KeyPolicy || kind > TrustPolicy {
		return nil, source.errorAt(0, "there is no such kind of policy")
	}
	root, err := readJSON(source)
	if err != nil {
		return nil, err
	}
	g := grammar{source: source}
	return g.policy(root)
}
