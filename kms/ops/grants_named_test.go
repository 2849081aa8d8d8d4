package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// granteeNamings are the ways in which a grant may name a user, a session of a role, or an account.
func granteeNamings(b *bench) map[string][]string {
	mallory, role := b.user("mallory"), b.role("night", "")
	session := b.session(role, "shift")
	return map[string][]string{
		mallory.ARN:                         {mallory.ARN, mallory.PrincipalID},
		role.Arn:                            {role.Arn, role.PrincipalID},
		session.ARN:                         {session.ARN, session.PrincipalID},
		"arn:aws:iam::" + account + ":root": {account, "arn:aws:iam::" + account + ":root"},
	}
}

func TestAPolicyAboutAGranteeIsAboutAllItsNames(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	condition := func(effect, operator, member, arn string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Action":"kms:CreateGrant","Resource":"*","Condition":{"` +
			operator + `":{"kms:` + member + `":"` + arn + `"}}}}`
	}
	for arn, names := range granteeNamings(b) {
		for _, member := range []string{"GranteePrincipal", "RetiringPrincipal"} {
			barred := b.user("barred", allow("kms:CreateGrant"), condition("Deny", "StringEquals", member, arn))
			others := b.user("others", condition("Allow", "StringNotEquals", member, arn))
			lets := b.user("lets", condition("Allow", "StringEquals", member, arn))
			for _, name := range names {
				in := &api.CreateGrantInput{KeyID: &key, GranteePrincipal: &name, RetiringPrincipal: &name, Operations: []keyspec.GrantOperation{"Decrypt"}}
				for _, caller := range []kms.Caller{barred, others} {
					_, err := tryAs[*api.CreateGrantOutput](b, caller, "CreateGrant", in)
					refused(t, err, denied)
				}
				mustAs[*api.CreateGrantOutput](b, lets, "CreateGrant", in)
			}
			for _, user := range []kms.Caller{barred, others, lets} {
				must[any](b, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &user.ARN})
			}
		}
	}
}

func TestAPolicyAboutRetirableGrantsIsAboutAllNamesOfAPrincipal(t *testing.T) {
	b := newBench(t)
	spy := b.user("spy", allow("kms:ListRetirableGrants"))
	for arn, names := range granteeNamings(b) {
		b.putPolicy(b.service.Root("local", "test"), spy.ARN, "bar", statement("Deny", arn, "kms:ListRetirableGrants"))
		for _, name := range names {
			_, err := tryAs[*api.ListRetirableGrantsOutput](b, spy, "ListRetirableGrants", &api.ListRetirableGrantsInput{RetiringPrincipal: &name})
			refused(t, err, denied)
		}
	}
	b.account(otherAccount)
	stranger := b.userOf(otherAccount, "stranger")
	for _, nobody := range []string{stranger.PrincipalID, "AIDANOBODY"} {
		_, err := tryAs[*api.ListRetirableGrantsOutput](b, spy, "ListRetirableGrants", &api.ListRetirableGrantsInput{RetiringPrincipal: &nobody})
		refused(t, err, "InvalidArnException", "ARN does not refer to a valid principal: "+nobody)
	}
}
