package api

import "strings"

// The prefix of every alias name, and the part of the name space that belongs to AWS managed keys.
const (
	aliasPrefix         = "alias/"
	reservedAliasPrefix = "alias/aws/"
)

// CreateAliasInput gives a key a new name (AWS KMS API reference, CreateAlias). TargetKeyID is a key id or ARN.
type CreateAliasInput struct {
	AliasName   *string `json:"AliasName,omitzero" audit:"record"`
	TargetKeyID *string `json:"TargetKeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them. See CheckAliasName for the rest.
func (in *CreateAliasInput) Validate() error {
	var v violations
	v.aliasName(in.AliasName)
	v.keyID("targetKeyId", in.TargetKeyID)
	return v.err()
}

// CheckAliasName checks the name of a new alias beyond the model: ValidationException without the prefix alias/,
// NotAuthorizedException for alias/aws/…, InvalidAliasNameException for the bare prefix.
func CheckAliasName(name string) error {
	switch {
	case !strings.HasPrefix(name, aliasPrefix):
		return AliasPrefix()
	case strings.HasPrefix(name, reservedAliasPrefix):
		return AliasReserved()
	case name == aliasPrefix:
		return AliasNameInvalid(name)
	}
	return nil
}

// CreateAliasOutput is empty.
type CreateAliasOutput = Void

// UpdateAliasInput points an alias at another key (AWS KMS API reference, UpdateAlias). TargetKeyID is a key id or ARN.
type UpdateAliasInput struct {
	AliasName   *string `json:"AliasName,omitzero" audit:"record"`
	TargetKeyID *string `json:"TargetKeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *UpdateAliasInput) Validate() error {
	var v violations
	v.aliasName(in.AliasName)
	v.keyID("targetKeyId", in.TargetKeyID)
	return v.err()
}

// UpdateAliasOutput is empty.
type UpdateAliasOutput = Void

// DeleteAliasInput removes a name, not the key (AWS KMS API reference, DeleteAlias). An alias ARN is not accepted.
type DeleteAliasInput struct {
	AliasName *string `json:"AliasName,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *DeleteAliasInput) Validate() error {
	var v violations
	v.aliasName(in.AliasName)
	return v.err()
}

// DeleteAliasOutput is empty.
type DeleteAliasOutput = Void

// ListAliasesInput asks for a page of all aliases, or of those of one key by id or ARN (AWS KMS API reference,
// ListAliases).
type ListAliasesInput struct {
	KeyID  *string `json:"KeyId,omitzero" audit:"record"`
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListAliasesInput) Validate() error {
	var v violations
	v.optionalKeyID("keyId", in.KeyID)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 50 by default, at most 100.
func (in *ListAliasesInput) PageSize() int { return pageSize(in.Limit, smallPage, 2*smallPage) }

// ListAliasesOutput is a page of aliases. NextMarker is set when Truncated.
type ListAliasesOutput struct {
	Aliases    []AliasListEntry `json:"Aliases" audit:"record"`
	NextMarker string           `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool             `json:"Truncated" audit:"record"`
}

// AliasListEntry is one alias. TargetKeyID is the bare key id; a predefined alias that was never used has none.
type AliasListEntry struct {
	AliasName       string `json:"AliasName,omitzero" audit:"record"`
	AliasArn        string `json:"AliasArn,omitzero" audit:"record"`
	TargetKeyID     string `json:"TargetKeyId,omitzero" audit:"record"`
	CreationDate    Time   `json:"CreationDate,omitzero" audit:"record"`
	LastUpdatedDate Time   `json:"LastUpdatedDate,omitzero" audit:"record"`
}
