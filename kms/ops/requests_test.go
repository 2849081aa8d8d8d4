package ops_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/policy"
)

// subject is what a sample request is about. Keys are named in whatever way a test wants to name them.
type subject struct {
	key   string // the key; of ReEncrypt the source, of UpdateAlias the new target
	other string // the destination of ReEncrypt
	alias string // an alias that exists
	fresh string // an alias name that is not taken
	blob  []byte // a ciphertext of key, without encryption context
	grant string // a grant on key to its account

	account   string // an account with nothing in it
	principal string // a user with the identity policy "reader"
	role      string // a role
	accessKey string // an access key of the user
}

// samples has one request that succeeds for every operation of the table, given a key in the state that it needs.
var samples = map[string]func(s subject) kms.Input{
	"AssumeRole": func(s subject) kms.Input {
		return &api.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: new("night-shift")}
	},
	"CancelKeyDeletion": func(s subject) kms.Input { return &api.CancelKeyDeletionInput{KeyID: &s.key} },
	"CreateAccessKey":   func(s subject) kms.Input { return &api.CreateAccessKeyInput{Principal: &s.principal} },
	"CreateAccount":     func(subject) kms.Input { return &api.CreateAccountInput{Name: new("the lab")} },
	"CreateAlias":       func(s subject) kms.Input { return &api.CreateAliasInput{AliasName: &s.fresh, TargetKeyID: &s.key} },
	"CreateGrant": func(s subject) kms.Input {
		return &api.CreateGrantInput{KeyID: &s.key, GranteePrincipal: new(account), Operations: []keyspec.GrantOperation{keyspec.GrantEncrypt}}
	},
	"CreateKey": func(subject) kms.Input {
		return &api.CreateKeyInput{Description: new("a key"), Tags: []api.Tag{api.NewTag("team", "blue")}}
	},
	"CreatePrincipal": func(s subject) kms.Input {
		return &api.CreatePrincipalInput{Kind: new("user"), Name: new(strings.TrimPrefix(s.fresh, "alias/")), Tags: map[string]string{"team": "blue"}}
	},
	"Decrypt":         func(s subject) kms.Input { return &api.DecryptInput{KeyID: &s.key, CiphertextBlob: s.blob} },
	"DeleteAccessKey": func(s subject) kms.Input { return &api.DeleteAccessKeyInput{AccessKeyID: &s.accessKey} },
	"DeleteAccount":   func(s subject) kms.Input { return &api.DeleteAccountInput{AccountID: &s.account} },
	"DeleteAlias":     func(s subject) kms.Input { return &api.DeleteAliasInput{AliasName: &s.alias} },
	"DeletePrincipal": func(s subject) kms.Input { return &api.DeletePrincipalInput{Principal: &s.principal} },
	"DeletePrincipalPolicy": func(s subject) kms.Input {
		return &api.DeletePrincipalPolicyInput{Principal: &s.principal, PolicyName: new("reader")}
	},
	"DescribeKey":        func(s subject) kms.Input { return &api.DescribeKeyInput{KeyID: &s.key} },
	"DescribePrincipal":  func(s subject) kms.Input { return &api.DescribePrincipalInput{Principal: &s.principal} },
	"DisableAccessKey":   func(s subject) kms.Input { return &api.DisableAccessKeyInput{AccessKeyID: &s.accessKey} },
	"DisableAccount":     func(s subject) kms.Input { return &api.DisableAccountInput{AccountID: &s.account} },
	"DisableKey":         func(s subject) kms.Input { return &api.DisableKeyInput{KeyID: &s.key} },
	"DisableKeyRotation": func(s subject) kms.Input { return &api.DisableKeyRotationInput{KeyID: &s.key} },
	"DisablePrincipal":   func(s subject) kms.Input { return &api.DisablePrincipalInput{Principal: &s.principal} },
	"EnableAccessKey":    func(s subject) kms.Input { return &api.EnableAccessKeyInput{AccessKeyID: &s.accessKey} },
	"EnableAccount":      func(s subject) kms.Input { return &api.EnableAccountInput{AccountID: &s.account} },
	"EnableKey":          func(s subject) kms.Input { return &api.EnableKeyInput{KeyID: &s.key} },
	"EnableKeyRotation":  func(s subject) kms.Input { return &api.EnableKeyRotationInput{KeyID: &s.key} },
	"EnablePrincipal":    func(s subject) kms.Input { return &api.EnablePrincipalInput{Principal: &s.principal} },
	"Encrypt": func(s subject) kms.Input {
		return &api.EncryptInput{KeyID: &s.key, Plaintext: []byte("attack at dawn")}
	},
	"ExplainAccess": func(s subject) kms.Input {
		return &api.ExplainAccessInput{Principal: &s.principal, Action: new("kms:ListAliases"), KeyID: &s.key}
	},
	"GenerateDataKey": func(s subject) kms.Input {
		return &api.GenerateDataKeyInput{KeyID: &s.key, NumberOfBytes: new(int32(32))}
	},
	"GenerateDataKeyWithoutPlaintext": func(s subject) kms.Input {
		return &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &s.key, NumberOfBytes: new(int32(32))}
	},
	"GenerateRandom":       func(subject) kms.Input { return &api.GenerateRandomInput{NumberOfBytes: new(int32(32))} },
	"GetKeyPolicy":         func(s subject) kms.Input { return &api.GetKeyPolicyInput{KeyID: &s.key} },
	"GetKeyRotationStatus": func(s subject) kms.Input { return &api.GetKeyRotationStatusInput{KeyID: &s.key} },
	"GetPrincipalPolicy": func(s subject) kms.Input {
		return &api.GetPrincipalPolicyInput{Principal: &s.principal, PolicyName: new("reader")}
	},
	"GetCallerIdentity":     func(subject) kms.Input { return &api.GetCallerIdentityInput{} },
	"ListAccessKeys":        func(s subject) kms.Input { return &api.ListAccessKeysInput{Principal: &s.principal} },
	"RevokeSessions":        func(s subject) kms.Input { return &api.RevokeSessionsInput{Principal: &s.role} },
	"ListAccounts":          func(subject) kms.Input { return &api.ListAccountsInput{} },
	"ListAliases":           func(s subject) kms.Input { return &api.ListAliasesInput{KeyID: &s.key} },
	"ListGrants":            func(s subject) kms.Input { return &api.ListGrantsInput{KeyID: &s.key} },
	"ListKeyPolicies":       func(s subject) kms.Input { return &api.ListKeyPoliciesInput{KeyID: &s.key} },
	"ListKeyRotations":      func(s subject) kms.Input { return &api.ListKeyRotationsInput{KeyID: &s.key} },
	"ListKeys":              func(subject) kms.Input { return &api.ListKeysInput{} },
	"ListPrincipalPolicies": func(s subject) kms.Input { return &api.ListPrincipalPoliciesInput{Principal: &s.principal} },
	"ListPrincipals":        func(subject) kms.Input { return &api.ListPrincipalsInput{} },
	"ListResourceTags":      func(s subject) kms.Input { return &api.ListResourceTagsInput{KeyID: &s.key} },
	"ListRetirableGrants":   func(subject) kms.Input { return &api.ListRetirableGrantsInput{RetiringPrincipal: new(account)} },
	"PutKeyPolicy": func(s subject) kms.Input {
		return &api.PutKeyPolicyInput{KeyID: &s.key, Policy: new(policy.Default("", account))}
	},
	"PutPrincipalPolicy": func(s subject) kms.Input {
		return &api.PutPrincipalPolicyInput{Principal: &s.principal, PolicyName: new("reader"), Policy: new(allow("kms:DescribeKey"))}
	},
	"ReEncrypt": func(s subject) kms.Input {
		return &api.ReEncryptInput{SourceKeyID: &s.key, CiphertextBlob: s.blob, DestinationKeyID: &s.other}
	},
	"ResetKeyPolicy":      func(s subject) kms.Input { return &api.ResetKeyPolicyInput{KeyID: &s.key} },
	"RetireGrant":         func(s subject) kms.Input { return &api.RetireGrantInput{KeyID: &s.key, GrantID: &s.grant} },
	"RevokeGrant":         func(s subject) kms.Input { return &api.RevokeGrantInput{KeyID: &s.key, GrantID: &s.grant} },
	"RotateKeyOnDemand":   func(s subject) kms.Input { return &api.RotateKeyOnDemandInput{KeyID: &s.key} },
	"ScheduleKeyDeletion": func(s subject) kms.Input { return &api.ScheduleKeyDeletionInput{KeyID: &s.key} },
	"TagResource": func(s subject) kms.Input {
		return &api.TagResourceInput{KeyID: &s.key, Tags: []api.Tag{api.NewTag("stage", "test")}}
	},
	"UntagResource": func(s subject) kms.Input { return &api.UntagResourceInput{KeyID: &s.key, TagKeys: []string{"stage"}} },
	"UpdateAlias":   func(s subject) kms.Input { return &api.UpdateAliasInput{AliasName: &s.alias, TargetKeyID: &s.key} },
	"UpdateKeyDescription": func(s subject) kms.Input {
		return &api.UpdateKeyDescriptionInput{KeyID: &s.key, Description: new("said anew")}
	},
	"WhoCan": func(s subject) kms.Input { return &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &s.key} },
	"UpdatePrincipal": func(s subject) kms.Input {
		return &api.UpdatePrincipalInput{Principal: &s.role, Description: new("said anew"), MaxSessionDuration: new(int32(7200))}
	},
}

// sample is a request for an operation. An operation without a sample fails the test that wants one.
func sample(t testing.TB, operation string, s subject) kms.Input {
	t.Helper()
	if samples[operation] == nil {
		t.Fatalf("%s has no sample request: add one to samples", operation)
	}
	return samples[operation](s)
}

func TestEveryOperationHasASampleRequestAndNothingElseHas(t *testing.T) {
	var names []string
	for _, row := range ops.Table() {
		names = append(names, row.Describe().Name)
		sample(t, row.Describe().Name, subject{})
	}
	for name := range samples {
		if !slices.Contains(names, name) {
			t.Errorf("%s has a sample and is no operation", name)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("the table is not in alphabetical order")
	}
}

// member is a member of a request by its name on the wire.
func member(t testing.TB, in kms.Input, name string) reflect.Value {
	t.Helper()
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		if wire, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); wire == name {
			return v.Field(i)
		}
	}
	t.Fatalf("%T has no member %s", in, name)
	return reflect.Value{}
}

// keyMembers are the members of a request that name a KMS key, in the order of the shape.
func keyMembers(in kms.Input) []string {
	var names []string
	shape := reflect.TypeOf(in).Elem()
	for i := range shape.NumField() {
		name, _, _ := strings.Cut(shape.Field(i).Tag.Get("json"), ",")
		if strings.HasSuffix(name, "KeyId") && name != "XksKeyId" && name != "AccessKeyId" {
			names = append(names, name)
		}
	}
	return names
}

// lowerCamel is a member's name as messages spell it.
func lowerCamel(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// errorOf is the name and text of an AWS error; of nil, nothing.
func errorOf(err error) (name, message string) {
	var e *api.Error
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &e):
		return e.Name, e.Message
	default:
		return "not an AWS error", err.Error()
	}
}

// newAlias names a key.
func (b *bench) newAlias(name, key string) {
	b.t.Helper()
	must[*api.CreateAliasOutput](b, "CreateAlias", &api.CreateAliasInput{AliasName: &name, TargetKeyID: &key})
}

// newSubject is a key with an alias and a ciphertext, another key, and an alias name that is free.
func (b *bench) newSubject(name string) subject {
	b.t.Helper()
	s := subject{key: b.newKey(), other: b.newKey(), alias: "alias/" + name, fresh: "alias/fresh-" + name}
	b.newAlias(s.alias, s.key)
	s.blob = b.encrypt(s.key, "attack at dawn", nil)
	s.grant = b.grant(s.key, account, "GenerateDataKeyPair").GrantID
	b.newPeople(&s, name)
	return s
}

// newPeople gives a subject an account, a user and a role.
func (b *bench) newPeople(s *subject, name string) {
	b.t.Helper()
	s.account = must[*api.CreateAccountOutput](b, "CreateAccount", &api.CreateAccountInput{}).Account.AccountID
	s.principal, s.role = b.user("user-of-"+name).ARN, b.role("role-of-"+name, "").Arn
	b.putPolicy(b.root(), s.principal, "reader", allow("kms:ListKeys"))
	s.accessKey = must[*api.CreateAccessKeyOutput](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &s.principal}).AccessKeyID
	must[any](b, "AssumeRole", &api.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: new("first")}) // which makes the key of session tokens
}

// mustEncode is the JSON of a shape.
func mustEncode(t testing.TB, shape any) string {
	t.Helper()
	text, err := api.Encode(shape)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask is a request as the wire carries it.
func (b *bench) ask(operation string, body []byte) kms.Request {
	return kms.Request{Operation: operation, Caller: b.root(), Body: body}
}
