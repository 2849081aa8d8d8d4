package api

import (
	"fmt"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// AliasNotFound answers an unknown alias; it takes the alias ARN, also when the caller gave a name.
func AliasNotFound(aliasARN string) *Error {
	return say(NotFoundException, "Alias "+aliasARN+" is not found.")
}

// AliasesNotSupported answers an alias where only a key id or key ARN is allowed. AWS says so before any lookup.
func AliasesNotSupported() *Error {
	return say(InvalidArnException, "Key Aliases are not supported for this operation.")
}

// AlreadyExistsAlias answers CreateAlias of a name in use.
func AlreadyExistsAlias(aliasARN string) *Error {
	return say(AlreadyExistsException, "An alias with the name "+aliasARN+" already exists")
}

// AliasPrefix answers CreateAlias of a name that does not begin alias/. It is not an InvalidAliasNameException.
func AliasPrefix() *Error {
	return Validation(`Alias must start with the prefix "alias/". ` +
		"Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
}

// AliasReserved answers CreateAlias of alias/aws/…, which belongs to AWS managed keys. The documentation reserves the
// name without saying what is answered; NotAuthorizedException without a message is what compatible servers agree on.
func AliasReserved() *Error { return say(NotAuthorizedException, "") }

// AliasNameInvalid answers a name that is only the prefix. Its text is Keyhold's own.
func AliasNameInvalid(name string) *Error {
	return say(InvalidAliasNameException, "Alias name '"+name+"' is not valid.")
}

// AliasTargetIsAlias answers an alias whose target is an alias.
func AliasTargetIsAlias() *Error { return Validation("Aliases must refer to keys. Not aliases") }

// AliasTargetMismatch answers UpdateAlias to a key of another kind or usage. Its text is Keyhold's own.
func AliasTargetMismatch() *Error {
	return Validation("The new target of an alias must be of the same key type and key usage as the current one.")
}

// AliasLimit answers CreateAlias and UpdateAlias beyond 50 aliases of one key. Its text is Keyhold's own.
func AliasLimit(keyARN string) *Error {
	return LimitExceeded(fmt.Sprintf("%s has reached the limit of %d aliases.", keyARN, MaxAliasesPerKey))
}

// TagDuplicate answers two tags of one key in a request.
func TagDuplicate() *Error { return say(TagException, "Duplicate tag keys") }

// TagTooMany answers more than 50 tags, in a request or on the key afterwards.
func TagTooMany() *Error { return say(TagException, "Too many tags") }

// TagReserved answers a tag key that begins aws:, in any case of letters.
func TagReserved() *Error { return say(TagException, "Tags beginning with aws: are reserved") }

// InvalidMarker answers a pagination marker that this server did not make. Its text is Keyhold's own.
func InvalidMarker() *Error { return say(InvalidMarkerException, "The marker is not valid.") }

// BothKeySpecs answers CreateKey with KeySpec and its deprecated synonym.
func BothKeySpecs() *Error {
	return Validation("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. " +
		"CustomerMasterKeySpec is deprecated.")
}

// KeyUsageMissing answers CreateKey of a non-symmetric key without KeyUsage.
func KeyUsageMissing() *Error {
	return Validation("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
}

// KeyUsageIncompatible answers CreateKey of a spec and usage that do not go together.
func KeyUsageIncompatible(usage keyspec.KeyUsage, spec keyspec.KeySpec) *Error {
	return Validation(fmt.Sprintf("KeyUsage %s is not compatible with KeySpec %s", usage, spec))
}
