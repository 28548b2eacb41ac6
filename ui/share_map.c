#include "ui/share_map.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define OWN_SHARE 0.001 /* of a group: what it takes itself is a part from here on */

/* ---- a run, layer by layer ---- */

struct tree {
	const struct run *run;
	bool *group;                /* it has children */
	double (*v)[SHARE_METRICS]; /* its own, else the sum over its children */
};

static void add(double *sum, double v)
{
	if (!isnan(v))
		*sum = isnan(*sum) ? v : *sum + v;
}

static void read_values(const struct layer *l, double v[SHARE_METRICS])
{
	double known[SHARE_METRICS] = { l->v[METRIC_wall_ns], l->v[METRIC_flops],
					l->v[METRIC_bytes_read] +
						l->v[METRIC_bytes_written] };
	for (int m = 0; m < SHARE_METRICS; m++)
		if (!isnan(known[m]))
			v[m] = known[m];
}

static struct tree tree_make(const struct run *run)
{
	size_t n = (size_t)run->n_layers;
	struct tree t = { run, mem_alloc(n * sizeof(bool)), mem_alloc(n * sizeof(*t.v)) };
	for (size_t i = 0; i < n; i++)
		for (int m = 0; m < SHARE_METRICS; m++)
			t.v[i][m] = (double)NAN;
	for (int i = run->n_layers - 1; i >= 0; i--) { /* children before their parents */
		int up = run->layers[i].parent;
		read_values(&run->layers[i], t.v[i]);
		if (up < 0)
			continue;
		t.group[up] = true;
		for (int m = 0; m < SHARE_METRICS; m++)
			add(&t.v[up][m], t.v[i][m]);
	}
	return t;
}

static void tree_release(struct tree *t)
{
	free(t->group);
	free(t->v);
}

/* ---- paths ---- */

/* Bytes of a layer's name without the number of its family; *family: it has one. */
static int stem(const struct tree *t, int layer, bool *family)
{
	const char *name = t->run->layers[layer].name;
	size_t n = strlen(name), end = n;
	while (end > 0 && isdigit((unsigned char)name[end - 1]))
		end--;
	*family = t->group[layer] && end < n && end > 1 && name[end - 1] == '.';
	return (int)(*family ? end - 1 : n);
}

/* Bytes of `path` that this layer's component takes, 0: it is another. */
static size_t component(const struct tree *t, int layer, const char *path)
{
	bool family;
	const char *name = t->run->layers[layer].name;
	size_t n = (size_t)stem(t, layer, &family);
	if (!n || strncmp(path, name, n) != 0)
		return 0;
	if (family && strncmp(path + n, ".*", 2) != 0)
		return 0;
	n += family ? 2 : 0;
	return path[n] == '/' || !path[n] ? n : 0;
}

/*
 * Which layers have this path. `at` is the place in the path that a layer's ancestors and
 * itself have come to, -1 for those that are beside it.
 */
static bool *find_members(const struct tree *t, const char *path)
{
	size_t n = (size_t)t->run->n_layers;
	bool *member = mem_alloc(n * sizeof(bool));
	int *at = mem_alloc(n * sizeof(int));
	for (int i = 0; i < t->run->n_layers; i++) {
		int up = t->run->layers[i].parent, from = up < 0 ? 0 : at[up];
		size_t took = from < 0 ? 0 : component(t, i, path + from);
		at[i] = -1;
		if (!took)
			continue;
		member[i] = !path[from + (int)took];
		if (!member[i])
			at[i] = from + (int)took + 1;
	}
	free(at);
	return member;
}

/* The path of the part that a layer belongs to; false: it is too long. */
static bool path_of(const struct tree *t, int layer, char path[SHARE_PATH_SIZE])
{
	char *end = path + SHARE_PATH_SIZE - 1, *at = end; /* from its end to the top */
	*end = 0;
	for (int i = layer; i >= 0; i = t->run->layers[i].parent) {
		bool family;
		int n = stem(t, i, &family);
		if (n + 3 > at - path)
			return false;
		if (i != layer)
			*--at = '/';
		at -= family ? 2 : 0;
		memcpy(at, ".*", family ? 2 : 0);
		at -= n;
		memcpy(at, t->run->layers[i].name, (size_t)n);
	}
	memmove(path, at, (size_t)(end - at) + 1);
	return true;
}

void share_path_up(char *path)
{
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = 0;
}

/* ---- parts ---- */

static struct share_part *new_part(struct share_map *m)
{
	struct share_part *p = &m->part[m->n++];
	*p = (struct share_part){ .members = 0 };
	for (int i = 0; i < SHARE_METRICS; i++)
		p->v[i] = (double)NAN;
	return p;
}

/* The path of a part inside `path`; "" where it is too long. */
static void set_path(struct share_part *p, const char *path, const char *name, int n)
{
	int took = snprintf(p->path, sizeof(p->path), "%s%s%.*s%s", path,
			    *path ? "/" : "", n, name, p->family ? ".*" : "");
	if (took < 0 || took >= (int)sizeof(p->path))
		p->path[0] = 0;
	snprintf(p->name, sizeof(p->name), "%.*s", n, name);
}

static struct share_part *part_of(struct share_map *m, const struct tree *t, int layer,
				  const char *path)
{
	size_t skip = strlen(path) + (*path != 0);
	bool family;
	int n = stem(t, layer, &family);
	for (int i = 0; i < m->n; i++) {
		const char *mine = m->part[i].path + (m->part[i].path[0] ? skip : 0);
		size_t took = component(t, layer, mine);
		if (took && !mine[took])
			return &m->part[i];
	}
	if (m->n == SHARE_PARTS_MAX - 1) {
		snprintf(new_part(m)->name, sizeof(m->part->name), "(others)");
	} else if (m->n < SHARE_PARTS_MAX) {
		struct share_part *p = new_part(m);
		p->family = family;
		set_path(p, path, t->run->layers[layer].name, n);
	}
	return &m->part[m->n - 1];
}

static void sum_parts(struct share_map *m)
{
	for (int k = 0; k < SHARE_METRICS; k++) {
		m->whole[k] = (double)NAN;
		for (int i = 0; i < m->n; i++)
			add(&m->whole[k], m->part[i].v[k]);
	}
}

/* What the groups took beyond what is inside them. */
static void add_own(struct share_map *m, const double group[SHARE_METRICS])
{
	double own = group[SHARE_NS] - m->whole[SHARE_NS];
	if (!(own > OWN_SHARE * group[SHARE_NS]) || m->n == SHARE_PARTS_MAX)
		return;
	struct share_part *p = new_part(m);
	snprintf(p->name, sizeof(p->name), "(itself)");
	p->v[SHARE_NS] = own;
}

void share_map_make(struct share_map *m, const struct run *run, const char *path)
{
	struct tree t = tree_make(run);
	bool *member = find_members(&t, path);
	double group[SHARE_METRICS] = { (double)NAN, (double)NAN, (double)NAN };
	*m = (struct share_map){ .part = mem_alloc(SHARE_PARTS_MAX * sizeof(*m->part)) };
	for (int k = 0; k < SHARE_METRICS; k++)
		m->pass[k] = (double)NAN;
	for (int i = 0; i < run->n_layers; i++) {
		int up = run->layers[i].parent;
		for (int k = 0; k < SHARE_METRICS; k++) {
			if (up < 0)
				add(&m->pass[k], t.v[i][k]);
			if (member[i])
				add(&group[k], t.v[i][k]);
		}
		if (up < 0 ? *path != 0 : !member[up])
			continue;
		struct share_part *p = part_of(m, &t, i, path);
		p->members++;
		p->inside |= t.group[i] && p->path[0];
		for (int k = 0; k < SHARE_METRICS; k++)
			add(&p->v[k], t.v[i][k]);
	}
	sum_parts(m);
	if (m->n) {
		add_own(m, group);
		sum_parts(m);
	}
	free(member);
	tree_release(&t);
}

void share_map_release(struct share_map *m)
{
	free(m->part);
	*m = (struct share_map){ 0 };
}

int share_map_find(const struct share_map *m, const char *path)
{
	for (int i = 0; i < m->n && *path; i++)
		if (!strcmp(m->part[i].path, path))
			return i;
	return -1;
}

int share_map_match(const struct share_map *m, const struct share_part *part)
{
	for (int i = 0; i < m->n; i++)
		if (!strcmp(m->part[i].path, part->path) &&
		    (part->path[0] || !strcmp(m->part[i].name, part->name)))
			return i;
	return -1;
}

double share_of(const struct share_map *m, int part, enum share_metric metric)
{
	double whole = m->whole[metric];
	return whole > 0 ? m->part[part].v[metric] / whole : (double)NAN;
}

double *share_profile(const struct run *run, const char *path, enum share_metric metric,
		      int *n)
{
	struct tree t = tree_make(run);
	bool *member = find_members(&t, path);
	double *values = mem_alloc(((size_t)run->n_layers + 1) * sizeof(double));
	*n = 0;
	for (int i = 0; i < run->n_layers; i++)
		if (member[i])
			values[(*n)++] = t.v[i][metric];
	free(member);
	tree_release(&t);
	if (!*n) {
		free(values);
		return NULL;
	}
	return values;
}

/* The first layer of a part; 0: nothing has this path. */
static int first_of(const struct tree *t, const char *path)
{
	int at = 0;
	bool *member = find_members(t, path);
	while (at < t->run->n_layers && !member[at])
		at++;
	free(member);
	return at < t->run->n_layers ? at : 0;
}

bool share_search(const struct run *run, const char *pattern,
		  bool (*matches)(const char *text, const char *pattern), int step,
		  bool here, char path[SHARE_PATH_SIZE])
{
	struct tree t = tree_make(run);
	int n = run->n_layers, from = n ? first_of(&t, path) : 0;
	char to[SHARE_PATH_SIZE];
	bool found = false;
	for (int k = 0; k < n && !found; k++) {
		int i = ((from + step * k) % n + n) % n;
		found = matches(run->layers[i].name, pattern) && path_of(&t, i, to) &&
			(here || strcmp(to, path) != 0);
	}
	if (found)
		memcpy(path, to, sizeof(to));
	tree_release(&t);
	return found;
}
