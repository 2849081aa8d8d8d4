package keyspec

// MaxPlaintext is the longest plaintext in bytes that any key encrypts directly; the request model has the same bound.
const MaxPlaintext = 4096

type limit struct {
	spec      KeySpec
	algorithm EncryptionAlgorithm
	bytes     int
}

// limits is the table of the AWS KMS API reference (Encrypt): for OAEP the modulus less two digests and two.
var limits = []limit{
	{SymmetricDefault, EncryptionSymmetricDefault, MaxPlaintext},
	{RSA2048, EncryptionRSAOAEPSHA1, 214},
	{RSA2048, EncryptionRSAOAEPSHA256, 190},
	{RSA3072, EncryptionRSAOAEPSHA1, 342},
	{RSA3072, EncryptionRSAOAEPSHA256, 318},
	{RSA4096, EncryptionRSAOAEPSHA1, 470},
	{RSA4096, EncryptionRSAOAEPSHA256, 446},
	{SM2, EncryptionSM2PKE, 1024},
}

// PlaintextLimit is the longest plaintext in bytes for Encrypt with this spec and algorithm; false means that they do
// not go together.
func PlaintextLimit(spec KeySpec, algorithm EncryptionAlgorithm) (int, bool) {
	for _, l := range limits {
		if l.spec == spec && l.algorithm == algorithm {
			return l.bytes, true
		}
	}
	return 0, false
}
