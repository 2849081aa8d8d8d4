package ops_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

const callers = 16

// fact is what a request says of the world: which key and which material answered it, or which error.
type fact struct{ key, material, refusal string }

// observe asks once, by operation, and tells the fact.
func (s *stage) observe(ctx context.Context, operation string, in kms.Input) fact {
	out, err := s.service.Do(ctx, kms.Request{Operation: operation, Caller: s.root(), Input: in})
	if err != nil {
		name, _ := errorOf(err)
		return fact{refusal: name}
	}
	switch o := out.(type) {
	case *api.EncryptOutput:
		return fact{key: o.KeyID}
	case *api.GenerateDataKeyOutput:
		return fact{key: o.KeyID, material: o.KeyMaterialID}
	case *api.DecryptOutput:
		return fact{key: o.KeyID, material: o.KeyMaterialID}
	default:
		return fact{refusal: fmt.Sprintf("a %T", out)}
	}
}

// revocations are the ways to take something away from callers who name a key by alias, and what they see then.
var revocations = []struct {
	name   string
	revoke func(s *stage, key, other string) error
	sees   func(s *stage, key, other string) fact // of GenerateDataKey by the alias
	opens  string                                 // the refusal of Decrypt of an old blob
}{
	{
		name: "the key is disabled",
		revoke: func(s *stage, key, _ string) error {
			return s.as(s.t.Context(), "DisableKey", &api.DisableKeyInput{KeyID: &key})
		},
		sees:  func(*stage, string, string) fact { return fact{refusal: "DisabledException"} },
		opens: "DisabledException",
	},
	{
		name: "the key's deletion is scheduled",
		revoke: func(s *stage, key, _ string) error {
			return s.as(s.t.Context(), "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &key})
		},
		sees:  func(*stage, string, string) fact { return fact{refusal: "KMSInvalidStateException"} },
		opens: "KMSInvalidStateException",
	},
	{
		name: "the alias is moved",
		revoke: func(s *stage, _, other string) error {
			return s.as(s.t.Context(), "UpdateAlias", &api.UpdateAliasInput{AliasName: new("alias/app"), TargetKeyID: &other})
		},
		sees: func(s *stage, _, other string) fact {
			return fact{key: keyARN(other), material: s.generations(s.t, other)[0].MaterialID}
		},
	},
	{
		name: "the alias is deleted",
		revoke: func(s *stage, _, _ string) error {
			return s.as(s.t.Context(), "DeleteAlias", &api.DeleteAliasInput{AliasName: new("alias/app")})
		},
		sees: func(*stage, string, string) fact { return fact{refusal: "NotFoundException"} },
	},
	{
		name:   "the key is rotated",
		revoke: func(s *stage, key, _ string) error { return s.rotate(key) },
		sees: func(s *stage, key, _ string) fact {
			return fact{key: keyARN(key), material: s.generations(s.t, key)[1].MaterialID}
		},
	},
}

func TestARequestThatWaitsForTheTokenFindsOutWhatWasTakenAwayMeanwhile(t *testing.T) {
	for _, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			s := newStage(t)
			key, other := s.newKey(), s.newKey()
			s.newAlias("alias/app", key)
			gate := s.bench.device.Block(kmstest.MethodEncrypt, kmstest.BeforeCall)
			sealed := make(chan fact, callers)
			for range callers {
				go func() {
					sealed <- s.observe(t.Context(), "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: new("alias/app"), NumberOfBytes: new(int32(32))})
				}()
			}
			gate.Await(t, callers)
			s.bench.device.Block(kmstest.MethodEncrypt, kmstest.BeforeCall).Release() // for those who come later: a new key's canary
			if err := r.revoke(s, key, other); err != nil {
				t.Fatal(err)
			}
			gate.Release()
			want := r.sees(s, key, other)
			for range callers {
				if got := <-sealed; got != want {
					t.Errorf("who was waiting sees %+v, want %+v", got, want)
				}
			}
		})
	}
}

func TestADecryptionThatWaitsForTheTokenFindsOutWhatWasTakenAwayMeanwhile(t *testing.T) {
	for _, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			s := newStage(t)
			key, other := s.newKey(), s.newKey()
			s.newAlias("alias/app", key)
			blob := s.encrypt(key, "x", nil)
			gate := s.bench.device.Block(kmstest.MethodDecrypt, kmstest.BeforeCall)
			answers := make(chan fact, callers)
			for i := range callers {
				in := &api.DecryptInput{CiphertextBlob: blob}
				if i%2 == 0 {
					in.KeyID = &key
				}
				go func() { answers <- s.observe(t.Context(), "Decrypt", in) }()
			}
			gate.Await(t, callers)
			s.bench.device.Block(kmstest.MethodDecrypt, kmstest.BeforeCall).Release() // for those who come later: a new key's canary
			if err := r.revoke(s, key, other); err != nil {
				t.Fatal(err)
			}
			gate.Release()
			want := fact{key: keyARN(key), material: s.generations(t, key)[0].MaterialID}
			if r.opens != "" {
				want = fact{refusal: r.opens}
			}
			for range callers {
				if got := <-answers; got != want {
					t.Errorf("who was waiting sees %+v, want %+v", got, want)
				}
			}
		})
	}
}

// The callers never stop asking; what each asks after the revocation has returned must know of it.
func TestNoRequestThatBeginsAfterARevocationSeesTheOldState(t *testing.T) {
	for _, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			s := newStage(t)
			key, other := s.newKey(), s.newKey()
			s.newAlias("alias/app", key)
			before := fact{key: keyARN(key), material: s.generations(t, key)[0].MaterialID}
			var revoked atomic.Bool
			var wg sync.WaitGroup
			asked := make(chan struct{}, callers)
			late := make([][]fact, callers)
			for i := range callers {
				wg.Go(func() {
					for n := 0; len(late[i]) < 3; n++ {
						known := revoked.Load()
						got := s.observe(t.Context(), "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: new("alias/app"), NumberOfBytes: new(int32(32))})
						if known {
							late[i] = append(late[i], got)
						}
						if n == 0 {
							asked <- struct{}{}
						}
					}
				})
			}
			for range callers {
				<-asked
			}
			if err := r.revoke(s, key, other); err != nil {
				t.Error(err)
			}
			revoked.Store(true)
			wg.Wait()
			want := r.sees(s, key, other)
			if want == before {
				t.Fatal("nothing was taken away")
			}
			for _, facts := range late {
				for _, got := range facts {
					if got != want {
						t.Fatalf("who asks afterwards sees %+v, want %+v", got, want)
					}
				}
			}
		})
	}
}

// A key that changes whenever its request comes to the token is not served for ever.
func TestARequestWhoseKeyNeverStandsStillIsGivenUpAsRetryable(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	n := 0
	s.world.set(func(call string) error {
		if call == "token.Encrypt" {
			n++
			if err := s.as(t.Context(), "UpdateKeyDescription", &api.UpdateKeyDescriptionInput{KeyID: &key, Description: new(fmt.Sprint(n))}); err != nil {
				t.Error(err)
			}
		}
		return nil
	}, nil)
	err := s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
	refused(t, err, "DependencyTimeoutException")
	var wire *api.Error
	if !errors.As(err, &wire) || !wire.Retryable() || n != 4 {
		t.Errorf("it was tried %d times; retryable: %v", n, wire.Retryable())
	}
	s.world.heal()
	s.encrypt(key, "x", nil)
}
