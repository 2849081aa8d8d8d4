package clients

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// paginator is the SDK's.
type paginator[P any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*kms.Options)) (P, error)
}

// listAll follows a paginator to its end, and answers what is on its pages and how much at most on one.
func listAll[P any](b *bench, p paginator[P], items func(P) []string) (all []string, longest int) {
	b.t.Helper()
	for p.HasMorePages() {
		page := items(must(p.NextPage(b.ctx))(b.t))
		all, longest = append(all, page...), max(longest, len(page))
	}
	return all, longest
}

func each[E any](list []E, name func(E) string) (names []string) {
	for _, e := range list {
		names = append(names, name(e))
	}
	return names
}

func keyIDs(p *kms.ListKeysOutput) []string {
	return each(p.Keys, func(k types.KeyListEntry) string { return *k.KeyId })
}

func aliasNames(p *kms.ListAliasesOutput) []string {
	return each(p.Aliases, func(a types.AliasListEntry) string { return *a.AliasName })
}

func grantIDs(grants []types.GrantListEntry) []string {
	return each(grants, func(g types.GrantListEntry) string { return *g.GrantId })
}

func tagsOf(p *kms.ListResourceTagsOutput) []string {
	return each(p.Tags, func(t types.Tag) string { return *t.TagKey + "=" + *t.TagValue })
}

// wantTags checks a key's tags, in their order.
func wantTags(b *bench, key *string, want ...string) {
	b.t.Helper()
	if got := tagsOf(must(b.kms.ListResourceTags(b.ctx, &kms.ListResourceTagsInput{KeyId: key}))(b.t)); !slices.Equal(got, want) {
		b.t.Errorf("the tags are %v, want %v", got, want)
	}
}

// Every list is read in pages of two, and everything must be there once.
func TestTheSDKsPaginatorsFindEverything(t *testing.T) {
	two := aws.Int32(2)
	for name, list := range map[string]func(b *bench, key *string) (want, got []string, longest int){
		"keys": func(b *bench, key *string) (want, got []string, longest int) {
			for range 4 {
				want = append(want, idOf(b.newKey()))
			}
			all, longest := listAll(b, kms.NewListKeysPaginator(b.kms, &kms.ListKeysInput{Limit: two}), keyIDs)
			return want, only(all, want), longest
		},
		"aliases": func(b *bench, key *string) (want, got []string, longest int) {
			for range 5 {
				want = append(want, *b.newAlias(key))
			}
			got, longest = listAll(b, kms.NewListAliasesPaginator(b.kms, &kms.ListAliasesInput{KeyId: key, Limit: two}), aliasNames)
			return want, got, longest
		},
		"aliases of all keys": func(b *bench, key *string) (want, got []string, longest int) {
			for range 3 {
				want = append(want, *b.newAlias(key))
			}
			all, longest := listAll(b, kms.NewListAliasesPaginator(b.kms, &kms.ListAliasesInput{Limit: two}), aliasNames)
			return want, only(all, want), longest
		},
		"grants": func(b *bench, key *string) (want, got []string, longest int) {
			for range 5 {
				want = append(want, *b.grant(key, nil).GrantId)
			}
			got, longest = listAll(b, kms.NewListGrantsPaginator(b.kms, &kms.ListGrantsInput{KeyId: key, Limit: two}),
				func(p *kms.ListGrantsOutput) []string { return grantIDs(p.Grants) })
			return want, got, longest
		},
		"grants that somebody may retire": func(b *bench, key *string) (want, got []string, longest int) {
			retirer, _ := b.user(allow("*", "kms:ListKeys"))
			for range 3 {
				want = append(want, *b.grant(key, func(in *kms.CreateGrantInput) { in.RetiringPrincipal = retirer }).GrantId)
			}
			got, longest = listAll(b, kms.NewListRetirableGrantsPaginator(b.kms, &kms.ListRetirableGrantsInput{RetiringPrincipal: retirer, Limit: two}),
				func(p *kms.ListRetirableGrantsOutput) []string { return grantIDs(p.Grants) })
			return want, got, longest
		},
		"rotations": func(b *bench, key *string) (want, got []string, longest int) {
			material := func() string {
				return *must(b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: key}))(b.t).KeyMetadata.CurrentKeyMaterialId
			}
			for range 3 {
				must(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: key}))(b.t)
				want = append(want, material())
			}
			got, longest = listAll(b, kms.NewListKeyRotationsPaginator(b.kms, &kms.ListKeyRotationsInput{KeyId: key, Limit: two}),
				func(p *kms.ListKeyRotationsOutput) []string {
					return each(p.Rotations, func(r types.RotationsListEntry) string { return *r.KeyMaterialId })
				})
			return want, got, longest
		},
		"tags": func(b *bench, key *string) (want, got []string, longest int) {
			var tags []types.Tag
			for i := range 5 {
				name := strconv.Itoa(i)
				tags, want = append(tags, types.Tag{TagKey: &name, TagValue: &name}), append(want, name+"="+name)
			}
			must(b.kms.TagResource(b.ctx, &kms.TagResourceInput{KeyId: key, Tags: tags}))(b.t)
			got, longest = listAll(b, kms.NewListResourceTagsPaginator(b.kms, &kms.ListResourceTagsInput{KeyId: key, Limit: two}), tagsOf)
			return want, got, longest
		},
		"policies": func(b *bench, key *string) (want, got []string, longest int) {
			got, longest = listAll(b, kms.NewListKeyPoliciesPaginator(b.kms, &kms.ListKeyPoliciesInput{KeyId: key, Limit: two}),
				func(p *kms.ListKeyPoliciesOutput) []string { return p.PolicyNames })
			return []string{"default"}, got, longest
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			want, got, longest := list(b, b.newKey())
			if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(got)), want) || longest > 2 {
				t.Errorf("found %v, want %v; the longest page has %d", got, want, longest)
			}
		})
	}
}

// only keeps of all what is one of those, as often as it is there: other tests make such things too.
func only(all, those []string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return !slices.Contains(those, s) })
}
