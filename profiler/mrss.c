#include "profiler/mrss.h"

#include <math.h>
#include <stdlib.h>

#include "models/mrss.h"
#include "profiler/setting.h"

static enum err report_work(const struct model *m, const struct input_facts *facts,
			    const struct knobs *k, struct run *run)
{
	struct knobs base = knobs_base(k);
	struct run *predicted = run_create();
	enum err e = model_check_knobs(m, &base);
	if (!e)
		e = setting_predict(m, facts, &base, NULL, NULL, predicted, NULL);
	if (!e)
		run->mrss.work_ratio = run->flops.ours / predicted->flops.ours;
	run_free(predicted);
	return e;
}

static void report_factors(const struct outputs *out, struct run *run)
{
	const int32_t *factors = out->factors.data;
	int n = out->factors.ndim && factors ? (int)out->factors.dim[0] : 0;
	run->mrss.gate_mean = out->gate_mean;
	run->mrss.factors = run_doubles(run, NULL, n);
	run->mrss.n_factors = n;
	for (int i = 0; i < n; i++)
		run->mrss.factors[i] = factors[i];
}

static void report_words(const struct mrss *mrss, struct run *run)
{
	int left = (int)((int64_t)run->input.tokens % mrss->factor);
	/* A model with weights for its gates does not tell their mean. */
	if (mrss->mode == MRSS_BOTH && !isnan(run->mrss.gate_mean))
		run_warn(run, "the gates are drawn from the seed: nobody trained them");
	if (mrss->mode == MRSS_BOTH && run->mrss.work_ratio > 1)
		run_warn(run, "both branches: %.3g x the FLOPs of the baseline",
			 run->mrss.work_ratio);
	if (mrss->mode == MRSS_ADAPTIVE && !run->mrss.n_factors)
		run_warn(run,
			 "factors depend on the sequences: estimated as if all had %d",
			 mrss->factor);
	else if (mrss->mode != MRSS_ADAPTIVE && left)
		run_warn(run,
			 "%d does not divide %g tokens: the last block stands for %d and "
			 "is scanned as if it were whole",
			 mrss->factor, run->input.tokens, left);
}

enum err mrss_report(const struct model *m, const struct input_facts *facts,
		     const struct knobs *k, const struct outputs *out, struct run *run)
{
	const struct mrss mrss = mrss_of(k);
	if (!(m->family->knobs & KNOB_BIT(KNOB_MRSS)) || mrss.mode == MRSS_OFF)
		return OK;
	report_factors(out, run);
	enum err e = report_work(m, facts, k, run);
	if (!e)
		report_words(&mrss, run);
	return e;
}
