package api

import "github.com/keyhold/keyhold/kms/keyspec"

// ListGrantsInput asks for a page of a key's grants, by id or ARN (AWS KMS API reference, ListGrants).
type ListGrantsInput struct {
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
	KeyID  *string `json:"KeyId,omitzero" audit:"record"`
	// GrantID asks for one grant.
	GrantID *string `json:"GrantId,omitzero" audit:"record"`
	// GranteePrincipal asks for the grants to one principal, named as in CreateGrant.
	GranteePrincipal *string `json:"GranteePrincipal,omitzero" audit:"record"`
	// GranteeServicePrincipal is refused by Unserved.
	GranteeServicePrincipal *string `json:"GranteeServicePrincipal,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListGrantsInput) Validate() error {
	var v violations
	v.page(in.Limit, in.Marker)
	v.keyID("keyId", in.KeyID)
	v.grantID(in.GrantID, false)
	v.grantPrincipal("granteePrincipal", in.GranteePrincipal)
	v.servicePrincipal("granteeServicePrincipal", in.GranteeServicePrincipal)
	return v.err()
}

// Unserved refuses GranteeServicePrincipal with an UnsupportedOperationException.
func (in *ListGrantsInput) Unserved() error {
	if in.GranteeServicePrincipal != nil {
		return unservedServicePrincipal("GranteeServicePrincipal")
	}
	return nil
}

// PageSize is the most entries of the page: 50 by default, at most 100.
func (in *ListGrantsInput) PageSize() int { return pageSize(in.Limit, smallPage, 2*smallPage) }

// ListGrantsOutput is a page of grants. NextMarker is set when Truncated.
type ListGrantsOutput struct {
	Grants     []GrantListEntry `json:"Grants" audit:"record"`
	NextMarker string           `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool             `json:"Truncated" audit:"record"`
}

// GrantListEntry is one grant. KeyID is the key's ARN, IssuingAccount the ARN of the root of the account that made the
// grant. Principals stand as they were given, and as their unique ids when they were deleted since.
type GrantListEntry struct {
	KeyID             string                   `json:"KeyId,omitzero" audit:"record"`
	GrantID           string                   `json:"GrantId,omitzero" audit:"record"`
	Name              string                   `json:"Name" audit:"record"`
	CreationDate      Time                     `json:"CreationDate,omitzero" audit:"record"`
	GranteePrincipal  string                   `json:"GranteePrincipal,omitzero" audit:"record"`
	RetiringPrincipal string                   `json:"RetiringPrincipal,omitzero" audit:"record"`
	IssuingAccount    string                   `json:"IssuingAccount,omitzero" audit:"record"`
	Operations        []keyspec.GrantOperation `json:"Operations,omitzero" audit:"record"`
	Constraints       *GrantConstraints        `json:"Constraints,omitzero" audit:"record"`
}

// ListRetirableGrantsInput asks for a page of the grants that a principal of the caller's account may retire (AWS KMS API
// reference, ListRetirableGrants). RetiringPrincipal is named as in CreateGrant.
type ListRetirableGrantsInput struct {
	Limit             *int32  `json:"Limit,omitzero" audit:"record"`
	Marker            *string `json:"Marker,omitzero" audit:"record"`
	RetiringPrincipal *string `json:"RetiringPrincipal,omitzero" audit:"record"`
	// RetiringServicePrincipal is refused by Unserved.
	RetiringServicePrincipal *string `json:"RetiringServicePrincipal,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListRetirableGrantsInput) Validate() error {
	var v violations
	v.page(in.Limit, in.Marker)
	if in.RetiringPrincipal == nil && in.RetiringServicePrincipal == nil {
		v.add("null", "retiringPrincipal", notNull)
	}
	v.grantPrincipal("retiringPrincipal", in.RetiringPrincipal)
	v.servicePrincipal("retiringServicePrincipal", in.RetiringServicePrincipal)
	return v.err()
}

// Unserved refuses RetiringServicePrincipal with an UnsupportedOperationException.
func (in *ListRetirableGrantsInput) Unserved() error {
	if in.RetiringServicePrincipal != nil {
		return unservedServicePrincipal("RetiringServicePrincipal")
	}
	return nil
}

// PageSize is the most entries of the page: 50 by default, at most 100.
func (in *ListRetirableGrantsInput) PageSize() int { return pageSize(in.Limit, smallPage, 2*smallPage) }

// ListRetirableGrantsOutput is a page of grants, of whatever keys. NextMarker is set when Truncated.
type ListRetirableGrantsOutput struct {
	Grants     []GrantListEntry `json:"Grants" audit:"record"`
	NextMarker string           `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool             `json:"Truncated" audit:"record"`
}
