package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/urfave/cli/v2"
)

const nobody = 65534

// exposure is a way in which others could change what a command relies on.
type exposure struct {
	path string // below the place
	mode fs.FileMode
	says string // FILE is the path
}

func TestWhatOthersCanChangeIsNotTrusted(t *testing.T) {
	for name, e := range map[string]exposure{
		"the data directory, by its group":          {"data", 0o770, "FILE has mode 0770, so others than its owner can change it; run: chmod go-w FILE"},
		"the data directory, by all":                {"data", 0o702, "run: chmod go-w FILE"},
		"the configuration":                         {"data/keyhold.yaml", 0o622, "run: chmod go-w FILE"},
		"the library":                               {"lib/p11.so", 0o775, "load the PKCS #11 module: FILE has mode 0775, so others than its owner can change it; run: chmod go-w FILE"},
		"the directory of the library":              {"lib", 0o777, "FILE has mode 0777, so anybody can rename what is in it; run: chmod go-w FILE"},
		"the directory that the data directory has": {"", 0o707, "so anybody can rename what is in it; run: chmod go-w FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.ownLibrary()
			path := filepath.Join(filepath.Dir(p.data), e.path)
			before := p.mode(path)
			p.chmod(path, e.mode)
			p.refuses(strings.ReplaceAll(e.says, "FILE", path))
			p.chmod(path, before)
			p.do("key", "list")
		})
	}
}

// ownLibrary makes a data directory whose library can be exposed, with a variable that tells whether it was trusted.
func (p place) ownLibrary() {
	p.t.Helper()
	p.try(exitOK, "ready", "dev")
	found, err := softhsm.Find()
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := os.ReadFile(found)
	if err != nil {
		p.t.Fatal(err)
	}
	library := p.file("lib/p11.so")
	config, err := os.ReadFile(filepath.Join(p.data, configName))
	if err != nil {
		p.t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("module:\n"), []byte("module:\n  path: "+library+"\n"), 1)
	config = bytes.Replace(config, []byte("  env: {"), []byte("  env: {"+trustVariable+": believed, "), 1)
	err = errors.Join(os.Mkdir(p.file("lib"), 0o755), os.WriteFile(library, text, 0o600),
		os.WriteFile(filepath.Join(p.data, configName), config, 0o600))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Setenv(trustVariable, "")
	p.do("key", "list")
	if os.Getenv(trustVariable) != "believed" {
		p.t.Fatalf("the configuration does not set its variable:\n%s", config)
	}
}

const trustVariable = "KEYHOLD_TEST_TRUST"

// refuses wants every command that would load the library to refuse, and to have set no variable before.
func (p place) refuses(says string) {
	p.t.Helper()
	for _, command := range [][]string{{"key", "list"}, {"hsm", "probe"}, {"hsm", "verify"}} {
		if command[1] == "probe" && !strings.Contains(says, "keyhold.yaml") && !strings.Contains(says, "PKCS #11") {
			continue // it needs no data directory
		}
		p.t.Setenv(trustVariable, "")
		p.try(exitError, says, command...)
		if os.Getenv(trustVariable) != "" {
			p.t.Errorf("%s: the configuration was believed", strings.Join(command, " "))
		}
	}
	fix := says[strings.LastIndex(says, "run: "):]
	p.wants(p.try(exitError, "to mend", "doctor"), "BAD", "fix: "+fix)
}

func (p place) mode(path string) fs.FileMode {
	p.t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		p.t.Fatal(err)
	}
	return info.Mode().Perm()
}

func (p place) chmod(path string, mode fs.FileMode) {
	p.t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		p.t.Fatal(err)
	}
}

func TestTheLibraryOfTheCommandLineIsNoExceptionForAProbe(t *testing.T) {
	p := newPlace(t)
	p.ownLibrary()
	p.chmod(p.file("lib/p11.so"), 0o602)
	p.try(exitError, "run: chmod go-w "+p.file("lib/p11.so"), "hsm", "probe", "--module", p.file("lib/p11.so"), "--token-label", devToken)
	t.Setenv(softhsm.ModuleEnv, p.file("lib/p11.so"))
	p.try(exitError, "run: chmod go-w "+p.file("lib/p11.so"), "--data", p.file("other"), "dev")
	if _, err := os.Stat(p.file("other")); err == nil {
		t.Error("dev made a directory before it refused")
	}
}

func TestADirectoryThatOthersCanWriteIsNotMadeADataDirectory(t *testing.T) {
	p := newPlace(t)
	if err := os.Mkdir(p.data, 0o700); err != nil {
		t.Fatal(err)
	}
	p.chmod(p.data, 0o777)
	for _, command := range [][]string{{"dev"}, {"init", "--account", "111122223333", "--token-label", "x", "--pin-file", "pin"}} {
		p.try(exitError, "run: chmod go-w "+p.data, command...)
	}
	p.chmod(p.data, 0o700)
	p.try(exitOK, "ready", "dev")
}

// Only root can give a directory away, and only root would be let into another's.
func TestRootDoesNotWorkInTheDirectoryOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	p := newPlace(t)
	p.ownLibrary()
	for name, says := range map[string]string{
		"data":              "belongs to user 65534, who could",
		"data/keyhold.yaml": "run: chown 0 " + p.file("data/keyhold.yaml"),
		"lib/p11.so":        "run: chown 0 " + p.file("lib/p11.so"),
		"lib":               "name a place below directories of your own",
		"":                  "name a place below directories of your own",
	} {
		if err := os.Chown(p.file(name), nobody, -1); err != nil {
			t.Fatal(err)
		}
		p.try(exitError, says, "key", "list")
		if err := os.Chown(p.file(name), 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	p.do("key", "list")
}

// Table meta says without an authentication code that a directory is not initialised, so that anybody can have it say so.
func TestDevDoesNotThrowAwayATokenInUse(t *testing.T) {
	for name, makeKey := range map[string]bool{"with rows": true, "with a key in the token only": false} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.try(exitOK, "ready", "dev")
			if makeKey {
				p.key("--alias", "app")
			}
			before := p.token()
			meta := p.alterMeta(func(m *kms.MetaRow) { m.Ready = false })
			p.try(exitError, "if nothing there matters, remove the directory", "dev")
			if after := p.token(); !maps.Equal(before, after) {
				t.Errorf("the token was changed: %v, before %v", after, before)
			}
			p.alterMeta(func(m *kms.MetaRow) { *m = meta })
			p.do("doctor")
		})
	}
}

func TestAnUnfinishedTokenWithoutKeysIsMadeAnew(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	p.alterMeta(func(m *kms.MetaRow) { m.Ready = false })
	for path := range p.token() {
		if filepath.Ext(path) == ".object" && filepath.Base(path) != "token.object" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.try(exitOK, "the data directory is ready", "dev")
	p.do("doctor")
}

// alterMeta changes the store's row of itself, as somebody who can write to the database could, and returns the old one.
func (p place) alterMeta(change func(*kms.MetaRow)) kms.MetaRow {
	p.t.Helper()
	var before kms.MetaRow
	p.onStore(func(s *sqlite.Store) error {
		meta, err := s.Meta(p.t.Context())
		if err != nil {
			return err
		}
		before = meta
		change(&meta)
		return s.PutMeta(p.t.Context(), meta)
	})
	return before
}

func (p place) onStore(work func(*sqlite.Store) error) {
	p.t.Helper()
	s, err := sqlite.Open(p.t.Context(), sqlite.Config{Dir: p.data})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := errors.Join(work(s), s.Close()); err != nil {
		p.t.Fatal(err)
	}
}

// token is what the files of the token and its PIN hold.
func (p place) token() map[string]string {
	p.t.Helper()
	found := map[string]string{}
	for _, part := range []string{devHome, devPIN} {
		err := filepath.WalkDir(filepath.Join(p.data, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			found[path] = string(text)
			return err
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return found
}

// Commands that only look leave what a crash left, so that it can be seen.
func TestLookingChangesNothing(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	birth := kms.BirthRow{Object: device.ObjectID{7}, KeyID: "1234abcd-12ab-4cde-8f01-1234567890ab", Number: 1, Token: devToken, StartedAt: 1}
	p.onStore(func(s *sqlite.Store) error {
		return errors.Join(s.PutBirth(t.Context(), birth),
			s.Apply(t.Context(), kms.Change{Events: []kms.EventRow{{ID: "left", Record: []byte(`{"eventID":"left"}`)}}}))
	})
	before := slices.Sorted(maps.Keys(p.token())) // what the token's files hold changes with every login
	left := func() (births, events int) {
		p.onStore(func(s *sqlite.Store) error {
			b, err := s.Births(t.Context())
			e, more := s.Outbox(t.Context(), 10)
			births, events = len(b), len(e)
			return errors.Join(err, more)
		})
		return births, events
	}
	for _, command := range [][]string{{"doctor"}, {"hsm", "inventory"}, {"hsm", "reconcile"}} {
		if code, _, talk := run(t, "", append([]string{"--data", p.data}, command...)...); strings.Contains(talk, "warn") {
			t.Errorf("code %d: %s", code, talk)
		}
		births, events := left()
		if births != 1 || events != 1 || !slices.Equal(before, slices.Sorted(maps.Keys(p.token()))) {
			t.Errorf("after %v there are %d births and %d events", command, births, events)
		}
	}
	p.wants(p.do("hsm", "reconcile", "--yes"), "forgotten")
	if births, _ := left(); births != 0 {
		t.Errorf("%d births after all", births)
	}
	if _, _, talk := run(t, "", "--data", p.data, "key", "list"); !strings.Contains(talk, "event") {
		t.Errorf("nothing is said of a forged event: %s", talk)
	}
	if _, events := left(); events != 0 {
		t.Errorf("%d events after a command that does not only look", events)
	}
}

const hostile = "\x1b]0;owned\x07 \u202e\u009b2J \xff\rgrüße"

func TestWhatIsSaidObeysNobody(t *testing.T) {
	for name, say := range map[string]func(*program){
		"an error":        func(p *program) { p.report(errors.New("read " + hostile)) },
		"an advice":       func(p *program) { p.report(advise(errors.New("x"), "%s", hostile)) },
		"a usage error":   func(p *program) { p.report(usagef(bareContext(), "no %s", hostile)) },
		"a warning":       func(p *program) { warn(p, "warn", slog.String("label", hostile)) },
		"the message":     func(p *program) { warn(p, hostile) },
		"a token's words": func(p *program) { p.out = p.err; _ = p.showReport(bareContext(), hsm.Report{Problem: hostile}) },
	} {
		t.Run(name, func(t *testing.T) {
			var talk bytes.Buffer
			say(&program{err: &talk})
			if text := talk.String(); strings.ContainsAny(text, "\x1b\x07\u202e\u009b\r") || strings.Contains(text, "\xff") ||
				!strings.Contains(text, `\x1b]0;owned\a \u202e\u009b2J \xff\rgrüße`) {
				t.Errorf("said %q", text)
			}
		})
	}
}

func warn(p *program, message string, attrs ...slog.Attr) {
	slog.New(&plainHandler{out: p.err, lock: new(sync.Mutex)}).LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}

func TestOurOwnLinesStay(t *testing.T) {
	if got := legible("a\n  b\x00\n"); got != "a\n  b\\x00\n" {
		t.Errorf("got %q", got)
	}
}

func bareContext() *cli.Context {
	return cli.NewContext(quietProgram().app(), flag.NewFlagSet("", flag.ContinueOnError), nil)
}
