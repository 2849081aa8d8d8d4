package ops_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
)

// bare is a stage whose directory is not initialised.
func bare(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	meta := s.service.Meta()
	s.bench.device.Vanish(meta.RowKey)
	meta.Ready = false
	if err := s.bench.store.PutMeta(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) initialise() error {
	return kms.Initialise(s.t.Context(), s.config, kms.Identity{Account: account, Region: region})
}

func (s *stage) open(edit ...func(*kms.Config)) error {
	config := s.config
	for _, e := range edit {
		e(&config)
	}
	_, err := kms.New(s.t.Context(), config)
	return err
}

// says wants an error with all the words.
func says(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("the error is %v, want it to say %q", err, w)
		}
	}
}

func TestAnInitialisationThatWasCutShortAtAnyStepIsTakenUpAgain(t *testing.T) {
	for step := range 50 {
		s := bare(t)
		s.world.set(mortal(step), nil)
		err := s.initialise()
		s.world.heal()
		if err == nil {
			return
		}
		says(t, s.open(), "not initialised", "keyhold init")
		if err := s.initialise(); err != nil {
			t.Fatalf("after step %d: %v", step, err)
		}
		s.start()
		s.newKey()
		s.soundBut(t, "keyhold rows ")
		if err := s.initialise(); !errors.Is(err, kms.ErrInitialised) {
			t.Errorf("once it is done it says %v", err)
		}
	}
	t.Error("an initialisation never succeeds, however late the process dies")
}

func TestAnInitialisationWhoseTokenFailsIsTakenUpAgain(t *testing.T) {
	for name, arrange := range map[string]func(s *stage){
		"the reply is lost":    func(s *stage) { s.bench.device.LoseReply(kmstest.MethodGenerateKey, 1) },
		"half a key is left":   func(s *stage) { s.bench.device.LeaveDebris(kmstest.DebrisWithoutValue) },
		"the token goes down":  func(s *stage) { s.bench.device.SetDown(true) },
		"the key is untrusted": func(s *stage) { s.bench.device.FailNext(kmstest.MethodGenerateKey, 1, device.ErrUntrusted) },
	} {
		t.Run(name, func(t *testing.T) {
			s := bare(t)
			arrange(s)
			if s.initialise() == nil {
				t.Fatal("nothing failed")
			}
			s.bench.device.SetDown(false)
			if err := s.initialise(); err != nil {
				t.Fatal(err)
			}
			s.start()
			if _, err := s.service.RemoveDebris(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.newKey()
			s.soundBut(t, "keyhold rows ")
		})
	}
}

// Whoever can write to the database can make it say that it is not initialised. Taking that at its word would destroy the
// key that authenticates the rows, and with it the use of every key.
func TestADirectoryWithKeysIsNotInitialisedAgainWhateverItSays(t *testing.T) {
	for name, forge := range map[string]func(s *stage){
		"the row says that it is not ready": func(s *stage) {
			s.store.meta = func(m kms.MetaRow) kms.MetaRow { m.Ready = false; return m }
		},
		"the row is gone": func(s *stage) {
			s.world.set(func(call string) error {
				if call == "store.Meta" {
					return kms.ErrNotFound
				}
				return nil
			}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			key := s.newKey()
			blob := s.encrypt(key, "precious", nil)
			objects := len(s.bench.device.Objects())
			forge(s)
			for _, err := range []error{s.initialise(), s.open()} {
				says(t, err, "table meta", "changed or removed outside Keyhold", "backup")
			}
			if now := len(s.bench.device.Objects()); now != objects {
				t.Fatalf("the token has %d objects, and had %d", now, objects)
			}
			s.store.meta = nil
			s.crash()
			if plain, err := s.decrypt(blob, nil); plain != "precious" {
				t.Errorf("it opens to %q, %v", plain, err)
			}
		})
	}
}

// The row of an unfinished initialisation has no authentication code: it may name any object of the token.
func TestAnInitialisationDestroysNothingWhateverTheDatabaseNames(t *testing.T) {
	s := bare(t)
	theirs, err := device.NewObjectID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.bench.device.GenerateKey(t.Context(), device.KeySpec{ID: theirs, Label: "theirs", Purpose: device.PurposeMAC}); err != nil {
		t.Fatal(err)
	}
	if err := s.bench.store.PutMeta(t.Context(), kms.MetaRow{Directory: "d", Account: account, Region: region, Token: "fake", RowKey: theirs}); err != nil {
		t.Fatal(err)
	}
	if err := s.initialise(); err != nil {
		t.Fatal(err)
	}
	if there, err := s.bench.device.HasKey(t.Context(), theirs); err != nil || !there {
		t.Errorf("the object is there: %v, %v", there, err)
	}
}

func TestAServiceDoesNotStartOverADirectoryThatItCannotTrust(t *testing.T) {
	cases := []struct {
		name  string
		edit  func(c *kms.Config)
		forge func(s *stage)
		words []string
	}{
		{name: "the token has another name", edit: func(c *kms.Config) {
			c.Device = kmstest.NewFakeDevice(kmstest.FakeConfig{Name: "another"})
		}, words: []string{`"fake"`, `"another"`, "configuration"}},
		{name: "the token is another of the same name", edit: func(c *kms.Config) {
			c.Device = kmstest.NewFakeDevice(kmstest.FakeConfig{})
		}, words: []string{"authenticates stored rows", "no such object"}},
		{name: "the key of the rows has gone", forge: func(s *stage) {
			s.bench.device.Vanish(s.service.Meta().RowKey)
		}, words: []string{"authenticates stored rows", "no such object"}},
		{name: "the key of the rows may be extracted", forge: func(s *stage) {
			s.bench.device.SetAttribute(s.service.Meta().RowKey, "EXTRACTABLE", true)
		}, words: []string{"authenticates stored rows", "cannot be trusted"}},
		{name: "the key of the rows is another key", forge: func(s *stage) {
			object := s.generations(s.t, s.newKey())[0].Object
			s.store.meta = func(m kms.MetaRow) kms.MetaRow { m.RowKey = object; return m }
		}, words: []string{"authenticates stored rows"}},
		{name: "the account was changed", forge: func(s *stage) {
			s.store.meta = func(m kms.MetaRow) kms.MetaRow { m.Account = "999999999999"; return m }
		}, words: []string{"cannot be trusted", "table meta", "changed outside Keyhold"}},
		{name: "a directory in use says that it is for trying out", forge: func(s *stage) {
			s.store.meta = func(m kms.MetaRow) kms.MetaRow { m.Dev = true; return m }
		}, words: []string{"cannot be trusted", "table meta"}},
		{name: "the authentication code is gone", forge: func(s *stage) {
			s.store.meta = func(m kms.MetaRow) kms.MetaRow { m.MAC = nil; return m }
		}, words: []string{"cannot be trusted", "table meta"}},
		{name: "the configuration names another account", edit: func(c *kms.Config) { c.Account = "999999999999" },
			words: []string{account, "999999999999"}},
		{name: "the configuration names another region", edit: func(c *kms.Config) { c.Region = "us-east-1" },
			words: []string{region, "us-east-1"}},
		{name: "the token is down", forge: func(s *stage) { s.bench.device.SetDown(true) }, words: []string{"unavailable"}},
		{name: "the log does not take what waits for it", forge: func(s *stage) {
			s.log.failWith(errFault)
			_ = s.create()
		}, words: []string{"audit events", errFault.Error()}},
		{name: "an operation stands twice in the table", edit: func(c *kms.Config) {
			c.Table = append(ops.Table(), breaking, breaking)
		}, words: []string{"Break", "twice"}},
		{name: "an operation has no name", edit: func(c *kms.Config) {
			row := breaking
			row.Name = ""
			c.Table = []kms.Row{row}
		}, words: []string{"needs a name"}},
		{name: "an operation has no targets", edit: func(c *kms.Config) {
			row := breaking
			row.Targets = nil
			c.Table = []kms.Row{row}
		}, words: []string{"needs a name"}},
		{name: "an operation that reads has a change", edit: func(c *kms.Config) {
			row := breaking
			row.Run, row.Change = nil, stillborn.Change
			c.Table = []kms.Row{row}
		}, words: []string{"Break", "Mutate"}},
		{name: "an operation that changes runs", edit: func(c *kms.Config) {
			row := breaking
			row.Effect = kms.Mutate
			c.Table = []kms.Row{row}
		}, words: []string{"Break", "Mutate"}},
		{name: "an operation does nothing", edit: func(c *kms.Config) {
			row := breaking
			row.Run = nil
			c.Table = []kms.Row{row}
		}, words: []string{"Break", "Mutate"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t)
			if tc.forge != nil {
				tc.forge(s)
			}
			edit := tc.edit
			if edit == nil {
				edit = func(*kms.Config) {}
			}
			says(t, s.open(edit), tc.words...)
		})
	}
}

func TestAServiceStartsThoughABirthCannotBeSettledYet(t *testing.T) {
	s := newStage(t)
	s.cutShort()
	s.bench.device.FailNext(kmstest.MethodDestroyKey, 1, device.ErrBusy)
	s.crash()
	if open := s.openBirths(t); len(open) != 1 {
		t.Errorf("%d intents are open, want 1", len(open))
	}
	s.newKey()
	s.crash()
	s.sound(t)
}

func TestAnUnknownOperationIsUnknown(t *testing.T) {
	b := newBench(t)
	_, err := b.service.Do(t.Context(), kms.Request{Operation: "Forge", Caller: b.root()})
	refused(t, err, "UnknownOperationException")
	_, err = b.service.Do(t.Context(), kms.Request{Operation: "Encrypt", Caller: b.root(), Input: &api.DecryptInput{}})
	refused(t, err, "KMSInternalException")
}
