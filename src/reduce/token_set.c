#include "reduce/token_set.h"

#include <stdio.h>

#include "base/knobs.h"

/* Rows that an item can have at most: a summary for each site comes on top. */
static int64_t most_rows(const struct token_set *s)
{
	const struct trace *t = s->trace;
	int64_t made = s->reduction->summary != SUMMARY_OFF || s->reduction->method->fuses
			       ? reduction_sites(s->reduction)
			       : 0;
	return s->items * (t->cls + t->patches + made);
}

static struct segments room_for_segments(struct token_set *s, struct pass *p)
{
	if (!reduction_is_ragged(s->reduction))
		return (struct segments){ 0 };
	return (struct segments){
		.start = pass_tensor(p, DT_I32, DIMS(s->items)),
		.length = pass_tensor(p, DT_I32, DIMS(s->items)),
		.back = pass_tensor(p, DT_I32, DIMS(s->items)),
	};
}

/* What a site leaves behind is made before the layers, whose temporaries come and go. */
static void prepare_sites(struct token_set *s, struct pass *p)
{
	const struct method *m = s->reduction->method;
	int64_t most = most_rows(s);
	for (int i = 0; i < reduction_sites(s->reduction); i++) {
		struct trace_site *site = &s->trace->sites[i];
		*site = (struct trace_site){ 0 };
		if (m->merges) {
			site->into = pass_tensor(p, DT_I32, DIMS(most));
			continue;
		}
		site->score = pass_tensor(p, DT_F32, DIMS(most));
		site->sel.rows = pass_tensor(p, DT_I32, DIMS(most));
		site->sel.out = room_for_segments(s, p);
	}
}

void token_set_begin(struct token_set *s, struct pass *p, const struct reduction *r,
		     struct trace *trace, int64_t items, int64_t patches, bool cls)
{
	*s = (struct token_set){
		.reduction = r, .trace = trace, .items = items, .front = cls
	};
	p->items = items;
	p->n_selected = 0;
	trace->items = items;
	trace->patches = patches;
	trace->cls = cls;
	trace->n = 0;
	prepare_sites(s, p);
}

/* ---- dropping ---- */

/* Of every item that is not ragged. */
static int64_t candidates_of(const struct token_set *s, const struct tensor *x, int front)
{
	return tensor_rows(x) / s->items - front - s->back;
}

static struct select_opts plan_drop(const struct token_set *s, int64_t candidates,
				    int front, bool at_embed)
{
	const struct reduction *r = s->reduction;
	struct select_opts o = {
		.by = SELECT_COUNT,
		.front = front,
		.back = s->back,
		.cls = at_embed && s->front,
		.padded = r->padded,
	};
	bool wanted = r->summary != SUMMARY_OFF || r->method->fuses;
	if (r->method->rule)
		r->method->rule(r, candidates, s->front + s->back + wanted, &o);
	else
		o.count = knob_kept(candidates, r->keep);
	o.made = wanted && (o.by != SELECT_COUNT || o.count < candidates);
	return o;
}

static enum made made_of(const struct reduction *r)
{
	return r->method->fuses            ? MADE_SUM_DROPPED
	       : r->summary == SUMMARY_ALL ? MADE_MEAN_ALL
					   : MADE_MEAN_DROPPED;
}

static struct trace_site *next_site(struct token_set *s, int layer, int64_t rows)
{
	struct trace_site *site = &s->trace->sites[s->trace->n++];
	site->layer = layer;
	site->score.dim[0] = rows;
	site->sel.in = s->rows;
	site->sel.items = s->items;
	return site;
}

/* After a selection by `o` of what is now in x. */
static void settle(struct token_set *s, const struct select_opts *o,
		   const struct selection *sel)
{
	s->rows = sel->out;
	if (o->made && !s->reduction->method->fuses)
		s->back++;
}

struct tensor token_set_embed(struct token_set *s, struct pass *p, struct tensor patches,
			      struct tensor cls, struct tensor pos)
{
	const struct reduction *r = s->reduction;
	if (!r->at_embed)
		return op_embed(p, "position", patches, NULL, cls, pos);
	struct trace_site *t = next_site(s, -1, tensor_rows(&patches));
	struct site site = { .layer = -1, .tokens = patches, .seed = r->seed };
	struct select_opts o = plan_drop(s, patches.dim[1], 0, true);
	span_open(p, "prune", -1);
	r->method->score(p, &site, t->score);
	op_select(p, "select", &t->sel, t->score, &o);
	span_close(p);
	struct tensor x = op_embed(p, "position", patches, &t->sel, cls, pos);
	if (o.made)
		op_make(p, "prune.make", x, patches, &t->sel, made_of(r), t->score);
	settle(s, &o, &t->sel);
	return x;
}

void token_set_start(struct token_set *s, struct pass *p, struct tensor x)
{
	s->x = x;
	if (!s->reduction->n_layers)
		return;
	/* x moves to one place and, from the second time on, back and forth. */
	int64_t rows = most_rows(s), cols = tensor_cols(&x);
	for (int i = 0; i < 2 && i < s->reduction->n_layers; i++)
		s->spare[i] = pass_tensor(p, DT_F32, DIMS(rows, cols));
	if (!s->reduction->method->merges)
		return;
	s->spare_size = pass_tensor(p, DT_F32, DIMS(2, rows));
}

static struct tensor next_room(struct token_set *s)
{
	struct tensor room = s->spare[s->turn];
	s->turn ^= 1;
	return room;
}

/* Selects by the scores that are there and moves x. */
static void drop(struct token_set *s, struct pass *p, struct trace_site *t,
		 const struct select_opts *o)
{
	struct tensor old = s->x;
	op_select(p, "select", &t->sel, t->score, o);
	s->x = op_gather(p, "gather", next_room(s), old, &t->sel);
	if (o->made)
		op_make(p, "make", s->x, old, &t->sel, made_of(s->reduction), t->score);
	settle(s, o, &t->sel);
}

static bool acts(const struct token_set *s, int layer, enum stage stage)
{
	return s->reduction->method->stage == stage && reduction_at(s->reduction, layer);
}

static struct site site_of(const struct token_set *s, int layer)
{
	return (struct site){ .layer = layer,
			      .tokens = s->x,
			      .seed = s->reduction->seed };
}

void token_set_before(struct token_set *s, struct pass *p, int layer)
{
	if (!acts(s, layer, STAGE_BEFORE))
		return;
	struct site site = site_of(s, layer);
	struct trace_site *t = next_site(s, layer, tensor_rows(&s->x));
	struct select_opts o =
		plan_drop(s, candidates_of(s, &s->x, s->front), s->front, false);
	span_open(p, "prune", -1);
	s->reduction->method->score(p, &site, t->score);
	drop(s, p, t, &o);
	span_close(p);
}

unsigned token_set_wants(const struct token_set *s, int layer)
{
	return acts(s, layer, STAGE_PROJECTED) ? s->reduction->method->needs : 0;
}

void token_set_projected(struct token_set *s, struct pass *p, int layer,
			 struct tensor projected, int heads)
{
	struct site site = site_of(s, layer);
	struct trace_site *t = next_site(s, layer, tensor_rows(&s->x));
	struct select_opts o =
		plan_drop(s, candidates_of(s, &s->x, s->front), s->front, false);
	site.projected = projected;
	site.projected_heads = heads;
	span_open(p, "prune", -1);
	s->reduction->method->score(p, &site, t->score);
	drop(s, p, t, &o);
	span_close(p);
	s->last = *t;
	s->last_made = o.made;
}

struct tensor token_set_follow(struct token_set *s, struct pass *p, const char *name,
			       struct tensor t)
{
	char make[48];
	const struct selection *sel = &s->last.sel;
	struct tensor to = selection_shape(sel, DT_F32, tensor_cols(&t));
	to = op_gather(p, name, pass_tensor(p, DT_F32, to.ndim, to.dim), t, sel);
	if (!s->last_made)
		return to;
	snprintf(make, sizeof(make), "%s_made", name);
	op_make(p, make, to, t, sel, made_of(s->reduction), s->last.score);
	return to;
}

/* ---- merging ---- */

static void merge(struct token_set *s, struct pass *p, const struct site *site)
{
	int64_t items = s->items, tokens = s->x.dim[1], most = (tokens - s->front) / 2;
	int64_t r = s->reduction->merge_r < most ? s->reduction->merge_r : most;
	if (r <= 0)
		return;
	struct trace_site *t = &s->trace->sites[s->trace->n++];
	t->layer = site->layer;
	t->merged = r;
	t->into.dim[0] = items * tokens;
	struct tensor to =
		tensor_of(DT_F32, NULL, DIMS(items, tokens - r, tensor_cols(&s->x)));
	struct tensor size = tensor_of(DT_F32, NULL, DIMS(items, tokens - r));
	struct tensor sizes = s->spare_size;
	sizes.data = sizes.data ? tensor_row(&sizes, s->turn) : NULL;
	size.data = sizes.data;
	to.data = next_room(s).data;
	span_open(p, "merge", -1);
	op_match(p, "match", t->into, site->k, site->heads, r, s->front > 0);
	s->x = op_merge(p, "average", to, size, s->x, s->size, t->into);
	span_close(p);
	s->size = size;
}

void token_set_attended(struct token_set *s, struct pass *p, int layer, struct tensor q,
			struct tensor k, int heads, float scale)
{
	const struct method *m = s->reduction->method;
	if (!acts(s, layer, STAGE_ATTENDED) && !acts(s, layer, STAGE_AFTER))
		return;
	struct site site = site_of(s, layer);
	site.q = q;
	site.k = k;
	site.heads = heads;
	site.scale = scale;
	if (m->merges) {
		merge(s, p, &site);
		return;
	}
	struct trace_site *t = next_site(s, layer, tensor_rows(&s->x));
	struct select_opts o =
		plan_drop(s, candidates_of(s, &s->x, s->front), s->front, false);
	if (m->stage == STAGE_AFTER) {
		m->score(p, &site, t->score);
		s->pending = o;
		s->is_pending = true;
		return;
	}
	span_open(p, "prune", -1);
	m->score(p, &site, t->score);
	drop(s, p, t, &o);
	span_close(p);
}

void token_set_after(struct token_set *s, struct pass *p)
{
	if (!s->is_pending)
		return;
	s->is_pending = false;
	span_open(p, "prune", -1);
	drop(s, p, &s->trace->sites[s->trace->n - 1], &s->pending);
	span_close(p);
}
