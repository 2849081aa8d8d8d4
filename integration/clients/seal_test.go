package clients

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"
)

// stanza is what stands in the seal "awskms" stanza of Vault and OpenBao.
func stanza(key string) wrapping.Option {
	return wrapping.WithConfigMap(map[string]string{
		"region": region, "endpoint": shared.env["AWS_ENDPOINT_URL_KMS"], "kms_key_id": key,
		"access_key": shared.env["AWS_ACCESS_KEY_ID"], "secret_key": shared.env["AWS_SECRET_ACCESS_KEY"],
	})
}

// The seal of Vault, of which that of OpenBao is a fork, on the first AWS SDK for Go, unseals with what an earlier start sealed, after a rotation too.
func TestVaultUnsealsItself(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	root := bytes.Repeat([]byte("root key "), 8)
	for name, id := range map[string]string{"by its ARN": *key, "by its id": idOf(key), "by an alias": *b.newAlias(key)} {
		t.Run(name, func(t *testing.T) {
			seal := awskms.NewWrapper()
			if _, err := seal.SetConfig(t.Context(), stanza(id)); err != nil {
				t.Fatal(err)
			}
			sealed, err := seal.Encrypt(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			if sealed.KeyInfo.KeyId != *key || bytes.Contains(sealed.Ciphertext, []byte("root key")) {
				t.Errorf("it is sealed with %s", sealed.KeyInfo.KeyId)
			}
			must(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: key}))(t)
			next := awskms.NewWrapper()
			if _, err := next.SetConfig(t.Context(), stanza(id)); err != nil {
				t.Fatal(err)
			}
			if opened, err := next.Decrypt(t.Context(), sealed); err != nil || !bytes.Equal(opened, root) {
				t.Errorf("it opens to %q, %v", opened, err)
			}
			sealed.KeyInfo.WrappedKey[len(sealed.KeyInfo.WrappedKey)-1] ^= 1
			if _, err := next.Decrypt(t.Context(), sealed); err == nil || !strings.Contains(err.Error(), "InvalidCiphertextException") {
				t.Errorf("a damaged seal: %v", err)
			}
		})
	}
	if _, err := awskms.NewWrapper().SetConfig(t.Context(), stanza(absent)); err == nil || !strings.Contains(err.Error(), "NotFoundException: "+doesNotExist) {
		t.Errorf("a key that there is not: %v", err)
	}
}
