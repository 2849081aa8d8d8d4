package policy

import (
	"maps"
	"slices"
	"strings"
)

// askGrants finds the first grant for the caller itself and the first for its account.
func (s *sides) askGrants() {
	for i := range s.q.Grants {
		g := &s.q.Grants[i]
		if !g.allows(s.action, s.q.EncryptionContext) {
			continue
		}
		if !g.ForAccount {
			s.grant = i
			return
		}
		if s.shared == none {
			s.shared = i
		}
	}
}

// allows tells whether a grant is for an action in lower case and its constraint is met.
func (g *Grant) allows(action string, encryptionContext map[string]string) bool {
	return g.lists(action) &&
		(unconstrained(action) || g.meetsEquals(encryptionContext) && g.meetsSubset(encryptionContext))
}

func (g *Grant) lists(action string) bool {
	operation, kms := strings.CutPrefix(action, "kms:")
	return kms && slices.ContainsFunc(g.Operations, func(o string) bool { return strings.EqualFold(o, operation) })
}

// unconstrained are the actions that have no encryption context for a constraint to be about.
func unconstrained(action string) bool {
	return action == "kms:describekey" || action == "kms:retiregrant"
}

// meetsEquals and meetsSubset tell whether an encryption context meets a constraint: names and values count to the
// octet (AWS KMS API Reference, "GrantConstraints").
func (g *Grant) meetsEquals(encryptionContext map[string]string) bool {
	return g.Equals == nil || maps.Equal(g.Equals, encryptionContext)
}

func (g *Grant) meetsSubset(encryptionContext map[string]string) bool {
	for name, want := range g.Subset {
		if got, ok := encryptionContext[name]; !ok || got != want {
			return false
		}
	}
	return true
}
