#include "tensor/hub_cache.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

#define PREFIX "models--"
#define PART_MAX 96 /* of an owner or a name: the hub's own limit */

char *hub_cache_folder(void)
{
	static const struct {
		const char *variable, *below;
	} places[] = {
		{ "HF_HUB_CACHE", "" },
		{ "HF_HOME", "/hub" },
		{ "XDG_CACHE_HOME", "/huggingface/hub" },
		{ "HOME", "/.cache/huggingface/hub" },
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *value = getenv(places[i].variable);
		if (!value || !value[0])
			continue;
		struct str s = STR_INIT;
		str_addf(&s, "%s%s", value, places[i].below);
		return str_detach(&s);
	}
	return NULL;
}

/* An owner or a name as the hub allows them; never a way out of the cache's folder. */
static bool is_part(const char *s, size_t n)
{
	if (n == 0 || n > PART_MAX || s[0] == '.' || s[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool doubled = i + 1 < n && s[i] == s[i + 1];
		bool sign = s[i] && strchr("-_.", s[i]);
		if (!isalnum((unsigned char)s[i]) && !sign)
			return false;
		if (doubled && strchr("-.", s[i]))
			return false;
	}
	return true;
}

bool hub_cache_is_name(const char *name)
{
	const char *slash = strchr(name, '/');
	return slash && is_part(name, (size_t)(slash - name)) &&
	       is_part(slash + 1, strlen(slash + 1));
}

/* models--OWNER--NAME in the cache. */
static char *cached_folder(const char *hub, const char *name)
{
	const char *slash = strchr(name, '/');
	struct str s = STR_INIT;
	str_addf(&s, "%s/" PREFIX "%.*s--%s", hub, (int)(slash - name), name, slash + 1);
	return str_detach(&s);
}

static enum err not_there(const char *hub, const char *name)
{
	struct str where = STR_INIT;
	str_add_escaped(&where, hub, strlen(hub), 0);
	enum err e =
		err_set(ERR_NOTFOUND,
			"%s: no such folder, and not in the hub cache %s. To download "
			"it: hf download %s (older: huggingface-cli download %s)",
			name, str_get(&where), name, name);
	str_release(&where);
	return e;
}

/* The commit that refs/main names, a plain file name; false where there is none. */
static bool read_revision(const char *cached, char *hash, size_t size)
{
	struct str path = STR_INIT;
	str_addf(&path, "%s/refs/main", cached);
	struct stat st;
	bool regular = stat(str_get(&path), &st) == 0 && S_ISREG(st.st_mode);
	FILE *f = regular ? fopen(str_get(&path), "rbe") : NULL;
	size_t n = f ? fread(hash, 1, size - 1, f) : 0;
	if (f)
		fclose(f);
	while (n > 0 && isspace((unsigned char)hash[n - 1]))
		n--;
	hash[n] = 0;
	str_release(&path);
	return is_part(hash, n);
}

enum err hub_cache_find(const char *name, char **snapshot)
{
	char hash[PART_MAX + 2];
	*snapshot = NULL;
	char *hub = hub_cache_folder();
	if (!hub)
		return not_there("(HOME is not set)", name);
	char *cached = cached_folder(hub, name);
	enum err e = OK;
	if (read_revision(cached, hash, sizeof(hash))) {
		struct str s = STR_INIT;
		str_addf(&s, "%s/snapshots/%s", cached, hash);
		*snapshot = str_detach(&s);
	} else {
		e = not_there(hub, name);
	}
	free(cached);
	free(hub);
	return e;
}

static int is_cached_model(const struct dirent *d)
{
	return !strncmp(d->d_name, PREFIX, strlen(PREFIX));
}

/* "models--acme--clip" to "acme/clip"; false where it is no such name. */
static bool name_of_cached(const char *file, char *name, size_t size)
{
	const char *owner = file + strlen(PREFIX), *dashes = strstr(owner, "--");
	if (!dashes)
		return false;
	int n = snprintf(name, size, "%.*s/%s", (int)(dashes - owner), owner, dashes + 2);
	return n > 0 && (size_t)n < size && hub_cache_is_name(name);
}

void hub_cache_each(void (*each)(void *ctx, const char *name), void *ctx)
{
	char *hub = hub_cache_folder();
	struct dirent **entry = NULL;
	int n = hub ? scandir(hub, &entry, is_cached_model, alphasort) : 0;
	for (int i = 0; i < n; i++) {
		char name[2 * PART_MAX + 2];
		if (name_of_cached(entry[i]->d_name, name, sizeof(name)))
			each(ctx, name);
		free(entry[i]);
	}
	free(entry);
	free(hub);
}
