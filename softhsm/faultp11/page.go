package faultp11

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync/atomic"
	"unsafe"
)

// What follows is module/control.h once more, word for word; layoutNumbers is layout_numbers of module/attach.c.

const (
	pageMagic   = 0x3131507475416C46
	pageVersion = 1
	pageSize    = 65536

	functionCount = int(AnyFunction)
	slotCount     = 8
	ruleCount     = 16
	traceCount    = 512
	layoutCount   = 16

	// forever in a count means: until it is cleared.
	forever = ^uint64(0)
)

type word = atomic.Uint64

type fault struct {
	rv, left           word
	afterRV, afterLeft word
	delay              word // microseconds
	hangLeft, released word
	calls              word
}

type faultTable [functionCount + 1]fault

type slotControl struct {
	id, gone, removals, epoch, logouts word
	spare                              [3]word
}

type rule struct{ attribute, allowed, rv, spare word }

type record struct{ seq, what, rv, session word }

type page struct {
	magic, version word
	wanted, actual [layoutCount]word
	pid            word

	mode, maxSessions, maxMessage, maxHMAC word
	manufacturer                           [4]word

	deadRV, deadFlags        word
	epoch, logouts, linkLost word
	loginRV, loginLeft       word

	initialised, finalised, loggedIn   word
	inFlight, hung, hungEver, sessions word
	finalisedInUse, sharedSessions     word

	slotsUsed, rulesSet, traced word
	rules                       [ruleCount]rule
	slots                       [slotCount]slotControl
	_                           [padding]byte
	faults                      [1 + slotCount]faultTable
	trace                       [traceCount]record
}

// padding begins the faults on a cache line, as the C compiler does.
const (
	beforeFaults = (2+2*layoutCount+1+8+7+9+3)*8 + ruleCount*32 + slotCount*64
	padding      = (64 - beforeFaults%64) % 64
)

func layoutNumbers() [layoutCount]uint64 {
	var p page
	names := fnv.New64a()
	for _, name := range functionNames {
		names.Write([]byte(name + "\n"))
	}
	return [layoutCount]uint64{
		uint64(unsafe.Sizeof(p)), uint64(unsafe.Offsetof(p.mode)), uint64(unsafe.Offsetof(p.deadRV)),
		uint64(unsafe.Offsetof(p.initialised)), uint64(unsafe.Offsetof(p.traced)), uint64(unsafe.Offsetof(p.rules)),
		uint64(unsafe.Offsetof(p.slots)), uint64(unsafe.Offsetof(p.faults)), uint64(unsafe.Offsetof(p.trace)),
		uint64(unsafe.Sizeof(fault{})), uint64(unsafe.Sizeof(slotControl{})), uint64(unsafe.Sizeof(rule{})), uint64(unsafe.Sizeof(record{})),
		uint64(functionCount), slotCount*1000000 + ruleCount*10000 + traceCount, names.Sum64(),
	}
}

// check compares one side's numbers with ours.
func (p *page) check(theirs []word) error {
	if p.magic.Load() != pageMagic || p.version.Load() != pageVersion {
		return errors.New("it is not a control page of this version")
	}
	got := make([]uint64, len(theirs))
	for i := range theirs {
		got[i] = theirs[i].Load()
	}
	if want := layoutNumbers(); !slices.Equal(got, want[:]) {
		return fmt.Errorf("the module's layout is %d and this package's is %d; build both from the same sources", got, want)
	}
	return nil
}
