#include "profiler/spans.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/probe.h"

#define READING_SLOTS 16 /* metrics of all probes together */

/* Counters at an edge of a span, probe after probe; of a span: the difference of two. */
struct reading {
	int64_t v[READING_SLOTS];
};

struct span {
	char *name, *path;
	int parent;
	bool group;
	int calls;             /* in the last pass */
	struct op_count count; /* of all of them */
	struct reading opened;
};

/* One pass: a reading per row. */
struct span_pass {
	struct reading *rows; /* [n] */
	int64_t start_ns, wall_ns;
};

/* The probes that work here, where their values lie in a reading, and how many there are.
 */
static struct {
	const struct probe *probe;
	int slot;
} active[READING_SLOTS];
static int n_active, n_slots;

static void find_probes(void)
{
	char reason[128];
	if (n_slots)
		return;
	for (int i = 0; probes[i]; i++) {
		const struct probe *p = probes[i];
		if (p->available && !p->available(reason, sizeof(reason)))
			continue;
		assert(n_slots + p->n <= READING_SLOTS);
		active[n_active].probe = p;
		active[n_active++].slot = n_slots;
		n_slots += p->n;
	}
}

static void read_at_open(const struct pool *pool, struct reading *r)
{
	for (int i = n_active - 1; i >= 0; i--)
		active[i].probe->read(pool, r->v + active[i].slot);
}

/* Adds what happened since `opened`. */
static void read_at_close(const struct pool *pool, const struct reading *opened,
			  struct reading *span)
{
	struct reading now;
	for (int i = 0; i < n_active; i++)
		active[i].probe->read(pool, now.v + active[i].slot);
	for (int i = 0; i < n_slots; i++)
		span->v[i] += now.v[i] - opened->v[i];
}

static struct spans *spans_of(struct tracer *t)
{
	return (struct spans *)((char *)t - offsetof(struct spans, tracer));
}

static int add_node(struct spans *s, const char *name)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->nodes = mem_grow(s->nodes, (size_t)s->cap, sizeof(*s->nodes));
	}
	struct span *node = &s->nodes[s->n];
	*node = (struct span){ .parent = s->current, .name = str_dup(name) };
	struct str path = STR_INIT;
	if (s->current >= 0)
		str_addf(&path, "%s.", s->nodes[s->current].path);
	str_add(&path, name);
	node->path = str_detach(&path);
	return s->n++;
}

/* The row of a name inside of what is open: one that was there before, as layers are
 * that see one piece of a sequence after the other, or a new one. */
static void learn(struct spans *s, const char *name)
{
	int node = s->current + 1;
	while (node < s->n &&
	       (s->nodes[node].parent != s->current || strcmp(s->nodes[node].name, name)))
		node++;
	if (node == s->n)
		add_node(s, name);
	if (s->n_opens == s->cap_opens) {
		s->cap_opens = s->cap_opens ? 2 * s->cap_opens : 64;
		s->opens = mem_grow(s->opens, (size_t)s->cap_opens, sizeof(*s->opens));
	}
	s->opens[s->n_opens++] = node;
}

/* Whether the next span is the one that opened here when the tree was learnt. */
static bool expected(const struct spans *s, const char *name)
{
	if (s->next >= s->n_opens)
		return false;
	const struct span *node = &s->nodes[s->opens[s->next]];
	return node->parent == s->current && !strcmp(node->name, name);
}

static void on_open(struct tracer *t, const char *name)
{
	struct spans *s = spans_of(t);
	if (!s->learnt) {
		learn(s, name);
	} else if (!expected(s, name)) {
		s->astray = true;
		return;
	}
	s->current = s->opens[s->next++];
	if (s->pool)
		read_at_open(s->pool, &s->nodes[s->current].opened);
}

static void add_count(struct op_count *sum, const struct op_count *c)
{
	sum->flops += c->flops;
	sum->flops_fvcore += c->flops_fvcore;
	sum->flops_torch += c->flops_torch;
	sum->bytes_read += c->bytes_read;
	sum->bytes_written += c->bytes_written;
	sum->tokens_in += c->tokens_in;
	sum->tokens_out += c->tokens_out;
}

static void on_close(struct tracer *t, const struct op_count *count)
{
	struct spans *s = spans_of(t);
	if (s->astray || s->current < 0)
		return;
	struct span *node = &s->nodes[s->current];
	if (s->pool && s->learnt)
		read_at_close(s->pool, &node->opened,
			      &s->passes[s->n_passes].rows[s->current]);
	node->group = !count;
	if (count && node->calls)
		add_count(&node->count, count);
	else if (count)
		node->count = *count;
	node->calls++;
	s->current = node->parent;
}

void spans_init(struct spans *s, const struct pool *pool)
{
	if (pool)
		find_probes();
	*s = (struct spans){ .tracer = { on_open, on_close },
			     .pool = pool,
			     .current = -1 };
}

static void drop_passes(struct spans *s)
{
	for (int i = 0; i < s->cap_passes; i++)
		free(s->passes[i].rows);
	free(s->passes);
	s->passes = NULL;
	s->n_passes = s->cap_passes = 0;
}

void spans_release(struct spans *s)
{
	drop_passes(s);
	for (int i = 0; i < s->n; i++) {
		free(s->nodes[i].name);
		free(s->nodes[i].path);
	}
	free(s->nodes);
	free(s->opens);
	*s = (struct spans){ 0 };
}

/* Memory for the coming pass is taken before its clock starts. */
static void make_room(struct spans *s)
{
	if (s->n_passes < s->cap_passes)
		return;
	int cap = s->cap_passes ? 2 * s->cap_passes : 16;
	s->passes = mem_grow(s->passes, (size_t)cap, sizeof(*s->passes));
	for (int i = s->cap_passes; i < cap; i++)
		s->passes[i] = (struct span_pass){
			.rows = mem_alloc(sizeof(struct reading) * (size_t)s->n)
		};
	s->cap_passes = cap;
}

void spans_begin(struct spans *s)
{
	s->current = -1;
	s->next = 0;
	s->astray = false;
	for (int i = 0; i < s->n; i++)
		s->nodes[i].calls = 0;
	if (!s->pool || !s->learnt)
		return;
	make_room(s);
	struct span_pass *pass = &s->passes[s->n_passes];
	memset(pass->rows, 0, sizeof(*pass->rows) * (size_t)s->n);
	pass->start_ns = clock_now_ns();
}

bool spans_end(struct spans *s, bool complete)
{
	complete = complete && !s->astray && s->current < 0;
	if (!s->learnt) {
		/* A broken first pass leaves half a tree: learn again. */
		s->learnt = complete;
		if (!complete) {
			const struct pool *pool = s->pool;
			spans_release(s);
			spans_init(s, pool);
		}
		return complete;
	}
	complete = complete && s->next == s->n_opens;
	if (s->pool && complete) {
		struct span_pass *pass = &s->passes[s->n_passes++];
		pass->wall_ns = clock_now_ns() - pass->start_ns;
	}
	return complete;
}

double spans_last_ns(const struct spans *s)
{
	return s->n_passes ? (double)s->passes[s->n_passes - 1].wall_ns : (double)NAN;
}

static int by_wall(const void *a, const void *b)
{
	const struct span_pass *x = a, *y = b;
	return (x->wall_ns > y->wall_ns) - (x->wall_ns < y->wall_ns);
}

/* Means over `count` passes; the minimum of the clock over all of them. */
static void report_times(const struct spans *s, const struct span_pass *pass, int count,
			 int row, struct layer *l)
{
	double mean[READING_SLOTS] = { 0 }, least = HUGE_VAL;
	for (int p = 0; p < count; p++)
		for (int i = 0; i < n_slots; i++)
			mean[i] += (double)pass[p].rows[row].v[i] / count;
	for (int p = 0; p < s->n_passes; p++)
		least = fmin(least, (double)s->passes[p].rows[row].v[0]);
	l->v[METRIC_wall_min_ns] = least;
	for (int a = 0; a < n_active; a++) {
		const struct probe *p = active[a].probe;
		bool fine = !p->resolution_ns || mean[0] >= p->resolution_ns();
		for (int i = 0; i < p->n; i++)
			if (fine || !(p->coarse >> i & 1))
				l->v[p->metrics[i]] = mean[active[a].slot + i];
	}
}

static double or_nan(int64_t v) { return v ? (double)v : (double)NAN; }

static void report_counts(const struct span *span, struct run *run, struct layer *l)
{
	const struct op_count *c = &span->count;
	l->v[METRIC_calls] = span->calls;
	if (span->group)
		return; /* sums over its children come from add_up() */
	l->kind = run_str(run, c->kind);
	l->engine = run_str(run, c->engine);
	l->v[METRIC_flops] = c->flops;
	l->v[METRIC_bytes_read] = c->bytes_read;
	l->v[METRIC_bytes_written] = c->bytes_written;
	l->v[METRIC_tokens_in] = or_nan(c->tokens_in);
	l->v[METRIC_tokens_out] = or_nan(c->tokens_out);
	l->v[METRIC_m] = or_nan(c->m);
	l->v[METRIC_n] = or_nan(c->n);
	l->v[METRIC_k] = or_nan(c->k);
	run->flops.ours += c->flops;
	run->flops.fvcore += c->flops_fvcore;
	run->flops.torch += c->flops_torch;
	run->bytes.read += c->bytes_read;
	run->bytes.written += c->bytes_written;
}

/* Counts of groups from their children; self time. Rows come after their parents. */
static void add_up(struct run *run)
{
	static const enum metric_id summed[] = { METRIC_flops, METRIC_bytes_read,
						 METRIC_bytes_written };
	for (int i = 0; i < run->n_layers; i++)
		run->layers[i].v[METRIC_self_ns] = run->layers[i].v[METRIC_wall_ns];
	for (int i = run->n_layers - 1; i >= 0; i--) {
		struct layer *l = &run->layers[i];
		if (l->parent < 0)
			continue;
		struct layer *up = &run->layers[l->parent];
		up->v[METRIC_self_ns] -= l->v[METRIC_wall_ns];
		for (size_t s = 0; s < sizeof(summed) / sizeof(summed[0]); s++) {
			double old = up->v[summed[s]];
			up->v[summed[s]] = l->v[summed[s]] + (isnan(old) ? 0 : old);
		}
		if (!isnan(l->v[METRIC_tokens_in]))
			up->v[METRIC_tokens_in] = l->v[METRIC_tokens_in];
		if (isnan(up->v[METRIC_tokens_out]))
			up->v[METRIC_tokens_out] = l->v[METRIC_tokens_out];
	}
}

/* Tokens that enter each block: the groups called blocks.N, of a vision tower inside of
 * its own group where there is more. */
static void report_tokens(struct run *run)
{
	double *tokens = mem_alloc(sizeof(double) * (size_t)(run->n_layers + 1));
	int n = 0;
	for (int i = 0; i < run->n_layers; i++)
		if (!strncmp(run->layers[i].name, "blocks.", 7))
			tokens[n++] = run->layers[i].v[METRIC_tokens_in];
	run->tokens.per_layer = run_doubles(run, tokens, n);
	run->tokens.n_layers = n;
	free(tokens);
}

void spans_report(const struct spans *s, struct run *run)
{
	/* The middle half by total time (all of them below four passes). */
	struct span_pass *pass = mem_alloc(sizeof(*pass) * (size_t)(s->n_passes + 1));
	if (s->n_passes)
		memcpy(pass, s->passes, sizeof(*pass) * (size_t)s->n_passes);
	qsort(pass, (size_t)s->n_passes, sizeof(*pass), by_wall);
	int first = s->n_passes / 4, count = s->n_passes - 2 * first;

	struct layer *layers = run_add_layers(run, s->n);
	run->flops = (struct run_flops){ 0, 0, 0 };
	run->bytes = (struct run_bytes){ 0, 0 };
	for (int i = 0; i < s->n; i++) {
		layers[i].path = run_str(run, s->nodes[i].path);
		layers[i].name = run_str(run, s->nodes[i].name);
		layers[i].parent = s->nodes[i].parent;
		layers[i].kind = "group";
		report_counts(&s->nodes[i], run, &layers[i]);
		if (s->pool && count)
			report_times(s, pass + first, count, i, &layers[i]);
	}
	add_up(run);
	report_tokens(run);
	free(pass);
}
