// Which session is of which slot, and what it is in the middle of. A session that is in a call is pinned: it may be
// forgotten meanwhile, but its memory stays.
#include "shim.h"

#include <pthread.h>
#include <stdlib.h>

struct session {
	ulong_t handle, slot;
	unsigned pins;
	bool removed;   // its token was pulled
	bool forgotten; // no longer in its bucket
	struct operation *ops[ACTIVITIES];
	struct session *next;
};

enum { BUCKETS = 4096, LOCKS = 64 };

static struct session *buckets[BUCKETS];
static pthread_mutex_t locks[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};
static word_t count;

// Handles may be small numbers or pointers.
static unsigned bucket_of(ulong_t handle) { return (unsigned)((handle * 0x9E3779B97F4A7C15ULL) >> 52) % BUCKETS; }

static pthread_mutex_t *lock_of(unsigned bucket) { return &locks[bucket % LOCKS]; }

static struct session **find_locked(unsigned bucket, ulong_t handle)
{
	struct session **at = &buckets[bucket];
	while (*at != NULL && (*at)->handle != handle)
		at = &(*at)->next;
	return at;
}

static void free_session(struct session *s)
{
	for (int a = 0; a < ACTIVITIES; a++)
		operation_free(s->ops[a]);
	free(s);
}

static void forget_locked(struct session **at)
{
	struct session *s = *at;
	*at = s->next;
	s->forgotten = true;
	if (!s->removed)
		count--;
	if (s->pins == 0)
		free_session(s);
}

void session_forget(ulong_t handle)
{
	unsigned b = bucket_of(handle);
	pthread_mutex_lock(lock_of(b));
	struct session **at = find_locked(b, handle);
	if (*at != NULL)
		forget_locked(at);
	pthread_mutex_unlock(lock_of(b));
}

// session_add tells whether there was memory. A handle that the real module uses again is a new session.
bool session_add(ulong_t handle, ulong_t slot)
{
	struct session *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return false;
	session_forget(handle);
	unsigned b = bucket_of(handle);
	s->handle = handle;
	s->slot = slot;
	pthread_mutex_lock(lock_of(b));
	s->next = buckets[b];
	buckets[b] = s;
	count++;
	pthread_mutex_unlock(lock_of(b));
	return true;
}

// session_pin is the session, or NULL if it is not known. *shared tells that another call is in it.
struct session *session_pin(ulong_t handle, bool *shared)
{
	unsigned b = bucket_of(handle);
	pthread_mutex_lock(lock_of(b));
	struct session *s = *find_locked(b, handle);
	if (s != NULL)
		*shared = s->pins++ > 0;
	pthread_mutex_unlock(lock_of(b));
	return s;
}

void session_unpin(struct session *s)
{
	pthread_mutex_t *lock = lock_of(bucket_of(s->handle));
	pthread_mutex_lock(lock);
	bool last = --s->pins == 0 && s->forgotten;
	pthread_mutex_unlock(lock);
	if (last)
		free_session(s);
}

ulong_t session_slot(const struct session *s) { return s->slot; }

uint64_t session_count(void) { return count; }

static bool is_of(const struct session *s, uint64_t slot) { return slot == ALL_SLOTS || s->slot == slot; }

// sessions_kill closes the real sessions of a slot. Remembered ones answer that their token is gone.
void sessions_kill(uint64_t slot, bool remember)
{
	for (unsigned b = 0; b < BUCKETS; b++) {
		pthread_mutex_lock(lock_of(b));
		for (struct session **at = &buckets[b]; *at != NULL;) {
			struct session *s = *at;
			if (!is_of(s, slot)) {
				at = &s->next;
				continue;
			}
			if (!s->removed)
				real->C_CloseSession(s->handle);
			if (!remember) {
				forget_locked(at);
				continue;
			}
			count -= !s->removed;
			s->removed = true;
			at = &s->next;
		}
		pthread_mutex_unlock(lock_of(b));
	}
}

// sessions_drop forgets the sessions of a slot: all, or those whose token was pulled.
void sessions_drop(uint64_t slot, bool only_removed)
{
	for (unsigned b = 0; b < BUCKETS; b++) {
		pthread_mutex_lock(lock_of(b));
		for (struct session **at = &buckets[b]; *at != NULL;)
			if (is_of(*at, slot) && ((*at)->removed || !only_removed))
				forget_locked(at);
			else
				at = &(*at)->next;
		pthread_mutex_unlock(lock_of(b));
	}
}

// sessions_log_out logs out of the token behind the application's back. A login is the token's, so that one session of
// a slot would do; the others answer that nobody is logged in.
void sessions_log_out(uint64_t slot)
{
	for (unsigned b = 0; b < BUCKETS; b++) {
		pthread_mutex_lock(lock_of(b));
		for (struct session *s = buckets[b]; s != NULL; s = s->next)
			if (is_of(s, slot) && !s->removed)
				real->C_Logout(s->handle);
		pthread_mutex_unlock(lock_of(b));
	}
}

uint64_t sessions_in_use(uint64_t slot)
{
	uint64_t n = 0;
	for (unsigned b = 0; b < BUCKETS; b++) {
		pthread_mutex_lock(lock_of(b));
		for (struct session *s = buckets[b]; s != NULL; s = s->next)
			n += is_of(s, slot) && s->pins > 0;
		pthread_mutex_unlock(lock_of(b));
	}
	return n;
}

// session_take and session_put hand an operation over, so that two threads that wrongly share a session never hold the
// same one.
struct operation *session_take(struct session *s, enum activity a)
{
	if (s == NULL)
		return NULL;
	pthread_mutex_t *lock = lock_of(bucket_of(s->handle));
	pthread_mutex_lock(lock);
	struct operation *op = s->ops[a];
	s->ops[a] = NULL;
	pthread_mutex_unlock(lock);
	return op;
}

void session_put(struct session *s, enum activity a, struct operation *op)
{
	pthread_mutex_t *lock = lock_of(bucket_of(s->handle));
	pthread_mutex_lock(lock);
	struct operation *old = s->ops[a];
	s->ops[a] = op;
	pthread_mutex_unlock(lock);
	operation_free(old);
}
