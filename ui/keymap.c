#include "ui/keymap.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

const struct request_info request_table[REQ_COUNT] = {
#define REQUEST(id, grp, k, b, h)                                                        \
	[REQ_##id] = { .name = #id, .group = grp, .keys = k, .bar = b, .help = h },
#include "ui/requests.def"
#undef REQUEST
};

static const struct {
	const char *name;
	uint32_t code;
} named[] = {
	{ "Up", KEYC_UP },         { "Down", KEYC_DOWN },
	{ "Left", KEYC_LEFT },     { "Right", KEYC_RIGHT },
	{ "Home", KEYC_HOME },     { "End", KEYC_END },
	{ "PgUp", KEYC_PAGE_UP },  { "PgDn", KEYC_PAGE_DOWN },
	{ "Insert", KEYC_INSERT }, { "Delete", KEYC_DELETE },
	{ "Enter", KEYC_ENTER },   { "Esc", KEYC_ESC },
	{ "Tab", KEYC_TAB },       { "S-Tab", KEYC_BACKTAB },
	{ "Space", ' ' },          { "BackSpace", KEYC_BACKSPACE },
};

uint32_t keymap_parse(const char *name, size_t n)
{
	int len = utf8_len(name, n);
	if (n == 1 && name[0] > ' ')
		return (uint32_t)name[0];
	if (n == 2 && name[0] == '^' && name[1] >= 'A' && name[1] <= 'Z')
		return KEYC_CTRL(name[1]);
	int f = 0, used = 0;
	char text[16];
	if (len < 1 || n >= sizeof(text))
		return KEYC_NONE;
	memcpy(text, name, n);
	text[n] = 0;
	if (sscanf(text, "F%2d%n", &f, &used) == 1 && (size_t)used == n && f >= 1 &&
	    f <= 12)
		return KEYC_F0 + (uint32_t)f;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (!strcmp(named[i].name, text))
			return named[i].code;
	return KEYC_NONE;
}

static bool bind(struct keymap *map, uint32_t code, enum request request)
{
	if (code == KEYC_NONE || keymap_find(map, code) != REQ_NONE)
		return false;
	if (map->n == (int)(sizeof(map->bindings) / sizeof(map->bindings[0])))
		return false;
	map->bindings[map->n].code = code;
	map->bindings[map->n++].request = request;
	return true;
}

bool keymap_init(struct keymap *map)
{
	bool good = true;
	map->n = 0;
	for (int r = REQ_NONE + 1; r < REQ_COUNT; r++) {
		const char *keys = request_table[r].keys;
		while (*keys) {
			size_t n = strcspn(keys, " ");
			good &= bind(map, keymap_parse(keys, n), (enum request)r);
			keys += n + (keys[n] == ' ');
		}
	}
	return good;
}

enum request keymap_find(const struct keymap *map, uint32_t code)
{
	for (int i = 0; i < map->n; i++)
		if (map->bindings[i].code == code)
			return map->bindings[i].request;
	return REQ_NONE;
}

const char *keymap_key(enum request request, bool function, char *buf, size_t size)
{
	const char *keys = request_table[request].keys;
	const char *best = keys;
	for (const char *k = keys; k && function; k = strchr(k, ' ')) {
		k += *k == ' ';
		if (k[0] == 'F' && k[1] >= '1' && k[1] <= '9')
			best = k;
	}
	snprintf(buf, size, "%.*s", best ? (int)strcspn(best, " ") : 0, best ? best : "");
	return buf;
}
