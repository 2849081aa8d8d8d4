// The few types and positions of PKCS #11 2.40 (OASIS, Cryptographic Token Interface Base Specification, sections 3.1
// to 3.6 and 5; Current Mechanisms, CK_GCM_PARAMS) that the hot calls need, under our own names. Every
// integer of the interface is an unsigned long and, off Windows, structures are laid out as the compiler likes.
#ifndef KEYHOLD_HOT_PKCS11_H
#define KEYHOLD_HOT_PKCS11_H

#include <stddef.h>

typedef unsigned long hot_ulong;

typedef struct {
	unsigned char major, minor;
} hot_version;

typedef struct {
	hot_ulong mechanism;
	void *parameter;
	hot_ulong parameter_len;
} hot_mechanism;

typedef struct {
	unsigned char *iv;
	hot_ulong iv_len;
	hot_ulong iv_bits;
	unsigned char *aad;
	hot_ulong aad_len;
	hot_ulong tag_bits;
} hot_gcm_params;

typedef struct {
	hot_ulong slot, state, flags, device_error;
} hot_session_info;

typedef struct {
	hot_ulong min_key, max_key, flags;
} hot_mechanism_info;

typedef struct {
	hot_version cryptoki;
	unsigned char manufacturer[32];
	hot_ulong flags;
	unsigned char description[32];
	hot_version library;
} hot_info;

// The functions' places in CK_FUNCTION_LIST, counted from 0 after the version.
enum {
	HOT_GET_INFO = 2,
	HOT_GET_MECHANISM_INFO = 8,
	HOT_GET_SESSION_INFO = 15,
	HOT_LOGIN = 18,
	HOT_ENCRYPT_INIT = 29,
	HOT_ENCRYPT = 30,
	HOT_DECRYPT_INIT = 33,
	HOT_DECRYPT = 34,
	HOT_SIGN_INIT = 42,
	HOT_SIGN = 43,
	HOT_WRAP_KEY = 60,
	HOT_GENERATE_RANDOM = 64,
	HOT_FUNCTIONS = 68
};

typedef struct {
	hot_version version;
	void (*function[HOT_FUNCTIONS])(void);
} hot_function_list;

// The result of an operation of two calls: stage is 0 when the Init call answered rv, 1 when the second one did.
typedef struct {
	hot_ulong rv;
	hot_ulong len;
	int stage;
} hot_result;

typedef struct {
	hot_function_list *list;
	void *library;
	const char *problem; // set when list is not; dlerror's text or our own, to be copied at once
	hot_ulong rv;
} hot_library;

hot_library hot_open(const char *path);
void hot_close(void *library);

hot_ulong hot_get_info(hot_function_list *f, hot_info *out);
hot_ulong hot_get_mechanism_info(hot_function_list *f, hot_ulong slot, hot_ulong mechanism, hot_mechanism_info *out);
hot_ulong hot_get_session_info(hot_function_list *f, hot_ulong session, hot_session_info *out);
hot_ulong hot_login(hot_function_list *f, hot_ulong session, hot_ulong user, unsigned char *pin, hot_ulong pin_len);
hot_ulong hot_random(hot_function_list *f, hot_ulong session, unsigned char *out, hot_ulong len);

hot_result hot_gcm(hot_function_list *f, int decrypt, hot_ulong session, hot_ulong mechanism, hot_ulong key,
		   unsigned char *iv, hot_ulong iv_len, unsigned char *aad, hot_ulong aad_len,
		   unsigned char *in, hot_ulong in_len, unsigned char *out, hot_ulong out_len);
hot_result hot_sign(hot_function_list *f, hot_ulong session, hot_ulong mechanism, hot_ulong key,
		    unsigned char *in, hot_ulong in_len, unsigned char *out, hot_ulong out_len);
hot_result hot_wrap(hot_function_list *f, hot_ulong session, hot_ulong mechanism, void *parameter, hot_ulong parameter_len,
		    hot_ulong wrapper, hot_ulong key, unsigned char *out, hot_ulong out_len);

#endif
