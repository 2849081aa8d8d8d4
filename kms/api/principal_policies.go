package api

// PutPrincipalPolicyInput gives a user or role an identity policy, or replaces the one of that name (Keyhold's own; IAM
// API reference, PutUserPolicy and PutRolePolicy).
type PutPrincipalPolicyInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
	// PolicyName is 1..128 of [\w+=,.@-].
	PolicyName *string `json:"PolicyName,omitzero" audit:"record"`
	// Policy is JSON text, at most 32,768 bytes.
	Policy *string `json:"Policy,omitzero" audit:"record"`
}

// Validate checks the members one by one. See CheckPolicySize for the rest.
func (in *PutPrincipalPolicyInput) Validate() error {
	var v violations
	v.principal(in.Principal)
	v.identityPolicyName(in.PolicyName)
	v.policy("policy", in.Policy, true)
	return v.err()
}

// PutPrincipalPolicyOutput names the policy.
type PutPrincipalPolicyOutput struct {
	Arn        string `json:"Arn" audit:"record"` // of the principal
	PolicyName string `json:"PolicyName" audit:"record"`
}

// GetPrincipalPolicyInput asks for an identity policy (Keyhold's own).
type GetPrincipalPolicyInput struct {
	Principal  *string `json:"Principal,omitzero" audit:"record"`
	PolicyName *string `json:"PolicyName,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *GetPrincipalPolicyInput) Validate() error {
	return validatePolicyOf(in.Principal, in.PolicyName)
}

// GetPrincipalPolicyOutput is the policy as it was given.
type GetPrincipalPolicyOutput struct {
	Arn        string `json:"Arn" audit:"record"` // of the principal
	PolicyName string `json:"PolicyName" audit:"record"`
	Policy     string `json:"Policy" audit:"record"`
}

// ListPrincipalPoliciesInput asks for a page of the names of a principal's identity policies (Keyhold's own).
type ListPrincipalPoliciesInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
	Limit     *int32  `json:"Limit,omitzero" audit:"record"`
	Marker    *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *ListPrincipalPoliciesInput) Validate() error {
	var v violations
	v.principal(in.Principal)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 50 by default and at most.
func (in *ListPrincipalPoliciesInput) PageSize() int {
	return pageSize(in.Limit, smallPage, smallPage)
}

// ListPrincipalPoliciesOutput is a page of names in alphabetical order. NextMarker is set when Truncated.
type ListPrincipalPoliciesOutput struct {
	PolicyNames []string `json:"PolicyNames" audit:"record"`
	NextMarker  string   `json:"NextMarker,omitzero" audit:"record"`
	Truncated   bool     `json:"Truncated" audit:"record"`
}

// DeletePrincipalPolicyInput takes an identity policy away (Keyhold's own).
type DeletePrincipalPolicyInput struct {
	Principal  *string `json:"Principal,omitzero" audit:"record"`
	PolicyName *string `json:"PolicyName,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DeletePrincipalPolicyInput) Validate() error {
	return validatePolicyOf(in.Principal, in.PolicyName)
}

// DeletePrincipalPolicyOutput names the policy that is no more.
type DeletePrincipalPolicyOutput struct {
	Arn        string `json:"Arn" audit:"record"` // of the principal
	PolicyName string `json:"PolicyName" audit:"record"`
}

func validatePolicyOf(principal, name *string) error {
	var v violations
	v.principal(principal)
	v.identityPolicyName(name)
	return v.err()
}
