package hsm

import (
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// Class is what an answer of the token means for the caller and for the session that got it.
type Class int

// The classes. Only ClassData leaves the session fit for use; ClassAmbiguous never leaves the package.
const (
	ClassData        Class = iota + 1 // the token, being healthy, refused the ciphertext
	ClassAmbiguous                    // refused ciphertext or dead device: a canary decides
	ClassStale                        // the object handle is no longer good: find again
	ClassSession                      // the session is gone or busy: take another
	ClassLogin                        // nobody is logged in any more: log in again
	ClassPIN                          // the token refused the PIN: never retried
	ClassDevice                       // the token or the module is not usable now
	ClassCapacity                     // no room for another object or session
	ClassUnsupported                  // no such mechanism or function
	ClassArgument                     // the token does not accept what it was given
)

// Error is an answer other than CKR_OK. It wraps the device sentinel of its class, and holds no secret.
type Error struct {
	Function string // the PKCS #11 function, as "C_Decrypt"
	Code     uint   // CK_RV
	Class    Class
}

// Error is for example "C_Decrypt: CKR_GENERAL_ERROR (0x5)".
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (0x%X)", e.Function, CodeName(e.Code), e.Code)
}

// Unwrap is the device package's sentinel for the class.
func (e *Error) Unwrap() error {
	switch e.Class {
	case ClassData:
		return device.ErrInvalidData
	case ClassPIN:
		return device.ErrLogin
	case ClassUnsupported, ClassArgument:
		return device.ErrUnsupported
	case ClassCapacity:
		if e.Function == "C_OpenSession" {
			return device.ErrBusy
		}
		return device.ErrCapacity
	default:
		return device.ErrUnavailable
	}
}

// newError classes an answer.
func newError(function string, code uint) *Error {
	return &Error{Function: function, Code: code, Class: classOf(function, code)}
}

// failed turns an error of miekg/pkcs11 into ours; nil stays nil.
func failed(function string, err error) error {
	var rv pkcs11.Error
	if errors.As(err, &rv) {
		return newError(function, uint(rv))
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %w", function, device.ErrUnavailable, err)
	}
	return nil
}

// classIn is the class of the token's answer in err's chain, or 0.
func classIn(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return 0
}

// codeIn is the CK_RV in err's chain, or CKR_OK.
func codeIn(err error) uint {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return pkcs11.CKR_OK
}

// isOneOf tells whether err is a token's answer with one of the codes.
func isOneOf(err error, codes ...uint) bool {
	got := codeIn(err)
	for _, code := range codes {
		if err != nil && got == code {
			return true
		}
	}
	return false
}

func untrusted(format string, args ...any) error {
	return fmt.Errorf("%w: %s", device.ErrUntrusted, fmt.Sprintf(format, args...))
}

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", device.ErrUnavailable, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", device.ErrUnsupported, fmt.Sprintf(format, args...))
}
