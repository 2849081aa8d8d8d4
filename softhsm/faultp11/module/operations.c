// What vendors do differently in the middle of an operation: who makes the IV of AES-GCM and where it comes out, and
// how much data one call takes.
#include "shim.h"

#include <stdlib.h>
#include <string.h>

enum { CLOUDHSM_IV = 12, LUNA_IV = 16 };

// How much CloudHSM takes in one call (AWS CloudHSM user guide, mechanisms of the PKCS #11 library).
enum { CLOUDHSM_MESSAGE = 16224, CLOUDHSM_HMAC = 16288 };

enum style {
	LIMITED,   // only the length is looked at
	WRITTEN,   // CloudHSM: the IV is written back into the caller's CK_GCM_PARAMS
	PREPENDED, // CloudHSM's own mechanism: the IV stands in front of the ciphertext
	APPENDED,  // Luna in FIPS mode: the IV stands behind the tag
	WAITING,   // decrypting what has its IV in front: C_DecryptInit is made up for when the data come
};

struct operation {
	enum style style;
	bool single;      // not in parts
	uint64_t max;     // octets in one call
	rv_t too_long;
	byte_t iv[LUNA_IV];
	ulong_t iv_len, tag_len;
	byte_t *write_to; // the caller's IV
	ulong_t key;      // of a WAITING operation, as are the following
	ulong_t tag_bits, aad_len;
	byte_t aad[];
};

uint64_t limit_of(word_t *configured, uint64_t otherwise)
{
	uint64_t n = *configured;
	return n == 0 ? otherwise : n;
}

void operation_free(struct operation *op) { free(op); }

static struct operation *new_operation(enum style style, ulong_t aad_len)
{
	struct operation *op = calloc(1, sizeof(*op) + aad_len);
	if (op != NULL) {
		op->style = style;
		op->max = FOREVER;
		op->too_long = CKR_DATA_LEN_RANGE;
	}
	return op;
}

// terminate_operation ends the real module's operation by a call that cannot be only a question for the length.
void terminate_operation(ulong_t s, enum activity a)
{
	byte_t in[16] = {0}, out[4096];
	ulong_t len = sizeof(out);
	switch (a) {
	case ENCRYPTING:
		real->C_Encrypt(s, in, 1, out, &len);
		break;
	case DECRYPTING:
		real->C_Decrypt(s, in, sizeof(in), out, &len);
		break;
	case SIGNING:
		real->C_Sign(s, in, 1, out, &len);
		break;
	default:
		real->C_Verify(s, in, 1, in, sizeof(in));
		break;
	}
}

static rv_t give_up(ulong_t s, enum activity a, struct operation *op, rv_t rv)
{
	if (op->style != WAITING)
		terminate_operation(s, a);
	operation_free(op);
	return rv;
}

// Init

static bool all_zero(const byte_t *p, ulong_t n)
{
	for (ulong_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

// The IV as the mode wants it when encrypting: CloudHSM a buffer of 12 zeros ("Expect IV to be all 0"), its own
// mechanism and Luna none at all.
static bool iv_fits(enum style style, const gcm_params_t *p)
{
	if (style == WRITTEN)
		return p->iv != NULL && p->iv_len == CLOUDHSM_IV && all_zero(p->iv, p->iv_len);
	return p->iv == NULL && p->iv_len == 0;
}

// begin_operation calls an Init of the real module. If that succeeds, op is what the session is in the middle of; it may
// be NULL, where the mode changes nothing.
static rv_t begin_operation(ulong_t s, enum activity a, struct operation *op, mechanism_t *m, ulong_t key)
{
	rv_t rv;
	switch (a) {
	case ENCRYPTING:
		rv = real->C_EncryptInit(s, m, key);
		break;
	case DECRYPTING:
		rv = real->C_DecryptInit(s, m, key);
		break;
	case SIGNING:
		rv = real->C_SignInit(s, m, key);
		break;
	default:
		rv = real->C_VerifyInit(s, m, key);
		break;
	}
	if (rv == CKR_OK && current_session() != NULL)
		session_put(current_session(), a, op);
	else
		operation_free(op);
	return rv;
}

static rv_t begin_sealing(ulong_t s, enum style style, const gcm_params_t *asked, ulong_t key)
{
	if (!iv_fits(style, asked))
		return CKR_MECHANISM_PARAM_INVALID;
	struct operation *op = new_operation(style, 0);
	if (op == NULL)
		return CKR_HOST_MEMORY;
	op->iv_len = style == APPENDED ? LUNA_IV : CLOUDHSM_IV;
	op->tag_len = (asked->tag_bits + 7) / 8;
	op->write_to = asked->iv;
	if (style != APPENDED) {
		op->single = true;
		op->max = limit_of(&current_page()->max_message, CLOUDHSM_MESSAGE);
	}
	rv_t rv = fill_random(op->iv, op->iv_len);
	if (rv != CKR_OK) {
		operation_free(op);
		return rv;
	}
	gcm_params_t own = *asked;
	own.iv = op->iv;
	own.iv_len = op->iv_len;
	own.iv_bits = op->iv_len * 8;
	mechanism_t m = {CKM_AES_GCM, &own, sizeof(own)};
	return begin_operation(s, ENCRYPTING, op, &m, key);
}

// wait_for_iv keeps what C_DecryptInit was asked until the IV comes with the data. What is wrong with the key must be
// said now, so the real module begins and ends an operation.
static rv_t wait_for_iv(ulong_t s, const gcm_params_t *asked, ulong_t key)
{
	byte_t zero[CLOUDHSM_IV] = {0};
	gcm_params_t own = *asked;
	mechanism_t m = {CKM_AES_GCM, &own, sizeof(own)};
	struct operation *pending = session_take(current_session(), DECRYPTING);
	if (pending != NULL) {
		session_put(current_session(), DECRYPTING, pending);
		return CKR_OPERATION_ACTIVE;
	}
	if (asked->iv != NULL || asked->iv_len != 0)
		return CKR_MECHANISM_PARAM_INVALID;
	own.iv = zero;
	own.iv_len = sizeof(zero);
	own.iv_bits = sizeof(zero) * 8;
	rv_t rv = real->C_DecryptInit(s, &m, key);
	if (rv != CKR_OK)
		return rv;
	terminate_operation(s, DECRYPTING);
	struct operation *op = new_operation(WAITING, asked->aad_len);
	if (op == NULL)
		return CKR_HOST_MEMORY;
	op->single = true;
	op->key = key;
	op->tag_bits = asked->tag_bits;
	op->aad_len = asked->aad_len;
	if (asked->aad_len > 0)
		memcpy(op->aad, asked->aad, asked->aad_len);
	session_put(current_session(), DECRYPTING, op);
	return CKR_OK;
}

static rv_t begin_opening(ulong_t s, const gcm_params_t *asked, mechanism_t *m, ulong_t key)
{
	bool cloudhsm = mode() == MODE_CLOUDHSM;
	if (asked->iv == NULL || (cloudhsm && asked->iv_len != CLOUDHSM_IV))
		return CKR_MECHANISM_PARAM_INVALID;
	// Luna reads the length in bits as well.
	if (!cloudhsm && asked->iv_bits != asked->iv_len * 8)
		return CKR_MECHANISM_PARAM_INVALID;
	struct operation *op = new_operation(LIMITED, 0);
	if (op == NULL)
		return CKR_HOST_MEMORY;
	op->too_long = CKR_ENCRYPTED_DATA_LEN_RANGE;
	if (cloudhsm) {
		op->single = true;
		op->max = limit_of(&current_page()->max_message, CLOUDHSM_MESSAGE);
		if (op->max != FOREVER)
			op->max += asked->tag_bits / 8;
	}
	return begin_operation(s, DECRYPTING, op, m, key);
}

// is_our_gcm tells whether an Init is of AES-GCM in a mode that changes it.
static bool is_our_gcm(const mechanism_t *own)
{
	return mode() != MODE_TRANSPARENT && own->mechanism == CKM_AES_GCM;
}

static rv_t cipher_init(ulong_t s, enum activity a, mechanism_t *m, ulong_t key)
{
	if (m == NULL)
		return begin_operation(s, a, NULL, m, key);
	mechanism_t own = *m;
	rv_t rv = translate_mechanism(&own.mechanism);
	if (rv != CKR_OK)
		return rv;
	if (!is_our_gcm(&own))
		return begin_operation(s, a, NULL, &own, key);
	if (current_session() == NULL)
		return CKR_SESSION_HANDLE_INVALID;
	if (own.parameter == NULL || own.parameter_len != sizeof(gcm_params_t))
		return CKR_MECHANISM_PARAM_INVALID;
	const gcm_params_t *asked = own.parameter;
	bool prepended = m->mechanism == CKM_CLOUDHSM_AES_GCM;
	if (a == ENCRYPTING)
		return begin_sealing(s, prepended ? PREPENDED : mode() == MODE_LUNA ? APPENDED : WRITTEN, asked, key);
	return prepended ? wait_for_iv(s, asked, key) : begin_opening(s, asked, &own, key);
}

rv_t our_C_EncryptInit(ulong_t s, mechanism_t *m, ulong_t key) { return cipher_init(s, ENCRYPTING, m, key); }

rv_t our_C_DecryptInit(ulong_t s, mechanism_t *m, ulong_t key) { return cipher_init(s, DECRYPTING, m, key); }

// Encrypting

// settle_operation puts op back while the operation goes on, as it does after a question for the length.
static rv_t settle_operation(enum activity a, struct operation *op, rv_t rv, bool asked_length)
{
	if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && asked_length))
		session_put(current_session(), a, op); // op came from there, so the session is known
	else
		operation_free(op);
	return rv;
}

// seal_around makes room for the IV in front of or behind what the real module gives.
static rv_t seal_around(ulong_t s, struct operation *op, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	ulong_t need = in_len + op->tag_len + op->iv_len, room = *out_len;
	*out_len = need;
	if (out == NULL)
		return CKR_OK;
	if (room < need)
		return CKR_BUFFER_TOO_SMALL;
	bool in_front = op->style == PREPENDED;
	ulong_t len = room - op->iv_len;
	rv_t rv = real->C_Encrypt(s, in, in_len, in_front ? out + op->iv_len : out, &len);
	if (rv != CKR_OK)
		return rv;
	memcpy(in_front ? out : out + len, op->iv, op->iv_len);
	*out_len = len + op->iv_len;
	return CKR_OK;
}

rv_t our_C_Encrypt(ulong_t s, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	struct operation *op = session_take(current_session(), ENCRYPTING);
	if (op == NULL || out_len == NULL) {
		operation_free(op);
		return real->C_Encrypt(s, in, in_len, out, out_len);
	}
	if (in_len > op->max)
		return give_up(s, ENCRYPTING, op, op->too_long);
	rv_t rv;
	if (op->style == WRITTEN) {
		rv = real->C_Encrypt(s, in, in_len, out, out_len);
		if (rv == CKR_OK && out != NULL)
			memcpy(op->write_to, op->iv, op->iv_len);
	} else {
		rv = seal_around(s, op, in, in_len, out, out_len);
	}
	return settle_operation(ENCRYPTING, op, rv, out == NULL);
}

// go_on tells whether an operation may go on in parts.
static rv_t go_on(ulong_t s, enum activity a)
{
	struct operation *op = session_take(current_session(), a);
	if (op == NULL)
		return CKR_OK;
	if (op->single)
		return give_up(s, a, op, CKR_FUNCTION_NOT_SUPPORTED);
	session_put(current_session(), a, op);
	return CKR_OK;
}

rv_t our_C_EncryptUpdate(ulong_t s, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	rv_t rv = go_on(s, ENCRYPTING);
	return rv != CKR_OK ? rv : real->C_EncryptUpdate(s, in, in_len, out, out_len);
}

// seal_end appends Luna's IV to the last part.
static rv_t seal_end(ulong_t s, struct operation *op, byte_t *out, ulong_t *out_len)
{
	ulong_t need = 0, room = *out_len;
	rv_t rv = real->C_EncryptFinal(s, NULL, &need);
	if (rv != CKR_OK)
		return rv;
	*out_len = need + op->iv_len;
	if (out == NULL)
		return CKR_OK;
	if (room < *out_len)
		return CKR_BUFFER_TOO_SMALL;
	ulong_t len = room - op->iv_len;
	if ((rv = real->C_EncryptFinal(s, out, &len)) != CKR_OK)
		return rv;
	memcpy(out + len, op->iv, op->iv_len);
	*out_len = len + op->iv_len;
	return CKR_OK;
}

rv_t our_C_EncryptFinal(ulong_t s, byte_t *out, ulong_t *out_len)
{
	rv_t rv = go_on(s, ENCRYPTING);
	if (rv != CKR_OK)
		return rv;
	struct operation *op = session_take(current_session(), ENCRYPTING);
	if (op == NULL || out_len == NULL) {
		operation_free(op);
		return real->C_EncryptFinal(s, out, out_len);
	}
	return settle_operation(ENCRYPTING, op, seal_end(s, op, out, out_len), out == NULL);
}

// Decrypting

// open_behind decrypts what follows the IV. The question for the length is answered without the real module, whose
// operation begins only with the data.
static rv_t open_behind(ulong_t s, struct operation *op, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	if (in == NULL || in_len < CLOUDHSM_IV + op->tag_bits / 8)
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	ulong_t rest = in_len - CLOUDHSM_IV, max = limit_of(&current_page()->max_message, CLOUDHSM_MESSAGE);
	if (rest - op->tag_bits / 8 > max)
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	if (out == NULL || *out_len < rest) {
		*out_len = rest;
		return out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
	}
	gcm_params_t own = {in, CLOUDHSM_IV, CLOUDHSM_IV * 8, op->aad, op->aad_len, op->tag_bits};
	mechanism_t m = {CKM_AES_GCM, &own, sizeof(own)};
	rv_t rv = real->C_DecryptInit(s, &m, op->key);
	if (rv != CKR_OK)
		return rv;
	rv = real->C_Decrypt(s, in + CLOUDHSM_IV, rest, out, out_len);
	if (rv == CKR_BUFFER_TOO_SMALL)
		terminate_operation(s, DECRYPTING);
	return rv;
}

rv_t our_C_Decrypt(ulong_t s, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	struct operation *op = session_take(current_session(), DECRYPTING);
	if (op == NULL || out_len == NULL) {
		operation_free(op);
		return real->C_Decrypt(s, in, in_len, out, out_len);
	}
	if (in_len > op->max)
		return give_up(s, DECRYPTING, op, op->too_long);
	rv_t rv = op->style == WAITING ? open_behind(s, op, in, in_len, out, out_len) :
					 real->C_Decrypt(s, in, in_len, out, out_len);
	return settle_operation(DECRYPTING, op, rv, out == NULL);
}

rv_t our_C_DecryptUpdate(ulong_t s, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	rv_t rv = go_on(s, DECRYPTING);
	return rv != CKR_OK ? rv : real->C_DecryptUpdate(s, in, in_len, out, out_len);
}

rv_t our_C_DecryptFinal(ulong_t s, byte_t *out, ulong_t *out_len)
{
	rv_t rv = go_on(s, DECRYPTING);
	if (rv == CKR_OK)
		rv = real->C_DecryptFinal(s, out, out_len);
	if (rv != CKR_BUFFER_TOO_SMALL && out != NULL)
		operation_free(session_take(current_session(), DECRYPTING));
	return rv;
}

// Signing and verifying

static rv_t mac_init(ulong_t s, enum activity a, mechanism_t *m, ulong_t key)
{
	static const ulong_t hmacs[] = {CKM_SHA_1_HMAC, CKM_SHA224_HMAC, CKM_SHA256_HMAC, CKM_SHA384_HMAC, CKM_SHA512_HMAC};
	bool hmac = false;
	for (size_t i = 0; m != NULL && i < sizeof(hmacs) / sizeof(hmacs[0]); i++)
		hmac = hmac || m->mechanism == hmacs[i];
	if (!hmac || mode() != MODE_CLOUDHSM || current_session() == NULL)
		return begin_operation(s, a, NULL, m, key);
	struct operation *op = new_operation(LIMITED, 0);
	if (op == NULL)
		return CKR_HOST_MEMORY;
	op->max = limit_of(&current_page()->max_hmac, CLOUDHSM_HMAC);
	return begin_operation(s, a, op, m, key);
}

rv_t our_C_SignInit(ulong_t s, mechanism_t *m, ulong_t key) { return mac_init(s, SIGNING, m, key); }

rv_t our_C_VerifyInit(ulong_t s, mechanism_t *m, ulong_t key) { return mac_init(s, VERIFYING, m, key); }

rv_t our_C_Sign(ulong_t s, byte_t *in, ulong_t in_len, byte_t *out, ulong_t *out_len)
{
	struct operation *op = session_take(current_session(), SIGNING);
	if (op == NULL)
		return real->C_Sign(s, in, in_len, out, out_len);
	if (in_len > op->max)
		return give_up(s, SIGNING, op, op->too_long);
	return settle_operation(SIGNING, op, real->C_Sign(s, in, in_len, out, out_len), out == NULL);
}

rv_t our_C_Verify(ulong_t s, byte_t *in, ulong_t in_len, byte_t *sig, ulong_t sig_len)
{
	struct operation *op = session_take(current_session(), VERIFYING);
	if (op == NULL)
		return real->C_Verify(s, in, in_len, sig, sig_len);
	if (in_len > op->max)
		return give_up(s, VERIFYING, op, op->too_long);
	operation_free(op);
	return real->C_Verify(s, in, in_len, sig, sig_len);
}
