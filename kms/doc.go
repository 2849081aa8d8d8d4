// Package kms is the core of Keyhold: it owns the one pipeline that every operation goes through, and the life of
// keys. It is pure (no cgo, no SQL, no HTTP) and declares what it needs from outside as two interfaces, Store and
// Device, and one log.
package kms
