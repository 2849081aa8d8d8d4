package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/keyhold/keyhold/softhsm"
)

// TestMain lets this test program be the witness of hsm verify, as the real program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == witnessName {
		os.Exit(Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// place is a data directory at which a person types commands.
type place struct {
	t    *testing.T
	data string
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-cli-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return place{t, filepath.Join(dir, "data")}
}

func (p place) file(name string) string { return filepath.Join(filepath.Dir(p.data), name) }

// try runs a command and wants an exit code and a part of what is said.
func (p place) try(code int, said string, args ...string) string {
	p.t.Helper()
	return p.tryWith("", code, said, args...)
}

func (p place) tryWith(input string, code int, said string, args ...string) string {
	p.t.Helper()
	got, out, talk := run(p.t, input, append([]string{"--data", p.data}, args...)...)
	if got != code || !strings.Contains(talk, said) || said == "" && talk != "" {
		p.t.Fatalf("keyhold %s: code %d, said\n%s\nwant %d, %q; output\n%s", strings.Join(args, " "), got, talk, code, said, out)
	}
	return out
}

// do runs a command that succeeds quietly.
func (p place) do(args ...string) string {
	p.t.Helper()
	return p.try(exitOK, "", args...)
}

// key makes a key and returns its id.
func (p place) key(args ...string) string {
	p.t.Helper()
	var out struct{ KeyMetadata struct{ KeyID string } }
	parse(p.t, p.do(append([]string{"key", "create", "-o", "json"}, args...)...), &out)
	return out.KeyMetadata.KeyID
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

func (p place) wants(out string, parts ...string) {
	p.t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			p.t.Errorf("%q is not in\n%s", part, out)
		}
	}
}

func TestAKeysLife(t *testing.T) {
	p := newPlace(t)
	p.try(exitError, "make a throw-away data directory with keyhold dev", "key", "list")
	p.wants(p.try(exitOK, "export KEYHOLD_DATA="+p.data, "dev"), p.data, "111122223333", "keyhold-dev")
	p.wants(p.try(exitOK, "the data directory is ready", "dev"), "keyhold-dev")
	p.try(exitError, "for account 111122223333", "dev", "--account", "222233334444")
	p.try(exitError, "already initialised", "init", "--config", filepath.Join(p.data, configName))

	id := p.key("--description", "order data", "--tag", "team=orders,eu", "--alias", "orders")
	p.wants(p.do("key", "describe", "alias/orders"), id, "order data", "Enabled", "SYMMETRIC_DEFAULT")
	p.wants(p.do("key", "tags", id), "team  orders,eu")
	p.try(exitOK, "tagged", "key", "tag", id, "stage=live")
	p.try(exitOK, "untagged", "key", "untag", id, "team")
	p.wants(p.do("key", "tags", id, "-o", "json"), `{"Tags":[{"TagKey":"stage","TagValue":"live"}],"Truncated":false}`)
	p.try(exitOK, "description replaced", "key", "update", id, "--description", "new")

	p.wants(p.do("key", "rotate", id), "arn:aws:kms:us-east-1:111122223333:key/"+id)
	p.wants(p.do("key", "rotations", id, "--all-material"), "ON_DEMAND", "NON_CURRENT")
	p.wants(p.do("key", "auto-rotation", id, "--on", "--days", "100"), "on", "100 days")
	p.wants(p.do("key", "auto-rotation", id, "--off"), "off")
	if out := p.do("key", "auto-rotation", id, "--on", "-o", "json"); out != "{}\n" {
		t.Errorf("an empty answer is %q", out)
	}

	p.try(exitOK, "disabled", "key", "disable", id)
	p.tryWith("x", exitError, "keyhold key enable arn:", "encrypt", "alias/orders", "--base64")
	p.try(exitOK, "enabled", "key", "enable", id)
	p.try(exitError, "nothing has been changed", "key", "delete", "alias/orders", "--days", "7")
	p.wants(p.do("key", "describe", id), "Enabled")
	p.wants(p.do("key", "delete", id, "--days", "7", "--yes"), "PendingDeletion")
	p.try(exitError, "keyhold key cancel-delete arn:", "key", "delete", id)
	p.wants(p.try(exitOK, "keyhold key enable "+id, "key", "cancel-delete", id), "Kept")
	p.try(exitError, "keyhold key list", "key", "describe", "00000000-0000-4000-8000-000000000000")
}

func TestNames(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	first, second := p.key(), p.key()
	p.try(exitOK, "alias/a: created", "alias", "create", "a", first)
	p.try(exitOK, "alias/b: created", "alias", "create", "alias/b", first)
	p.try(exitError, "keyhold alias update", "alias", "create", "a", second)
	p.try(exitOK, "alias/b: updated", "alias", "update", "b", second)
	p.wants(p.do("alias", "list"), "alias/a  "+first, "alias/b  "+second)
	p.wants(p.try(exitOK, "there are more: --all", "alias", "list", "--limit", "1"), "alias/a")
	p.wants(p.do("alias", "list", "--limit", "1", "--all", "-o", "json"), "alias/a", "alias/b", `"Truncated":false`)
	if out := p.do("alias", "list", second); strings.Contains(out, "alias/a") {
		t.Errorf("the other key's alias is listed:\n%s", out)
	}
	keys := []string{first, second}
	slices.Sort(keys)
	p.wants(p.do("key", "list"), keys[0], keys[1], "alias/a", "alias/b")
	p.wants(p.try(exitOK, "--marker", "key", "list", "--limit", "1"), keys[0])
	p.wants(p.do("key", "list", "--long", "--all"), "Enabled", "DESCRIPTION")
	p.try(exitError, "keyhold alias delete a --yes", "alias", "delete", "a")
	p.try(exitOK, "alias/a: deleted", "alias", "delete", "a", "--yes")
	p.try(exitError, "NotFoundException", "alias", "delete", "a", "--yes")
	p.try(exitError, "no key was made: NotAuthorizedException", "key", "create", "--alias", "alias/aws/x")
}

func TestFilesAndStreams(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	id := p.key("--alias", "app")
	plain, sealed, again, back := p.file("plain"), p.file("sealed"), p.file("again"), p.file("back")
	if err := os.WriteFile(plain, []byte("top secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.do("encrypt", "alias/app", plain, "--context", "app=shop", "--out", sealed)
	p.try(exitError, "the ciphertext does not open", "decrypt", sealed)
	if out := p.do("decrypt", sealed, "--context", "app=shop"); out != "top secret\n" {
		t.Errorf("got %q", out)
	}
	p.try(exitOK, "would have succeeded", "decrypt", sealed, "--context", "app=shop", "--dry-run")
	p.do("reencrypt", sealed, "--to", id, "--context", "app=shop", "--to-context", "app=store", "--out", again)
	p.do("decrypt", again, "--context", "app=store", "--out", back)
	wantFile(t, back, "top secret\n")
	p.try(exitError, "replace it with --force", "decrypt", again, "--context", "app=store", "--out", back)

	text := p.tryWith("through a pipe", exitOK, "", "encrypt", "alias/app", "--base64")
	if out := p.tryWith(text, exitOK, "", "decrypt", "-"); out != "through a pipe" {
		t.Errorf("got %q", out)
	}
	raw := p.tryWith("through a pipe", exitOK, "", "encrypt", id)
	p.wants(p.tryWith(raw, exitOK, "", "decrypt", "-o", "json"), base64.StdEncoding.EncodeToString([]byte("through a pipe")))
	p.tryWith(strings.Repeat("x", 4097), exitError, "keyhold data-key alias/app", "encrypt", "alias/app")
	p.tryWith("", exitError, "the input is empty", "encrypt", "alias/app")

	p.wants(p.do("data-key", "alias/app"), "Plaintext", "Ciphertext", id)
	out := p.do("data-key", "alias/app", "--plaintext-out", p.file("dk"), "--ciphertext-out", p.file("dk.enc"), "-o", "json")
	if strings.Contains(out, "Plaintext") || strings.Contains(out, "CiphertextBlob") {
		t.Errorf("what went to files is shown too: %s", out)
	}
	key, err := os.ReadFile(p.file("dk"))
	if err != nil || p.do("decrypt", p.file("dk.enc")) != string(key) || len(key) != 32 {
		t.Errorf("the data key in the file is not the one in the ciphertext (%d octets, %v)", len(key), err)
	}
	if out := p.do("data-key", id, "--without-plaintext", "--bytes", "5"); strings.Contains(out, "Plaintext") {
		t.Errorf("plaintext is shown:\n%s", out)
	}
	if out := p.do("random", "1024"); len(out) != 1024 {
		t.Errorf("%d octets", len(out))
	}
}

func TestAnyOperationCanBeCalled(t *testing.T) {
	p := newPlace(t)
	p.wants(p.do("call", "--list"), "ReEncrypt", "ListKeyRotations")
	p.try(exitOK, "ready", "dev")
	id := p.key()
	p.wants(p.do("call", "DescribeKey", `{"KeyId":"`+id+`"}`), `"KeyState":"Enabled"`)
	p.wants(p.tryWith(`{"KeyId":"`+id+`","Plaintext":"aGk="}`, exitOK, "", "call", "Encrypt", "-"), "CiphertextBlob")
	p.tryWith(`{"KeyId":"`+id+`","Plaintext":"aGk="}`, exitOK, "would have succeeded", "call", "Encrypt", "-", "--dry-run")
	file := p.file("in.json")
	if err := os.WriteFile(file, []byte(`{"NumberOfBytes": 3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wants(p.do("call", "GenerateRandom", "@"+file), `{"Plaintext":"`)
	p.wants(p.do("call", "ListKeys"), id)
	p.try(exitError, "keyhold call --list", "call", "Explode")
	p.try(exitError, "one JSON object", "call", "ListKeys", "nonsense")
}

func TestTheTokenIsLookedAt(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	id := p.key()
	p.wants(p.do("hsm", "status"), "healthy", "keyhold-dev")
	p.wants(p.do("hsm", "probe"), "keyhold-dev", "AES_GCM")
	p.wants(p.do("hsm", "inventory"), "row key", "generation", id)
	p.try(exitOK, "nothing is left over", "hsm", "reconcile")
	p.try(exitOK, "nothing is left over", "hsm", "reconcile", "--yes")
	var said []testimony
	parse(t, p.do("hsm", "verify", "-o", "json"), &said)
	if len(said) != 2 || !said[0].OK || !said[1].OK || !said[1].Opened || string(said[1].KeyID) != id {
		t.Errorf("the witness said %+v", said)
	}
	p.wants(p.do("hsm", "verify"), "row key", "canary opens")
	p.wants(p.do("doctor"), "ok  token", "ok  key "+id, "ok  outbox")
	if err := os.Chmod(p.data, 0o755); err != nil {
		t.Fatal(err)
	}
	p.wants(p.try(exitError, "to mend: 1 of", "doctor"), "BAD  permissions", "fix: chmod 0700 "+p.data)
}

func TestInitLeavesNoTraceOfAMistake(t *testing.T) {
	p := newPlace(t)
	donor := newPlace(t)
	donor.try(exitOK, "ready", "dev")
	pin, env := filepath.Join(donor.data, devPIN), "SOFTHSM2_CONF="+filepath.Join(donor.data, devHome, "softhsm2.conf")
	token := []string{"init", "--account", "111122223333", "--region", "eu-central-1", "--module-env", env}
	for name, flags := range map[string][]string{
		"no token has label": {"--token-label", "none", "--pin-file", pin},
		"open the PIN file":  {"--token-label", devToken, "--pin-file", p.file("none")},
		"no PKCS #11 module": {"--token-label", devToken, "--pin-file", pin, "--module", p.file("none.so")},
		"was not inherited":  {"--token-label", devToken, "--pin-fd", "987"},
	} {
		p.try(exitError, name, append(slices.Clone(token), flags...)...)
		if _, err := os.Stat(p.data); err == nil {
			t.Fatalf("%s: there is a data directory", name)
		}
	}
	good := append(slices.Clone(token), "--token-label", devToken, "--pin-file", pin)
	p.wants(p.try(exitOK, "the data directory is ready", good...), "eu-central-1", devToken)
	p.try(exitError, "already initialised, for account 111122223333 in region eu-central-1", good...)
	p.wants(p.do("key", "list"), "KEY ID")

	text, err := os.ReadFile(filepath.Join(p.data, configName))
	if err != nil || !bytes.Contains(text, []byte(pin)) {
		t.Errorf("the configuration does not name the PIN file: %v\n%s", err, text)
	}
	secret, err := os.ReadFile(pin)
	if err != nil || bytes.Contains(text, secret) {
		t.Errorf("the configuration holds the PIN, %v", err)
	}
}

// An initialisation may be cut short before and after the store has its unfinished row.
func TestInitAndDevAreTakenUpAgain(t *testing.T) {
	donor := newPlace(t)
	donor.try(exitOK, "ready", "dev")
	good := []string{"init", "--account", "111122223333", "--token-label", devToken, "--pin-file", filepath.Join(donor.data, devPIN),
		"--module-env", "SOFTHSM2_CONF=" + filepath.Join(donor.data, devHome, "softhsm2.conf")}
	object, err := device.NewObjectID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, meta := range map[string]*kms.MetaRow{
		"before": nil,
		"after":  {Directory: "d", Account: "111122223333", Region: "us-east-1", Token: devToken, RowKey: object, CreatedAt: 1},
	} {
		for _, command := range [][]string{good, {"dev"}} {
			t.Run(command[0]+" "+name, func(t *testing.T) {
				p := newPlace(t)
				cutShort(t, p.data, meta)
				p.try(exitOK, "the data directory is ready", command...)
				p.key()
				p.do("doctor")
			})
		}
	}
}

func cutShort(t *testing.T, dir string, meta *kms.MetaRow) {
	t.Helper()
	store, err := sqlite.Create(t.Context(), sqlite.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if meta != nil {
		if err := store.PutMeta(t.Context(), *meta); err != nil {
			t.Error(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func TestADirectoryOfStrangersIsLeftAlone(t *testing.T) {
	p := newPlace(t)
	if err := os.MkdirAll(filepath.Join(p.data, "thesis"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.try(exitError, `already holds "thesis"`, "dev")
	entries, err := os.ReadDir(p.data)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}
