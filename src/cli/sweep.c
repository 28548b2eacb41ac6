/* sparsetop sweep: every setting of a grid of knobs, a run each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/grid.h"
#include "cli/print.h"
#include "cli/runner.h"
#include "profiler/figure.h"
#include "reduce/reduction.h"

#define GROUPS                                                                           \
	(OPTIONS_MODEL | OPTIONS_MEASURE | OPTIONS_STORE | OPTIONS_SESSION |             \
	 OPTIONS_WORKER | OPTIONS_JSON | OPTIONS_LISTS)
#define WIDTH 100 /* of the table before it is broken up */

struct sweep {
	const struct plan *plan;
	uint64_t varies;
	struct cell *cells; /* [plan->n_points] */
	char **labels;
	int *order;
	struct runner runner;
};

static void sweep_init(struct sweep *s, const struct options *o)
{
	size_t n = (size_t)o->plan.n_points;
	*s = (struct sweep){ .plan = &o->plan, .varies = plan_varies(&o->plan) };
	s->cells = mem_alloc(n * sizeof(*s->cells));
	s->labels = mem_alloc(n * sizeof(*s->labels));
	s->order = mem_alloc(n * sizeof(*s->order));
	for (int i = 0; i < o->plan.n_points; i++) {
		struct str label = STR_INIT;
		plan_label(&o->plan, i, s->varies, &label);
		s->labels[i] = label.len ? str_detach(&label) : str_dup(o->model);
		s->cells[i] = (struct cell){ .model = o->model,
					     .knobs = o->plan.points[i].knobs,
					     .label = s->labels[i] };
	}
	plan_order(&o->plan, s->order);
	s->runner = (struct runner){ .o = o,
				     .session = o->session,
				     .budget_s = (double)NAN,
				     .cells = s->cells,
				     .n = o->plan.n_points,
				     .order = s->order };
}

static void sweep_release(struct sweep *s)
{
	runner_release(&s->runner);
	for (int i = 0; i < s->plan->n_points; i++)
		free(s->labels[i]);
	free(s->labels);
	free(s->cells);
	free(s->order);
}

static enum err print_cell(void *ctx, const struct cell *cell)
{
	(void)ctx;
	return print_json(run_to_json(cell->run));
}

/* ---- the table ---- */

static const struct {
	enum figure_id id;
	bool always; /* else where it is known of a row: many images, labels */
} figures[] = { { FIGURE_cosine, true },      { FIGURE_cosine_p5, false },
		{ FIGURE_cosine_min, false }, { FIGURE_kl, false },
		{ FIGURE_top1_agree, false }, { FIGURE_perplexity, false },
		{ FIGURE_top1, false },       { FIGURE_memory_mib, true } };
#define N_FIGURES (int)(sizeof(figures) / sizeof(figures[0]))

/* What the table has columns for. */
struct columns {
	enum knob_id knobs[KNOB_COUNT];
	int n_knobs;
	enum figure_id figures[N_FIGURES];
	int n_figures;
};

static const struct run *done_run(const struct cell *c)
{
	return c->run && c->run->state == RUN_DONE ? c->run : NULL;
}

/* The knobs that vary, those of the axes first. */
static void choose_knobs(const struct sweep *s, struct columns *c)
{
	uint64_t left = s->varies;
	for (int a = 0; a < s->plan->n_axes; a++)
		if (left & KNOB_BIT(s->plan->axes[a].knob)) {
			c->knobs[c->n_knobs++] = s->plan->axes[a].knob;
			left &= ~KNOB_BIT(s->plan->axes[a].knob);
		}
	for (int i = 0; i < KNOB_COUNT; i++)
		if (left & KNOB_BIT(i))
			c->knobs[c->n_knobs++] = (enum knob_id)i;
}

static bool is_known(const struct sweep *s, enum figure_id id)
{
	for (int i = 0; i < s->runner.n; i++)
		if (done_run(&s->cells[i]) && !isnan(figure_of(s->cells[i].run, id)))
			return true;
	return false;
}

static struct columns choose_columns(const struct sweep *s)
{
	struct columns c = { 0 };
	choose_knobs(s, &c);
	for (int i = 0; i < N_FIGURES; i++)
		if (figures[i].always || is_known(s, figures[i].id))
			c.figures[c.n_figures++] = figures[i].id;
	return c;
}

static void add_header(struct grid *g, const struct sweep *s, const struct columns *c)
{
	bool random = runner_is_random(&s->runner);
	for (int i = 0; i < c->n_knobs; i++)
		grid_add(g, "%s", knob_table[c->knobs[i]].option);
	grid_add(g, "kept");
	grid_add(g, "ms");
	grid_add(g, "95 %%");
	grid_add(g, "speed-up");
	grid_add(g, "FLOPs");
	for (int i = 0; i < c->n_figures; i++)
		grid_add(g, "%s%s", figure_table[c->figures[i]].label,
			 random && figure_is_fidelity(c->figures[i]) ? " (random)" : "");
	grid_add(g, "run");
	grid_add(g, "%s", "");
}

static void add_figure(struct grid *g, const struct run *run, enum figure_id id)
{
	char text[32];
	grid_add(g, "%s",
		 figure_text(id, run ? figure_of(run, id) : (double)NAN, text,
			     sizeof(text)));
}

static void add_ratio(struct grid *g, double ratio)
{
	if (isnan(ratio))
		grid_add(g, "--");
	else
		grid_add(g, "%.2fx", ratio);
}

static void add_time(struct grid *g, const struct run *run)
{
	char lo[32], hi[32];
	add_figure(g, run, FIGURE_ms);
	if (!run || isnan(run->wall.ci95_lo_ns))
		grid_add(g, "--");
	else
		grid_add(g, "%s..%s",
			 figure_text(FIGURE_ms, run->wall.ci95_lo_ns * 1e-6, lo,
				     sizeof(lo)),
			 figure_text(FIGURE_ms, run->wall.ci95_hi_ns * 1e-6, hi,
				     sizeof(hi)));
}

/* What kind of row it is, or why there is none. */
static void add_remark(struct grid *g, const struct sweep *s, int i)
{
	const struct cell *c = &s->cells[i];
	if (c->state == CELL_FAILED)
		grid_add(g, "failed: %s", c->run->error);
	else if (c->state == CELL_WAITING)
		grid_add(g, "not measured");
	else
		grid_add(g, "%s%s%s", s->plan->points[i].base == i ? "base" : "",
			 s->plan->points[i].base == i && c->state == CELL_STORED ? ", "
										 : "",
			 c->state == CELL_STORED ? "stored" : "");
}

static void add_row(struct grid *g, const struct sweep *s, const struct columns *c, int i)
{
	char text[KNOB_TEXT_SIZE];
	const double nan = (double)NAN;
	const struct run *run = done_run(&s->cells[i]);
	const struct run *base = done_run(&s->cells[s->plan->points[i].base]);
	bool both = run && base;
	for (int k = 0; k < c->n_knobs; k++)
		grid_add(g, "%s", knobs_get(&s->cells[i].knobs, c->knobs[k], text));
	add_figure(g, run, FIGURE_kept);
	add_time(g, run);
	add_ratio(g, both ? base->wall.p50_ns / run->wall.p50_ns : nan);
	add_ratio(g, both ? base->flops.ours / run->flops.ours : nan);
	for (int f = 0; f < c->n_figures; f++)
		add_figure(g, run, c->figures[f]);
	if (run && run->id)
		grid_add(g, "%lld", (long long)run->id);
	else
		grid_add(g, "--");
	add_remark(g, s, i);
}

static void print_table(const struct sweep *s)
{
	const struct columns c = choose_columns(s);
	struct grid g;
	bool breaks[KNOB_COUNT + 5 + N_FIGURES + 2];
	int n_cols = c.n_knobs + 5 + c.n_figures + 2;
	for (int i = 0; i < n_cols; i++)
		breaks[i] = i < n_cols - 1; /* a remark stands behind its run */
	grid_init(&g, n_cols);
	grid_left(&g, n_cols - 1);
	add_header(&g, s, &c);
	for (int i = 0; i < s->plan->n_points; i++)
		add_row(&g, s, &c, i);
	grid_print(&g, c.n_knobs, breaks, WIDTH);
	grid_release(&g);
	printf("\n");
	runner_print_end(&s->runner);
}

static enum err run_sweep(const struct options *o)
{
	struct sweep s;
	sweep_init(&s, o);
	if (o->json)
		s.runner.on_cell = print_cell;
	enum err e = runner_run(&s.runner);
	if (!o->json && s.runner.measured + s.runner.stored + s.runner.failed)
		print_table(&s);
	sweep_release(&s);
	return e;
}

static enum err sweep_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, GROUPS, argc, argv);
	if (e)
		return e;
	if (o.help) {
		printf("usage: sparsetop sweep -m MODEL --keep 1,.9,.7,.5 [knobs with "
		       "lists] [--json]\n\n"
		       "Every combination is measured and stored as a run of one "
		       "session, the base (every\n"
		       "technique off) first. With the --session of an earlier sweep, "
		       "what it holds is not\n"
		       "measured again.\n\n");
		options_print_help(GROUPS);
	} else {
		o.plan.settle = reduction_settle;
		e = plan_build(&o.plan);
		if (!e)
			e = run_sweep(&o);
	}
	options_release(&o);
	return e;
}

const struct command_line sweep_command_line = {
	.name = "sweep",
	.synopsis = "sweep -m MODEL --keep 1,.9,.7 [lists] [--json]",
	.help = "measure every combination of knobs",
	.run = sweep_command,
};
