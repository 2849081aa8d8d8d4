// What the environment names: the real module and the control page. Both are looked up again at every C_Initialize
// that is not a second one, so that one process can use several pages one after the other.
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct function_list *real;
struct page *_Atomic page;

// What was attached once stays until the module is unloaded: a hung call still looks at its page.
struct module {
	char *path;
	void *library;
	struct function_list *list;
	struct module *next;
};

struct mapping {
	dev_t device;
	ino_t inode;
	struct page *page;
	struct mapping *next;
};

static struct module *modules;
static struct mapping *mappings;
static struct page *private_page;
static bool in_use;
static atomic_int current_mode = MODE_TRANSPARENT;

int mode(void) { return atomic_load_explicit(&current_mode, memory_order_relaxed); }

void attached_in_use(bool now) { in_use = now; }

static rv_t complain(const char *what, const char *about, const char *why)
{
	fprintf(stderr, "faultp11: %s %s: %s\n", what, about, why);
	return CKR_GENERAL_ERROR;
}

static rv_t load(const char *path)
{
	struct module *m = calloc(1, sizeof(*m));
	if (m == NULL || (m->path = strdup(path)) == NULL) {
		free(m);
		return CKR_HOST_MEMORY;
	}
	m->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const char *problem = m->library == NULL ? dlerror() : "it gives no function list";
	if (m->library != NULL) {
		rv_t (*get)(struct function_list **);
		*(void **)&get = dlsym(m->library, "C_GetFunctionList");
		if (get != NULL && get(&m->list) == CKR_OK && m->list != NULL)
			problem = NULL;
	}
	if (problem != NULL) {
		rv_t rv = complain("load the module", path, problem);
		if (m->library != NULL)
			dlclose(m->library);
		free(m->path);
		free(m);
		return rv;
	}
	m->next = modules;
	modules = m;
	real = m->list;
	return CKR_OK;
}

static rv_t attach_module(void)
{
	const char *path = getenv("FAULTP11_MODULE");
	if (path == NULL || *path == '\0')
		return complain("read", "FAULTP11_MODULE", "it must name the real PKCS #11 module");
	for (struct module *m = modules; m != NULL; m = m->next)
		if (strcmp(m->path, path) == 0) {
			real = m->list;
			return CKR_OK;
		}
	return load(path);
}

// FNV-1a of the functions' names, so that a function that was added or moved on one side only is noticed.
static uint64_t names_hash(void)
{
#define FUNCTION(name, lock, how, about, params, args) #name "\n"
#define LISTING(name) #name "\n"
	static const char names[] =
#include "functions.h"
		;
#undef FUNCTION
#undef LISTING
	uint64_t h = 0xcbf29ce484222325ULL;
	for (const char *p = names; *p != '\0'; p++)
		h = (h ^ (byte_t)*p) * 0x100000001b3ULL;
	return h;
}

// The numbers that page.go compares with its own, in its order.
static void layout_numbers(uint64_t n[LAYOUT])
{
	const uint64_t numbers[] = {
		sizeof(struct page), offsetof(struct page, mode), offsetof(struct page, dead_rv),
		offsetof(struct page, initialised), offsetof(struct page, traced), offsetof(struct page, rules),
		offsetof(struct page, slots), offsetof(struct page, faults), offsetof(struct page, trace),
		sizeof(struct fault), sizeof(struct slot_control), sizeof(struct rule), sizeof(struct record),
		FUNCTIONS, SLOTS * 1000000 + RULES * 10000 + TRACE, names_hash(),
	};
	_Static_assert(sizeof(numbers) == LAYOUT * sizeof(uint64_t), "page.go expects so many numbers");
	memcpy(n, numbers, sizeof(numbers));
}

static const char *disagreement(struct page *p)
{
	uint64_t n[LAYOUT];
	layout_numbers(n);
	for (int i = 0; i < LAYOUT; i++)
		p->actual[i] = n[i];
	if (p->magic != PAGE_MAGIC || p->version != PAGE_VERSION)
		return "it is not a control page of this version";
	for (int i = 0; i < LAYOUT; i++)
		if (p->wanted[i] != n[i])
			return "it was made by another build, with another layout";
	return NULL;
}

static struct page *map(int fd)
{
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static rv_t remember(const struct stat *st, struct page *p)
{
	struct mapping *m = malloc(sizeof(*m));
	if (m == NULL)
		return CKR_HOST_MEMORY;
	*m = (struct mapping){st->st_dev, st->st_ino, p, mappings};
	mappings = m;
	// Gauges of a process that was killed would stand for ever.
	p->pid = (uint64_t)getpid();
	p->in_flight = p->hung = p->sessions = 0;
	return CKR_OK;
}

static rv_t map_file(int fd, const char *path, struct page **out)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return complain("look at the control page", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < PAGE_SIZE)
		return complain("map the control page", path, "it is no regular file of the right size");
	for (struct mapping *m = mappings; m != NULL; m = m->next)
		if (m->device == st.st_dev && m->inode == st.st_ino) {
			*out = m->page;
			return CKR_OK;
		}
	struct page *p = map(fd);
	if (p == NULL)
		return complain("map the control page", path, strerror(errno));
	const char *problem = disagreement(p);
	rv_t rv = problem == NULL ? remember(&st, p) : complain("use the control page", path, problem);
	if (rv != CKR_OK) {
		munmap(p, PAGE_SIZE);
		return rv;
	}
	*out = p;
	return CKR_OK;
}

static rv_t find_page(struct page **out)
{
	const char *path = getenv("FAULTP11_CONTROL");
	if (path == NULL || *path == '\0') {
		// Without a page there are no faults, but still the vendor's ways.
		if (private_page == NULL)
			private_page = map(-1);
		*out = private_page;
		return private_page == NULL ? CKR_HOST_MEMORY : CKR_OK;
	}
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return complain("open the control page", path, strerror(errno));
	rv_t rv = map_file(fd, path, out);
	close(fd);
	return rv;
}

static rv_t choose_mode(struct page *p)
{
	static const char *names[] = {"", "transparent", "cloudhsm", "luna"};
	uint64_t m = p->mode;
	const char *name = getenv("FAULTP11_MODE");
	if (m == MODE_UNSET) {
		m = MODE_TRANSPARENT;
		if (name != NULL && *name != '\0')
			for (m = MODE_TRANSPARENT; m <= MODE_LUNA && strcmp(name, names[m]) != 0; m++)
				;
	}
	if (m > MODE_LUNA)
		return complain("read", "FAULTP11_MODE", "it must be transparent, cloudhsm or luna");
	atomic_store(&current_mode, (int)m);
	return CKR_OK;
}

static void name_manufacturer(struct page *p)
{
	const char *name = getenv("FAULTP11_MANUFACTURER");
	uint64_t words[4];
	if (name == NULL || *name == '\0' || p->manufacturer[0] != 0)
		return;
	memset(words, ' ', sizeof(words));
	memcpy(words, name, strnlen(name, sizeof(words)));
	for (int i = 0; i < 4; i++)
		p->manufacturer[i] = words[i];
}

static rv_t attach_page(void)
{
	struct page *p = NULL;
	rv_t rv = find_page(&p);
	if (rv == CKR_OK)
		rv = choose_mode(p);
	if (rv != CKR_OK)
		return rv;
	name_manufacturer(p);
	default_rules(p);
	if (atomic_load(&page) != p)
		settle_from(p);
	atomic_store(&page, p);
	return CKR_OK;
}

rv_t attach(void)
{
	lock_all();
	rv_t rv = CKR_OK;
	if (!in_use && (rv = attach_module()) == CKR_OK)
		rv = attach_page();
	unlock_all();
	return rv;
}

// Whoever unloads the module has no call in it.
__attribute__((destructor)) static void detach(void)
{
	sessions_drop(ALL_SLOTS, false);
	for (struct mapping *m = mappings, *next; m != NULL; m = next) {
		next = m->next;
		munmap(m->page, PAGE_SIZE);
		free(m);
	}
	if (private_page != NULL)
		munmap(private_page, PAGE_SIZE);
	for (struct module *m = modules, *next; m != NULL; m = next) {
		next = m->next;
		dlclose(m->library);
		free(m->path);
		free(m);
	}
}
