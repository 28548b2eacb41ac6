/* What the files of the lens on scans share. */
#ifndef UI_VIEWS_SSM_H
#define UI_VIEWS_SSM_H

#include "ui/scan_map.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

#define SSM_FACTORS 4 /* 2, 4, 8, 16 */

/* Medians of the open model over the factor, others of its knobs as they stand. NaN: not
 * measured in this session. */
struct ssm_times {
	double off_ns, low_ns[SSM_FACTORS], both_ns[SSM_FACTORS];
};

struct ssm {
	struct table table;
	struct view_measured measured;
	struct ssm_times times;
};

/* Rebuilt for each frame. */
struct ssm_shown {
	const struct app *app;
	const struct ssm *st;
	const struct run *run, *base; /* base NULL: nothing to compare with */
	struct scan_map now, before;
	enum scan_part rows[SCAN_PARTS]; /* [n_rows]: those that either has */
	int n_rows;
	double share; /* of the base's time that scales with the factor; NaN */
};

/* ssm_info.c: what stands beside the parts */
void ssm_draw_info(const struct ssm_shown *, struct canvas *);
/* In words: which branches run and what they cost; `work`: FLOPs over those of the base.
 */
void ssm_words(const struct run *, double work, struct str *out);

#endif
