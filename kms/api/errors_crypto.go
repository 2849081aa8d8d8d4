package api

import (
	"fmt"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// InvalidCiphertext answers a blob that does not open: altered, of another encryption context, or no blob at all. It
// never says which, and AWS sends no message either.
func InvalidCiphertext() *Error { return say(InvalidCiphertextException, "") }

// IncorrectKey answers Decrypt and ReEncrypt when the named key is not the one that made the ciphertext.
func IncorrectKey() *Error {
	return say(IncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.")
}

// CiphertextRefersTo answers Decrypt and ReEncrypt without a key id when the key named in the ciphertext is unknown or
// the caller may not use it. The two must not be told apart.
func CiphertextRefersTo() *Error {
	return say(AccessDeniedException, "The ciphertext refers to a customer master key that does not exist, "+
		"does not exist in this region, or you are not allowed to access.")
}

// DryRun answers a dry run that would have succeeded.
func DryRun() *Error {
	return say(DryRunOperationException, "The request would have succeeded, but the DryRun option is set.")
}

// PlaintextTooLarge answers Encrypt of more than the algorithm takes; limit is in bytes.
func PlaintextTooLarge(algorithm keyspec.EncryptionAlgorithm, spec keyspec.KeySpec, limit int) *Error {
	return Validation(fmt.Sprintf("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.",
		algorithm, spec, limit))
}

// EncryptionContextUnsupported answers an encryption context with an asymmetric algorithm.
func EncryptionContextUnsupported() *Error {
	return Validation("EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.")
}

// DataKeySizeChoice answers GenerateDataKey with both or neither of KeySpec and NumberOfBytes.
func DataKeySizeChoice() *Error {
	return Validation("Please specify either number of bytes or key spec.")
}

// NumberOfBytesRequired answers GenerateRandom without a length, which the model lets pass.
func NumberOfBytesRequired() *Error { return Validation("NumberOfBytes is required.") }

// KeyIDRequired answers Decrypt with an asymmetric algorithm and no key id: such a ciphertext does not name its key.
func KeyIDRequired() *Error { return Validation("KeyId must not be null") }

// InvalidGrantToken answers a grant token that is not one. Its text is Keyhold's own.
func InvalidGrantToken() *Error {
	return say(InvalidGrantTokenException, "The grant token is not valid.")
}

// Validation is a ValidationException with this text.
func Validation(message string) *Error { return say(ValidationException, message) }
