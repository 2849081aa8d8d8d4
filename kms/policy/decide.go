package policy

import "strconv"

// Kind is what a document is a policy of; each kind has its own grammar.
type Kind int

// The kinds.
const (
	// KeyPolicy belongs to a key: every statement has a principal and a resource.
	KeyPolicy Kind = iota + 1
	// IdentityPolicy belongs to a user or role: its statements have a resource and no principal.
	IdentityPolicy
	// TrustPolicy belongs to a role and says who may assume it: its statements have a principal and no resource.
	TrustPolicy
)

// String is how errors and reasons speak of a document.
func (k Kind) String() string {
	switch k {
	case KeyPolicy:
		return "key policy"
	case IdentityPolicy:
		return "identity policy"
	case TrustPolicy:
		return "trust policy"
	default:
		return "policy"
	}
}

// ConditionKey is a condition key of a document. Name is in lower case, because names ignore it; Sub is what follows the
// name in the keys that have such a part, as the document spells it: kms:EncryptionContext:<Sub>, aws:PrincipalTag/<Sub>,
// aws:RequestTag/<Sub>, aws:ResourceTag/<Sub>.
type ConditionKey struct{ Name, Sub string }

// Values is what a request has under a condition key.
type Values struct {
	List    []string
	Present bool // false: the request does not have the key. An empty List with Present is an empty set
	// Ambiguous: the request has the key in several ways, such as two members of an encryption context that differ in
	// case only. No condition on it helps a caller: an Allow with it does not apply, a Deny does.
	Ambiguous bool
}

// Context answers the condition keys of one request.
type Context interface{ Lookup(key ConditionKey) Values }

// Named is an identity policy of a caller.
type Named struct {
	Name   string
	Policy *Policy
}

// Grant is a grant of which the caller is the grantee, on the resource of the question.
type Grant struct {
	ID         string
	Operations []string // "Encrypt", as in the API
	// ForAccount: the grantee is the caller's whole account, so that others than its root need an identity policy too.
	ForAccount bool
	// Equals and Subset are the constraint on the encryption context; nil when there is none. An empty map is one.
	// DescribeKey and RetireGrant are not constrained (AWS KMS API Reference, "GrantConstraints").
	Equals, Subset map[string]string
}

// Principal is who asks. A zero Principal is nobody, whom no policy allows.
type Principal struct {
	Account string // 12 digits
	// ARN is the user's, or arn:aws:sts::<account>:assumed-role/<role>/<session>. It is for people only: matching goes
	// by ID.
	ARN string
	// ID is the unique id: "AIDA…" of a user, "AROA…:<session>" of a session, which is its role, too.
	ID   string
	Root bool // the account's root itself
}

// Request is what is asked: an action such as "kms:Encrypt" on the resource with the ARN Resource, or on "*" where an
// action has none. A nil Context has no condition key.
type Request struct {
	Principal Principal
	Action    string
	Resource  string
	Context   Context
}

// Question is everything that a decision depends on.
type Question struct {
	Request
	// Owner is the account that the resource belongs to. Empty: the resource is nobody's, as in kms:ListKeys, and
	// identity policies decide alone.
	Owner string
	// ResourcePolicy is the key policy or trust policy of the resource. Nil: it has none, and identity policies of its
	// own account decide alone.
	ResourcePolicy *Policy
	// Identity holds the caller's identity policies. An account's root needs none: it may do in its account whatever
	// the policies of resources leave to the account.
	Identity []Named
	// Grants holds the grants of which the caller is the grantee.
	Grants []Grant
	// EncryptionContext is the request's, for the constraints of grants.
	EncryptionContext map[string]string
}

// Basis says what decided.
type Basis int

// The bases of a verdict.
const (
	ByNothing         Basis = iota // nothing allowed it
	ByKeyPolicy                    // a statement of the resource's policy
	ByIdentityPolicy               // an identity policy, alone or where the resource's policy leaves it to the account
	ByGrant                        // a grant
	ByRoot                         // the root of the account, where identity policies would decide
	LacksIdentity                  // the resource's side allows it, and no identity policy does
	LacksResource                  // an identity policy allows it, or none is needed, and the resource's side does not
	DeniedByKeyPolicy              // a statement of the resource's policy denies it
	DeniedByIdentity               // a statement of an identity policy denies it
)

var basisNames = [...]string{
	"ByNothing", "ByKeyPolicy", "ByIdentityPolicy", "ByGrant", "ByRoot", "LacksIdentity", "LacksResource",
	"DeniedByKeyPolicy", "DeniedByIdentity",
}

// String is the name of the constant.
func (b Basis) String() string {
	if b < 0 || int(b) >= len(basisNames) {
		return "Basis(" + strconv.Itoa(int(b)) + ")"
	}
	return basisNames[b]
}

// Verdict is the answer to a Question. The zero value is a denial.
type Verdict struct {
	Allowed bool
	Basis   Basis
	// Policy is the name of the identity policy that decided; Statement and Sid are of the statement that did, counted
	// from 1 and 0 when there is none; GrantID is of the grant that did.
	Policy    string
	Statement int
	Sid       string
	GrantID   string
	// Reason is a sentence for people, without its full stop.
	Reason string
}
