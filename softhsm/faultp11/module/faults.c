// What a call meets before and after the real module: waiting, refusal, lost replies, and what happened to the device
// since the last call. Such happenings are carried out by the first call that notices them, with no other call in the
// real module, because SoftHSM and others crash when sessions are closed under a running call.
#define _GNU_SOURCE
#include "shim.h"

#include <pthread.h>
#include <time.h>

// Writers first: a reboot must not wait until sixteen busy threads pause at the same time.
static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static _Thread_local struct call *current;

// The happenings that have been carried out; guarded by gate.
static struct {
	uint64_t epoch, logouts;
	struct {
		uint64_t epoch, logouts, removals, gone;
	} slots[SLOTS];
} settled;

void lock_all(void) { pthread_rwlock_wrlock(&gate); }

void unlock_all(void) { pthread_rwlock_unlock(&gate); }

struct session *current_session(void) { return current->pinned; }

struct page *current_page(void) { return current->page; }

// settle_from takes what has happened on a page so far as carried out.
void settle_from(struct page *p)
{
	settled.epoch = p->epoch;
	settled.logouts = p->logouts;
	for (int i = 0; i < SLOTS; i++) {
		settled.slots[i].epoch = p->slots[i].epoch;
		settled.slots[i].logouts = p->slots[i].logouts;
		settled.slots[i].removals = p->slots[i].removals;
		settled.slots[i].gone = p->slots[i].gone;
	}
}

static int used_slots(struct page *p)
{
	uint64_t n = p->slots_used;
	return n < SLOTS ? (int)n : SLOTS;
}

static bool slot_unsettled(struct page *p, int i)
{
	struct slot_control *s = &p->slots[i];
	return s->epoch != settled.slots[i].epoch || s->logouts != settled.slots[i].logouts ||
	       s->removals != settled.slots[i].removals || s->gone != settled.slots[i].gone;
}

static bool unsettled(struct page *p)
{
	if (p->epoch != settled.epoch || p->logouts != settled.logouts)
		return true;
	for (int i = 0; i < used_slots(p); i++)
		if (slot_unsettled(p, i))
			return true;
	return false;
}

static void settle_slot(struct page *p, int i)
{
	struct slot_control *s = &p->slots[i];
	uint64_t epoch = s->epoch, logouts = s->logouts, removals = s->removals, gone = s->gone;
	if (removals != settled.slots[i].removals)
		sessions_kill(s->id, gone != 0);
	if (epoch != settled.slots[i].epoch)
		sessions_kill(s->id, false);
	if (logouts != settled.slots[i].logouts)
		sessions_log_out(s->id);
	if (gone == 0)
		sessions_drop(s->id, true);
	settled.slots[i].epoch = epoch;
	settled.slots[i].logouts = logouts;
	settled.slots[i].removals = removals;
	settled.slots[i].gone = gone;
}

// settle carries out what happened. Its caller holds the gate alone.
static void settle(struct page *p)
{
	uint64_t epoch = p->epoch, logouts = p->logouts;
	if (epoch != settled.epoch)
		sessions_kill(ALL_SLOTS, false);
	if (logouts != settled.logouts)
		sessions_log_out(ALL_SLOTS);
	settled.epoch = epoch;
	settled.logouts = logouts;
	for (int i = 0; i < used_slots(p); i++)
		if (slot_unsettled(p, i))
			settle_slot(p, i);
	p->sessions = session_count();
}

static void enter(struct call *c)
{
	c->locked = true;
	if (c->lock == EXCLUSIVE) {
		lock_all();
		settle(c->page);
		return;
	}
	pthread_rwlock_rdlock(&gate);
	while (unsettled(c->page)) {
		unlock_all();
		lock_all();
		settle(c->page);
		unlock_all();
		pthread_rwlock_rdlock(&gate);
	}
}

static bool is_lifecycle(enum function fn) { return fn == FN_C_Initialize || fn == FN_C_Finalize; }

static void add_rows(struct call *c, struct fault *table)
{
	c->rows[c->row_count++] = &table[c->fn];
	if (!is_lifecycle(c->fn))
		c->rows[c->row_count++] = &table[ANY];
}

// identify finds what the call is about and which rows of faults apply to it.
static void identify(struct call *c)
{
	bool known = c->about == ABOUT_SLOT, shared = false;
	uint64_t slot = c->id;
	if (c->about == ABOUT_SESSION && (c->pinned = session_pin(c->id, &shared)) != NULL) {
		known = true;
		slot = session_slot(c->pinned);
	}
	if (shared)
		c->page->shared_sessions++;
	for (int i = 0; known && i < used_slots(c->page); i++)
		if (c->page->slots[i].id == slot) {
			c->slot = &c->page->slots[i];
			add_rows(c, c->page->faults[1 + i]);
		}
	add_rows(c, c->page->faults[0]);
	for (int i = 0; i < c->row_count; i++)
		c->rows[i]->calls++;
}

// claim takes one of a counted number of times.
static bool claim(word_t *left)
{
	uint64_t n = atomic_load(left);
	while (n != 0 && n != FOREVER)
		if (atomic_compare_exchange_weak(left, &n, n - 1))
			return true;
	return n == FOREVER;
}

static void nap(uint64_t us)
{
	struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	nanosleep(&t, NULL);
}

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void hang(struct call *c, struct fault *row)
{
	uint64_t ticket = row->released; // before the claim, or a release in between would be missed
	if (!claim(&row->hang_left))
		return;
	c->trace |= TRACE_HUNG;
	c->page->hung++;
	c->page->hung_ever++;
	while (row->released == ticket)
		nap(500);
	c->page->hung--;
}

// delay sleeps in slices, so that clearing the delay ends it.
static void delay(struct call *c, struct fault *row)
{
	uint64_t us = row->delay_us;
	if (us == 0)
		return;
	c->trace |= TRACE_DELAYED;
	for (uint64_t now = now_us(), end = now + us; now < end && row->delay_us != 0; now = now_us())
		nap(end - now < 5000 ? end - now : 5000);
}

static bool is_dead(struct call *c)
{
	uint64_t flags = c->page->dead_flags;
	if (c->page->dead_rv == 0)
		return false;
	if (c->fn == FN_C_Initialize)
		return !(flags & (DEAD_INITIALIZES | DEAD_UNTIL_INITIALIZED));
	if (c->fn == FN_C_Finalize)
		return !(flags & (DEAD_FINALIZES | DEAD_UNTIL_INITIALIZED));
	return true;
}

static rv_t without_token(struct call *c)
{
	bool gone = c->slot != NULL && c->slot->gone != 0;
	if (c->about == ABOUT_SESSION)
		return gone ? CKR_DEVICE_REMOVED : CKR_OK;
	return gone && c->fn != FN_C_GetSlotInfo ? CKR_TOKEN_NOT_PRESENT : CKR_OK;
}

static rv_t refusal(struct call *c)
{
	struct page *p = c->page;
	rv_t rv = without_token(c);
	if (is_dead(c))
		return p->dead_rv;
	if (rv != CKR_OK)
		return rv;
	if (c->fn == FN_C_OpenSession && p->link_lost)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	if (c->fn == FN_C_Login && claim(&p->login_left))
		return p->login_rv;
	for (int i = 0; i < c->row_count; i++)
		if (claim(&c->rows[i]->left))
			return c->rows[i]->rv;
	return CKR_OK;
}

// A failed C_Encrypt and the like end the operation (PKCS #11 2.40, 5.8.2), also one that we fail.
static void end_operation(struct call *c)
{
	static const struct {
		enum function fn;
		enum activity activity;
	} ends[] = {{FN_C_Encrypt, ENCRYPTING}, {FN_C_Decrypt, DECRYPTING}, {FN_C_Sign, SIGNING}, {FN_C_Verify, VERIFYING}};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (c->fn == ends[i].fn && c->pinned != NULL) {
			operation_free(session_take(c->pinned, ends[i].activity));
			terminate_operation(c->id, ends[i].activity);
		}
}

static void note_misuse(struct call *c)
{
	if (c->fn == FN_C_Finalize && c->page->in_flight > 1)
		c->page->finalised_in_use++;
	if (c->fn == FN_C_CloseAllSessions && sessions_in_use(c->id) > 0)
		c->page->shared_sessions++;
}

// begin tells whether the call may go on to the real module. Either way end must follow.
bool begin(struct call *c)
{
	if (c->fn == FN_C_Initialize && (c->rv = attach()) != CKR_OK)
		return false;
	c->page = atomic_load(&page);
	if (c->page == NULL) {
		c->rv = CKR_CRYPTOKI_NOT_INITIALIZED;
		return false;
	}
	if (c->lock != PASSING)
		c->page->in_flight++;
	note_misuse(c);
	identify(c);
	for (int i = 0; i < c->row_count; i++) {
		hang(c, c->rows[i]);
		delay(c, c->rows[i]);
	}
	current = c;
	enter(c);
	c->rv = refusal(c);
	if (c->rv != CKR_OK) {
		c->trace |= TRACE_INJECTED;
		end_operation(c);
		return false;
	}
	c->called = true;
	if (c->lock == PASSING) {
		unlock_all();
		c->locked = false;
	}
	return true;
}

// lose_reply replaces the answer of a call that was carried out.
static void lose_reply(struct call *c)
{
	for (int i = 0; i < c->row_count; i++)
		if (claim(&c->rows[i]->after_left)) {
			c->rv = c->rows[i]->after_rv;
			c->trace |= TRACE_LOST_REPLY;
			return;
		}
}

static void write_trace(struct call *c)
{
	uint64_t n = atomic_fetch_add(&c->page->traced, 1);
	struct record *r = &c->page->trace[n % TRACE];
	r->seq = 0;
	r->what = (uint64_t)c->fn | (uint64_t)c->trace << 8;
	r->rv = c->rv;
	r->session = c->about == ABOUT_SESSION ? c->id : 0;
	r->seq = n + 1;
}

rv_t end(struct call *c)
{
	if (c->page == NULL)
		return c->rv;
	if (c->called)
		lose_reply(c);
	if (c->locked)
		unlock_all();
	current = NULL;
	if (c->pinned != NULL)
		session_unpin(c->pinned);
	write_trace(c);
	if (c->lock != PASSING)
		c->page->in_flight--;
	return c->rv;
}
