package ops_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

func TestADataKeyOutlivesTheRotationOfItsMasterKey(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	alias := "alias/app"
	must[*api.Void](b, "CreateAlias", &api.CreateAliasInput{AliasName: &alias, TargetKeyID: &key})
	spec := must[*api.GenerateDataKeyOutput](b, "GenerateDataKey", &api.GenerateDataKeyInput{
		KeyID: &alias, NumberOfBytes: new(int32(32)), EncryptionContext: map[string]string{"Tenant": "42"}})
	before := spec.KeyMaterialID
	must[*api.RotateKeyOnDemandOutput](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
	out := must[*api.DecryptOutput](b, "Decrypt", &api.DecryptInput{
		CiphertextBlob: spec.CiphertextBlob, EncryptionContext: map[string]string{"Tenant": "42"}})
	if string(out.Plaintext) != string(spec.Plaintext) || out.KeyID != keyARN(key) || out.KeyMaterialID != before {
		t.Errorf("got key %s material %s, want %s, %s", out.KeyID, out.KeyMaterialID, keyARN(key), before)
	}
	after := must[*api.GenerateDataKeyOutput](b, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &alias, NumberOfBytes: new(int32(32))})
	if after.KeyMaterialID == before {
		t.Error("the rotated key still uses the old material")
	}
	_, err := b.decrypt(spec.CiphertextBlob, map[string]string{"tenant": "42"})
	refused(t, err, "InvalidCiphertextException", "")
	for _, r := range b.log.all() {
		if strings.Contains(strings.ToLower(r["eventName"].(string)), "plaintext") {
			t.Error(r)
		}
	}
}
