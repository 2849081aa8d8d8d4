package faultp11_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

func TestAFaultIsAnsweredAsOftenAsItWasAsked(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	before := d.Calls(faultp11.GenerateRandom)
	random := func() error { _, err := d.p.GenerateRandom(d.session, 8); return err }

	d.Fail(faultp11.GenerateRandom, pkcs11.CKR_DEVICE_ERROR, 2)
	d.wants(pkcs11.CKR_DEVICE_ERROR, random())
	d.wants(0, d.works(d.session))
	d.wants(pkcs11.CKR_DEVICE_ERROR, random())
	d.wants(0, random())

	d.Fail(faultp11.GenerateRandom, pkcs11.CKR_FUNCTION_FAILED, 0)
	for range 5 {
		d.wants(pkcs11.CKR_FUNCTION_FAILED, random())
	}
	d.Fail(faultp11.GenerateRandom, 0, 0)
	d.wants(0, random())

	d.Fail(faultp11.AnyFunction, pkcs11.CKR_DEVICE_MEMORY, 1)
	d.wants(pkcs11.CKR_DEVICE_MEMORY, random())
	d.wants(0, random())
	if got := d.Calls(faultp11.GenerateRandom) - before; got != 11 {
		t.Errorf("11 calls were counted as %d", got)
	}
	d.ForgetCalls()
	if got := d.Calls(faultp11.GenerateRandom); got != 0 {
		t.Errorf("forgotten calls count %d", got)
	}
}

// A failed C_Encrypt ends the operation (PKCS #11 2.40, 5.8.2), so the session can begin another one at once.
func TestAnInjectedFailureEndsTheOperation(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	sealed, iv, err := d.seal(d.session, gcm, d.key, []byte("twelve bytes"), []byte("text"))
	d.must(err)
	d.Fail(faultp11.Encrypt, pkcs11.CKR_DEVICE_ERROR, 1)
	d.wants(pkcs11.CKR_DEVICE_ERROR, d.works(d.session))
	d.wants(0, d.works(d.session))
	d.Fail(faultp11.Decrypt, pkcs11.CKR_GENERAL_ERROR, 1)
	_, err = d.openGCM(gcm, iv, sealed)
	d.wants(pkcs11.CKR_GENERAL_ERROR, err)
	_, err = d.openGCM(gcm, iv, sealed)
	d.wants(0, err)
}

func TestALostReplyHasDoneTheWork(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	id := []byte("lost")
	d.LostReply(faultp11.GenerateKey, pkcs11.CKR_DEVICE_ERROR, 1)
	_, err := d.p.GenerateKey(d.session, aesKeyGen, template(pkcs11.NewAttribute(pkcs11.CKA_ID, id)))
	d.wants(pkcs11.CKR_DEVICE_ERROR, err)
	if found := d.find(d.session, id); len(found) != 1 {
		t.Errorf("%d keys exist after one lost reply", len(found))
	}
	d.Fail(faultp11.GenerateKey, pkcs11.CKR_DEVICE_ERROR, 1)
	_, err = d.p.GenerateKey(d.session, aesKeyGen, template(pkcs11.NewAttribute(pkcs11.CKA_ID, []byte("failed"))))
	d.wants(pkcs11.CKR_DEVICE_ERROR, err)
	if found := d.find(d.session, []byte("failed")); len(found) != 0 {
		t.Errorf("%d keys exist after a call that was refused", len(found))
	}
}

func TestADelayHoldsACallUntilItIsCleared(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	const long = 60 * time.Millisecond
	d.Delay(faultp11.EncryptInit, long)
	began := time.Now()
	d.wants(0, d.works(d.session))
	if took := time.Since(began); took < long {
		t.Errorf("a call with a delay of %s took %s", long, took)
	}
	d.Delay(faultp11.EncryptInit, time.Hour)
	done := make(chan error, 1)
	go func() { done <- d.works(d.session) }()
	time.Sleep(20 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("a call with a delay of an hour answered %v at once", err)
	default:
	}
	d.Delay(faultp11.EncryptInit, 0)
	d.wants(0, <-done)
}

func TestAHungCallGoesOnWhenReleased(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	sessions := []pkcs11.SessionHandle{d.session, d.open(d.slot), d.open(d.slot)}
	d.Hang(faultp11.EncryptInit, 2)
	done := make(chan error, 2)
	for _, s := range sessions[:2] {
		go func() { done <- d.works(s) }()
	}
	d.must(d.AwaitHung(t.Context(), 2))
	if got := d.InFlight(); got != 2 {
		t.Errorf("%d calls are in flight while two hang", got)
	}
	d.wants(0, d.works(sessions[2])) // the third does not hang, and is not held up by those that do
	d.Release(faultp11.EncryptInit)
	d.wants(0, <-done)
	d.wants(0, <-done)
	if now, ever := d.Hung(); now != 0 || ever != 2 {
		t.Errorf("%d calls hang now and %d hung ever, want 0 and 2", now, ever)
	}

	d.Hang(faultp11.AnyFunction, 0)
	go func() { done <- d.works(d.session) }()
	d.must(d.AwaitHung(t.Context(), 1))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := d.AwaitHung(ctx, 2); err == nil {
		t.Error("two calls are said to hang when there is one")
	}
	d.KillSessions() // what happens meanwhile meets the call afterwards
	d.Release(faultp11.AnyFunction)
	d.wants(pkcs11.CKR_SESSION_HANDLE_INVALID, <-done)
}

// everyFunction calls, by miekg/pkcs11, each function that it knows, and tells which one.
func everyFunction(p *pkcs11.Ctx, slot uint, s pkcs11.SessionHandle) map[faultp11.Function]error {
	errs := map[faultp11.Function]error{}
	m, some := aesKeyGen, []byte("some")
	one := func(fn faultp11.Function, err error) { errs[fn] = err }
	_, err := p.GetInfo()
	one(faultp11.GetInfo, err)
	_, err = p.GetSlotList(true)
	one(faultp11.GetSlotList, err)
	_, err = p.GetSlotInfo(slot)
	one(faultp11.GetSlotInfo, err)
	_, err = p.GetTokenInfo(slot)
	one(faultp11.GetTokenInfo, err)
	_, err = p.GetMechanismList(slot)
	one(faultp11.GetMechanismList, err)
	_, err = p.GetMechanismInfo(slot, m)
	one(faultp11.GetMechanismInfo, err)
	one(faultp11.InitToken, p.InitToken(slot, soPIN, "label"))
	one(faultp11.InitPIN, p.InitPIN(s, userPIN))
	one(faultp11.SetPIN, p.SetPIN(s, userPIN, userPIN))
	_, err = p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	one(faultp11.OpenSession, err)
	one(faultp11.CloseSession, p.CloseSession(s))
	one(faultp11.CloseAllSessions, p.CloseAllSessions(slot))
	_, err = p.GetSessionInfo(s)
	one(faultp11.GetSessionInfo, err)
	_, err = p.GetOperationState(s)
	one(faultp11.GetOperationState, err)
	one(faultp11.SetOperationState, p.SetOperationState(s, some, 0, 0))
	one(faultp11.Login, p.Login(s, pkcs11.CKU_USER, userPIN))
	one(faultp11.Logout, p.Logout(s))
	_, err = p.CreateObject(s, template())
	one(faultp11.CreateObject, err)
	_, err = p.CopyObject(s, 1, template())
	one(faultp11.CopyObject, err)
	one(faultp11.DestroyObject, p.DestroyObject(s, 1))
	_, err = p.GetObjectSize(s, 1)
	one(faultp11.GetObjectSize, err)
	_, err = p.GetAttributeValue(s, 1, template())
	one(faultp11.GetAttributeValue, err)
	one(faultp11.SetAttributeValue, p.SetAttributeValue(s, 1, template()))
	one(faultp11.FindObjectsInit, p.FindObjectsInit(s, template()))
	_, _, err = p.FindObjects(s, 1)
	one(faultp11.FindObjects, err)
	one(faultp11.FindObjectsFinal, p.FindObjectsFinal(s))
	everyCipher(p, s, one)
	everySignature(p, s, one)
	_, err = p.GenerateKey(s, m, template())
	one(faultp11.GenerateKey, err)
	_, _, err = p.GenerateKeyPair(s, m, template(), template())
	one(faultp11.GenerateKeyPair, err)
	_, err = p.WrapKey(s, m, 1, 2)
	one(faultp11.WrapKey, err)
	_, err = p.UnwrapKey(s, m, 1, some, template())
	one(faultp11.UnwrapKey, err)
	_, err = p.DeriveKey(s, m, 1, template())
	one(faultp11.DeriveKey, err)
	one(faultp11.SeedRandom, p.SeedRandom(s, some))
	_, err = p.GenerateRandom(s, 1)
	one(faultp11.GenerateRandom, err)
	return errs
}

func everyCipher(p *pkcs11.Ctx, s pkcs11.SessionHandle, one func(faultp11.Function, error)) {
	m, some := aesKeyGen, []byte("some")
	one(faultp11.EncryptInit, p.EncryptInit(s, m, 1))
	_, err := p.Encrypt(s, some)
	one(faultp11.Encrypt, err)
	_, err = p.EncryptUpdate(s, some)
	one(faultp11.EncryptUpdate, err)
	_, err = p.EncryptFinal(s)
	one(faultp11.EncryptFinal, err)
	one(faultp11.DecryptInit, p.DecryptInit(s, m, 1))
	_, err = p.Decrypt(s, some)
	one(faultp11.Decrypt, err)
	_, err = p.DecryptUpdate(s, some)
	one(faultp11.DecryptUpdate, err)
	_, err = p.DecryptFinal(s)
	one(faultp11.DecryptFinal, err)
	one(faultp11.DigestInit, p.DigestInit(s, m))
	_, err = p.Digest(s, some)
	one(faultp11.Digest, err)
	one(faultp11.DigestUpdate, p.DigestUpdate(s, some))
	one(faultp11.DigestKey, p.DigestKey(s, 1))
	_, err = p.DigestFinal(s)
	one(faultp11.DigestFinal, err)
	_, err = p.DigestEncryptUpdate(s, some)
	one(faultp11.DigestEncryptUpdate, err)
	_, err = p.DecryptDigestUpdate(s, some)
	one(faultp11.DecryptDigestUpdate, err)
	_, err = p.SignEncryptUpdate(s, some)
	one(faultp11.SignEncryptUpdate, err)
	_, err = p.DecryptVerifyUpdate(s, some)
	one(faultp11.DecryptVerifyUpdate, err)
}

func everySignature(p *pkcs11.Ctx, s pkcs11.SessionHandle, one func(faultp11.Function, error)) {
	m, some := aesKeyGen, []byte("some")
	one(faultp11.SignInit, p.SignInit(s, m, 1))
	_, err := p.Sign(s, some)
	one(faultp11.Sign, err)
	one(faultp11.SignUpdate, p.SignUpdate(s, some))
	_, err = p.SignFinal(s)
	one(faultp11.SignFinal, err)
	one(faultp11.SignRecoverInit, p.SignRecoverInit(s, m, 1))
	_, err = p.SignRecover(s, some)
	one(faultp11.SignRecover, err)
	one(faultp11.VerifyInit, p.VerifyInit(s, m, 1))
	one(faultp11.Verify, p.Verify(s, some, some))
	one(faultp11.VerifyUpdate, p.VerifyUpdate(s, some))
	one(faultp11.VerifyFinal, p.VerifyFinal(s, some))
	one(faultp11.VerifyRecoverInit, p.VerifyRecoverInit(s, m, 1))
	// VerifyRecover is left out: in miekg/pkcs11 1.1.2 it calls C_DecryptVerifyUpdate.
}

func TestADeadModuleAnswersNothingElse(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	d.ForgetCalls()
	d.Kill(pkcs11.CKR_DEVICE_ERROR, 0)
	errs := everyFunction(d.p, d.slot, d.session)
	if len(errs) != 61 { // 68 without three called elsewhere, C_GetFunctionList, and three that miekg/pkcs11 does not call
		t.Errorf("%d functions were called", len(errs))
	}
	for fn, err := range errs {
		if got := codeOf(err); got != pkcs11.CKR_DEVICE_ERROR || d.Calls(fn) != 1 {
			t.Errorf("%s answered 0x%X and was counted %d times", fn, got, d.Calls(fn))
		}
	}
	d.wants(pkcs11.CKR_DEVICE_ERROR, d.p.Initialize())
	d.wants(pkcs11.CKR_DEVICE_ERROR, d.p.Finalize())
	d.Revive()
	d.wants(0, d.works(d.session))

	d.Kill(pkcs11.CKR_DEVICE_ERROR, faultp11.DeadInitializes|faultp11.DeadFinalizes)
	d.wants(0, d.p.Finalize())
	d.wants(0, d.p.Initialize())
	_, err := d.p.GetInfo()
	d.wants(pkcs11.CKR_DEVICE_ERROR, err)

	d.Kill(pkcs11.CKR_TOKEN_NOT_PRESENT, faultp11.DeadUntilInitialized)
	d.wants(0, d.p.Finalize())
	d.wants(0, d.p.Initialize())
	_, err = d.p.GetInfo()
	d.wants(0, err)
	if i, f := d.Initialised(), d.Finalised(); i != 3 || f != 2 {
		t.Errorf("initialised %d times and finalised %d times, want 3 and 2", i, f)
	}
}

func TestEveryFunctionReachesTheRealModule(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	straight := pkcs11.New(d.home.Module)
	defer straight.Destroy()
	const unknownSlot, unknownSession = 987654, 987654
	want := everyFunction(straight, unknownSlot, unknownSession)
	for fn, err := range everyFunction(d.p, unknownSlot, unknownSession) {
		if codeOf(err) != codeOf(want[fn]) {
			t.Errorf("%s answers 0x%X through the shim and 0x%X without", fn, codeOf(err), codeOf(want[fn]))
		}
	}
	d.Fail(faultp11.WaitForSlotEvent, pkcs11.CKR_NO_EVENT, 1)
	if event := <-d.p.WaitForSlotEvent(pkcs11.CKF_DONT_BLOCK); event.SlotID != 0 {
		t.Errorf("a refused wait gave slot %d", event.SlotID)
	}
	if d.Calls(faultp11.WaitForSlotEvent) != 1 {
		t.Error("C_WaitForSlotEvent was not counted")
	}
}

func TestARebootLosesSessionsAndLogin(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	other := d.open(d.slot)
	if got := d.Sessions(); got != 2 {
		t.Errorf("%d sessions are open, want 2", got)
	}
	d.KillSessions()
	for _, s := range []pkcs11.SessionHandle{d.session, other} {
		_, err := d.p.GetSessionInfo(s)
		d.wants(pkcs11.CKR_SESSION_HANDLE_INVALID, err)
		d.wants(pkcs11.CKR_SESSION_HANDLE_INVALID, d.works(s))
	}
	if got := d.Sessions(); got != 0 {
		t.Errorf("%d sessions are open after the reboot", got)
	}
	s := d.open(d.slot)
	d.wants(pkcs11.CKR_USER_NOT_LOGGED_IN, func() error { _, err := d.p.GenerateKey(s, aesKeyGen, template()); return err }())
	d.wants(0, d.p.Login(s, pkcs11.CKU_USER, d.pin))
}

func TestALogoutBehindTheBackHidesTheKeys(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	id := []byte("mine")
	d.key = d.generate(d.session, id)
	d.LogOut()
	if found := d.find(d.session, id); len(found) != 0 {
		t.Errorf("nobody is logged in, and %d private keys are found", len(found))
	}
	if err := d.works(d.session); err == nil {
		t.Error("the handle of a private key survived the logout")
	}
	d.wants(0, d.p.Login(d.session, pkcs11.CKU_USER, d.pin))
	found := d.find(d.session, id)
	if len(found) != 1 {
		t.Fatalf("after a new login %d keys are found, want 1", len(found))
	}
	d.key = found[0]
	d.wants(0, d.works(d.session))
}

func TestATokenIsPulledAndReturnedWhileAnotherWorks(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	second := d.makeToken("two")
	keep := d.open(second)
	slot, err := d.Slot(d.slot)
	d.must(err)
	slot.RemoveToken()
	if slices.Contains(d.slots(), d.slot) || !slices.Contains(d.slots(), second) {
		t.Errorf("slots with a token: %d; %d was removed, %d was not", d.slots(), d.slot, second)
	}
	all, err := d.p.GetSlotList(false)
	d.must(err)
	if !slices.Contains(all, d.slot) {
		t.Error("the slot itself is gone")
	}
	_, err = d.p.GetTokenInfo(d.slot)
	d.wants(pkcs11.CKR_TOKEN_NOT_PRESENT, err)
	_, err = d.p.OpenSession(d.slot, pkcs11.CKF_SERIAL_SESSION)
	d.wants(pkcs11.CKR_TOKEN_NOT_PRESENT, err)
	d.wants(pkcs11.CKR_DEVICE_REMOVED, d.works(d.session))
	info, err := d.p.GetSlotInfo(d.slot)
	d.must(err)
	if info.Flags&pkcs11.CKF_TOKEN_PRESENT != 0 {
		t.Error("the slot says that its token is present")
	}
	_, err = d.p.GenerateRandom(keep, 4)
	d.wants(0, err)

	slot.ReturnToken()
	d.wants(pkcs11.CKR_SESSION_HANDLE_INVALID, d.works(d.session))
	if !slices.Contains(d.slots(), d.slot) {
		t.Error("the token did not come back")
	}
	s := d.open(d.slot)
	_, err = d.p.GenerateKey(s, aesKeyGen, template())
	d.wants(pkcs11.CKR_USER_NOT_LOGGED_IN, err)

	slot.RemoveToken() // and back before any call: the sessions are lost all the same
	slot.ReturnToken()
	_, err = d.p.GenerateRandom(s, 4)
	d.wants(pkcs11.CKR_SESSION_HANDLE_INVALID, err)
}

func TestTheFaultsOfOneSlotSpareTheOther(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	second := d.makeToken("two")
	other := d.open(second)
	d.must(d.p.Login(other, pkcs11.CKU_USER, d.pin))
	random := func(s pkcs11.SessionHandle) error { _, err := d.p.GenerateRandom(s, 4); return err }
	slot, err := d.Slot(d.slot)
	d.must(err)
	slot.Fail(faultp11.GenerateRandom, pkcs11.CKR_DEVICE_ERROR, 1)
	d.wants(0, random(other))
	d.wants(pkcs11.CKR_DEVICE_ERROR, random(d.session))
	d.wants(0, random(d.session))
	if got := slot.Calls(faultp11.GenerateRandom); got != 2 {
		t.Errorf("%d calls of the slot were counted, want 2", got)
	}
	slot.LogOut()
	_, err = d.p.GenerateKey(d.session, aesKeyGen, template())
	d.wants(pkcs11.CKR_USER_NOT_LOGGED_IN, err)
	_, err = d.p.GenerateKey(other, aesKeyGen, template())
	d.wants(0, err)
	slot.KillSessions()
	d.wants(pkcs11.CKR_SESSION_HANDLE_INVALID, random(d.session))
	d.wants(0, random(other))
	again, err := d.Slot(d.slot)
	d.must(err)
	if again.Calls(faultp11.GenerateRandom) != slot.Calls(faultp11.GenerateRandom) {
		t.Error("the same slot has other controls when it is asked for again")
	}
	for id := uint(1); id <= 7; id++ {
		_, err = d.Slot(id)
		d.must(err)
	}
	if _, err := d.Slot(8); err == nil {
		t.Error("a ninth slot got controls")
	}
}

func TestARefusedLoginNeverReachesTheToken(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	d.must(d.p.Logout(d.session))
	attempts, accepted := d.Logins()
	login := func() error { return d.p.Login(d.session, pkcs11.CKU_USER, d.pin) }
	d.RefuseLogin(pkcs11.CKR_PIN_INCORRECT, 1)
	d.wants(pkcs11.CKR_PIN_INCORRECT, login())
	d.wants(0, login())
	d.must(d.p.Logout(d.session))
	d.RefuseLogin(pkcs11.CKR_PIN_LOCKED, 0)
	d.wants(pkcs11.CKR_PIN_LOCKED, login())
	info, err := d.p.GetTokenInfo(d.slot)
	d.must(err)
	if info.Flags&pkcs11.CKF_USER_PIN_LOCKED == 0 {
		t.Error("the token does not say that its PIN is locked")
	}
	d.Clear()
	d.wants(0, login())
	a, b := d.Logins()
	if a-attempts != 4 || b-accepted != 2 {
		t.Errorf("%d attempts and %d logins were counted, want 4 and 2", a-attempts, b-accepted)
	}
}

func TestALostLinkEndsWithTheNextInitialize(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Luna)
	open := func() error { _, err := d.p.OpenSession(d.slotOf("one"), pkcs11.CKF_SERIAL_SESSION); return err }
	d.LoseLink()
	d.wants(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, open())
	_, err := d.p.GetSessionInfo(d.session)
	d.wants(0, err)
	d.RestoreLink()
	d.wants(0, open())
	d.LoseLink()
	d.must(d.p.Finalize())
	d.must(d.p.Initialize())
	d.wants(0, open())
}

func TestMisuseIsCountedAndSurvived(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	if m := d.Misuse(); m != (faultp11.Misuse{}) {
		t.Fatalf("nothing was done wrong, and %+v was counted", m)
	}
	d.Hang(faultp11.EncryptInit, 1)
	done := make(chan error, 1)
	go func() { done <- d.works(d.session) }()
	d.must(d.AwaitHung(t.Context(), 1))
	_, err := d.p.GetSessionInfo(d.session)
	d.wants(0, err)
	d.wants(0, d.p.CloseAllSessions(d.slot))
	d.wants(0, d.p.Finalize())
	if m := d.Misuse(); m != (faultp11.Misuse{FinalizedInUse: 1, SharedSessions: 2}) {
		t.Errorf("counted %+v", m)
	}
	d.Release(faultp11.EncryptInit)
	d.wants(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, <-done)
}

func TestTheTraceTellsWhatHappened(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	random := func() { _, _ = d.p.GenerateRandom(d.session, 4) }
	d.Fail(faultp11.GenerateRandom, 0x30, 1)
	random()
	d.LostReply(faultp11.GenerateRandom, 0x31, 1)
	random()
	d.Delay(faultp11.GenerateRandom, time.Millisecond)
	random()
	d.Clear()
	_, _ = d.p.GetInfo()
	trace := d.Trace()
	tail := trace[len(trace)-4:]
	s := uint(d.session)
	want := []faultp11.TraceEntry{
		{Function: faultp11.GenerateRandom, RV: 0x30, Session: s, Injected: true},
		{Function: faultp11.GenerateRandom, RV: 0x31, Session: s, LostReply: true},
		{Function: faultp11.GenerateRandom, Session: s, Delayed: true},
		{Function: faultp11.GetInfo},
	}
	for i := range want {
		want[i].Seq = tail[0].Seq + uint64(i)
	}
	if !slices.Equal(tail, want) {
		t.Errorf("got %v, want %v", tail, want)
	}
	for range 600 {
		random()
	}
	trace = d.Trace()
	if len(trace) != 512 || trace[511].Seq-trace[0].Seq != 511 {
		t.Errorf("the trace has %d entries, from %d to %d", len(trace), trace[0].Seq, trace[len(trace)-1].Seq)
	}
	if got := (faultp11.TraceEntry{Seq: 7, Function: faultp11.Encrypt, RV: 5, Session: 3, Injected: true, Hung: true}).String(); got != "7 C_Encrypt session 3 = 0x5, injected, hung" {
		t.Error(got)
	}
}

func TestManyThreadsWorkWhileFaultsFlip(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	slot, err := d.Slot(d.slot)
	d.must(err)
	stop := make(chan struct{})
	var threads sync.WaitGroup
	for range 16 {
		threads.Go(func() { worker(d, stop) })
	}
	flips := []func(){
		func() { d.Fail(faultp11.Encrypt, pkcs11.CKR_DEVICE_ERROR, 3) },
		func() { d.Fail(faultp11.AnyFunction, pkcs11.CKR_FUNCTION_FAILED, 5) },
		func() { d.Kill(pkcs11.CKR_DEVICE_ERROR, 0) },
		func() { d.Delay(faultp11.AnyFunction, 200*time.Microsecond) },
		func() { d.Hang(faultp11.EncryptInit, 4) },
		func() { d.LostReply(faultp11.OpenSession, pkcs11.CKR_FUNCTION_FAILED, 2) },
		d.KillSessions, d.LogOut, slot.RemoveToken,
	}
	for i := range 180 {
		flips[i%len(flips)]()
		time.Sleep(3 * time.Millisecond)
		d.Clear()
		time.Sleep(2 * time.Millisecond)
	}
	close(stop)
	threads.Wait()
	if now, _ := d.Hung(); now != 0 || d.InFlight() != 0 {
		t.Errorf("%d calls hang and %d are in flight after the last thread has ended", now, d.InFlight())
	}
	if m := d.Misuse(); m != (faultp11.Misuse{}) {
		t.Errorf("each thread has a session of its own, and %+v was counted", m)
	}
	s := d.open(d.slot)
	err = d.p.Login(s, pkcs11.CKU_USER, d.pin)
	if rv := codeOf(err); rv != 0 && rv != pkcs11.CKR_USER_ALREADY_LOGGED_IN {
		t.Fatal(err)
	}
	d.key = d.generate(s, nil)
	d.wants(0, d.works(s))
	t.Logf("%d calls, %d logins", d.Calls(faultp11.AnyFunction), func() uint64 { _, n := d.Logins(); return n }())
}

// worker does what an application does: open, log in, generate, encrypt; and starts again after any error.
func worker(d *device, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		s, err := d.p.OpenSession(d.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		_ = d.p.Login(s, pkcs11.CKU_USER, d.pin)
		key, err := d.p.GenerateKey(s, aesKeyGen, template(pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false)))
		for range 20 {
			if err == nil {
				_, _, err = d.seal(s, gcm, key, []byte("twelve bytes"), []byte("text"))
			}
		}
		_ = d.p.CloseSession(s)
	}
}
