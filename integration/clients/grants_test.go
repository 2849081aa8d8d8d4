package clients

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var accessDenied = coded("AccessDeniedException")

// A service that has nothing but a grant works with the token at once, within the grant's constraint, hands a part of it on,
// and ends it.
func TestAGrantAloneLetsAClientWork(t *testing.T) {
	admin := newBench(t)
	key := admin.newKey()
	service, its := admin.user(allow("*", "kms:ListKeys"))
	worker, workers := admin.user(allow("*", "kms:ListKeys"))
	encrypt := func(b *bench, encryptionContext map[string]string, tokens ...string) error {
		return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x"), EncryptionContext: encryptionContext, GrantTokens: tokens}))
	}
	its.refused("before the grant", encrypt(its, tenant), accessDenied, "User: "+*service+" is not authorized to perform: kms:Encrypt on resource: "+*key+" because ")
	grant := admin.grant(key, func(in *kms.CreateGrantInput) {
		in.GranteePrincipal = service
		in.Operations = []types.GrantOperation{types.GrantOperationEncrypt, types.GrantOperationCreateGrant, types.GrantOperationRetireGrant}
		in.Constraints = &types.GrantConstraints{EncryptionContextSubset: map[string]string{"Tenant": "42"}}
	})
	if err := encrypt(its, tenant, *grant.GrantToken); err != nil {
		t.Error(err)
	}
	its.refused("in another context", encrypt(its, map[string]string{"Tenant": "43"}, *grant.GrantToken), accessDenied, "")
	if err := encrypt(its, tenant); err != nil {
		t.Errorf("without the token: %v", err)
	}
	part := its.grant(key, func(in *kms.CreateGrantInput) {
		in.GranteePrincipal, in.GrantTokens, in.Constraints = worker, []string{*grant.GrantToken}, &types.GrantConstraints{EncryptionContextSubset: tenant}
	})
	if err := encrypt(workers, tenant, *part.GrantToken); err != nil {
		t.Error(err)
	}
	its.refused("more than it has", did(its.kms.CreateGrant(its.ctx, &kms.CreateGrantInput{KeyId: key, GranteePrincipal: worker, Operations: []types.GrantOperation{types.GrantOperationDecrypt}})), accessDenied, "")
	must(its.kms.RetireGrant(its.ctx, &kms.RetireGrantInput{GrantToken: grant.GrantToken}))(t)
	its.refused("after the grant", encrypt(its, tenant), accessDenied, "")
	its.refused("with its token", encrypt(its, tenant, *grant.GrantToken), accessDenied, "")
}

// Who may do nothing with a key is told what is missing, and of a ciphertext not even whose it is.
func TestWhoMayNothingIsRefused(t *testing.T) {
	admin := newBench(t)
	key := admin.newKey()
	sealed := admin.seal(key, nil)
	_, b := admin.user(allow("*", "kms:ListKeys"))
	for name, call := range map[string]func() error{
		"DescribeKey": func() error { return describe(b, *key) },
		"Encrypt": func() error {
			return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")}))
		},
		"DisableKey": func() error { return did(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: key})) },
	} {
		b.refused(name, call(), accessDenied, "is not authorized to perform: kms:"+name+" on resource: "+*key)
	}
	b.refused("Decrypt", did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: sealed})), accessDenied,
		"The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	must(b.kms.ListKeys(b.ctx, &kms.ListKeysInput{Limit: aws.Int32(1)}))(t)
}
