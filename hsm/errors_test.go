package hsm_test

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

func TestAnswersAreClassedByFunctionAndCode(t *testing.T) {
	for _, test := range []struct {
		function string
		code     uint
		class    hsm.Class
		is       error
		text     string
	}{
		{"C_Decrypt", pkcs11.CKR_ENCRYPTED_DATA_INVALID, hsm.ClassData, device.ErrInvalidData, "C_Decrypt: CKR_ENCRYPTED_DATA_INVALID (0x40)"},
		{"C_Decrypt", pkcs11.CKR_DATA_LEN_RANGE, hsm.ClassData, device.ErrInvalidData, "C_Decrypt: CKR_DATA_LEN_RANGE (0x21)"},
		{"C_Encrypt", pkcs11.CKR_DATA_LEN_RANGE, hsm.ClassArgument, device.ErrUnsupported, "C_Encrypt: CKR_DATA_LEN_RANGE (0x21)"},
		{"C_Decrypt", pkcs11.CKR_GENERAL_ERROR, hsm.ClassAmbiguous, device.ErrUnavailable, "C_Decrypt: CKR_GENERAL_ERROR (0x5)"},
		{"C_Decrypt", pkcs11.CKR_FUNCTION_FAILED, hsm.ClassAmbiguous, device.ErrUnavailable, "C_Decrypt: CKR_FUNCTION_FAILED (0x6)"},
		{"C_DecryptInit", pkcs11.CKR_GENERAL_ERROR, hsm.ClassDevice, device.ErrUnavailable, "C_DecryptInit: CKR_GENERAL_ERROR (0x5)"},
		{"C_EncryptInit", pkcs11.CKR_KEY_HANDLE_INVALID, hsm.ClassStale, device.ErrUnavailable, "C_EncryptInit: CKR_KEY_HANDLE_INVALID (0x60)"},
		{"C_EncryptInit", pkcs11.CKR_OBJECT_HANDLE_INVALID, hsm.ClassStale, device.ErrUnavailable, "C_EncryptInit: CKR_OBJECT_HANDLE_INVALID (0x82)"},
		{"C_Sign", pkcs11.CKR_SESSION_HANDLE_INVALID, hsm.ClassSession, device.ErrUnavailable, "C_Sign: CKR_SESSION_HANDLE_INVALID (0xB3)"},
		{"C_EncryptInit", pkcs11.CKR_OPERATION_ACTIVE, hsm.ClassSession, device.ErrUnavailable, "C_EncryptInit: CKR_OPERATION_ACTIVE (0x90)"},
		{"C_GenerateKey", pkcs11.CKR_USER_NOT_LOGGED_IN, hsm.ClassLogin, device.ErrUnavailable, "C_GenerateKey: CKR_USER_NOT_LOGGED_IN (0x101)"},
		{"C_Login", pkcs11.CKR_PIN_INCORRECT, hsm.ClassPIN, device.ErrLogin, "C_Login: CKR_PIN_INCORRECT (0xA0)"},
		{"C_Login", pkcs11.CKR_PIN_LOCKED, hsm.ClassPIN, device.ErrLogin, "C_Login: CKR_PIN_LOCKED (0xA4)"},
		{"C_Login", pkcs11.CKR_ARGUMENTS_BAD, hsm.ClassPIN, device.ErrLogin, "C_Login: CKR_ARGUMENTS_BAD (0x7)"},
		{"C_Login", pkcs11.CKR_GENERAL_ERROR, hsm.ClassDevice, device.ErrUnavailable, "C_Login: CKR_GENERAL_ERROR (0x5)"},
		{"C_GenerateKey", pkcs11.CKR_FUNCTION_FAILED, hsm.ClassCapacity, device.ErrCapacity, "C_GenerateKey: CKR_FUNCTION_FAILED (0x6)"},
		{"C_GenerateKey", pkcs11.CKR_DEVICE_MEMORY, hsm.ClassCapacity, device.ErrCapacity, "C_GenerateKey: CKR_DEVICE_MEMORY (0x31)"},
		{"C_OpenSession", pkcs11.CKR_SESSION_COUNT, hsm.ClassCapacity, device.ErrBusy, "C_OpenSession: CKR_SESSION_COUNT (0xB1)"},
		{"C_EncryptInit", pkcs11.CKR_MECHANISM_INVALID, hsm.ClassUnsupported, device.ErrUnsupported, "C_EncryptInit: CKR_MECHANISM_INVALID (0x70)"},
		{"C_SetAttributeValue", 0x1B, hsm.ClassArgument, device.ErrUnsupported, "C_SetAttributeValue: CKR_ACTION_PROHIBITED (0x1B)"},
		{"C_Encrypt", pkcs11.CKR_DEVICE_ERROR, hsm.ClassDevice, device.ErrUnavailable, "C_Encrypt: CKR_DEVICE_ERROR (0x30)"},
		{"C_Encrypt", 0x80000021, hsm.ClassDevice, device.ErrUnavailable, "C_Encrypt: CKR_VENDOR_DEFINED+0x21 (0x80000021)"},
		{"C_Encrypt", 0x7777, hsm.ClassDevice, device.ErrUnavailable, "C_Encrypt: unknown code (0x7777)"},
	} {
		err := hsm.NewError(test.function, test.code)
		if err.Class != test.class || !errors.Is(err, test.is) || err.Error() != test.text {
			t.Errorf("%s 0x%X: class %d, %q; want class %d, %v, %q", test.function, test.code, err.Class, err, test.class, test.is, test.text)
		}
	}
}

func TestAProfileIsRecognisedByItsManufacturer(t *testing.T) {
	for _, test := range []struct {
		name          string
		manufacturers []string
		want          string
	}{
		{"", []string{"SoftHSM", "SoftHSM project"}, "softhsm2"},
		{"", []string{"Somebody", "Else"}, "generic"},
		{"generic", []string{"SoftHSM"}, "generic"},
	} {
		got, err := hsm.ChooseProfile(test.name, test.manufacturers...)
		if err != nil || got != test.want {
			t.Errorf("%q %q: %q, %v; want %q", test.name, test.manufacturers, got, err, test.want)
		}
	}
}
