package faults

import (
	"slices"
	"time"

	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

// outcome is what callers may see of a fault at the most. A better one is as good.
type outcome string

// The outcomes, from the best on. Whatever the outcome, no answer is wrong, nothing that was acknowledged is lost,
// nothing is left over, and everything works again soon enough after the end of the fault, without a restart.
const (
	served   outcome = "served"   // no request fails
	creation outcome = "creation" // only requests that create a key may fail
	refused  outcome = "refused"  // requests may fail with a retryable error while it lasts
	operator outcome = "operator" // the same until the operator's word; C_Login is called once for the fault
)

func (o outcome) excuses(total, creations int) bool {
	switch o {
	case served:
		return total == 0
	case creation:
		return total == creations
	default:
		return true
	}
}

// kind is what befalls a function.
type kind string

const (
	failsOnce     kind = "one error"
	fails         kind = "error until cleared"
	losesReply    kind = "lost reply"
	isLate        kind = "late"
	hangs         kind = "hang"
	untilReleased      = 2 * deadline
)

// kinds, with how long callers run into each once it is met, and its beginning. One error is CKR_DEVICE_ERROR; the
// lasting one is CKR_GENERAL_ERROR, which from C_Decrypt also means a refused ciphertext.
var kinds = []struct {
	kind   kind
	during time.Duration
	begin  func(f faultp11.Faults, fn faultp11.Function)
}{
	{failsOnce, 50 * time.Millisecond, func(f faultp11.Faults, fn faultp11.Function) { f.Fail(fn, pkcs11.CKR_DEVICE_ERROR, 1) }},
	{fails, time.Second, func(f faultp11.Faults, fn faultp11.Function) { f.Fail(fn, pkcs11.CKR_GENERAL_ERROR, 0) }},
	{losesReply, 50 * time.Millisecond, func(f faultp11.Faults, fn faultp11.Function) { f.LostReply(fn, pkcs11.CKR_DEVICE_ERROR, 1) }},
	{isLate, 2 * deadline, func(f faultp11.Faults, fn faultp11.Function) { f.Delay(fn, 2*deadline) }},
	{hangs, untilReleased, func(f faultp11.Faults, fn faultp11.Function) { f.Hang(fn, 0) }},
}

// use is what Keyhold calls a function for, from which follows whom its faults may reach.
type use string

const (
	requests use = "requests" // each one, and the proof that the token lives
	births   use = "births"   // of keys, and the recovery
	recovery use = "recovery" // nothing but the recovery, which a reboot or a dead library provokes
)

// expectations by use, in the order of kinds. A recovery that is disturbed takes longer than requests wait.
var expectations = map[use][]outcome{
	requests: {served, refused, served, refused, refused},
	births:   {creation, creation, creation, creation, creation},
	recovery: {refused, refused, refused, refused, refused},
}

// function is a row of the matrix.
type function struct {
	fn      faultp11.Function
	use     use
	provoke func(s *site) // has the function called at all; nil: it is called all the time
	logins  []uint64      // C_Login calls at the most, in the order of kinds; nil: one for each fault
	but     map[kind]outcome
}

// waited are the disturbances of a recovery that requests wait for.
var waited = map[kind]outcome{failsOnce: creation, losesReply: creation}

func reboot(s *site) { s.slot.KillSessions() }

// failEncrypts has sessions closed: after an error of the device they are not trusted any more.
func failEncrypts(s *site) { s.Fail(faultp11.Encrypt, pkcs11.CKR_DEVICE_ERROR, 3) }
func deadLibrary(s *site)  { s.Kill(pkcs11.CKR_DEVICE_ERROR, faultp11.DeadUntilInitialized) }

// functions are all that a server calls after its start; TestNoFunctionIsMissing compares them with a real run.
var functions = []function{
	{fn: faultp11.EncryptInit, use: requests},
	{fn: faultp11.Encrypt, use: requests},
	{fn: faultp11.DecryptInit, use: requests},
	{fn: faultp11.Decrypt, use: requests},
	{fn: faultp11.SignInit, use: requests},
	{fn: faultp11.Sign, use: requests},
	{fn: faultp11.GenerateRandom, use: requests},
	{fn: faultp11.GetSessionInfo, use: requests},
	{fn: faultp11.GetAttributeValue, use: requests},
	{fn: faultp11.FindObjectsInit, use: births},
	{fn: faultp11.FindObjects, use: births},
	{fn: faultp11.FindObjectsFinal, use: births},
	{fn: faultp11.GenerateKey, use: births},
	{fn: faultp11.WrapKey, use: births},
	{fn: faultp11.DestroyObject, use: births},
	// The sessions that cannot be closed are left behind.
	{fn: faultp11.CloseSession, use: requests, provoke: failEncrypts, but: map[kind]outcome{fails: served}},
	{fn: faultp11.OpenSession, use: recovery, provoke: reboot, but: waited},
	{fn: faultp11.GetTokenInfo, use: recovery, provoke: reboot, but: waited},
	// A C_Login that the device fails, other than by refusing the PIN, is called again after a growing pause.
	{fn: faultp11.Login, use: recovery, provoke: reboot, logins: []uint64{2, 4, 2, 2, 2}},
	{fn: faultp11.Finalize, use: recovery, provoke: deadLibrary},
	{fn: faultp11.Initialize, use: recovery, provoke: deadLibrary},
	{fn: faultp11.GetSlotList, use: recovery, provoke: deadLibrary},
	{fn: faultp11.CreateObject, use: recovery, provoke: deadLibrary},
}

// phase is what the callers do when a fault of the whole token begins.
type phase string

const (
	underTraffic    phase = "under mixed traffic"
	whileIdle       phase = "while nobody calls"
	creatingKeys    phase = "while all create keys"
	whileRecovering phase = "again while it recovers"
)

// event is what befalls a whole token.
type event struct {
	name    string
	begin   func(s *site)
	end     func(s *site) // nil: nothing ends it but the recovery
	during  time.Duration
	phases  []phase
	expect  map[phase]outcome
	logins  uint64 // C_Login calls at the most, without the operator's; exactly, when they are refused
	refusal bool   // C_Login is refused until the end
}

var allPhases = []phase{underTraffic, whileIdle, creatingKeys, whileRecovering}

// briefly: requests wait for the recovery, and only keys whose birth was cut short are refused.
var briefly = map[phase]outcome{underTraffic: creation, whileIdle: served, creatingKeys: creation, whileRecovering: creation}

// lasting: it is longer than requests wait.
var lasting = map[phase]outcome{underTraffic: refused, whileIdle: refused, creatingKeys: refused}

var byOperator = map[phase]outcome{underTraffic: operator, whileIdle: operator, creatingKeys: operator}

func refuse(code uint, begin func(s *site)) func(s *site) {
	return func(s *site) {
		s.RefuseLogin(code, 0)
		begin(s)
	}
}

func clearAll(s *site) { s.Clear() }

func logOut(s *site) { s.slot.LogOut() }

var events = []event{
	{name: "sessions dead", begin: reboot, phases: allPhases, expect: briefly, logins: 1},
	{name: "logged out (find: OK, 0 objects)", begin: logOut, phases: allPhases, expect: briefly, logins: 1},
	{name: "token gone and back", begin: func(s *site) { s.slot.RemoveToken() }, end: func(s *site) { s.slot.ReturnToken() },
		during: 1500 * time.Millisecond, phases: []phase{underTraffic, whileIdle, creatingKeys}, expect: lasting, logins: 1},
	{name: "device dead and back", begin: func(s *site) { s.Kill(pkcs11.CKR_DEVICE_REMOVED, 0) }, end: clearAll,
		during: time.Second, phases: []phase{underTraffic, whileIdle}, expect: lasting, logins: 1},
	{name: "library dead until initialised anew", begin: deadLibrary, phases: []phase{underTraffic, whileIdle, creatingKeys},
		expect: map[phase]outcome{underTraffic: creation, whileIdle: served, creatingKeys: creation}, logins: 1},
	{name: "network link lost until initialised anew", begin: func(s *site) { s.slot.KillSessions(); s.LoseLink() },
		phases: []phase{underTraffic}, expect: briefly, logins: 1},
	{name: "everything hangs", begin: func(s *site) { s.Hang(faultp11.AnyFunction, 0) }, end: clearAll,
		during: 2 * deadline, phases: []phase{underTraffic, whileIdle}, expect: lasting, logins: 1},
	{name: "login refused (PIN incorrect) after a reboot", begin: refuse(pkcs11.CKR_PIN_INCORRECT, reboot), end: clearAll,
		during: 1500 * time.Millisecond, phases: []phase{underTraffic, whileIdle, creatingKeys}, expect: byOperator, logins: 1, refusal: true},
	{name: "login refused (PIN incorrect) after a logout", begin: refuse(pkcs11.CKR_PIN_INCORRECT, logOut), end: clearAll,
		during: 1500 * time.Millisecond, phases: []phase{underTraffic, whileIdle}, expect: byOperator, logins: 1, refusal: true},
	// The token says that its PIN is locked, so C_Login is not even called.
	{name: "login refused (PIN locked) after a dead library", begin: refuse(pkcs11.CKR_PIN_LOCKED, deadLibrary), end: clearAll,
		during: 1500 * time.Millisecond, phases: []phase{underTraffic}, expect: byOperator, refusal: true},
}

// cell is one fault of the matrix, with its outcome stated beforehand.
type cell struct {
	subject string // function or event
	variant string // kind or phase
	group   string // cells of one group share a process, and so the life of a module
	expect  outcome
	logins  uint64
	short   bool // part of the short form

	begin   func(s *site)
	met     func(s *site) bool // nil: at once
	end     func(s *site)      // nil: nothing is ended
	during  time.Duration
	phase   phase
	refusal bool
}

func (c cell) name() string { return c.subject + ": " + c.variant }

// short are the cells of the short form: every kind, every use, every event that leaves the library initialised.
var short = []string{
	"C_Encrypt: one error", "C_Encrypt: hang", "C_EncryptInit: lost reply", "C_Decrypt: error until cleared", "C_Sign: late",
	"C_GenerateKey: one error", "C_GenerateKey: lost reply", "C_GenerateKey: hang", "C_DestroyObject: lost reply",
	"C_FindObjects: error until cleared", "C_Login: one error", "C_Initialize: one error", "C_OpenSession: late",
	"sessions dead: under mixed traffic", "sessions dead: while all create keys", "sessions dead: again while it recovers",
	"logged out (find: OK, 0 objects): under mixed traffic", "logged out (find: OK, 0 objects): while nobody calls",
	"token gone and back: under mixed traffic", "library dead until initialised anew: under mixed traffic",
	"login refused (PIN incorrect) after a reboot: under mixed traffic",
}

// matrix is every cell, in the order of the document.
func matrix() []cell {
	var cells []cell
	for _, f := range functions {
		for i, k := range kinds {
			c := cell{
				subject: f.fn.String(), variant: string(k.kind), group: f.fn.String(), expect: expectations[f.use][i],
				logins: 1, during: k.during, end: clearAll, phase: underTraffic,
			}
			if better, ok := f.but[k.kind]; ok {
				c.expect = better
			}
			if f.logins != nil {
				c.logins = f.logins[i]
			}
			before := uint64(0)
			c.begin = func(s *site) {
				before = s.Calls(f.fn)
				k.begin(s.Faults, f.fn)
				if f.provoke != nil {
					f.provoke(s)
				}
			}
			c.met = func(s *site) bool { return s.Calls(f.fn) > before }
			cells = append(cells, c)
		}
	}
	for _, e := range events {
		for _, p := range e.phases {
			c := cell{
				subject: e.name, variant: string(p), group: e.name, expect: e.expect[p], logins: e.logins, refusal: e.refusal,
				begin: e.begin, end: e.end, during: e.during, phase: p,
			}
			if p == whileRecovering {
				c.logins *= 2
			}
			cells = append(cells, c)
		}
	}
	for i := range cells {
		cells[i].short = slices.Contains(short, cells[i].name())
	}
	return cells
}
