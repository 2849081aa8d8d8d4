package sqlite_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

func TestAnyRowIsARowButThatOfAnInitialisation(t *testing.T) {
	for name, tc := range map[string]struct {
		put  func(*sqlite.Store) error
		want bool
	}{
		"nothing":           {func(*sqlite.Store) error { return nil }, false},
		"an initialisation": {func(s *sqlite.Store) error { return s.PutMeta(t.Context(), kms.MetaRow{Directory: "d"}) }, false},
		"a key of an account": {func(s *sqlite.Store) error {
			return s.Apply(t.Context(), kms.Change{Keys: []kms.KeyRow{{ID: keyID(1), Account: "another", Rev: 1}}})
		}, true},
		"an account": {func(s *sqlite.Store) error {
			return s.Apply(t.Context(), kms.Change{Accounts: []kms.AccountRow{{ID: "another", Rev: 1}}})
		}, true},
		"a principal": {func(s *sqlite.Store) error {
			return s.Apply(t.Context(), kms.Change{Principals: []kms.PrincipalRow{{ID: principalID(1), Rev: 1}}})
		}, true},
		"a key of session tokens": {func(s *sqlite.Store) error {
			return s.Apply(t.Context(), kms.Change{SessionKeys: []kms.SessionKeyRow{{ID: "k", Rev: 1}}})
		}, true},
		"a birth": {func(s *sqlite.Store) error {
			return s.PutBirth(t.Context(), kms.BirthRow{Object: device.ObjectID{1}, KeyID: keyID(1)})
		}, true},
		"an event": {func(s *sqlite.Store) error {
			return s.Apply(t.Context(), kms.Change{Events: []kms.EventRow{{ID: "e", Record: []byte("{}")}}})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := create(t, t.TempDir())
			if err := tc.put(s); err != nil {
				t.Fatal(err)
			}
			if got, err := s.HasRows(t.Context()); err != nil || got != tc.want {
				t.Errorf("got %t, %v, want %t", got, err, tc.want)
			}
		})
	}
}
