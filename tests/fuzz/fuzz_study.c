/* A study of someone else's, and what is computed of its rows. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "profiler/plan.h"
#include "profiler/study.h"

static void check_rows(const struct study *s)
{
	fuzz_check(s->n_rows >= 1 && s->n_rows <= STUDY_MAX_ROWS, "some rows");
	fuzz_check(s->n_columns >= 1 && s->n_columns <= FIGURE_COUNT, "some columns");
	for (int i = 0; i < s->n_rows; i++) {
		fuzz_check(s->rows[i].label && s->rows[i].label[0], "a row has a label");
		fuzz_check(s->rows[i].against >= 0 && s->rows[i].against < s->n_rows,
			   "a row is against one of them");
		fuzz_check(knob_text(&s->rows[i].knobs, KNOB_METHOD)[0],
			   "its method is resolved");
	}
}

/* Without a single run there is nothing to fit, in as many groups as there are. */
static void fit(const struct study *s)
{
	const struct run **runs = mem_alloc(sizeof(*runs) * (size_t)s->n_rows);
	for (int i = 0; i < s->n_slopes; i++) {
		struct str group = STR_INIT;
		double slope;
		int turn = 0, points;
		while (study_fit(s, &s->slopes[i], runs, turn, &group, &slope, &points))
			fuzz_check(points == 0 && turn++ < s->n_rows, "groups end");
		str_release(&group);
	}
	for (int i = 0; i < s->n_crossings; i++) {
		struct study_meeting m;
		fuzz_check(study_meet(s, &s->crossings[i], runs, 0, &m), "the first");
		fuzz_check(m.points == 0 && !study_meet(s, &s->crossings[i], runs, 1, &m),
			   "and no other");
		struct str text = STR_INIT;
		study_meeting_text(&s->crossings[i], &m, &text);
		str_release(&text);
	}
	free(runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct study s;
	if (study_parse((const char *)data, n, "study", &s))
		return 0;
	check_rows(&s);
	fit(&s);
	study_release(&s);
	return 0;
}
