package api

// DefaultPolicyName is the name of every key policy: AWS KMS has no other.
const DefaultPolicyName = "default"

// checkPolicyName answers NotFoundException for a policy of another name.
func checkPolicyName(name *string) error {
	if or(name, DefaultPolicyName) != DefaultPolicyName {
		return NotFoundKeyPolicy()
	}
	return nil
}

// GetKeyPolicyInput names a key by id or ARN (AWS KMS API reference, GetKeyPolicy).
type GetKeyPolicyInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// PolicyName is "default" when absent, and nothing else.
	PolicyName *string `json:"PolicyName,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *GetKeyPolicyInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.keyPolicyName(in.PolicyName)
	return v.err()
}

// CheckName refuses a policy of another name than "default" with a NotFoundException.
func (in *GetKeyPolicyInput) CheckName() error { return checkPolicyName(in.PolicyName) }

// GetKeyPolicyOutput is the policy as it was stored, to the octet, except that a user or role that was deleted since
// stands as its unique id.
type GetKeyPolicyOutput struct {
	Policy     string `json:"Policy,omitzero" audit:"record"`
	PolicyName string `json:"PolicyName,omitzero" audit:"record"`
}

// PutKeyPolicyInput replaces the policy of a key by id or ARN (AWS KMS API reference, PutKeyPolicy).
type PutKeyPolicyInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// PolicyName is "default" when absent, and nothing else.
	PolicyName *string `json:"PolicyName,omitzero" audit:"record"`
	// Policy is JSON text, at most 32,768 bytes.
	Policy *string `json:"Policy,omitzero" audit:"record"`
	// BypassPolicyLockoutSafetyCheck accepts a policy under which the caller cannot change it any more.
	BypassPolicyLockoutSafetyCheck *bool `json:"BypassPolicyLockoutSafetyCheck,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *PutKeyPolicyInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.keyPolicyName(in.PolicyName)
	text(&v, "policy", in.Policy, bounds{min: 1, max: 131072, pattern: policyPattern, required: true})
	return v.err()
}

// CheckName refuses a policy of another name than "default" with a NotFoundException.
func (in *PutKeyPolicyInput) CheckName() error { return checkPolicyName(in.PolicyName) }

// PutKeyPolicyOutput is empty.
type PutKeyPolicyOutput = Void

// ListKeyPoliciesInput asks for the names of a key's policies, by id or ARN (AWS KMS API reference, ListKeyPolicies).
type ListKeyPoliciesInput struct {
	KeyID  *string `json:"KeyId,omitzero" audit:"record"`
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListKeyPoliciesInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 100 by default, at most 1000.
func (in *ListKeyPoliciesInput) PageSize() int { return pageSize(in.Limit, defaultPage, maxPage) }

// ListKeyPoliciesOutput is the one name that there is.
type ListKeyPoliciesOutput struct {
	PolicyNames []string `json:"PolicyNames" audit:"record"`
	NextMarker  string   `json:"NextMarker,omitzero" audit:"record"`
	Truncated   bool     `json:"Truncated" audit:"record"`
}

// ResetKeyPolicyInput names a key by id or ARN whose policy shall be the default one again, because nobody may change
// the present one any more. It is Keyhold's own operation.
type ResetKeyPolicyInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as those of PutKeyPolicy are bounded.
func (in *ResetKeyPolicyInput) Validate() error { return validateKeyID(in.KeyID) }

// ResetKeyPolicyOutput is empty.
type ResetKeyPolicyOutput = Void
