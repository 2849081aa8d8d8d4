package clients

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var (
	invalidGrantID = typed[*types.InvalidGrantIdException]()
	noGrantID      = strings.Repeat("0", 64)
	somebody       = aws.String("arn:aws:iam::" + account + ":user/dev")
	mayEncrypt     = []types.GrantOperation{types.GrantOperationEncrypt}
)

// grant lets the administrator encrypt, unless edit says something else.
func (b *bench) grant(key *string, edit func(*kms.CreateGrantInput)) *kms.CreateGrantOutput {
	b.t.Helper()
	in := &kms.CreateGrantInput{KeyId: key, GranteePrincipal: somebody, Operations: mayEncrypt}
	if edit != nil {
		edit(in)
	}
	return must(b.kms.CreateGrant(b.ctx, in))(b.t)
}

// refusedGrant asks for a grant on a new key.
func refusedGrant(edit func(*kms.CreateGrantInput)) func(b *bench) error {
	return func(b *bench) error {
		in := &kms.CreateGrantInput{KeyId: b.newKey(), GranteePrincipal: somebody, Operations: mayEncrypt}
		edit(in)
		return did(b.kms.CreateGrant(b.ctx, in))
	}
}

var grantOperations = []operation{
	{"CreateGrant", func(b *bench) {
		key := b.newKey()
		named := func(in *kms.CreateGrantInput) { in.Name = aws.String("nightly") }
		one, again, other := b.grant(key, named), b.grant(key, named), b.grant(key, nil)
		if *one.GrantId != *again.GrantId || *one.GrantToken == *again.GrantToken || *other.GrantId == *one.GrantId {
			b.t.Errorf("%s, the same again %s, another %s", *one.GrantId, *again.GrantId, *other.GrantId)
		}
	}, []refusal{
		{"nothing but further grants", refusedGrant(func(in *kms.CreateGrantInput) {
			in.Operations = []types.GrantOperation{types.GrantOperationCreateGrant}
		}), validation, "Grants must not contain only the CreateGrant operation."},
		{"two constraints", refusedGrant(func(in *kms.CreateGrantInput) {
			in.Constraints = &types.GrantConstraints{EncryptionContextEquals: tenant, EncryptionContextSubset: tenant}
		}), validation, "More than one constraint supplied"},
		{"somebody who is no principal", refusedGrant(func(in *kms.CreateGrantInput) {
			in.GranteePrincipal = aws.String("arn:aws:iam::" + account + ":group/all")
		}), invalidARN, ""},
		{"a service", refusedGrant(func(in *kms.CreateGrantInput) {
			in.GranteePrincipal, in.GranteeServicePrincipal = nil, aws.String("ebs.amazonaws.com")
		}), unsupported, "GranteeServicePrincipal"},
		{"an operation that there is not", refusedGrant(func(in *kms.CreateGrantInput) { in.Operations = []types.GrantOperation{"Frobnicate"} }), validation, "at 'operations' failed to satisfy constraint"},
		{"a disabled key", func(b *bench) error {
			return did(b.kms.CreateGrant(b.ctx, &kms.CreateGrantInput{KeyId: b.newDisabledKey(), GranteePrincipal: somebody, Operations: mayEncrypt}))
		}, disabled, " is disabled."},
		{"only a question", refusedGrant(func(in *kms.CreateGrantInput) { in.DryRun = aws.Bool(true) }), dryRun, wouldSucceed},
	}},
	{"ListGrants", func(b *bench) {
		key := b.newKey()
		made := b.grant(key, func(in *kms.CreateGrantInput) {
			in.Name, in.RetiringPrincipal = aws.String("nightly"), somebody
			in.Constraints = &types.GrantConstraints{EncryptionContextSubset: tenant}
		})
		b.grant(key, nil)
		got := must(b.kms.ListGrants(b.ctx, &kms.ListGrantsInput{KeyId: key, GrantId: made.GrantId}))(b.t).Grants
		if len(got) != 1 || *got[0].Name != "nightly" || *got[0].GranteePrincipal != *somebody || aws.ToString(got[0].RetiringPrincipal) != *somebody || *got[0].KeyId != *key ||
			*got[0].IssuingAccount != "arn:aws:iam::"+account+":root" || !slices.Equal(got[0].Operations, mayEncrypt) || got[0].Constraints == nil || got[0].Constraints.EncryptionContextSubset["Tenant"] != "42" {
			b.t.Errorf("%+v", got)
		}
		if got := must(b.kms.ListGrants(b.ctx, &kms.ListGrantsInput{KeyId: key, GranteePrincipal: somebody}))(b.t).Grants; len(got) != 2 {
			b.t.Errorf("of the grantee's two there are %d", len(got))
		}
	}, []refusal{
		{"a marker that is none", func(b *bench) error {
			return did(b.kms.ListGrants(b.ctx, &kms.ListGrantsInput{KeyId: b.newKey(), Marker: aws.String("x")}))
		}, invalidMarker, ""},
		{"an alias", func(b *bench) error { return did(b.kms.ListGrants(b.ctx, &kms.ListGrantsInput{KeyId: anAlias})) }, invalidARN, noAliases},
	}},
	{"ListRetirableGrants", func(b *bench) {
		retirer, _ := b.user(allow("*", "kms:ListKeys"))
		made := b.grant(b.newKey(), func(in *kms.CreateGrantInput) { in.RetiringPrincipal = retirer })
		got := must(b.kms.ListRetirableGrants(b.ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: retirer}))(b.t).Grants
		if len(got) != 1 || *got[0].GrantId != *made.GrantId {
			b.t.Errorf("%+v", got)
		}
	}, []refusal{
		{"nobody's", func(b *bench) error { return did(b.kms.ListRetirableGrants(b.ctx, &kms.ListRetirableGrantsInput{})) }, validation, ""},
		{"a service's", func(b *bench) error {
			return did(b.kms.ListRetirableGrants(b.ctx, &kms.ListRetirableGrantsInput{RetiringServicePrincipal: aws.String("ebs.amazonaws.com")}))
		}, unsupported, "RetiringServicePrincipal"},
	}},
	{"RevokeGrant", func(b *bench) {
		key := b.newKey()
		must(b.kms.RevokeGrant(b.ctx, &kms.RevokeGrantInput{KeyId: key, GrantId: b.grant(key, nil).GrantId}))(b.t)
		b.wantNoGrants(key)
	}, []refusal{
		{"a grant that there is not", func(b *bench) error {
			return did(b.kms.RevokeGrant(b.ctx, &kms.RevokeGrantInput{KeyId: b.newKey(), GrantId: &noGrantID}))
		}, notFound, ""},
		{"what is no id of a grant", func(b *bench) error {
			return did(b.kms.RevokeGrant(b.ctx, &kms.RevokeGrantInput{KeyId: b.newKey(), GrantId: aws.String("x")}))
		}, invalidGrantID, ""},
		{"only a question", func(b *bench) error {
			key := b.newKey()
			return did(b.kms.RevokeGrant(b.ctx, &kms.RevokeGrantInput{KeyId: key, GrantId: b.grant(key, nil).GrantId, DryRun: aws.Bool(true)}))
		}, dryRun, wouldSucceed},
	}},
	{"RetireGrant", func(b *bench) {
		key := b.newKey()
		retirable := func(in *kms.CreateGrantInput) { in.RetiringPrincipal = somebody }
		must(b.kms.RetireGrant(b.ctx, &kms.RetireGrantInput{KeyId: key, GrantId: b.grant(key, retirable).GrantId}))(b.t)
		must(b.kms.RetireGrant(b.ctx, &kms.RetireGrantInput{GrantToken: b.grant(key, retirable).GrantToken}))(b.t)
		b.wantNoGrants(key)
	}, []refusal{
		{"a token that is none", func(b *bench) error {
			return did(b.kms.RetireGrant(b.ctx, &kms.RetireGrantInput{GrantToken: aws.String("x")}))
		}, invalidToken, ""},
		{"no grant", func(b *bench) error { return did(b.kms.RetireGrant(b.ctx, &kms.RetireGrantInput{})) }, validation, ""},
		{"a grant that there is not", func(b *bench) error {
			return did(b.kms.RetireGrant(b.ctx, &kms.RetireGrantInput{KeyId: b.newKey(), GrantId: &noGrantID}))
		}, notFound, ""},
	}},
}

func (b *bench) wantNoGrants(key *string) {
	b.t.Helper()
	if got := must(b.kms.ListGrants(b.ctx, &kms.ListGrantsInput{KeyId: key}))(b.t).Grants; len(got) > 0 {
		b.t.Errorf("there are still %+v", got)
	}
}
