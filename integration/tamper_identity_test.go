package integration

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/kmstest"
)

const (
	homeAccount  = "111122223333"
	otherAccount = "444455556666"

	denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	listAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:List*","Resource":"*"}]}`
	trustIt = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + homeAccount + `"},"Action":"sts:AssumeRole"}]}`
)

// signer is what somebody signs with.
type signer struct {
	id    string
	token string // of a session
}

// person is somebody with credentials of their own.
type person struct {
	account   string
	principal string // the unique id
	signer
}

// society is who is in a directory: every table of identities has a row of a victim, and of another.
type society struct {
	victim, other   person // users with two policies each, and a grant
	victims         signer // the victim's second access key
	abroad, foreign person // users of two other accounts
	key             string // of which the users have grants
	session         signer // of a role
}

func ask[O any](t *testing.T, s *kms.Service, account, operation string, in kms.Input) O {
	t.Helper()
	out, err := s.Do(t.Context(), kms.Request{Operation: operation, Caller: s.RootOf(kms.AccountID(account), "local", "test"), Input: in})
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	typed, ok := out.(O)
	if !ok {
		t.Fatalf("%s answered a %T", operation, out)
	}
	return typed
}

func newSigner(t *testing.T, s *kms.Service, account, user string) signer {
	t.Helper()
	return signer{id: ask[*api.CreateAccessKeyOutput](t, s, account, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &user}).AccessKeyID}
}

// newPerson makes a user who may list things, by either of two policies.
func newPerson(t *testing.T, s *kms.Service, account, name string) person {
	t.Helper()
	made := ask[*api.CreatePrincipalOutput](t, s, account, "CreatePrincipal", &api.CreatePrincipalInput{
		Kind: new("user"), Name: &name, Description: new("somebody"), Tags: map[string]string{"team": "blue"}}).Principal
	for _, policy := range []string{"a", "p"} {
		ask[any](t, s, account, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &made.Arn, PolicyName: &policy, Policy: new(listAll)})
	}
	return person{account, made.PrincipalID, newSigner(t, s, account, made.Arn)}
}

func newSociety(t *testing.T, s *kms.Service) society {
	t.Helper()
	for _, id := range []string{otherAccount, "777788889999"} {
		ask[any](t, s, homeAccount, "CreateAccount", &api.CreateAccountInput{AccountID: &id, Name: new("a lab")})
	}
	c := society{
		victim: newPerson(t, s, homeAccount, "victim"), other: newPerson(t, s, homeAccount, "other"),
		abroad: newPerson(t, s, otherAccount, "abroad"), foreign: newPerson(t, s, "777788889999", "foreign"),
		key: ask[*api.CreateKeyOutput](t, s, homeAccount, "CreateKey", &api.CreateKeyInput{}).KeyMetadata.KeyID,
	}
	c.victims = newSigner(t, s, homeAccount, c.victim.principal)
	for _, grantee := range []string{"victim", "other"} {
		ask[any](t, s, homeAccount, "CreateGrant", &api.CreateGrantInput{KeyID: &c.key, Name: &grantee,
			GranteePrincipal: new("arn:aws:iam::" + homeAccount + ":user/" + grantee), RetiringPrincipal: new("arn:aws:iam::" + homeAccount + ":user/" + grantee),
			Operations: []keyspec.GrantOperation{"DescribeKey"}})
	}
	role := ask[*api.CreatePrincipalOutput](t, s, homeAccount, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("role"), Name: new("night"), TrustPolicy: new(trustIt)}).Principal
	ask[any](t, s, homeAccount, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &role.Arn, PolicyName: new("p"), Policy: new(listAll)})
	lets := strings.Replace(listAll, "kms:List*", "sts:AssumeRole", 1)
	ask[any](t, s, homeAccount, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &c.other.principal, PolicyName: new("r"), Policy: &lets})
	c.session = assume(t, s, c.other, role.Arn)
	return c
}

// assume is a session of a role that a person assumes.
func assume(t *testing.T, s *kms.Service, by person, role string) signer {
	t.Helper()
	out, err := by.do(t, s, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role, RoleSessionName: new("me")})
	if err != nil {
		t.Fatal(err)
	}
	credentials := out.(*api.AssumeRoleOutput).Credentials
	return signer{credentials.AccessKeyID, string(credentials.SessionToken)}
}

// do asks as who signs, if the signature is taken.
func (g signer) do(t *testing.T, s *kms.Service, operation string, in kms.Input) (any, error) {
	t.Helper()
	c, err := s.Credential(t.Context(), kms.AccessKeyID(g.id), g.token)
	c.Secret.Wipe()
	if err != nil {
		return nil, err
	}
	return s.Do(t.Context(), kms.Request{Operation: operation, Caller: c.Caller, Input: in})
}

// lists tells whether who signs may do what its policies allow.
func (g signer) lists(t *testing.T, s *kms.Service) error {
	t.Helper()
	_, err := g.do(t, s, "ListKeys", &api.ListKeysInput{})
	return err
}

// granted tells whether who signs may do what a grant allows.
func (c society) granted(t *testing.T, s *kms.Service, g signer) error {
	t.Helper()
	_, err := g.do(t, s, "DescribeKey", &api.DescribeKeyInput{KeyID: &c.key})
	return err
}

// probes are what everybody may do, by a name each.
func (c society) probes(t *testing.T, s *kms.Service) map[string]error {
	t.Helper()
	return map[string]error{
		"the victim": c.victim.lists(t, s), "the victim's other key": c.victims.lists(t, s), "the victim's grant": c.granted(t, s, c.victims),
		"the other": c.other.lists(t, s), "the other's grant": c.granted(t, s, c.other.signer),
		"abroad": c.abroad.lists(t, s), "another account": c.foreign.lists(t, s), "the session": c.session.lists(t, s),
	}
}

// belongings says for a table which row is the victim's, and what a change of it closes.
var belongings = []struct {
	table  string
	where  func(c society) (string, string)
	closes []string
}{
	{"accounts", func(society) (string, string) { return "id = ?", otherAccount }, []string{"abroad"}},
	{"principals", func(c society) (string, string) { return "id = ?", c.victim.principal },
		[]string{"the victim", "the victim's other key", "the victim's grant"}},
	{"principal_policies", func(c society) (string, string) { return "name = 'p' AND principal = ?", c.victim.principal },
		[]string{"the victim", "the victim's other key", "the victim's grant"}},
	{"access_keys", func(c society) (string, string) { return "id = ?", c.victim.id }, []string{"the victim"}},
	{"session_keys", func(society) (string, string) { return "id <> ?", "" }, []string{"the session"}},
	{"grants", func(c society) (string, string) { return "grantee = ?", c.victim.principal }, []string{"the victim's grant"}},
}

// A row of an identity that was changed or removed outside Keyhold closes what it belongs to, and nothing else.
func TestAChangedRowClosesItsIdentityAndNoOther(t *testing.T) {
	v := vault{t: t, dir: filepath.Join(t.TempDir(), "data"), device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true})}
	var c society
	v.asKeyhold(func(s *kms.Service) {
		c = newSociety(t, s)
		c.expect(t, s, nil)
	})
	intact := v.file()
	for _, b := range belongings {
		var names []string
		v.asIntruder(func(db *sql.DB) { names = namesOf(t, db, b.table) })
		where, key := b.where(c)
		statements := map[string]string{"removed": fmt.Sprintf("DELETE FROM %s WHERE %s", b.table, where)}
		for _, name := range names {
			statements[name] = fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", b.table, name, flip(name), where)
		}
		for what, statement := range statements {
			t.Run(b.table+"."+what, func(t *testing.T) {
				v := v
				v.t = t
				v.asIntruder(func(db *sql.DB) {
					untriggered(t, db, b.table, func() { execute(t, db, statement, key) })
				})
				v.asKeyhold(func(s *kms.Service) {
					c.expect(t, s, b.closes)
					if !slices.Contains(outOfSight, b.table+"."+what) {
						named(t, s, b.table)
					}
				})
				v.put(intact)
				v.asKeyhold(func(s *kms.Service) { c.expect(t, s, nil) })
			})
		}
	}
}

// One policy that was changed, and is put back as it was before, is authentic. Whoever has it is closed all the same.
func TestAnOlderPolicyPutBackClosesItsPrincipal(t *testing.T) {
	v := vault{t: t, dir: filepath.Join(t.TempDir(), "data"), device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true})}
	var c society
	put := func(s *kms.Service, document string) {
		ask[any](t, s, homeAccount, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &c.victim.principal, PolicyName: new("p"), Policy: &document})
	}
	remove := func(s *kms.Service) {
		ask[any](t, s, homeAccount, "DeletePrincipalPolicy", &api.DeletePrincipalPolicyInput{Principal: &c.victim.principal, PolicyName: new("p")})
	}
	v.asKeyhold(func(s *kms.Service) { c = newSociety(t, s) })
	intact := v.file()
	for story, change := range map[string]func(s *kms.Service){
		"replaced since": func(s *kms.Service) { put(s, denyAll) },
		"replaced by another and by the same again": func(s *kms.Service) { put(s, denyAll); put(s, listAll) },
		"deleted since": remove,
		"deleted and made again, at an old revision": func(s *kms.Service) { remove(s); put(s, denyAll) },
	} {
		t.Run(story, func(t *testing.T) {
			v := v
			v.t = t
			defer v.put(intact)
			var row []any
			v.asIntruder(func(db *sql.DB) { row = policyRow(t, db, c.victim.principal) })
			v.asKeyhold(change)
			v.asIntruder(func(db *sql.DB) {
				execute(t, db, "INSERT OR REPLACE INTO principal_policies (principal, name, rev, document, mac) VALUES (?, ?, ?, ?, ?)", row...)
			})
			v.asKeyhold(func(s *kms.Service) {
				c.expect(t, s, []string{"the victim", "the victim's other key", "the victim's grant"})
				row := fmt.Sprintf("table principals, id %q", c.victim.principal)
				if _, err := do(t, s, "DescribePrincipal", &api.DescribePrincipalInput{Principal: new("user/victim")}); err == nil || !strings.Contains(err.Error(), row) {
					t.Errorf("the root hears %v", err)
				}
				found := ""
				if err := s.Inspect(t.Context(), func(f kms.Finding) error { found += f.Detail + "\n"; return nil }); err != nil || !strings.Contains(found, row+": its identity policies are not those that it was given last") {
					t.Errorf("the inspection finds %s (%v)", found, err)
				}
			})
		})
	}
}

// policyRow is the victim's policy p as it is stored.
func policyRow(t *testing.T, db *sql.DB, principal string) []any {
	t.Helper()
	row := make([]any, 5)
	err := db.QueryRowContext(t.Context(), "SELECT principal, name, rev, document, mac FROM principal_policies WHERE name = 'p' AND principal = ?", principal).
		Scan(&row[0], &row[1], &row[2], &row[3], &row[4])
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// untriggered does something with a table while its triggers are away.
func untriggered(t *testing.T, db *sql.DB, table string, do func()) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err below has the reason
	triggers := map[string]string{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			t.Fatal(err)
		}
		triggers[name] = definition
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for name := range triggers {
		run(t, db, "DROP TRIGGER "+name)
	}
	do()
	for _, definition := range triggers {
		run(t, db, definition)
	}
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// expect asserts that exactly what is closed is refused, with an answer that does not tell an intruder's work apart from
// what is not there, or explains it.
func (c society) expect(t *testing.T, s *kms.Service, closed []string) {
	t.Helper()
	for who, err := range c.probes(t, s) {
		if !slices.Contains(closed, who) {
			if err != nil {
				t.Errorf("%s is closed: %v", who, err)
			}
			continue
		}
		var e *api.Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("%s is not closed: %v", who, err)
		case e.Name == api.UnrecognizedClientException || e.Name == api.AccessDeniedException:
		case e.Name != api.KMSInvalidStateException || !strings.Contains(e.Message, "keyhold doctor"):
			t.Errorf("%s gets %v", who, err)
		}
	}
}

// outOfSight are the changes that leave nothing to be seen: the row is nobody's any more, or is not there. What they take
// away is not given to anybody else, which is what matters.
var outOfSight = []string{
	"accounts.removed", "principals.removed", "principals.account", "access_keys.removed", "access_keys.principal",
	"session_keys.removed", "grants.removed", "grants.key_id",
}

// named asserts that the self-check finds the damage.
func named(t *testing.T, s *kms.Service, table string) {
	t.Helper()
	found := false
	err := s.Inspect(t.Context(), func(f kms.Finding) error {
		found = found || !f.OK && f.Fix != ""
		return nil
	})
	if err != nil || !found {
		t.Errorf("the inspection does not find the damage in table %s (%v)", table, err)
	}
}

// Lists show what was changed by its id alone, so that nobody reads an intruder's words as Keyhold's.
func TestAListDoesNotRepeatWhatAnIntruderWrote(t *testing.T) {
	v := vault{t: t, dir: filepath.Join(t.TempDir(), "data"), device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true})}
	var c society
	v.asKeyhold(func(s *kms.Service) { c = newSociety(t, s) })
	v.asIntruder(func(db *sql.DB) {
		execute(t, db, "UPDATE principals SET description = 'trust me' WHERE id = ?", c.victim.principal)
		execute(t, db, "UPDATE accounts SET name = 'trust me' WHERE id = ?", otherAccount)
	})
	v.asKeyhold(func(s *kms.Service) {
		for _, p := range ask[*api.ListPrincipalsOutput](t, s, homeAccount, "ListPrincipals", &api.ListPrincipalsInput{}).Principals {
			if changed := p.PrincipalID == c.victim.principal; changed != (p.Name == "" && p.State == "" && p.Description == "") {
				t.Errorf("the list has %+v", p)
			}
		}
		for _, a := range ask[*api.ListAccountsOutput](t, s, homeAccount, "ListAccounts", &api.ListAccountsInput{}).Accounts {
			if changed := a.AccountID == otherAccount; changed != (a.Name == "" && a.State == "") {
				t.Errorf("the list has %+v", a)
			}
		}
		_, err := do(t, s, "DescribePrincipal", &api.DescribePrincipalInput{Principal: new("user/victim")})
		explained(t, err, column{"principals", "description"}, false)
	})
}
