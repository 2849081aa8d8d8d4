package policy

import "strings"

// compileARN compares the six parts of ARNs one by one, so that a wildcard does not reach over a colon. AWS gives
// ArnEquals and ArnLike the same meaning.
func compileARN(g *grammar, n node) (test, error) {
	parts, err := g.parts(n, true)
	if err != nil {
		return nil, err
	}
	fields := splitParts(parts)
	if len(fields) < 6 {
		return g.compileShortARN(n, parts)
	}
	var want [6]template
	for i, field := range fields {
		if want[i], err = g.compile(n, field); err != nil {
			return nil, err
		}
	}
	return func(got string, r *run) truth {
		r.spend(stepsOfParse + len(got)/stepsOfTest)
		a := splitARN(got)
		if a == nil {
			return no
		}
		found := yes
		for i := range want {
			if found = min(found, want[i].match(a[i], r)); found == no {
				break
			}
		}
		return found
	}, nil
}

// compileShortARN is for "*", which every ARN is, and for variables that stand for whole ARNs. Anything else of fewer
// than six parts would match no ARN at all.
func (g *grammar) compileShortARN(n node, parts []part) (test, error) {
	t, err := g.compile(n, parts)
	if err != nil {
		return nil, err
	}
	if n.text != "*" && t.parts == nil {
		return nil, g.errorf(n.at, "%q is not an ARN of six parts", n.text)
	}
	return func(got string, r *run) truth {
		r.spend(stepsOfParse + len(got)/stepsOfTest)
		if splitARN(got) == nil {
			return no
		}
		return t.match(got, r)
	}, nil
}

// splitParts divides a text at its first five colons, of which the colons in variables are none.
func splitParts(parts []part) [][]part {
	fields := [][]part{nil}
	for _, p := range parts {
		for p.variable.Name == "" && len(fields) < 6 {
			before, after, ok := strings.Cut(p.glob, ":")
			if !ok {
				break
			}
			fields[len(fields)-1] = append(fields[len(fields)-1], part{glob: before})
			fields = append(fields, nil)
			p.glob = after
		}
		fields[len(fields)-1] = append(fields[len(fields)-1], p)
	}
	return fields
}
