package api

// The patterns of credentials (IAM API reference, AccessKey; the shortest id is AWS's own matter).
var (
	accessKeyPattern = pattern{text: `[\w]+`, has: wordRune}
	visiblePattern   = pattern{text: `[\u0021-\u007E]+`, has: func(r rune) bool { return r >= 0x21 && r <= 0x7e }}
)

func (v *violations) accessKeyID(required bool, id *string) {
	text(v, "accessKeyId", id, bounds{min: 1, max: 128, pattern: accessKeyPattern, required: required})
}

// keyOwner is a reference to the user that an access key belongs to.
func (v *violations) keyOwner(required bool, ref *string) {
	text(v, "principal", ref, bounds{min: 1, max: 2048, pattern: visiblePattern, required: required})
}

// CreateAccessKeyInput makes credentials for a user, of which there are at most MaxAccessKeysPerUser (Keyhold's own; IAM
// API reference, CreateAccessKey).
type CreateAccessKeyInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
	// AccessKeyID, 1..128 of [\w] and not ASIA…, and SecretAccessKey, 1..128 printable characters of ASCII but the blank,
	// go together, and are taken only from the owner of a throw-away data directory. Absent: both are drawn.
	AccessKeyID     *string     `json:"AccessKeyId,omitzero" audit:"record"`
	SecretAccessKey *SecretText `json:"SecretAccessKey,omitzero" audit:"omit"`
}

// Validate checks the members one by one, and that what goes together comes together.
func (in *CreateAccessKeyInput) Validate() error {
	var v violations
	v.keyOwner(true, in.Principal)
	v.accessKeyID(in.SecretAccessKey != nil, in.AccessKeyID)
	if in.AccessKeyID != nil && isSessionKeyID(*in.AccessKeyID) {
		v.add(quoted(*in.AccessKeyID), "accessKeyId", "Member must not begin with "+sessionKeyPrefix+", as those of sessions do")
	}
	text(&v, "secretAccessKey", in.SecretAccessKey, bounds{min: 1, max: 128, pattern: visiblePattern, required: in.AccessKeyID != nil, hidden: true})
	return v.err()
}

// sessionKeyPrefix begins the ids of temporary credentials (IAM User Guide, "Understanding unique ID prefixes").
const sessionKeyPrefix = "ASIA"

func isSessionKeyID(id string) bool {
	return len(id) >= len(sessionKeyPrefix) && id[:len(sessionKeyPrefix)] == sessionKeyPrefix
}

// Brought tells whether the caller brings credentials of its own making.
func (in *CreateAccessKeyInput) Brought() bool { return in.AccessKeyID != nil }

// CreateAccessKeyOutput has the secret, which is shown this once. Principal is the user's ARN.
type CreateAccessKeyOutput struct {
	AccessKeyID     string     `json:"AccessKeyId" audit:"record"`
	SecretAccessKey SecretText `json:"SecretAccessKey" audit:"omit"`
	Principal       string     `json:"Principal" audit:"record"`
	CreateDate      Time       `json:"CreateDate" audit:"record"`
}

// ListAccessKeysInput asks for the access keys of a user (Keyhold's own; IAM API reference, ListAccessKeys).
type ListAccessKeysInput struct {
	Principal *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *ListAccessKeysInput) Validate() error { return validatePrincipal(in.Principal) }

// ListAccessKeysOutput has them all, in the order of their ids. Principal is the user's ARN.
type ListAccessKeysOutput struct {
	Principal  string      `json:"Principal" audit:"record"`
	AccessKeys []AccessKey `json:"AccessKeys" audit:"record"`
}

// AccessKey describes a pair of credentials without its secret. State is Active or Inactive, and empty for one whose row
// was changed outside Keyhold.
type AccessKey struct {
	AccessKeyID string `json:"AccessKeyId" audit:"record"`
	State       string `json:"State" audit:"record"`
	CreateDate  Time   `json:"CreateDate,omitzero" audit:"record"`
}

// EnableAccessKeyInput lets an access key in again (Keyhold's own; IAM API reference, UpdateAccessKey). Principal, when
// present, must be the user that it belongs to.
type EnableAccessKeyInput struct {
	AccessKeyID *string `json:"AccessKeyId,omitzero" audit:"record"`
	Principal   *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *EnableAccessKeyInput) Validate() error {
	return validateAccessKey(in.AccessKeyID, in.Principal)
}

// EnableAccessKeyOutput is empty.
type EnableAccessKeyOutput = Void

// DisableAccessKeyInput shuts an access key out until it is enabled (Keyhold's own; IAM API reference, UpdateAccessKey).
// Principal, when present, must be the user that it belongs to.
type DisableAccessKeyInput struct {
	AccessKeyID *string `json:"AccessKeyId,omitzero" audit:"record"`
	Principal   *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DisableAccessKeyInput) Validate() error {
	return validateAccessKey(in.AccessKeyID, in.Principal)
}

// DisableAccessKeyOutput is empty.
type DisableAccessKeyOutput = Void

// DeleteAccessKeyInput removes an access key with its secret (Keyhold's own; IAM API reference, DeleteAccessKey).
// Principal, when present, must be the user that it belongs to.
type DeleteAccessKeyInput struct {
	AccessKeyID *string `json:"AccessKeyId,omitzero" audit:"record"`
	Principal   *string `json:"Principal,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DeleteAccessKeyInput) Validate() error {
	return validateAccessKey(in.AccessKeyID, in.Principal)
}

// DeleteAccessKeyOutput is empty.
type DeleteAccessKeyOutput = Void

func validateAccessKey(id, principal *string) error {
	var v violations
	v.accessKeyID(true, id)
	v.keyOwner(false, principal)
	return v.err()
}
