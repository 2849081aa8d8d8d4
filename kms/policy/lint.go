package policy

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Severity is how bad a finding is.
type Severity int

// The severities.
const (
	SeverityError   Severity = iota + 1 // the document would be refused
	SeverityWarning                     // it would be accepted, and probably not mean what its author means
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == SeverityError {
		return "error"
	}
	return "warning"
}

// Finding is something about a document that its author should know. Code names its kind, after IAM Access Analyzer's
// policy checks where there is one like it.
type Finding struct {
	Severity     Severity
	Code         string
	Line, Column int
	Message      string // a sentence without its full stop
}

// Facts are what a document is checked against. The zero value knows nothing, and then less is found.
type Facts struct {
	// Account is the account that the document's resource or bearer belongs to; empty: not known.
	Account string
	// Key is the ARN of the key that a key policy is for; empty: not known, or any of the account.
	Key string
	// Actions are the actions there are in addition to AWS's, such as "keyhold:BreakGlass".
	Actions []string
	// Exists tells whether a name of Principals exists; nil: not known.
	Exists func(principal string) bool
}

// Lint checks a document: the error that Parse has with it, or else what Parse accepts and nobody means. Findings are
// in the order of the document.
func Lint(kind Kind, document string, known Facts) []Finding {
	p, err := Parse(kind, document)
	if err != nil {
		return []Finding{refusal(err)}
	}
	l := linter{source: source{kind: kind, document: document}, known: known, policy: p}
	root, err := readJSON(l.source)
	if err != nil {
		return []Finding{refusal(err)}
	}
	l.statements(root)
	if kind == KeyPolicy {
		l.lockOut(root)
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.findings
}

func refusal(err error) Finding {
	f := Finding{Severity: SeverityError, Code: "Refused", Line: 1, Column: 1, Message: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		f.Line, f.Column, f.Message = e.Line, e.Column, e.Message
	}
	return f
}

// linter walks over the JSON values, for their places, and the statements made of them, for their meaning.
type linter struct {
	source
	known    Facts
	policy   *Policy
	findings []Finding
	sids     map[string]bool
}

func (l *linter) warn(at int, code, format string, args ...any) {
	line, column := l.place(at)
	l.findings = append(l.findings, Finding{SeverityWarning, code, line, column, fmt.Sprintf(format, args...)})
}

func (l *linter) statements(root node) {
	l.sids = map[string]bool{}
	list := root.member("Statement").value
	items := list.items
	if list.kind == objectKind {
		items = []node{list}
	}
	for i, item := range items {
		s := &l.policy.statements[i]
		l.sid(item, s)
		l.who(item, s)
		l.what(item, s)
		l.about(item, s)
		l.conditions(item, s)
	}
}

// member is the first of the members that an object has; the zero member if it has none of them.
func (n node) member(names ...string) member {
	for _, m := range n.members {
		if slices.Contains(names, m.name) {
			return m
		}
	}
	return member{}
}

// each is a string, or the items of a list.
func (n node) each() []node {
	if n.kind == arrayKind {
		return n.items
	}
	return []node{n}
}

func (l *linter) sid(n node, s *statement) {
	if s.sid != "" && l.sids[s.sid] {
		l.warn(n.member("Sid").at, "DuplicateSid", "another statement has the Sid %q, too", s.sid)
	}
	l.sids[s.sid] = true
}

// lockOut looks for a policy that nobody can change any more (AWS KMS Developer Guide, "Default key policy": "Reduces
// the risk of the KMS key becoming unmanageable").
func (l *linter) lockOut(root node) {
	// Where the key is not known, only "*" surely is about it.
	a := (&Request{Action: "kms:PutKeyPolicy", Resource: l.known.Key}).prepare(math.MaxInt)
	delegated := false
	list := root.member("Statement")
	for i, item := range list.value.each() {
		s := &l.policy.statements[i]
		if s.isFor(a) != yes || len(s.conditions) > 0 || s.who.not || s.about(a) != yes {
			continue
		}
		for _, who := range s.who.list {
			owner := who.form == anAccount && (l.known.Account == "" || who.account == l.known.Account)
			delegated = delegated || s.effect == Allow && (owner || who.form == anyone)
			if s.effect == Deny && (owner || who.form == anyone) {
				l.warn(item.at, "LockOut", "this denies kms:PutKeyPolicy to everybody, so that nobody can change the policy any more")
				delegated = true // one finding is enough
				break
			}
		}
	}
	if !delegated {
		l.warn(list.at, "NoAccountStatement", "no statement leaves kms:PutKeyPolicy to the account: if those whom the policy names are deleted, nobody can change it")
	}
}

// isWild tells whether a text has wildcards.
func isWild(text string) bool { return strings.ContainsAny(text, "*?") }
