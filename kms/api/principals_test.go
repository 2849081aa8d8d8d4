package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

func TestNamesAndPathsOfPrincipalsAreThoseOfIAM(t *testing.T) {
	const pattern = "Member must satisfy regular expression pattern: "
	user := func(name, path string) *api.CreatePrincipalInput {
		return &api.CreatePrincipalInput{Kind: new("user"), Name: &name, Path: &path}
	}
	for _, c := range []struct {
		name string
		in   input
		want string
	}{
		{"every character of a name", user("aZ09_+=,.@-", "/"), ""},
		{"a name of 64", user(strings.Repeat("n", 64), "/"), ""},
		{"a name with a slash", user("a/b", "/"), one(`Value 'a/b' at 'name' failed to satisfy constraint: ` + pattern + `[\w+=,.@-]+`)},
		{"a name that is not ASCII", user("é", "/"), one(`Value 'é' at 'name' failed to satisfy constraint: ` + pattern + `[\w+=,.@-]+`)},
		{"a path of two", user("a", "/x/y/"), ""},
		{"a path of 512", user("a", "/"+strings.Repeat("p", 510)+"/"), ""},
		{"a path of 513", user("a", "/"+strings.Repeat("p", 511)+"/"),
			one("Value '/" + strings.Repeat("p", 511) + "/' at 'path' failed to satisfy constraint: Member must have length less than or equal to 512")},
		{"an empty path", user("a", ""), "2 validation errors detected: Value '' at 'path' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
			`Value '' at 'path' failed to satisfy constraint: ` + pattern + `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`},
		{"a path without end", user("a", "/x"), one(`Value '/x' at 'path' failed to satisfy constraint: ` + pattern + `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)},
		{"a path without beginning", user("a", "x/"), one(`Value 'x/' at 'path' failed to satisfy constraint: ` + pattern + `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)},
		{"a path of nothing", user("a", "//"), one(`Value '//' at 'path' failed to satisfy constraint: ` + pattern + `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)},
		{"an account of 11 digits", &api.EnableAccountInput{AccountID: new("11112222333")},
			one("Value '11112222333' at 'accountId' failed to satisfy constraint: Member must have length greater than or equal to 12")},
		{"no account", &api.DeleteAccountInput{}, one("Value null at 'accountId' failed to satisfy constraint: Member must not be null")},
		{"no account to create", &api.CreateAccountInput{}, ""},
		{"a policy name of 128", &api.GetPrincipalPolicyInput{Principal: new("user/a"), PolicyName: new(strings.Repeat("p", 128))}, ""},
		{"a policy name of 129", &api.GetPrincipalPolicyInput{Principal: new("user/a"), PolicyName: new(strings.Repeat("p", 129))},
			one("Value '" + strings.Repeat("p", 129) + "' at 'policyName' failed to satisfy constraint: Member must have length less than or equal to 128")},
		{"a tag without a key", &api.UpdatePrincipalInput{Principal: new("user/a"), Tags: map[string]string{"": "x"}},
			one("Value '' at 'tags.key' failed to satisfy constraint: Member must have length greater than or equal to 1")},
		{"a tag with a long value", &api.UpdatePrincipalInput{Principal: new("user/a"), Tags: map[string]string{"k": strings.Repeat("v", 257)}},
			one("Value '" + strings.Repeat("v", 257) + "' at 'tags.k.member' failed to satisfy constraint: Member must have length less than or equal to 256")},
	} {
		t.Run(c.name, func(t *testing.T) { wantMessage(t, c.in.Validate(), api.ValidationException, c.want) })
	}
}

func TestTagsOfPrincipalsAreOneEachWhateverTheirCase(t *testing.T) {
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint("k", i)] = ""
	}
	for name, c := range map[string]struct {
		tags map[string]string
		want string
	}{
		"none":           {nil, ""},
		"fifty-one":      {many, "Too many tags"},
		"one twice":      {map[string]string{"Team": "a", "team": "b"}, "Duplicate tag keys"},
		"one of AWS":     {map[string]string{"aWs:x": "a"}, "Tags beginning with aws: are reserved"},
		"one looks like": {map[string]string{"awsome": "a"}, ""},
	} {
		t.Run(name, func(t *testing.T) { wantMessage(t, api.CheckTagMap(c.tags), api.TagException, c.want) })
	}
}
