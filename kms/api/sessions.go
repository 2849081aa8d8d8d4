package api

import "strings"

// The patterns of AWS STS (API reference, AssumeRole).
var (
	roleARNPattern    = pattern{text: `[\u0009\u000A\u000D\u0020-\u007E]+`, has: func(r rune) bool { return r >= 0x20 && r <= 0x7e }}
	externalIDPattern = pattern{text: `[\w+=,.@:\/-]*`, empty: true, has: func(r rune) bool {
		return wordRune(r) || strings.ContainsRune("+=,.@:/-", r)
	}}
)

// The bounds of a session's length in seconds (AWS STS API reference, AssumeRole, DurationSeconds). A role's own
// MaxSessionDuration bounds it too.
const (
	MinSessionSeconds     = 900
	MaxSessionSeconds     = MaxSessionDuration
	DefaultSessionSeconds = DefaultSessionDuration
	// MaxChainedSeconds bounds a session that is begun by another session.
	MaxChainedSeconds = 3600
)

// AssumeRoleInput begins a session of a role (AWS STS API reference, AssumeRole). What would restrict the session, or tell
// more of it, is refused by Unserved and never passed over.
type AssumeRoleInput struct {
	// RoleArn is the role's ARN, 20..2048 characters.
	RoleArn *string `json:"RoleArn,omitzero" audit:"record"`
	// RoleSessionName is 2..64 of [\w+=,.@-].
	RoleSessionName *string `json:"RoleSessionName,omitzero" audit:"record"`
	// DurationSeconds is 900..43200. Absent: 3600, or the role's longest session if that is shorter.
	DurationSeconds *int32 `json:"DurationSeconds,omitzero" audit:"record"`
	// ExternalID is 2..1224 of [\w+=,.@:/-], for the trust policy's condition key sts:ExternalId.
	ExternalID *string `json:"ExternalId,omitzero" audit:"record"`

	Policy            *string               `json:"Policy,omitzero" audit:"record"`
	PolicyArns        []PolicyDescriptor    `json:"PolicyArns,omitzero" audit:"record"`
	Tags              []SessionTag          `json:"Tags,omitzero" audit:"record"`
	TransitiveTagKeys []string              `json:"TransitiveTagKeys,omitzero" audit:"record"`
	SerialNumber      *string               `json:"SerialNumber,omitzero" audit:"record"`
	TokenCode         *string               `json:"TokenCode,omitzero" audit:"omit"`
	SourceIdentity    *string               `json:"SourceIdentity,omitzero" audit:"record"`
	ProvidedContexts  []SessionContextProof `json:"ProvidedContexts,omitzero" audit:"omit"`
}

// PolicyDescriptor names a managed policy (AWS STS API reference, PolicyDescriptorType).
type PolicyDescriptor struct {
	Arn *string `json:"arn,omitzero" audit:"record"`
}

// SessionTag is a tag of a session (AWS STS API reference, Tag).
type SessionTag struct {
	Key   *string `json:"Key,omitzero" audit:"record"`
	Value *string `json:"Value,omitzero" audit:"record"`
}

// SessionContextProof is an assertion about a session (AWS STS API reference, ProvidedContext).
type SessionContextProof struct {
	ProviderArn      *string `json:"ProviderArn,omitzero" audit:"record"`
	ContextAssertion *string `json:"ContextAssertion,omitzero" audit:"omit"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *AssumeRoleInput) Validate() error {
	var v violations
	text(&v, "roleArn", in.RoleArn, bounds{min: 20, max: 2048, pattern: roleARNPattern, required: true})
	text(&v, "roleSessionName", in.RoleSessionName, bounds{min: 2, max: 64, pattern: sessionNamePattern, required: true})
	v.number("durationSeconds", in.DurationSeconds, MinSessionSeconds, MaxSessionSeconds)
	text(&v, "externalId", in.ExternalID, bounds{min: 2, max: 1224, pattern: externalIDPattern})
	if err := v.err(); err != nil {
		return err
	}
	if !strings.HasPrefix(*in.RoleArn, "arn:") {
		return Validation(*in.RoleArn + " is invalid")
	}
	return nil
}

// sessionNamePattern has the characters of namePattern, and AWS's text for a session's name.
var sessionNamePattern = pattern{text: `[\w+=,.@-]*`, has: namePattern.has, empty: true}

// Unserved refuses session policies, tags, source identities, codes of devices and provided contexts.
func (in *AssumeRoleInput) Unserved() error {
	for _, member := range []struct {
		name  string
		given bool
	}{
		{"Policy", in.Policy != nil}, {"PolicyArns", len(in.PolicyArns) > 0}, {"Tags", len(in.Tags) > 0},
		{"TransitiveTagKeys", len(in.TransitiveTagKeys) > 0}, {"SerialNumber", in.SerialNumber != nil}, {"TokenCode", in.TokenCode != nil},
		{"SourceIdentity", in.SourceIdentity != nil}, {"ProvidedContexts", len(in.ProvidedContexts) > 0},
	} {
		if member.given {
			return unservedf("%s is not supported by this server. Leave it out: a session has the policies of its role, and nothing else.", member.name)
		}
	}
	return nil
}

// Seconds is how long the session shall last, for a role whose longest session has so many seconds: ValidationException
// beyond that, and beyond an hour when a session begins it.
func (in *AssumeRoleInput) Seconds(longest int, chained bool) (int, error) {
	seconds := int(or(in.DurationSeconds, int32(min(DefaultSessionSeconds, longest))))
	switch {
	case chained && seconds > MaxChainedSeconds:
		return 0, ChainTooLong()
	case seconds > longest:
		return 0, SessionTooLong()
	}
	return seconds, nil
}

// AssumeRoleOutput has the temporary credentials (AWS STS API reference, AssumeRole).
type AssumeRoleOutput struct {
	Credentials     SessionCredentials `json:"Credentials" audit:"record"`
	AssumedRoleUser AssumedRoleUser    `json:"AssumedRoleUser" audit:"record"`
}

// SessionCredentials are temporary credentials (AWS STS API reference, Credentials).
type SessionCredentials struct {
	AccessKeyID     string     `json:"AccessKeyId" audit:"record"`
	SecretAccessKey SecretText `json:"SecretAccessKey" audit:"omit"`
	SessionToken    SecretText `json:"SessionToken" audit:"omit"`
	Expiration      Time       `json:"Expiration" audit:"record"`
}

// AssumedRoleUser is whom the credentials make one: AssumedRoleID is "<role id>:<session name>", and Arn is the session's.
type AssumedRoleUser struct {
	AssumedRoleID string `json:"AssumedRoleId" audit:"record"`
	Arn           string `json:"Arn" audit:"record"`
}

// GetCallerIdentityInput asks who the caller is (AWS STS API reference, GetCallerIdentity).
type GetCallerIdentityInput struct{}

// Validate has nothing to check.
func (*GetCallerIdentityInput) Validate() error { return nil }

// GetCallerIdentityOutput is who the caller is. UserID is the unique id: of a session "<role id>:<session name>", of the
// root the account.
type GetCallerIdentityOutput struct {
	UserID  string `json:"UserId" audit:"record"`
	Account string `json:"Account" audit:"record"`
	Arn     string `json:"Arn" audit:"record"`
}

// RevokeSessionsInput ends every session of a role that was begun so far (Keyhold's own; IAM User Guide, "Revoking IAM
// role temporary security credentials").
type RevokeSessionsInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *RevokeSessionsInput) Validate() error { return validatePrincipal(in.Principal) }

// RevokeSessionsOutput tells the instant up to which sessions are revoked.
type RevokeSessionsOutput struct {
	SessionsRevokedBefore Time `json:"SessionsRevokedBefore" audit:"record"`
}
