package api

import (
	"fmt"
	"time"
)

// The texts of these errors are Keyhold's own.

// AlreadyExistsPrincipal answers CreatePrincipal of a name in use.
func AlreadyExistsPrincipal(arn string) *Error {
	return say(AlreadyExistsException, fmt.Sprintf("A principal with the name of %s already exists. "+
		"Names are unique in an account among users and among roles, ignoring case and path.", arn))
}

// TrustPolicyMissing answers CreatePrincipal of a role that nobody could assume.
func TrustPolicyMissing() *Error {
	return Validation("TrustPolicy is required for a role: it says who may assume it.")
}

// OnlyOfRoles answers a member that users do not have.
func OnlyOfRoles(member string) *Error {
	return Validation(member + " belongs to roles only. Leave it out for a user.")
}

// IdentityPolicyTooLarge answers an identity policy or trust policy of more than 32,768 bytes.
func IdentityPolicyTooLarge() *Error {
	return LimitExceeded(fmt.Sprintf("The policy is larger than %d bytes.", MaxPolicy))
}

// CheckPolicySize refuses an identity policy or trust policy of more than 32,768 bytes with a LimitExceededException.
func CheckPolicySize(document string) error {
	if len(document) > MaxPolicy {
		return IdentityPolicyTooLarge()
	}
	return nil
}

// PolicyLimit answers PutPrincipalPolicy beyond 50 policies of one principal.
func PolicyLimit(arn string) *Error {
	return LimitExceeded(fmt.Sprintf("%s has %d policies, and may not have more. Delete one, or add the statements to another.",
		arn, MaxPoliciesPerPrincipal))
}

// PoliciesTooLarge answers PutPrincipalPolicy when the policies of one principal would have more than 32,768 bytes together:
// every request of the principal is compared with all of them.
func PoliciesTooLarge(arn string) *Error {
	return LimitExceeded(fmt.Sprintf("The policies of %s would be larger than %d bytes together.", arn, MaxPoliciesTotal))
}

// NotFoundIdentityPolicy answers an identity policy that a principal does not have.
func NotFoundIdentityPolicy(arn, name string) *Error {
	return say(NotFoundException, fmt.Sprintf("%s has no policy '%s'", arn, name))
}

// NotFoundAccount answers an account that there is not.
func NotFoundAccount(id string) *Error {
	return say(NotFoundException, fmt.Sprintf("Account '%s' does not exist", id))
}

// AlreadyExistsAccount answers CreateAccount of an id in use.
func AlreadyExistsAccount(id string) *Error {
	return say(AlreadyExistsException, fmt.Sprintf("Account '%s' already exists", id))
}

// DeletedAccount answers CreateAccount of an id that an account had: policies and grants may still mean that one.
func DeletedAccount(id string, at Time) *Error {
	return say(AlreadyExistsException, fmt.Sprintf("Account '%s' was deleted on %s, and its number is not given again. Choose another number.",
		id, at.Time().Format(time.DateOnly)))
}

// OwnAccount answers an attempt to disable or delete the directory's own account, from which it is administered.
func OwnAccount(id string) *Error {
	return Validation(fmt.Sprintf("Account '%s' is the directory's own: it can neither be disabled nor deleted.", id))
}

// AccountInUse answers DeleteAccount of an account that still has something. what is "keys" or "principals".
func AccountInUse(id, what string) *Error {
	return say(ConflictException, fmt.Sprintf("Account '%s' still has %s, and cannot be deleted. "+
		"Delete them first, or disable the account.", id, what))
}
