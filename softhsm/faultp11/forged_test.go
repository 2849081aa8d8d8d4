package faultp11_test

import (
	"encoding/binary"
	"runtime"
	"unsafe"
)

// forged is a CK_GCM_PARAMS made by hand. Its IV is pinned memory of Go, since the structure is only octets to cgo.
type forged struct {
	bytes  []byte
	pinner *runtime.Pinner
}

func (f forged) free() { f.pinner.Unpin() }

func forgedGCMParams(iv []byte, ivBits uint64) forged {
	f := forged{pinner: new(runtime.Pinner)}
	address := unsafe.SliceData(iv)
	f.pinner.Pin(address)
	for _, word := range []uint64{uint64(uintptr(unsafe.Pointer(address))), uint64(len(iv)), ivBits, 0, 0, 128} {
		f.bytes = binary.NativeEndian.AppendUint64(f.bytes, word)
	}
	return f
}
