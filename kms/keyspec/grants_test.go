package keyspec_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// The table of the AWS KMS developer guide, "Grant operations", typed by hand.
func TestAGrantMayHaveWhatItsKeyCanDo(t *testing.T) {
	const always = "DescribeKey CreateGrant RetireGrant "
	for _, c := range []struct {
		spec  keyspec.KeySpec
		usage keyspec.KeyUsage
		want  string
	}{
		{keyspec.SymmetricDefault, keyspec.EncryptDecrypt, "Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey " +
			"GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext"},
		{keyspec.HMAC256, keyspec.GenerateVerifyMAC, "GenerateMac VerifyMac"},
		{keyspec.RSA2048, keyspec.EncryptDecrypt, "Encrypt Decrypt ReEncryptFrom ReEncryptTo GetPublicKey"},
		{keyspec.RSA2048, keyspec.SignVerify, "Sign Verify GetPublicKey"},
		{keyspec.ECCNISTP256, keyspec.KeyAgreement, "DeriveSharedSecret GetPublicKey"},
		{keyspec.MLKEM768, keyspec.EncapsulateDecapsulate, "Encapsulate Decapsulate GetPublicKey"},
	} {
		want := map[string]bool{}
		for _, name := range strings.Fields(always + c.want) {
			want[name] = true
		}
		for _, operation := range keyspec.GrantOperations.Values() {
			if got := keyspec.Grantable(c.spec, c.usage, operation); got != want[string(operation)] {
				t.Errorf("%s for %s: %s is grantable: %v", c.spec, c.usage, operation, got)
			}
		}
	}
	if keyspec.GrantOperations.Has("ReEncrypt") {
		t.Error("ReEncrypt is a grant operation")
	}
}
