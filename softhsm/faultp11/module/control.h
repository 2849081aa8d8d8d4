// The control page: one file, mapped by the module and by whoever controls it, in which every member is a naturally
// aligned 64-bit word that either side reads and writes atomically. page.go lays the same page out in Go; each side
// compares the other's numbers with its own (layout_numbers) before it believes them.
#ifndef FAULTP11_CONTROL_H
#define FAULTP11_CONTROL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAGIC 0x3131507475416C46ULL // the octets of "FlAutP11"
#define PAGE_VERSION 1
#define PAGE_SIZE 65536

// FOREVER in a count means: until it is cleared.
#define FOREVER UINT64_MAX

enum {
	FUNCTIONS = 68,
	ANY = FUNCTIONS, // the row that stands for every function
	ROWS,
	SLOTS = 8,
	RULES = 16,
	TRACE = 512,
	LAYOUT = 16,
};

enum { MODE_UNSET, MODE_TRANSPARENT, MODE_CLOUDHSM, MODE_LUNA };

// What a dead module still does.
enum { DEAD_INITIALIZES = 1, DEAD_FINALIZES = 2, DEAD_UNTIL_INITIALIZED = 4 };

// What a trace record tells besides the function, in the bits from 8.
enum { TRACE_INJECTED = 1, TRACE_HUNG = 2, TRACE_DELAYED = 4, TRACE_LOST_REPLY = 8 };

// What a rule lets an attribute be in a template.
enum { ALLOW_ANYTHING, ALLOW_TRUE, ALLOW_FALSE, ALLOW_NOTHING };

typedef _Atomic uint64_t word_t;

// One function's faults: a cache line, so that functions do not disturb each other.
struct fault {
	word_t rv, left;             // answer rv without a call, left times
	word_t after_rv, after_left; // answer rv after the call, left times
	word_t delay_us;
	word_t hang_left; // calls that will still hang
	word_t released;  // goes up when hung calls may go on
	word_t calls;
};

struct slot_control {
	word_t id;
	word_t gone;     // the token is absent
	word_t removals; // goes up each time it was pulled
	word_t epoch;    // goes up each time its sessions die
	word_t logouts;  // goes up each time it is logged out
	word_t spare[3];
};

struct rule {
	word_t attribute, allowed, rv, spare;
};

struct record {
	word_t seq;  // 1 for the first call; 0 while it is being written
	word_t what; // the function, and from bit 8 TRACE_ bits
	word_t rv;
	word_t session;
};

struct page {
	word_t magic, version;
	word_t wanted[LAYOUT], actual[LAYOUT]; // the controller's numbers, the module's
	word_t pid;                            // of the process that mapped the page last

	word_t mode, max_sessions, max_message, max_hmac; // 0: the mode's default; FOREVER: no limit
	word_t manufacturer[4];                           // 32 octets; a first octet of 0 leaves the real one

	word_t dead_rv, dead_flags;
	word_t epoch, logouts, link_lost;
	word_t login_rv, login_left;

	word_t initialised, finalised, logged_in;
	word_t in_flight, hung, hung_ever, sessions;
	word_t finalised_in_use, shared_sessions; // what the application did wrong

	word_t slots_used, rules_set, traced;
	struct rule rules[RULES];
	struct slot_control slots[SLOTS];
	_Alignas(64) struct fault faults[1 + SLOTS][ROWS]; // of every slot, then of one
	struct record trace[TRACE];
};

_Static_assert(sizeof(struct fault) == 64, "a row of faults is a cache line");
_Static_assert(sizeof(struct page) <= PAGE_SIZE, "the page fits its file");

#endif
