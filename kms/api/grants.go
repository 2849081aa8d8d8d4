package api

import "github.com/keyhold/keyhold/kms/keyspec"

// CreateGrantInput lets a principal use a key by id or ARN (AWS KMS API reference, CreateGrant).
type CreateGrantInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// GranteePrincipal is an account, or the ARN or unique id of a user, role or session. It is required.
	GranteePrincipal *string `json:"GranteePrincipal,omitzero" audit:"record"`
	// RetiringPrincipal is such a principal, too, which may end the grant by RetireGrant.
	RetiringPrincipal *string `json:"RetiringPrincipal,omitzero" audit:"record"`
	// Operations must be such as the key can perform, and not CreateGrant alone.
	Operations  []keyspec.GrantOperation `json:"Operations,omitzero" audit:"record"`
	Constraints *GrantConstraints        `json:"Constraints,omitzero" audit:"record"`
	GrantTokens []string                 `json:"GrantTokens,omitzero" audit:"omit"`
	// Name makes the request idempotent: the same name and parameters give the same grant.
	Name   *string `json:"Name,omitzero" audit:"record"`
	DryRun *bool   `json:"DryRun,omitzero" audit:"record"`
	// GranteeServicePrincipal and RetiringServicePrincipal are refused by Unserved.
	GranteeServicePrincipal  *string `json:"GranteeServicePrincipal,omitzero" audit:"record"`
	RetiringServicePrincipal *string `json:"RetiringServicePrincipal,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them. See Check for the rest.
func (in *CreateGrantInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.grantPrincipal("granteePrincipal", in.GranteePrincipal)
	v.grantPrincipal("retiringPrincipal", in.RetiringPrincipal)
	if in.Operations == nil {
		v.add("null", "operations", notNull)
	}
	enums(&v, "operations", in.Operations, keyspec.GrantOperations)
	v.constraints(in.Constraints)
	v.grantTokens(in.GrantTokens)
	text(&v, "name", in.Name, bounds{min: 1, max: 256, pattern: aliasPattern})
	v.servicePrincipal("granteeServicePrincipal", in.GranteeServicePrincipal)
	v.servicePrincipal("retiringServicePrincipal", in.RetiringServicePrincipal)
	return v.err()
}

// Check checks the members together, with a ValidationException: one grantee, one retiring principal at most, more than
// CreateGrant, and one constraint at most.
func (in *CreateGrantInput) Check() error {
	if (in.GranteePrincipal == nil) == (in.GranteeServicePrincipal == nil) {
		return GrantPrincipalChoice("exactly one of GranteePrincipal and GranteeServicePrincipal")
	}
	if in.RetiringPrincipal != nil && in.RetiringServicePrincipal != nil {
		return GrantPrincipalChoice("at most one of RetiringPrincipal and RetiringServicePrincipal")
	}
	only := true
	for _, operation := range in.Operations {
		only = only && operation == keyspec.GrantCreateGrant
	}
	switch {
	case len(in.Operations) == 0:
		return GrantWithoutOperations()
	case only:
		return GrantOnlyCreates()
	}
	_, _, err := in.Constraints.Choice()
	return err
}

// Tokens are the grant tokens of the request.
func (in *CreateGrantInput) Tokens() []string { return in.GrantTokens }

// Unserved refuses service principals and SourceArn with an UnsupportedOperationException.
func (in *CreateGrantInput) Unserved() error {
	switch {
	case in.GranteeServicePrincipal != nil:
		return unservedServicePrincipal("GranteeServicePrincipal")
	case in.RetiringServicePrincipal != nil:
		return unservedServicePrincipal("RetiringServicePrincipal")
	case in.Constraints != nil && in.Constraints.SourceArn != nil:
		return unservedf("Constraints.SourceArn is not supported by this server, which no AWS service calls. Leave it out.")
	}
	return nil
}

// GrantConstraints restrict the encryption context of the requests that a grant allows (AWS KMS API reference,
// GrantConstraints): at most 8 pairs, each value of at most 384 characters. An empty map is a constraint, too.
type GrantConstraints struct {
	// EncryptionContextSubset must all be in the request's encryption context.
	EncryptionContextSubset EncryptionContext `json:"EncryptionContextSubset,omitzero" audit:"record"`
	// EncryptionContextEquals must be the request's encryption context.
	EncryptionContextEquals EncryptionContext `json:"EncryptionContextEquals,omitzero" audit:"record"`
	// SourceArn is refused by CreateGrant.
	SourceArn *string `json:"SourceArn,omitzero" audit:"record"`
}

// Choice is the constraint on the encryption context that is set: the member's name and its pairs, or "" for none. Both
// are a ValidationException, whether or not one is empty.
func (c *GrantConstraints) Choice() (member string, pairs EncryptionContext, err error) {
	switch {
	case c == nil:
		return "", nil, nil
	case c.EncryptionContextEquals != nil && c.EncryptionContextSubset != nil:
		return "", nil, GrantConstraintsMany()
	case c.EncryptionContextEquals != nil:
		return "EncryptionContextEquals", c.EncryptionContextEquals, nil
	case c.EncryptionContextSubset != nil:
		return "EncryptionContextSubset", c.EncryptionContextSubset, nil
	}
	return "", nil, nil
}

// CreateGrantOutput names the grant: the token is a text of base64url, the id 64 hexadecimal digits.
type CreateGrantOutput struct {
	GrantToken string `json:"GrantToken,omitzero" audit:"omit"`
	GrantID    string `json:"GrantId,omitzero" audit:"record"`
}

// RevokeGrantInput ends a grant on a key by id or ARN (AWS KMS API reference, RevokeGrant).
type RevokeGrantInput struct {
	KeyID   *string `json:"KeyId,omitzero" audit:"record"`
	GrantID *string `json:"GrantId,omitzero" audit:"record"`
	DryRun  *bool   `json:"DryRun,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *RevokeGrantInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.grantID(in.GrantID, true)
	return v.err()
}

// RevokeGrantOutput is empty.
type RevokeGrantOutput = Void

// RetireGrantInput ends a grant, on behalf of whom it names for that (AWS KMS API reference, RetireGrant). It is named by
// GrantToken, or by KeyID, an id or ARN, and GrantID. CloudTrail shows none of the members; the record tells the grant's
// id in additionalEventData.
type RetireGrantInput struct {
	GrantToken *string `json:"GrantToken,omitzero" audit:"omit"`
	KeyID      *string `json:"KeyId,omitzero" audit:"omit"`
	GrantID    *string `json:"GrantId,omitzero" audit:"omit"`
	DryRun     *bool   `json:"DryRun,omitzero" audit:"omit"`
}

// Validate checks the members one by one, as the service model bounds them, and that one grant is named in one way.
func (in *RetireGrantInput) Validate() error {
	var v violations
	text(&v, "grantToken", in.GrantToken, bounds{min: 1, max: 8192, hidden: true})
	byID := in.KeyID != nil || in.GrantID != nil
	v.keyIDIf(byID, "keyId", in.KeyID)
	v.grantID(in.GrantID, byID)
	if err := v.err(); err != nil {
		return err
	}
	if byID == (in.GrantToken != nil) {
		return GrantNamedOnce()
	}
	return nil
}

// RetireGrantOutput is empty.
type RetireGrantOutput = Void
