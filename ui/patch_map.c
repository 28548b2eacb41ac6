#include "ui/patch_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ui/widgets/patches.h"

#define PATCHES_MAX 65536 /* more is a file that lies */
#define UNIT_MAX 256

/* ---- one site ---- */

static int index_of(double name, int n) { return name >= 0 && name < n ? (int)name : -1; }

static int count_inside(const double *names, int n_names, int n)
{
	int count = 0;
	for (int i = 0; i < n_names; i++)
		count += index_of(names[i], n) >= 0;
	return count;
}

struct scored {
	double score;
	int name;
};

static int compare_scored(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

/* Score and rank of the patches that are alive at a site. */
static void read_scores(struct patch_map *m, const struct run_site *site)
{
	int n = site->n_scores, n_sorted = 0;
	m->scored = n > 0 && n == site->n_alive;
	for (int i = 0; i < m->n; i++)
		if (m->patch[i].fate == PATCH_STAYS) {
			m->patch[i].score = (double)NAN;
			m->patch[i].rank = m->patch[i].ranked = 0;
		}
	if (!m->scored)
		return;
	struct scored *sorted = mem_alloc((size_t)n * sizeof(*sorted));
	for (int i = 0; i < n; i++)
		if (!isnan(site->scores[i]))
			sorted[n_sorted++] =
				(struct scored){ site->scores[i],
						 index_of(site->alive[i], m->n) };
	qsort(sorted, (size_t)n_sorted, sizeof(*sorted), compare_scored);
	for (int i = 0; i < n_sorted; i++) {
		struct patch_info *p =
			sorted[i].name >= 0 ? &m->patch[sorted[i].name] : NULL;
		if (!p || p->fate != PATCH_STAYS)
			continue;
		p->score = sorted[i].score;
		p->rank = i + 1;
		p->ranked = n_sorted;
	}
	free(sorted);
}

static void drop(struct patch_info *p, int site)
{
	p->fate = PATCH_DROPPED;
	p->site = site;
}

static void keep_only(struct patch_map *m, const double *kept, int n_kept, int site)
{
	bool *stays = mem_alloc((size_t)m->n * sizeof(bool));
	for (int i = 0; i < n_kept; i++)
		if (index_of(kept[i], m->n) >= 0)
			stays[index_of(kept[i], m->n)] = true;
	for (int i = 0; i < m->n; i++)
		if (m->patch[i].fate == PATCH_STAYS && !stays[m->patch[i].group])
			drop(&m->patch[i], site);
	free(stays);
}

/* The list counts patches in the order that they enter the model, unit by unit. */
static void keep_listed(struct patch_map *m, const struct run *run)
{
	const struct run_tokens *t = &run->tokens;
	int unit = patch_map_unit(run);
	double *kept = mem_alloc((size_t)t->n_kept * sizeof(double));
	for (int i = 0; i < t->n_kept; i++)
		kept[i] = floor(t->kept[i] / unit);
	keep_only(m, kept, t->n_kept, -1);
	free(kept);
}

static void regroup(struct patch_map *m, const struct run_site *run_site, int site)
{
	for (int i = 0; i < m->n; i++) {
		int group = index_of(run_site->groups[i], m->n);
		if (m->patch[i].fate != PATCH_STAYS)
			continue;
		if (group >= 0)
			m->patch[i].group = group;
		else
			drop(&m->patch[i], site);
	}
}

static void apply(struct patch_map *m, const struct run_site *run_site, int site)
{
	for (int i = 0; i < m->n; i++)
		if (m->patch[i].fate == PATCH_DROPPED)
			m->patch[i].fate = PATCH_GONE;
	m->in = count_inside(run_site->alive, run_site->n_alive, m->n);
	m->made = run_site->n_alive - m->in;
	read_scores(m, run_site);
	if (run_site->n_groups == m->n)
		regroup(m, run_site, site);
	else
		keep_only(m, run_site->kept, run_site->n_kept, site);
	m->grouped |= run_site->n_groups == m->n;
}

static int count_tokens(const struct patch_map *m)
{
	bool *seen = mem_alloc((size_t)m->n * sizeof(bool));
	int count = 0;
	for (int i = 0; i < m->n; i++) {
		bool *first = &seen[m->patch[i].group];
		if (m->patch[i].fate == PATCH_STAYS && !*first) {
			*first = true;
			count++;
		}
	}
	free(seen);
	return count;
}

/* ---- all of it ---- */

/* Words are tokens, and no patches of a picture. */
static bool is_text(const struct run *run)
{
	const char *kind = run ? run->input.kind : NULL;
	return kind && (!strcmp(kind, "text") || !strcmp(kind, "tokens"));
}

/* A whole number from 1 on; 0: it is none. */
static int whole(double v, int most)
{
	return v >= 1 && v <= most && v == floor(v) ? (int)v : 0;
}

int patch_map_unit(const struct run *run)
{
	int unit = whole(run->visual.patches_per_token, UNIT_MAX);
	return unit ? unit : 1;
}

/* Cells of the run's own grid; 0: it does not say, or says what cannot be. */
static int own_grid(const struct run *run)
{
	int rows = whole(run->visual.rows, PATCHES_MAX);
	int columns = whole(run->visual.columns, PATCHES_MAX);
	return columns && rows <= PATCHES_MAX / columns ? rows * columns : 0;
}

int patch_map_count(const struct run *run, int64_t otherwise)
{
	if (is_text(run))
		return 0;
	int64_t n = otherwise;
	if (run && run->tokens.n_sites)
		n = run->tokens.sites[0].n_alive;
	else if (run && own_grid(run))
		n = own_grid(run);
	else if (run)
		n = otherwise / patch_map_unit(run);
	return n > 0 && n <= PATCHES_MAX ? (int)n : 0;
}

void patch_map_grid(const struct run *run, int n, int picture_width, int picture_height,
		    int *columns, int *rows)
{
	patches_grid(n, picture_width, picture_height, columns, rows);
	if (!n || own_grid(run) != n)
		return;
	*columns = (int)run->visual.columns;
	*rows = (int)run->visual.rows;
}

/* Without sites and without a list: a run that was measured dropped nothing if it does
 * not say otherwise; an estimate, if nothing was asked of it. */
static bool drops_nothing(const struct run *run, int n)
{
	struct knobs k = run->knobs;
	if (run->tokens.n_kept)
		return run->tokens.n_kept / patch_map_unit(run) >= n;
	knobs_resolve_method(&k);
	return run->state == RUN_DONE || !strcmp(knob_text(&k, KNOB_METHOD), "none");
}

void patch_map_make(struct patch_map *m, const struct run *run, int site, int n)
{
	*m = (struct patch_map){ .patch = mem_alloc((size_t)n * sizeof(*m->patch)),
				 .n = n,
				 .in = n,
				 .known = true };
	for (int i = 0; i < n; i++)
		m->patch[i] = (struct patch_info){ .site = -1,
						   .score = (double)NAN,
						   .group = i };
	const struct run_tokens *t = &run->tokens;
	int last = site == PATCH_MAP_END || site >= t->n_sites ? t->n_sites - 1 : site;
	for (int i = 0; i <= last; i++)
		apply(m, &t->sites[i], i);
	if (!t->n_sites && site == PATCH_MAP_END && t->kept)
		keep_listed(m, run);
	else
		m->known = t->n_sites || drops_nothing(run, n);
	m->stay = count_tokens(m);
}

void patch_map_release(struct patch_map *m)
{
	free(m->patch);
	*m = (struct patch_map){ 0 };
}

int patch_map_site_at(const struct run *run, double layer)
{
	int at = PATCH_MAP_NONE;
	for (int i = 0; i < run->tokens.n_sites; i++)
		if (run->tokens.sites[i].layer <= layer)
			at = i;
	return at;
}

struct patch_change patch_map_compare(const struct patch_map *a,
				      const struct patch_map *b)
{
	struct patch_change c = { 0 };
	int both = 0;
	for (int i = 0; i < a->n && i < b->n; i++) {
		bool here = a->patch[i].fate == PATCH_STAYS;
		bool there = b->patch[i].fate == PATCH_STAYS;
		c.added += here && !there;
		c.lost += there && !here;
		both += here && there;
		c.moved += here && there && a->patch[i].group != b->patch[i].group;
	}
	int any = both + c.added + c.lost;
	c.jaccard = any ? (double)both / any : (double)NAN;
	return c;
}

static int compare_groups(const void *a, const void *b)
{
	const struct patch_group *x = a, *y = b;
	if (x->size != y->size)
		return y->size - x->size;
	return x->first - y->first;
}

struct patch_group *patch_map_groups(const struct patch_map *m, int *n)
{
	struct patch_group *all = mem_alloc(((size_t)m->n + 1) * sizeof(*all));
	*n = 0;
	for (int i = 0; i < m->n; i++)
		if (m->patch[i].fate == PATCH_STAYS)
			all[m->patch[i].group].size++;
	for (int i = 0; i < m->n; i++)
		if (all[i].size > 1)
			all[(*n)++] = (struct patch_group){ i, all[i].size };
	qsort(all, (size_t)*n, sizeof(*all), compare_groups);
	if (!*n) {
		free(all);
		return NULL;
	}
	return all;
}

/* ---- what choosing costs ---- */

static bool has_component(const char *path, const char *word)
{
	size_t n = strlen(word);
	for (; path; path = strchr(path, '.')) {
		path += *path == '.';
		if (!strncmp(path, word, n) && (path[n] == '.' || !path[n]))
			return true;
	}
	return false;
}

double patch_selection_ns(const struct run *run, double *share)
{
	double sum = (double)NAN, all = 0;
	bool *group = mem_alloc((size_t)run->n_layers * sizeof(bool));
	for (int i = 0; i < run->n_layers; i++)
		if (run->layers[i].parent >= 0)
			group[run->layers[i].parent] = true;
	for (int i = 0; i < run->n_layers; i++) {
		const struct layer *l = &run->layers[i];
		double ns = l->v[METRIC_wall_ns];
		if (isnan(ns) || group[i])
			continue;
		all += ns;
		if (has_component(l->path, "prune") || has_component(l->path, "merge"))
			sum = isnan(sum) ? ns : sum + ns;
	}
	free(group);
	*share = sum / all;
	return sum;
}

bool *patch_site_stays(const struct run_site *site)
{
	bool *stays = mem_alloc((size_t)site->n_alive * sizeof(bool));
	int k = 0;
	for (int i = 0; i < site->n_alive && k < site->n_kept; i++) {
		stays[i] = site->alive[i] == site->kept[k];
		k += stays[i];
	}
	for (int i = 0; k < site->n_kept && i < site->n_alive; i++) /* in another order */
		for (int j = 0; j < site->n_kept && !stays[i]; j++)
			stays[i] = site->alive[i] == site->kept[j];
	return stays;
}
