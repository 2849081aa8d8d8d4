package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

// Principals are the users, roles and sessions that Principal and NotPrincipal name, by ARN or unique id and as
// written: sorted, each once, without "*" and accounts. They are what Bind wants ids for.
func (p *Policy) Principals() []string {
	names := map[string]bool{}
	p.eachPrincipal(func(who principal) {
		if who.form == named {
			names[who.name] = true
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// Accounts are the accounts that Principal and NotPrincipal name, by themselves or in an ARN: sorted, each once.
func (p *Policy) Accounts() []string {
	accounts := map[string]bool{}
	p.eachPrincipal(func(who principal) {
		if who.account != "" {
			accounts[who.account] = true
		}
	})
	return slices.Sorted(maps.Keys(accounts))
}

func (p *Policy) eachPrincipal(visit func(principal)) {
	for _, s := range p.statements {
		if s.who == nil {
			continue
		}
		for _, who := range s.who.list {
			visit(who)
		}
	}
}

// Bind is a copy of the policy in which each name of Principals has its unique id: "AIDA…" of a user, "AROA…" of a role,
// "AROA…:name" of a session. A name that is absent from ids matches nobody: an Allow for it helps nobody, and a
// NotPrincipal with it spares nobody.
func (p *Policy) Bind(ids map[string]string) *Policy {
	bound := *p
	bound.statements = slices.Clone(p.statements)
	for i := range bound.statements {
		s := &bound.statements[i]
		if s.who != nil {
			s.who = s.who.bind(ids)
		}
	}
	return &bound
}

func (p *principals) bind(ids map[string]string) *principals {
	bound := &principals{not: p.not, list: slices.Clone(p.list)}
	for i, who := range bound.list {
		if who.form == named {
			bound.list[i].id = ids[who.name]
		}
	}
	return bound
}

// Render is the document as it was given, to the octet, except for the names of Principals for which rename returns
// another text (AWS KMS shows the unique id in place of the ARN of a user or role that was deleted).
func (p *Policy) Render(rename func(principal string) string) string {
	var b strings.Builder
	done := 0
	// The members of a statement, and so the strings, come in the order of the document.
	p.eachPrincipal(func(who principal) {
		if who.form != named {
			return
		}
		if name := rename(who.name); name != who.name {
			b.WriteString(p.document[done:who.at])
			writeString(&b, name)
			done = who.end
		}
	})
	b.WriteString(p.document[done:])
	return b.String()
}

// writeString writes a JSON string within the character set of policies.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < 0x20 || c > 0xff:
			for _, unit := range utf16.AppendRune(nil, c) {
				fmt.Fprintf(b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}
