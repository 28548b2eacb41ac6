/* A pass of Qwen's vision towers: what goes along with the tokens, attention in pictures
 * and windows, the merger. */
#include <assert.h>
#include <math.h>

#include "models/model.h"
#include "models/qwen_visual.h"

static struct tensor ints(const int32_t *data, int64_t n)
{
	return tensor_of(DT_I32, (void *)(uintptr_t)data, DIMS(n));
}

/* A list with a row for each token, to be carried along. */
static int carry_ints(struct qwen_visual_pass *vp, struct pass *p, const char *name,
		      const int32_t *list, int64_t tokens)
{
	struct tensor t = tensor_of(DT_I32, (void *)(uintptr_t)list, DIMS(1, tokens, 1));
	return list ? token_set_carry(&vp->set, p, name, t) : -1;
}

static bool drops_anything(const struct reduction *r) { return reduction_sites(r) > 0; }

/* What goes with the tokens: as little as is needed, since each is gathered. */
static void carry_all(struct qwen_visual_pass *vp, struct pass *p,
		      const struct qwen_visual *v, const struct qwen_plan *plan,
		      bool text)
{
	int64_t patches = vp->set.unit, width = v->layout.head_dim;
	bool ragged = plan->uneven || reduction_is_ragged(&vp->reduction);
	vp->turn = token_set_carry(
		&vp->set, p, "turn",
		tensor_of(DT_F32, plan->turn, DIMS(1, plan->tokens, patches * width)));
	vp->window = carry_ints(vp, p, "window", plan->window, plan->tokens);
	vp->number = carry_ints(vp, p, "number", plan->order ? plan->number : NULL,
				plan->tokens);
	vp->item = carry_ints(vp, p, "item", ragged ? plan->item : NULL, plan->tokens);
	vp->text = -1;
	if (text)
		vp->text = token_set_carry(
			&vp->set, p, "text_turn",
			tensor_of(DT_F32, plan->picture_turn,
				  DIMS(1, plan->tokens, v->layout.text_head_dim)));
}

/* As the input says, before any token is gone. */
static void first_segments(struct qwen_visual_pass *vp, const struct qwen_plan *plan)
{
	if (plan->uneven)
		vp->pictures = (struct segments){
			.start = ints(plan->row_start, plan->items),
			.length = ints(plan->row_length, plan->items),
		};
	if (plan->window)
		vp->windows = (struct segments){
			.start = ints(plan->window_start, plan->windows),
			.length = ints(plan->window_length, plan->windows),
		};
}

static struct segments room(struct pass *p, int64_t n)
{
	return (struct segments){ .start = pass_tensor(p, DT_I32, DIMS(n)),
				  .length = pass_tensor(p, DT_I32, DIMS(n)) };
}

/* In a dry pass nobody knows what is left of each: *now stays what it was, of which op.c
 * takes the proportions. */
static void find_runs(struct qwen_visual_pass *vp, struct pass *p, const char *name,
		      int carry, struct segments room, struct segments *now)
{
	struct tensor ids = token_set_carried(&vp->set, carry);
	ids = tensor_of(DT_I32, ids.data, DIMS(tensor_rows(&ids)));
	op_runs(p, name, &room, ids, vp->set.unit);
	if (!p->backend->dry || !now->length.data)
		*now = room;
}

/* What attends to each other, once tokens are gone. */
static void refresh_segments(struct qwen_visual_pass *vp, struct pass *p)
{
	if (vp->drops == vp->set.trace->n || (vp->item < 0 && vp->window < 0))
		return;
	vp->drops = vp->set.trace->n;
	if (vp->item >= 0)
		find_runs(vp, p, "prune.pictures", vp->item, vp->pictures_left,
			  &vp->pictures);
	if (vp->window >= 0)
		find_runs(vp, p, "prune.windows", vp->window, vp->windows_left,
			  &vp->windows);
}

static void begin(struct qwen_visual_pass *vp, struct pass *p,
		  const struct qwen_visual *v, const struct model *m,
		  const struct input *in, const struct knobs *k, struct outputs *out,
		  bool text)
{
	const struct qwen_plan *plan = in->plan;
	const struct tower tower = qwen_visual_tower(v, m);
	*vp = (struct qwen_visual_pass){ .fused = vit_is_fused(k) };
	enum err e = reduction_read(k, &tower, &vp->reduction);
	if (e && !p->err) /* qwen_visual_check() has seen these knobs */
		p->err = e;
	struct token_start start = { .items = plan->items,
				     .tokens = plan->largest,
				     .total = plan->tokens,
				     .order = plan->order };
	if (plan->uneven)
		start.rows = (struct segments){
			.start = ints(plan->start, plan->items),
			.length = ints(plan->length, plan->items),
		};
	out->tokens = plan->length[0] * tower.unit;
	token_set_begin(&vp->set, p, &vp->reduction, &out->trace, &start);
	carry_all(vp, p, v, plan, text);
	first_segments(vp, plan);
	if (!drops_anything(&vp->reduction))
		return;
	/* Room for what tokens leave behind, which outlives the blocks' temporaries. */
	if (vp->item >= 0)
		vp->pictures_left = room(p, plan->items);
	if (vp->window >= 0)
		vp->windows_left = room(p, plan->windows);
}

/* [R, head_dim]: a row for each row of x. */
static struct tensor turn_rows(const struct qwen_visual_pass *vp, int64_t width)
{
	struct tensor t = token_set_carried(&vp->set, vp->turn);
	return tensor_of(DT_F32, t.data, DIMS(tensor_rows(&t) * vp->set.unit, width));
}

/* q and k in place: side by side of one product, or apart. */
static void turn(struct pass *p, const struct qwen_visual *v,
		 const struct qwen_visual_pass *vp, struct qkv t)
{
	struct tensor rows = turn_rows(vp, v->layout.head_dim), both = t.q;
	int heads = (int)v->heads;
	bool together = t.q.ld == t.k.ld && t.q.ld >= 2 * v->width;
	if (together) {
		both.dim[both.ndim - 1] = 2 * v->width;
		op_rotary(p, "attn.rotary", both, rows, 2 * heads);
		return;
	}
	op_rotary(p, "attn.rotary_q", t.q, rows, heads);
	op_rotary(p, "attn.rotary_k", t.k, rows, heads);
}

static struct tensor normed(struct pass *p, const struct qwen_visual *v, const char *name,
			    struct tensor x, const struct norm *n)
{
	return v->gated ? op_rmsnorm(p, name, x, n) : op_layernorm(p, name, x, n);
}

/* All rows of all items as one: the shape of what segments cut up. */
static struct tensor in_a_row(struct tensor t)
{
	t.dim[1] *= t.dim[0];
	t.dim[0] = 1;
	return t;
}

static void attend(struct pass *p, const struct qwen_visual *v,
		   struct qwen_visual_pass *vp, int i)
{
	const struct qwen_block *b = &v->blocks[i];
	struct tensor h = normed(p, v, "norm1", vp->set.x, &b->norm1);
	struct qkv t = project(p, &b->in, h, &vp->set, i, vp->fused);
	refresh_segments(vp, p);
	turn(p, v, vp, t);
	const struct segments *s =
		qwen_visual_is_whole(v, i) ? &vp->pictures : &vp->windows;
	const struct attn_opts attn = {
		.heads = (int)v->heads,
		.scale = 1 / sqrtf((float)v->layout.head_dim),
		.query_rows = *s,
		.key_rows = *s,
	};
	if (segments_ragged(s))
		h = op_attention(p, "attn.sdpa", in_a_row(t.q), in_a_row(t.k),
				 in_a_row(t.v), &attn);
	else
		h = op_attention(p, "attn.sdpa", t.q, t.k, t.v, &attn);
	op_linear_add(p, "attn.out", vp->set.x, h, &b->out);
}

static void forward_block(struct pass *p, const struct qwen_visual *v,
			  struct qwen_visual_pass *vp, int i)
{
	const struct qwen_block *b = &v->blocks[i];
	token_set_before(&vp->set, p, i);
	size_t mark = pass_mark(p);
	attend(p, v, vp, i);
	pass_release(p, mark);
	struct tensor h = normed(p, v, "norm2", vp->set.x, &b->norm2);
	if (v->gated) {
		struct tensor gate = op_linear(p, "mlp.gate", h, &b->gate, ACT_SILU);
		op_linear_mul(p, "mlp.up", gate, h, &b->up);
		op_linear_add(p, "mlp.down", vp->set.x, gate, &b->down);
	} else {
		h = op_linear(p, "mlp.fc1", h, &b->fc1, ACT_QUICK_GELU);
		op_linear_add(p, "mlp.fc2", vp->set.x, h, &b->fc2);
	}
	pass_release(p, mark);
}

/* Rows that bring tokens back into the order of the picture; ndim 0: they are in it. */
static struct tensor rows_in_order(struct pass *p, const struct qwen_visual_pass *vp,
				   const struct qwen_plan *plan)
{
	if (!plan->order)
		return (struct tensor){ 0 };
	if (!vp->set.trace->n)
		return ints(plan->inverse, plan->tokens);
	struct tensor keys = token_set_carried(&vp->set, vp->number);
	keys = tensor_of(DT_I32, keys.data, DIMS(tensor_rows(&keys)));
	return op_order(p, "order", keys);
}

static struct tensor in_order(struct pass *p, const char *name, struct tensor t,
			      struct tensor rows)
{
	const struct selection s = { .rows = rows, .items = 1 };
	if (!rows.ndim)
		return t;
	int64_t n = tensor_rows(&t), cols = tensor_cols(&t);
	t = tensor_of(DT_F32, t.data, DIMS(1, n, cols));
	t = op_gather(p, name, pass_tensor(p, DT_F32, DIMS(n, cols)), t, &s);
	return tensor_of(DT_F32, t.data, DIMS(n, cols));
}

static struct tensor merge(struct pass *p, const struct qwen_visual *v,
			   struct qwen_visual_pass *vp, const struct qwen_plan *plan,
			   struct tensor *text_turn)
{
	struct tensor x = vp->set.x;
	int64_t unit = vp->set.unit, tokens = tensor_rows(&x) / unit;
	span_open(p, "merger", -1);
	x = normed(p, v, "ln_q", x, &v->merger_norm);
	x = tensor_of(DT_F32, x.data, DIMS(x.dim[0], x.dim[1] / unit, unit * v->width));
	x = op_linear(p, "fc1", x, &v->merger1, ACT_GELU);
	x = op_linear(p, "fc2", x, &v->merger2, ACT_NONE);
	x = tensor_of(DT_F32, x.data, DIMS(tokens, v->out));
	struct tensor rows = rows_in_order(p, vp, plan);
	x = in_order(p, "gather", x, rows);
	if (text_turn)
		*text_turn = in_order(p, "text_turn",
				      token_set_carried(&vp->set, vp->text), rows);
	span_close(p);
	return x;
}

struct tensor qwen_visual_forward(struct pass *p, const struct qwen_visual *v,
				  const struct model *m, const struct input *in,
				  const struct knobs *k, struct outputs *out,
				  struct qwen_visual_pass *vp, struct tensor *text_turn)
{
	const struct qwen_plan *plan = in->plan;
	begin(vp, p, v, m, in, k, out, text_turn != NULL);
	span_open(p, "embeddings", -1);
	struct tensor x = in->patches; /* [R, K], here of items where they are alike */
	int64_t rows = tensor_rows(&x), items = plan->uneven ? 1 : plan->items;
	x = tensor_of(DT_F32, x.data, DIMS(items, rows / items, tensor_cols(&x)));
	token_set_enter(&vp->set, p, op_linear(p, "patch", x, &v->patch_embed, ACT_NONE));
	span_close(p);
	for (int i = 0; i < v->depth; i++) {
		span_open(p, "blocks", i);
		forward_block(p, v, vp, i);
		span_close(p);
		pass_hidden(p, i, 0, &vp->set.x);
	}
	out->by_token = true;
	out->image_embeds = merge(p, v, vp, plan, text_turn);
	return out->image_embeds;
}
