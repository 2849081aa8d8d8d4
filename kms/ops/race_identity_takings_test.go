package ops_test

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// access is something that a caller may do, and how it is taken away.
type access struct {
	caller    kms.Caller
	enter     func() (kms.Caller, error) // with the credentials; nil: the caller has none
	operation string
	in        kms.Input
	at        kmstest.Method // the token call that it makes
	// change is a mutation that rests on the same; empty: none. queues tells that the revocation is one of the same key,
	// and so waits for its turn.
	change  string
	changes kms.Input
	queues  bool
	revoke  func() error
	want    string // the refusal
}

// encrypting is the use of a key, and a change of it, by a caller.
func encrypting(caller kms.Caller, key string) access {
	return access{
		caller: caller, operation: "Encrypt", in: &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}, at: kmstest.MethodEncrypt,
		change: "TagResource", changes: &api.TagResourceInput{KeyID: &key, Tags: []api.Tag{api.NewTag("seen", "yes")}},
		want: denied,
	}
}

// by asks as somebody.
func (s *stage) by(ctx context.Context, caller kms.Caller, operation string, in kms.Input) error {
	_, err := s.service.Do(ctx, kms.Request{Operation: operation, Caller: caller, Input: in})
	return err
}

// takeAway has root do the call that takes the access away.
func (a access) takeAway(s *stage, operation string, in kms.Input) access {
	a.revoke = func() error { return s.as(s.t.Context(), operation, in) }
	return a
}

func (a access) waiting() access { a.queues = true; return a }

func (a access) refusedAs(name string) access { a.want = name; return a }

// entering has the caller prove who it is, every time, with an access key.
func (a access) entering(s *stage, key *api.CreateAccessKeyOutput) access {
	a.enter = func() (kms.Caller, error) {
		c, err := s.service.Credential(s.t.Context(), kms.AccessKeyID(key.AccessKeyID), "")
		return c.Caller, err
	}
	a.caller, _ = s.bench.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
	return a.refusedAs(unrecognized)
}

// enteringAs is entering with the credentials of a session.
func (a access) enteringAs(s *stage, c api.SessionCredentials) access {
	a.enter = func() (kms.Caller, error) {
		got, err := s.service.Credential(s.t.Context(), kms.AccessKeyID(c.AccessKeyID), string(c.SessionToken))
		return got.Caller, err
	}
	a.caller = s.mustEnter(c)
	return a.refusedAs(unrecognized)
}

// having is an identity policy that allows everything under a condition.
func having(operator, key, value string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{%q:{%q:%q}}}]}`, operator, key, value)
}

// letIn is a statement of a key policy that allows somebody everything.
func letIn(arn string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":%q},"Action":"kms:*","Resource":"*"}`, arn)
}

func (s *stage) newSession(n int) (api.Principal, api.SessionCredentials) {
	role := s.role(fmt.Sprintf("role-%d", n), "", allow("kms:*"))
	return role, s.mustAssume(s.root(), role.Arn, "night")
}

// takings are the ways to take an access away. Each arrangement is of people and keys of its own, by its number.
var takings = []struct {
	name    string
	arrange func(s *stage, n int) access
}{
	{"the key is disabled", func(s *stage, n int) access {
		key := s.newKey()
		a := encrypting(s.user(fmt.Sprintf("alice-%d", n), allow("kms:*")), key).refusedAs("DisabledException")
		a.change = "" // a disabled key may be tagged
		return a.takeAway(s, "DisableKey", &api.DisableKeyInput{KeyID: &key})
	}},
	{"the key's policy is replaced", func(s *stage, n int) access {
		key := s.newKey()
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		s.putKeyPolicy(key, keyPolicy(letIn(alice.ARN)))
		nobody := keyPolicy(`{"Effect":"Allow","Principal":{"AWS":"ROOT"},"Action":"kms:GetKeyPolicy","Resource":"*"}`)
		a := encrypting(alice, key).waiting()
		a.revoke = func() error {
			return s.by(s.t.Context(), alice, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: &nobody, BypassPolicyLockoutSafetyCheck: new(true)})
		}
		return a
	}},
	{"the user's policy is changed", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		return encrypting(alice, s.newKey()).takeAway(s, "PutPrincipalPolicy",
			&api.PutPrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("p1"), Policy: new(allow("kms:ListKeys"))})
	}},
	{"the user's policy is deleted", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		return encrypting(alice, s.newKey()).takeAway(s, "DeletePrincipalPolicy",
			&api.DeletePrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("p1")})
	}},
	{"the user gets a policy that denies", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		return encrypting(alice, s.newKey()).takeAway(s, "PutPrincipalPolicy",
			&api.PutPrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("p2"), Policy: new(deny("kms:*"))})
	}},
	{"the policy of the user's random octets is deleted", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:GenerateRandom"))
		a := access{caller: alice, operation: "GenerateRandom", in: &api.GenerateRandomInput{NumberOfBytes: new(int32(16))}, at: kmstest.MethodRandom, want: denied}
		return a.takeAway(s, "DeletePrincipalPolicy", &api.DeletePrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("p1")})
	}},
	{"the user's tag is removed", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), having("StringEquals", "aws:PrincipalTag/team", "red"))
		must[any](s.bench, "UpdatePrincipal", &api.UpdatePrincipalInput{Principal: &alice.ARN, Tags: map[string]string{"team": "red"}})
		return encrypting(alice, s.newKey()).takeAway(s, "UpdatePrincipal",
			&api.UpdatePrincipalInput{Principal: &alice.ARN, Tags: map[string]string{"team": "blue"}})
	}},
	{"the user is disabled", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		return encrypting(alice, s.newKey()).refusedAs(unrecognized).
			takeAway(s, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &alice.ARN})
	}},
	{"the user is deleted", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		return encrypting(alice, s.newKey()).entering(s, s.newAccessKey(alice)).
			takeAway(s, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &alice.ARN})
	}},
	{"the user is deleted and another of the name is made", func(s *stage, n int) access {
		name, key := fmt.Sprintf("alice-%d", n), s.newKey()
		alice := s.user(name, allow("kms:*"))
		s.putKeyPolicy(key, keyPolicy(everything, letIn(alice.ARN)))
		a := encrypting(alice, key).refusedAs(unrecognized)
		a.revoke = func() error {
			if err := s.as(s.t.Context(), "DeletePrincipal", &api.DeletePrincipalInput{Principal: &alice.ARN}); err != nil {
				return err
			}
			if again := s.user(name, allow("kms:*")); again.ARN != alice.ARN || again.PrincipalID == alice.PrincipalID {
				return fmt.Errorf("she is %+v, and was %+v", again, alice)
			}
			return nil
		}
		return a
	}},
	{"the access key is disabled", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		key := s.newAccessKey(alice)
		return encrypting(alice, s.newKey()).entering(s, key).takeAway(s, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &key.AccessKeyID})
	}},
	{"the access key is deleted", func(s *stage, n int) access {
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		key := s.newAccessKey(alice)
		return encrypting(alice, s.newKey()).entering(s, key).takeAway(s, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &key.AccessKeyID})
	}},
	{"the grant is revoked", func(s *stage, n int) access {
		alice, bob, key := s.user(fmt.Sprintf("alice-%d", n)), s.user(fmt.Sprintf("bob-%d", n)), s.newKey()
		grant := s.grant(key, alice.ARN, "Encrypt CreateGrant")
		a := encrypting(alice, key).waiting()
		a.change, a.changes = "CreateGrant", grantTo(key, bob.ARN, "Encrypt")
		return a.takeAway(s, "RevokeGrant", &api.RevokeGrantInput{KeyID: &key, GrantID: &grant.GrantID})
	}},
	{"the grant is retired", func(s *stage, n int) access {
		alice, bob, key := s.user(fmt.Sprintf("alice-%d", n)), s.user(fmt.Sprintf("bob-%d", n)), s.newKey()
		grant := s.grant(key, alice.ARN, "Encrypt", retiredBy(bob.ARN))
		a := encrypting(alice, key)
		a.change = ""
		a.revoke = func() error {
			return s.by(s.t.Context(), bob, "RetireGrant", &api.RetireGrantInput{GrantToken: &grant.GrantToken})
		}
		return a
	}},
	{"the alias is moved", func(s *stage, n int) access {
		key, other, alias := s.newKey(), s.newKey(), fmt.Sprintf("alias/app-%d", n)
		s.newAlias(alias, key)
		a := encrypting(s.user(fmt.Sprintf("alice-%d", n), allowOn(keyARN(key), "kms:*")), alias)
		a.change = "" // a tag is put on a key by its id
		return a.takeAway(s, "UpdateAlias", &api.UpdateAliasInput{AliasName: &alias, TargetKeyID: &other})
	}},
	{"the role's trust policy is changed", func(s *stage, n int) access {
		bob := s.user(fmt.Sprintf("bob-%d", n))
		role, _ := s.newSession(n)
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("sts:AssumeRole"))
		a := access{caller: alice, operation: "AssumeRole", in: &api.AssumeRoleInput{RoleArn: &role.Arn, RoleSessionName: new("night")}, at: kmstest.MethodRandom, want: denied}
		return a.takeAway(s, "UpdatePrincipal", &api.UpdatePrincipalInput{Principal: &role.Arn, TrustPolicy: new(fmt.Sprintf(assumedByAccount, bob.ARN))})
	}},
	{"the role's sessions are revoked", func(s *stage, n int) access {
		role, credentials := s.newSession(n)
		return encrypting(kms.Caller{}, s.newKey()).enteringAs(s, credentials).takeAway(s, "RevokeSessions", &api.RevokeSessionsInput{Principal: &role.Arn})
	}},
	{"the role is deleted", func(s *stage, n int) access {
		role, credentials := s.newSession(n)
		return encrypting(kms.Caller{}, s.newKey()).enteringAs(s, credentials).takeAway(s, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &role.Arn})
	}},
	{"the caller's account is disabled", func(s *stage, n int) access {
		id := s.account(fmt.Sprintf("5555%08d", n))
		key := mustAs[*api.CreateKeyOutput](s.bench, s.rootOf(id), "CreateKey", &api.CreateKeyInput{}).KeyMetadata.KeyID
		alice := s.userOf(id, "alice", allow("kms:*"))
		return encrypting(alice, key).refusedAs(unrecognized).takeAway(s, "DisableAccount", &api.DisableAccountInput{AccountID: &id})
	}},
	{"the account of the key is disabled", func(s *stage, n int) access {
		id := s.account(fmt.Sprintf("5555%08d", n))
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"))
		key := mustAs[*api.CreateKeyOutput](s.bench, s.rootOf(id), "CreateKey", &api.CreateKeyInput{
			Policy: new(keyPolicy(letIn(alice.ARN))), BypassPolicyLockoutSafetyCheck: new(true)}).KeyMetadata
		a := encrypting(alice, key.Arn)
		a.change, a.changes = "CreateGrant", grantTo(key.Arn, alice.ARN, "Encrypt")
		return a.takeAway(s, "DisableAccount", &api.DisableAccountInput{AccountID: &id})
	}},
	{"the key's tag is removed", func(s *stage, n int) access {
		key := s.newKey()
		must[any](s.bench, "TagResource", &api.TagResourceInput{KeyID: &key, Tags: []api.Tag{api.NewTag("team", "red")}})
		alice := s.user(fmt.Sprintf("alice-%d", n), having("StringEquals", "aws:ResourceTag/team", "red"))
		return encrypting(alice, key).waiting().takeAway(s, "UntagResource", &api.UntagResourceInput{KeyID: &key, TagKeys: []string{"team"}})
	}},
	{"the key's alias is deleted", func(s *stage, n int) access {
		key, alias := s.newKey(), fmt.Sprintf("alias/app-%d", n)
		s.newAlias(alias, key)
		alice := s.user(fmt.Sprintf("alice-%d", n), having("ForAnyValue:StringEquals", "kms:ResourceAliases", alias))
		return encrypting(alice, key).waiting().takeAway(s, "DeleteAlias", &api.DeleteAliasInput{AliasName: &alias})
	}},
	{"the key's alias is moved to another", func(s *stage, n int) access {
		key, other, alias := s.newKey(), s.newKey(), fmt.Sprintf("alias/app-%d", n)
		s.newAlias(alias, key)
		alice := s.user(fmt.Sprintf("alice-%d", n), having("ForAnyValue:StringEquals", "kms:ResourceAliases", alias))
		return encrypting(alice, key).waiting().takeAway(s, "UpdateAlias", &api.UpdateAliasInput{AliasName: &alias, TargetKeyID: &other})
	}},
	{"the key gets an alias that is denied", func(s *stage, n int) access {
		key, alias := s.newKey(), fmt.Sprintf("alias/app-%d", n)
		alice := s.user(fmt.Sprintf("alice-%d", n), allow("kms:*"),
			fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":%q}}}]}`, alias))
		return encrypting(alice, key).waiting().takeAway(s, "CreateAlias", &api.CreateAliasInput{AliasName: &alias, TargetKeyID: &key})
	}},
}
