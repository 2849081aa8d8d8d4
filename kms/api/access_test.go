package api_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// TestTheCircumstancesOfASimulatedRequestAreBoundedTogether asks both questions that take them.
func TestTheCircumstancesOfASimulatedRequestAreBoundedTogether(t *testing.T) {
	entry := func(values ...string) api.ContextEntry {
		return api.ContextEntry{ContextKeyName: new("aws:SourceIp"), ContextKeyValues: values} // 12 bytes
	}
	most := []string{strings.Repeat("v", 2048), strings.Repeat("v", 2048), strings.Repeat("é", 1024), strings.Repeat("v", 2048-12)}
	want := one("Value at 'contextEntries' failed to satisfy constraint: Member must have at most 8192 bytes in all names and values together")
	for name, c := range map[string]struct {
		entries []api.ContextEntry
		want    string // "" is valid
	}{
		"8192 bytes":           {[]api.ContextEntry{entry(most...)}, ""},
		"a byte more":          {[]api.ContextEntry{entry(append(most, "v")...)}, want},
		"a name more":          {[]api.ContextEntry{entry(most...), {ContextKeyName: new("a:b-c")}}, want},
		"as much in each of 5": {[]api.ContextEntry{entry(most...), entry(most...), entry(most...), entry(most...), entry(most...)}, want},
	} {
		for _, in := range []input{
			&api.ExplainAccessInput{Principal: new("user/app"), Action: new("kms:Encrypt"), KeyID: new("k"), ContextEntries: c.entries},
			&api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: new("k"), ContextEntries: c.entries},
		} {
			if err := in.Validate(); c.want == "" {
				if err != nil {
					t.Errorf("%s: %T: %v", name, in, err)
				}
			} else {
				wantMessage(t, err, api.ValidationException, c.want)
			}
		}
	}
}
