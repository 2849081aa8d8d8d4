package api

import "fmt"

// The texts of these errors are Keyhold's own, unless they say otherwise.

// NotFoundAccessKey answers an access key that there is not, in the words of IAM.
func NotFoundAccessKey(id string) *Error {
	return say(NotFoundException, fmt.Sprintf("The Access Key with id %s cannot be found.", id))
}

// AlreadyExistsAccessKey answers CreateAccessKey with an id that is in use.
func AlreadyExistsAccessKey(id string) *Error {
	return say(AlreadyExistsException, fmt.Sprintf("An access key with the id %s already exists.", id))
}

// AccessKeyLimit answers a user that has as many access keys as it may have.
func AccessKeyLimit(arn string) *Error {
	return LimitExceeded(fmt.Sprintf("%s has %d access keys, and may not have more. Delete one first.", arn, MaxAccessKeysPerUser))
}

// OnlyUsers answers CreateAccessKey for a role.
func OnlyUsers(arn string) *Error {
	return Unsupported(arn + " is a role, and roles have no access keys. Assume it, or name a user.")
}

// OnlyRoles answers RevokeSessions for a user.
func OnlyRoles(arn string) *Error {
	return Unsupported(arn + " is a user, and has no sessions. Disable or delete its access keys.")
}

// BroughtAccessKey answers CreateAccessKey with credentials of the caller's making where they are not taken.
func BroughtAccessKey() *Error {
	return Unsupported("AccessKeyId and SecretAccessKey are taken only from the owner of a throw-away data directory. " +
		"Leave them out: this server draws both.")
}

// RootAssumesRole answers AssumeRole by the root of an account (AWS STS API reference, AssumeRole: "You cannot call
// AssumeRole by using AWS account root user credentials"). Its text is AWS's.
func RootAssumesRole() *Error {
	return say(AccessDeniedException, "Roles may not be assumed by root accounts.")
}

// SessionTooLong answers AssumeRole beyond the role's longest session. Its text is AWS's.
func SessionTooLong() *Error {
	return Validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
}

// ChainTooLong answers AssumeRole by a session for more than an hour. Its text is AWS's.
func ChainTooLong() *Error {
	return Validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
}
