package api

import (
	"fmt"
	"strings"
)

// DenyReason says why a request was denied, as AWS words it.
type DenyReason int

// The reasons.
const (
	NoIdentityPolicy     DenyReason = iota + 1 // no identity-based policy allows the action
	NoResourcePolicy                           // no key policy allows it
	DeniedByIdentity                           // an identity-based policy denies it
	DeniedByResource                           // the key policy denies it
	DeniedByControl                            // a service control policy denies it
	NoCrossAccountAccess                       // across accounts: unknown and denied must not be told apart
	NotAtHome                                  // only the account's root may, at the server itself; Keyhold's own
	NotAssumable                               // a role that may not be assumed, for which AWS STS says no more
)

// text is the end of the sentence; action is the IAM action, such as kms:Encrypt.
func (r DenyReason) text(action string) string {
	switch r {
	case NoIdentityPolicy:
		return "because no identity-based policy allows the " + action + " action"
	case NoResourcePolicy:
		return "because no resource-based policy allows the " + action + " action"
	case DeniedByIdentity:
		return "with an explicit deny in an identity-based policy"
	case DeniedByResource:
		return "with an explicit deny in a resource-based policy"
	case DeniedByControl:
		return "with an explicit deny in a service control policy"
	case NotAssumable:
		return ""
	case NotAtHome:
		return "because it is for the root of the key's account only, as the owner of the server's data directory or admin socket"
	}
	return "because the resource does not exist in this Region, no resource-based policies allow access, " +
		"or a resource-based policy explicitly denies access"
}

// AccessDenied answers a caller who may not do this. action has its prefix (kms:Encrypt); resource is the key ARN, the
// alias ARN for CreateAlias, or * for CreateKey.
func AccessDenied(callerARN, action, resource string, reason DenyReason) *Error {
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", callerARN, action, resource, reason.text(action))
	return say(AccessDeniedException, strings.TrimSuffix(text, " "))
}

// PolicyLockout answers a key policy under which the caller could not change the key policy any more.
func PolicyLockout() *Error {
	return MalformedPolicy("The new key policy will not allow you to update the key policy in the future.")
}

// PolicyPrincipals answers a key policy that names principals which do not exist.
func PolicyPrincipals() *Error {
	return MalformedPolicy("Policy contains a statement with one or more invalid principals.")
}

// PolicyARN answers a key policy with an ARN that cannot be a principal, such as that of a group.
func PolicyARN() *Error {
	return say(InvalidArnException, "An ARN in the specified key policy is invalid.")
}

// PolicyTooLarge answers a key policy of more than 32,768 bytes. Its text is Keyhold's own.
func PolicyTooLarge() *Error {
	return LimitExceeded(fmt.Sprintf("The key policy is larger than %d bytes.", MaxPolicy))
}

// MalformedPolicy answers a key policy that is not one; the message says why.
func MalformedPolicy(message string) *Error { return say(MalformedPolicyDocumentException, message) }

// Internal answers every failure a caller can do nothing about. The cause goes to the log, never to the caller.
func Internal() *Error { return say(KMSInternalException, "An internal error occurred. Try again.") }

// DependencyTimeout answers a token that did not answer in time. Its text is Keyhold's own.
func DependencyTimeout() *Error {
	return say(DependencyTimeoutException, "The request timed out in the service. Try again.")
}

// Throttling answers a caller beyond the request rate.
func Throttling() *Error {
	return say(ThrottlingException,
		"You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
}

// UnknownOperation answers a target that is not an operation. AWS sends no message.
func UnknownOperation() *Error { return say(UnknownOperationException, "") }

// NotFoundPrincipal answers a user or role that there is not. Its text is Keyhold's own.
func NotFoundPrincipal(name string) *Error {
	return say(NotFoundException, fmt.Sprintf("Principal '%s' does not exist", name))
}

// NotFoundGrant answers a grant that there is not. Its text is Keyhold's own.
func NotFoundGrant(id string) *Error {
	return say(NotFoundException, fmt.Sprintf("Grant ID %s not found", id))
}

// GrantLimit answers a key that has as many grants as it may have. Its text is Keyhold's own.
func GrantLimit(arn string) *Error {
	return LimitExceeded(fmt.Sprintf("%s has %d grants, and may not have more.", arn, MaxGrantsPerKey))
}
