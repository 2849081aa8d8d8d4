package faultp11_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

const (
	soPIN   = "security-officer"
	userPIN = "password"
)

const childEnv = "FAULTP11_TEST_CHILD"

// inChild runs the calling test in a process of its own and answers true in the parent, which has nothing left to do: a
// PKCS #11 library has one instance per process, and one that crashes takes the process with it.
func inChild(t *testing.T) (parent bool) {
	t.Helper()
	if os.Getenv(childEnv) == t.Name() {
		return false
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), childEnv+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("the child did not run the test:\n%s", out)
	}
	return true
}

// device is a fresh SoftHSM2 token behind the module, with somebody logged in.
type device struct {
	tb testing.TB
	*faultp11.Control
	p       *pkcs11.Ctx
	home    softhsm.Home
	slot    uint
	pin     string
	session pkcs11.SessionHandle
	key     pkcs11.ObjectHandle
	value   []byte // the key's
}

func newHome(tb testing.TB) softhsm.Home {
	tb.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-faultp11-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	home, err := softhsm.Prepare(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for name, value := range home.Env() {
		tb.Setenv(name, value)
	}
	return home
}

func newControl(tb testing.TB, dir, module string, mode faultp11.Mode) *faultp11.Control {
	tb.Helper()
	c, err := faultp11.New(dir, module, mode)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	for name, value := range c.Env() {
		tb.Setenv(name, value)
	}
	return c
}

func newDevice(tb testing.TB, mode faultp11.Mode) *device {
	tb.Helper()
	home := newHome(tb)
	c := newControl(tb, home.Dir, home.Module, mode)
	d := &device{tb: tb, Control: c, home: home, pin: userPIN, p: pkcs11.New(c.Module)}
	if d.p == nil {
		tb.Fatalf("%s does not load", c.Module)
	}
	if mode == faultp11.CloudHSM {
		d.pin = "crypto_user:" + userPIN
	}
	d.must(d.p.Initialize())
	d.must(c.Check())
	tb.Cleanup(d.finish)
	d.slot = d.makeToken("one")
	d.session = d.open(d.slot)
	d.must(d.p.Login(d.session, pkcs11.CKU_USER, d.pin))
	d.key = d.generate(d.session, nil)
	d.value = d.valueOf(d.key)
	return d
}

func (d *device) finish() {
	d.Clear()
	_ = d.p.Finalize()
	d.p.Destroy()
}

// makeToken initialises the free slot that SoftHSM always has and returns the slot's new number.
func (d *device) makeToken(label string) uint {
	d.tb.Helper()
	slots := d.slots()
	free := slots[len(slots)-1]
	d.must(d.p.InitToken(free, soPIN, label))
	slot := d.slotOf(label)
	d.initPIN(slot)
	return slot
}

// slotOf finds a token by its label: SoftHSM numbers slots anew at each C_Initialize.
func (d *device) slotOf(label string) uint {
	d.tb.Helper()
	for _, slot := range d.slots() {
		if info, err := d.p.GetTokenInfo(slot); err == nil && strings.TrimRight(info.Label, " \x00") == label {
			return slot
		}
	}
	d.tb.Fatalf("the token %s is not there", label)
	return 0
}

func (d *device) initPIN(slot uint) {
	d.tb.Helper()
	s := d.open(slot)
	d.must(d.p.Login(s, pkcs11.CKU_SO, soPIN))
	d.must(d.p.InitPIN(s, userPIN))
	d.must(d.p.Logout(s))
	d.must(d.p.CloseSession(s))
}

func (d *device) slots() []uint {
	d.tb.Helper()
	slots, err := d.p.GetSlotList(true)
	d.must(err)
	return slots
}

func (d *device) open(slot uint) pkcs11.SessionHandle {
	d.tb.Helper()
	s, err := d.p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	d.must(err)
	return s
}

// template is of an AES key whose value can be read, so that tests can check the ciphertext without the token.
func template(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, true),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true),
	}, more...)
}

var aesKeyGen = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}

func (d *device) generate(s pkcs11.SessionHandle, id []byte) pkcs11.ObjectHandle {
	d.tb.Helper()
	key, err := d.p.GenerateKey(s, aesKeyGen, template(pkcs11.NewAttribute(pkcs11.CKA_ID, id)))
	d.must(err)
	return key
}

func (d *device) valueOf(key pkcs11.ObjectHandle) []byte {
	d.tb.Helper()
	got, err := d.p.GetAttributeValue(d.session, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	d.must(err)
	return got[0].Value
}

// find is the objects with a CKA_ID that a session sees.
func (d *device) find(s pkcs11.SessionHandle, id []byte) []pkcs11.ObjectHandle {
	d.tb.Helper()
	d.must(d.p.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, id)}))
	found, _, err := d.p.FindObjects(s, 10)
	d.must(err)
	d.must(d.p.FindObjectsFinal(s))
	return found
}

const gcm = pkcs11.CKM_AES_GCM

var aad = []byte("additional data")

// seal is one AES-GCM encryption: C_EncryptInit and C_Encrypt, which miekg/pkcs11 calls twice.
func (d *device) seal(s pkcs11.SessionHandle, mechanism uint, key pkcs11.ObjectHandle, iv, plaintext []byte) (ciphertext, ivAfter []byte, err error) {
	params := pkcs11.NewGCMParams(iv, aad, 128)
	defer params.Free()
	if err := d.p.EncryptInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, params)}, key); err != nil {
		return nil, nil, err
	}
	ciphertext, err = d.p.Encrypt(s, plaintext)
	return ciphertext, params.IV(), err
}

func (d *device) openGCM(mechanism uint, iv, ciphertext []byte) ([]byte, error) {
	params := pkcs11.NewGCMParams(iv, aad, 128)
	defer params.Free()
	if err := d.p.DecryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, params)}, d.key); err != nil {
		return nil, err
	}
	return d.p.Decrypt(d.session, ciphertext)
}

// openOutside decrypts with the key's value, without the token.
func (d *device) openOutside(iv, ciphertext []byte) []byte {
	d.tb.Helper()
	block, err := aes.NewCipher(d.value)
	d.must(err)
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	d.must(err)
	plaintext, err := aead.Open(nil, iv, ciphertext, aad)
	d.must(err)
	return plaintext
}

// works proves that a session can encrypt. The IV is what the transparent mode takes.
func (d *device) works(s pkcs11.SessionHandle) error {
	_, _, err := d.seal(s, gcm, d.key, []byte("twelve bytes"), []byte("text"))
	return err
}

func (d *device) must(err error) {
	d.tb.Helper()
	if err != nil {
		d.tb.Fatal(err)
	}
}

// wants fails the test unless err is that CKR_ code; 0 is success.
func (d *device) wants(rv uint, err error) {
	d.tb.Helper()
	if got := codeOf(err); got != rv {
		d.tb.Errorf("got 0x%X (%v), want 0x%X", got, err, rv)
	}
}

func codeOf(err error) uint {
	var code pkcs11.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return uint(code)
	default:
		return ^uint(0)
	}
}
