package api_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestServicePrincipalsAndSourcesOfGrantsAreRefusedByName(t *testing.T) {
	service, source := new("s3.amazonaws.com"), new("arn:aws:s3:eu-central-1:111122223333:b")
	for _, c := range []struct {
		in     interface{ Unserved() error }
		member string // "" is served
	}{
		{&api.CreateGrantInput{GranteePrincipal: new("111122223333"), Constraints: &api.GrantConstraints{}}, ""},
		{&api.CreateGrantInput{GranteeServicePrincipal: service}, "GranteeServicePrincipal"},
		{&api.CreateGrantInput{RetiringServicePrincipal: service}, "RetiringServicePrincipal"},
		{&api.CreateGrantInput{Constraints: &api.GrantConstraints{SourceArn: source}}, "Constraints.SourceArn"},
		{&api.ListGrantsInput{}, ""},
		{&api.ListGrantsInput{GranteeServicePrincipal: service}, "GranteeServicePrincipal"},
		{&api.ListRetirableGrantsInput{}, ""},
		{&api.ListRetirableGrantsInput{RetiringServicePrincipal: service}, "RetiringServicePrincipal"},
	} {
		err := c.in.Unserved()
		if want := api.UnsupportedOperationException + ": " + c.member + " "; c.member == "" && err != nil ||
			c.member != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%T: got %v, want %s…", c.in, err, c.member)
		}
	}
}

func TestMembersOfGrantsAreBounded(t *testing.T) {
	key, encrypt := new("k"), []keyspec.GrantOperation{keyspec.GrantEncrypt}
	for story, c := range map[string]struct {
		in   input
		want string // "" is valid
	}{
		"all": {&api.CreateGrantInput{KeyID: key, GranteePrincipal: new("arn:aws:iam::111122223333:user/a+=,.@-/b"), Operations: encrypt, Name: new("a:/_-Z9"),
			GranteeServicePrincipal: new("a.b.c"), Constraints: &api.GrantConstraints{SourceArn: new("arn:aws-cn:s3::111122223333:x")}}, ""},
		"a principal with a star":   {&api.CreateGrantInput{KeyID: key, GranteePrincipal: new("*"), Operations: encrypt}, `'granteePrincipal'`},
		"a principal of 257":        {&api.CreateGrantInput{KeyID: key, RetiringPrincipal: new(strings.Repeat("a", 257)), Operations: encrypt}, `'retiringPrincipal'`},
		"a service of two parts":    {&api.CreateGrantInput{KeyID: key, GranteeServicePrincipal: new("s3.com"), Operations: encrypt}, `'granteeServicePrincipal'`},
		"a source that is no ARN":   {&api.CreateGrantInput{KeyID: key, Operations: encrypt, Constraints: &api.GrantConstraints{SourceArn: new(strings.Repeat("a", 20))}}, `'constraints.sourceArn'`},
		"an unknown operation":      {&api.CreateGrantInput{KeyID: key, Operations: []keyspec.GrantOperation{"ReEncrypt"}}, `Value '[ReEncrypt]' at 'operations'`},
		"a grant id of 129":         {&api.RevokeGrantInput{KeyID: key, GrantID: new(strings.Repeat("0", 129))}, `'grantId'`},
		"no grant id":               {&api.RetireGrantInput{KeyID: key}, `Value null at 'grantId'`},
		"a token of 8193":           {&api.RetireGrantInput{GrantToken: new(strings.Repeat("t", 8193))}, `Value at 'grantToken'`},
		"neither token nor id":      {&api.RetireGrantInput{}, "Specify either GrantToken, or KeyId together with GrantId."},
		"no retiring principal":     {&api.ListRetirableGrantsInput{}, `Value null at 'retiringPrincipal'`},
		"a policy beyond Latin 1":   {&api.PutKeyPolicyInput{KeyID: key, Policy: new("ж")}, `'policy'`},
		"a policy name with a dash": {&api.GetKeyPolicyInput{KeyID: key, PolicyName: new("de-fault")}, `'policyName'`},
	} {
		err := c.in.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", story, err, c.want)
		}
	}
}

func TestNoGrantTokenIsRecorded(t *testing.T) {
	for _, shape := range []any{
		&api.CreateGrantOutput{GrantToken: "the-token", GrantID: "id"}, &api.RetireGrantInput{GrantToken: new("the-token")},
		&api.CreateGrantInput{GrantTokens: []string{"the-token"}},
	} {
		for name := range api.AuditFields(shape) {
			if strings.Contains(strings.ToLower(name), "token") {
				t.Errorf("the record of a %T shows %s", shape, name)
			}
		}
	}
}
