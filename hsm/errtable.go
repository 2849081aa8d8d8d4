package hsm

import (
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// Codes that miekg/pkcs11 does not name: PKCS #11 2.40 errata and 3.0.
const (
	ckrBufferTooSmall    = pkcs11.CKR_BUFFER_TOO_SMALL
	ckrActionProhibited  = 0x1B
	ckrAEADDecryptFailed = 0x42
	ckrRejectedByPolicy  = 0x1B9
	ckrResourceExceeded  = 0x201
)

// answer is an answer of one function.
type answer struct {
	function string
	code     uint
}

// classByAnswer holds the answers whose meaning depends on who gave them (measured on SoftHSM 2.6.1, NSS 3.87
// and openCryptoki 3.8).
var classByAnswer = map[answer]Class{
	// SoftHSM has one code for a bad tag and for a dead device.
	{"C_Decrypt", pkcs11.CKR_GENERAL_ERROR}:   ClassAmbiguous,
	{"C_Decrypt", pkcs11.CKR_FUNCTION_FAILED}: ClassAmbiguous,
	{"C_Decrypt", pkcs11.CKR_DATA_LEN_RANGE}:  ClassData, // NSS: too short
	{"C_Decrypt", pkcs11.CKR_DATA_INVALID}:    ClassData,
	// SoftHSM on a full disk.
	{"C_GenerateKey", pkcs11.CKR_FUNCTION_FAILED}:  ClassCapacity,
	{"C_CreateObject", pkcs11.CKR_FUNCTION_FAILED}: ClassCapacity,
	// SoftHSM's word for an empty PIN.
	{"C_Login", pkcs11.CKR_ARGUMENTS_BAD}: ClassPIN,
}

// classByCode holds the answers that mean the same from every function. What is in neither table is ClassDevice.
var classByCode = map[uint]Class{
	pkcs11.CKR_ENCRYPTED_DATA_INVALID:   ClassData,
	pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE: ClassData,
	ckrAEADDecryptFailed:                ClassData,
	pkcs11.CKR_WRAPPED_KEY_INVALID:      ClassData,
	pkcs11.CKR_WRAPPED_KEY_LEN_RANGE:    ClassData,
	pkcs11.CKR_SIGNATURE_INVALID:        ClassData,
	pkcs11.CKR_SIGNATURE_LEN_RANGE:      ClassData,

	// The last two are what a key that is destroyed meanwhile answers.
	pkcs11.CKR_OBJECT_HANDLE_INVALID:       ClassStale,
	pkcs11.CKR_KEY_HANDLE_INVALID:          ClassStale,
	pkcs11.CKR_WRAPPING_KEY_HANDLE_INVALID: ClassStale,
	pkcs11.CKR_KEY_TYPE_INCONSISTENT:       ClassStale,
	pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED:  ClassStale,

	pkcs11.CKR_SESSION_HANDLE_INVALID:    ClassSession,
	pkcs11.CKR_SESSION_CLOSED:            ClassSession,
	pkcs11.CKR_OPERATION_ACTIVE:          ClassSession,
	pkcs11.CKR_OPERATION_NOT_INITIALIZED: ClassSession,

	pkcs11.CKR_USER_NOT_LOGGED_IN: ClassLogin,

	pkcs11.CKR_PIN_INCORRECT:            ClassPIN,
	pkcs11.CKR_PIN_INVALID:              ClassPIN,
	pkcs11.CKR_PIN_LEN_RANGE:            ClassPIN,
	pkcs11.CKR_PIN_EXPIRED:              ClassPIN,
	pkcs11.CKR_PIN_LOCKED:               ClassPIN,
	pkcs11.CKR_USER_PIN_NOT_INITIALIZED: ClassPIN,
	pkcs11.CKR_USER_TYPE_INVALID:        ClassPIN,

	pkcs11.CKR_GENERAL_ERROR:            ClassDevice,
	pkcs11.CKR_FUNCTION_FAILED:          ClassDevice,
	pkcs11.CKR_DEVICE_ERROR:             ClassDevice,
	pkcs11.CKR_DEVICE_REMOVED:           ClassDevice,
	pkcs11.CKR_TOKEN_NOT_PRESENT:        ClassDevice,
	pkcs11.CKR_TOKEN_NOT_RECOGNIZED:     ClassDevice,
	pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED: ClassDevice,
	pkcs11.CKR_SLOT_ID_INVALID:          ClassDevice,
	pkcs11.CKR_BUFFER_TOO_SMALL:         ClassDevice,

	pkcs11.CKR_HOST_MEMORY:   ClassCapacity,
	pkcs11.CKR_DEVICE_MEMORY: ClassCapacity,
	pkcs11.CKR_SESSION_COUNT: ClassCapacity,
	ckrResourceExceeded:      ClassCapacity,

	pkcs11.CKR_FUNCTION_NOT_SUPPORTED:  ClassUnsupported,
	pkcs11.CKR_MECHANISM_INVALID:       ClassUnsupported,
	pkcs11.CKR_MECHANISM_PARAM_INVALID: ClassUnsupported,
	pkcs11.CKR_KEY_SIZE_RANGE:          ClassUnsupported,

	pkcs11.CKR_ARGUMENTS_BAD:           ClassArgument,
	pkcs11.CKR_ATTRIBUTE_READ_ONLY:     ClassArgument,
	pkcs11.CKR_ATTRIBUTE_SENSITIVE:     ClassArgument,
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID:  ClassArgument,
	pkcs11.CKR_ATTRIBUTE_VALUE_INVALID: ClassArgument,
	pkcs11.CKR_TEMPLATE_INCOMPLETE:     ClassArgument,
	pkcs11.CKR_TEMPLATE_INCONSISTENT:   ClassArgument,
	pkcs11.CKR_DATA_INVALID:            ClassArgument,
	pkcs11.CKR_DATA_LEN_RANGE:          ClassArgument,
	pkcs11.CKR_KEY_UNEXTRACTABLE:       ClassArgument,
	pkcs11.CKR_KEY_NOT_WRAPPABLE:       ClassArgument,
	ckrActionProhibited:                ClassArgument,
}

func classOf(function string, code uint) Class {
	if class, ok := classByAnswer[answer{function, code}]; ok {
		return class
	}
	if class, ok := classByCode[code]; ok {
		return class
	}
	return ClassDevice
}

// extraNames are the codes of PKCS #11 2.40 errata and 3.0 that miekg/pkcs11 does not know.
var extraNames = map[uint]string{
	ckrActionProhibited:  "CKR_ACTION_PROHIBITED",
	ckrAEADDecryptFailed: "CKR_AEAD_DECRYPT_FAILED",
	ckrRejectedByPolicy:  "CKR_FUNCTION_REJECTED_BY_POLICY",
	ckrResourceExceeded:  "CKR_TOKEN_RESOURCE_EXCEEDED",
	0x202:                "CKR_OPERATION_CANCEL_FAILED",
	0x203:                "CKR_KEY_EXHAUSTED",
}

const ckrVendorDefined = 0x80000000

// CodeName is the name of a CK_RV, as "CKR_PIN_INCORRECT"; a code of the vendor's range is "CKR_VENDOR_DEFINED+0x21".
func CodeName(code uint) string {
	if name, ok := extraNames[code]; ok {
		return name
	}
	// miekg/pkcs11 has the table of names, and shows it only in "pkcs11: 0x5: CKR_GENERAL_ERROR".
	text := pkcs11.Error(code).Error()
	if name := text[strings.LastIndexByte(text, ' ')+1:]; name != "" {
		return name
	}
	if code >= ckrVendorDefined {
		return fmt.Sprintf("CKR_VENDOR_DEFINED+0x%X", code-ckrVendorDefined)
	}
	return "unknown code"
}
