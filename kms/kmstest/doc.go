// Package kmstest is the test kit of the core: FakeDevice, a token in memory with real cryptography and faults on
// demand; TestDevice and TestStore, the contracts that every kms.Device and kms.Store must keep; and Clock, a time
// that only tests move.
package kmstest
