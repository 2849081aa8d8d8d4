#include "hot_pkcs11.h"

#include <dlfcn.h>
#include <string.h>

// CK_GCM_PARAMS and CK_FUNCTION_LIST cannot be seen through miekg/pkcs11, so their layout is fixed here; what can be
// compared at run time is compared in hotcheck.go.
_Static_assert(sizeof(hot_ulong) == sizeof(void *), "CK_ULONG is as wide as a pointer on the supported systems");
_Static_assert(sizeof(hot_gcm_params) == 6 * sizeof(hot_ulong), "CK_GCM_PARAMS has six words");
_Static_assert(offsetof(hot_gcm_params, tag_bits) == 5 * sizeof(hot_ulong), "ulTagBits is the last word");
_Static_assert(sizeof(hot_mechanism) == 3 * sizeof(hot_ulong), "CK_MECHANISM has three words");
_Static_assert(offsetof(hot_function_list, function) == sizeof(void *), "functions begin at the second word");
_Static_assert(sizeof(hot_function_list) == (1 + HOT_FUNCTIONS) * sizeof(void *), "CK_FUNCTION_LIST of 2.40");

typedef hot_ulong (*get_function_list_fn)(hot_function_list **);
typedef hot_ulong (*get_info_fn)(hot_info *);
typedef hot_ulong (*get_mechanism_info_fn)(hot_ulong, hot_ulong, hot_mechanism_info *);
typedef hot_ulong (*get_session_info_fn)(hot_ulong, hot_session_info *);
typedef hot_ulong (*login_fn)(hot_ulong, hot_ulong, unsigned char *, hot_ulong);
typedef hot_ulong (*init_fn)(hot_ulong, hot_mechanism *, hot_ulong);
typedef hot_ulong (*transform_fn)(hot_ulong, unsigned char *, hot_ulong, unsigned char *, hot_ulong *);
typedef hot_ulong (*wrap_fn)(hot_ulong, hot_mechanism *, hot_ulong, hot_ulong, unsigned char *, hot_ulong *);
typedef hot_ulong (*random_fn)(hot_ulong, unsigned char *, hot_ulong);

static const int needed[] = {
	HOT_GET_INFO, HOT_GET_MECHANISM_INFO, HOT_GET_SESSION_INFO, HOT_LOGIN, HOT_ENCRYPT_INIT, HOT_ENCRYPT,
	HOT_DECRYPT_INIT, HOT_DECRYPT, HOT_SIGN_INIT, HOT_SIGN, HOT_WRAP_KEY, HOT_GENERATE_RANDOM,
};

static const char *incomplete(const hot_function_list *f)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (f->function[needed[i]] == NULL)
			return "its function list lacks a function that every PKCS #11 2.40 library must have";
	return NULL;
}

hot_library hot_open(const char *path)
{
	hot_library lib = {0};
	lib.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib.library == NULL) {
		lib.problem = dlerror();
		return lib;
	}
	get_function_list_fn get = (get_function_list_fn)dlsym(lib.library, "C_GetFunctionList");
	if (get == NULL) {
		lib.problem = "it has no C_GetFunctionList, so it is not a PKCS #11 library";
		return lib;
	}
	hot_function_list *list = NULL;
	lib.rv = get(&list);
	if (lib.rv != 0 || list == NULL)
		lib.problem = "C_GetFunctionList gave no function list";
	else if ((lib.problem = incomplete(list)) == NULL)
		lib.list = list;
	return lib;
}

void hot_close(void *library)
{
	if (library != NULL)
		dlclose(library);
}

hot_ulong hot_get_info(hot_function_list *f, hot_info *out)
{
	return ((get_info_fn)f->function[HOT_GET_INFO])(out);
}

hot_ulong hot_get_mechanism_info(hot_function_list *f, hot_ulong slot, hot_ulong mechanism, hot_mechanism_info *out)
{
	return ((get_mechanism_info_fn)f->function[HOT_GET_MECHANISM_INFO])(slot, mechanism, out);
}

hot_ulong hot_get_session_info(hot_function_list *f, hot_ulong session, hot_session_info *out)
{
	return ((get_session_info_fn)f->function[HOT_GET_SESSION_INFO])(session, out);
}

hot_ulong hot_login(hot_function_list *f, hot_ulong session, hot_ulong user, unsigned char *pin, hot_ulong pin_len)
{
	return ((login_fn)f->function[HOT_LOGIN])(session, user, pin, pin_len);
}

hot_ulong hot_random(hot_function_list *f, hot_ulong session, unsigned char *out, hot_ulong len)
{
	return ((random_fn)f->function[HOT_GENERATE_RANDOM])(session, out, len);
}

// An Init and the call that ends the operation. Only the caller's buffers are used, so nothing is left to free or to
// wipe on any path.
static hot_result two_calls(hot_function_list *f, int init, int op, hot_ulong session, hot_mechanism *m,
			    hot_ulong key, unsigned char *in, hot_ulong in_len, unsigned char *out, hot_ulong out_len)
{
	hot_result r = {0};
	r.rv = ((init_fn)f->function[init])(session, m, key);
	if (r.rv != 0)
		return r;
	r.stage = 1;
	r.len = out_len;
	r.rv = ((transform_fn)f->function[op])(session, in, in_len, out, &r.len);
	return r;
}

hot_result hot_gcm(hot_function_list *f, int decrypt, hot_ulong session, hot_ulong mechanism, hot_ulong key,
		   unsigned char *iv, hot_ulong iv_len, unsigned char *aad, hot_ulong aad_len,
		   unsigned char *in, hot_ulong in_len, unsigned char *out, hot_ulong out_len)
{
	hot_gcm_params p = {iv, iv_len, iv_len * 8, aad, aad_len, 128};
	hot_mechanism m = {mechanism, &p, sizeof(p)};
	hot_result r = decrypt ?
		two_calls(f, HOT_DECRYPT_INIT, HOT_DECRYPT, session, &m, key, in, in_len, out, out_len) :
		two_calls(f, HOT_ENCRYPT_INIT, HOT_ENCRYPT, session, &m, key, in, in_len, out, out_len);
	return r;
}

hot_result hot_sign(hot_function_list *f, hot_ulong session, hot_ulong mechanism, hot_ulong key,
		    unsigned char *in, hot_ulong in_len, unsigned char *out, hot_ulong out_len)
{
	hot_mechanism m = {mechanism, NULL, 0};
	return two_calls(f, HOT_SIGN_INIT, HOT_SIGN, session, &m, key, in, in_len, out, out_len);
}

hot_result hot_wrap(hot_function_list *f, hot_ulong session, hot_ulong mechanism, void *parameter, hot_ulong parameter_len,
		    hot_ulong wrapper, hot_ulong key, unsigned char *out, hot_ulong out_len)
{
	hot_mechanism m = {mechanism, parameter, parameter_len};
	hot_result r = {0};
	r.len = out_len;
	r.rv = ((wrap_fn)f->function[HOT_WRAP_KEY])(session, &m, wrapper, key, out, &r.len);
	return r;
}
