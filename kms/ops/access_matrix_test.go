package ops_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/ops"
)

// column is a kind of caller. Every one asks for the same things, each about a key whose policy is made for the column.
type column struct {
	name, who string
	caller    kms.Caller
	policy    []string // statements beside the keeper's
	token     bool     // a grant token comes with the request
	reborn    bool     // see revive
	// never: it is not even heard. noKeys: it may do nothing with a key. onlyKeys: it may do nothing else.
	never, noKeys, onlyKeys bool
}

// gathering is a bench with a caller for every column.
type gathering struct {
	*bench
	keeper  kms.Caller // may do everything with every key, so that policies can be changed whatever they say
	columns []column
	grantee string
}

var allRights = allow("kms:*", "keyhold:*", "sts:*")

// usage are the actions of those who use a key.
var usage = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}

func newGathering(t *testing.T) *gathering {
	b := newBench(t)
	b.account(otherAccount)
	g := &gathering{bench: b, keeper: b.user("keeper")}
	admin, user, grantee, thief := b.user("admin"), b.user("user"), b.user("grantee"), b.user("thief")
	outside, inside, barred, enemy := b.user("outside", allRights), b.user("inside", allRights), b.user("barred", allRights, deny("*")), b.user("enemy", allRights)
	lent, owning, both := b.userOf(otherAccount, "lent"), b.userOf(otherAccount, "owning", allRights), b.userOf(otherAccount, "both", allRights)
	role := b.role("shift", "", allRights)
	g.grantee = grantee.ARN
	open := delegating(account)
	g.columns = []column{
		{name: "root", who: "the root of the account", caller: b.root(), policy: []string{open}},
		{name: "admin", who: "a user to whom the key policy allows kms:*", caller: admin, policy: []string{letting("Allow", "a", admin.ARN, "kms:*")}, onlyKeys: true},
		{name: "user", who: "a user to whom the key policy allows use", caller: user, policy: []string{letting("Allow", "a", user.ARN, usage...)}, onlyKeys: true},
		{name: "grantee", who: "a user with a grant of every operation", caller: grantee, onlyKeys: true},
		{name: "token", who: "the same, with the grant's token", caller: grantee, token: true, onlyKeys: true},
		{name: "thief", who: "somebody else with the grant's token", caller: thief, token: true, noKeys: true, onlyKeys: true},
		{name: "outside", who: "a user whose identity policies allow everything, and the key policy does not leave it to them", caller: outside, noKeys: true},
		{name: "inside", who: "a user whose identity policies allow everything, and the key policy leaves it to them", caller: inside, policy: []string{open}},
		{name: "barred", who: "a user to whom an identity policy denies everything", caller: barred, policy: []string{open, letting("Allow", "a", barred.ARN, "kms:*")}, noKeys: true, onlyKeys: true},
		{name: "enemy", who: "a user to whom the key policy denies everything and identity policies allow it", caller: enemy,
			policy: []string{open, letting("Deny", "d", enemy.ARN, "kms:*")}, noKeys: true},
		{name: "x-key", who: "a user of another account to whom the key policy alone allows kms:*", caller: lent,
			policy: []string{open, letting("Allow", "a", lent.ARN, "kms:*")}, noKeys: true, onlyKeys: true},
		{name: "x-own", who: "a user of another account to whom its identity policies alone allow everything", caller: owning, policy: []string{open}, noKeys: true},
		{name: "x-both", who: "a user of another account to whom both allow it", caller: both, policy: []string{open, letting("Allow", "a", rootARN(otherAccount), "kms:*")}},
		{name: "session", who: "a session of a role whose identity policies allow everything", caller: b.session(role, "monday"), policy: []string{open}},
	}
	g.columns = append(g.columns, g.formerCallers(open)...)
	return g
}

// formerCallers are those who may not ask any more, although everything was and is allowed to who they were.
func (g *gathering) formerCallers(open string) []column {
	b := g.bench
	former := func(name, who string, caller kms.Caller, policy ...string) column {
		return column{name: name, who: who, caller: caller, policy: append(policy, open), never: true}
	}
	late := b.session(b.role("late", "", allRights), "monday")
	late.Session.ExpiresAt = kms.MicrosOf(b.clock.Now())
	revoked := b.role("revoked", "", allRights)
	recalled := b.session(revoked, "monday")
	must[any](b, "RevokeSessions", &api.RevokeSessionsInput{Principal: &revoked.Arn})
	holder := b.user("holder", allRights)
	holder.AccessKeyID = kms.AccessKeyID(must[*api.CreateAccessKeyOutput](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &holder.ARN}).AccessKeyID)
	must[any](b, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: new(string(holder.AccessKeyID))})
	off := b.user("off", allRights)
	must[any](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &off.ARN})
	gone := b.user("gone", allRights)
	must[any](b, "DeletePrincipalPolicy", &api.DeletePrincipalPolicyInput{Principal: &gone.ARN, PolicyName: new("p1")})
	must[any](b, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &gone.ARN})
	return []column{
		former("expired", "a session that has expired", late),
		former("revoked", "a session that was revoked", recalled),
		former("key-off", "a user whose access key is disabled", holder),
		former("off", "a user who is disabled", off),
		former("gone", "a user who was deleted", gone),
		{name: "reborn", who: "a user of the name that a deleted one had, to whom the key policy and a grant allowed everything", reborn: true, noKeys: true, onlyKeys: true},
	}
}

// rules puts policies on the keys of a subject, beside the keeper's statement.
func (g *gathering) rules(s subject, statements ...string) {
	g.t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[%s]}`, strings.Join(append(statements, letting("Allow", "keeper", g.keeper.ARN, "kms:*")), ","))
	for _, key := range []string{s.key, s.other} {
		mustAs[any](g.bench, g.keeper, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: &policy, BypassPolicyLockoutSafetyCheck: new(true)})
	}
}

// lend makes a grant of every operation on both keys of a subject.
func (g *gathering) lend(s subject, grantee string) (tokens []string) {
	g.t.Helper()
	for _, key := range []string{s.key, s.other} {
		tokens = append(tokens, mustAs[*api.CreateGrantOutput](g.bench, g.keeper, "CreateGrant", &api.CreateGrantInput{
			KeyID: &key, GranteePrincipal: &grantee, Operations: []keyspec.GrantOperation{
				"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "DescribeKey", "CreateGrant", "RetireGrant",
			}}).GrantToken)
	}
	return tokens
}

// revive makes a user whom everything is allowed, deletes it, and makes another of the name.
func (g *gathering) revive(operation string, s subject) kms.Caller {
	g.t.Helper()
	before := g.user("phoenix")
	g.rules(s, letting("Allow", "a", before.ARN, "kms:*"))
	if operation != "CancelKeyDeletion" { // of a key that takes no grants
		g.lend(s, before.ARN)
	}
	must[any](g.bench, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &before.ARN})
	return g.user("phoenix")
}

// stage is a subject in the state that an operation needs. Its keys are named by ARN, which every account understands.
func (g *gathering) stage(operation string, n int) (subject, []string) {
	g.t.Helper()
	s := g.newSubject(fmt.Sprintf("%s-%d", operation, n))
	for _, key := range []string{s.key, s.other} {
		must[any](g.bench, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, BypassPolicyLockoutSafetyCheck: new(true), Policy: new(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[%s]}`, letting("Allow", "keeper", g.keeper.ARN, "kms:*")))})
	}
	must[any](g.bench, "RetireGrant", &api.RetireGrantInput{KeyID: new(keyARN(s.key)), GrantID: &s.grant})
	s.grant = mustAs[*api.CreateGrantOutput](g.bench, g.keeper, "CreateGrant", &api.CreateGrantInput{ // to nobody of the columns
		KeyID: &s.key, GranteePrincipal: &g.keeper.ARN, Operations: []keyspec.GrantOperation{"Encrypt"}}).GrantID
	tokens := g.lend(s, g.grantee)
	if operation == "CancelKeyDeletion" {
		mustAs[any](g.bench, g.keeper, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &s.key})
	}
	s.key, s.other = keyARN(s.key), keyARN(s.other)
	return s, tokens
}

// ask is what a column's caller is answered, and what the log says decided.
func (g *gathering) ask(c column, operation string, s subject, tokens []string) (decision any, answer error) {
	g.t.Helper()
	caller := c.caller
	if c.reborn {
		caller = g.revive(operation, s)
		defer must[any](g.bench, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &caller.ARN})
	} else {
		g.rules(s, c.policy...)
	}
	if operation == "UpdateAlias" {
		s.key = s.other // the alias leaves its key
	}
	in := sample(g.t, operation, s)
	if f := reflect.ValueOf(in).Elem().FieldByName("GrantTokens"); c.token && f.IsValid() {
		f.Set(reflect.ValueOf(tokens))
	}
	_, err := g.service.Do(g.t.Context(), kms.Request{Operation: operation, Caller: caller, Input: in})
	return g.authorization()["decision"], err
}

// cells are short words for the answers.
var cells = map[string]string{
	"": "yes", api.AccessDeniedException: "no:Denied", "UnrecognizedClientException": "no:Caller", "ExpiredTokenException": "no:Expired",
	"NotFoundException": "no:NotFound", "InvalidArnException": "no:Principal",
}

// unwatched are answers that no decision stands behind.
var unwatched = []string{"", "NotFoundException", "InvalidArnException"}

const matrixHead = `Who may do what: every operation, asked by every kind of caller about a key whose policy is made for the caller. Every key
policy also lets its keeper, who is none of the callers, do everything. The file is written by go test ./kms/ops -update.

yes           it was done
no:Denied     AccessDeniedException
no:NotFound   NotFoundException: in the caller's account there is no such thing
no:Principal InvalidArnException: in the caller's account there is no such principal
no:Caller     UnrecognizedClientException: the caller is not heard
no:Expired    ExpiredTokenException

`

func TestTheMatrixOfWhoMayDoWhat(t *testing.T) {
	g := newGathering(t)
	var text strings.Builder
	text.WriteString(matrixHead)
	for _, c := range g.columns {
		fmt.Fprintf(&text, "%-8s  %s\n", c.name, c.who)
	}
	fmt.Fprintf(&text, "\n%-32s", "")
	for _, c := range g.columns {
		fmt.Fprintf(&text, " %-12s", c.name)
	}
	for _, row := range ops.Table() {
		d := row.Describe()
		fmt.Fprintf(&text, "\n%-32s", d.Name)
		for _, cell := range g.row(t, d) {
			fmt.Fprintf(&text, " %-12s", cell)
		}
	}
	var lines []string
	for line := range strings.Lines(text.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	golden(t, "testdata/access-matrix.golden", strings.Join(lines, "\n")+"\n")
}

// row asks for an operation as every caller. What was done to the subject of one is not seen by the next.
func (g *gathering) row(t *testing.T, d kms.Description) []string {
	t.Helper()
	var row []string
	s, tokens := g.stage(d.Name, 0)
	for i, c := range g.columns {
		decision, err := g.ask(c, d.Name, s, tokens)
		name, message := errorOf(err)
		cell, known := cells[name]
		if !known {
			t.Errorf("%s as %s: %s %q is no answer about who may what", d.Name, c.name, name, message)
		}
		g.judge(t, d, c, err == nil)
		if !slices.Contains(unwatched, name) && decision == nil {
			t.Errorf("%s as %s: the log does not say why it was denied", d.Name, c.name)
		}
		row = append(row, cell)
		if err == nil && d.Effect == kms.Mutate {
			s, tokens = g.stage(d.Name, i+1)
		}
	}
	if !slices.Contains(row, "yes") {
		t.Errorf("%s is allowed to nobody: the sample is wrong, or the operation", d.Name)
	}
	return row
}

// judge holds a cell against what must hold whatever the golden file says.
func (g *gathering) judge(t *testing.T, d kms.Description, c column, yes bool) {
	t.Helper()
	// The key of ListAliases is asked nothing, and those of Keyhold's own operations leave it to identity policies.
	aboutKey := (len(keyMembers(d.NewInput())) > 0 || d.Name == "DeleteAlias") && d.Name != "ListAliases" && d.Service == kms.KMS
	switch {
	case d.Name == "GetCallerIdentity" && !c.never: // which everyone may know
	case d.Name == "RetireGrant" && !c.never: // which is the matter of the grant, and of the account that made it
	case yes && c.never:
		t.Errorf("%s was done for %s", d.Name, c.who)
	case yes && aboutKey && c.noKeys:
		t.Errorf("%s was done with a key for %s", d.Name, c.who)
	case yes && !aboutKey && c.onlyKeys:
		t.Errorf("%s was done for %s", d.Name, c.who)
	}
}
