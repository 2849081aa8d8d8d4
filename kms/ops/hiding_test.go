package ops_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
)

// countingStore counts what is read for decisions.
type countingStore struct {
	kms.Store
	keys, aliases, accounts, grants, others atomic.Int64
}

func (s *countingStore) Key(ctx context.Context, id kms.KeyID) (kms.KeyRecord, error) {
	s.keys.Add(1)
	return s.Store.Key(ctx, id)
}

func (s *countingStore) Alias(ctx context.Context, account kms.AccountID, name string) (kms.AliasRow, error) {
	s.aliases.Add(1)
	return s.Store.Alias(ctx, account, name)
}

func (s *countingStore) Aliases(ctx context.Context, account kms.AccountID, key kms.KeyID, after string, limit int) ([]kms.AliasRow, error) {
	s.others.Add(1)
	return s.Store.Aliases(ctx, account, key, after, limit)
}

func (s *countingStore) Account(ctx context.Context, id kms.AccountID) (kms.AccountRow, error) {
	s.accounts.Add(1)
	return s.Store.Account(ctx, id)
}

func (s *countingStore) Principal(ctx context.Context, id kms.PrincipalID) (kms.PrincipalRecord, error) {
	s.others.Add(1)
	return s.Store.Principal(ctx, id)
}

func (s *countingStore) PrincipalNamed(ctx context.Context, account kms.AccountID, kind kms.PrincipalKind, name string) (kms.PrincipalRow, error) {
	s.others.Add(1)
	return s.Store.PrincipalNamed(ctx, account, kind, name)
}

func (s *countingStore) Grant(ctx context.Context, key kms.KeyID, id kms.GrantID) (kms.GrantRow, error) {
	s.grants.Add(1)
	return s.Store.Grant(ctx, key, id)
}

func (s *countingStore) GrantsTo(ctx context.Context, key kms.KeyID, grantee string) ([]kms.GrantRow, error) {
	s.grants.Add(1)
	return s.Store.GrantsTo(ctx, key, grantee)
}

// work is what was read and computed so far.
func (b *bench) work(s *countingStore) []int64 {
	work := []int64{s.keys.Load(), s.aliases.Load(), s.accounts.Load(), s.grants.Load(), s.others.Load()}
	for _, m := range []kmstest.Method{kmstest.MethodMAC, kmstest.MethodRandom, kmstest.MethodEncrypt, kmstest.MethodDecrypt, kmstest.MethodGenerateKey, kmstest.MethodHasKey} {
		work = append(work, int64(b.device.Calls(m)))
	}
	return work
}

// probe is a request of the stranger, with what names the key in it.
type probe struct {
	title, ref string
	in         kms.Input
}

// observed is all that the stranger can see of an answer: its text with the reference taken out, and the work behind it,
// when nothing is in memory and when it is asked again.
func (b *bench) observed(t testing.TB, stranger kms.Caller, operation string, p probe) string {
	t.Helper()
	store := &countingStore{Store: b.store}
	config := b.config
	config.Store = store
	service, err := kms.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Do(t.Context(), kms.Request{Operation: "ListKeys", Caller: stranger, Input: &api.ListKeysInput{}}); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, temperature := range []string{"cold", "warm"} {
		before := b.work(store)
		_, err := service.Do(t.Context(), kms.Request{Operation: operation, Caller: stranger, Input: p.in})
		after := b.work(store)
		name, message := errorOf(err)
		if err == nil {
			t.Fatalf("%s of %s was done", operation, p.title)
		}
		for i := range after {
			after[i] -= before[i]
		}
		if p.ref != "" {
			message = strings.ReplaceAll(message, p.ref, "REF")
		}
		status := wireOf(t, err).Status()
		fmt.Fprintf(&text, "%s: %d %s %q; read keys, aliases, accounts, grants, others, and MACs and other calls: %v\n", temperature, status, name, message, after)
	}
	return text.String()
}

// estate is what an account has that a stranger may ask for.
type estate struct{ key, alias, blob string }

func (b *bench) estate(owner kms.Caller, name string, policy ...string) estate {
	b.t.Helper()
	in := &api.CreateKeyInput{BypassPolicyLockoutSafetyCheck: new(true)}
	if len(policy) > 0 {
		in.Policy = new(`{"Version":"2012-10-17","Statement":[` + strings.Join(policy, ",") + `]}`)
	}
	m := mustAs[*api.CreateKeyOutput](b, owner, "CreateKey", in).KeyMetadata
	mustAs[any](b, owner, "CreateAlias", &api.CreateAliasInput{AliasName: &name, TargetKeyID: &m.KeyID})
	blob := mustAs[*api.EncryptOutput](b, owner, "Encrypt", &api.EncryptInput{KeyID: &m.KeyID, Plaintext: []byte("x")}).CiphertextBlob
	return estate{m.Arn, strings.Replace(m.Arn, "key/"+m.KeyID, name, 1), string(blob)}
}

// ofAnotherKey is a ciphertext that names a key that there is not.
func ofAnotherKey(t testing.TB, e estate) string {
	t.Helper()
	octets := func(id string) string {
		raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	id := e.key[strings.LastIndexByte(e.key, '/')+1:]
	blob := strings.Replace(e.blob, octets(id), octets("3c2b1a09-8877-4665-8443-221100ffeedd"), 1)
	if blob == e.blob {
		t.Fatal("the ciphertext does not name its key where it was looked for")
	}
	return blob
}

const (
	closedAccount  = "777788889999"
	deletedAccount = "777788880000"
)

// hidingBench has the home's account, a disabled one and a deleted one, whose keys are asked for, and the stranger's own.
func hidingBench(t *testing.T) (b *bench, stranger kms.Caller, own estate, groups map[string][]estate) {
	b = newBench(t)
	b.account(otherAccount)
	b.account(closedAccount)
	stranger = b.userOf(otherAccount, "stranger", allow("kms:*", "keyhold:*"))
	own = b.estate(b.rootOf(otherAccount), "alias/own")
	home := b.estate(b.root(), "alias/app")
	barring := b.estate(b.root(), "alias/barring", delegating(account), letting("Deny", "d", rootARN(otherAccount), "*"), letting("Allow", "a", stranger.ARN, "kms:*"))
	shut := b.estate(b.rootOf(closedAccount), "alias/app", delegating(closedAccount), letting("Allow", "a", stranger.ARN, "kms:*"))
	must[any](b, "DisableAccount", &api.DisableAccountInput{AccountID: new(closedAccount)})
	gone := estate{key: strings.Replace(shut.key, closedAccount, b.account(deletedAccount), 1)}
	must[any](b, "DeleteAccount", &api.DeleteAccountInput{AccountID: new(deletedAccount)})
	nobody := func(e estate, name string) estate {
		at := strings.LastIndex(e.key, ":")
		return estate{key: e.key[:at] + ":key/3c2b1a09-8877-4665-8443-221100ffeedd", alias: e.key[:at] + ":alias/" + name}
	}
	return b, stranger, own, map[string][]estate{
		"the home's":                    {home, barring, nobody(home, "nobody")},
		"a disabled or deleted account": {shut, nobody(shut, "nobody"), nobody(gone, "nobody")},
	}
}

// Whether a key of another account exists is not told: not by what is answered, and not by the work that it takes.
func TestWhatAnotherAccountHasCannotBeFoundOut(t *testing.T) {
	b, stranger, own, groups := hidingBench(t)
	tried := map[string]int{}
	for _, row := range ops.Table() {
		d := row.Describe()
		for _, name := range keyMembers(d.NewInput()) {
			if d.Name == "RetireGrant" {
				continue // names a grant, of which no stranger knows the id
			}
			for of, estates := range groups {
				keys, aliases := []probe{}, []probe{}
				for i, e := range estates {
					for _, ref := range []string{e.key, e.alias} {
						in := sample(t, d.Name, subject{key: own.key, other: own.key, alias: "alias/own", fresh: "alias/fresh", blob: []byte(own.blob), grant: strings.Repeat("0", 64), principal: stranger.ARN})
						member(t, in, name).Set(reflect.ValueOf(&ref))
						p := probe{fmt.Sprintf("%s %d", of, i+1), ref, in}
						if ref == e.key {
							keys = append(keys, p)
						} else {
							aliases = append(aliases, p)
						}
					}
				}
				t.Run(fmt.Sprintf("%s.%s of %s", d.Name, name, of), func(t *testing.T) {
					b.sameForAll(t, stranger, d.Name, keys)
					b.sameForAll(t, stranger, d.Name, aliases)
				})
				tried[d.Name]++
			}
		}
	}
	if len(tried) < 20 {
		t.Errorf("only %v were tried", slices.Collect(maps.Keys(tried)))
	}
}

func (b *bench) sameForAll(t *testing.T, stranger kms.Caller, operation string, probes []probe) {
	t.Helper()
	want := b.observed(t, stranger, operation, probes[0])
	for _, p := range probes[1:] {
		if got := b.observed(t, stranger, operation, p); got != want {
			t.Errorf("%s differs from %s:\n%s\n%s", p.title, probes[0].title, got, want)
		}
	}
}

// Nor for the key that only a ciphertext names, of another account or of the caller's own.
func TestWhichKeyACiphertextNamesCannotBeFoundOut(t *testing.T) {
	b, stranger, own, groups := hidingBench(t)
	home := groups["the home's"]
	closed := b.estate(b.rootOf(otherAccount), "alias/closed", letting("Allow", "a", rootARN(otherAccount), "kms:*"), letting("Deny", "d", stranger.ARN, "kms:*"))
	for operation, in := range map[string]func(blob string) kms.Input{
		"Decrypt": func(blob string) kms.Input { return &api.DecryptInput{CiphertextBlob: []byte(blob)} },
		"ReEncrypt": func(blob string) kms.Input {
			return &api.ReEncryptInput{CiphertextBlob: []byte(blob), DestinationKeyID: &own.key}
		},
		"ReEncrypt to nobody": func(blob string) kms.Input {
			return &api.ReEncryptInput{CiphertextBlob: []byte(blob), DestinationKeyID: new("alias/nobody")}
		},
	} {
		t.Run(operation, func(t *testing.T) {
			operation, _, _ := strings.Cut(operation, " ")
			b.sameForAll(t, stranger, operation, []probe{
				{"a key that may not be used", "", in(home[0].blob)},
				{"a key that denies it", "", in(home[1].blob)},
				{"a key of the caller's account that denies it", "", in(closed.blob)},
				{"a key that there is not", "", in(ofAnotherKey(t, home[0]))},
			})
		})
	}
}

// What is checked late must not come earlier for what is not there.
func TestOtherFaultsDoNotGiveAwayWhetherAKeyExists(t *testing.T) {
	b, stranger, own, groups := hidingBench(t)
	for title, in := range map[string]func(e estate) kms.Input{
		"a destination that is not there": func(e estate) kms.Input {
			return &api.ReEncryptInput{SourceKeyID: &e.key, CiphertextBlob: []byte(own.blob), DestinationKeyID: new("alias/nobody")}
		},
		"a token that nobody made": func(e estate) kms.Input {
			return &api.EncryptInput{KeyID: &e.key, Plaintext: []byte("x"), GrantTokens: []string{"nobody-made-this"}}
		},
		"a ciphertext that is none": func(e estate) kms.Input { return &api.DecryptInput{KeyID: &e.key, CiphertextBlob: []byte("none")} },
		"both sizes": func(e estate) kms.Input {
			return &api.GenerateDataKeyInput{KeyID: &e.key}
		},
	} {
		t.Run(title, func(t *testing.T) {
			operation := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", in(own)), "*api."), "Input")
			for of, estates := range groups {
				var probes []probe
				for i, e := range estates {
					probes = append(probes, probe{fmt.Sprintf("%s %d", of, i+1), e.key, in(e)})
				}
				b.sameForAll(t, stranger, operation, probes)
			}
		})
	}
}
