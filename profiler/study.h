/*
 * A study: a published experiment as data, so that one command repeats it. It says what
 * to run, row by row, what was published for each row, on which hardware, and what was
 * claimed. The built-in ones are the files of profiler/studies, compiled in; anyone can
 * write another (README.md there).
 */
#ifndef PROFILER_STUDY_H
#define PROFILER_STUDY_H

#include "profiler/figure.h"

/* Limits of what the parser takes. */
#define STUDY_MAX_BYTES (1 << 20)
#define STUDY_MAX_ROWS 1024
#define STUDY_MAX_TEXT 2048
#define STUDY_MAX_CLAIMS 64
#define STUDY_MAX_SLOPES 16

struct study_row {
	char *label;        /* "keep=0.7", or the file's own words */
	char *model;        /* NULL: the study's */
	char *text;         /* goes in with the pictures, not escaped; NULL: none */
	struct knobs knobs; /* the method is resolved */
	/* KNOB_BITs that the study sets; a preset may bring others (models/preset.h) */
	uint64_t given;
	int against; /* the row that its ratios are to; its own index: none */
	double published[FIGURE_COUNT]; /* NaN: not published */
	char *note;                     /* or NULL */
};

/* The slope of y over x on a log-log plot, over the rows of one model that agree in
 * `group`. */
struct study_slope {
	enum figure_id x, y;
	enum knob_id group; /* KNOB_COUNT: all rows are one group */
};

/* Rows that make a line: those of a model that have these values of these knobs. */
struct study_series {
	char *name;
	char *model;        /* NULL: the study's */
	struct knobs knobs; /* ... of them those in `given`, KNOB_BITs */
	uint64_t given;
};

/* Where two lines of y over x meet. */
struct study_crossing {
	enum figure_id x, y;
	struct study_series of[2];
};

struct study {
	char *name; /* "vtp": letters, digits, - and _ */
	char *title;
	char *source;   /* where the figures come from, or NULL */
	char *hardware; /* of the published rows, or NULL: nothing was published */
	char *model;    /* MODEL as the command line has it */
	char *text;     /* of rows without one of their own, which have a copy; or NULL */
	double budget_s; /* of one row; NaN: the default */
	enum figure_id columns[FIGURE_COUNT];
	int n_columns;
	char **claims; /* [n_claims]: what was said, and what is known about it */
	int n_claims;
	struct study_slope slopes[STUDY_MAX_SLOPES];
	int n_slopes;
	struct study_crossing crossings[STUDY_MAX_SLOPES];
	int n_crossings;
	struct study_row *rows; /* [n_rows], at least one */
	int n_rows;
};

/*
 * Parses the text of a study: untrusted. Unknown keys, wrong types, unknown knobs and
 * values, too many rows: ERR_FORMAT, "WHAT: KEY: ...". Release *out only after OK.
 */
enum err study_parse(const char *text, size_t n, const char *what,
		     struct study *out) MUST_CHECK;
enum err study_read(const char *path, struct study *out) MUST_CHECK;
void study_release(struct study *);

/* The built-in studies: names and texts, in the order of meson.build's list. */
struct study_text {
	const char *name, *text;
};
extern const struct study_text *const study_texts[]; /* NULL-terminated */
/* ERR_USAGE names those that exist. */
enum err study_builtin(const char *name, struct study *out) MUST_CHECK;

/*
 * One fitted slope. runs[n_rows]: the run of each row, NULL where there is none. Fills
 * `group` with what they have in common ("keep=0.5", where there are several models
 * "scan-mixer downsample=2", "" for all rows) and returns the slope by
 * least squares over the rows where both figures are known; NaN below three points, or
 * where they are all of one x. `turn` counts groups from 0; false: there are no more.
 */
bool study_fit(const struct study *, const struct study_slope *,
	       const struct run *const *runs, int turn, struct str *group, double *slope,
	       int *points);

/* Two lines over the x that both were measured at. */
struct study_meeting {
	int points;      /* such x; below two nothing is known */
	double from, to; /* the lowest and the highest of them; NaN: there are none */
	/* Where they meet, by straight lines between neighbours on a log-log plot, and
	 * these neighbours; NaN: nowhere between `from` and `to`. */
	double at, after, before;
	int lower; /* which of them is lower up to there, or throughout: 0 or 1; -1: not
		      known */
};
/* The first meeting, the next at `turn` 1 ...: false beyond the last, but always true at
 * turn 0. */
bool study_meet(const struct study *, const struct study_crossing *,
		const struct run *const *runs, int turn, struct study_meeting *);
/* "scan meets attention at tokens = 812 (between 512 and 1024)", or why not. */
void study_meeting_text(const struct study_crossing *, const struct study_meeting *,
			struct str *out);

#endif
