// The calls about the library, its slots, sessions and login that are ours to change.
#include "shim.h"

#include <stdlib.h>
#include <string.h>

rv_t our_C_Initialize(void *args)
{
	struct page *p = current_page();
	rv_t rv = real->C_Initialize(args);
	if (rv != CKR_OK)
		return rv;
	attached_in_use(true);
	shift_handles();
	p->initialised++;
	p->link_lost = 0;
	if (p->dead_flags & DEAD_UNTIL_INITIALIZED)
		p->dead_rv = 0;
	return CKR_OK;
}

rv_t our_C_Finalize(void *reserved)
{
	struct page *p = current_page();
	rv_t rv = real->C_Finalize(reserved);
	if (rv != CKR_OK)
		return rv;
	attached_in_use(false);
	sessions_drop(ALL_SLOTS, false);
	p->sessions = 0;
	p->finalised++;
	return CKR_OK;
}

static void put_manufacturer(byte_t out[32])
{
	struct page *p = current_page();
	uint64_t words[4];
	for (int i = 0; i < 4; i++)
		words[i] = p->manufacturer[i];
	if (words[0] != 0)
		memcpy(out, words, sizeof(words));
}

rv_t our_C_GetInfo(info_t *info)
{
	rv_t rv = real->C_GetInfo(info);
	if (rv == CKR_OK)
		put_manufacturer(info->manufacturer);
	return rv;
}

static bool is_gone(ulong_t slot)
{
	struct page *p = current_page();
	for (uint64_t i = 0; i < p->slots_used && i < SLOTS; i++)
		if (p->slots[i].id == slot && p->slots[i].gone)
			return true;
	return false;
}

// present_slots lists into memory of its own, which the caller frees.
static rv_t present_slots(ulong_t **slots, ulong_t *count)
{
	rv_t rv = real->C_GetSlotList(1, NULL, count);
	if (rv != CKR_OK)
		return rv;
	if ((*slots = calloc(*count + 1, sizeof(**slots))) == NULL)
		return CKR_HOST_MEMORY;
	if ((rv = real->C_GetSlotList(1, *slots, count)) != CKR_OK)
		return rv;
	ulong_t kept = 0;
	for (ulong_t i = 0; i < *count; i++)
		if (!is_gone((*slots)[i]))
			(*slots)[kept++] = (*slots)[i];
	*count = kept;
	return CKR_OK;
}

// give_list answers in the two ways of PKCS #11: the number alone, or the list where there is room for it.
static rv_t give_list(const ulong_t *list, ulong_t n, ulong_t *out, ulong_t *room)
{
	ulong_t had = *room;
	*room = n;
	if (out == NULL)
		return CKR_OK;
	if (had < n)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(out, list, n * sizeof(*list));
	return CKR_OK;
}

rv_t our_C_GetSlotList(byte_t present, ulong_t *slots, ulong_t *count)
{
	if (!present || count == NULL)
		return real->C_GetSlotList(present, slots, count);
	ulong_t *list = NULL, n = 0;
	rv_t rv = present_slots(&list, &n);
	if (rv == CKR_OK)
		rv = give_list(list, n, slots, count);
	free(list);
	return rv;
}

rv_t our_C_GetSlotInfo(ulong_t slot, slot_info_t *info)
{
	rv_t rv = real->C_GetSlotInfo(slot, info);
	if (rv != CKR_OK)
		return rv;
	put_manufacturer(info->manufacturer);
	if (is_gone(slot))
		info->flags = (info->flags & ~(ulong_t)CKF_TOKEN_PRESENT) | CKF_REMOVABLE_DEVICE;
	return CKR_OK;
}

rv_t our_C_GetTokenInfo(ulong_t slot, token_info_t *info)
{
	struct page *p = current_page();
	rv_t rv = real->C_GetTokenInfo(slot, info);
	if (rv != CKR_OK)
		return rv;
	put_manufacturer(info->manufacturer);
	if (p->login_rv == CKR_PIN_LOCKED && p->login_left != 0)
		info->flags |= CKF_USER_PIN_LOCKED;
	return CKR_OK;
}

// mode_mechanisms is the mode's own list in place of the real module's.
static rv_t mode_mechanisms(ulong_t slot, ulong_t **list, ulong_t *count)
{
	rv_t rv = real->C_GetMechanismList(slot, NULL, count);
	if (rv != CKR_OK)
		return rv;
	if ((*list = calloc(*count + MORE_MECHANISMS, sizeof(**list))) == NULL)
		return CKR_HOST_MEMORY;
	if ((rv = real->C_GetMechanismList(slot, *list, count)) == CKR_OK)
		*count = rename_mechanisms(*list, *count);
	return rv;
}

rv_t our_C_GetMechanismList(ulong_t slot, ulong_t *mechanisms, ulong_t *count)
{
	if (mode() == MODE_TRANSPARENT || count == NULL)
		return real->C_GetMechanismList(slot, mechanisms, count);
	ulong_t *list = NULL, n = 0;
	rv_t rv = mode_mechanisms(slot, &list, &n);
	if (rv == CKR_OK)
		rv = give_list(list, n, mechanisms, count);
	free(list);
	return rv;
}

rv_t our_C_GetMechanismInfo(ulong_t slot, ulong_t mechanism, void *info)
{
	rv_t rv = translate_mechanism(&mechanism);
	return rv != CKR_OK ? rv : real->C_GetMechanismInfo(slot, mechanism, info);
}

// CloudHSM has no read-only sessions and at most 1,024 of an application (AWS CloudHSM user guide, PKCS #11 library).
rv_t our_C_OpenSession(ulong_t slot, ulong_t flags, void *app, void *notify, ulong_t *s)
{
	struct page *p = current_page();
	uint64_t limit = limit_of(&p->max_sessions, mode() == MODE_CLOUDHSM ? 1024 : FOREVER);
	if (mode() == MODE_CLOUDHSM && !(flags & CKF_RW_SESSION))
		return CKR_FUNCTION_FAILED;
	if (p->sessions++ >= limit) {
		p->sessions--;
		return CKR_SESSION_COUNT;
	}
	rv_t rv = real->C_OpenSession(slot, flags, app, notify, s);
	if (rv == CKR_OK && !session_add(*s, slot)) {
		real->C_CloseSession(*s);
		rv = CKR_HOST_MEMORY;
	}
	if (rv != CKR_OK)
		p->sessions--;
	return rv;
}

rv_t our_C_CloseSession(ulong_t s)
{
	rv_t rv = real->C_CloseSession(s);
	if (rv != CKR_OK && rv != CKR_SESSION_HANDLE_INVALID)
		return rv;
	session_forget(s);
	if (rv == CKR_OK)
		current_page()->sessions--;
	return rv;
}

rv_t our_C_CloseAllSessions(ulong_t slot)
{
	rv_t rv = real->C_CloseAllSessions(slot);
	if (rv == CKR_OK) {
		sessions_drop(slot, false);
		current_page()->sessions = session_count();
	}
	return rv;
}

// CloudHSM's PIN names the crypto user: user:password. The real token knows the password.
rv_t our_C_Login(ulong_t s, ulong_t user, byte_t *pin, ulong_t len)
{
	if (mode() == MODE_CLOUDHSM && user == CKU_USER) {
		byte_t *colon = pin == NULL ? NULL : memchr(pin, ':', len);
		if (colon == NULL)
			return CKR_PIN_INCORRECT;
		len -= (ulong_t)(colon + 1 - pin);
		pin = colon + 1;
	}
	rv_t rv = real->C_Login(s, user, pin, len);
	if (rv == CKR_OK)
		current_page()->logged_in++;
	return rv;
}
