// What vendors call things, and what they refuse: mechanism numbers, object handles, attribute templates.
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

// A mechanism by the mode's number. What has no meaning is hidden: calls with it are refused, and so are calls with the
// real module's number for it.
struct alias {
	int mode;
	ulong_t vendor, meaning;
};

// CloudHSM: SDK 5 took the standard key wrap numbers away; ZERO_PAD is RFC 5649, which SoftHSM calls KEY_WRAP_PAD.
// Luna: the numbers of its SDK; 0x210A means something else there than in SoftHSM.
static const struct alias aliases[] = {
	{MODE_CLOUDHSM, CKM_CLOUDHSM_AES_GCM, CKM_AES_GCM},
	{MODE_CLOUDHSM, CKM_CLOUDHSM_AES_KEY_WRAP_NO_PAD, CKM_AES_KEY_WRAP},
	{MODE_CLOUDHSM, CKM_CLOUDHSM_AES_KEY_WRAP_ZERO_PAD, CKM_AES_KEY_WRAP_PAD},
	{MODE_CLOUDHSM, CKM_AES_KEY_WRAP, 0},
	{MODE_CLOUDHSM, CKM_AES_KEY_WRAP_PAD, 0},
	{MODE_CLOUDHSM, CKM_AES_KEY_WRAP_KWP, 0},
	{MODE_LUNA, CKM_LUNA_AES_KW, CKM_AES_KEY_WRAP},
	{MODE_LUNA, CKM_LUNA_AES_KWP, CKM_AES_KEY_WRAP_PAD},
	{MODE_LUNA, CKM_AES_KEY_WRAP_PAD, 0},
};

enum { ALIASES = sizeof(aliases) / sizeof(aliases[0]) };
_Static_assert((int)ALIASES <= (int)MORE_MECHANISMS, "a list of mechanisms has room for every alias");

static const struct alias *alias_of(ulong_t mechanism)
{
	for (int i = 0; i < ALIASES; i++)
		if (aliases[i].mode == mode() && aliases[i].vendor == mechanism)
			return &aliases[i];
	return NULL;
}

// translate_mechanism turns the mode's number into the real module's.
rv_t translate_mechanism(ulong_t *mechanism)
{
	const struct alias *a = alias_of(*mechanism);
	if (a == NULL)
		return CKR_OK;
	if (a->meaning == 0)
		return CKR_MECHANISM_INVALID;
	*mechanism = a->meaning;
	return CKR_OK;
}

static bool holds(const ulong_t *list, ulong_t n, ulong_t mechanism)
{
	for (ulong_t i = 0; i < n; i++)
		if (list[i] == mechanism)
			return true;
	return false;
}

// rename_mechanisms rewrites a list that has room for MORE_MECHANISMS more, and returns its new length.
ulong_t rename_mechanisms(ulong_t *list, ulong_t n)
{
	ulong_t more[ALIASES], m = 0, kept = 0;
	for (int i = 0; i < ALIASES; i++)
		if (aliases[i].mode == mode() && aliases[i].meaning != 0 && holds(list, n, aliases[i].meaning))
			more[m++] = aliases[i].vendor;
	for (ulong_t i = 0; i < n; i++) {
		const struct alias *a = alias_of(list[i]);
		if (a == NULL || a->meaning != 0)
			list[kept++] = list[i];
	}
	memcpy(list + kept, more, m * sizeof(*more));
	return kept + m;
}

// An application's object handle is the real one plus a shift. In CloudHSM's mode it differs after each C_Initialize,
// so that a handle that was kept, or stored, never works by luck.
static _Atomic ulong_t shift;

void shift_handles(void)
{
	uint32_t random = 0;
	if (mode() == MODE_CLOUDHSM)
		fill_random((byte_t *)&random, sizeof(random));
	shift = (ulong_t)random << 16;
}

ulong_t to_real(ulong_t object)
{
	if (object == 0 || shift == 0)
		return object;
	return object > shift ? object - shift : (ulong_t)-1;
}

void to_application(rv_t rv, ulong_t *object)
{
	if (rv == CKR_OK && object != NULL && *object != 0)
		*object += shift;
}

rv_t fill_random(byte_t *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom(out + done, len - done, 0);
		if (n < 0 && errno != EINTR)
			return CKR_FUNCTION_FAILED;
		done += n > 0 ? (size_t)n : 0;
	}
	return CKR_OK;
}

// CloudHSM takes PRIVATE and MODIFIABLE only with their defaults, and its table of attributes does not have COPYABLE
// and ALLOWED_MECHANISMS (AWS CloudHSM user guide, key attributes in the PKCS #11 library).
static const struct {
	ulong_t attribute;
	int allowed;
	rv_t rv;
} cloudhsm_rules[] = {
	{CKA_PRIVATE, ALLOW_TRUE, CKR_ATTRIBUTE_VALUE_INVALID},
	{CKA_MODIFIABLE, ALLOW_TRUE, CKR_ATTRIBUTE_TYPE_INVALID},
	{CKA_COPYABLE, ALLOW_NOTHING, CKR_ATTRIBUTE_TYPE_INVALID},
	{CKA_ALLOWED_MECHANISMS, ALLOW_NOTHING, CKR_ATTRIBUTE_TYPE_INVALID},
};

void default_rules(struct page *p)
{
	if (p->rules_set || mode() != MODE_CLOUDHSM)
		return;
	for (size_t i = 0; i < sizeof(cloudhsm_rules) / sizeof(cloudhsm_rules[0]); i++) {
		p->rules[i].attribute = cloudhsm_rules[i].attribute;
		p->rules[i].rv = cloudhsm_rules[i].rv;
		p->rules[i].allowed = (uint64_t)cloudhsm_rules[i].allowed;
	}
	p->rules_set = 1;
}

static bool allows(uint64_t allowed, const attribute_t *a)
{
	bool is_bool = a->value != NULL && a->len == 1;
	bool value = is_bool && *(byte_t *)a->value != 0;
	switch (allowed) {
	case ALLOW_TRUE:
		return is_bool && value;
	case ALLOW_FALSE:
		return is_bool && !value;
	case ALLOW_NOTHING:
		return false;
	default:
		return true;
	}
}

rv_t check_template(const attribute_t *t, ulong_t n)
{
	struct page *p = current_page();
	if (t == NULL)
		return CKR_OK;
	for (ulong_t i = 0; i < n; i++)
		for (int r = 0; r < RULES; r++)
			if (p->rules[r].allowed != ALLOW_ANYTHING && p->rules[r].attribute == t[i].type &&
			    !allows(p->rules[r].allowed, &t[i]))
				return p->rules[r].rv;
	return CKR_OK;
}

// The calls that make, copy, change and find objects.

rv_t our_C_CreateObject(ulong_t s, attribute_t *t, ulong_t n, ulong_t *object)
{
	rv_t rv = check_template(t, n);
	if (rv == CKR_OK)
		to_application(rv = real->C_CreateObject(s, t, n, object), object);
	return rv;
}

rv_t our_C_CopyObject(ulong_t s, ulong_t object, attribute_t *t, ulong_t n, ulong_t *copy)
{
	if (mode() == MODE_CLOUDHSM)
		return CKR_FUNCTION_NOT_SUPPORTED;
	rv_t rv = check_template(t, n);
	if (rv == CKR_OK)
		to_application(rv = real->C_CopyObject(s, object, t, n, copy), copy);
	return rv;
}

rv_t our_C_SetAttributeValue(ulong_t s, ulong_t object, attribute_t *t, ulong_t n)
{
	if (mode() == MODE_CLOUDHSM)
		return CKR_FUNCTION_NOT_SUPPORTED;
	return real->C_SetAttributeValue(s, object, t, n);
}

rv_t our_C_FindObjects(ulong_t s, ulong_t *objects, ulong_t max, ulong_t *n)
{
	rv_t rv = real->C_FindObjects(s, objects, max, n);
	for (ulong_t i = 0; rv == CKR_OK && i < *n; i++)
		to_application(rv, &objects[i]);
	return rv;
}

rv_t our_C_GenerateKey(ulong_t s, mechanism_t *m, attribute_t *t, ulong_t n, ulong_t *key)
{
	rv_t rv = check_template(t, n);
	if (rv == CKR_OK)
		to_application(rv = real->C_GenerateKey(s, m, t, n, key), key);
	return rv;
}

rv_t our_C_GenerateKeyPair(ulong_t s, mechanism_t *m, attribute_t *t, ulong_t n, attribute_t *pt, ulong_t pn, ulong_t *pub,
			   ulong_t *priv)
{
	rv_t rv = check_template(t, n);
	if (rv == CKR_OK)
		rv = check_template(pt, pn);
	if (rv != CKR_OK)
		return rv;
	rv = real->C_GenerateKeyPair(s, m, t, n, pt, pn, pub, priv);
	to_application(rv, pub);
	to_application(rv, priv);
	return rv;
}

// translated is a copy of a mechanism with the real module's number.
static rv_t translated(const mechanism_t *m, mechanism_t *out)
{
	if (m == NULL)
		return CKR_ARGUMENTS_BAD;
	*out = *m;
	return translate_mechanism(&out->mechanism);
}

rv_t our_C_WrapKey(ulong_t s, mechanism_t *m, ulong_t wrapper, ulong_t key, byte_t *out, ulong_t *out_len)
{
	mechanism_t own;
	rv_t rv = translated(m, &own);
	return rv != CKR_OK ? rv : real->C_WrapKey(s, &own, wrapper, key, out, out_len);
}

rv_t our_C_UnwrapKey(ulong_t s, mechanism_t *m, ulong_t wrapper, byte_t *in, ulong_t in_len, attribute_t *t, ulong_t n,
		     ulong_t *key)
{
	mechanism_t own;
	rv_t rv = translated(m, &own);
	if (rv == CKR_OK)
		rv = check_template(t, n);
	if (rv == CKR_OK)
		to_application(rv = real->C_UnwrapKey(s, &own, wrapper, in, in_len, t, n, key), key);
	return rv;
}

rv_t our_C_DeriveKey(ulong_t s, mechanism_t *m, ulong_t base, attribute_t *t, ulong_t n, ulong_t *key)
{
	rv_t rv = check_template(t, n);
	if (rv == CKR_OK)
		to_application(rv = real->C_DeriveKey(s, m, base, t, n, key), key);
	return rv;
}
