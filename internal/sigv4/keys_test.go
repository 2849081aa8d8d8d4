package sigv4_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

// vault hands out the example secret and counts how often it was asked.
type vault struct{ opened int }

func (v *vault) secret() ([]byte, error) {
	v.opened++
	return []byte(exampleSecret), nil
}

func as(id string) sigv4.Signer {
	s := signer
	s.Credentials.AccessKeyID = id
	return s
}

func mustKey(t testing.TB, keys *sigv4.Keys, r sigv4.Request, fingerprint string, v *vault) sigv4.Key {
	t.Helper()
	k, err := keys.Key(r, fingerprint, v.secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(k, []byte(signedBody)); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestASecretIsOpenedOnceADay(t *testing.T) {
	keys, v := sigv4.NewKeys(0), new(vault)
	for range 3 {
		mustKey(t, keys, parsed(t, signer, noon), "1", v)
	}
	if v.opened != 1 {
		t.Errorf("opened %d times", v.opened)
	}
	mustKey(t, keys, parsed(t, signer, noon.Add(24*time.Hour)), "1", v)
	if v.opened != 2 || keys.Len() != 1 {
		t.Errorf("next day: opened %d times, %d keys; yesterday's must go", v.opened, keys.Len())
	}
}

func TestAroundMidnightBothDaysAreRemembered(t *testing.T) {
	keys, v := sigv4.NewKeys(0), new(vault)
	midnight := time.Date(2026, 2, 4, 0, 0, 0, 0, time.UTC)
	for range 2 {
		mustKey(t, keys, parsed(t, signer, midnight.Add(-time.Minute)), "1", v)
		mustKey(t, keys, parsed(t, signer, midnight), "1", v)
	}
	if v.opened != 2 || keys.Len() != 2 {
		t.Errorf("opened %d times, %d keys", v.opened, keys.Len())
	}
}

func TestAnotherFingerprintOpensTheSecretAgain(t *testing.T) {
	keys, v := sigv4.NewKeys(0), new(vault)
	for i, fingerprint := range []string{"1", "2", "2", "1"} {
		mustKey(t, keys, parsed(t, signer, noon), fingerprint, v)
		if want := []int{1, 2, 2, 3}[i]; v.opened != want || keys.Len() != 1 {
			t.Errorf("%s: opened %d times, want %d; %d keys", fingerprint, v.opened, want, keys.Len())
		}
	}
}

func TestDropForgetsOneAccessKey(t *testing.T) {
	keys, v := sigv4.NewKeys(0), new(vault)
	mustKey(t, keys, parsed(t, as("AKIDA"), noon), "1", v)
	mustKey(t, keys, parsed(t, as("AKIDB"), noon), "1", v)
	keys.Drop("AKIDA")
	mustKey(t, keys, parsed(t, as("AKIDB"), noon), "1", v)
	if v.opened != 2 || keys.Len() != 1 {
		t.Errorf("opened %d times, %d keys", v.opened, keys.Len())
	}
}

func TestAKeyDroppedWhileItIsDerivedIsNotRemembered(t *testing.T) {
	keys := sigv4.NewKeys(0)
	_, err := keys.Key(parsed(t, signer, noon), "1", func() ([]byte, error) {
		keys.Drop(exampleID)
		return []byte(exampleSecret), nil
	})
	if err != nil || keys.Len() != 0 {
		t.Errorf("%v, %d keys", err, keys.Len())
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	keys, v := sigv4.NewKeys(4), new(vault)
	for i := range 20 {
		mustKey(t, keys, parsed(t, as(fmt.Sprintf("AKID%d", i)), noon), "1", v)
		if keys.Len() > 4 {
			t.Fatalf("%d keys", keys.Len())
		}
	}
}

func TestASecretThatCannotBeOpenedIsNotRemembered(t *testing.T) {
	keys, sealed := sigv4.NewKeys(0), errors.New("sealed")
	k, err := keys.Key(parsed(t, signer, noon), "1", func() ([]byte, error) { return nil, sealed })
	if !errors.Is(err, sealed) || keys.Len() != 0 {
		t.Errorf("%v, %d keys", err, keys.Len())
	}
	checkRefusal(t, parsed(t, signer, noon).Verify(k, []byte(signedBody)), invalid, mismatch)
}

func TestAKeyOfNoSecretNeverVerifies(t *testing.T) {
	for _, secret := range []string{exampleSecret, "\x00"} {
		s := signer
		s.Credentials.SecretAccessKey = []byte(secret)
		r := parsed(t, s, noon)
		empty := sigv4.SigningKey(nil, r.Scope())
		for _, k := range []sigv4.Key{{}, empty} {
			checkRefusal(t, r.Verify(k, []byte(signedBody)), invalid, mismatch)
		}
	}
}

func TestTheCacheIsForConcurrentUse(t *testing.T) {
	keys := sigv4.NewKeys(2)
	requests := []sigv4.Request{parsed(t, as("AKIDA"), noon), parsed(t, as("AKIDB"), noon), parsed(t, as("AKIDC"), noon)}
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for j := range 200 {
				r := requests[(i+j)%len(requests)]
				k, err := keys.Key(r, "1", new(vault).secret)
				if err != nil || r.Verify(k, []byte(signedBody)) != nil {
					t.Errorf("%s does not verify: %v", r.AccessKeyID(), err)
				}
				if j%50 == 0 {
					keys.Drop(r.AccessKeyID())
				}
			}
		})
	}
	running.Wait()
}
