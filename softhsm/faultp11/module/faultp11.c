// A PKCS #11 module that stands in front of another one and fails on command: for tests and game days. It exports
// C_GetFunctionList alone. Every other function passes through begin, which counts the call and consults the control
// page, then through the real module or one of our changes to it, and through end.
#include "shim.h"

#define BY_NOTHING ABOUT_NOTHING, 0
#define BY_SLOT(id) ABOUT_SLOT, id
#define BY_SESSION(id) ABOUT_SESSION, id
#define IN(object) to_real(object)
#define REAL_CALL(name) real->name
#define OURS_CALL(name) our_##name

#define FUNCTION(name, lock, how, about, params, args)           \
	static rv_t entry_##name params                          \
	{                                                        \
		struct call c = {FN_##name, lock, about};        \
		if (begin(&c))                                   \
			c.rv = how##_CALL(name) args;            \
		return end(&c);                                  \
	}
#define LISTING(name) static rv_t entry_##name(struct function_list **list);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include "functions.h"
#pragma GCC diagnostic pop
#undef FUNCTION
#undef LISTING

#define FUNCTION(name, lock, how, about, params, args) entry_##name,
#define LISTING(name) entry_##name,
static struct function_list entries = {
	{2, 40},
#include "functions.h"
};
#undef FUNCTION
#undef LISTING

// The list is given out before anything is loaded: applications set the environment between loading a module and
// initialising it.
static rv_t entry_C_GetFunctionList(struct function_list **list)
{
	if (list == NULL)
		return CKR_ARGUMENTS_BAD;
	*list = &entries;
	return CKR_OK;
}

__attribute__((visibility("default"))) rv_t C_GetFunctionList(struct function_list **list)
{
	return entry_C_GetFunctionList(list);
}
