/* The studies of an app: what was published, and the runs of this session beside it. */
#ifndef APP_STUDY_H
#define APP_STUDY_H

#include "app.h"
#include "profiler/study.h"

struct study_state {
	struct study def;
	struct run **runs; /* [def.n_rows]; NULL: not measured */
	char **why;        /* [def.n_rows]: why a row failed; NULL: it did not */
};

struct app_studies {
	struct study_state *state;
	struct app_study *shown; /* [n], as app_studies() gives them */
	int n;
};

void app_studies_release(struct app *);
int app_study_find(struct app *, const char *name); /* -1: none */
void app_study_reset(struct app *, int study);      /* no row failed yet */
/* Takes the run; of both run and why one is NULL. */
void app_study_put(struct app *, int study, int row, struct run *, const char *why);

#endif
