/* What the tokens view shows of a run at one site, rebuilt for each frame: for its files
 * only. */
#ifndef UI_VIEWS_TOKENS_SHOWN_H
#define UI_VIEWS_TOKENS_SHOWN_H

#include "app.h"
#include "ui/patch_map.h"
#include "ui/widgets/patches.h"

/* The memory of the view. */
struct tokens {
	bool scrubbed; /* the user chose a site: `layer`; else the last one is shown */
	double layer;
	int cursor; /* patch */
	bool card;  /* the whole card, whatever it hides */
	/* As drawn last, for the mouse. */
	struct patches_fit fit;
	int grid_x, grid_y;
};

struct tokens_shown {
	const struct app *app;
	const struct run *run;
	const struct run_site *site; /* NULL: the run has none */
	int at;                      /* its index */
	struct patch_map now, pinned;
	bool compared; /* with the pinned run, at a site like this: `pinned` is set */
	const struct run_site *pinned_site; /* NULL: its end, or before its first */
	struct patch_change change;
	struct patch_group *groups;
	int n_groups;
	struct patches grid;
	struct patch *patch;
	/* What a cell is called, and what goes on: patches, or units of several. */
	const char *one, *many, *stays;
	char each[32]; /* "2x2 patches each"; "": a cell is one */
	bool sequence; /* cells follow each other: they have no row and column */
};

/* False when there is nothing to show; else the caller releases. Moves the cursor into
 * the grid. */
bool tokens_rebuild(struct tokens *, const struct app *, struct tokens_shown *);
void tokens_shown_release(struct tokens_shown *);

/* The place of a patch's group in `groups`, -1: it is alone or gone. The largest has the
 * letter 'a'. */
int tokens_group_of(const struct tokens_shown *, int patch);
/* "method" of the run, resolved. */
const char *tokens_method(const struct run *, char buf[KNOB_TEXT_SIZE]);

/* The picture of a run, as far as it is known to be the one that is loaded; rgb NULL
 * else.
 */
struct picture tokens_picture(const struct app *, const struct run *);

/* Everything beside the picture: the patch under the cursor, scores or groups, the pinned
 * run, the method. */
void tokens_draw_info(const struct tokens *, const struct tokens_shown *,
		      struct canvas *);

#endif
