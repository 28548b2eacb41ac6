/*
 * RFC 4180: a header, then one row per layer, what is true of the whole run repeated in
 * each, so that a data frame can group by it. A run without layers is one row with empty
 * layer columns. Empty: not measured. Numbers have all their digits, lines end with CR
 * LF.
 */
#include "sessions/exporter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sessions/export_stream.h"

struct row {
	FILE *f;
	bool started;
};

static void separate(struct row *row)
{
	if (row->started)
		putc(',', row->f);
	row->started = true;
}

/* Control characters are escaped: a cell must not steer the terminal that shows it. */
static void cell_text(struct row *row, const char *text)
{
	separate(row);
	if (!text)
		return;
	struct str s = STR_INIT;
	str_add_escaped(&s, text, strlen(text), 0);
	bool quote = strpbrk(str_get(&s), ",\"") || *text == ' ';
	if (quote)
		putc('"', row->f);
	for (const char *c = str_get(&s); *c; c++) {
		if (*c == '"')
			putc('"', row->f);
		putc(*c, row->f);
	}
	if (quote)
		putc('"', row->f);
	str_release(&s);
}

static void cell_num(struct row *row, double v)
{
	separate(row);
	if (!isfinite(v))
		return;
	if (v == floor(v) && fabs(v) < 9007199254740992.0)
		fprintf(row->f, "%.0f", v);
	else
		fprintf(row->f, "%.12g", v);
}

static void end_row(struct row *row)
{
	fputs("\r\n", row->f);
	row->started = false;
}

/* Numbers and texts of the run, but no lists. */
static bool is_column(const struct run_field *f) { return f->kind != FIELD_NUMS; }

static void write_header(struct row *row)
{
	static const char *const head[] = { "uid",   "session", "started_ns",
					    "state", "error",   "device" };
	char name[KNOB_TEXT_SIZE], column[96];
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		cell_text(row, head[i]);
	for (int i = 0; i < KNOB_COUNT; i++)
		if (i != KNOB_DEVICE) /* it is among the first columns */
			cell_text(row, knob_json_name((enum knob_id)i, name));
	cell_text(row, "kept");
	for (const struct run_field *f = run_fields; f->group; f++)
		if (is_column(f)) {
			snprintf(column, sizeof(column), "%s.%s", f->group, f->key);
			cell_text(row, column);
		}
	cell_text(row, "path");
	cell_text(row, "parent");
	cell_text(row, "kind");
	cell_text(row, "engine");
	for (int m = 0; m < METRIC_COUNT; m++)
		cell_text(row, metric_table[m].name);
	end_row(row);
}

static void write_field(struct row *row, const struct run *r, const struct run_field *f)
{
	const void *at = run_field_const(r, f);
	if (f->kind == FIELD_TEXT)
		cell_text(row, *(const char *const *)at);
	else if (f->kind == FIELD_BOOL)
		cell_text(row, *(const bool *)at ? "true" : "false");
	else
		cell_num(row, *(const double *)at);
}

/* An integer beyond 2^53, written whole. */
static void cell_time(struct row *row, double ns)
{
	separate(row);
	if (ns >= 0 && ns < 9.2e18)
		fprintf(row->f, "%.0f", ns);
}

static void write_run(struct row *row, const struct run *r)
{
	char text[KNOB_TEXT_SIZE];
	cell_text(row, r->uid[0] ? r->uid : NULL);
	cell_text(row, r->session);
	cell_time(row, r->started_ns);
	cell_text(row, run_state_name(r->state));
	cell_text(row, r->error);
	cell_text(row, r->device);
	for (int i = 0; i < KNOB_COUNT; i++)
		if (i != KNOB_DEVICE)
			cell_text(row,
				  r->knob_mask & KNOB_BIT(i)
					  ? knobs_get(&r->knobs, (enum knob_id)i, text)
					  : NULL);
	cell_num(row, run_kept(r));
	for (const struct run_field *f = run_fields; f->group; f++)
		if (is_column(f))
			write_field(row, r, f);
}

static void write_layer(struct row *row, const struct run *r, const struct layer *l)
{
	cell_text(row, l->path);
	cell_text(row, l->parent < 0 ? NULL : r->layers[l->parent].path);
	cell_text(row, l->kind);
	cell_text(row, l->engine);
	for (int m = 0; m < METRIC_COUNT; m++)
		cell_num(row, l->v[m]);
}

static enum err write_csv(const struct run_set *set, FILE *f)
{
	static const struct layer none;
	struct row row = { .f = f };
	write_header(&row);
	for (int i = 0; i < set->n && !ferror(f); i++) {
		const struct run *r = set->runs[i];
		for (int l = 0; l < r->n_layers; l++) {
			write_run(&row, r);
			write_layer(&row, r, &r->layers[l]);
			end_row(&row);
		}
		if (r->n_layers)
			continue;
		struct layer empty = none;
		empty.parent = -1;
		for (int m = 0; m < METRIC_COUNT; m++)
			empty.v[m] = (double)NAN;
		write_run(&row, r);
		write_layer(&row, r, &empty);
		end_row(&row);
	}
	return export_finish(f);
}

const struct exporter csv_exporter = {
	.name = "csv",
	.suffix = ".csv",
	.help = "a table with one row per layer",
	.write = write_csv,
};
