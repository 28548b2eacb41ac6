#include "reduce/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* The rows of one item as a site finds them: the name of each, the class token -1. What
 * tokens are called outside is looked up at the end: here it is their place. */
struct roll {
	const struct trace *trace;
	int64_t item;
	int64_t *names, n;
	int64_t *groups; /* [patches], where anything was merged */
	int64_t made;
};

static void roll_begin(struct roll *r, const struct trace *t, int64_t item)
{
	int64_t room = t->cls + t->patches + TRACE_MAX_SITES;
	*r = (struct roll){ .trace = t, .item = item };
	r->names = mem_alloc(sizeof(int64_t) * (size_t)room);
	/* At the embedding there is no class token among the rows yet. */
	int64_t cls = t->n && t->sites[0].layer < 0 ? 0 : t->cls;
	for (int64_t i = 0; i < cls + trace_count(t, item); i++)
		r->names[r->n++] = i - cls;
}

int64_t trace_count(const struct trace *t, int64_t item)
{
	bool uneven = segments_ragged(&t->rows);
	return uneven ? ((const int32_t *)t->rows.length.data)[item] : t->patches;
}

int64_t trace_count_behind(const struct trace *t, int layer, int64_t item)
{
	int64_t n = trace_count(t, item);
	for (int i = 0; i < t->n && t->sites[i].layer <= layer; i++) {
		const struct trace_site *site = &t->sites[i];
		int64_t begin, rows;
		segments_rows(&site->sel.out, site->sel.rows.dim[0] / t->items, item,
			      &begin, &rows);
		n = site->into.ndim ? n - site->merged : rows - t->cls;
	}
	return n;
}

/* What a token is called. */
static int64_t name_of(const struct trace *t, int64_t item, int64_t place)
{
	if (!t->order || place < 0 || place >= t->patches)
		return place;
	int64_t first = segments_ragged(&t->rows)
				? ((const int32_t *)t->rows.start.data)[item]
				: item * t->patches;
	return t->order[first + place];
}

static void roll_release(struct roll *r)
{
	free(r->names);
	free(r->groups);
}

static void rows_of(const struct segments *s, int64_t each, int64_t item, int64_t *begin,
		    int64_t *n)
{
	bool ragged = segments_ragged(s);
	*begin = ragged ? ((const int32_t *)s->start.data)[item] : item * each;
	*n = ragged ? ((const int32_t *)s->length.data)[item] : each;
}

/* Where the item's rows lie in the source and in the result of a selection. */
static void find_rows(const struct roll *r, const struct selection *s, int64_t *in,
		      int64_t *out, int64_t *n_out)
{
	int64_t n_in;
	rows_of(&s->in, r->n, r->item, in, &n_in);
	rows_of(&s->out, s->rows.dim[0] / s->items, r->item, out, n_out);
}

static void roll_select(struct roll *r, const struct selection *s)
{
	int64_t in, out, n;
	const int32_t *rows = s->rows.data;
	find_rows(r, s, &in, &out, &n);
	int64_t *next =
		mem_alloc(sizeof(int64_t) *
			  (size_t)(r->trace->cls + r->trace->patches + TRACE_MAX_SITES));
	for (int64_t i = 0; i < n; i++) {
		int32_t row = rows[out + i];
		next[i] = row >= 0         ? r->names[row - in]
			  : row == ROW_CLS ? -1
					   : r->trace->patches + r->made++;
	}
	free(r->names);
	r->names = next;
	r->n = n;
}

static void rename_group(struct roll *r, int64_t from, int64_t to)
{
	for (int64_t i = 0; from != to && i < r->trace->patches; i++)
		if (r->groups[i] == from)
			r->groups[i] = to;
}

static void roll_merge(struct roll *r, const struct trace_site *site)
{
	int64_t rows = r->n - site->merged;
	const int32_t *into = (const int32_t *)site->into.data + r->item * r->n;
	int64_t *next = mem_alloc(sizeof(int64_t) * (size_t)(r->n + 1));
	if (!r->groups) {
		r->groups = mem_alloc(sizeof(int64_t) * (size_t)r->trace->patches);
		for (int64_t i = 0; i < r->trace->patches; i++)
			r->groups[i] = i;
	}
	for (int64_t i = 0; i < rows; i++)
		next[i] = INT64_MAX;
	for (int64_t i = 0; i < r->n; i++) {
		int64_t *to = &next[into[i] - r->item * rows];
		*to = r->names[i] < *to ? r->names[i] : *to;
	}
	for (int64_t i = 0; i < r->n; i++)
		rename_group(r, r->names[i], next[into[i] - r->item * rows]);
	free(r->names);
	r->names = next;
	r->n = rows;
}

static void roll_on(struct roll *r, const struct trace_site *site)
{
	if (site->into.ndim)
		roll_merge(r, site);
	else
		roll_select(r, &site->sel);
}

/* What is there after the first `sites` of them. */
static void roll_begin_after(struct roll *r, const struct trace *t, int64_t item,
			     int sites)
{
	roll_begin(r, t, item);
	for (int i = 0; i < sites; i++)
		roll_on(r, &t->sites[i]);
}

/* ---- one site ---- */

static void tell_alive(const struct roll *r, const struct trace_site *site,
		       struct trace_story *s)
{
	int64_t front = site->into.ndim ? r->trace->cls : site->sel.front;
	int64_t back = site->into.ndim
			       ? 0
			       : segments_back(&site->sel.in, site->sel.back, r->item);
	s->n_alive = r->n - front - back;
	s->alive = mem_alloc(sizeof(int64_t) * (size_t)(s->n_alive + 1));
	memcpy(s->alive, r->names + front, sizeof(int64_t) * (size_t)s->n_alive);
	if (site->into.ndim)
		return;
	int64_t in, n;
	rows_of(&site->sel.in, r->n, r->item, &in, &n);
	s->scores = mem_alloc(sizeof(float) * (size_t)(s->n_alive + 1));
	memcpy(s->scores, tensor_f32(&site->score) + in + front,
	       sizeof(float) * (size_t)s->n_alive);
}

static void tell_kept(const struct roll *r, const struct trace_site *site,
		      struct trace_story *s)
{
	s->kept = mem_alloc(sizeof(int64_t) * (size_t)(s->n_alive + 1));
	/* Both lists have the rows' order, and what was made now is not in the first. */
	for (int64_t i = 0, at = 0; i < r->n; i++)
		for (int64_t j = at; j < s->n_alive; j++)
			if (s->alive[j] == r->names[i]) {
				s->kept[s->n_kept++] = s->alive[j];
				at = j + 1;
				break;
			}
	if (!site->into.ndim)
		return;
	size_t bytes = sizeof(int64_t) * (size_t)r->trace->patches;
	s->groups = memcpy(mem_alloc(bytes + 1), r->groups, bytes);
}

struct named {
	int64_t name;
	float score;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	return (x->name > y->name) - (x->name < y->name);
}

/* Names instead of places, ascending; their scores go along. */
static void rename_all(const struct trace *t, int64_t item, int64_t *names, int64_t n,
		       float *scores)
{
	struct named *all = mem_alloc(sizeof(*all) * (size_t)(n + 1));
	for (int64_t i = 0; i < n; i++)
		all[i] = (struct named){ name_of(t, item, names[i]),
					 scores ? scores[i] : 0 };
	qsort(all, (size_t)n, sizeof(*all), by_name);
	for (int64_t i = 0; i < n; i++) {
		names[i] = all[i].name;
		if (scores)
			scores[i] = all[i].score;
	}
	free(all);
}

void trace_tell(const struct trace *t, int site, int64_t item, struct trace_story *s)
{
	struct roll r;
	*s = (struct trace_story){ .layer = t->sites[site].layer };
	roll_begin_after(&r, t, item, site);
	tell_alive(&r, &t->sites[site], s);
	roll_on(&r, &t->sites[site]);
	tell_kept(&r, &t->sites[site], s);
	roll_release(&r);
	if (!t->order)
		return;
	rename_all(t, item, s->alive, s->n_alive, s->scores);
	rename_all(t, item, s->kept, s->n_kept, NULL);
}

void trace_story_release(struct trace_story *s)
{
	free(s->alive);
	free(s->scores);
	free(s->kept);
	free(s->groups);
	*s = (struct trace_story){ 0 };
}

static int compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

int64_t trace_kept(const struct trace *t, int64_t item, int32_t *out)
{
	struct roll r;
	int64_t n = 0;
	roll_begin_after(&r, t, item, t->n);
	for (int64_t i = 0; i < r.n; i++)
		if (r.names[i] >= 0 && r.names[i] < t->patches)
			out[n++] = (int32_t)name_of(t, item, r.names[i]);
	roll_release(&r);
	qsort(out, (size_t)n, sizeof(*out), compare);
	return n;
}

int64_t trace_kept_patches(const struct trace *t, int64_t item, int32_t *out)
{
	int64_t n = trace_kept(t, item, out);
	for (int64_t i = n - 1; i >= 0; i--)
		for (int64_t j = t->unit - 1; j >= 0; j--)
			out[i * t->unit + j] = (int32_t)(out[i] * t->unit + j);
	return n * t->unit;
}

int64_t trace_left(const struct trace *t, int64_t item, int64_t *out)
{
	struct roll r;
	int64_t n = 0;
	roll_begin_after(&r, t, item, t->n);
	for (int64_t i = 0; i < r.n; i++)
		if (r.names[i] >= 0)
			out[n++] = r.names[i];
	roll_release(&r);
	if (t->order)
		rename_all(t, item, out, n, NULL);
	return n;
}

int64_t trace_places(const struct trace *t, int64_t item, int64_t *out)
{
	struct roll r;
	roll_begin_after(&r, t, item, t->n);
	int64_t n = r.n;
	for (int64_t i = 0; i < n; i++)
		out[i] = r.names[i] < t->patches ? r.names[i] + t->cls : -1;
	roll_release(&r);
	return n;
}
