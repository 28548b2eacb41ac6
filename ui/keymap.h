/*
 * Keys become named requests, so that no view knows a key. requests.def is the one table:
 * the enum, the default keys, the help.
 */
#ifndef UI_KEYMAP_H
#define UI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/key.h"

enum request {
	REQ_NONE,
#define REQUEST(id, ...) REQ_##id,
#include "ui/requests.def"
#undef REQUEST
	REQ_COUNT
};

struct request_info {
	const char *name; /* "KNOB_UP" */
	const char *group, *keys, *bar, *help;
};

extern const struct request_info request_table[REQ_COUNT]; /* [REQ_NONE] is empty */

struct keymap {
	struct {
		uint32_t code;
		enum request request;
	} bindings[128];
	int n;
};

/* The bindings of requests.def; false when a row names no key or two rows share one. */
bool keymap_init(struct keymap *);
enum request keymap_find(const struct keymap *, uint32_t code);

/*
 * The code of a key's name: a character ("j", "["), "^L", "F5", "Up", "PgDn", "Enter",
 * "Esc", "Tab", "S-Tab", "Space", "BackSpace", ...; KEYC_NONE when it names none.
 */
uint32_t keymap_parse(const char *name, size_t n);

/* A request's key for people: its function key if `function`, else its first; "" if none.
 */
const char *keymap_key(enum request, bool function, char *buf, size_t size);

#endif
