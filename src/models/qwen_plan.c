#include "models/qwen_plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/str.h"

#define VISION_THETA 10000.0

static int32_t *ints(int64_t n) { return mem_alloc(sizeof(int32_t) * (size_t)(n + 1)); }

/* ---- the sequence ---- */

static int64_t tokens_of(const struct qwen_plan *p, const struct patch_grid *g)
{
	return (g->rows / p->layout.merge) * (g->columns / p->layout.merge);
}

static void lay_items(struct qwen_plan *p, const struct patch_grid *grids)
{
	int64_t unit = p->layout.merge * p->layout.merge;
	for (int64_t b = 0; b < p->items; b++) {
		int64_t n = tokens_of(p, &grids[b]);
		p->start[b] = (int32_t)p->tokens;
		p->length[b] = (int32_t)n;
		p->row_start[b] = (int32_t)(p->tokens * unit);
		p->row_length[b] = (int32_t)(n * unit);
		p->tokens += n;
		p->longest[b] = (grids[b].rows > grids[b].columns ? grids[b].rows
								  : grids[b].columns) /
				(int32_t)p->layout.merge;
		p->largest = n > p->largest ? n : p->largest;
		p->uneven |= n != p->length[0];
	}
	p->item = ints(p->tokens);
	p->number = ints(p->tokens);
	for (int64_t b = 0, at = 0; b < p->items; b++)
		for (int64_t i = 0; i < p->length[b]; i++, at++) {
			p->item[at] = (int32_t)b;
			p->number[at] = (int32_t)at;
		}
}

static int64_t windows_of(const struct qwen_plan *p, int64_t patches)
{
	int64_t side = patches / p->layout.merge, w = p->layout.window;
	return (side + w - 1) / w;
}

/* The tokens of one window of a picture, row by row, to the sequence from `at` on. */
static int64_t lay_window(struct qwen_plan *p, const struct patch_grid *g, int64_t down,
			  int64_t across, int64_t at)
{
	int64_t w = p->layout.window, unit = p->layout.merge * p->layout.merge;
	int64_t rows = g->rows / p->layout.merge, columns = g->columns / p->layout.merge;
	int64_t first = at;
	for (int64_t y = down * w; y < (down + 1) * w && y < rows; y++)
		for (int64_t x = across * w; x < (across + 1) * w && x < columns; x++) {
			p->order[at] = (int32_t)(y * columns + x);
			p->window[at++] = (int32_t)p->windows;
		}
	p->window_start[p->windows] = (int32_t)(first * unit);
	p->window_length[p->windows++] = (int32_t)((at - first) * unit);
	return at;
}

static void lay_windows(struct qwen_plan *p, const struct patch_grid *grids)
{
	int64_t most = 0, at = 0;
	for (int64_t b = 0; b < p->items; b++)
		most += windows_of(p, grids[b].rows) * windows_of(p, grids[b].columns);
	p->order = ints(p->tokens);
	p->inverse = ints(p->tokens);
	p->window = ints(p->tokens);
	p->window_start = ints(most);
	p->window_length = ints(most);
	for (int64_t b = 0; b < p->items; b++)
		for (int64_t y = 0; y < windows_of(p, grids[b].rows); y++)
			for (int64_t x = 0; x < windows_of(p, grids[b].columns); x++)
				at = lay_window(p, &grids[b], y, x, at);
	for (int64_t i = 0; i < p->tokens; i++) {
		p->number[i] = p->start[p->item[i]] + p->order[i];
		p->inverse[p->number[i]] = (int32_t)i;
	}
}

struct qwen_plan *qwen_plan_create(const struct qwen_layout *layout,
				   const struct patch_grid *grids, int64_t items,
				   const struct input_facts *facts)
{
	struct qwen_plan *p = mem_alloc(sizeof(*p));
	p->layout = *layout;
	p->items = items;
	p->start = ints(items);
	p->length = ints(items);
	p->row_start = ints(items);
	p->row_length = ints(items);
	p->longest = ints(items);
	lay_items(p, grids);
	if (layout->window)
		lay_windows(p, grids);
	p->prompt = facts ? facts->prompt : 0;
	p->before = facts ? facts->before : 0;
	return p;
}

void qwen_plan_free(void *plan)
{
	struct qwen_plan *p = plan;
	if (!p)
		return;
	int32_t *const lists[] = { p->start,        p->length,        p->item,
				   p->order,        p->number,        p->inverse,
				   p->window,       p->row_start,     p->row_length,
				   p->window_start, p->window_length, p->longest };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]);
	free(p->turn);
	free(p->picture_turn);
	free(p->prompt_turn);
	free(p);
}

/* ---- angles ---- */

/* Cosine and sine of angle i of `half`: what backend.h's rotary reads. */
static void put_angle(float *row, int64_t i, int64_t half, float angle)
{
	row[i] = cosf(angle);
	row[half + i] = sinf(angle);
}

/* Half of a head's angles tell the row of a patch, the other half its column; frequencies
 * are those of a head of half that size. All in F32, as the reference computes it. */
static void turn_patch(const struct qwen_plan *p, int64_t y, int64_t x, float *row)
{
	int64_t half = p->layout.head_dim / 2, each = half / 2;
	for (int64_t i = 0; i < each; i++) {
		float f = 1 / powf((float)VISION_THETA, (float)(2 * i) / (float)half);
		put_angle(row, i, half, (float)y * f);
		put_angle(row, each + i, half, (float)x * f);
	}
}

/* Rows of all patches of token `at` of the sequence. */
static void turn_token(const struct qwen_plan *p, const struct patch_grid *g, int64_t at,
		       float *row)
{
	int64_t merge = p->layout.merge, columns = g->columns / merge;
	int64_t number = p->order ? p->order[at] : at - p->start[p->item[at]];
	int64_t y = number / columns * merge, x = number % columns * merge;
	for (int64_t dy = 0; dy < merge; dy++)
		for (int64_t dx = 0; dx < merge; dx++, row += p->layout.head_dim)
			turn_patch(p, y + dy, x + dx, row);
}

void qwen_text_turn(const struct qwen_layout *l, const int64_t position[3], float *row)
{
	int64_t half = l->text_head_dim / 2, axis = 0, end = l->sections[0];
	for (int64_t i = 0; i < half; i++) {
		while (i >= end && axis < 2)
			end += l->sections[++axis];
		float f = 1 / powf((float)l->theta, (float)(2 * i) / (float)(2 * half));
		put_angle(row, i, half, (float)position[axis] * f);
	}
}

/* Tokens of a picture stand where the text has come to: time as one step, then row and
 * column. The text goes on behind the longest side. */
static void turn_prompt(struct qwen_plan *p, const struct patch_grid *grids)
{
	int64_t width = p->layout.text_head_dim;
	for (int64_t i = 0; i < p->items * p->prompt; i++) {
		int64_t at = i % p->prompt;
		if (at >= p->before)
			at += p->longest[i / p->prompt];
		const int64_t position[3] = { at, at, at };
		qwen_text_turn(&p->layout, position, p->prompt_turn + i * width);
	}
	for (int64_t i = 0; i < p->tokens; i++) {
		int64_t b = p->item[i], columns = grids[b].columns / p->layout.merge;
		int64_t number = p->order ? p->order[i] : i - p->start[b];
		const int64_t position[3] = { p->before, p->before + number / columns,
					      p->before + number % columns };
		qwen_text_turn(&p->layout, position, p->picture_turn + i * width);
	}
}

enum err qwen_plan_fill(struct qwen_plan *p, const struct patch_grid *grids)
{
	size_t width = (size_t)p->layout.head_dim, text = (size_t)p->layout.text_head_dim;
	size_t unit = (size_t)(p->layout.merge * p->layout.merge);
	size_t tokens = (size_t)p->tokens, prompts = (size_t)(p->items * p->prompt);
	if (!p->turn)
		p->turn = malloc(sizeof(float) * tokens * unit * width);
	if (text && !p->picture_turn)
		p->picture_turn = malloc(sizeof(float) * tokens * text);
	if (text && !p->prompt_turn)
		p->prompt_turn = malloc(sizeof(float) * (prompts + 1) * text);
	if (!p->turn || (text && (!p->picture_turn || !p->prompt_turn)))
		return err_set(ERR_NOMEM, "no memory for positions of %lld tokens",
			       (long long)p->tokens);
	for (size_t i = 0; i < tokens; i++)
		turn_token(p, &grids[p->item[i]], (int64_t)i, p->turn + i * unit * width);
	if (text)
		turn_prompt(p, grids);
	return OK;
}
