// The types and numbers of PKCS #11 2.40 (OASIS, Cryptographic Token Interface Base Specification, sections 3 and 5;
// Current Mechanisms, 2.12.3 for GCM) that the module touches, written from the specification. Structures that it only
// hands on are void. Every integer of the interface is an unsigned long; off Windows nothing is packed.
#ifndef FAULTP11_P11_H
#define FAULTP11_P11_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned long ulong_t;
typedef unsigned char byte_t;
typedef ulong_t rv_t;

typedef struct {
	byte_t major, minor;
} version_t;

typedef struct {
	ulong_t mechanism;
	void *parameter;
	ulong_t parameter_len;
} mechanism_t;

typedef struct {
	byte_t *iv;
	ulong_t iv_len;
	ulong_t iv_bits;
	byte_t *aad;
	ulong_t aad_len;
	ulong_t tag_bits;
} gcm_params_t;

typedef struct {
	ulong_t type;
	void *value;
	ulong_t len;
} attribute_t;

typedef struct {
	version_t cryptoki;
	byte_t manufacturer[32];
	ulong_t flags;
	byte_t description[32];
	version_t library;
} info_t;

typedef struct {
	byte_t description[64];
	byte_t manufacturer[32];
	ulong_t flags;
	version_t hardware, firmware;
} slot_info_t;

// The end of CK_TOKEN_INFO is left out: only what stands before it is touched.
typedef struct {
	byte_t label[32];
	byte_t manufacturer[32];
	byte_t model[16];
	byte_t serial[16];
	ulong_t flags;
} token_info_t;

_Static_assert(sizeof(ulong_t) == sizeof(void *), "CK_ULONG is as wide as a pointer on the supported systems");
_Static_assert(sizeof(gcm_params_t) == 6 * sizeof(ulong_t), "CK_GCM_PARAMS has six words");
_Static_assert(offsetof(token_info_t, flags) == 96, "CK_TOKEN_INFO.flags follows four texts");

enum {
	CKR_OK = 0,
	CKR_HOST_MEMORY = 0x2,
	CKR_GENERAL_ERROR = 0x5,
	CKR_FUNCTION_FAILED = 0x6,
	CKR_ARGUMENTS_BAD = 0x7,
	CKR_ATTRIBUTE_TYPE_INVALID = 0x12,
	CKR_ATTRIBUTE_VALUE_INVALID = 0x13,
	CKR_DATA_LEN_RANGE = 0x21,
	CKR_DEVICE_REMOVED = 0x32,
	CKR_ENCRYPTED_DATA_LEN_RANGE = 0x41,
	CKR_FUNCTION_NOT_SUPPORTED = 0x54,
	CKR_MECHANISM_INVALID = 0x70,
	CKR_MECHANISM_PARAM_INVALID = 0x71,
	CKR_OPERATION_ACTIVE = 0x90,
	CKR_PIN_INCORRECT = 0xA0,
	CKR_PIN_LOCKED = 0xA4,
	CKR_SESSION_COUNT = 0xB1,
	CKR_SESSION_HANDLE_INVALID = 0xB3,
	CKR_TOKEN_NOT_PRESENT = 0xE0,
	CKR_USER_NOT_LOGGED_IN = 0x101,
	CKR_BUFFER_TOO_SMALL = 0x150,
	CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,

	CKF_TOKEN_PRESENT = 0x1,
	CKF_RW_SESSION = 0x2,
	CKF_REMOVABLE_DEVICE = 0x2,
	CKF_USER_PIN_LOCKED = 0x40000,

	CKU_USER = 1,

	CKA_PRIVATE = 0x2,
	CKA_MODIFIABLE = 0x170,
	CKA_COPYABLE = 0x171,
};

// Mechanisms and attributes beyond the range of an int, which is all that an enumeration holds.
#define CKM_SHA_1_HMAC 0x221UL
#define CKM_SHA256_HMAC 0x251UL
#define CKM_SHA224_HMAC 0x256UL
#define CKM_SHA384_HMAC 0x261UL
#define CKM_SHA512_HMAC 0x271UL
#define CKM_AES_GCM 0x1087UL
#define CKM_AES_KEY_WRAP 0x2109UL
#define CKM_AES_KEY_WRAP_PAD 0x210AUL
#define CKM_AES_KEY_WRAP_KWP 0x210BUL
#define CKM_LUNA_AES_KW 0x80000170UL
#define CKM_LUNA_AES_KWP 0x80000171UL
#define CKM_CLOUDHSM_AES_GCM 0x80001087UL
#define CKM_CLOUDHSM_AES_KEY_WRAP_NO_PAD 0x80002109UL
#define CKM_CLOUDHSM_AES_KEY_WRAP_ZERO_PAD 0x8000216FUL
#define CKA_ALLOWED_MECHANISMS 0x40000600UL

#endif
