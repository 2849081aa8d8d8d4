package ops_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// grantTo is a request for a grant of operations, separated by blanks.
func grantTo(key, grantee, operations string, edit ...func(*api.CreateGrantInput)) *api.CreateGrantInput {
	in := &api.CreateGrantInput{KeyID: &key, GranteePrincipal: &grantee, Operations: []keyspec.GrantOperation{}}
	for operation := range strings.FieldsSeq(operations) {
		in.Operations = append(in.Operations, keyspec.GrantOperation(operation))
	}
	for _, e := range edit {
		e(in)
	}
	return in
}

func retiredBy(principal string) func(*api.CreateGrantInput) {
	return func(in *api.CreateGrantInput) { in.RetiringPrincipal = &principal }
}

func named(name string) func(*api.CreateGrantInput) {
	return func(in *api.CreateGrantInput) { in.Name = &name }
}

// equals and subset constrain a grant to "name=value ...".
func equals(pairs string) func(*api.CreateGrantInput) {
	return func(in *api.CreateGrantInput) {
		in.Constraints = &api.GrantConstraints{EncryptionContextEquals: contextOf(pairs)}
	}
}

func subset(pairs string) func(*api.CreateGrantInput) {
	return func(in *api.CreateGrantInput) {
		in.Constraints = &api.GrantConstraints{EncryptionContextSubset: contextOf(pairs)}
	}
}

func contextOf(pairs string) api.EncryptionContext {
	c := api.EncryptionContext{}
	for pair := range strings.FieldsSeq(pairs) {
		name, value, _ := strings.Cut(pair, "=")
		c[name] = value
	}
	return c
}

// grant makes a grant as root.
func (b *bench) grant(key, grantee, operations string, edit ...func(*api.CreateGrantInput)) *api.CreateGrantOutput {
	b.t.Helper()
	return must[*api.CreateGrantOutput](b, "CreateGrant", grantTo(key, grantee, operations, edit...))
}

func (b *bench) revoke(key, grant string) {
	b.t.Helper()
	must[*api.Void](b, "RevokeGrant", &api.RevokeGrantInput{KeyID: &key, GrantID: &grant})
}

// grants are the ids of a key's grants.
func (b *bench) grants(key string) []string {
	b.t.Helper()
	return texts(must[*api.ListGrantsOutput](b, "ListGrants", &api.ListGrantsInput{KeyID: &key}).Grants,
		func(e api.GrantListEntry) string { return e.GrantID })
}

// putKeyPolicy replaces a key's policy as root.
func (b *bench) putKeyPolicy(key, document string) {
	b.t.Helper()
	must[*api.Void](b, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: &document, BypassPolicyLockoutSafetyCheck: new(true)})
}

// keyPolicy is a key policy of the given statements; ROOT stands for the root of the directory's own account.
func keyPolicy(statements ...string) string {
	text := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	return strings.ReplaceAll(text, "ROOT", "arn:aws:iam::"+account+":root")
}

// everything leaves a key to its account.
const everything = `{"Effect":"Allow","Principal":{"AWS":"ROOT"},"Action":"kms:*","Resource":"*"}`

// may asks whether a caller may encrypt under a key, and what else can be the matter fails the test.
func (b *bench) may(t testing.TB, caller kms.Caller, key, pairs string) bool {
	t.Helper()
	_, err := tryAs[*api.EncryptOutput](b, caller, "Encrypt",
		&api.EncryptInput{KeyID: new(keyARN(key)), Plaintext: []byte("attack at dawn"), EncryptionContext: contextOf(pairs)})
	if err != nil {
		refused(t, err, denied)
	}
	return err == nil
}
