package client_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// processProfile is an environment whose credential_process is a script, in a directory with a blank in its name, and the
// directory.
func processProfile(t *testing.T, script, operands string) (client.Environment, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my scripts")
	path := filepath.Join(dir, "give.sh")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(path, []byte(script), 0o600)); err != nil {
		t.Fatal(err)
	}
	return where(t, nil, "", "[default]\ncredential_process = sh \""+path+"\" "+operands+"\nregion = "+region+"\n"), dir
}

const given = `printf '{"Version":1,"AccessKeyId":"ASIAGIVEN","SecretAccessKey":"hunter2","SessionToken":"hunter3","Expiration":"2026-01-02T04:04:05Z"}'`

func TestAProcessGivesCredentialsWithoutAShell(t *testing.T) {
	e, dir := processProfile(t, `cd "${0%/*}"; printf '%s\n' "$@" >words; `+given, `$(touch x) 'a  b' "c\"d\e" f\ g \; && touch y`)
	got, err := e.Credentials(t.Context())
	if err != nil || got.AccessKeyID() != "ASIAGIVEN" || !got.Expires().Equal(time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC)) {
		t.Errorf("got %v until %s, %v", got, got.Expires(), err)
	}
	words, err := os.ReadFile(filepath.Join(dir, "words"))
	if want := "$(touch\nx)\na  b\nc\"d\\e\nf g\n;\n&&\ntouch\ny\n"; err != nil || string(words) != want {
		t.Errorf("it was run with %q, %v; want %q", words, err, want)
	}
}

// The process is asked once, again shortly before the end, and again when the server does not know what it gave.
func TestAProcessIsRunAgainBeforeItsCredentialsExpire(t *testing.T) {
	e, dir := processProfile(t, `cd "${0%/*}"; echo run >>runs; cat now`, "")
	clock := kmstest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	write := func(expires time.Time) {
		text := strings.Replace(strings.Trim(strings.TrimPrefix(given, "printf "), "'"), "2026-01-02T04:04:05Z", expires.Format(time.RFC3339), 1)
		if err := os.WriteFile(filepath.Join(dir, "now"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := fake(t, &answers{list: []responder{fine}}, func(c *client.Config) { c.Credentials, c.Now = e, clock.Now })
	for _, step := range []struct {
		wait time.Duration
		runs int
	}{{0, 1}, {54 * time.Minute, 1}, {2 * time.Minute, 2}, {time.Minute, 2}} {
		clock.Advance(step.wait)
		write(clock.Now().Add(time.Hour))
		if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
			t.Fatal(err)
		}
		runs, err := os.ReadFile(filepath.Join(dir, "runs"))
		if n := strings.Count(string(runs), "run"); err != nil || n != step.runs {
			t.Errorf("after %s more it was run %d times, want %d (%v)", step.wait, n, step.runs, err)
		}
	}
}

// Such a process would otherwise be run within itself for ever. That of another profile may ask for this one's.
func TestAProcessThatAsksForItsOwnCredentialsIsRefused(t *testing.T) {
	e, dir := processProfile(t, `cd "${0%/*}"; printf %s "$KEYHOLD_CREDENTIAL_PROCESS" >running; `+given, "")
	if _, err := e.Credentials(t.Context()); err != nil {
		t.Fatal(err)
	}
	running, err := os.ReadFile(filepath.Join(dir, "running"))
	if err != nil {
		t.Fatal(err)
	}
	const other, refused = `profile "other" of /elsewhere`, "it asks for the credentials of the same profile"
	for _, c := range []struct{ running, want string }{
		{string(running), refused}, {other + "\n" + string(running), refused}, {string(running) + "\n" + other, refused}, {other, ""},
	} {
		within := e
		within.Getenv = func(name string) string { return map[string]string{"KEYHOLD_CREDENTIAL_PROCESS": c.running}[name] }
		_, err := within.Credentials(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("within %q: %v, want %q", c.running, err, c.want)
		}
	}
}

func TestProcessesThatGiveNothing(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"it fails", "echo hunter2; exit 3", "it failed: exit status 3"},
		{"it is killed", "kill -9 $$", "it failed: signal: killed"},
		{"it prints no JSON", "echo hunter2", "it printed something else than a JSON object"},
		{"it prints nothing", "", "it printed something else than a JSON object"},
		{"two objects", given + ";" + given, "it printed something else than a JSON object"},
		{"of another version", `echo '{"Version":2,"AccessKeyId":"ASIA","SecretAccessKey":"hunter2"}'`, "not of Version 1"},
		{"of no version", `echo '{"AccessKeyId":"ASIA","SecretAccessKey":"hunter2"}'`, "not of Version 1"},
		{"without a secret", `echo '{"Version":1,"AccessKeyId":"ASIA"}'`, "no AccessKeyId or no SecretAccessKey"},
		{"without an id", `echo '{"Version":1,"SecretAccessKey":"hunter2"}'`, "no AccessKeyId or no SecretAccessKey"},
		{"with no instant", `echo '{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"hunter2","Expiration":"tomorrow"}'`, "not an instant"},
		{"too much", "yes hunter2", "it printed more than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := processProfile(t, c.script, "hunter4")
			got, err := e.Credentials(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter") || got.AccessKeyID() != "" {
				t.Errorf("got %v, %v; want %q", got, err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), `credential_process in profile "default" of `) {
				t.Errorf("%v does not say where", err)
			}
		})
	}
	for command, want := range map[string]string{
		"/no/such/program hunter2": "it cannot be run", `sh "hunter2`: "ends within quotes", `sh hunter2\`: "ends within quotes, or with a backslash", `""`: "there is no command",
	} {
		_, err := where(t, nil, "", "[default]\ncredential_process = "+command+"\n").Credentials(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: got %v, want %q", command, err, want)
		}
	}
}

// A process that does not end is ended with the caller's patience, and so is one that has left a child behind.
func TestAProcessThatDoesNotEnd(t *testing.T) {
	for name, script := range map[string]string{"itself": "exec sleep 60", "a child of it": "sleep 30 2>/dev/null"} {
		t.Run(name, func(t *testing.T) {
			e, _ := processProfile(t, script, "")
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := e.Credentials(ctx)
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 20*time.Second {
				t.Errorf("after %s: %v", took, err)
			}
		})
	}
}

// Words that are quoted one by one come back as they were.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"sh give.sh", `a "b c" 'd e' f\ g`, `"\a\"\\"`, `a"b"'c'`, `\`, `"`, "''", "\t a \t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, command string) {
		words, err := client.SplitWords(command)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if again, err := client.SplitWords(strings.Join(quoted, " ")); err != nil || !slices.Equal(again, words) {
			t.Errorf("%q is %q, and quoted it is %q, %v", command, words, again, err)
		}
	})
}
