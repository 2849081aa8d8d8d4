package clients

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// absent has the form of a key id, and is none.
const absent = "1234abcd-12ab-34cd-56ef-1234567890ab"

var (
	absentARN     = "arn:aws:kms:" + region + ":" + account + ":key/" + absent
	doesNotExist  = "Key '" + absentARN + "' does not exist"
	noAliases     = "Key Aliases are not supported for this operation."
	anAlias       = aws.String("alias/" + absent)
	validation    = coded("ValidationException")
	notFound      = typed[*types.NotFoundException]()
	invalidARN    = typed[*types.InvalidArnException]()
	invalidState  = typed[*types.KMSInvalidStateException]()
	disabled      = typed[*types.DisabledException]()
	unsupported   = typed[*types.UnsupportedOperationException]()
	malformed     = typed[*types.MalformedPolicyDocumentException]()
	invalidMarker = typed[*types.InvalidMarkerException]()
	dryRun        = typed[*types.DryRunOperationException]()
	wouldSucceed  = "The request would have succeeded, but the DryRun option is set."
)

var keyOperations = []operation{
	{"CreateKey", func(b *bench) {
		in := &kms.CreateKeyInput{Description: aws.String("orders"), KeySpec: types.KeySpecSymmetricDefault, Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("")}}}
		k := must(b.kms.CreateKey(b.ctx, in))(b.t).KeyMetadata
		if *k.Description != "orders" || !k.Enabled || k.KeyState != types.KeyStateEnabled || k.KeyUsage != types.KeyUsageTypeEncryptDecrypt || *k.AWSAccountId != account ||
			k.Origin != types.OriginTypeAwsKms || k.KeyManager != types.KeyManagerTypeCustomer || *k.Arn != "arn:aws:kms:"+region+":"+account+":key/"+*k.KeyId {
			b.t.Errorf("%+v", k)
		}
		old := must(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{CustomerMasterKeySpec: types.CustomerMasterKeySpecSymmetricDefault}))(b.t).KeyMetadata
		if old.KeySpec != types.KeySpecSymmetricDefault || old.CustomerMasterKeySpec != types.CustomerMasterKeySpecSymmetricDefault || *old.Description != "" {
			b.t.Errorf("by the old name of the specification: %+v", old)
		}
	}, []refusal{
		{"a specification by both of its names", func(b *bench) error {
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecSymmetricDefault, CustomerMasterKeySpec: types.CustomerMasterKeySpecSymmetricDefault}))
		}, validation, "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."},
		{"a key of several regions", func(b *bench) error {
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)}))
		}, unsupported, "MultiRegion"},
		{"a key that the server does not make", func(b *bench) error {
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify}))
		}, unsupported, "RSA_2048"},
		{"a specification that there is not", func(b *bench) error {
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{KeySpec: "AES_512"}))
		}, validation, "Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set"},
		{"a tag twice", func(b *bench) error {
			tag := types.Tag{TagKey: aws.String("team"), TagValue: aws.String("x")}
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{Tags: []types.Tag{tag, tag}}))
		}, typed[*types.TagException](), "Duplicate tag keys"},
		{"a policy that is none", func(b *bench) error {
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{Policy: aws.String("{")}))
		}, malformed, ""},
		{"a policy that locks the caller out", func(b *bench) error {
			return did(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{Policy: aws.String(lockOut)}))
		}, malformed, "The new key policy will not allow you to update the key policy in the future."},
	}},
	{"DescribeKey", func(b *bench) {
		key := b.newKey()
		alias := b.newAlias(key)
		for _, name := range []string{*key, idOf(key), *alias, strings.Replace(*key, "key/"+idOf(key), *alias, 1)} {
			if k := must(b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: &name}))(b.t).KeyMetadata; *k.Arn != *key {
				b.t.Errorf("%s is %s", name, *k.Arn)
			}
		}
	}, []refusal{
		{"a key that there is not", func(b *bench) error { return describe(b, absent) }, notFound, doesNotExist},
		{"an alias that there is not", func(b *bench) error { return describe(b, *anAlias) }, notFound,
			"Alias arn:aws:kms:" + region + ":" + account + ":" + *anAlias + " is not found."},
		{"a name that is no key's", func(b *bench) error { return describe(b, "orders") }, notFound, "Invalid keyId 'orders'"},
		{"a key of another region", func(b *bench) error {
			return describe(b, strings.Replace(absentARN, region, "us-west-2", 1))
		}, notFound, "Invalid arn us-west-2"},
		{"no name", func(b *bench) error { return describe(b, "") }, validation, "2 validation errors detected: Value '' at 'keyId'"},
	}},
	{"UpdateKeyDescription", func(b *bench) {
		key := b.newKey()
		must(b.kms.UpdateKeyDescription(b.ctx, &kms.UpdateKeyDescriptionInput{KeyId: key, Description: aws.String("für Bestellungen")}))(b.t)
		if k := must(b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: key}))(b.t).KeyMetadata; *k.Description != "für Bestellungen" {
			b.t.Error(*k.Description)
		}
	}, []refusal{
		{"too long a text", func(b *bench) error {
			return did(b.kms.UpdateKeyDescription(b.ctx, &kms.UpdateKeyDescriptionInput{KeyId: b.newKey(), Description: aws.String(strings.Repeat("x", 8193))}))
		}, validation, "Member must have length less than or equal to 8192"},
		{"an alias", func(b *bench) error {
			return did(b.kms.UpdateKeyDescription(b.ctx, &kms.UpdateKeyDescriptionInput{KeyId: anAlias, Description: aws.String("")}))
		}, invalidARN, noAliases},
	}},
	{"ListKeys", func(b *bench) {
		key := b.newKey()
		all, _ := listAll(b, kms.NewListKeysPaginator(b.kms, &kms.ListKeysInput{}), keyIDs)
		if !slices.Contains(all, idOf(key)) {
			b.t.Errorf("%s is not among %v", *key, all)
		}
	}, []refusal{
		{"a marker that is none", func(b *bench) error {
			return did(b.kms.ListKeys(b.ctx, &kms.ListKeysInput{Marker: aws.String("x")}))
		}, invalidMarker, ""},
		{"too much at once", func(b *bench) error {
			return did(b.kms.ListKeys(b.ctx, &kms.ListKeysInput{Limit: aws.Int32(1001)}))
		}, validation, "Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"},
	}},
	{"TagResource", func(b *bench) {
		key := b.newKey()
		for _, value := range []string{"one", "two"} {
			must(b.kms.TagResource(b.ctx, &kms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: &value}}}))(b.t)
		}
		wantTags(b, key, "team=two")
	}, []refusal{
		{"a tag of AWS's", func(b *bench) error {
			tag := types.Tag{TagKey: aws.String("aws:team"), TagValue: aws.String("x")}
			return did(b.kms.TagResource(b.ctx, &kms.TagResourceInput{KeyId: b.newKey(), Tags: []types.Tag{tag}}))
		}, typed[*types.TagException](), "Tags beginning with aws: are reserved"},
		{"a key that there is not", func(b *bench) error {
			return did(b.kms.TagResource(b.ctx, &kms.TagResourceInput{KeyId: aws.String(absent), Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("")}}}))
		}, notFound, doesNotExist},
	}},
	{"UntagResource", func(b *bench) {
		key := b.newKey()
		must(b.kms.TagResource(b.ctx, &kms.TagResourceInput{KeyId: key, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("1")}, {TagKey: aws.String("b"), TagValue: aws.String("2")}}}))(b.t)
		must(b.kms.UntagResource(b.ctx, &kms.UntagResourceInput{KeyId: key, TagKeys: []string{"a", "never there"}}))(b.t)
		wantTags(b, key, "b=2")
	}, []refusal{
		{"an alias", func(b *bench) error {
			return did(b.kms.UntagResource(b.ctx, &kms.UntagResourceInput{KeyId: anAlias, TagKeys: []string{"a"}}))
		}, invalidARN, noAliases},
	}},
	{"ListResourceTags", func(b *bench) { wantTags(b, b.newKey()) }, []refusal{
		{"a marker that is none", func(b *bench) error {
			return did(b.kms.ListResourceTags(b.ctx, &kms.ListResourceTagsInput{KeyId: b.newKey(), Marker: aws.String("x")}))
		}, invalidMarker, ""},
	}},
}

func describe(b *bench, key string) error {
	return did(b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: &key}))
}
