package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What is typed to learn about accounts, principals and policies is what people rely on at night: a change of it shows.
func TestHelpOfTheGroups(t *testing.T) {
	for _, group := range []string{"account", "principal", "access-key", "grant", "policy"} {
		t.Run(group, func(t *testing.T) {
			code, got, talk := run(t, "", group, "--help")
			all := leaves(quietProgram().app().Commands)
			names := make([]string, 0, len(all))
			for name := range all {
				if strings.HasPrefix(name, group+" ") {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			for _, name := range names {
				_, text, _ := run(t, "", append(strings.Fields(name), "--help")...)
				got += "\n" + text
			}
			if code != exitOK || talk != "" {
				t.Fatalf("code %d, said %q", code, talk)
			}
			golden(t, filepath.Join("testdata", "help", group+".txt"), got)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not current; run go test ./cli -run TestHelpOfTheGroups -update. It would be:\n%s", file, got)
	}
}

func TestWhoMayWhat(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	key := p.key("--alias", "orders")
	p.wants(p.do("principal", "create", "user", "alice"), "user/alice", "arn:aws:iam::111122223333:user/alice")

	var credentials struct{ AccessKeyID, SecretAccessKey string }
	parse(t, p.try(exitOK, "the only time", "access-key", "create", "alice", "-o", "json"), &credentials)
	if len(credentials.SecretAccessKey) != 40 || !strings.HasPrefix(credentials.AccessKeyID, "AKIA") {
		t.Errorf("the access key is %s with a secret of %d characters", credentials.AccessKeyID, len(credentials.SecretAccessKey))
	}

	denied := p.do("policy", "explain", "--principal", "user/alice", "--action", "Decrypt", "--key", "alias/orders")
	p.wants(denied, "Denied   kms:Decrypt on ", "Missing  an identity policy")
	var grant struct{ GrantID string }
	parse(t, p.do("grant", "create", key, "--grantee", "user/alice", "--operation", "decrypt", "--context-equals", "app=shop", "-o", "json"), &grant)
	allowed := p.do("policy", "explain", "--principal", "user/alice", "--action", "Decrypt", "--key", "alias/orders", "--context", "app=shop")
	p.wants(allowed, "Allowed  kms:Decrypt on ", "By       grant "+grant.GrantID)
	who := p.do("policy", "who-can", "Decrypt", key, "--context", "app=shop")
	p.wants(who, "user/alice", grant.GrantID, "arn:aws:iam::111122223333:root")

	p.try(exitError, "nothing has been changed", "grant", "revoke", key, grant.GrantID)
	p.try(exitOK, "revoked", "grant", "revoke", key, grant.GrantID, "--yes")
	if out := p.do("policy", "who-can", "Decrypt", key, "--context", "app=shop"); strings.Contains(out, "alice") {
		t.Errorf("alice still can:\n%s", out)
	}
	p.try(exitOK, "disabled", "access-key", "disable", credentials.AccessKeyID)
	p.wants(p.do("access-key", "list"), credentials.AccessKeyID+"  Inactive")
	p.wants(p.do("doctor"), "ok  identities")
}

// The policy of --administrator must be one that nothing is wrong with.
func TestTheAdministratorsPolicyIsSound(t *testing.T) {
	if found := policy.Lint(policy.IdentityPolicy, administratorPolicy, policy.Facts{Actions: ownActions()}); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

func TestASessionIsWhatSDKsWant(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	p.do("principal", "create", "user", "alice", "--administrator")
	trust := p.file("trust.json")
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`
	if err := os.WriteFile(trust, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	p.do("principal", "create", "role", "batch", "--trust", trust)
	before := time.Now()
	for _, format := range []string{formatTable, formatJSON} {
		var members map[string]any
		decoder := json.NewDecoder(strings.NewReader(p.do("access-key", "session", "--user", "alice", "--role", "batch", "--duration", "20m", "-o", format)))
		if err := decoder.Decode(&members); err != nil || decoder.More() {
			t.Fatalf("want one JSON object: %v", err)
		}
		expires, err := time.Parse(time.RFC3339, fmt.Sprint(members["Expiration"]))
		if left := expires.Sub(before); err != nil || left < 19*time.Minute || left > 21*time.Minute {
			t.Errorf("it expires in %v, %v", left, err)
		}
		if len(members) != 5 || members["Version"] != 1.0 || members["SessionToken"] == "" || members["SecretAccessKey"] == "" {
			t.Errorf("the members are %d: the version %v", len(members), members["Version"])
		}
	}
}
