package kmstest

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
)

// TestDevice is the contract of kms.Device. It opens the device once, makes keys of its own under fresh ids and
// destroys them again, and touches nothing else, so that it may be run on a token in use. It takes about four
// seconds on a token in software, one with -short.
func TestDevice(t *testing.T, open func(t *testing.T) kms.Device) {
	d := open(t)
	for _, c := range deviceContract {
		t.Run(c.name, func(t *testing.T) { c.test(t, d) })
	}
}

var deviceContract = []struct {
	name string
	test func(t *testing.T, d kms.Device)
}{
	{"random octets fill exactly what they are asked for", testRandomFills},
	{"random octets differ from call to call", testRandomDiffers},

	{"a generated key passes its read-back", testBirth},
	{"a key is untrusted for another purpose", testCheckPurpose},
	{"an id in use is refused and its key stays", testIDInUse},
	{"an id that eight births want is given once", testIDRace},
	{"eight births at once all succeed", testBirthsAtOnce},
	{"a key that was never made is not found", testMissingKey},
	{"a destroyed key is gone and may be destroyed again", testDestroy},
	{"destroying a key leaves the others alone", testDestroyOne},
	{"an id born again is another key", testRebirth},

	{"what is sealed opens again", testRoundTrip},
	{"an IV is never used twice", testFreshIV},
	{"sealing or opening without AAD is refused", testNeedsAAD},
	{"the buffers of the caller are left alone", testBuffers},
	{"a forged ciphertext is invalid data and the key works afterwards", testForgeries},

	{"a MAC depends on its key and message alone", testMAC},
	{"a MAC key does not encrypt and a wrap key does not authenticate", testPurposes},

	{"a guard is asked and may let the call pass", testGuardPasses},
	{"a guard's error comes back unchanged and nothing is done", testGuardRefuses},
	{"an unknown key is unknown behind a guard too", testGuardMissingKey},

	{"the inventory shows our keys as they were made", testInventory},
	{"a whole key is not debris", testDebris},

	{"a cancelled call ends at once with the context's error", testCancelled},
	{"a call cancelled half-way leaves the device usable", testCancelledHalfWay},
	{"sixteen goroutines get right answers only", testConcurrency},
}
