package hsm

import (
	"github.com/miekg/pkcs11"
)

// sameView proves that the hot layer and miekg/pkcs11 speak to one instance of the library with one layout of its
// structures: what can be asked both ways must give the same answers.
func (t *Token) sameView(s *session) error {
	if err := sameSizes(); err != nil {
		return err
	}
	for _, compare := range []func(*session) error{t.sameLibrary, t.sameSessionInfo, t.sameMechanism} {
		if err := compare(s); err != nil {
			return err
		}
	}
	return nil
}

// sameSizes compares CK_ULONG, and a structure of three, as both packages were compiled.
func sameSizes() error {
	if got := len(pkcs11.NewAttribute(pkcs11.CKA_CLASS, uint(1)).Value); got != ulongSize {
		return untrusted("CK_ULONG has %d octets in one layer and %d in the other: the program is built wrongly", got, ulongSize)
	}
	if got := len(pkcs11.NewPSSParams(1, 1, 1)); got != 3*ulongSize {
		return untrusted("structures are packed in one layer and not in the other: the program is built wrongly")
	}
	return nil
}

func (t *Token) sameLibrary(*session) error {
	theirs, err := t.mod.p11.GetInfo()
	if err != nil {
		return failed("C_GetInfo", err)
	}
	ours, err := t.mod.hot.info()
	if err != nil {
		return err
	}
	want := libraryInfo{
		manufacturer: theirs.ManufacturerID, description: theirs.LibraryDescription, flags: theirs.Flags,
		cryptoki: [2]byte{theirs.CryptokiVersion.Major, theirs.CryptokiVersion.Minor},
		library:  [2]byte{theirs.LibraryVersion.Major, theirs.LibraryVersion.Minor},
	}
	if ours != want {
		return untrusted("C_GetInfo answers %+v to one layer and %+v to the other", want, ours)
	}
	return nil
}

// sameSessionInfo also proves that a session opened through miekg/pkcs11 exists for the hot layer: a second copy of
// the library would not know it.
func (t *Token) sameSessionInfo(s *session) error {
	theirs, err := t.mod.p11.GetSessionInfo(s.handle)
	if err != nil {
		return failed("C_GetSessionInfo", err)
	}
	ours, err := t.mod.hot.sessionInfo(uint(s.handle))
	if err != nil {
		return err
	}
	if want := (sessionInfo{theirs.SlotID, theirs.State, theirs.Flags, theirs.DeviceError}); ours != want {
		return untrusted("C_GetSessionInfo answers %+v to one layer and %+v to the other", want, ours)
	}
	return nil
}

func (t *Token) sameMechanism(*session) error {
	m := uint(t.cipher.Mechanism)
	theirs, err := t.mod.p11.GetMechanismInfo(t.slot(), []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)})
	if err != nil {
		return failed("C_GetMechanismInfo", err)
	}
	ours, err := t.mod.hot.mechanismInfo(t.slot(), m)
	if err != nil {
		return err
	}
	if want := (mechanismInfo{theirs.MinKeySize, theirs.MaxKeySize, theirs.Flags}); ours != want {
		return untrusted("C_GetMechanismInfo answers %+v to one layer and %+v to the other", want, ours)
	}
	return nil
}
