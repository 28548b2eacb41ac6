/*
 * The controller's sweeps: cells that are measured one after another when nothing else
 * wants the worker. A cell is settled once: known to this session, measured, or failed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_private.h"
#include "app_study.h"
#include "base/clock.h"
#include "base/str.h"
#include "models/preset.h"
#include "profiler/plan.h"
#include "reduce/method.h"
#include "reduce/reduction.h"

#define LOOK_UPS 16 /* cells looked up at once: each may be a read of the database */

/* ---- starting ---- */

static void forget_cells(struct app *app)
{
	struct app_private *p = app->private;
	for (int i = 0; i < app->sweep.n; i++) {
		free(p->cells[i].label);
		free(p->cells[i].model);
		free(p->cells[i].text);
	}
	free(p->cells);
	p->cells = NULL;
	p->cell = -1;
	app->sweep.n = 0;
}

static void forget_home(struct app *app)
{
	struct app_private *p = app->private;
	free(p->home_model);
	free(p->home_text);
	p->home_model = p->home_text = NULL;
}

void app_sweep_release(struct app *app)
{
	forget_cells(app);
	forget_home(app);
}

static void leave_home(struct app *app)
{
	struct app_private *p = app->private;
	if (p->home_model)
		return;
	p->home_model = str_dup(app->opt.model);
	p->home_text = str_dup(app->input.text);
	p->home_knobs = app->opened ? p->present : app->knobs;
}

static void take_home_knobs(struct app *app)
{
	struct knobs k = app->private->home_knobs;
	app_set_knobs(app, &k);
}

/* Whoever opens the model next reads it. */
static void set_text(struct app *app, const char *text)
{
	char *copy = str_dup(text);
	free(app->input.text);
	app->input.text = copy;
}

/* The user's model, text and knobs, as they were before a study opened others. */
static void go_home(struct app *app)
{
	struct app_private *p = app->private;
	char *model = p->home_model;
	if (!model)
		return;
	bool away = strcmp(model, app->opt.model) != 0 ||
		    !str_equal(p->home_text, app->input.text);
	p->home_model = NULL;
	take_home_knobs(app);
	set_text(app, p->home_text);
	forget_home(app);
	if (away)
		app_replace_model(app, model);
	free(model);
}

void app_sweep_broken(struct app *app)
{
	struct app_private *p = app->private;
	app->sweep.running = false;
	if (!p->home_model)
		return;
	take_home_knobs(app);
	set_text(app, p->home_text);
	app_drop_results(app);
	app_name_model(app, p->home_model); /* `r` opens it */
	forget_home(app);
}

static void stop(struct app *app)
{
	app->sweep.running = false;
	if (app->private->purpose == FOR_SWEEP)
		app_forget_job(app);
}

static void say_stopped(struct app *app)
{
	const struct app_sweep *s = &app->sweep;
	app_say(app, APP_INFO,
		"%s stopped: %d of %d settings are there; the same again goes "
		"on",
		s->title, s->done - s->failed, s->n);
}

void app_sweep_stop(struct app *app)
{
	if (!app->sweep.running)
		return;
	stop(app);
	go_home(app);
	say_stopped(app);
}

void app_sweep_leave(struct app *app)
{
	if (!app->sweep.running)
		return;
	stop(app);
	if (app->private->home_model) {
		take_home_knobs(app);
		set_text(app, app->private->home_text);
	}
	forget_home(app);
	say_stopped(app);
}

/* A new sweep without cells in place of the one there was. */
static void begin(struct app *app, const char *title)
{
	struct app_private *p = app->private;
	unsigned serial = app->sweep.serial;
	if (p->purpose == FOR_SWEEP)
		app_forget_job(app);
	forget_cells(app);
	app->sweep = (struct app_sweep){ .running = true,
					 .serial = serial + 1,
					 .knob = KNOB_COUNT,
					 .row = -1,
					 .cell_s = (double)NAN };
	snprintf(app->sweep.title, sizeof(app->sweep.title), "%s", title);
	p->study = -1;
	p->sweep_budget_s = (double)NAN;
	p->spent_s = 0;
	p->n_spent = 0;
	p->problem[0] = 0;
}

static bool is_number(enum knob_id id)
{
	return knob_table[id].kind == KNOB_NUMBER || knob_table[id].kind == KNOB_INTEGER;
}

/* In the order of the plan's own shuffle: a machine that gets warm looks like no knob. */
static void take_plan(struct app *app, const struct plan *plan)
{
	struct app_private *p = app->private;
	uint64_t varies = plan_varies(plan);
	int *order = mem_alloc(sizeof(*order) * (size_t)plan->n_points);
	plan_order(plan, order);
	p->cells = mem_alloc(sizeof(*p->cells) * (size_t)plan->n_points);
	for (int i = 0; i < plan->n_points; i++) {
		struct str label = STR_INIT;
		plan_label(plan, order[i], varies, &label);
		p->cells[i].knobs = plan->points[order[i]].knobs;
		p->cells[i].row = -1;
		p->cells[i].label = str_detach(&label);
	}
	app->sweep.n = plan->n_points;
	for (int i = 0; i < plan->n_axes && app->sweep.knob == KNOB_COUNT; i++)
		if (is_number(plan->axes[i].knob) && plan->axes[i].n > 1)
			app->sweep.knob = plan->axes[i].knob;
	free(order);
}

/* ---- what the user typed ---- */

/* The next word of a text, at most `size` of it; the place behind it. */
static const char *next_word(const char *text, char *word, size_t size)
{
	text += strspn(text, " =");
	size_t n = strcspn(text, " =");
	snprintf(word, size, "%.*s", (int)n, text);
	return text + n;
}

static enum err add_axis(const struct app *app, struct plan *plan, const char *name,
			 const char *list)
{
	char shown[80];
	enum knob_id id = knob_find(name + strspn(name, "-"));
	if (id == KNOB_COUNT)
		return err_set(ERR_USAGE, "sweep: no knob is called %s",
			       str_escaped(shown, sizeof(shown), name, strlen(name)));
	if (!*list)
		return err_set(ERR_USAGE, "sweep: %s over which values?", name);
	const char *why = app_knob_why_not(app, id);
	if (why)
		return err_set(ERR_USAGE, "--%s: %s", knob_table[id].option, why);
	return plan_add(plan, id, list);
}

static enum err parse(const struct app *app, const char *text, struct plan *plan)
{
	char name[64], list[1024];
	enum err e = OK;
	int axes = 0;
	plan_init(plan, &app->knobs);
	plan->settle = reduction_settle;
	for (;; axes++) {
		text = next_word(text, name, sizeof(name));
		if (e || !*name)
			break;
		text = next_word(text, list, sizeof(list));
		e = add_axis(app, plan, name, list);
	}
	if (!e && !axes)
		e = err_set(ERR_USAGE, "sweep: of which knob? As in: sweep keep 1,.8,.6");
	return e ? e : plan_build(plan);
}

bool app_sweep_start(struct app *app, const char *text)
{
	struct plan plan;
	char title[64] = "sweep of";
	if (!app->has_model) {
		app_say(app, APP_WARNING, "there is no model to sweep yet");
		return false;
	}
	enum err e = parse(app, text, &plan);
	if (!e && app->private->home_model) { /* of the user's own model, then */
		app_sweep_stop(app);
		plan_release(&plan);
		e = parse(app, text, &plan);
	}
	for (int i = 0; !e && i < plan.n_axes; i++) {
		size_t n = strlen(title);
		snprintf(title + n, sizeof(title) - n, "%s%s", i ? ", " : " ",
			 knob_table[plan.axes[i].knob].option);
	}
	if (!e) {
		begin(app, title);
		take_plan(app, &plan);
		app_say(app, APP_INFO, "%s: %d settings", title, app->sweep.n);
	} else {
		app_say(app, APP_ERROR, "%s", err_message());
	}
	plan_release(&plan);
	return !e;
}

/* Values of a number that show its range without taking all day. */
static const char *usual_values(enum knob_id id)
{
	switch (id) {
	case KNOB_KEEP:
		return "1,.9,.8,.7,.6,.5,.4,.3";
	case KNOB_MERGE_R:
		return "0,4,8,12,16";
	case KNOB_DOWNSAMPLE:
		return "1,2,4,8,16";
	case KNOB_RANK:
		return "0,16,32,64,128,256";
	case KNOB_BATCH:
		return "1,2,4,8";
	case KNOB_IMAGE_SIZE:
		return "128,224,336";
	case KNOB_SEQ:
		return "256..8192x2";
	case KNOB_SEED:
		return "0,1,2,3";
	default:
		return "1,2";
	}
}

char *app_sweep_suggestion(const struct app *app)
{
	struct str s = STR_INIT;
	enum knob_id id = app->knob;
	if (app_knob_why_not(app, id) || id == KNOB_DEVICE || id == KNOB_GEMM)
		id = KNOB_KEEP;
	if (id == KNOB_DOWNSAMPLE && knobs_is_default(&app->knobs, KNOB_MRSS) &&
	    !app_knob_why_not(app, KNOB_MRSS))
		str_add(&s, "mrss low "); /* no factor without a branch */
	if (id != KNOB_THRESHOLD)
		str_addf(&s, "%s ", knob_table[id].option);
	if (id == KNOB_THRESHOLD) {
		app_usual_thresholds(app, &s);
	} else if (id == KNOB_METHOD) {
		struct str names = STR_INIT;
		method_names(&names);
		for (const char *c = str_get(&names); *c; c++)
			if (*c != ' ')
				str_add_n(&s, c, 1);
		str_release(&names);
	} else if (id == KNOB_PRUNE_AT) {
		str_add(&s, "embed,3,6,9");
	} else if (knob_table[id].choices) {
		for (const char *c = knob_table[id].choices; *c; c++)
			str_add_n(&s, *c == '|' ? "," : c, 1);
	} else {
		str_add(&s, usual_values(id));
	}
	return str_detach(&s);
}

/* ---- studies ---- */

static void take_study(struct app *app, const struct study *study)
{
	struct app_private *p = app->private;
	size_t n = (size_t)study->n_rows;
	int *order = mem_alloc(n * sizeof(*order)), *against = mem_alloc(n * sizeof(int));
	for (int i = 0; i < study->n_rows; i++)
		against[i] = study->rows[i].against;
	plan_order_of(against, study->n_rows, order);
	p->cells = mem_alloc(n * sizeof(*p->cells));
	for (int i = 0; i < study->n_rows; i++) {
		const struct study_row *row = &study->rows[order[i]];
		p->cells[i] = (struct sweep_cell){ .knobs = row->knobs,
						   .label = str_dup(row->label),
						   .row = order[i] };
		p->cells[i].model = str_dup(row->model ? row->model : study->model);
		p->cells[i].text = str_dup(row->text);
		preset_workload(p->cells[i].model,
				row->text || input_source_has_length(&app->input),
				row->given, &p->cells[i].knobs);
	}
	app->sweep.n = study->n_rows;
	free(order);
	free(against);
}

/* A study has a session of its own, which the command line goes on with. */
static const char *study_session(const struct app *app)
{
	int study = app->private->study;
	return study < 0 ? NULL : app->studies->state[study].def.name;
}

const char *app_sweep_session(const struct app *app)
{
	return app->private->cell < 0 ? NULL : study_session(app);
}

bool app_study_start(struct app *app, const char *name)
{
	char title[64], shown[64];
	int i = app_study_find(app, name);
	if (i < 0) {
		app_say(app, APP_ERROR,
			"no study is called %s; the Studies view lists them",
			str_escaped(shown, sizeof(shown), name, strlen(name)));
		return false;
	}
	const struct study *study = &app->studies->state[i].def;
	snprintf(title, sizeof(title), "study %s", study->name);
	begin(app, title);
	app->private->study = i;
	app->private->sweep_budget_s = study->budget_s;
	app_study_reset(app, i);
	take_study(app, study);
	app_say(app, APP_INFO, "%s: %d rows", title, app->sweep.n);
	return true;
}

/* ---- settling ---- */

static void settle(struct app *app, int i, enum cell_state state)
{
	struct app_sweep *s = &app->sweep;
	app->private->cells[i].state = state;
	s->done++;
	s->known += state == CELL_KNOWN;
	s->failed += state == CELL_FAILED;
}

static void say_end(struct app *app)
{
	const struct app_sweep *s = &app->sweep;
	struct str t = STR_INIT;
	str_addf(&t, "%s: all %d settings are there", s->title, s->n);
	if (s->failed) {
		str_release(&t);
		str_addf(&t, "%s: %d of %d settings failed; the last: %s", s->title,
			 s->failed, s->n, app->private->problem);
	} else if (s->known) {
		str_addf(&t, ", %d known before", s->known);
	}
	app_say(app, s->failed ? APP_WARNING : APP_INFO, "%s", str_get(&t));
	str_release(&t);
}

static const char *text_of(const struct app *app, const struct sweep_cell *cell)
{
	const struct app_private *p = app->private;
	return cell->text ? cell->text : p->home_model ? p->home_text : app->input.text;
}

/* Whether what is open is what the cell is of. */
static bool is_open(const struct app *app, const struct sweep_cell *cell)
{
	return (!cell->model || !strcmp(cell->model, app->opt.model)) &&
	       str_equal(text_of(app, cell), app->input.text);
}

/* The next cell: those of the open model first, for another takes a while to open. */
static int first_waiting(const struct app *app)
{
	int first = -1;
	for (int i = 0; app->sweep.running && i < app->sweep.n; i++) {
		const struct sweep_cell *cell = &app->private->cells[i];
		if (cell->state != CELL_WAITING)
			continue;
		if (is_open(app, cell))
			return i;
		first = first < 0 ? i : first;
	}
	return first;
}

bool app_sweep_is_due(const struct app *app)
{
	const struct app_private *p = app->private;
	return app->sweep.running && p->loaded && p->purpose == FOR_NOTHING &&
	       app->phase == APP_IDLE && !p->paused;
}

/* A stop of the slider that the sweep asks for is no stop any more. */
static bool is_known(struct app *app, const struct sweep_cell *cell)
{
	struct app_private *p = app->private;
	const char *session = study_session(app);
	struct run *run = session ? app_recall_in(app, session, &cell->knobs)
				  : app_recall(app, &cell->knobs);
	if (!run)
		return false;
	if (run->trail && run->id)
		app_keep_quietly(app, run->id);
	if (p->study >= 0)
		app_study_put(app, p->study, cell->row, run, NULL);
	else
		run_free(run);
	return true;
}

/* The sliders go to the cell: the new model is measured there anyway. */
static void open_model_of(struct app *app, const struct sweep_cell *cell)
{
	struct knobs k = cell->knobs;
	leave_home(app);
	app_set_knobs(app, &k);
	set_text(app, text_of(app, cell));
	app_replace_model(app, cell->model);
}

static void claim(struct app *app, int i)
{
	app->private->cell = i;
	app->sweep.row = app->private->cells[i].row;
	app->sweep.begin_ns = clock_now_ns();
}

void app_sweep_claim(struct app *app, const struct knobs *k)
{
	const struct app_private *p = app->private;
	for (int i = 0; app->sweep.running && i < app->sweep.n; i++) {
		const struct sweep_cell *cell = &p->cells[i];
		if (cell->state == CELL_WAITING && is_open(app, cell) &&
		    app_same_setting(app, &cell->knobs, k)) {
			/* The study's session may have what the user's has not. */
			if (study_session(app) && is_known(app, cell))
				settle(app, i, CELL_KNOWN);
			else
				claim(app, i);
			return;
		}
	}
}

bool app_sweep_next(struct app *app)
{
	if (!app_sweep_is_due(app))
		return false;
	for (int k = 0; k < LOOK_UPS; k++) {
		int i = first_waiting(app);
		if (i < 0) {
			app->sweep.running = false;
			go_home(app);
			say_end(app);
			return true;
		}
		const struct sweep_cell *cell = &app->private->cells[i];
		if (cell->model && !is_open(app, cell)) {
			open_model_of(app, cell);
			return true;
		}
		if (!is_known(app, cell)) {
			claim(app, i);
			app_start_run(app, FOR_SWEEP, &cell->knobs);
			return true;
		}
		settle(app, i, CELL_KNOWN);
	}
	return true;
}

void app_sweep_measured(struct app *app, const struct run *run)
{
	struct app_private *p = app->private;
	p->spent_s += (double)(clock_now_ns() - app->sweep.begin_ns) / 1e9;
	app->sweep.cell_s = p->spent_s / ++p->n_spent;
	if (p->study >= 0)
		app_study_put(app, p->study, p->cells[p->cell].row, app_copy_run(run),
			      NULL);
	settle(app, p->cell, CELL_MEASURED);
	p->cell = -1;
}

static void fail(struct app *app, int i, const char *why)
{
	struct app_private *p = app->private;
	snprintf(p->problem, sizeof(p->problem), "%s: %s", p->cells[i].label, why);
	if (p->study >= 0)
		app_study_put(app, p->study, p->cells[i].row, NULL, why);
	settle(app, i, CELL_FAILED);
}

void app_sweep_failed(struct app *app, const char *why)
{
	struct app_private *p = app->private;
	if (p->cell < 0)
		return;
	fail(app, p->cell, why);
	app_say(app, APP_ERROR, "%s: %s", app->sweep.title, p->problem);
	p->cell = -1;
}

void app_sweep_model_failed(struct app *app, const char *why)
{
	const struct app_private *p = app->private;
	for (int i = 0; app->sweep.running && i < app->sweep.n; i++)
		if (p->cells[i].state == CELL_WAITING && p->cells[i].model &&
		    is_open(app, &p->cells[i]))
			fail(app, i, why);
}
