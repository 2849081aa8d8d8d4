package clients

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var aliasNotFound = "Alias arn:aws:kms:" + region + ":" + account + ":" + *anAlias + " is not found."

var aliasOperations = []operation{
	{"CreateAlias", func(b *bench) {
		key := b.newKey()
		alias := b.newAlias(key)
		got := must(b.kms.ListAliases(b.ctx, &kms.ListAliasesInput{KeyId: key}))(b.t).Aliases
		if len(got) != 1 || *got[0].AliasName != *alias || *got[0].TargetKeyId != idOf(key) {
			b.t.Errorf("%+v", got)
		}
	}, []refusal{
		{"a name that is taken", func(b *bench) error {
			key := b.newKey()
			return createAlias(b, *b.newAlias(key), key)
		}, typed[*types.AlreadyExistsException](), "An alias with the name arn:aws:kms:" + region + ":" + account + ":alias/"},
		{"a name without its prefix", func(b *bench) error { return createAlias(b, "orders", b.newKey()) }, validation, `Alias must start with the prefix "alias/".`},
		{"a name that AWS keeps for itself", func(b *bench) error { return createAlias(b, "alias/aws/orders", b.newKey()) }, coded("NotAuthorizedException"), ""},
		{"a key that there is not", func(b *bench) error { return createAlias(b, *anAlias, aws.String(absent)) }, notFound, doesNotExist},
		{"a name that no alias can have", func(b *bench) error { return createAlias(b, "alias/a b", b.newKey()) }, validation,
			"Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern"},
	}},
	{"UpdateAlias", func(b *bench) {
		alias, key := b.newAlias(b.newKey()), b.newKey()
		must(b.kms.UpdateAlias(b.ctx, &kms.UpdateAliasInput{AliasName: alias, TargetKeyId: aws.String(idOf(key))}))(b.t)
		if k := must(b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: alias}))(b.t).KeyMetadata; *k.Arn != *key {
			b.t.Errorf("the alias is %s's", *k.Arn)
		}
	}, []refusal{
		{"an alias that there is not", func(b *bench) error {
			return did(b.kms.UpdateAlias(b.ctx, &kms.UpdateAliasInput{AliasName: anAlias, TargetKeyId: b.newKey()}))
		}, notFound, aliasNotFound},
		{"a key about to be deleted", func(b *bench) error {
			return did(b.kms.UpdateAlias(b.ctx, &kms.UpdateAliasInput{AliasName: b.newAlias(b.newKey()), TargetKeyId: b.newDoomedKey()}))
		}, invalidState, " is pending deletion."},
	}},
	{"DeleteAlias", func(b *bench) {
		alias := b.newAlias(b.newKey())
		must(b.kms.DeleteAlias(b.ctx, &kms.DeleteAliasInput{AliasName: alias}))(b.t)
		b.refused("it is still there", describe(b, *alias), notFound, "")
	}, []refusal{
		{"an alias that there is not", func(b *bench) error {
			return did(b.kms.DeleteAlias(b.ctx, &kms.DeleteAliasInput{AliasName: anAlias}))
		}, notFound, aliasNotFound},
	}},
	{"ListAliases", func(b *bench) {
		alias := b.newAlias(b.newKey())
		all, _ := listAll(b, kms.NewListAliasesPaginator(b.kms, &kms.ListAliasesInput{}), aliasNames)
		if !slices.Contains(all, *alias) {
			b.t.Errorf("%s is not among %v", *alias, all)
		}
	}, []refusal{
		{"a key that there is not", func(b *bench) error {
			return did(b.kms.ListAliases(b.ctx, &kms.ListAliasesInput{KeyId: aws.String(absent)}))
		}, notFound, doesNotExist},
		{"a marker that is none", func(b *bench) error {
			return did(b.kms.ListAliases(b.ctx, &kms.ListAliasesInput{Marker: aws.String("x")}))
		}, invalidMarker, ""},
	}},
}

func createAlias(b *bench, name string, key *string) error {
	return did(b.kms.CreateAlias(b.ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: key}))
}
