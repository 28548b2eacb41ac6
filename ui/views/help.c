/* Every request with its keys, from the one table that also binds them. */
#include <stdio.h>
#include <string.h>

#include "ui/view.h"
#include "ui/widgets/lines.h"

struct help {
	struct lines lines;
	char filter[128];
};

static const struct {
	const char *term, *means;
} terms[] = {
	{ "~", "an estimate, or a ratio to a base that was measured at another time" },
	{ "--", "not measured" },
	{ "NEW", "a layer that the base does not have" },
	{ "+-, ±", "half the 95 % interval of the median" },
	{ "~1.42x", "speed-up: time of the base / time of this run" },
	{ "FLOPs 1.42x", "FLOPs of the base / FLOPs of this run, as they are counted" },
	{ "realised",
	  "speed-up as a share of the FLOPs ratio: 100 % if time followed FLOPs" },
	{ "est. -4%", "by how much the estimate was off: estimated / measured time - 1" },
	{ "base", "the same workload with every technique off; base #12: that run" },
	{ "batch 2 ...", "knobs that are not at their default and have no slider here" },
	{ "rss, act", "peak memory of the worker; of activations, as estimated" },
	{ "SWEEP 3/9",
	  "a setting of a list is being measured; Esc stops it, the same list goes on" },
	{ "break-even",
	  "where a technique, selection included, stops being faster than the base" },
	{ "RUN 14/30", "samples so far / at least wanted; RUN n 513: more were needed" },
	{ "cos (random)",
	  "agreement with keep = 1; random weights say little about a real model" },
	{ "vs base",
	  "time of the layer against the same layer with every technique off" },
	{ "FLOP/B", "arithmetic intensity: FLOPs for each byte read or written" },
	{ "bars (Shares)",
	  "what a pass is made of; below, what is inside the part under the cursor" },
	{ "base ms",
	  "in Shares: the base in the same scale, to see what became shorter" },
	{ "ms over FLOPs",
	  "bars of Shares: where they differ, time does not follow FLOPs" },
	{ "each (Shares)",
	  "every block of a family: where tokens go, the columns step down" },
	{ "blocks (12)", "parts that differ only in their number, and are summed" },
	{ "(itself)", "what a group takes beyond the layers inside it" },
	{ "visual tokens",
	  "what a language model is handed, and the tower's time for each" },
	{ "+ and - (Tokens)",
	  "patches that stay here and not in the pinned run, and the other way round" },
	{ "Jaccard",
	  "patches that stay in both runs / in either: 1 if they are the same" },
	{ "card (Tokens)", "what the method needs, where it can run, what it costs" },
	{ "ppl, loss",
	  "how well the text is expected: nats a token, and e to that power" },
	{ "KL", "of the next token's distribution from the base's, mean over the text" },
	{ "tok/s", "tokens read in a second, all sequences together" },
	{ "2x low", "downsample 2, and the branch that runs: the coarse one alone" },
	{ "/r (SSM)", "parts that a coarser sequence makes shorter" },
	{ "low best, both best",
	  "the most that a factor could do if those parts alone shrank (Amdahl)" },
	{ "found (SSM)", "what was measured of that factor in this session" },
	{ "cut (Threshold)", "what a saliency must exceed for its token to go on" },
	{ "slope (Scaling)", "the power of the length that the time grows by" },
	{ "trail", "stops of the slider that nobody kept (m keeps one)" },
};

static bool wanted(const struct help *st, const char *a, const char *b)
{
	return view_matches(a, st->filter) || view_matches(b, st->filter);
}

static void build(struct help *st)
{
	const char *group = "";
	lines_clear(&st->lines);
	for (int r = REQ_NONE + 1; r < REQ_COUNT; r++) {
		const struct request_info *info = &request_table[r];
		if (!info->help || !(wanted(st, info->keys, info->help) ||
				     view_matches(info->group, st->filter)))
			continue;
		if (strcmp(group, info->group) != 0)
			lines_heading(&st->lines, info->group);
		group = info->group;
		lines_add(&st->lines, STYLE_NORMAL, info->keys, "%s", info->help);
	}
	bool headed = false;
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		if (wanted(st, terms[i].term, terms[i].means) ||
		    view_matches("Words and marks", st->filter)) {
			if (!headed)
				lines_heading(&st->lines, "Words and marks");
			headed = true;
			lines_add(&st->lines, STYLE_NORMAL, terms[i].term, "%s",
				  terms[i].means);
		}
	if (!st->lines.n)
		lines_heading(&st->lines, "nothing here has these words");
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct help *st = state;
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 1);
	(void)app;
	(void)focus;
	build(st);
	if (st->filter[0])
		canvas_printf(c, 1, 0, STYLE_DIM, "filter: %s", st->filter);
	lines_draw(&st->lines, &body, 14);
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct help *st = state;
	(void)app;
	if (lines_move(&st->lines, request))
		return REACT_REDRAW;
	if (request == REQ_CANCEL && st->filter[0]) {
		st->filter[0] = 0;
		return REACT_REDRAW;
	}
	return REACT_NONE;
}

/* Searching and filtering are the same here. */
static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct help *st = state;
	(void)app;
	if (request != REQ_SEARCH && request != REQ_FILTER)
		return REACT_NONE;
	snprintf(st->filter, sizeof(st->filter), "%s", text);
	lines_move(&st->lines, REQ_FIRST);
	return REACT_REDRAW;
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct help *st = state;
	(void)app;
	if (key->action != MOUSE_WHEEL_UP && key->action != MOUSE_WHEEL_DOWN)
		return REACT_SAME;
	lines_scroll(&st->lines, key->action == MOUSE_WHEEL_UP ? -3 : 3);
	return REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct help *st = state;
	(void)app;
	build(st);
	lines_markdown(&st->lines, markdown);
}

static void release(void *state)
{
	struct help *st = state;
	lines_release(&st->lines);
}

const struct view help_view = {
	.name = "help",
	.title = "Help",
	.state_size = sizeof(struct help),
	.release = release,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
