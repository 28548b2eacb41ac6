/*
 * A view: one file in ui/views/, one word in ui/meson.build. It reads the state of the
 * app and draws; what it wants done it asks of app.h. It never sees a key, runs or
 * stores.
 */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include "app.h"
#include "ui/canvas.h"
#include "ui/keymap.h"

enum reaction {
	REACT_NONE, /* not mine: whoever is outside may have it */
	REACT_SAME, /* done, nothing to draw */
	REACT_REDRAW
};

/* `state` is the view's own memory of state_size bytes, zeroed before init. Only title,
 * name and draw must be there. */
struct view {
	const char *name, *title;
	size_t state_size;
	void (*init)(void *state);
	void (*release)(void *state);
	/* Whether it has something to say of the open model: else it has no tab. NULL:
	 * always. */
	bool (*applies)(const struct app *);
	/* Before each frame: reads what is not in the app (lists of the store). True: the
	 * database was busy, ask again soon. */
	bool (*refresh)(void *state, struct app *);
	enum reaction (*on_request)(void *state, struct app *, enum request);
	/* What the user typed for REQ_SEARCH or REQ_FILTER, after each key; for REQ_SORT,
	 * the name of a column. */
	enum reaction (*on_text)(void *state, struct app *, enum request,
				 const char *text);
	/* A click or the wheel, coordinates on the canvas it last drew on. */
	enum reaction (*on_mouse)(void *state, struct app *, const struct key *);
	/* `focus`: requests go to this view; else it stands beside the one that has it.
	 * The state changes only in what follows from the size (scrolling). */
	void (*draw)(void *state, const struct app *, struct canvas *, bool focus);
	/* Its table as Markdown. */
	void (*copy)(void *state, const struct app *, struct str *markdown);
};

extern const struct view *const views[]; /* NULL-terminated, in the order of the tabs */

/* What the shown run is compared with: the base; NULL: there is none, or it is this run.
 */
const struct run *view_base(const struct app *);

/* So many patches of the open model as tokens: where several become one, they go or stay
 * together, and what comes out is counted. */
double view_tokens(const struct app *, double patches);

/* What this session has measured, read again when something was. */
struct view_measured {
	struct app_setting *list; /* [n] */
	int n;
	bool read;
	uint64_t revision;
	int cells;
	double result_ns, base_ns; /* when they began; below 0: none */
	char model[128];
};
/* True: it is another list than before. */
bool view_measured_read(struct view_measured *, struct app *);
void view_measured_release(struct view_measured *);

/* How a prompt goes on, in one line: what was written, or the ids where nothing can be
 * read; false: nothing was. */
bool view_generated(const struct run *, struct str *out);

/* Text that matches: any of the words between '|', without regard to case; "" matches
 * all. */
bool view_matches(const char *text, const char *pattern);

#endif
