package faultp11_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

const (
	keyWrap    = 0x2109
	keyWrapPad = 0x210A // RFC 5649 in SoftHSM
	keyWrapKWP = 0x210B

	cloudGCM     = 0x80001087
	cloudWrap    = 0x80002109
	cloudWrapPad = 0x8000216F

	lunaWrap = 0x80000170
	lunaKWP  = 0x80000171
)

func zeros() []byte { return make([]byte, 12) }

func TestCloudHSMMakesTheIVAndWritesItBack(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	text := []byte("thirty-two octets of a data key!")
	var ivs [][]byte
	for range 3 {
		sealed, iv, err := d.seal(d.session, gcm, d.key, zeros(), text)
		d.must(err)
		if bytes.Equal(iv, zeros()) || slices.ContainsFunc(ivs, func(old []byte) bool { return bytes.Equal(old, iv) }) {
			t.Errorf("the IV %x is zero or an old one", iv)
		}
		ivs = append(ivs, iv)
		if len(sealed) != len(text)+16 || !bytes.Equal(d.openOutside(iv, sealed), text) {
			t.Error("the ciphertext is not AES-GCM under the IV that was written back")
		}
		opened, err := d.openGCM(gcm, iv, sealed)
		d.must(err)
		if !bytes.Equal(opened, text) {
			t.Error("what was sealed opens to something else")
		}
	}
	for name, iv := range map[string][]byte{"not zero": []byte("twelve bytes"), "none": nil, "of 16 octets": make([]byte, 16)} {
		if _, _, err := d.seal(d.session, gcm, d.key, iv, text); codeOf(err) != pkcs11.CKR_MECHANISM_PARAM_INVALID {
			t.Errorf("an IV that is %s: %v", name, err)
		}
	}
	_, err := d.openGCM(gcm, make([]byte, 16), make([]byte, 40))
	d.wants(pkcs11.CKR_MECHANISM_PARAM_INVALID, err)
}

func TestCloudHSMsOwnMechanismPutsTheIVInFront(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	text := []byte("text")
	sealed, _, err := d.seal(d.session, cloudGCM, d.key, nil, text)
	d.must(err)
	if len(sealed) != 12+len(text)+16 {
		t.Fatalf("%d octets became %d", len(text), len(sealed))
	}
	if !bytes.Equal(d.openOutside(sealed[:12], sealed[12:]), text) {
		t.Error("the IV does not stand in front")
	}
	opened, err := d.openGCM(cloudGCM, nil, sealed)
	d.must(err)
	if !bytes.Equal(opened, text) {
		t.Errorf("opened to %q", opened)
	}
	_, _, err = d.seal(d.session, cloudGCM, d.key, zeros(), text)
	d.wants(pkcs11.CKR_MECHANISM_PARAM_INVALID, err)
	_, err = d.openGCM(cloudGCM, zeros(), sealed)
	d.wants(pkcs11.CKR_MECHANISM_PARAM_INVALID, err)
	_, err = d.openGCM(cloudGCM, nil, sealed[:27])
	d.wants(pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE, err)
	sealed[14] ^= 1
	_, err = d.openGCM(cloudGCM, nil, sealed)
	d.wants(pkcs11.CKR_GENERAL_ERROR, err) // SoftHSM's word for a wrong tag
	sealed[14] ^= 1
	_, err = d.openGCM(cloudGCM, nil, sealed)
	d.wants(0, err)

	// What is wrong with the key is said by C_DecryptInit, and a second Init is refused.
	begin := func(key pkcs11.ObjectHandle) error {
		params := pkcs11.NewGCMParams(nil, aad, 128)
		defer params.Free()
		return d.p.DecryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(cloudGCM, params)}, key)
	}
	d.wants(pkcs11.CKR_OBJECT_HANDLE_INVALID, begin(d.key+1000))
	d.wants(0, begin(d.key))
	d.wants(pkcs11.CKR_OPERATION_ACTIVE, begin(d.key))
	_, err = d.p.DecryptUpdate(d.session, sealed)
	d.wants(pkcs11.CKR_FUNCTION_NOT_SUPPORTED, err)
	d.wants(0, begin(d.key))
	d.Fail(faultp11.Decrypt, pkcs11.CKR_DEVICE_ERROR, 1)
	_, err = d.p.Decrypt(d.session, sealed)
	d.wants(pkcs11.CKR_DEVICE_ERROR, err)
	d.wants(0, begin(d.key))
}

func TestCloudHSMTakesOnePartOfLimitedLength(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	for _, mechanism := range []uint{gcm, cloudGCM} {
		iv := zeros()
		if mechanism == cloudGCM {
			iv = nil
		}
		largest := bytes.Repeat([]byte("x"), 16224)
		sealed, written, err := d.seal(d.session, mechanism, d.key, iv, largest)
		d.must(err)
		if mechanism == cloudGCM {
			written = nil
		}
		opened, err := d.openGCM(mechanism, written, sealed)
		d.must(err)
		if !bytes.Equal(opened, largest) {
			t.Error("the largest message opens to something else")
		}
		_, _, err = d.seal(d.session, mechanism, d.key, iv, append(largest, 'y'))
		d.wants(pkcs11.CKR_DATA_LEN_RANGE, err)
		_, err = d.openGCM(mechanism, written, append(sealed, 0))
		d.wants(pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE, err)

		params := pkcs11.NewGCMParams(iv, aad, 128)
		defer params.Free()
		d.must(d.p.EncryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, params)}, d.key))
		_, err = d.p.EncryptUpdate(d.session, []byte("part"))
		d.wants(pkcs11.CKR_FUNCTION_NOT_SUPPORTED, err)
		_, _, err = d.seal(d.session, mechanism, d.key, iv, []byte("the session is free again"))
		d.wants(0, err)
	}
	d.LimitMessage(10)
	_, _, err := d.seal(d.session, gcm, d.key, zeros(), make([]byte, 11))
	d.wants(pkcs11.CKR_DATA_LEN_RANGE, err)
	d.LimitMessage(faultp11.Unlimited)
	_, _, err = d.seal(d.session, gcm, d.key, zeros(), make([]byte, 20000))
	d.wants(0, err)
}

func TestCloudHSMLimitsHMAC(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	key, err := d.p.GenerateKey(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
	})
	d.must(err)
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}
	sign := func(n int) ([]byte, error) {
		d.must(d.p.SignInit(d.session, m, key))
		return d.p.Sign(d.session, make([]byte, n))
	}
	verify := func(n int, mac []byte) error {
		d.must(d.p.VerifyInit(d.session, m, key))
		return d.p.Verify(d.session, make([]byte, n), mac)
	}
	mac, err := sign(16288)
	d.must(err)
	d.wants(0, verify(16288, mac))
	_, err = sign(16289)
	d.wants(pkcs11.CKR_DATA_LEN_RANGE, err)
	d.wants(pkcs11.CKR_DATA_LEN_RANGE, verify(16289, mac))
	d.LimitHMAC(5)
	_, err = sign(6)
	d.wants(pkcs11.CKR_DATA_LEN_RANGE, err)
	_, err = sign(5)
	d.wants(0, err)
}

func TestCloudHSMsSessions(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	_, err := d.p.OpenSession(d.slot, pkcs11.CKF_SERIAL_SESSION)
	d.wants(pkcs11.CKR_FUNCTION_FAILED, err)
	var last pkcs11.SessionHandle
	for range 1023 {
		last = d.open(d.slot)
	}
	full := func() error {
		_, err := d.p.OpenSession(d.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		return err
	}
	d.wants(pkcs11.CKR_SESSION_COUNT, full())
	d.must(d.p.CloseSession(last))
	d.wants(0, full())
	d.wants(pkcs11.CKR_SESSION_COUNT, full())
	if got := d.Sessions(); got != 1024 {
		t.Errorf("%d sessions are counted", got)
	}
	d.must(d.p.CloseAllSessions(d.slot))
	d.LimitSessions(1)
	d.wants(0, full())
	d.wants(pkcs11.CKR_SESSION_COUNT, full())
}

func TestCloudHSMsPINNamesTheUser(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	d.must(d.p.Logout(d.session))
	for pin, want := range map[string]uint{
		userPIN:               pkcs11.CKR_PIN_INCORRECT,
		"somebody:" + "wrong": pkcs11.CKR_PIN_INCORRECT,
		"":                    pkcs11.CKR_PIN_INCORRECT,
	} {
		if got := codeOf(d.p.Login(d.session, pkcs11.CKU_USER, pin)); got != want {
			t.Errorf("PIN %q: 0x%X", pin, got)
		}
	}
	d.wants(0, d.p.Login(d.session, pkcs11.CKU_USER, "somebody:"+userPIN))
}

// wrapAndUnwrap wraps the device's own key under itself.
func (d *device) wrapAndUnwrap(mechanism uint) error {
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
	wrapped, err := d.p.WrapKey(d.session, m, d.key, d.key)
	if err != nil {
		return err
	}
	key, err := d.p.UnwrapKey(d.session, m, d.key, wrapped, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
	})
	if err == nil && !bytes.Equal(d.valueOf(key), d.value) {
		d.tb.Errorf("mechanism 0x%X unwraps to another key", mechanism)
	}
	return err
}

// checkMechanisms wants some mechanisms listed and working, and others neither.
func (d *device) checkMechanisms(there, absent []uint) {
	d.tb.Helper()
	list, err := d.p.GetMechanismList(d.slot)
	d.must(err)
	var listed []uint
	for _, m := range list {
		listed = append(listed, m.Mechanism)
	}
	for _, m := range there {
		_, err := d.p.GetMechanismInfo(d.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)})
		if !slices.Contains(listed, m) || err != nil {
			d.tb.Errorf("mechanism 0x%X: listed %t, info %v", m, slices.Contains(listed, m), err)
		}
	}
	for _, m := range absent {
		_, err := d.p.GetMechanismInfo(d.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)})
		if slices.Contains(listed, m) || codeOf(err) != pkcs11.CKR_MECHANISM_INVALID {
			d.tb.Errorf("mechanism 0x%X: listed %t, info %v", m, slices.Contains(listed, m), err)
		}
	}
}

func TestCloudHSMHasNumbersOfItsOwn(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	d.checkMechanisms([]uint{gcm, cloudGCM, cloudWrap, cloudWrapPad}, []uint{keyWrap, keyWrapPad, keyWrapKWP, lunaKWP})
	for _, m := range []uint{keyWrap, keyWrapPad, keyWrapKWP} {
		d.wants(pkcs11.CKR_MECHANISM_INVALID, d.wrapAndUnwrap(m))
		_, err := d.p.UnwrapKey(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)}, d.key, make([]byte, 40), template())
		d.wants(pkcs11.CKR_MECHANISM_INVALID, err)
	}
	for _, m := range []uint{cloudWrap, cloudWrapPad} {
		d.wants(0, d.wrapAndUnwrap(m))
	}
}

func TestCloudHSMsObjects(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	_, err := d.p.CopyObject(d.session, d.key, nil)
	d.wants(pkcs11.CKR_FUNCTION_NOT_SUPPORTED, err)
	d.wants(pkcs11.CKR_FUNCTION_NOT_SUPPORTED, d.p.SetAttributeValue(d.session, d.key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, "x")}))

	with := func(a *pkcs11.Attribute) error {
		_, err := d.p.GenerateKey(d.session, aesKeyGen, template(a))
		return err
	}
	const copyable, allowed = 0x171, 0x40000600
	d.wants(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, with(pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false)))
	d.wants(0, with(pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, true)))
	d.wants(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, with(pkcs11.NewAttribute(copyable, true)))
	d.wants(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, with(pkcs11.NewAttribute(allowed, []byte{0x87, 0x10, 0, 0, 0, 0, 0, 0})))
	d.wants(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, with(pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false)))

	d.must(d.RefuseAttribute(pkcs11.CKA_DERIVE, faultp11.OnlyFalse, pkcs11.CKR_TEMPLATE_INCONSISTENT))
	d.must(d.RefuseAttribute(pkcs11.CKA_ISSUER, faultp11.Never, pkcs11.CKR_ATTRIBUTE_READ_ONLY))
	d.wants(pkcs11.CKR_TEMPLATE_INCONSISTENT, with(pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)))
	d.wants(0, with(pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false)))
	_, err = d.p.UnwrapKey(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(cloudWrap, nil)}, d.key, []byte("any"), template(pkcs11.NewAttribute(pkcs11.CKA_ISSUER, "x")))
	d.wants(pkcs11.CKR_ATTRIBUTE_READ_ONLY, err)
	d.AcceptAttributes()
	d.wants(0, with(pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false)))
}

func TestCloudHSMsHandlesChangeWithEachInitialize(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	id := []byte("mine")
	d.generate(d.session, id)
	before := d.find(d.session, id)
	d.must(d.p.Finalize())
	d.must(d.p.Initialize())
	d.slot = d.slotOf("one")
	d.session = d.open(d.slot)
	d.must(d.p.Login(d.session, pkcs11.CKU_USER, d.pin))
	after := d.find(d.session, id)
	if len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("handles before %d and after %d", before, after)
	}
	_, _, err := d.seal(d.session, gcm, before[0], zeros(), []byte("text"))
	d.wants(pkcs11.CKR_OBJECT_HANDLE_INVALID, err)
	_, _, err = d.seal(d.session, gcm, after[0], zeros(), []byte("text"))
	d.wants(0, err)
	d.wants(0, d.p.DestroyObject(d.session, after[0]))
}

func TestTheManufacturerCanBeNamed(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.CloudHSM)
	for _, name := range []string{"Somebody Else", ""} {
		d.SetManufacturer(name)
		want := name
		if name == "" {
			want = "SoftHSM"
		}
		info, err := d.p.GetInfo()
		d.must(err)
		token, err := d.p.GetTokenInfo(d.slot)
		d.must(err)
		slot, err := d.p.GetSlotInfo(d.slot)
		d.must(err)
		for _, got := range []string{info.ManufacturerID, token.ManufacturerID, slot.ManufacturerID} {
			if !bytes.HasPrefix([]byte(got), []byte(want)) {
				t.Errorf("the manufacturer is %q, want %q", got, want)
			}
		}
	}
	d.must(d.p.Finalize())
	t.Setenv(faultp11.ManufacturerEnv, "By Environment, With A Name Longer Than Its Place")
	d.must(d.p.Initialize())
	info, err := d.p.GetInfo()
	d.must(err)
	if info.ManufacturerID != "By Environment, With A Name Long" {
		t.Errorf("the manufacturer is %q", info.ManufacturerID)
	}
}

func TestLunaAppendsTheIV(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Luna)
	text := []byte("thirty-two octets of a data key!")
	sealed, _, err := d.seal(d.session, gcm, d.key, nil, text)
	d.must(err)
	if len(sealed) != len(text)+16+16 {
		t.Fatalf("%d octets became %d", len(text), len(sealed))
	}
	iv, ciphertext := sealed[len(text)+16:], sealed[:len(text)+16]
	if !bytes.Equal(d.openOutside(iv, ciphertext), text) {
		t.Error("the IV does not stand behind the tag")
	}
	opened, err := d.openGCM(gcm, iv, ciphertext)
	d.must(err)
	if !bytes.Equal(opened, text) {
		t.Error("what was sealed opens to something else")
	}
	again, _, err := d.seal(d.session, gcm, d.key, nil, text)
	d.must(err)
	if bytes.Equal(again[len(text)+16:], iv) {
		t.Error("the same IV twice")
	}
	_, _, err = d.seal(d.session, gcm, d.key, []byte("twelve bytes"), text)
	d.wants(pkcs11.CKR_MECHANISM_PARAM_INVALID, err)

	// In parts, the IV comes with the last.
	params := pkcs11.NewGCMParams(nil, aad, 128)
	defer params.Free()
	d.must(d.p.EncryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(gcm, params)}, d.key))
	first, err := d.p.EncryptUpdate(d.session, text)
	d.must(err)
	last, err := d.p.EncryptFinal(d.session)
	d.must(err)
	whole := append(first, last...)
	if !bytes.Equal(d.openOutside(whole[len(whole)-16:], whole[:len(whole)-16]), text) {
		t.Error("in parts, the IV is not the last 16 octets")
	}
}

func TestLunaReadsTheLengthOfTheIVInBits(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Luna)
	sealed, _, err := d.seal(d.session, gcm, d.key, nil, []byte("text"))
	d.must(err)
	// miekg/pkcs11 always fills ulIvBits, so the structure is forged: six words, of which the third is ulIvBits.
	forged := forgedGCMParams(sealed[20:], 0)
	defer forged.free()
	d.wants(pkcs11.CKR_MECHANISM_PARAM_INVALID, d.p.DecryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(gcm, forged.bytes)}, d.key))
	whole := forgedGCMParams(sealed[20:], 128)
	defer whole.free()
	d.wants(0, d.p.DecryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(gcm, whole.bytes)}, d.key))
}

func TestLunaHasNumbersOfItsOwn(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Luna)
	d.checkMechanisms([]uint{gcm, lunaWrap, lunaKWP, keyWrap}, []uint{keyWrapPad, cloudGCM, cloudWrapPad})
	d.wants(pkcs11.CKR_MECHANISM_INVALID, d.wrapAndUnwrap(keyWrapPad))
	for _, m := range []uint{lunaKWP, lunaWrap, keyWrap} {
		d.wants(0, d.wrapAndUnwrap(m))
	}
}
