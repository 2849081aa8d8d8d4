package api

import (
	"fmt"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// NotFoundKey answers a well-formed key id or ARN that names no key.
func NotFoundKey(arn string) *Error {
	return say(NotFoundException, "Key '"+arn+"' does not exist")
}

// InvalidKeyID answers a bare id that is neither a UUID nor mrk- with 32 hexadecimal digits.
func InvalidKeyID(id string) *Error { return say(NotFoundException, "Invalid keyId '"+id+"'") }

// InvalidKeyIDInARN answers such an id inside a key ARN. AWS leaves out the quotes there.
func InvalidKeyIDInARN(id string) *Error { return say(NotFoundException, "Invalid keyId "+id) }

// InvalidARNRegion answers a key or alias ARN of another Region, which it names.
func InvalidARNRegion(region string) *Error { return say(NotFoundException, "Invalid arn "+region) }

// InvalidARN answers a string that begins like an ARN and is not one of a key or alias. Its text is Keyhold's own.
func InvalidARN(arn string) *Error { return say(InvalidArnException, "Invalid arn "+arn) }

// Disabled answers the use of a disabled key.
func Disabled(arn string) *Error { return say(DisabledException, arn+" is disabled.") }

// PendingDeletion answers operations refused in PendingDeletion and PendingReplicaDeletion.
func PendingDeletion(arn string) *Error { return invalidState(arn, "is pending deletion.") }

// NotPendingDeletion answers CancelKeyDeletion of a key that is not pending deletion.
func NotPendingDeletion(arn string) *Error { return invalidState(arn, "is not pending deletion.") }

// PendingImport answers operations that need key material when there is none.
func PendingImport(arn string) *Error { return invalidState(arn, "is pending import.") }

// Unavailable answers the use of a key whose store is disconnected.
func Unavailable(arn string) *Error { return invalidState(arn, "is unavailable.") }

// Creating answers the use of a key that is not yet made.
func Creating(arn string) *Error { return invalidState(arn, "is creating.") }

// Updating answers a change to a key that is being changed.
func Updating(arn string) *Error { return invalidState(arn, "is updating.") }

func invalidState(arn, predicate string) *Error {
	return say(KMSInvalidStateException, arn+" "+predicate)
}

// KeyUsageInvalid answers an operation that the key's usage does not allow. AWS checks usage before state.
func KeyUsageInvalid(arn string, usage keyspec.KeyUsage, operation string) *Error {
	return say(InvalidKeyUsageException,
		fmt.Sprintf("%s key usage is %s which is not valid for %s.", arn, usage, operation))
}

// AlgorithmIncompatible answers an algorithm that the key's spec does not have. algorithm is any wire algorithm.
func AlgorithmIncompatible[T ~string](algorithm T, spec keyspec.KeySpec) *Error {
	return say(InvalidKeyUsageException, fmt.Sprintf("Algorithm %s is incompatible with key spec %s.", algorithm, spec))
}

// DataKeyAsymmetric answers GenerateDataKey under an RSA encryption key.
func DataKeyAsymmetric() *Error {
	return say(InvalidKeyUsageException, "You cannot generate a data key with an asymmetric CMK")
}

// OriginInvalid answers rotation and import operations on a key of the wrong origin.
func OriginInvalid(arn string, origin keyspec.Origin) *Error {
	return say(UnsupportedOperationException,
		fmt.Sprintf("%s origin is %s which is not valid for this operation.", arn, origin))
}

// UnsupportedNoMessage answers rotation of, or a public key for, a key whose spec has none: AWS says nothing more.
func UnsupportedNoMessage() *Error { return say(UnsupportedOperationException, "") }

// Unsupported answers what Keyhold knows and does not serve. The sentence names the member and what to do.
func Unsupported(sentence string) *Error { return say(UnsupportedOperationException, sentence) }

// KeyLimit answers CreateKey in an account that has as many customer managed keys as it may have, limit. Its text is
// Keyhold's own.
func KeyLimit(account string, limit int) *Error {
	return LimitExceeded(fmt.Sprintf("Account %s has reached the limit of %d KMS keys. Keys that are pending deletion count. "+
		"Use keys that there are, or have keys.per_account of the server's configuration raised.", account, limit))
}

// OnDemandLimit answers RotateKeyOnDemand beyond the lifetime limit of 25.
func OnDemandLimit(arn string) *Error {
	return LimitExceeded("The on-demand rotations limit has been reached for the given keyId. " +
		"No more on-demand rotations can be performed for this key: " + arn)
}

// LimitExceeded answers a request beyond a quota or length limit; the message says which.
func LimitExceeded(message string) *Error { return say(LimitExceededException, message) }
