package clients

import (
	"bytes"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var (
	incorrectKey      = typed[*types.IncorrectKeyException]()
	invalidCiphertext = typed[*types.InvalidCiphertextException]()
	invalidToken      = typed[*types.InvalidGrantTokenException]()
	tenant            = map[string]string{"Tenant": "42", "Zweck": "Rechnung"}
	anEnclave         = &types.RecipientInfo{AttestationDocument: []byte("x"), KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256}
)

var cryptographicOperations = []operation{
	{"Encrypt", func(b *bench) {
		key := b.newKey()
		out := must(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: b.newAlias(key), Plaintext: bytes.Repeat([]byte{0}, 4096), EncryptionContext: tenant}))(b.t)
		if *out.KeyId != *key || out.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault || len(out.CiphertextBlob) <= 4096 || len(out.CiphertextBlob) > 6144 {
			b.t.Errorf("%s, %s, %d octets", *out.KeyId, out.EncryptionAlgorithm, len(out.CiphertextBlob))
		}
	}, []refusal{
		{"too much", func(b *bench) error {
			return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: b.newKey(), Plaintext: make([]byte, 4097)}))
		}, validation, "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"},
		{"a disabled key", func(b *bench) error {
			return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: b.newDisabledKey(), Plaintext: []byte("x")}))
		}, disabled, " is disabled."},
		{"a key about to be deleted", func(b *bench) error {
			return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: b.newDoomedKey(), Plaintext: []byte("x")}))
		}, invalidState, " is pending deletion."},
		{"an algorithm of other keys", func(b *bench) error {
			in := &kms.EncryptInput{KeyId: b.newKey(), Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256}
			return did(b.kms.Encrypt(b.ctx, in))
		}, typed[*types.InvalidKeyUsageException](), "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."},
		{"a grant token that is none", func(b *bench) error {
			return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: b.newKey(), Plaintext: []byte("x"), GrantTokens: []string{"x"}}))
		}, invalidToken, ""},
		{"only a question", func(b *bench) error {
			return did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: b.newKey(), Plaintext: []byte("x"), DryRun: aws.Bool(true)}))
		}, dryRun, wouldSucceed},
	}},
	{"Decrypt", func(b *bench) {
		key := b.newKey()
		for _, in := range []*kms.DecryptInput{{}, {KeyId: key}, {KeyId: b.newAlias(key), EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}} {
			in.CiphertextBlob, in.EncryptionContext = b.seal(key, tenant), tenant
			if out := must(b.kms.Decrypt(b.ctx, in))(b.t); string(out.Plaintext) != "orders" || *out.KeyId != *key {
				b.t.Errorf("%q of %s", out.Plaintext, *out.KeyId)
			}
		}
	}, []refusal{
		{"another context", func(b *bench) error {
			return did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: b.seal(b.newKey(), tenant), EncryptionContext: map[string]string{"tenant": "42"}}))
		}, invalidCiphertext, "-"},
		{"a bit turned", func(b *bench) error {
			sealed := b.seal(b.newKey(), nil)
			sealed[len(sealed)-1] ^= 1
			return did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: sealed}))
		}, invalidCiphertext, "-"},
		{"what is no ciphertext", func(b *bench) error {
			return did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: []byte("orders")}))
		}, invalidCiphertext, "-"},
		{"another key", func(b *bench) error {
			return did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: b.seal(b.newKey(), nil), KeyId: b.newKey()}))
		}, incorrectKey, "The key ID in the request does not identify a CMK that can perform this operation."},
		{"for an enclave", func(b *bench) error {
			return did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: b.seal(b.newKey(), nil), Recipient: anEnclave}))
		}, unsupported, "Recipient"},
		{"only a question", func(b *bench) error {
			return did(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: b.seal(b.newKey(), nil), DryRun: aws.Bool(true)}))
		}, dryRun, wouldSucceed},
		{"only a question, without a ciphertext", func(b *bench) error {
			in := &kms.DecryptInput{KeyId: b.newKey(), DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}}
			return did(b.kms.Decrypt(b.ctx, in))
		}, dryRun, wouldSucceed},
	}},
	{"ReEncrypt", func(b *bench) {
		from, to := b.newKey(), b.newKey()
		in := &kms.ReEncryptInput{CiphertextBlob: b.seal(from, tenant), SourceEncryptionContext: tenant, DestinationKeyId: to}
		out := must(b.kms.ReEncrypt(b.ctx, in))(b.t)
		opened := must(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob}))(b.t)
		if *out.SourceKeyId != *from || *out.KeyId != *to || *out.SourceKeyMaterialId == *out.DestinationKeyMaterialId || string(opened.Plaintext) != "orders" || *opened.KeyId != *to {
			b.t.Errorf("%+v; %q", out, opened.Plaintext)
		}
	}, []refusal{
		{"another context", func(b *bench) error {
			key := b.newKey()
			return did(b.kms.ReEncrypt(b.ctx, &kms.ReEncryptInput{CiphertextBlob: b.seal(key, tenant), DestinationKeyId: key}))
		}, invalidCiphertext, "-"},
		{"another key", func(b *bench) error {
			key := b.newKey()
			return did(b.kms.ReEncrypt(b.ctx, &kms.ReEncryptInput{CiphertextBlob: b.seal(key, nil), SourceKeyId: b.newKey(), DestinationKeyId: key}))
		}, incorrectKey, "The key ID in the request does not identify a CMK that can perform this operation."},
		{"to a disabled key", func(b *bench) error {
			return did(b.kms.ReEncrypt(b.ctx, &kms.ReEncryptInput{CiphertextBlob: b.seal(b.newKey(), nil), DestinationKeyId: b.newDisabledKey()}))
		}, disabled, " is disabled."},
	}},
	{"GenerateDataKey", func(b *bench) {
		key := b.newKey()
		for size, in := range map[int]*kms.GenerateDataKeyInput{
			16: {KeySpec: types.DataKeySpecAes128}, 32: {KeySpec: types.DataKeySpecAes256, EncryptionContext: tenant}, 1024: {NumberOfBytes: aws.Int32(1024)},
		} {
			in.KeyId = key
			out := must(b.kms.GenerateDataKey(b.ctx, in))(b.t)
			opened := must(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: in.EncryptionContext}))(b.t)
			if len(out.Plaintext) != size || !bytes.Equal(opened.Plaintext, out.Plaintext) || *out.KeyId != *key || *out.KeyMaterialId != *opened.KeyMaterialId {
				b.t.Errorf("of %d octets: %d, opened %d", size, len(out.Plaintext), len(opened.Plaintext))
			}
		}
	}, []refusal{
		{"of no size", func(b *bench) error {
			return did(b.kms.GenerateDataKey(b.ctx, &kms.GenerateDataKeyInput{KeyId: b.newKey()}))
		}, validation, "Please specify either number of bytes or key spec."},
		{"of two sizes", func(b *bench) error {
			return did(b.kms.GenerateDataKey(b.ctx, &kms.GenerateDataKeyInput{KeyId: b.newKey(), NumberOfBytes: aws.Int32(32), KeySpec: types.DataKeySpecAes256}))
		}, validation, "Please specify either number of bytes or key spec."},
		{"too large", func(b *bench) error {
			return did(b.kms.GenerateDataKey(b.ctx, &kms.GenerateDataKeyInput{KeyId: b.newKey(), NumberOfBytes: aws.Int32(1025)}))
		}, validation, "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"},
		{"for an enclave", func(b *bench) error {
			return did(b.kms.GenerateDataKey(b.ctx, &kms.GenerateDataKeyInput{KeyId: b.newKey(), KeySpec: types.DataKeySpecAes256, Recipient: anEnclave}))
		}, unsupported, "Recipient"},
	}},
	{"GenerateDataKeyWithoutPlaintext", func(b *bench) {
		out := must(b.kms.GenerateDataKeyWithoutPlaintext(b.ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: b.newKey(), KeySpec: types.DataKeySpecAes256}))(b.t)
		if opened := must(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob}))(b.t); len(opened.Plaintext) != 32 {
			b.t.Errorf("%d octets", len(opened.Plaintext))
		}
	}, []refusal{
		{"of no size", func(b *bench) error {
			return did(b.kms.GenerateDataKeyWithoutPlaintext(b.ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: b.newKey()}))
		}, validation, "Please specify either number of bytes or key spec."},
		{"a key that there is not", func(b *bench) error {
			return did(b.kms.GenerateDataKeyWithoutPlaintext(b.ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String(absent), NumberOfBytes: aws.Int32(1)}))
		}, notFound, doesNotExist},
	}},
	{"GenerateRandom", func(b *bench) {
		one := must(b.kms.GenerateRandom(b.ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1024)}))(b.t).Plaintext
		other := must(b.kms.GenerateRandom(b.ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1024)}))(b.t).Plaintext
		if len(one) != 1024 || bytes.Equal(one, other) {
			b.t.Errorf("%x and %x", one, other)
		}
	}, []refusal{
		{"of no size", func(b *bench) error { return did(b.kms.GenerateRandom(b.ctx, &kms.GenerateRandomInput{})) }, validation, "NumberOfBytes is required."},
		{"of a custom key store", func(b *bench) error {
			return did(b.kms.GenerateRandom(b.ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(8), CustomKeyStoreId: aws.String("cks-1")}))
		}, unsupported, "CustomKeyStoreId"},
	}},
}
