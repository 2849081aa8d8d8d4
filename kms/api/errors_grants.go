package api

import (
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// GrantOnlyCreates answers CreateGrant of nothing but CreateGrant.
func GrantOnlyCreates() *Error {
	return Validation("Grants must not contain only the CreateGrant operation.")
}

// GrantConstraintsMany answers CreateGrant with both constraints on the encryption context.
func GrantConstraintsMany() *Error { return Validation("More than one constraint supplied") }

// GrantPrincipal answers a grantee or retiring principal that is none, or does not exist.
func GrantPrincipal(arn string) *Error {
	return say(InvalidArnException, "ARN does not refer to a valid principal: "+arn)
}

// GrantPrincipalChoice answers CreateGrant with too few or too many principals. Its text is Keyhold's own.
func GrantPrincipalChoice(rule string) *Error { return Validation("Specify " + rule + ".") }

// GrantWithoutOperations answers CreateGrant with an empty list. Its text is Keyhold's own.
func GrantWithoutOperations() *Error { return Validation("Operations must have at least one member.") }

// GrantOperationUnsupported answers an operation that the key cannot perform. Its text is Keyhold's own.
func GrantOperationUnsupported(operation keyspec.GrantOperation, spec keyspec.KeySpec, usage keyspec.KeyUsage) *Error {
	return Validation(fmt.Sprintf("The operation %s cannot be granted on a key with key spec %s and key usage %s.",
		operation, spec, usage))
}

// GrantConstraintUnsupported answers a constraint on a key that takes no encryption context. Its text is Keyhold's own.
func GrantConstraintUnsupported(spec keyspec.KeySpec) *Error {
	return Validation(fmt.Sprintf("A constraint on the encryption context cannot be on a key with key spec %s.", spec))
}

// GrantNamedOnce answers RetireGrant that names no grant, or one in two ways. Its text is Keyhold's own.
func GrantNamedOnce() *Error {
	return Validation("Specify either GrantToken, or KeyId together with GrantId.")
}

// CheckGrantID answers InvalidGrantIdException for what is not 64 lower-case hexadecimal digits.
func CheckGrantID(id string) error {
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return InvalidGrantID(id)
	}
	return nil
}

// InvalidGrantID answers what is no grant id: 64 lower-case hexadecimal digits. Its text is Keyhold's own.
func InvalidGrantID(id string) *Error {
	return say(InvalidGrantIdException, "Invalid grant ID '"+id+"'")
}

// NotFoundKeyPolicy answers a policy name other than "default". Its text is Keyhold's own.
func NotFoundKeyPolicy() *Error { return say(NotFoundException, "No such policy exists") }

// ManagedKey answers a change of a key that the service manages for itself. Its text is Keyhold's own.
func ManagedKey(arn string) *Error {
	return Unsupported(arn + " is an AWS managed key, which cannot be changed.")
}
