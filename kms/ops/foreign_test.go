package ops_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

const everyone = `{"Sid":"all","Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`

// why is what a caller is told of a principal's request to encrypt.
func (b *bench) why(caller kms.Caller, principal, key string) (*api.ExplainAccessOutput, error) {
	b.t.Helper()
	return tryAs[*api.ExplainAccessOutput](b, caller, "ExplainAccess", &api.ExplainAccessInput{Principal: &principal, Action: new("kms:Encrypt"), KeyID: &key})
}

func (b *bench) tagged(caller kms.Caller, key, value string) {
	b.t.Helper()
	mustAs[any](b, b.rootOf(string(caller.Account)), "UpdatePrincipal", &api.UpdatePrincipalInput{Principal: &caller.ARN, Tags: map[string]string{key: value}})
}

func TestNobodyLearnsOfForeignPrincipals(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.account(closedAccount)
	spy, off := b.userOf(otherAccount, "secretagent", allow("kms:*")), b.userOf(otherAccount, "sleeper", allow("kms:*"))
	agency := b.roleOf(otherAccount, "agency", "", allow("kms:*"))
	b.tagged(spy, "clearance", "cosmic")
	mustAs[any](b, b.rootOf(otherAccount), "DisablePrincipal", &api.DisablePrincipalInput{Principal: &off.ARN})
	root := b.rootOf(closedAccount)
	own := b.userOf(closedAccount, "own", allow("kms:Encrypt"))
	e := b.estate(root, "alias/x", delegating(closedAccount),
		`{"Sid":"all","Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/clearance":"x"}}}`)
	want := []string{"iam::" + closedAccount + ":root key-policy delegate", "iam::" + closedAccount + ":user/own key-policy all", "* key-policy all"}
	for _, size := range []int32{1, 2, 3, 100} {
		if got := b.whoCan(root, "kms:Encrypt", e.key, size); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: got %q, want %q", size, got, want)
		}
	}
	if got := b.whoCan(root, "kms:PutKeyPolicy", e.key, 100); len(got) != 1 {
		t.Errorf("of an action that the statement is not about: %q", got)
	}

	for _, name := range []string{
		spy.ARN, spy.PrincipalID, off.ARN, off.PrincipalID, agency.Arn, agency.PrincipalID, agency.PrincipalID + ":s1",
		"arn:aws:sts::" + otherAccount + ":assumed-role/agency/s1", rootARN(otherAccount), rootARN(account),
		"arn:aws:iam::" + otherAccount + ":user/nobody", "AIDAAAAAAAAAAAAAAAAAA", "arn:aws:iam::999999999999:user/nobody", rootARN("999999999999"),
	} {
		_, err := b.why(root, name, e.key)
		refused(t, err, noSuchKey, "Principal '"+name+"' does not exist")
		_, err = tryAs[any](b, root, "ExplainAccess", &api.ExplainAccessInput{Principal: new("root"), Action: new("keyhold:DescribePrincipal"), Resource: &name})
		refused(t, err, noSuchKey, "Principal '"+name+"' does not exist")
	}
	if got, err := b.why(root, own.ARN, e.key); err != nil || !got.Allowed || got.PrincipalID != own.PrincipalID || len(got.Trace) != 3 {
		t.Errorf("of its own account it is told %+v, %v", got, err)
	}
}

func TestWhoIsNamedIsExplainedWithoutWhatItIs(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.account(closedAccount)
	root := b.rootOf(closedAccount)
	spy, off := b.userOf(otherAccount, "secretagent", allow("kms:*")), b.userOf(otherAccount, "sleeper", allow("kms:*"))
	byID, holder := b.userOf(otherAccount, "unnamed", allow("kms:*")), b.userOf(otherAccount, "holder")
	agency := b.roleOf(otherAccount, "agency", "", allow("kms:*"))
	b.tagged(spy, "clearance", "cosmic")
	mustAs[any](b, b.rootOf(otherAccount), "DisablePrincipal", &api.DisablePrincipalInput{Principal: &off.ARN})
	keysPeople := letting("Allow", "named", spy.ARN, "kms:Encrypt")
	e := b.estate(root, "alias/x", delegating(closedAccount), keysPeople, letting("Allow", "more", off.ARN, "kms:Encrypt"), letting("Allow", "id", byID.PrincipalID, "kms:Encrypt"),
		letting("Allow", "role", agency.Arn, "kms:Encrypt"), letting("Allow", "nothing", rootARN(otherAccount), "kms:DescribeKey"),
		`{"Sid":"tags","Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/clearance":"x","aws:username":"y","AWS:UserId":"z"}}}`)
	grant := mustAs[*api.CreateGrantOutput](b, root, "CreateGrant", &api.CreateGrantInput{KeyID: &e.key, GranteePrincipal: &holder.ARN, Operations: []keyspec.GrantOperation{"Encrypt"}}).GrantID
	session := "arn:aws:sts::" + otherAccount + ":assumed-role/agency/s1"

	type answer struct{ decision, id, reason string }
	for name, want := range map[string]answer{
		spy.ARN:         {"allowed-by-identity-policy", "", "the identity policies of " + spy.ARN + " decided: allowed-by-identity-policy"},
		spy.PrincipalID: {"allowed-by-identity-policy", spy.PrincipalID, "the identity policies of " + spy.PrincipalID + " decided: allowed-by-identity-policy"},
		byID.PrincipalID: {"allowed-by-identity-policy", byID.PrincipalID,
			"the identity policies of " + byID.PrincipalID + " decided: allowed-by-identity-policy"},
		agency.Arn: {"allowed-by-identity-policy", "", "the identity policies of " + agency.Arn + " decided: allowed-by-identity-policy"},
		session:    {"allowed-by-identity-policy", "", "the identity policies of " + session + " decided: allowed-by-identity-policy"},
		off.ARN:    {"caller-not-recognized", "", "the credentials of " + off.ARN + " are not accepted"},
		holder.ARN: {"allowed-by-grant", "", "grant " + grant + " allows " + holder.ARN + " kms:Encrypt"},
		rootARN(otherAccount): {"lacks-key-policy-or-grant", otherAccount,
			"no statement of the key policy and no grant allows the root of account " + otherAccount + " kms:Encrypt"},
	} {
		got, err := b.why(root, name, e.key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Principal != name || got.Decision != want.decision || got.PrincipalID != want.id || got.Reason != want.reason {
			t.Errorf("%s is explained as %+v", name, got)
		}
		for _, s := range got.Trace {
			for _, k := range s.Conditions {
				if s.PolicyName != "" || k.Found != nil || k.Present || k.Ambiguous {
					t.Errorf("%s: the trace tells %+v", name, s)
				}
			}
		}
		if all := fmt.Sprintf("%+v", got); strings.Contains(all, "cosmic") || strings.HasPrefix(name, "A") && strings.Contains(all, otherAccount) {
			t.Errorf("%s: %s", name, all)
		}
	}
	// The name of whom the policy has by its unique id only is not to be guessed.
	_, err := b.why(root, byID.ARN, e.key)
	refused(t, err, noSuchKey, "Principal '"+byID.ARN+"' does not exist")

	// An identity policy that is not enough is not told by name.
	lacks := mustAs[*api.ExplainAccessOutput](b, root, "ExplainAccess", &api.ExplainAccessInput{Principal: &spy.ARN, Action: new("kms:Decrypt"), KeyID: &e.key})
	if lacks.Decision != "lacks-key-policy-or-grant" || strings.Contains(lacks.Reason, "p1") || !strings.Contains(lacks.Reason, "its identity policies do") {
		t.Errorf("what is not enough: %+v", lacks)
	}

	// Whom the account itself asks about, and the directory's own, are told in full.
	mine := b.newKey()
	got := b.explain(off.ARN, "kms:Encrypt", mine)
	if got.Reason != off.ARN+" is disabled" || got.Missing != "EnablePrincipal of "+off.ARN || got.PrincipalID != off.PrincipalID {
		t.Errorf("the directory's own account is told %+v", got)
	}
}

func TestWhoCanTellsOfOtherAccountsWhomTheKeyNames(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.account(closedAccount)
	root := b.rootOf(closedAccount)
	names := func(name string) kms.Caller { return b.userOf(otherAccount, name, allow("kms:*")) }
	byName, byID, granted, twice := names("byname"), names("byid"), names("granted"), names("twice")
	names("unnamed")
	guild := b.roleOf(otherAccount, "guild", "", allow("kms:*"))
	b.userOf(closedAccount, "own", allow("kms:Encrypt"))
	e := b.estate(root, "alias/x", delegating(closedAccount), delegating(otherAccount), letting("Allow", "name", byName.ARN, "kms:Encrypt"),
		letting("Allow", "id", byID.PrincipalID, "kms:Encrypt"), letting("Allow", "role", "arn:aws:sts::"+otherAccount+":assumed-role/guild/s1", "kms:Encrypt"), everyone)
	for _, grantee := range []string{granted.ARN, twice.ARN, twice.ARN, byName.ARN, account, otherAccount, guild.Arn} {
		mustAs[any](b, root, "CreateGrant", &api.CreateGrantInput{KeyID: &e.key, GranteePrincipal: &grantee, Operations: []keyspec.GrantOperation{"Encrypt", "Decrypt"}})
	}
	want := []string{
		closedAccount + ":root root", closedAccount + ":user/own user", otherAccount + ":root root", account + ":root root", "* others",
		byID.PrincipalID + " user", otherAccount + ":user/byname user", otherAccount + ":user/granted user", otherAccount + ":user/twice user",
		otherAccount + ":assumed-role/guild/s1 session", otherAccount + ":role/guild role",
	}
	slices.Sort(want)
	for _, size := range []int32{1, 2, 3, 5, 100} {
		var got []string
		in := &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &e.key, Limit: &size}
		for {
			out := mustAs[*api.WhoCanOutput](b, root, "WhoCan", in)
			for _, p := range out.Principals {
				name := p.Principal
				if parts := strings.SplitN(name, ":", 5); len(parts) == 5 {
					name = parts[4]
				}
				got = append(got, name+" "+p.Kind)
				if foreign := strings.HasPrefix(name, otherAccount+":") && p.Kind != "root"; foreign && p.PrincipalID != "" {
					t.Errorf("it tells the unique id of %+v", p)
				}
			}
			if !out.Truncated {
				break
			}
			// Clients can read markers.
			raw, err := base64.RawURLEncoding.DecodeString(out.NextMarker)
			for _, who := range []kms.Caller{byName, granted, twice} {
				if err != nil || strings.Contains(string(raw), who.PrincipalID) {
					t.Errorf("the marker %q tells the unique id of %s", raw, who.ARN)
				}
			}
			in.Marker = &out.NextMarker
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("in pages of %d:\n got %q\nwant %q", size, got, want)
		}
	}
}

func TestTheOthersAreMentionedOnlyWhereSomebodyMayBeLetIn(t *testing.T) {
	b := newBench(t)
	b.account(closedAccount)
	root := b.rootOf(closedAccount)
	statement := func(effect, principals, conditions string) string {
		return fmt.Sprintf(`{"Effect":%q,%s,"Action":"kms:Encrypt","Resource":"*"%s}`, effect, principals, conditions)
	}
	const all = `"Principal":"*"`
	condition := func(text string) string { return `,"Condition":{` + text + `}` }
	for _, c := range []struct {
		title      string
		statements []string
		want       bool
	}{
		{"nothing is for others", nil, false},
		{"everybody", []string{statement("Allow", all, "")}, true},
		{"everybody but one", []string{statement("Allow", `"NotPrincipal":{"AWS":"`+closedAccount+`"}`, "")}, true},
		{"everybody, and nobody", []string{statement("Allow", all, ""), statement("Deny", all, "")}, false},
		{"everybody, and some not", []string{statement("Allow", all, ""), statement("Deny", all, condition(`"StringNotEquals":{"aws:PrincipalTag/a":"b"}`))}, true},
		{"everybody of an account", []string{statement("Allow", all, condition(`"StringEquals":{"kms:CallerAccount":"`+account+`"}`))}, true},
		{"everybody with a variable", []string{statement("Allow", all, condition(`"StringEquals":{"kms:EncryptionContext:user":"${aws:username}"}`))}, true},
		{"everybody with a context that is not there", []string{statement("Allow", all, condition(`"StringEquals":{"kms:EncryptionContext:user":"x"}`))}, false},
	} {
		key := b.estateless(root, append(c.statements, delegating(closedAccount))...)
		got := b.whoCan(root, "kms:Encrypt", key, 100)
		if has := len(got) > 0 && strings.HasPrefix(got[len(got)-1], "* "); has != c.want {
			t.Errorf("%s: %q", c.title, got)
		}
	}
}

// estateless is a key of somebody, with nothing to it.
func (b *bench) estateless(owner kms.Caller, policy ...string) string {
	b.t.Helper()
	return mustAs[*api.CreateKeyOutput](b, owner, "CreateKey", &api.CreateKeyInput{BypassPolicyLockoutSafetyCheck: new(true),
		Policy: new(`{"Version":"2012-10-17","Statement":[` + strings.Join(policy, ",") + `]}`)}).KeyMetadata.KeyID
}

func TestWhatIsMissingMayBeTheContextOfAGrant(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	holder, team := b.user("holder"), b.userOf(otherAccount, "team")
	key := b.newKey()
	grant := func(grantee string, c *api.GrantConstraints) string {
		return must[*api.CreateGrantOutput](b, "CreateGrant", &api.CreateGrantInput{KeyID: &key, GranteePrincipal: &grantee, Operations: []keyspec.GrantOperation{"Encrypt"}, Constraints: c}).GrantID
	}
	subset := grant(holder.ARN, &api.GrantConstraints{EncryptionContextSubset: map[string]string{"app": "shop", "b": "2"}})
	grant(otherAccount, &api.GrantConstraints{EncryptionContextEquals: map[string]string{"x": "y"}})
	if got := b.explain(holder.ARN, "kms:Encrypt", key); !strings.HasPrefix(got.Missing, "grant "+subset+" would allow it if the request had the encryption context app=shop, b=2; or ") {
		t.Errorf("with a subset, %q is missing", got.Missing)
	}
	if got := b.explain(holder.ARN, "kms:Decrypt", key); strings.Contains(got.Missing, subset) {
		t.Errorf("of another operation, %q is missing", got.Missing)
	}
	if got := b.explain(team.ARN, "kms:Encrypt", key); strings.Contains(got.Missing, "would allow it") {
		t.Errorf("without an identity policy the account's grant would not do: %q", got.Missing)
	}
	equal := grant(team.ARN, &api.GrantConstraints{EncryptionContextEquals: map[string]string{"x": "y"}})
	if got := b.explain(team.ARN, "kms:Encrypt", key); !strings.HasPrefix(got.Missing, "grant "+equal+" would allow it if the request had only the encryption context x=y; or ") {
		t.Errorf("with an equal context, %q is missing", got.Missing)
	}
	must[any](b, "DisableAccount", &api.DisableAccountInput{AccountID: new(otherAccount)})
	if got := b.explain(team.ARN, "kms:Encrypt", key); got.Missing != "EnableAccount of account "+otherAccount {
		t.Errorf("of a disabled account, %q is missing", got.Missing)
	}
}
