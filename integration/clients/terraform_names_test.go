package clients

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// readAlias looks through all aliases, as the provider does; nil is one that is gone.
func readAlias(b *bench, name string) *types.AliasListEntry {
	b.t.Helper()
	for p := kms.NewListAliasesPaginator(b.kms, &kms.ListAliasesInput{}); p.HasMorePages(); {
		for _, a := range must(p.NextPage(b.ctx))(b.t).Aliases {
			if *a.AliasName == name {
				return &a
			}
		}
	}
	return nil
}

func TestTerraformsAliasHasNoDrift(t *testing.T) {
	b := newBench(t)
	one, other := idOf(b.newKey()), *b.newKey() // a configuration names keys by id or by ARN
	name := "alias/" + unique("terraform")
	must(b.kms.CreateAlias(b.ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &one}))(t)
	a := readAlias(b, name)
	if a == nil || aws.ToString(a.TargetKeyId) != one || *a.AliasArn != "arn:aws:kms:"+region+":"+account+":"+name {
		t.Fatalf("%+v", a)
	}
	must(b.kms.UpdateAlias(b.ctx, &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: &other}))(t)
	if a := readAlias(b, name); a == nil || aws.ToString(a.TargetKeyId) != idOf(&other) || a.LastUpdatedDate.Before(*a.CreationDate) {
		t.Errorf("%+v", a)
	}
	must(b.kms.DeleteAlias(b.ctx, &kms.DeleteAliasInput{AliasName: &name}))(t)
	if a := readAlias(b, name); a != nil {
		t.Errorf("it is still there: %+v", a)
	}
	b.refused("a second destruction", did(b.kms.DeleteAlias(b.ctx, &kms.DeleteAliasInput{AliasName: &name})), notFound, "")
}

// readGrant looks through all grants of a key.
func readGrant(b *bench, key, id string) *types.GrantListEntry {
	b.t.Helper()
	for p := kms.NewListGrantsPaginator(b.kms, &kms.ListGrantsInput{KeyId: &key, Limit: aws.Int32(100)}); p.HasMorePages(); {
		for _, g := range must(p.NextPage(b.ctx))(b.t).Grants {
			if *g.GrantId == id {
				return &g
			}
		}
	}
	return nil
}

func TestTerraformsGrantHasNoDrift(t *testing.T) {
	b := newBench(t)
	role, user := b.role(allow("*", "kms:ListKeys")), somebody
	for name, c := range map[string]struct {
		retire bool // retire_on_delete
		in     kms.CreateGrantInput
	}{
		"to a role, with everything": {true, kms.CreateGrantInput{
			Name: aws.String("nightly"), GranteePrincipal: role, RetiringPrincipal: user, Constraints: &types.GrantConstraints{EncryptionContextEquals: tenant},
			Operations: []types.GrantOperation{types.GrantOperationDecrypt, types.GrantOperationEncrypt, types.GrantOperationGenerateDataKey}}},
		"to a user, with nothing": {false, kms.CreateGrantInput{GranteePrincipal: user, Operations: []types.GrantOperation{types.GrantOperationDescribeKey}}},
	} {
		for form, nameOf := range map[string]func(*string) string{"by id": idOf, "by ARN": func(arn *string) string { return *arn }} {
			t.Run(name+", "+form, func(t *testing.T) {
				b := newBench(t)
				key := nameOf(b.newKey())
				c.in.KeyId = &key
				id := *must(b.kms.CreateGrant(b.ctx, &c.in))(t).GrantId
				wantGrant(b, readGrant(b, key, id), &c.in)
				if c.retire {
					must(b.kms.RetireGrant(b.ctx, &kms.RetireGrantInput{KeyId: &key, GrantId: &id}))(t)
				} else {
					must(b.kms.RevokeGrant(b.ctx, &kms.RevokeGrantInput{KeyId: &key, GrantId: &id}))(t)
				}
				if g := readGrant(b, key, id); g != nil {
					t.Errorf("it is still there: %+v", g)
				}
				b.refused("a second destruction", did(b.kms.RevokeGrant(b.ctx, &kms.RevokeGrantInput{KeyId: &key, GrantId: &id})), notFound, "")
			})
		}
	}
}

// wantGrant compares what the provider compares: it sets what is there, and takes principals that are no ARNs for gone.
func wantGrant(b *bench, got *types.GrantListEntry, want *kms.CreateGrantInput) {
	b.t.Helper()
	if got == nil {
		b.t.Fatal("the grant is not listed")
	}
	sorted := func(list []types.GrantOperation) []types.GrantOperation { return slices.Sorted(slices.Values(list)) }
	if !arn.IsARN(*got.GranteePrincipal) || *got.GranteePrincipal != *want.GranteePrincipal || aws.ToString(got.RetiringPrincipal) != aws.ToString(want.RetiringPrincipal) ||
		aws.ToString(got.Name) != aws.ToString(want.Name) || !slices.Equal(sorted(got.Operations), sorted(want.Operations)) || idOf(got.KeyId) != idOf(want.KeyId) {
		b.t.Errorf("a plan would change %+v", got)
	}
	switch {
	case want.Constraints == nil:
		if got.Constraints != nil {
			b.t.Errorf("nobody asked for %+v", got.Constraints)
		}
	case got.Constraints == nil || got.Constraints.EncryptionContextSubset != nil || !maps.Equal(got.Constraints.EncryptionContextEquals, want.Constraints.EncryptionContextEquals):
		b.t.Errorf("a plan would change %+v", got.Constraints)
	}
}
