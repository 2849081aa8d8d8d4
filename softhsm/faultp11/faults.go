package faultp11

import (
	"time"
)

// Faults are what befalls single functions, of all slots (Control) or of one (Slot). A fault of AnyFunction befalls
// every function but C_Initialize and C_Finalize, which must be named. A code is a CKR_ number; 0 (CKR_OK) is no fault. A
// count is how many calls are affected; 0 is all of them until Clear.
//
// The length question of miekg/pkcs11 (C_Encrypt and others are called twice) is a call like any other.
type Faults struct {
	rows *faultTable
}

// Fail has fn answer rv without reaching the real module.
func (f Faults) Fail(fn Function, rv uint, count uint64) {
	row := &f.rows[fn]
	row.left.Store(0)
	row.rv.Store(uint64(rv))
	row.left.Store(times(rv, count))
}

// LostReply has fn do its work in the real module and answer rv all the same.
func (f Faults) LostReply(fn Function, rv uint, count uint64) {
	row := &f.rows[fn]
	row.afterLeft.Store(0)
	row.afterRV.Store(uint64(rv))
	row.afterLeft.Store(times(rv, count))
}

func times(rv uint, count uint64) uint64 {
	switch {
	case rv == 0:
		return 0
	case count == 0:
		return forever
	default:
		return count
	}
}

// Delay has fn wait that long before anything else; 0 ends it, also for calls that are waiting.
func (f Faults) Delay(fn Function, d time.Duration) {
	f.rows[fn].delay.Store(uint64(d.Microseconds()))
}

// Hang has fn wait until Release. What happened meanwhile, say a reboot, meets the call afterwards.
func (f Faults) Hang(fn Function, count uint64) {
	if count == 0 {
		count = forever
	}
	f.rows[fn].hangLeft.Store(count)
}

// Release lets the calls that hang in fn go on, and no further one hang.
func (f Faults) Release(fn Function) {
	f.rows[fn].hangLeft.Store(0)
	f.rows[fn].released.Add(1)
}

// Clear ends every fault of these functions and releases what hangs.
func (f Faults) Clear() {
	for i := range f.rows {
		fn := Function(i)
		f.Fail(fn, 0, 0)
		f.LostReply(fn, 0, 0)
		f.Delay(fn, 0)
		f.Release(fn)
	}
}

// Calls is how often fn was called, faults included. AnyFunction counts all but C_Initialize and C_Finalize.
func (f Faults) Calls(fn Function) uint64 { return f.rows[fn].calls.Load() }

// ForgetCalls sets the counts of calls to 0.
func (f Faults) ForgetCalls() {
	for i := range f.rows {
		f.rows[i].calls.Store(0)
	}
}
