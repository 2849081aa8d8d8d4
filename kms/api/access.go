package api

import (
	"fmt"
	"strings"
)

// MaxContextEntries, MaxContextValues, MaxContextValue and MaxContextTotal bound what a simulated request is told about its
// circumstances: the condition keys, the values of each, the length of each value, and the bytes of UTF-8 of all keys and
// values together. They are Keyhold's own.
const (
	MaxContextEntries = 50
	MaxContextValues  = 50
	MaxContextValue   = 2048
	MaxContextTotal   = 8192
)

var (
	actionPattern       = pattern{text: `[\w]+:[\w]+`, whole: regexpPattern(`^[A-Za-z0-9]+:[A-Za-z0-9]+$`).whole}
	conditionKeyPattern = pattern{text: `[\u0021-\u007E]+`, has: func(r rune) bool { return r >= 0x21 && r <= 0x7e }}
)

// ContextEntry says which values a condition key has in a simulated request, in place of those that Keyhold would find
// (IAM API reference, ContextEntry): the key as policies spell it, such as aws:SourceIp, aws:PrincipalTag/team or
// kms:EncryptionContext:purpose. Without values the request does not have the key.
type ContextEntry struct {
	ContextKeyName   *string  `json:"ContextKeyName,omitzero" audit:"record"`
	ContextKeyValues []string `json:"ContextKeyValues,omitzero" audit:"record"`
}

// ExplainAccessInput asks whether a principal may do something, and why (Keyhold's own; compare SimulatePrincipalPolicy
// in the IAM API reference).
type ExplainAccessInput struct {
	// Principal is the ARN of a user, role, session or root; a unique id, with ":" and a name for a session; "user/<name>"
	// or "role/<name>" of the caller's account; or "root", for the root of the key's account. A role stands for any of its
	// sessions. Of other accounts there is nobody whom the key's policy or a grant does not have under that name, but for
	// the directory's own account.
	Principal *string `json:"Principal,omitzero" audit:"record"`
	// Action is one that an operation asks for, such as kms:Encrypt or keyhold:ListPrincipals.
	Action *string `json:"Action,omitzero" audit:"record"`
	// KeyID is the id, ARN, alias or alias ARN of a key, for actions that are asked of one.
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// Resource is for other actions: the ARN of an alias, user or role, or "*". The ARN of a key is as good as KeyID.
	Resource *string `json:"Resource,omitzero" audit:"record"`
	// EncryptionContext is that of the simulated request.
	EncryptionContext EncryptionContext `json:"EncryptionContext,omitzero" audit:"record"`
	// ContextEntries say what Keyhold cannot know, such as the address that the request would come from.
	ContextEntries []ContextEntry `json:"ContextEntries,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *ExplainAccessInput) Validate() error {
	var v violations
	v.principal(in.Principal)
	v.action(in.Action)
	v.optionalKeyID("keyId", in.KeyID)
	text(&v, "resource", in.Resource, bounds{min: 1, max: 2048, pattern: conditionKeyPattern})
	v.context("encryptionContext", in.EncryptionContext)
	v.entries(in.ContextEntries)
	return v.err()
}

func (v *violations) action(action *string) {
	text(v, "action", action, bounds{min: 3, max: 128, pattern: actionPattern, required: true})
}

func (v *violations) entries(entries []ContextEntry) {
	if len(entries) > MaxContextEntries {
		v.add("", "contextEntries", atMost(MaxContextEntries))
		return
	}
	if sizeOf(entries) > MaxContextTotal {
		v.add("", "contextEntries", fmt.Sprintf("Member must have at most %d bytes in all names and values together", MaxContextTotal))
	}
	for i, e := range entries {
		path := fmt.Sprintf("contextEntries.%d.member.", i+1)
		text(v, path+"contextKeyName", e.ContextKeyName, bounds{min: 5, max: 256, pattern: conditionKeyPattern, required: true})
		if len(e.ContextKeyValues) > MaxContextValues {
			v.add("", path+"contextKeyValues", atMost(MaxContextValues))
			continue
		}
		v.elements(path+"contextKeyValues", e.ContextKeyValues, bounds{max: MaxContextValue})
	}
}

func sizeOf(entries []ContextEntry) int {
	n := 0
	for _, e := range entries {
		n += len(or(e.ContextKeyName, ""))
		for _, value := range e.ContextKeyValues {
			n += len(value)
		}
	}
	return n
}

// Check refuses a question about two things at once, and a condition key that stands twice: ValidationException.
func (in *ExplainAccessInput) Check() error {
	if in.KeyID != nil && in.Resource != nil {
		return Validation("KeyId and Resource cannot both be given: the question is about one of them.")
	}
	return checkEntries(in.ContextEntries)
}

func checkEntries(entries []ContextEntry) error {
	seen := map[string]bool{}
	for _, e := range entries {
		name := strings.ToLower(*e.ContextKeyName)
		if seen[name] {
			return Validation("ContextEntries has " + quoted(*e.ContextKeyName) + " twice: give one entry with all values.")
		}
		seen[name] = true
	}
	return nil
}

// DecidedBy says whose statement or grant decided.
type DecidedBy struct {
	// Type is key-policy, trust-policy, identity-policy, grant, root or nothing.
	Type string `json:"Type" audit:"record"`
	// Name is that of an identity policy, Statement is counted from 1, Sid is the statement's, GrantID is of a grant. What
	// the identity policies of another account say is told to that account, and to the directory's own.
	Name      string `json:"Name,omitzero" audit:"record"`
	Statement int32  `json:"Statement,omitzero" audit:"record"`
	Sid       string `json:"Sid,omitzero" audit:"record"`
	GrantID   string `json:"GrantId,omitzero" audit:"record"`
}

// ExplainAccessOutput tells what the request would be answered, and why.
type ExplainAccessOutput struct {
	Principal   string `json:"Principal" audit:"record"`   // ARN, or the name that was asked for of another account's
	PrincipalID string `json:"PrincipalId" audit:"record"` // empty where that was the ARN of another account's
	Kind        string `json:"Kind" audit:"record"`        // root, user, role or session
	Action      string `json:"Action" audit:"record"`
	Resource    string `json:"Resource" audit:"record"` // ARN, or "*"
	Allowed     bool   `json:"Allowed" audit:"record"`
	// Decision is allowed-by-key-policy, allowed-by-identity-policy, allowed-by-grant, allowed-for-root, nothing-allows-it,
	// lacks-identity-policy, lacks-key-policy-or-grant, denied-by-key-policy, denied-by-identity-policy or
	// caller-not-recognized.
	Decision string    `json:"Decision" audit:"record"`
	Reason   string    `json:"Reason" audit:"record"` // a sentence without its full stop
	By       DecidedBy `json:"By" audit:"record"`
	// Missing is what would have to be there; absent when the request is allowed.
	Missing string `json:"Missing,omitzero" audit:"record"`
	// KeyState is why the request fails although it is allowed; absent when the key is in a state that will do.
	KeyState string `json:"KeyState,omitzero" audit:"record"`
	// Trace has every statement of the policies that were asked, and every grant of the key to the principal.
	Trace []StatementTrace `json:"Trace" audit:"omit"`
}

// StatementTrace tells what of a statement, or a grant, the request met.
type StatementTrace struct {
	Source     string           `json:"Source" audit:"record"` // "key policy", `identity policy "Name"`, "grant" and its id
	PolicyName string           `json:"PolicyName,omitzero" audit:"record"`
	GrantID    string           `json:"GrantId,omitzero" audit:"record"`
	Statement  int32            `json:"Statement,omitzero" audit:"record"`
	Sid        string           `json:"Sid,omitzero" audit:"record"`
	Effect     string           `json:"Effect" audit:"record"`
	Principal  bool             `json:"Principal" audit:"record"`
	ForAccount bool             `json:"ForAccount" audit:"record"` // it names the principal's account: an identity policy must help
	Action     bool             `json:"Action" audit:"record"`
	Resource   bool             `json:"Resource" audit:"record"`
	Conditions []ConditionTrace `json:"Conditions,omitzero" audit:"record"`
	Applies    bool             `json:"Applies" audit:"record"`
}

// ConditionTrace tells how a condition met the request.
type ConditionTrace struct {
	Operator  string   `json:"Operator" audit:"record"`
	Key       string   `json:"Key" audit:"record"`
	Wanted    []string `json:"Wanted" audit:"record"`
	Found     []string `json:"Found,omitzero" audit:"record"` // absent when the request does not have the key, or not told
	Present   bool     `json:"Present" audit:"record"`
	Ambiguous bool     `json:"Ambiguous" audit:"record"`
	Matched   bool     `json:"Matched" audit:"record"`
}

// WhoCanInput asks who may do something with a key (Keyhold's own).
type WhoCanInput struct {
	Action            *string           `json:"Action,omitzero" audit:"record"`
	KeyID             *string           `json:"KeyId,omitzero" audit:"record"`
	EncryptionContext EncryptionContext `json:"EncryptionContext,omitzero" audit:"record"`
	ContextEntries    []ContextEntry    `json:"ContextEntries,omitzero" audit:"record"`
	Limit             *int32            `json:"Limit,omitzero" audit:"record"`
	Marker            *string           `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *WhoCanInput) Validate() error {
	var v violations
	v.action(in.Action)
	v.keyID("keyId", in.KeyID)
	v.context("encryptionContext", in.EncryptionContext)
	v.entries(in.ContextEntries)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// Check refuses a condition key that stands twice.
func (in *WhoCanInput) Check() error { return checkEntries(in.ContextEntries) }

// PageSize is 100 unless Limit says otherwise, and at most 1000.
func (in *WhoCanInput) PageSize() int { return pageSize(in.Limit, defaultPage, maxPage) }

// WhoCanOutput is a page of those who can. It may have fewer entries than Limit, even none, and be truncated all the same:
// a page ends when it has looked at enough principals.
type WhoCanOutput struct {
	Principals []PrincipalAccess `json:"Principals" audit:"omit"`
	NextMarker string            `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool              `json:"Truncated" audit:"record"`
}

// PrincipalAccess is one who can: the root of an account, a user, a role for any of its sessions, or a session that the
// key's policy or a grant names. Of other accounts, all but the directory's own are told only of whom the key's policy or
// a grant names, as it is named there. One entry, of the kind others, stands for everybody whom nothing names, where the
// key's policy lets in accounts that it does not name.
type PrincipalAccess struct {
	Principal   string    `json:"Principal" audit:"record"`   // ARN; a unique id if another account's is named so; "*" of others
	PrincipalID string    `json:"PrincipalId" audit:"record"` // empty of others, and of another account's that is named by ARN
	Kind        string    `json:"Kind" audit:"record"`        // root, user, role, session or others
	Decision    string    `json:"Decision" audit:"record"`    // as in ExplainAccessOutput; of others left-to-identity-policies
	By          DecidedBy `json:"By" audit:"record"`
	Reason      string    `json:"Reason" audit:"record"`
}
