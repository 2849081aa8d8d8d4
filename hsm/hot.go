package hsm

/*
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "hot_pkcs11.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"
)

// hot is the thin layer for the calls of every request. It dlopens the library that miekg/pkcs11 has loaded, by the
// same resolved path, which gives the same instance. One crossing does Init and operation, into the caller's buffer:
// miekg makes two module calls for each operation and leaks the output buffer of each failed decryption, which an
// attacker can drive (miekg/pkcs11 v1.1.2).
//
// A session given to any method must not be used by anybody else meanwhile: libraries crash on that (measured
// on SoftHSM 2.6.1).
type hot struct {
	list    *C.hot_function_list
	library unsafe.Pointer
}

// direction is which way a GCM operation goes.
type direction int

const (
	encrypting direction = 0
	decrypting direction = 1
)

// openHot loads the library. The error says what is wrong with it; it carries no class.
func openHot(path string) (*hot, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	lib := C.hot_open(name)
	if lib.list != nil {
		return &hot{list: lib.list, library: lib.library}, nil
	}
	problem := C.GoString(lib.problem)
	C.hot_close(lib.library)
	return nil, errors.New(problem)
}

func (h *hot) close() { C.hot_close(h.library) }

// gcm runs AES-GCM with a tag of 128 bits from in to out and returns how much of out was written. A token that makes
// the IV may write it into iv. out must be long enough: an output buffer that is too small leaves the operation
// active, and costs the session.
func (h *hot) gcm(dir direction, session, mechanism, key uint, p gcmBuffers) (int, error) {
	r := C.hot_gcm(h.list, C.int(dir), C.hot_ulong(session), C.hot_ulong(mechanism), C.hot_ulong(key),
		ptr(p.iv), C.hot_ulong(len(p.iv)), ptr(p.aad), C.hot_ulong(len(p.aad)),
		nonNil(p.in), C.hot_ulong(len(p.in)), ptr(p.out), C.hot_ulong(len(p.out)))
	if dir == encrypting {
		return outcome(r, len(p.out), "C_EncryptInit", "C_Encrypt")
	}
	return outcome(r, len(p.out), "C_DecryptInit", "C_Decrypt")
}

// gcmBuffers are the memory of one GCM operation, all of it Go's.
type gcmBuffers struct{ iv, aad, in, out []byte }

// sign runs C_SignInit and C_Sign with a mechanism that has no parameter, from in to out.
func (h *hot) sign(session, mechanism, key uint, in, out []byte) (int, error) {
	r := C.hot_sign(h.list, C.hot_ulong(session), C.hot_ulong(mechanism), C.hot_ulong(key),
		nonNil(in), C.hot_ulong(len(in)), ptr(out), C.hot_ulong(len(out)))
	return outcome(r, len(out), "C_SignInit", "C_Sign")
}

// wrap runs C_WrapKey once, into out: miekg/pkcs11 asks for the size first, which does the work twice and is answered
// with too little by NSS. parameter is the mechanism's, without pointers in it; nil: none.
func (h *hot) wrap(session, mechanism uint, parameter []byte, wrapper, key uint, out []byte) (int, error) {
	r := C.hot_wrap(h.list, C.hot_ulong(session), C.hot_ulong(mechanism), unsafe.Pointer(unsafe.SliceData(parameter)), C.hot_ulong(len(parameter)),
		C.hot_ulong(wrapper), C.hot_ulong(key), ptr(out), C.hot_ulong(len(out)))
	return outcome(r, len(out), "C_WrapKey", "C_WrapKey")
}

func outcome(r C.hot_result, room int, initCall, opCall string) (int, error) {
	if r.rv != 0 && r.stage == 0 {
		return 0, newError(initCall, uint(r.rv))
	}
	if r.rv != 0 {
		return 0, newError(opCall, uint(r.rv))
	}
	if uint(r.len) > uint(room) {
		return 0, newError(opCall, ckrBufferTooSmall)
	}
	return int(r.len), nil
}

// random fills p by C_GenerateRandom.
func (h *hot) random(session uint, p []byte) error {
	return check("C_GenerateRandom", C.hot_random(h.list, C.hot_ulong(session), ptr(p), C.hot_ulong(len(p))))
}

// login is C_Login with a PIN that never becomes a Go string, so that its owner can wipe it.
func (h *hot) login(session, user uint, pin []byte) error {
	return check("C_Login", C.hot_login(h.list, C.hot_ulong(session), C.hot_ulong(user), ptr(pin), C.hot_ulong(len(pin))))
}

// sessionInfo is CK_SESSION_INFO.
type sessionInfo struct{ slot, state, flags, deviceError uint }

func (h *hot) sessionInfo(session uint) (sessionInfo, error) {
	var i C.hot_session_info
	err := check("C_GetSessionInfo", C.hot_get_session_info(h.list, C.hot_ulong(session), &i))
	return sessionInfo{uint(i.slot), uint(i.state), uint(i.flags), uint(i.device_error)}, err
}

// mechanismInfo is CK_MECHANISM_INFO.
type mechanismInfo struct{ minKey, maxKey, flags uint }

func (h *hot) mechanismInfo(slot, mechanism uint) (mechanismInfo, error) {
	var i C.hot_mechanism_info
	err := check("C_GetMechanismInfo", C.hot_get_mechanism_info(h.list, C.hot_ulong(slot), C.hot_ulong(mechanism), &i))
	return mechanismInfo{uint(i.min_key), uint(i.max_key), uint(i.flags)}, err
}

// libraryInfo is the part of CK_INFO that is compared.
type libraryInfo struct {
	manufacturer, description string
	cryptoki, library         [2]byte
	flags                     uint
}

func (h *hot) info() (libraryInfo, error) {
	var i C.hot_info
	err := check("C_GetInfo", C.hot_get_info(h.list, &i))
	return libraryInfo{
		manufacturer: padded(i.manufacturer[:]),
		description:  padded(i.description[:]),
		cryptoki:     [2]byte{byte(i.cryptoki.major), byte(i.cryptoki.minor)},
		library:      [2]byte{byte(i.library.major), byte(i.library.minor)},
		flags:        uint(i.flags),
	}, err
}

// ulongSize is the size in octets of CK_ULONG as this layer was compiled.
const ulongSize = C.sizeof_hot_ulong

// cString copies s to C memory, where a library may keep it for as long as it is initialised.
func cString(s string) unsafe.Pointer { return unsafe.Pointer(C.CString(s)) }

func check(function string, rv C.hot_ulong) error {
	if rv == 0 {
		return nil
	}
	return newError(function, uint(rv))
}

// padded reads a blank-padded character array, trimmed as miekg/pkcs11 trims it.
func padded(field []C.uchar) string {
	b := make([]byte, len(field))
	for i, c := range field {
		b[i] = byte(c)
	}
	return strings.TrimRight(string(b), " ")
}

func ptr(b []byte) *C.uchar { return (*C.uchar)(unsafe.SliceData(b)) }

var noOctets [1]byte

// nonNil is ptr for inputs of no octets, where some libraries answer a NULL pointer with CKR_ARGUMENTS_BAD.
func nonNil(b []byte) *C.uchar {
	if len(b) == 0 {
		return (*C.uchar)(unsafe.Pointer(&noOctets[0]))
	}
	return ptr(b)
}
