// What the parts of the module know of each other.
#ifndef FAULTP11_SHIM_H
#define FAULTP11_SHIM_H

#include <stdbool.h>

#include "control.h"
#include "p11.h"

// The real module's function list, which is also ours.
#define FUNCTION(name, lock, how, about, params, args) rv_t(*name) params;
#define LISTING(name) rv_t(*name)(struct function_list **);
struct function_list {
	version_t version;
#include "functions.h"
};
#undef FUNCTION
#undef LISTING

#define FUNCTION(name, lock, how, about, params, args) FN_##name,
#define LISTING(name) FN_##name,
enum function {
#include "functions.h"
	FN_COUNT
};
#undef FUNCTION
#undef LISTING

_Static_assert((int)FN_COUNT == (int)FUNCTIONS, "CK_FUNCTION_LIST of 2.40 has 68 functions");

#define ALL_SLOTS UINT64_MAX

// The real module; valid while a call holds the lock.
extern struct function_list *real;

// attach.c: what the environment names.
extern struct page *_Atomic page;
rv_t attach(void);
void attached_in_use(bool in_use); // the environment is not read again while it is
int mode(void);

// faults.c: what a call meets before and after the real module does.
enum lock { SHARED, EXCLUSIVE, PASSING };
enum about { ABOUT_NOTHING, ABOUT_SLOT, ABOUT_SESSION };

struct session;

struct call {
	enum function fn;
	enum lock lock;
	enum about about;
	ulong_t id; // the slot or the session
	rv_t rv;

	struct page *page;
	struct session *pinned; // the session, if it is known
	struct fault *rows[4];  // that apply, most special first
	int row_count;
	struct slot_control *slot;
	bool locked, called;
	unsigned trace;
};

bool begin(struct call *c);
rv_t end(struct call *c);
struct session *current_session(void);
struct page *current_page(void);
void settle_from(struct page *p);
void lock_all(void);
void unlock_all(void);

// sessions.c: which session is of which slot, and what it is in the middle of.
enum activity { ENCRYPTING, DECRYPTING, SIGNING, VERIFYING, ACTIVITIES };

struct operation;

bool session_add(ulong_t handle, ulong_t slot);
void session_forget(ulong_t handle);
struct session *session_pin(ulong_t handle, bool *shared);
void session_unpin(struct session *s);
ulong_t session_slot(const struct session *s);
void sessions_kill(uint64_t slot, bool remember);
void sessions_drop(uint64_t slot, bool only_removed);
void sessions_log_out(uint64_t slot);
uint64_t sessions_in_use(uint64_t slot);
struct operation *session_take(struct session *s, enum activity a);
void session_put(struct session *s, enum activity a, struct operation *op);
uint64_t session_count(void);

// operations.c: what vendors do differently in the middle of an operation.
void operation_free(struct operation *op);
void terminate_operation(ulong_t s, enum activity a);
uint64_t limit_of(word_t *configured, uint64_t otherwise);

// vendor.c: what vendors call things.
enum { MORE_MECHANISMS = 16 };
rv_t translate_mechanism(ulong_t *mechanism);
ulong_t rename_mechanisms(ulong_t *list, ulong_t n);
rv_t check_template(const attribute_t *t, ulong_t n);
void default_rules(struct page *p);
ulong_t to_real(ulong_t object);
void to_application(rv_t rv, ulong_t *object);
void shift_handles(void);
rv_t fill_random(byte_t *out, size_t len);

// The calls that are ours to change.
#define FUNCTION(name, lock, how, about, params, args) how##_DECLARATION(name, params)
#define LISTING(name)
#define REAL_DECLARATION(name, params)
#define OURS_DECLARATION(name, params) rv_t our_##name params;
#include "functions.h"
#undef FUNCTION
#undef LISTING

#endif
