package api

// Principal describes a user or role (Keyhold's own; the members mean what those of User and Role in the IAM API
// reference do).
type Principal struct {
	Arn         string `json:"Arn" audit:"record"`
	PrincipalID string `json:"PrincipalId" audit:"record"` // AIDA… or AROA…: another one for every principal that ever was
	Kind        string `json:"Kind" audit:"record"`        // user or role
	Name        string `json:"Name" audit:"record"`
	Path        string `json:"Path" audit:"record"` // "/" or "/a/b/"
	AccountID   string `json:"AccountId" audit:"record"`
	// State is Active or Inactive; in a list it is empty for a principal whose row was changed outside Keyhold.
	State       string            `json:"State" audit:"record"`
	Description string            `json:"Description" audit:"record"`
	Tags        map[string]string `json:"Tags,omitzero" audit:"record"`
	// TrustPolicy and MaxSessionDuration, in seconds, are present for roles. Principals of the policy that were deleted
	// meanwhile stand there as their unique ids.
	TrustPolicy        string `json:"TrustPolicy,omitzero" audit:"record"`
	MaxSessionDuration int32  `json:"MaxSessionDuration,omitzero" audit:"record"`
	CreateDate         Time   `json:"CreateDate" audit:"record"`
	// SessionsRevokedBefore is present when sessions of the role were revoked: those up to this instant.
	SessionsRevokedBefore Time `json:"SessionsRevokedBefore,omitzero" audit:"record"`
}

// CreatePrincipalInput makes a user or role in the caller's account (Keyhold's own; IAM API reference, CreateUser and
// CreateRole).
type CreatePrincipalInput struct {
	// Kind is "user" or "role".
	Kind *string `json:"Kind,omitzero" audit:"record"`
	// Name is 1..64 of [\w+=,.@-], and unique ignoring case among the users, or the roles, of the account.
	Name *string `json:"Name,omitzero" audit:"record"`
	// Path is "/" or begins and ends with it, 1..512 of U+0021 to U+007E. Absent: "/".
	Path *string `json:"Path,omitzero" audit:"record"`
	// Description is 0..1000 characters.
	Description *string `json:"Description,omitzero" audit:"record"`
	// Tags are at most 50; see CheckTagMap.
	Tags map[string]string `json:"Tags,omitzero" audit:"record"`
	// TrustPolicy says who may assume a role, at most 32,768 bytes. A role must have one, a user has none.
	TrustPolicy *string `json:"TrustPolicy,omitzero" audit:"record"`
	// MaxSessionDuration of a role is 3600..43200 seconds. Absent: 3600.
	MaxSessionDuration *int32 `json:"MaxSessionDuration,omitzero" audit:"record"`
}

// Validate checks the members one by one. See Check for the rest.
func (in *CreatePrincipalInput) Validate() error {
	var v violations
	v.kind(true, in.Kind)
	text(&v, "name", in.Name, bounds{min: 1, max: 64, pattern: namePattern, required: true})
	v.path(in.Path)
	v.description(in.Description)
	v.tagMap(in.Tags)
	v.policy("trustPolicy", in.TrustPolicy, false)
	v.number("maxSessionDuration", in.MaxSessionDuration, MinSessionDuration, MaxSessionDuration)
	return v.err()
}

// IsRole tells whether a role is asked for.
func (in *CreatePrincipalInput) IsRole() bool { return or(in.Kind, "") == "role" }

// Check checks the members together: ValidationException for what only a role has or must have, TagException,
// LimitExceededException for a policy that is too large.
func (in *CreatePrincipalInput) Check() error {
	switch {
	case in.IsRole() && in.TrustPolicy == nil:
		return TrustPolicyMissing()
	case !in.IsRole():
		if err := checkUserMembers(in.TrustPolicy, in.MaxSessionDuration); err != nil {
			return err
		}
	}
	if err := CheckTagMap(in.Tags); err != nil {
		return err
	}
	return CheckPolicySize(or(in.TrustPolicy, ""))
}

// CreatePrincipalOutput has the new principal.
type CreatePrincipalOutput struct {
	Principal Principal `json:"Principal" audit:"record"`
}

// UpdatePrincipalInput changes a user or role; what is absent stays (Keyhold's own; IAM API reference, UpdateRole,
// UpdateAssumeRolePolicy and TagRole).
type UpdatePrincipalInput struct {
	Principal   *string `json:"Principal,omitzero" audit:"record"`
	Description *string `json:"Description,omitzero" audit:"record"`
	// Tags replace all that there are.
	Tags               map[string]string `json:"Tags,omitzero" audit:"record"`
	TrustPolicy        *string           `json:"TrustPolicy,omitzero" audit:"record"`
	MaxSessionDuration *int32            `json:"MaxSessionDuration,omitzero" audit:"record"`
}

// Validate checks the members one by one. See Check for the rest.
func (in *UpdatePrincipalInput) Validate() error {
	var v violations
	v.principal(in.Principal)
	v.description(in.Description)
	v.tagMap(in.Tags)
	v.policy("trustPolicy", in.TrustPolicy, false)
	v.number("maxSessionDuration", in.MaxSessionDuration, MinSessionDuration, MaxSessionDuration)
	return v.err()
}

// Check checks the members together, for a role or for a user; the errors are those of CreatePrincipalInput.Check.
func (in *UpdatePrincipalInput) Check(role bool) error {
	if !role {
		if err := checkUserMembers(in.TrustPolicy, in.MaxSessionDuration); err != nil {
			return err
		}
	}
	if err := CheckTagMap(in.Tags); err != nil {
		return err
	}
	return CheckPolicySize(or(in.TrustPolicy, ""))
}

// UpdatePrincipalOutput has the principal as it is now.
type UpdatePrincipalOutput struct {
	Principal Principal `json:"Principal" audit:"record"`
}

// checkUserMembers refuses what only roles have.
func checkUserMembers(trust *string, duration *int32) error {
	switch {
	case trust != nil:
		return OnlyOfRoles("TrustPolicy")
	case duration != nil:
		return OnlyOfRoles("MaxSessionDuration")
	}
	return nil
}

// DescribePrincipalInput asks for a user or role by ARN, unique id, user/<name> or role/<name> (Keyhold's own). Every
// other input that names a principal takes the same forms.
type DescribePrincipalInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DescribePrincipalInput) Validate() error { return validatePrincipal(in.Principal) }

// DescribePrincipalOutput has the principal.
type DescribePrincipalOutput struct {
	Principal Principal `json:"Principal" audit:"record"`
}

// ListPrincipalsInput asks for a page of the users and roles of the caller's account, or of one kind (Keyhold's own).
type ListPrincipalsInput struct {
	Kind   *string `json:"Kind,omitzero" audit:"record"`
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *ListPrincipalsInput) Validate() error {
	var v violations
	v.kind(false, in.Kind)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 50 by default, at most 100.
func (in *ListPrincipalsInput) PageSize() int { return pageSize(in.Limit, smallPage, 2*smallPage) }

// ListPrincipalsOutput is a page of principals in the order of their unique ids, users before roles, without tags and
// trust policies. NextMarker is set when Truncated.
type ListPrincipalsOutput struct {
	Principals []Principal `json:"Principals" audit:"record"`
	NextMarker string      `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool        `json:"Truncated" audit:"record"`
}

// EnablePrincipalInput lets a user or role in again (Keyhold's own).
type EnablePrincipalInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *EnablePrincipalInput) Validate() error { return validatePrincipal(in.Principal) }

// EnablePrincipalOutput has the principal as it is now.
type EnablePrincipalOutput struct {
	Principal Principal `json:"Principal" audit:"record"`
}

// DisablePrincipalInput shuts out a user, or the sessions of a role (Keyhold's own).
type DisablePrincipalInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DisablePrincipalInput) Validate() error { return validatePrincipal(in.Principal) }

// DisablePrincipalOutput has the principal as it is now.
type DisablePrincipalOutput struct {
	Principal Principal `json:"Principal" audit:"record"`
}

// DeletePrincipalInput removes a user or role with its policies and access keys (Keyhold's own). Policies and grants that
// name it give nothing to another of the same name.
type DeletePrincipalInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DeletePrincipalInput) Validate() error { return validatePrincipal(in.Principal) }

// DeletePrincipalOutput names the principal that is no more.
type DeletePrincipalOutput struct {
	Arn         string `json:"Arn" audit:"record"`
	PrincipalID string `json:"PrincipalId" audit:"record"`
}

func validatePrincipal(ref *string) error {
	var v violations
	v.principal(ref)
	return v.err()
}
