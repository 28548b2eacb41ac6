#include "ui/views/layer_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/format.h"

const struct table_column layer_columns[COL_COUNT] = {
	[COL_NAME] = { "layer", 14, 0, true, true },
	[COL_TOKENS] = { "tok", 4, 3, false, false },
	[COL_MS] = { "ms", 5, 0, false, false },
	[COL_SHARE] = { "%", 5, 1, false, false },
	[COL_BASE] = { "vs base", 7, 2, false, false },
	[COL_CPU] = { "cpu ms", 6, 4, false, false },
	[COL_FLOPS] = { "FLOP", 5, 3, false, false },
	[COL_RATE] = { "GF/s", 4, 3, false, false },
	[COL_BYTES] = { "bytes", 5, 5, false, false },
	[COL_FAULTS] = { "faults", 6, 6, false, false },
	[COL_SWITCHES] = { "switch", 6, 6, false, false },
	[COL_MIN] = { "min ms", 6, 7, false, false },
	[COL_AI] = { "FLOP/B", 6, 8, false, false },
	[COL_BANDWIDTH] = { "GB/s", 5, 8, false, false },
	[COL_GEMM] = { "M x N x K", 15, 9, false, false },
	[COL_KIND] = { "kind", 10, 10, false, false },
};

/* ---- values ---- */

static double bytes_of(const double *v)
{
	return v[METRIC_bytes_read] + v[METRIC_bytes_written];
}

static double base_ratio(const struct layers_shown *s, int layer)
{
	int b = s->base ? s->state->base_of[layer] : -1;
	if (b < 0)
		return (double)NAN;
	return s->run->layers[layer].v[METRIC_wall_ns] /
	       s->base->layers[b].v[METRIC_wall_ns];
}

static double from_values(const struct layers_shown *s, const double *v,
			  enum layer_column column)
{
	switch (column) {
	case COL_TOKENS:
		return v[METRIC_tokens_out];
	case COL_MS:
		return v[METRIC_wall_ns];
	case COL_SHARE:
		return v[METRIC_wall_ns] / s->whole_ns;
	case COL_CPU:
		return v[METRIC_cpu_ns];
	case COL_FLOPS:
		return v[METRIC_flops];
	case COL_RATE:
		return v[METRIC_flops] / v[METRIC_wall_ns];
	case COL_BYTES:
		return bytes_of(v);
	case COL_FAULTS:
		return v[METRIC_minor_faults];
	case COL_SWITCHES:
		return v[METRIC_switches];
	case COL_MIN:
		return v[METRIC_wall_min_ns];
	case COL_AI:
		return v[METRIC_flops] / bytes_of(v);
	case COL_BANDWIDTH:
		return bytes_of(v) / v[METRIC_wall_ns];
	case COL_GEMM:
		return v[METRIC_m] * v[METRIC_n] * v[METRIC_k];
	default:
		return (double)NAN;
	}
}

double layer_value(const struct layers_shown *s, int layer, enum layer_column column)
{
	if (column == COL_BASE)
		return base_ratio(s, layer);
	return from_values(s, s->run->layers[layer].v, column);
}

static void format_value(enum layer_column column, double v, char *buf, size_t size)
{
	switch (column) {
	case COL_MS:
	case COL_CPU:
	case COL_MIN:
		format_ms(v, buf, size);
		break;
	case COL_TOKENS:
		format_tokens(v, buf, size);
		break;
	case COL_SHARE:
		format_percent(v, buf, size);
		break;
	case COL_BYTES:
		format_bytes(v, buf, size);
		break;
	case COL_RATE:
	case COL_BANDWIDTH:
	case COL_AI:
		format_rate(v, buf, size);
		break;
	default:
		format_count(v, buf, size);
	}
}

/* ---- cells ---- */

/* A path that is too long loses its beginning: its end is what tells rows apart. */
static void path_cell(const struct layers_shown *s, const char *path,
		      struct table_cell *cell)
{
	int width = s->state->table.width[COL_NAME], len = (int)strlen(path);
	if (!s->cut || len <= width) {
		snprintf(cell->text, sizeof(cell->text), "%s", path);
		return;
	}
	int keep = width - (s->cut[0] == '.' ? (int)strlen(s->cut) : 1);
	snprintf(cell->text, sizeof(cell->text), "%s%s", s->cut,
		 path + len - (keep > 0 ? keep : 0));
}

static void name_cell(const struct layers_shown *s, int layer, struct table_cell *cell)
{
	const struct layer *l = &s->run->layers[layer];
	char name[200];
	if (s->state->filter[0])
		path_cell(s, str_escaped(name, sizeof(name), l->path, strlen(l->path)),
			  cell);
	else
		snprintf(cell->text, sizeof(cell->text), "%*s%s",
			 2 * s->state->depth[layer], "",
			 str_escaped(name, sizeof(name), l->name, strlen(l->name)));
}

static void gemm_cell(const double *v, struct table_cell *cell)
{
	if (!isnan(v[METRIC_m])) /* others have no shape, rather than one not measured */
		snprintf(cell->text, sizeof(cell->text), "%.0fx%.0fx%.0f", v[METRIC_m],
			 v[METRIC_n], v[METRIC_k]);
}

static void kind_cell(const struct layers_shown *s, int layer, struct table_cell *cell)
{
	const struct layer *l = &s->run->layers[layer];
	if (!s->state->group[layer])
		format_name(l->engine ? l->engine : l->kind, cell->text,
			    sizeof(cell->text));
}

/* Run and base were measured at different times: hence the ~, and no colour. */
static void change_text(double ratio, char *buf, size_t size)
{
	char change[16];
	snprintf(buf, size, "%s%s", isnan(ratio) ? "" : "~",
		 format_change(ratio, change, sizeof(change)));
}

static void base_cell(const struct layers_shown *s, int layer, struct table_cell *cell)
{
	double ratio = base_ratio(s, layer);
	if (!s->base)
		return;
	if (s->state->base_of[layer] < 0)
		snprintf(cell->text, sizeof(cell->text), "NEW");
	else
		change_text(ratio, cell->text, sizeof(cell->text));
}

static void layer_cell(const void *context, int row, int column, struct table_cell *cell)
{
	const struct layers_shown *s = context;
	int layer = s->state->rows[row];
	const struct layer *l = &s->run->layers[layer];
	if (column == COL_NAME)
		name_cell(s, layer, cell);
	else if (column == COL_BASE)
		base_cell(s, layer, cell);
	else if (column == COL_GEMM)
		gemm_cell(l->v, cell);
	else if (column == COL_KIND)
		kind_cell(s, layer, cell);
	else
		format_value((enum layer_column)column,
			     layer_value(s, layer, (enum layer_column)column), cell->text,
			     sizeof(cell->text));
}

static void total_cell(const void *context, int row, int column, struct table_cell *cell)
{
	const struct layers_shown *s = context;
	(void)row;
	if (column == COL_NAME)
		snprintf(cell->text, sizeof(cell->text), "sum of layers");
	else if (column == COL_BASE && !s->base)
		return;
	else if (column == COL_BASE)
		change_text(s->total[METRIC_wall_ns] / s->base_sum_ns, cell->text,
			    sizeof(cell->text));
	else if (column != COL_GEMM && column != COL_KIND && column != COL_TOKENS)
		format_value((enum layer_column)column,
			     from_values(s, s->total, (enum layer_column)column),
			     cell->text, sizeof(cell->text));
}

static unsigned row_style(const void *context, int row)
{
	const struct layers_shown *s = context;
	(void)row;
	return s->run->state == RUN_ESTIMATE ? STYLE_DIM : STYLE_NORMAL;
}

struct table_source layer_source(const struct layers_shown *s)
{
	return (struct table_source){ .columns = s->columns,
				      .n_columns = COL_COUNT,
				      .n_rows = s->state->n_rows,
				      .context = s,
				      .cell = layer_cell,
				      .row_style = row_style };
}

struct table_source layer_total_source(const struct layers_shown *s)
{
	struct table_source source = layer_source(s);
	source.n_rows = 1;
	source.cell = total_cell;
	source.row_style = NULL;
	return source;
}
