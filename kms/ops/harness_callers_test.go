package ops_test

import (
	"fmt"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// otherAccount is an account that a test may create beside the directory's own.
const otherAccount = "444455556666"

// assumedByAccount is the trust policy of a role that the principals of its account may assume, if they may.
const assumedByAccount = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole"}]}`

// allow is an identity policy that allows actions on every resource.
func allow(actions ...string) string { return statement("Allow", "*", actions...) }

// deny is an identity policy that denies actions on every resource.
func deny(actions ...string) string { return statement("Deny", "*", actions...) }

// allowOn is an identity policy that allows actions on one resource, which may be a pattern.
func allowOn(resource string, actions ...string) string {
	return statement("Allow", resource, actions...)
}

func statement(effect, resource string, actions ...string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%s,"Resource":%q}]}`, effect, jsonList(actions), resource)
}

func jsonList(list []string) string {
	text := ""
	for _, s := range list {
		text += fmt.Sprintf(",%q", s)
	}
	return "[" + text[min(1, len(text)):] + "]"
}

// account creates an account, and returns its id.
func (b *bench) account(id string) string {
	b.t.Helper()
	must[*api.CreateAccountOutput](b, "CreateAccount", &api.CreateAccountInput{AccountID: &id})
	return id
}

// rootOf is the root of an account.
func (b *bench) rootOf(account string) kms.Caller {
	return b.service.RootOf(kms.AccountID(account), "local", "test")
}

// user creates a user of the directory's own account with identity policies p1, p2..., and returns it as a caller.
func (b *bench) user(name string, policies ...string) kms.Caller {
	b.t.Helper()
	return b.userOf(account, name, policies...)
}

// userOf creates a user of an account.
func (b *bench) userOf(account, name string, policies ...string) kms.Caller {
	b.t.Helper()
	p := b.newPrincipal(account, &api.CreatePrincipalInput{Kind: new("user"), Name: &name}, policies)
	return kms.Caller{Account: kms.AccountID(account), ARN: p.Arn, PrincipalID: p.PrincipalID, Source: "192.0.2.7", Agent: "test"}
}

// role creates a role of the directory's own account. Without a trust policy its account may assume it.
func (b *bench) role(name, trust string, policies ...string) api.Principal {
	b.t.Helper()
	return b.roleOf(account, name, trust, policies...)
}

// roleOf creates a role of an account.
func (b *bench) roleOf(account, name, trust string, policies ...string) api.Principal {
	b.t.Helper()
	if trust == "" {
		trust = fmt.Sprintf(assumedByAccount, account)
	}
	return b.newPrincipal(account, &api.CreatePrincipalInput{Kind: new("role"), Name: &name, TrustPolicy: &trust}, policies)
}

func (b *bench) newPrincipal(account string, in *api.CreatePrincipalInput, policies []string) api.Principal {
	b.t.Helper()
	root := b.rootOf(account)
	p := mustAs[*api.CreatePrincipalOutput](b, root, "CreatePrincipal", in).Principal
	for i, policy := range policies {
		b.putPolicy(root, p.Arn, fmt.Sprintf("p%d", i+1), policy)
	}
	return p
}

// putPolicy gives a principal an identity policy.
func (b *bench) putPolicy(as kms.Caller, principal, name, policy string) {
	b.t.Helper()
	mustAs[*api.PutPrincipalPolicyOutput](b, as, "PutPrincipalPolicy",
		&api.PutPrincipalPolicyInput{Principal: &principal, PolicyName: &name, Policy: &policy})
}

// session is a session of a role that began now and lasts an hour, as the signature of its credentials would make it.
func (b *bench) session(role api.Principal, name string) kms.Caller {
	now := b.clock.Now()
	return kms.Caller{
		Account: kms.AccountID(role.AccountID), ARN: "arn:aws:sts::" + role.AccountID + ":assumed-role/" + role.Name + "/" + name,
		PrincipalID: role.PrincipalID + ":" + name, AccessKeyID: "ASIATEST", Source: "192.0.2.7", Agent: "test",
		Session: &kms.Session{
			Role: kms.PrincipalID(role.PrincipalID), Name: name, IssuedAt: kms.MicrosOf(now), ExpiresAt: kms.MicrosOf(now.Add(time.Hour)),
		},
	}
}

// tryAs asks as somebody.
func tryAs[O any](b *bench, caller kms.Caller, operation string, in kms.Input) (O, error) {
	b.t.Helper()
	var none O
	out, err := b.service.Do(b.t.Context(), kms.Request{Operation: operation, Caller: caller, Input: in})
	if err != nil {
		mayAnswer(b.t, operation, err)
		return none, err
	}
	typed, ok := out.(O)
	if !ok {
		b.t.Fatalf("%s answered a %T", operation, out)
	}
	return typed, nil
}

func mustAs[O any](b *bench, caller kms.Caller, operation string, in kms.Input) O {
	b.t.Helper()
	out, err := tryAs[O](b, caller, operation, in)
	if err != nil {
		b.t.Fatalf("%s as %s: %v", operation, caller.ARN, err)
	}
	return out
}
