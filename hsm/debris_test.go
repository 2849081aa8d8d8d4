package hsm_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// SoftHSM leaves objects like this when it is killed in C_GenerateKey.
func TestAHalfMadeKeyIsSeenForWhatItIs(t *testing.T) {
	token := hsmtest.New(t)
	tok, err := hsm.Open(ctx, token.Config())
	if err != nil {
		t.Fatal(err)
	}
	before := token.ObjectFiles(t)
	id := newKey(t, tok).ID
	if err := tok.Close(); err != nil {
		t.Fatal(err)
	}
	after := slices.DeleteFunc(token.ObjectFiles(t), func(f string) bool { return slices.Contains(before, f) })
	if len(after) != 1 {
		t.Fatalf("the key made %d files", len(after))
	}
	dropAttributes(t, after[0], pkcs11.CKA_VALUE, pkcs11.CKA_CHECK_VALUE, pkcs11.CKA_LOCAL, pkcs11.CKA_KEY_GEN_MECHANISM)

	tok = token.Open(t)
	if err := tok.CheckKey(ctx, id, device.PurposeWrap, device.OriginGenerated); !errors.Is(err, device.ErrUntrusted) {
		t.Errorf("check: got %v", err)
	}
	wantHas(t, tok, id, true)
	_, err = tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "again", Purpose: device.PurposeWrap})
	wantRefused(t, "its id for another key", err)
	all := inventory(t, tok)
	if len(all) != 1 || all[0].HasValue || !bytes.Equal(all[0].ID, id[:]) {
		t.Fatalf("inventory %+v", all)
	}
	// After a new login its handle is nothing's, and no proof that the object has gone.
	r := newRaw(t, token)
	r.must(r.p.Logout(r.s))
	wantRefused(t, "an object of an earlier login", tok.DestroyDebris(ctx, all[0]))
	wantHas(t, tok, id, true)
	all = inventory(t, tok)
	if err := tok.DestroyDebris(ctx, all[0]); err != nil {
		t.Fatal(err)
	}
	wantHas(t, tok, id, false)
}

// A key that was unwrapped looks much like a half-made one on SoftHSM: it must not pass for debris.
func TestImportedKeysAreNoDebris(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	session := map[uint]any{pkcs11.CKA_TOKEN: false, pkcs11.CKA_MODIFIABLE: true, pkcs11.CKA_COPYABLE: true, pkcs11.CKA_ALLOWED_MECHANISMS: []byte{0x09, 0x21, 0, 0, 0, 0, 0, 0}}
	kek := r.aes(nil, merge(session, map[uint]any{pkcs11.CKA_WRAP: true, pkcs11.CKA_UNWRAP: true}))
	source := r.aes(nil, merge(session, map[uint]any{pkcs11.CKA_EXTRACTABLE: true}))
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(0x2109, nil)}
	wrapped, err := r.p.WrapKey(r.s, mechanism, kek, source)
	r.must(err)
	unwrapped := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
	}
	for _, name := range []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_ID, []byte("unwrapped")), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "unwrapped, without an id"),
	} {
		_, err = r.p.UnwrapKey(r.s, mechanism, kek, wrapped, append(slices.Clone(unwrapped), name))
		r.must(err)
	}
	_, err = r.p.CreateObject(r.s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte("created")),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, make([]byte, 32)),
	})
	r.must(err)
	all := inventory(t, tok)
	if len(all) != 3 {
		t.Errorf("%d objects: %+v", len(all), all)
	}
	if half, err := tok.HalfMade(ctx); err != nil || len(half) > 0 {
		t.Errorf("half made: %+v, %v", half, err)
	}
	for _, o := range all {
		if !o.HasValue {
			t.Errorf("%s counts as half made", o.ID)
		}
		wantRefused(t, string(o.ID), tok.DestroyDebris(ctx, o))
	}
}

func merge(a, b map[uint]any) map[uint]any {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// bornEnv makes the test binary a process that makes keys until it is killed.
const bornEnv = "KEYHOLD_TEST_MAKE_KEYS_IN"

// makeKeys says when it begins, and never ends.
func makeKeys(label string) int {
	cfg := hsm.Config{Module: os.Getenv(bornEnv + "_MODULE"), Label: label, PIN: hsmtest.PINSource(hsmtest.PIN)}
	tok, err := hsm.Open(ctx, cfg)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("begun")
	for {
		id, err := device.NewObjectID(rand.Reader)
		if err != nil {
			return 1
		}
		purpose := device.PurposeWrap
		if id[0]%2 == 0 {
			purpose = device.PurposeMAC
		}
		if _, err := tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "born", Purpose: purpose}); err != nil {
			fmt.Println(err)
			return 1
		}
	}
}

// Whatever a kill leaves is either a whole key that passes every check, or debris that can be removed.
func TestKilledBirthsLeaveWholeKeysOrDebris(t *testing.T) {
	token := hsmtest.New(t)
	for range 25 {
		killBirths(t, token)
	}
	tok := token.Open(t)
	debris, whole := 0, 0
	for _, o := range inventory(t, tok) {
		if len(o.ID) == len(device.ObjectID{}) && o.HasValue {
			whole++
			continue
		}
		debris++
		if err := tok.DestroyDebris(ctx, o); err != nil {
			t.Errorf("debris %+v: %v", o, err)
		}
	}
	t.Logf("%d whole keys, %d pieces of debris", whole, debris)
	all := inventory(t, tok)
	if len(all) != whole {
		t.Errorf("%d objects are left, of %d whole ones", len(all), whole)
	}
	for _, o := range all {
		purpose := device.PurposeWrap
		if o.ID[0]%2 == 0 {
			purpose = device.PurposeMAC
		}
		if err := tok.CheckKey(ctx, device.ObjectID(o.ID), purpose, device.OriginGenerated); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func killBirths(t *testing.T, token hsmtest.Token) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), bornEnv+"="+token.Label, bornEnv+"_MODULE="+token.Module, "SOFTHSM2_CONF="+token.Env["SOFTHSM2_CONF"])
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "begun\n" {
		t.Fatalf("%q, %v", line, err)
	}
	time.Sleep(time.Duration(mathrand.IntN(8000)) * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // tells of the kill
}

// dropAttributes rewrites a SoftHSM object file without some attributes. The format, of big-endian 8-octet numbers, is
// the generation and then for each attribute its type, its kind and its value: 1 a truth value of one octet, 2 a
// number, 3, 4 and 5 a length in octets (3, 4) or numbers (5) and so many of them.
func dropAttributes(t *testing.T, path string, drop ...uint64) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept, rest, dropped := bytes.Clone(old[:8]), old[8:], 0
	for len(rest) > 0 {
		size := 16
		switch kind := binary.BigEndian.Uint64(rest[8:]); kind {
		case 1:
			size++
		case 2:
			size += 8
		case 3, 4:
			size += 8 + int(binary.BigEndian.Uint64(rest[16:]))
		case 5:
			size += 8 + 8*int(binary.BigEndian.Uint64(rest[16:]))
		default:
			t.Fatalf("an attribute of kind %d in %s", kind, path)
		}
		if slices.Contains(drop, binary.BigEndian.Uint64(rest)) {
			dropped++
		} else {
			kept = append(kept, rest[:size]...)
		}
		rest = rest[size:]
	}
	if dropped != len(drop) {
		t.Fatalf("%d of the attributes %X are in %s", dropped, drop, path)
	}
	if err := os.WriteFile(path, kept, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestABirthThatAnsweredAnErrorIsSettledByItsID(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	lost := hsm.NewError("C_GenerateKey", pkcs11.CKR_GENERAL_ERROR)
	settle := func(id device.ObjectID) error {
		return tok.Settle(ctx, device.KeySpec{ID: id, Purpose: device.PurposeWrap}, lost)
	}
	whole, broken, none := newID(t), newID(t), newID(t)
	r.aes(whole[:], nil)
	if err := settle(whole); err != nil {
		t.Errorf("a whole key whose reply was lost: %v", err)
	}
	wantHas(t, tok, whole, true)
	r.aes(broken[:], map[uint]any{pkcs11.CKA_WRAP: true})
	if err := settle(broken); !errors.Is(err, device.ErrUntrusted) || !strings.Contains(err.Error(), "it has been destroyed") {
		t.Errorf("a key that breaks a rule: got %v", err)
	}
	wantHas(t, tok, broken, false)
	if err := settle(none); !errors.Is(err, lost) {
		t.Errorf("no key at all: got %v, want the birth's error", err)
	}
}

// A find of a token whose store has gone answers "OK, 0 objects": that must not read as "the key is destroyed".
func TestATokenThatHasGoneKnowsNothing(t *testing.T) {
	home := hsmtest.New(t).Dir
	before := tokenDirs(t, home)
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	var dir string
	for _, d := range tokenDirs(t, home) {
		if !slices.Contains(before, d) {
			dir = d
		}
	}
	away := filepath.Join(token.Dir, "away")
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Rename(away, dir); err != nil {
			t.Error(err)
		}
	})
	_, encryptErr := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
	_, decryptErr := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed})
	has, hasErr := tok.HasKey(ctx, key.ID)
	_, inventoryErr := tok.Inventory(ctx)
	for what, err := range map[string]error{
		"encrypt": encryptErr, "decrypt": decryptErr, "has": hasErr, "inventory": inventoryErr,
		"destroy": tok.DestroyKey(ctx, key.ID), "check": tok.CheckKey(ctx, key.ID, device.PurposeWrap, device.OriginGenerated),
	} {
		if !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", what, err)
		}
	}
	if has {
		t.Error("a token that has gone has a key")
	}
	if st := tok.Status(ctx); st.Health.Serves() {
		t.Errorf("status %+v", st)
	}
}

func tokenDirs(t *testing.T, home string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(home, "tokens", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestALogoutAndLoginBehindOurBackHealsWithoutAnother(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	r := newRaw(t, token)
	for _, use := range uses(t, tok, key, sealed) {
		r.must(r.p.Logout(r.s))
		r.must(r.p.Login(r.s, pkcs11.CKU_USER, hsmtest.PIN))
		if err := use.run(); err != nil {
			t.Errorf("%s: %v", use.name, err)
		}
		wantHas(t, tok, newID(t), false)
	}
	if st := tok.Status(ctx); st.Health != hsm.Healthy || st.Logins != 1 {
		t.Errorf("status %+v", st)
	}
}
