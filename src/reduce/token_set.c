#include "reduce/token_set.h"

#include <assert.h>
#include <stdio.h>

#include "base/knobs.h"

/* Tokens that there can be at most: a summary for each site comes on top. */
static int64_t count_most(const struct token_set *s, const struct token_start *start)
{
	int64_t made = s->reduction->summary != SUMMARY_OFF || s->reduction->method->fuses
			       ? reduction_sites(s->reduction)
			       : 0;
	if (s->uneven)
		return start->total;
	return s->items * (start->cls + start->tokens + made);
}

/* ---- tokens of several rows ---- */

/* [B, T unit, D] as [B, T, unit D]: the same memory, a row for each token. */
static struct tensor by_token(const struct token_set *s, struct tensor t)
{
	assert(s->unit == 1 || t.ld == tensor_cols(&t));
	t.dim[1] /= s->unit;
	t.dim[2] *= s->unit;
	t.ld *= s->unit;
	return t;
}

/* And back. */
static struct tensor by_row(const struct token_set *s, struct tensor t)
{
	t.dim[1] *= s->unit;
	t.dim[2] /= s->unit;
	t.ld /= s->unit;
	return t;
}

static int64_t tokens_of(const struct token_set *s, const struct tensor *t)
{
	return tensor_rows(t) / s->unit;
}

static struct segments room_for_segments(struct token_set *s, struct pass *p)
{
	if (!s->uneven && !reduction_is_ragged(s->reduction))
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
	int64_t most = s->most;
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
		     struct trace *trace, const struct token_start *start)
{
	*s = (struct token_set){
		.reduction = r,
		.trace = trace,
		.items = start->items,
		.front = start->cls,
		.unit = r->unit,
		.uneven = segments_ragged(&start->rows),
		.rows = start->rows,
	};
	s->most = count_most(s, start);
	p->items = start->items;
	p->n_selected = 0;
	trace->items = start->items;
	trace->patches = start->tokens;
	trace->cls = start->cls;
	trace->unit = r->unit;
	trace->rows = start->rows;
	trace->order = start->order;
	trace->n = 0;
	prepare_sites(s, p);
}

/* How often x is gathered: at the embedding only where what is carried says that it comes
 * by enter. */
static int count_moves(const struct token_set *s)
{
	return s->reduction->n_layers + (s->reduction->at_embed && s->n_carries);
}

int token_set_carry(struct token_set *s, struct pass *p, const char *name,
		    struct tensor t)
{
	assert(s->n_carries < TOKEN_SET_CARRIES && dtype_size(t.dtype) == 4);
	struct token_carry *c = &s->carry[s->n_carries++];
	*c = (struct token_carry){ .name = name, .now = t };
	for (int i = 0; i < 2 && i < count_moves(s); i++)
		c->spare[i] = pass_tensor(p, t.dtype, DIMS(s->most, tensor_cols(&t)));
	return s->n_carries - 1;
}

struct tensor token_set_carried(const struct token_set *s, int carry)
{
	return s->carry[carry].now;
}

/* ---- dropping ---- */

/* Of every item that is not ragged. */
static int64_t candidates_of(const struct token_set *s, const struct tensor *x, int front)
{
	return tokens_of(s, x) / s->items - front - s->back;
}

/* Of items of different sizes each keeps its part; a rule that counts for all of them
 * alike has no answer. */
static enum err choose_part(const struct reduction *r, struct select_opts *o)
{
	if (o->by != SELECT_COUNT)
		return OK;
	o->by = SELECT_PART;
	o->value = r->keep;
	return r->method->rule && !o->tile
		       ? err_set(ERR_USAGE,
				 "--method %s: it counts tokens of all items "
				 "alike, and these pictures have different "
				 "numbers of them",
				 r->method->name)
		       : OK;
}

static struct select_opts plan_drop(const struct token_set *s, struct pass *p,
				    int64_t candidates, int front, bool at_embed)
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
	enum err e = s->uneven ? choose_part(r, &o) : OK;
	if (e && !p->err)
		p->err = e;
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
	struct site site = {
		.layer = -1, .tokens = patches, .parts = 1, .seed = r->seed
	};
	struct select_opts o = plan_drop(s, p, patches.dim[1], 0, true);
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

/* x moves to one place and, from the second time on, back and forth. */
static void start_moving(struct token_set *s, struct pass *p, struct tensor x, int moves)
{
	s->x = x;
	for (int i = 0; i < 2 && i < moves; i++)
		s->spare[i] =
			pass_tensor(p, DT_F32, DIMS(s->most, s->unit * tensor_cols(&x)));
	if (moves && s->reduction->method->merges)
		s->spare_size = pass_tensor(p, DT_F32, DIMS(2, s->most));
}

void token_set_start(struct token_set *s, struct pass *p, struct tensor x)
{
	start_moving(s, p, x, count_moves(s));
}

/* Selects by the scores that are there and moves x and what is carried along. */
static void drop(struct token_set *s, struct pass *p, struct trace_site *t,
		 const struct select_opts *o)
{
	struct tensor old = by_token(s, s->x);
	op_select(p, "select", &t->sel, t->score, o);
	struct tensor x = op_gather(p, "gather", s->spare[s->turn], old, &t->sel);
	if (o->made)
		op_make(p, "make", x, old, &t->sel, made_of(s->reduction), t->score);
	s->x = by_row(s, x);
	for (int i = 0; i < s->n_carries; i++) {
		struct token_carry *c = &s->carry[i];
		c->now = op_gather(p, c->name, c->spare[s->turn], c->now, &t->sel);
	}
	s->turn ^= 1;
	settle(s, o, &t->sel);
}

static bool acts(const struct token_set *s, int layer, enum stage stage)
{
	return s->reduction->method->stage == stage && reduction_at(s->reduction, layer);
}

static struct site site_of(const struct token_set *s, int layer)
{
	return (struct site){ .layer = layer,
			      .tokens = by_token(s, s->x),
			      .parts = s->unit,
			      .seed = s->reduction->seed };
}

/* Scores what `site` says and drops at once. */
static void choose(struct token_set *s, struct pass *p, const struct site *site)
{
	struct trace_site *t = next_site(s, site->layer, tokens_of(s, &s->x));
	struct select_opts o =
		plan_drop(s, p, candidates_of(s, &s->x, s->front), s->front, false);
	p->unit = s->unit;
	span_open(p, "prune", -1);
	s->reduction->method->score(p, site, t->score);
	drop(s, p, t, &o);
	span_close(p);
	p->unit = 1;
	s->last = *t;
	s->last_made = o.made;
}

void token_set_enter(struct token_set *s, struct pass *p, struct tensor x)
{
	start_moving(s, p, x, s->reduction->n_layers + s->reduction->at_embed);
	if (!s->reduction->at_embed)
		return;
	const struct site site = site_of(s, -1);
	choose(s, p, &site);
}

void token_set_before(struct token_set *s, struct pass *p, int layer)
{
	if (!acts(s, layer, STAGE_BEFORE))
		return;
	const struct site site = site_of(s, layer);
	choose(s, p, &site);
}

unsigned token_set_wants(const struct token_set *s, int layer)
{
	return acts(s, layer, STAGE_PROJECTED) ? s->reduction->method->needs : 0;
}

void token_set_projected(struct token_set *s, struct pass *p, int layer,
			 struct tensor projected, int heads)
{
	struct site site = site_of(s, layer);
	site.projected = by_token(s, projected);
	site.projected_heads = s->unit * heads;
	choose(s, p, &site);
}

struct tensor token_set_follow(struct token_set *s, struct pass *p, const char *name,
			       struct tensor t)
{
	char make[48];
	const struct selection *sel = &s->last.sel;
	t = by_token(s, t);
	p->unit = s->unit;
	struct tensor to = selection_shape(sel, DT_F32, tensor_cols(&t));
	to = op_gather(p, name, pass_tensor(p, DT_F32, to.ndim, to.dim), t, sel);
	if (s->last_made) {
		snprintf(make, sizeof(make), "%s_made", name);
		op_make(p, make, to, t, sel, made_of(s->reduction), s->last.score);
	}
	p->unit = 1;
	return by_row(s, to);
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
	to.data = s->spare[s->turn].data;
	s->turn ^= 1;
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
	if (m->stage == STAGE_ATTENDED) {
		choose(s, p, &site);
		return;
	}
	struct trace_site *t = next_site(s, layer, tokens_of(s, &s->x));
	s->pending = plan_drop(s, p, candidates_of(s, &s->x, s->front), s->front, false);
	m->score(p, &site, t->score);
	s->is_pending = true;
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
