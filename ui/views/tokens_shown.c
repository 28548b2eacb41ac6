#include "ui/views/tokens_shown.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"

/* ---- the picture ---- */

static bool same_input(const struct run *a, const struct run *b)
{
	return a && b && a->input.sha256 && str_equal(a->input.sha256, b->input.sha256);
}

struct picture tokens_picture(const struct app *app, const struct run *run)
{
	struct picture p = { app->model.picture, app->model.picture_width,
			     app->model.picture_height };
	bool known = run != app->opened || same_input(run, app->base) ||
		     same_input(run, app->result) || same_input(run, app->estimate);
	if (!known || p.width <= 0 || p.height <= 0)
		p.rgb = NULL;
	return p;
}

/* ---- groups ---- */

int tokens_group_of(const struct tokens_shown *s, int patch)
{
	if (s->now.patch[patch].fate != PATCH_STAYS)
		return -1;
	for (int i = 0; i < s->n_groups; i++)
		if (s->groups[i].first == s->now.patch[patch].group)
			return i;
	return -1;
}

/* The patches of a token show what it is: their mean. */
static void paint_groups(struct tokens_shown *s, int cursor)
{
	int(*sum)[4] = mem_alloc(((size_t)s->n_groups + 1) * sizeof(*sum));
	int *of = mem_alloc((size_t)s->now.n * sizeof(int));
	int here = -1, rgb[3];
	for (int i = 0; i < s->now.n; i++) {
		int g = of[i] = tokens_group_of(s, i);
		here = i == cursor ? g : here;
		if (g < 0 || !patches_mean(&s->grid, i, rgb))
			continue;
		for (int k = 0; k < 3; k++)
			sum[g][k] += rgb[k];
		sum[g][3]++;
	}
	for (int i = 0; i < s->now.n; i++) {
		int g = of[i];
		if (g < 0)
			continue;
		s->patch[i].mark = format_letter(g);
		s->patch[i].lit = g == here;
		s->patch[i].flat = sum[g][3] > 0;
		for (int k = 0; k < 3 && sum[g][3]; k++)
			s->patch[i].rgb[k] = (uint8_t)(sum[g][k] / sum[g][3]);
	}
	free(of);
	free(sum);
}

/* ---- the pinned run ---- */

/* Patches of the same picture; batches of it are no other picture. */
static bool same_patches(const struct run *a, const struct run *b, int n)
{
	return patch_map_count(b, n) == n && str_equal(a->input.kind, b->input.kind) &&
	       str_equal(a->input.source, b->input.source);
}

static void compare(struct tokens_shown *s)
{
	const struct run *pinned = s->app->pinned;
	int at = PATCH_MAP_END;
	if (!pinned || !same_patches(s->run, pinned, s->now.n))
		return;
	if (s->site && pinned->tokens.n_sites)
		at = patch_map_site_at(pinned, s->site->layer);
	patch_map_make(&s->pinned, pinned, at, s->now.n);
	s->pinned_site = at >= 0 ? &pinned->tokens.sites[at] : NULL;
	s->compared = s->pinned.known && s->now.known;
	s->change = patch_map_compare(&s->now, &s->pinned);
	for (int i = 0; s->compared && i < s->now.n; i++) {
		bool here = s->now.patch[i].fate == PATCH_STAYS;
		bool there = s->pinned.patch[i].fate == PATCH_STAYS;
		if (here != there)
			s->patch[i].mark = here ? '+' : '-';
	}
}

/* ---- all of it ---- */

const char *tokens_method(const struct run *run, char buf[KNOB_TEXT_SIZE])
{
	struct knobs k = run->knobs;
	knobs_resolve_method(&k);
	memcpy(buf, knob_text(&k, KNOB_METHOD), KNOB_TEXT_SIZE);
	return buf;
}

/* One of the grid, several, and what goes on: of two by two patches each cell is a token
 * from the start. */
static void name_units(struct tokens_shown *s)
{
	int unit = patch_map_unit(s->run), side = (int)lround(sqrt(unit));
	bool merged = s->now.grouped;
	s->sequence = str_equal(s->run->input.kind, "sequence") ||
		      str_equal(s->run->input.kind, "seeded");
	s->one = s->sequence ? "token" : unit == 1 ? "patch" : merged ? "unit" : "token";
	s->many = s->sequence ? "tokens"
		  : unit == 1 ? "patches"
		  : merged    ? "units"
			      : "tokens";
	s->stays = unit == 1 && !merged ? s->many : "tokens";
	if (unit > 1 && side * side == unit)
		snprintf(s->each, sizeof(s->each), "%dx%d patches each", side, side);
	else if (unit > 1)
		snprintf(s->each, sizeof(s->each), "%d patches each", unit);
}

static int site_of(const struct tokens *st, const struct run *run)
{
	int at = PATCH_MAP_NONE;
	if (!run->tokens.n_sites)
		return PATCH_MAP_END;
	if (st->scrubbed)
		at = patch_map_site_at(run, st->layer);
	return !st->scrubbed ? run->tokens.n_sites - 1 : at < 0 ? 0 : at;
}

bool tokens_rebuild(struct tokens *st, const struct app *app, struct tokens_shown *s)
{
	const struct run *run = app_shown(app);
	int n = run ? patch_map_count(run, app->model.tokens) : 0;
	*s = (struct tokens_shown){ .app = app, .run = run };
	if (!n)
		return false;
	s->at = site_of(st, run);
	s->site = s->at >= 0 ? &run->tokens.sites[s->at] : NULL;
	st->cursor = st->cursor >= n ? n - 1 : st->cursor < 0 ? 0 : st->cursor;
	patch_map_make(&s->now, run, s->at, n);
	s->patch = mem_alloc((size_t)n * sizeof(*s->patch));
	for (int i = 0; i < n; i++)
		s->patch[i].kept = s->now.patch[i].fate == PATCH_STAYS;
	s->grid = (struct patches){ .picture = tokens_picture(app, run),
				    .patch = s->patch,
				    .n = n,
				    .cursor = st->cursor };
	patch_map_grid(run, n, app->model.picture_width, app->model.picture_height,
		       &s->grid.columns, &s->grid.rows);
	name_units(s);
	s->groups = patch_map_groups(&s->now, &s->n_groups);
	paint_groups(s, st->cursor);
	compare(s);
	return true;
}

void tokens_shown_release(struct tokens_shown *s)
{
	patch_map_release(&s->now);
	patch_map_release(&s->pinned);
	free(s->groups);
	free(s->patch);
}
