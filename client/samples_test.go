package client_test

import (
	"strings"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// subject is what a sample is about.
type subject struct {
	key, other, pending string // keys; the last is pending deletion
	alias, fresh        string // an alias that exists, and a name that is not taken
	blob                []byte // a ciphertext of key
	grant               string // a grant on key
	account             string // one with nothing in it
	user, role          string // ARNs
	accessKey           string // of the user
}

// newSubject makes one. Name must be another each time.
func (b *bench) newSubject(name string) subject {
	b.t.Helper()
	s := subject{key: b.newKey(), other: b.newKey(), pending: b.newKey(), alias: "alias/" + name, fresh: "alias/fresh-" + name}
	do[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &s.pending})
	do[any](b, "CreateAlias", &api.CreateAliasInput{AliasName: &s.alias, TargetKeyID: &s.key})
	s.blob = do[*api.EncryptOutput](b, "Encrypt", &api.EncryptInput{KeyID: &s.key, Plaintext: []byte("attack at dawn")}).CiphertextBlob
	s.grant = do[*api.CreateGrantOutput](b, "CreateGrant", &api.CreateGrantInput{KeyID: &s.key, GranteePrincipal: new(account),
		Operations: []keyspec.GrantOperation{keyspec.GrantEncrypt}}).GrantID
	s.account = do[*api.CreateAccountOutput](b, "CreateAccount", &api.CreateAccountInput{}).Account.AccountID
	s.accessKey = b.user("user-of-"+name, everything).AccessKeyID()
	s.user = "arn:aws:iam::" + account + ":user/user-of-" + name
	s.role = do[*api.CreatePrincipalOutput](b, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("role"), Name: new("role-of-" + name), TrustPolicy: new(trust)}).Principal.Arn
	return s
}

// samples has a request for each operation that succeeds.
var samples = map[string]func(s subject) client.Input{
	"AssumeRole": func(s subject) client.Input {
		return &api.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: new("night+shift=1,2.@"), DurationSeconds: new(int32(900))}
	},
	"CancelKeyDeletion": func(s subject) client.Input { return &api.CancelKeyDeletionInput{KeyID: &s.pending} },
	"CreateAccessKey":   func(s subject) client.Input { return &api.CreateAccessKeyInput{Principal: &s.user} },
	"CreateAccount":     func(subject) client.Input { return &api.CreateAccountInput{Name: new("the lab")} },
	"CreateAlias": func(s subject) client.Input {
		return &api.CreateAliasInput{AliasName: &s.fresh, TargetKeyID: &s.key}
	},
	"CreateGrant": func(s subject) client.Input {
		return &api.CreateGrantInput{KeyID: &s.key, GranteePrincipal: &s.user, Operations: []keyspec.GrantOperation{keyspec.GrantEncrypt}}
	},
	"CreateKey": func(subject) client.Input {
		return &api.CreateKeyInput{Description: new("a key"), Tags: []api.Tag{api.NewTag("team", "blue")}}
	},
	"CreatePrincipal": func(s subject) client.Input {
		return &api.CreatePrincipalInput{Kind: new("user"), Name: new(strings.TrimPrefix(s.fresh, "alias/"))}
	},
	"Decrypt":         func(s subject) client.Input { return &api.DecryptInput{CiphertextBlob: s.blob} },
	"DeleteAccessKey": func(s subject) client.Input { return &api.DeleteAccessKeyInput{AccessKeyID: &s.accessKey} },
	"DeleteAccount":   func(s subject) client.Input { return &api.DeleteAccountInput{AccountID: &s.account} },
	"DeleteAlias":     func(s subject) client.Input { return &api.DeleteAliasInput{AliasName: &s.alias} },
	"DeletePrincipal": func(s subject) client.Input { return &api.DeletePrincipalInput{Principal: &s.role} },
	"DeletePrincipalPolicy": func(s subject) client.Input {
		return &api.DeletePrincipalPolicyInput{Principal: &s.user, PolicyName: new("reader")}
	},
	"DescribeKey":        func(s subject) client.Input { return &api.DescribeKeyInput{KeyID: &s.alias} },
	"DescribePrincipal":  func(s subject) client.Input { return &api.DescribePrincipalInput{Principal: &s.user} },
	"DisableAccessKey":   func(s subject) client.Input { return &api.DisableAccessKeyInput{AccessKeyID: &s.accessKey} },
	"DisableAccount":     func(s subject) client.Input { return &api.DisableAccountInput{AccountID: &s.account} },
	"DisableKey":         func(s subject) client.Input { return &api.DisableKeyInput{KeyID: &s.key} },
	"DisableKeyRotation": func(s subject) client.Input { return &api.DisableKeyRotationInput{KeyID: &s.key} },
	"DisablePrincipal":   func(s subject) client.Input { return &api.DisablePrincipalInput{Principal: &s.user} },
	"EnableAccessKey":    func(s subject) client.Input { return &api.EnableAccessKeyInput{AccessKeyID: &s.accessKey} },
	"EnableAccount":      func(s subject) client.Input { return &api.EnableAccountInput{AccountID: &s.account} },
	"EnableKey":          func(s subject) client.Input { return &api.EnableKeyInput{KeyID: &s.key} },
	"EnableKeyRotation":  func(s subject) client.Input { return &api.EnableKeyRotationInput{KeyID: &s.key} },
	"EnablePrincipal":    func(s subject) client.Input { return &api.EnablePrincipalInput{Principal: &s.user} },
	"Encrypt": func(s subject) client.Input {
		return &api.EncryptInput{KeyID: &s.key, Plaintext: []byte("attack at dawn"), EncryptionContext: api.EncryptionContext{"Purpose": "test"}}
	},
	"ExplainAccess": func(s subject) client.Input {
		return &api.ExplainAccessInput{Principal: &s.user, Action: new("kms:Encrypt"), KeyID: &s.key}
	},
	"GenerateDataKey": func(s subject) client.Input {
		return &api.GenerateDataKeyInput{KeyID: &s.key, NumberOfBytes: new(int32(32))}
	},
	"GenerateDataKeyWithoutPlaintext": func(s subject) client.Input {
		return &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &s.key, KeySpec: new(keyspec.AES256)}
	},
	"GenerateRandom":       func(subject) client.Input { return &api.GenerateRandomInput{NumberOfBytes: new(int32(32))} },
	"GetCallerIdentity":    func(subject) client.Input { return &api.GetCallerIdentityInput{} },
	"GetKeyPolicy":         func(s subject) client.Input { return &api.GetKeyPolicyInput{KeyID: &s.key} },
	"GetKeyRotationStatus": func(s subject) client.Input { return &api.GetKeyRotationStatusInput{KeyID: &s.key} },
	"GetPrincipalPolicy": func(s subject) client.Input {
		return &api.GetPrincipalPolicyInput{Principal: &s.user, PolicyName: new("reader")}
	},
	"ListAccessKeys":        func(s subject) client.Input { return &api.ListAccessKeysInput{Principal: &s.user} },
	"ListAccounts":          func(subject) client.Input { return &api.ListAccountsInput{} },
	"ListAliases":           func(s subject) client.Input { return &api.ListAliasesInput{KeyID: &s.key} },
	"ListGrants":            func(s subject) client.Input { return &api.ListGrantsInput{KeyID: &s.key} },
	"ListKeyPolicies":       func(s subject) client.Input { return &api.ListKeyPoliciesInput{KeyID: &s.key} },
	"ListKeyRotations":      func(s subject) client.Input { return &api.ListKeyRotationsInput{KeyID: &s.key} },
	"ListKeys":              func(subject) client.Input { return &api.ListKeysInput{} },
	"ListPrincipalPolicies": func(s subject) client.Input { return &api.ListPrincipalPoliciesInput{Principal: &s.user} },
	"ListPrincipals":        func(subject) client.Input { return &api.ListPrincipalsInput{} },
	"ListResourceTags":      func(s subject) client.Input { return &api.ListResourceTagsInput{KeyID: &s.key} },
	"ListRetirableGrants": func(subject) client.Input {
		return &api.ListRetirableGrantsInput{RetiringPrincipal: new(account)}
	},
	"PutKeyPolicy": func(s subject) client.Input {
		return &api.PutKeyPolicyInput{KeyID: &s.key, Policy: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}}`)}
	},
	"PutPrincipalPolicy": func(s subject) client.Input {
		return &api.PutPrincipalPolicyInput{Principal: &s.user, PolicyName: new("another"), Policy: new(everything)}
	},
	"ReEncrypt": func(s subject) client.Input {
		return &api.ReEncryptInput{CiphertextBlob: s.blob, DestinationKeyID: &s.other}
	},
	"ResetKeyPolicy":      func(s subject) client.Input { return &api.ResetKeyPolicyInput{KeyID: &s.key} },
	"RetireGrant":         func(s subject) client.Input { return &api.RetireGrantInput{KeyID: &s.key, GrantID: &s.grant} },
	"RevokeGrant":         func(s subject) client.Input { return &api.RevokeGrantInput{KeyID: &s.key, GrantID: &s.grant} },
	"RevokeSessions":      func(s subject) client.Input { return &api.RevokeSessionsInput{Principal: &s.role} },
	"RotateKeyOnDemand":   func(s subject) client.Input { return &api.RotateKeyOnDemandInput{KeyID: &s.key} },
	"ScheduleKeyDeletion": func(s subject) client.Input { return &api.ScheduleKeyDeletionInput{KeyID: &s.key} },
	"TagResource": func(s subject) client.Input {
		return &api.TagResourceInput{KeyID: &s.key, Tags: []api.Tag{api.NewTag("stage", "test")}}
	},
	"UntagResource": func(s subject) client.Input {
		return &api.UntagResourceInput{KeyID: &s.key, TagKeys: []string{"stage"}}
	},
	"UpdateAlias": func(s subject) client.Input { return &api.UpdateAliasInput{AliasName: &s.alias, TargetKeyID: &s.other} },
	"UpdateKeyDescription": func(s subject) client.Input {
		return &api.UpdateKeyDescriptionInput{KeyID: &s.key, Description: new("said anew")}
	},
	"UpdatePrincipal": func(s subject) client.Input {
		return &api.UpdatePrincipalInput{Principal: &s.role, Description: new("said anew")}
	},
	"WhoCan": func(s subject) client.Input { return &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &s.key} },
}
