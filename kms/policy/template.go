package policy

import (
	"strings"
	"unicode/utf8"
)

// template is a text of a document that requests are compared with: a pattern, or parts of one around policy variables
// (IAM User Guide, "IAM policy elements: Variables and tags").
type template struct {
	pattern pattern // when there are no parts
	parts   []part
}

// part is a piece of a pattern, or a variable.
type part struct {
	glob     string
	variable ConditionKey // Name is empty in a piece of a pattern
	fallback string
	optional bool // the variable has the fallback
}

// match compares a text of the request. A variable's value is compared as a value: what looks like a wildcard in it is
// none, or a caller who may choose a tag could choose what a policy means.
func (t *template) match(text string, r *run) truth {
	if t.parts == nil {
		return t.pattern.match(text, r)
	}
	glob, known := t.expand(r)
	if known != yes {
		return known
	}
	p := compile(glob)
	if p.tooCostly() { // the caller chooses the value
		return unsure
	}
	return p.match(text, r)
}

// fold is match for texts whose case does not count, and without wildcards.
func (t *template) fold(text string, r *run) truth {
	literal, known := t.pattern.first, yes
	if t.parts != nil {
		literal, known = t.expand(r)
	}
	if known != yes {
		return known
	}
	if !r.spend(stepsOfFolded * min(len(literal), len(text))) {
		return unsure
	}
	return sure(strings.EqualFold(literal, text))
}

// expand puts the values of variables in. It answers no when one is absent and has no fallback: nothing matches then.
func (t *template) expand(r *run) (string, truth) {
	var b strings.Builder
	known := yes
	for _, p := range t.parts {
		if r.spent() {
			return "", unsure
		}
		text := p.glob
		if p.variable.Name != "" {
			var found truth
			text, found = p.value(r)
			known = min(known, found)
		}
		r.spend(stepsOfTest + 4*len(text)) // also for what compile does with it
		b.WriteString(text)
	}
	return b.String(), known
}

// value is the value of a variable. Several values are as unsure as ambiguous ones: AWS has no variables of keys with
// several values. What is not UTF-8 could hold the octets of wildcards, and is nothing that a policy can name.
func (p part) value(r *run) (string, truth) {
	v := r.lookup(p.variable)
	switch {
	case v.Ambiguous || len(v.List) > 1:
		return "", unsure
	case len(v.List) == 1 && utf8.ValidString(v.List[0]):
		return v.List[0], yes
	case len(v.List) == 0 && p.optional:
		return p.fallback, yes
	default:
		return "", no
	}
}

// template reads a text in which * and ? are wildcards if wild, and ${…} are variables if the version has them.
func (g *grammar) template(n node, wild bool) (template, error) {
	parts, err := g.parts(n, wild)
	if err != nil {
		return template{}, err
	}
	return g.compile(n, parts)
}

func (g *grammar) compile(n node, parts []part) (template, error) {
	var glob strings.Builder
	t := template{}
	for _, p := range parts {
		glob.WriteString(p.glob)
		if p.variable.Name != "" {
			t.parts = parts
		}
	}
	if t.parts == nil {
		t.pattern = compile(glob.String())
	}
	return t, g.afford(n, compile(glob.String()))
}

// afford refuses a pattern that is too much work to match, and one too many of those that are some.
func (g *grammar) afford(n node, p pattern) error {
	if p.tooCostly() {
		return g.errorf(n.at, "more than %d characters with ? among them are between two *", maxSearched)
	}
	if g.searches += p.searches(); g.searches > maxSearches {
		return g.errorf(n.at, "with %q, more than %d texts with ? among them are between two *; use fewer such patterns, or * in place of ?", n.text, maxSearches)
	}
	return nil
}

func (g *grammar) parts(n node, wild bool) ([]part, error) {
	glob := func(s string) part {
		if wild {
			s = wildcards(s)
		}
		return part{glob: s}
	}
	if !g.variables {
		return []part{glob(n.text)}, nil
	}
	var list []part
	rest := n.text
	for {
		before, after, ok := strings.Cut(rest, "${")
		if before != "" || !ok && list == nil {
			list = append(list, glob(before))
		}
		if !ok {
			return list, nil
		}
		p, left, ok := readVariable(after)
		if !ok {
			return nil, g.errorf(n.at, "%q has a policy variable that is neither ${key} nor ${key, 'default'}", n.text)
		}
		list = append(list, p)
		rest = left
	}
}

// readVariable reads what follows "${", up to its brace.
func readVariable(s string) (p part, rest string, ok bool) {
	end := strings.IndexAny(s, ",}")
	if end < 0 {
		return p, "", false
	}
	name, rest := strings.TrimSpace(s[:end]), s[end+1:]
	if s[end] == ',' {
		p.optional = true
		if p.fallback, rest, ok = readDefault(rest); !ok {
			return p, "", false
		}
	}
	if (name == "*" || name == "?" || name == "$") && !p.optional {
		return part{glob: name}, rest, true
	}
	p.variable, ok = conditionKey(name)
	return p, rest, ok
}

// readDefault reads 'text' and the brace.
func readDefault(s string) (text, rest string, ok bool) {
	s, ok = strings.CutPrefix(strings.TrimLeft(s, " "), "'")
	if !ok {
		return "", "", false
	}
	text, rest, ok = strings.Cut(s, "'")
	if !ok {
		return "", "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "}")
	return text, rest, ok
}
