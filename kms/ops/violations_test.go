package ops_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// violation is one thing that can be wrong with a request, and what a request with nothing else wrong is answered.
type violation struct {
	// kind: two of one kind do not come together.
	kind string
	// key and other change the rows of the two keys of a request, prepare brings the key about by requests.
	key, other func(*kms.KeyRow)
	prepare    func(b *bench, key string)
	// noKey and noOther: the request does not arrive at the key, so that nothing can be wrong with it.
	noKey, noOther bool
	// mallory: the caller is a user whom no policy lets do anything.
	mallory bool
	edit    func(t testing.TB, b *bench, s subject, in kms.Input)
	// work: it comes out in the work itself, which a dry run does not do.
	work bool
	// name and text of the error. ARN and OTHER stand for the keys' ARNs, ACTION for the action on the first.
	name, text string
}

// set changes a member.
func set(name string, value any) func(testing.TB, *bench, subject, kms.Input) {
	return func(t testing.TB, _ *bench, _ subject, in kms.Input) {
		t.Helper()
		member(t, in, name).Set(reflect.ValueOf(value))
	}
}

// addTags appends to Tags, so that what is wrong with one tag does not mend another.
func addTags(tags ...api.Tag) func(testing.TB, *bench, subject, kms.Input) {
	return func(t testing.TB, _ *bench, _ subject, in kms.Input) {
		t.Helper()
		m := member(t, in, "Tags")
		m.Set(reflect.AppendSlice(m, reflect.ValueOf(tags)))
	}
}

// bareTag puts a tag without value before the others.
func bareTag(t testing.TB, _ *bench, _ subject, in kms.Input) {
	t.Helper()
	m := member(t, in, "Tags")
	m.Set(reflect.AppendSlice(reflect.ValueOf([]api.Tag{{TagKey: new("bare")}}), m))
}

// byAlias names the key through an alias.
func byAlias(name string) func(testing.TB, *bench, subject, kms.Input) {
	return func(t testing.TB, b *bench, s subject, in kms.Input) {
		t.Helper()
		ref := "alias/of-" + s.key
		member(t, in, name).Set(reflect.ValueOf(&ref))
	}
}

func disabled(r *kms.KeyRow) { r.State = keyspec.StateDisabled }

func pendingDeletion(r *kms.KeyRow) {
	r.State, r.WindowDays, r.DeletionAt = keyspec.StatePendingDeletion, 30, r.CreatedAt+1
}

func forSigning(r *kms.KeyRow) { r.Usage = keyspec.SignVerify }

func external(r *kms.KeyRow) { r.Origin = keyspec.OriginExternal }

// ofUnknownKey is a ciphertext whose header names a key that does not exist.
func ofUnknownKey(t testing.TB, _ *bench, s subject, in kms.Input) {
	t.Helper()
	blob := bytes.Clone(s.blob)
	blob[4] ^= 0xff
	member(t, in, "CiphertextBlob").SetBytes(blob)
}

const (
	trustEveryone = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`
	noPolicy      = `{"Version":"2012-10-17"}`
	noPolicyText  = ", line 1, column 1: the policy has no Statement"
	malformed     = "MalformedPolicyDocumentException"

	mallory      = "arn:aws:iam::" + account + ":user/mallory"
	notAllowed   = "User: " + mallory + " is not authorized to perform: ACTION on resource: "
	noIdentity   = " because no identity-based policy allows the ACTION action"
	refersTo     = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."
	incorrectKey = "The key ID in the request does not identify a CMK that can perform this operation."
	denied       = "AccessDeniedException"
	validation   = "ValidationException"
	badUsage     = "InvalidKeyUsageException"
	badState     = "KMSInvalidStateException"
	isDisabled   = "DisabledException"
	unsupported  = "UnsupportedOperationException"
	tagError     = "TagException"
	atLeastOne   = "failed to satisfy constraint: Member must have value greater than or equal to 1"
	oneOrMore    = "failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to "
)

func serviceText(name string) string {
	return name + " is not supported by this server, which no AWS service calls. Leave it out and name a user, role or account."
}

const nobody = "arn:aws:iam::" + account + ":user/nobody"

var noGrant = strings.Repeat("0", 64)

// violations are told apart by a sentence each.
var violations = map[string]violation{
	// Members, one by one.
	"an empty grant token": {kind: "member", edit: set("GrantTokens", []string{""}), name: validation,
		text: one + "Value at 'grantTokens' " + oneOrMore + "8192, Member must have length greater than or equal to 1]"},
	"a grant token nobody made": {kind: "member", edit: set("GrantTokens", []string{"AQ"}), name: "InvalidGrantTokenException", text: "The grant token is not valid."},
	"no grant id": {kind: "grant", edit: set("GrantId", (*string)(nil)), name: validation,
		text: one + "Value null at 'grantId' failed to satisfy constraint: Member must not be null"},
	"no policy": {kind: "policy", edit: set("Policy", (*string)(nil)), name: validation,
		text: one + "Value null at 'policy' failed to satisfy constraint: Member must not be null"},
	"a limit of 0": {kind: "member", edit: set("Limit", new(int32(0))), name: validation, text: one + "Value '0' at 'limit' " + atLeastOne},
	"an action without prefix": {kind: "action", edit: set("Action", new("Encrypt")), name: validation,
		text: one + "Value 'Encrypt' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+:[\\w]+"},
	"an action of nothing": {kind: "action", edit: set("Action", new("kms:Encript")), name: validation,
		text: "No operation asks for the action 'kms:Encript': write one such as kms:Encrypt."},
	"a condition key twice": {kind: "entries", name: validation, text: "ContextEntries has 'aws:sourceip' twice: give one entry with all values.",
		edit: set("ContextEntries", []api.ContextEntry{entry("aws:SourceIp", "192.0.2.1"), entry("aws:sourceip", "192.0.2.2")})},
	"a period of 89 days": {kind: "member", edit: set("RotationPeriodInDays", new(int32(89))), name: validation,
		text: one + "Value '89' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value greater than or equal to 90"},
	"a window of 6 days": {kind: "member", edit: set("PendingWindowInDays", new(int32(6))), name: validation,
		text: one + "Value '6' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value greater than or equal to 7"},
	"a tag without value": {kind: "member", edit: bareTag, name: validation,
		text: one + "Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null"},
	"an empty tag key": {kind: "member", edit: set("TagKeys", []string{""}), name: validation,
		text: one + "Value '[]' at 'tagKeys' " + oneOrMore + "128, Member must have length greater than or equal to 1]"},
	"no description": {kind: "member", edit: set("Description", (*string)(nil)), name: validation,
		text: one + "Value null at 'description' failed to satisfy constraint: Member must not be null"},
	"a blank in the alias": {kind: "alias name", edit: set("AliasName", new("alias/a b")), name: validation,
		text: one + "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
	"a length of 0": {kind: "size", edit: set("NumberOfBytes", new(int32(0))), name: validation, text: one + "Value '0' at 'numberOfBytes' " + atLeastOne},

	// Which key.
	"an alias of the key":            {kind: "key", edit: byAlias("KeyId"), name: invalidArn, text: "Key Aliases are not supported for this operation."},
	"an alias as the target":         {kind: "key", edit: byAlias("TargetKeyId"), name: validation, text: "Aliases must refer to keys. Not aliases"},
	"an unknown key":                 {kind: "key", noKey: true, edit: set("KeyId", new(unknownID)), name: noSuchKey, text: "Key '" + arnBase + "key/" + unknownID + "' does not exist"},
	"an unknown target":              {kind: "key", noKey: true, edit: set("TargetKeyId", new(unknownID)), name: noSuchKey, text: "Key '" + arnBase + "key/" + unknownID + "' does not exist"},
	"an unknown source":              {kind: "key", noKey: true, edit: set("SourceKeyId", new(unknownID)), name: noSuchKey, text: "Key '" + arnBase + "key/" + unknownID + "' does not exist"},
	"an unknown destination":         {kind: "other key", noOther: true, edit: set("DestinationKeyId", new("alias/nobody")), name: noSuchKey, text: "Alias " + arnBase + "alias/nobody is not found."},
	"an unknown alias":               {kind: "alias name", edit: set("AliasName", new("alias/nobody")), name: noSuchKey, text: "Alias " + arnBase + "alias/nobody is not found."},
	"a ciphertext of an unknown key": {kind: "ciphertext", noKey: true, edit: ofUnknownKey, name: denied, text: refersTo},

	// Who asks.
	"a caller who may not":                 {kind: "caller", mallory: true, name: denied, text: notAllowed + "ARN" + noIdentity},
	"a caller who may not, of the account": {kind: "caller", mallory: true, name: denied, text: notAllowed + "arn:aws:iam::" + account + ":root" + noIdentity},
	"a caller who is not at home": {kind: "caller", mallory: true, name: denied,
		text: notAllowed + "ARN because it is for the root of the key's account only, as the owner of the server's data directory or admin socket"},
	"a caller who may not, of no key":      {kind: "caller", mallory: true, name: denied, text: notAllowed + "*" + noIdentity},
	"a caller who may not, of the old key": {kind: "caller", mallory: true, name: denied, text: notAllowed + "PLAIN" + noIdentity},
	"a caller who may not, by content":     {kind: "caller", mallory: true, name: denied, text: refersTo},

	// What the ciphertext is.
	"no ciphertext of ours":   {kind: "ciphertext", edit: set("CiphertextBlob", []byte("no ciphertext of ours")), name: "InvalidCiphertextException"},
	"nothing but a string":    {kind: "ciphertext", noKey: true, edit: set("CiphertextBlob", []byte("no ciphertext of ours")), name: "InvalidCiphertextException"},
	"another key's":           {kind: "ciphertext", edit: anotherKeys, name: "IncorrectKeyException", text: incorrectKey},
	"another context":         {kind: "context", work: true, edit: set("EncryptionContext", api.EncryptionContext{"a": "b"}), name: "InvalidCiphertextException"},
	"another source context":  {kind: "context", work: true, edit: set("SourceEncryptionContext", api.EncryptionContext{"a": "b"}), name: "InvalidCiphertextException"},
	"a recipient":             {kind: "recipient", edit: set("Recipient", &api.RecipientInfo{}), name: unsupported, text: "Recipient is not supported by this server, which cannot verify attestation documents. Leave it out to receive the plaintext over TLS."},
	"a custom key store":      {kind: "store", edit: set("CustomKeyStoreId", new("cks-1")), name: unsupported, text: "CustomKeyStoreId is not supported by this server. Leave it out: this server's own HSM is used."},
	"both sizes":              {kind: "size", edit: set("KeySpec", new(keyspec.DataKeySpec("AES_256"))), name: validation, text: "Please specify either number of bytes or key spec."},
	"neither size":            {kind: "size", edit: set("NumberOfBytes", (*int32)(nil)), name: validation, text: "Please specify either number of bytes or key spec."},
	"no length":               {kind: "size", edit: set("NumberOfBytes", (*int32)(nil)), name: validation, text: "NumberOfBytes is required."},
	"a marker nobody made":    {kind: "marker", edit: set("Marker", new("nobody made this")), name: "InvalidMarkerException", text: "The marker is not valid."},
	"an alias without prefix": {kind: "alias name", edit: set("AliasName", new("app")), name: validation, text: `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
	"an alias of AWS":         {kind: "alias name", edit: set("AliasName", new("alias/aws/app")), name: "NotAuthorizedException"},
	"an alias that exists":    {kind: "alias name", edit: set("AliasName", new("alias/plain")), name: "AlreadyExistsException", text: "An alias with the name " + arnBase + "alias/plain already exists"},
	"a tag twice":             {kind: "tags", edit: addTags(api.NewTag("twice", "1"), api.NewTag("twice", "2")), name: tagError, text: "Duplicate tag keys"},
	"a tag of AWS":            {kind: "tags", edit: addTags(api.NewTag("AWS:cost", "1")), name: tagError, text: "Tags beginning with aws: are reserved"},
	"51 tags":                 {kind: "tags", edit: addTags(manyTags("new", 51)...), name: tagError, text: "Too many tags"},

	// Accounts and principals.
	"an account id of letters": {kind: "account", edit: set("AccountId", new("twelveletter")), name: validation,
		text: one + "Value 'twelveletter' at 'accountId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\\d{12}$"},
	"an account that exists":      {kind: "account", edit: set("AccountId", new(account)), name: "AlreadyExistsException", text: "Account '" + account + "' already exists"},
	"the directory's own account": {kind: "account", edit: set("AccountId", new(account)), name: validation, text: "Account '" + account + "' is the directory's own: it can neither be disabled nor deleted."},
	"an unknown account":          {kind: "account", edit: set("AccountId", new("999999999999")), name: noSuchKey, text: "Account '999999999999' does not exist"},
	"a blank in the principal": {kind: "principal", edit: set("Principal", new("user/al ice")), name: validation,
		text: one + "Value 'user/al ice' at 'principal' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0021-\\u007E]+"},
	"an unknown principal":                  {kind: "principal", edit: set("Principal", new("user/nobody")), name: noSuchKey, text: "Principal 'user/nobody' does not exist"},
	"a caller who may not, of the user":     {kind: "caller", mallory: true, name: denied, text: notAllowed + "USER" + noIdentity},
	"a caller who may not assume the role":  {kind: "caller", mallory: true, name: denied, text: notAllowed + "ROLE"},
	"a caller who may not, of the role":     {kind: "caller", mallory: true, name: denied, text: notAllowed + "ROLE" + noIdentity},
	"a caller who may not, of the new user": {kind: "caller", mallory: true, name: denied, text: notAllowed + "NEWCOMER" + noIdentity},
	"a name with a blank": {kind: "name", edit: set("Name", new("al ice")), name: validation,
		text: one + "Value 'al ice' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"},
	"a name that is taken": {kind: "name", name: "AlreadyExistsException", text: "A principal with the name of USER already exists. " +
		"Names are unique in an account among users and among roles, ignoring case and path.",
		edit: func(t testing.TB, _ *bench, s subject, in kms.Input) {
			_, name, _ := strings.Cut(s.principal, ":user/")
			name = strings.ToUpper(name)
			member(t, in, "Name").Set(reflect.ValueOf(&name))
		}},
	"a kind of principal that there is not": {kind: "member", edit: set("Kind", new("group")), name: validation,
		text: one + "Value 'group' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [user, role]"},
	"a trust policy for a user":   {kind: "trust", edit: set("TrustPolicy", new(trustEveryone)), name: validation, text: "TrustPolicy belongs to roles only. Leave it out for a user."},
	"a trust policy that is none": {kind: "trust", edit: set("TrustPolicy", new(noPolicy)), name: malformed, text: "trust policy" + noPolicyText},
	"an unknown access key": {kind: "access key", edit: set("AccessKeyId", new("AKIA2222222222222222")), name: noSuchKey,
		text: "The Access Key with id AKIA2222222222222222 cannot be found."},
	"an id without a secret": {kind: "access key", edit: set("AccessKeyId", new("test")), name: validation,
		text: one + "Value null at 'secretAccessKey' failed to satisfy constraint: Member must not be null"},
	"credentials of one's own": {kind: "access key", name: unsupported,
		text: "AccessKeyId and SecretAccessKey are taken only from the owner of a throw-away data directory. Leave them out: this server draws both.",
		edit: func(t testing.TB, b *bench, s subject, in kms.Input) {
			set("AccessKeyId", new("test"))(t, b, s, in)
			set("SecretAccessKey", new(api.SecretText("test")))(t, b, s, in)
		}},
	"a slash in the session's name": {kind: "session name", edit: set("RoleSessionName", new("a/b")), name: validation,
		text: one + "Value 'a/b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"},
	"an unknown role": {kind: "caller", edit: set("RoleArn", new("arn:aws:iam::"+account+":role/nobody")), name: denied,
		text: "User: arn:aws:iam::" + account + ":root is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::" + account + ":role/nobody"},
	"a session policy": {kind: "session policy", edit: set("Policy", new("{}")), name: unsupported,
		text: "Policy is not supported by this server. Leave it out: a session has the policies of its role, and nothing else."},
	"a session of two hours": {kind: "session duration", edit: set("DurationSeconds", new(int32(7200))), name: validation,
		text: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
	"a session of 15 minutes less a second": {kind: "session duration", edit: set("DurationSeconds", new(int32(899))), name: validation,
		text: one + "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
	"a session of an hour less a second": {kind: "duration", edit: set("MaxSessionDuration", new(int32(3599))), name: validation,
		text: one + "Value '3599' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600"},
	"tag keys that differ in case": {kind: "tags", edit: set("Tags", map[string]string{"Team": "a", "team": "b"}), name: tagError, text: "Duplicate tag keys"},
	"a tag key of AWS":             {kind: "tags", edit: set("Tags", map[string]string{"Aws:cost": "a"}), name: tagError, text: "Tags beginning with aws: are reserved"},
	"a blank in the policy's name": {kind: "policy name", edit: set("PolicyName", new("a b")), name: validation,
		text: one + "Value 'a b' at 'policyName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"},
	"an unknown policy":          {kind: "policy name", edit: set("PolicyName", new("nobody")), name: noSuchKey, text: "USER has no policy 'nobody'"},
	"a policy that is too large": {kind: "policy", edit: set("Policy", new(strings.Repeat(" ", 32767)+"{}")), name: "LimitExceededException", text: "The policy is larger than 32768 bytes."},
	"a policy that is none":      {kind: "policy", edit: set("Policy", new(noPolicy)), name: malformed, text: "identity policy" + noPolicyText},

	// What the key is.
	"a key for signing":            {kind: "usage", key: forSigning, name: badUsage, text: "ARN key usage is SIGN_VERIFY which is not valid for OPERATION."},
	"a destination for signing":    {kind: "other usage", other: forSigning, name: badUsage, text: "OTHER key usage is SIGN_VERIFY which is not valid for OPERATION."},
	"a target of another usage":    {kind: "usage", key: forSigning, name: validation, text: "The new target of an alias must be of the same key type and key usage as the current one."},
	"imported key material":        {kind: "origin", key: external, name: unsupported, text: "ARN origin is EXTERNAL which is not valid for this operation."},
	"a disabled key":               {kind: "state", key: disabled, name: isDisabled, text: "ARN is disabled."},
	"a key pending deletion":       {kind: "state", key: pendingDeletion, name: badState, text: "ARN is pending deletion."},
	"an enabled key":               {kind: "state", key: func(*kms.KeyRow) {}, name: badState, text: "ARN is not pending deletion."},
	"a disabled destination":       {kind: "other state", other: disabled, name: isDisabled, text: "OTHER is disabled."},
	"a doomed destination":         {kind: "other state", other: pendingDeletion, name: badState, text: "OTHER is pending deletion."},
	"an RSA algorithm":             {kind: "algorithm", edit: set("EncryptionAlgorithm", new(keyspec.EncryptionRSAOAEPSHA256)), name: badUsage, text: "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."},
	"an RSA source algorithm":      {kind: "algorithm", edit: set("SourceEncryptionAlgorithm", new(keyspec.EncryptionRSAOAEPSHA256)), name: badUsage, text: "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."},
	"an RSA destination algorithm": {kind: "other algorithm", edit: set("DestinationEncryptionAlgorithm", new(keyspec.EncryptionRSAOAEPSHA1)), name: badUsage, text: "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT."},
	"25 rotations":                 {kind: "rotations", key: func(r *kms.KeyRow) { r.OnDemandRotations = 25 }, name: "LimitExceededException", text: "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ARN"},
	"50 other tags":                {kind: "present tags", prepare: fillTags, name: tagError, text: "Too many tags"},
	"50 aliases":                   {kind: "present aliases", prepare: fillAliases, name: "LimitExceededException", text: "ARN has reached the limit of 50 aliases."},

	// Which grant.
	"nothing but CreateGrant": {kind: "operations", edit: set("Operations", []keyspec.GrantOperation{keyspec.GrantCreateGrant}), name: validation,
		text: "Grants must not contain only the CreateGrant operation."},
	"two constraints": {kind: "constraint", edit: set("Constraints", &api.GrantConstraints{EncryptionContextEquals: api.EncryptionContext{},
		EncryptionContextSubset: api.EncryptionContext{"a": "b"}}), name: validation, text: "More than one constraint supplied"},
	"a service as the grantee": {kind: "grantee", name: unsupported, text: serviceText("GranteeServicePrincipal"),
		edit: func(t testing.TB, b *bench, s subject, in kms.Input) {
			set("GranteePrincipal", (*string)(nil))(t, b, s, in)
			set("GranteeServicePrincipal", new("s3.amazonaws.com"))(t, b, s, in)
		}},
	"a service to list for": {kind: "grantee", edit: set("GranteeServicePrincipal", new("s3.amazonaws.com")), name: unsupported, text: serviceText("GranteeServicePrincipal")},
	"a service to retire":   {kind: "retiring", edit: set("RetiringServicePrincipal", new("s3.amazonaws.com")), name: unsupported, text: serviceText("RetiringServicePrincipal")},
	"an operation of HMAC keys": {kind: "operations", edit: set("Operations", []keyspec.GrantOperation{keyspec.GrantEncrypt, keyspec.GrantGenerateMac}),
		name: validation, text: "The operation GenerateMac cannot be granted on a key with key spec SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT."},
	"a grantee who is nobody":            {kind: "grantee", edit: set("GranteePrincipal", new(nobody)), name: invalidArn, text: "LITERAL-ARN does not refer to a valid principal: " + nobody},
	"a retiring principal who is nobody": {kind: "retiring", edit: set("RetiringPrincipal", new(nobody)), name: invalidArn, text: "LITERAL-ARN does not refer to a valid principal: " + nobody},
	"a retiring principal of nobody":     {kind: "caller", edit: set("RetiringPrincipal", new(nobody)), name: invalidArn, text: "LITERAL-ARN does not refer to a valid principal: " + nobody},
	"a grant id that is none":            {kind: "grant", edit: set("GrantId", new("none")), name: "InvalidGrantIdException", text: "Invalid grant ID 'none'"},
	"an unknown grant":                   {kind: "grant", edit: set("GrantId", new(noGrant)), name: noSuchKey, text: "Grant ID " + noGrant + " not found"},
	"a policy of another name":           {kind: "policy name", edit: set("PolicyName", new("other")), name: noSuchKey, text: "No such policy exists"},

	// What the new key shall be.
	"both specs": {kind: "spec", name: validation, text: "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
		edit: func(t testing.TB, b *bench, s subject, in kms.Input) {
			set("KeySpec", new(keyspec.SymmetricDefault))(t, b, s, in)
			set("CustomerMasterKeySpec", new(keyspec.SymmetricDefault))(t, b, s, in)
		}},
	"a spec without usage": {kind: "spec", edit: set("KeySpec", new(keyspec.RSA2048)), name: validation, text: "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
	"a symmetric key for signing": {kind: "spec", edit: set("KeyUsage", new(keyspec.SignVerify)), name: validation,
		text: "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"},
	"a spec that is not served": {kind: "spec", name: unsupported, text: "KeySpec HMAC_256 is not supported by this server. Use SYMMETRIC_DEFAULT.",
		edit: func(t testing.TB, b *bench, s subject, in kms.Input) {
			set("KeySpec", new(keyspec.HMAC256))(t, b, s, in)
			set("KeyUsage", new(keyspec.GenerateVerifyMAC))(t, b, s, in)
		}},
	"an origin that is not served": {kind: "origin", edit: set("Origin", new(keyspec.OriginExternal)), name: unsupported,
		text: "Origin EXTERNAL is not supported by this server. Leave it out or use AWS_KMS: the key material is made in this server's own HSM."},
	"an external key": {kind: "xks", edit: set("XksKeyId", new("xks-1")), name: unsupported,
		text: "XksKeyId is not supported by this server. Leave it out: the key material is made in this server's own HSM."},
	"many Regions": {kind: "regions", edit: set("MultiRegion", new(true)), name: unsupported,
		text: "MultiRegion true is not supported by this server. Leave it out, or create one key per Region."},
	"a policy that locks out": {kind: "policy", edit: set("Policy", new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:DescribeKey","Resource":"*"}]}`)),
		name: "MalformedPolicyDocumentException", text: "The new key policy will not allow you to update the key policy in the future."},
}
