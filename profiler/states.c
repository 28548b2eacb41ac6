#include "profiler/states.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* ---- what is held ---- */

static void list_release(struct parts_list *l)
{
	for (int i = 0; i < l->n; i++) {
		for (int j = 0; j < l->layers[i].n; j++)
			free(l->layers[i].parts[j].x.data);
		free(l->layers[i].parts);
	}
	free(l->layers);
	*l = (struct parts_list){ 0 };
}

void states_release(struct states *s)
{
	list_release(&s->hidden);
	list_release(&s->scan);
	free(s->key);
	*s = (struct states){ 0 };
}

bool states_hold(const struct states *s, const char *key)
{
	return s->key && !s->lost && s->hidden.n + s->scan.n && !strcmp(s->key, key);
}

static struct layer_parts *layer_at(struct parts_list *l, int layer)
{
	while (l->n <= layer) {
		l->layers = mem_grow(l->layers, (size_t)l->n + 1, sizeof(*l->layers));
		l->layers[l->n++] = (struct layer_parts){ 0 };
	}
	return &l->layers[layer];
}

static const struct layer_parts *held_at(const struct parts_list *l, int layer)
{
	return layer >= 0 && layer < l->n ? &l->layers[layer] : NULL;
}

/* A row of any type as F32: where it lies, or in `room`. */
static const float *row_f32(const struct tensor *x, int64_t row, float *room)
{
	const void *at = tensor_row_any(x, row);
	if (x->dtype == DT_F32)
		return at;
	dtype_to_f32(x->dtype, at, room, (size_t)tensor_cols(x));
	return room;
}

static struct tensor copy_of(const struct tensor *x)
{
	struct tensor copy = tensor_of(DT_F32, NULL, x->ndim, x->dim);
	size_t row = sizeof(float) * (size_t)tensor_cols(x);
	copy.data = malloc((size_t)tensor_bytes(&copy) + 1);
	for (int64_t i = 0; copy.data && i < tensor_rows(x); i++) {
		float *to = tensor_row(&copy, i);
		const float *from = row_f32(x, i, to);
		if (from != to)
			memcpy(to, from, row);
	}
	return copy;
}

static void hold(struct states *s, struct parts_list *list, int layer, int64_t first,
		 const struct tensor *x)
{
	size_t bytes = sizeof(float) * (size_t)tensor_count(x);
	if (s->lost || layer < 0)
		return;
	struct state_part part = { .first = first };
	if (bytes <= STATES_MAX_BYTES - s->bytes)
		part.x = copy_of(x);
	if (!part.x.data) {
		list_release(&s->hidden);
		list_release(&s->scan);
		s->lost = true;
		return;
	}
	struct layer_parts *l = layer_at(list, layer);
	l->parts = mem_grow(l->parts, (size_t)l->n + 1, sizeof(*l->parts));
	l->parts[l->n++] = part;
	s->bytes += bytes;
}

static void hold_hidden(void *ctx, int layer, int64_t first, const struct tensor *x)
{
	struct states *s = ctx;
	hold(s, &s->hidden, layer, first, x);
}

static void hold_scan(void *ctx, int layer, int64_t position, const struct tensor *state)
{
	struct states *s = ctx;
	hold(s, &s->scan, layer, position, state);
}

struct witness states_record(struct states *s, const char *key)
{
	states_release(s);
	s->key = str_dup(key);
	return (struct witness){ .ctx = s, .hidden = hold_hidden, .state = hold_scan };
}

/* ---- hidden states ---- */

void states_match_release(struct states_match *m)
{
	free(m->cosine);
	free(m->errors);
	free(m->scan_bytes);
	*m = (struct states_match){ 0 };
}

static struct state_sum *cosine_at(struct states_match *m, int layer)
{
	while (m->n_cosine <= layer) {
		m->cosine =
			mem_grow(m->cosine, (size_t)m->n_cosine + 1, sizeof(*m->cosine));
		m->cosine[m->n_cosine++] = (struct state_sum){ 0, 0 };
	}
	return &m->cosine[layer];
}

/* A row without length has no angle and does not count. */
static void add_cosine(struct state_sum *s, const float *a, const float *b, int64_t n)
{
	double dot = 0, aa = 0, bb = 0;
	for (int64_t i = 0; i < n; i++) {
		double u = (double)a[i], v = (double)b[i];
		dot += u * v;
		aa += u * u;
		bb += v * v;
	}
	if (aa == 0 || bb == 0)
		return;
	double cosine = dot / sqrt(aa * bb);
	s->sum += cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
	s->n++;
}

/* The base's row of a token of an item, or NULL. */
static const float *base_row(const struct layer_parts *l, int64_t item, int64_t token)
{
	for (int i = 0; i < l->n; i++) {
		const struct state_part *p = &l->parts[i];
		if (p->x.ndim != 3 || token < p->first || token >= p->first + p->x.dim[1])
			continue;
		return item < p->x.dim[0]
			       ? tensor_row(&p->x, item * p->x.dim[1] + token - p->first)
			       : NULL;
	}
	return NULL;
}

/* All tokens are there, in order: item by item. */
static bool match_in_order(struct state_sum *s, const struct layer_parts *l,
			   int64_t first, const struct tensor *x, float *room)
{
	int64_t rows = x->ndim == 3 ? x->dim[1] : 0;
	for (int64_t i = 0; i < tensor_rows(x); i++) {
		const float *theirs =
			rows ? base_row(l, i / rows, first + i % rows) : NULL;
		if (!theirs)
			return false;
		add_cosine(s, row_f32(x, i, room), theirs, tensor_cols(x));
	}
	return true;
}

/* Rows that are left of an item, from row `at` of x on, against the base's, which begin
 * at row `base_at`; counted in tokens. */
static void match_item(struct state_sum *s, const struct trace *t, const int64_t *places,
		       int64_t n, const struct tensor *x, int64_t at,
		       const struct tensor *base, int64_t base_at, float *room)
{
	for (int64_t i = 0; i < n; i++)
		for (int64_t j = 0; places[i] >= 0 && j < t->unit; j++) {
			int64_t mine = (at + i) * t->unit + j;
			int64_t theirs = (base_at + places[i]) * t->unit + j;
			if (mine < tensor_rows(x) && theirs < tensor_rows(base))
				add_cosine(s, row_f32(x, mine, room),
					   tensor_row(base, theirs), tensor_cols(x));
		}
}

/* By the trace; false: it does not tell of these rows. */
static bool match_left(struct state_sum *s, const struct trace *t,
		       const struct tensor *base, const struct tensor *x, float *room)
{
	int64_t at = 0, base_at = 0;
	int64_t *places = mem_alloc(sizeof(*places) *
				    (size_t)(t->cls + t->patches + TRACE_MAX_SITES));
	for (int64_t b = 0; b < t->items; b++) {
		int64_t n = trace_places(t, b, places);
		match_item(s, t, places, n, x, at, base, base_at, room);
		at += n;
		base_at += t->cls + trace_count(t, b);
	}
	free(places);
	return at * t->unit == tensor_rows(x) && base_at * t->unit == tensor_rows(base);
}

static void match_hidden(void *ctx, int layer, int64_t first, const struct tensor *x)
{
	struct states_match *m = ctx;
	const struct layer_parts *l = held_at(&m->base->hidden, layer);
	if (layer < 0)
		return;
	struct state_sum *s = cosine_at(m, layer);
	bool known =
		l && l->n && tensor_cols(&l->parts[0].x) == tensor_cols(x) && s->n >= 0;
	float *room = mem_alloc(sizeof(float) * (size_t)tensor_cols(x));
	if (known && m->trace->items)
		known = match_left(s, m->trace, &l->parts[0].x, x, room);
	else if (known)
		known = match_in_order(s, l, first, x, room);
	free(room);
	if (!known)
		*s = (struct state_sum){ 0, -1 };
}

/* ---- states of a scan ---- */

static struct state_sum *error_at(struct states_match *m, int64_t position)
{
	int i = 0;
	while (i < m->n_errors && m->errors[i].at < position)
		i++;
	if (i < m->n_errors && m->errors[i].at == position)
		return &m->errors[i].of;
	m->errors = mem_grow(m->errors, (size_t)m->n_errors + 1, sizeof(*m->errors));
	memmove(m->errors + i + 1, m->errors + i,
		sizeof(*m->errors) * (size_t)(m->n_errors - i));
	m->n_errors++;
	m->errors[i] = (struct state_error){ .at = position };
	return &m->errors[i].of;
}

/* |S - base's| / |base's| of each item. */
static void add_errors(struct state_sum *s, const struct tensor *x,
		       const struct tensor *base, float *room)
{
	int64_t each = tensor_rows(x) / x->dim[0];
	for (int64_t b = 0; b < x->dim[0]; b++) {
		double diff = 0, norm = 0;
		for (int64_t i = b * each; i < (b + 1) * each; i++) {
			const float *u = row_f32(x, i, room), *v = tensor_row(base, i);
			for (int64_t j = 0; j < tensor_cols(x); j++) {
				double d = (double)u[j] - (double)v[j];
				diff += d * d;
				norm += (double)v[j] * (double)v[j];
			}
		}
		if (norm == 0)
			continue;
		s->sum += sqrt(diff / norm);
		s->n++;
	}
}

static void note_bytes(struct states_match *m, int layer, const struct tensor *state)
{
	while (m->n_scan <= layer) {
		m->scan_bytes = mem_grow(m->scan_bytes, (size_t)m->n_scan + 1,
					 sizeof(*m->scan_bytes));
		m->scan_bytes[m->n_scan++] = 0;
	}
	m->scan_bytes[layer] = (double)(tensor_bytes(state) / state->dim[0]);
}

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
	return a->ndim == b->ndim && a->ndim > 1 && a->dim[0] > 0 &&
	       !memcmp(a->dim, b->dim, sizeof(a->dim[0]) * (size_t)a->ndim);
}

static void match_scan(void *ctx, int layer, int64_t position, const struct tensor *state)
{
	struct states_match *m = ctx;
	const struct layer_parts *l = held_at(&m->base->scan, layer);
	if (layer < 0)
		return;
	note_bytes(m, layer, state);
	float *room = mem_alloc(sizeof(float) * (size_t)tensor_cols(state));
	for (int i = 0; l && i < l->n; i++)
		if (l->parts[i].first == position && same_shape(&l->parts[i].x, state))
			add_errors(error_at(m, position), state, &l->parts[i].x, room);
	free(room);
}

static void add_gates(void *ctx, const struct tensor *g)
{
	struct states_match *m = ctx;
	for (int64_t i = 0; i < tensor_rows(g); i++)
		for (int64_t d = 0; d < tensor_cols(g); d++)
			m->gates.sum += (double)tensor_row(g, i)[d];
	m->gates.n += tensor_count(g);
}

struct witness states_compare(struct states_match *m)
{
	return (struct witness){
		.ctx = m, .hidden = match_hidden, .state = match_scan, .gate = add_gates
	};
}

int64_t states_every(int64_t length)
{
	int64_t every = (length + 255) / 256 * 16;
	return length >= 2 * every ? every : 0;
}

/* ---- the result ---- */

/* "blocks.3" is a numbered group. */
static bool is_numbered(const struct layer *l)
{
	const char *dot = l->path ? strrchr(l->path, '.') : NULL;
	return str_equal(l->kind, "group") && dot && dot[1] &&
	       dot[1 + strspn(dot + 1, "0123456789")] == 0;
}

/* What is inside of one is not another layer. */
static bool is_layer(const struct run *r, int i)
{
	if (!is_numbered(&r->layers[i]))
		return false;
	for (int p = r->layers[i].parent; p >= 0; p = r->layers[p].parent)
		if (is_numbered(&r->layers[p]))
			return false;
	return true;
}

static double mean_of(const struct state_sum *s)
{
	return s->n > 0 ? s->sum / (double)s->n : (double)NAN;
}

static void report_errors(const struct states_match *m, struct run *run)
{
	struct run_ssm *to = &run->ssm;
	if (!m->n_scan)
		return;
	to->state_bytes = 0;
	for (int i = 0; i < m->n_scan; i++)
		to->state_bytes += m->scan_bytes[i];
	if (!m->n_errors)
		return;
	to->state_at = run_doubles(run, NULL, m->n_errors);
	to->state_error = run_doubles(run, NULL, m->n_errors);
	to->n_state_at = to->n_state_error = m->n_errors;
	for (int i = 0; i < m->n_errors; i++) {
		to->state_at[i] = (double)m->errors[i].at;
		to->state_error[i] = mean_of(&m->errors[i].of);
	}
}

void states_report(const struct states_match *m, struct run *run)
{
	int layer = 0;
	for (int i = 0; i < run->n_layers && layer < m->n_cosine; i++)
		if (is_layer(run, i))
			run->layers[i].v[METRIC_cosine] = mean_of(&m->cosine[layer++]);
	report_errors(m, run);
	if (m->gates.n && isnan(run->mrss.gate_mean))
		run->mrss.gate_mean = mean_of(&m->gates);
}
