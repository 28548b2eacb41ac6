/* The parts of a level as rows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/views/shares.h"

enum share_column {
	COL_PART,
	COL_MS,
	COL_MS_SHARE,
	COL_FLOPS_SHARE,
	COL_BYTES_SHARE,
	COL_RATE,
	COL_BASE,
	COL_OF_ALL,
	COL_FLOPS,
	COL_BYTES,
	COL_BASE_MS,
	COL_COUNT
};

static const struct table_column columns[COL_COUNT] = {
	[COL_PART] = { "part", 16, 0, true, true },
	[COL_MS] = { "ms", 6, 0, false, false },
	[COL_MS_SHARE] = { "ms %", 5, 0, false, false },
	[COL_FLOPS_SHARE] = { "FLOP %", 6, 1, false, false },
	[COL_BYTES_SHARE] = { "byte %", 6, 2, false, false },
	[COL_RATE] = { "GF/s", 5, 3, false, false },
	[COL_BASE] = { "vs base", 7, 2, false, false },
	[COL_OF_ALL] = { "of pass", 7, 4, false, false },
	[COL_FLOPS] = { "FLOP", 6, 5, false, false },
	[COL_BYTES] = { "bytes", 6, 5, false, false },
	[COL_BASE_MS] = { "base ms", 7, 6, false, false },
};

int shares_column(enum share_metric metric)
{
	static const int column[SHARE_METRICS] = { COL_MS_SHARE, COL_FLOPS_SHARE,
						   COL_BYTES_SHARE };
	return column[metric];
}

static const struct share_part *base_part(const struct shares_shown *s,
					  const struct share_part *part)
{
	int at = share_map_match(&s->before, part);
	return at < 0 ? NULL : &s->before.part[at];
}

/* Counts are exact; times were measured at another time, hence the ~. */
static void base_cell(const struct shares_rows *r, const struct share_part *part,
		      struct table_cell *cell)
{
	char change[16];
	const struct share_part *base = base_part(r->s, part);
	if (!r->s->base)
		return;
	if (!base) {
		snprintf(cell->text, sizeof(cell->text), "NEW");
		return;
	}
	double ratio = part->v[r->st->metric] / base->v[r->st->metric];
	bool about = r->st->metric == SHARE_NS && !isnan(ratio);
	snprintf(cell->text, sizeof(cell->text), "%s%s", about ? "~" : "",
		 format_change(ratio, change, sizeof(change)));
}

static void share_cell(const struct share_map *m, int part, enum share_metric metric,
		       struct table_cell *cell)
{
	format_percent(share_of(m, part, metric), cell->text, sizeof(cell->text));
}

static void part_cell(const struct share_part *part, int at, struct table_cell *cell)
{
	char name[200];
	snprintf(cell->text, sizeof(cell->text), "%c %s", format_letter(at),
		 share_name(part, name, sizeof(name)));
}

/* Columns that a group's own time has something to say in. */
static bool is_of_time(const struct shares_rows *r, enum share_column column)
{
	if (column == COL_BASE || column == COL_OF_ALL)
		return r->st->metric == SHARE_NS;
	return column == COL_PART || column == COL_MS || column == COL_MS_SHARE ||
	       column == COL_BASE_MS;
}

static void shares_cell(const void *context, int row, int column, struct table_cell *cell)
{
	const struct shares_rows *r = context;
	const struct share_map *m = &r->s->now;
	int at = r->st->rows[row];
	const struct share_part *part = &m->part[at], *base = base_part(r->s, part);
	if (!part->members && !is_of_time(r, (enum share_column)column))
		return; /* nothing is counted in it */
	switch ((enum share_column)column) {
	case COL_PART:
		part_cell(part, at, cell);
		break;
	case COL_MS:
		format_ms(part->v[SHARE_NS], cell->text, sizeof(cell->text));
		break;
	case COL_MS_SHARE:
		share_cell(m, at, SHARE_NS, cell);
		break;
	case COL_FLOPS_SHARE:
		share_cell(m, at, SHARE_FLOPS, cell);
		break;
	case COL_BYTES_SHARE:
		share_cell(m, at, SHARE_BYTES, cell);
		break;
	case COL_RATE:
		format_rate(part->v[SHARE_FLOPS] / part->v[SHARE_NS], cell->text,
			    sizeof(cell->text));
		break;
	case COL_BASE:
		base_cell(r, part, cell);
		break;
	case COL_OF_ALL:
		format_percent(part->v[r->st->metric] / m->pass[r->st->metric],
			       cell->text, sizeof(cell->text));
		break;
	case COL_FLOPS:
		format_count(part->v[SHARE_FLOPS], cell->text, sizeof(cell->text));
		break;
	case COL_BYTES:
		format_bytes(part->v[SHARE_BYTES], cell->text, sizeof(cell->text));
		break;
	case COL_BASE_MS:
		if (base)
			format_ms(base->v[SHARE_NS], cell->text, sizeof(cell->text));
		break;
	default:
		break;
	}
}

static unsigned row_style(const void *context, int row)
{
	const struct shares_rows *r = context;
	(void)row;
	return r->s->run->state == RUN_ESTIMATE ? STYLE_DIM : STYLE_NORMAL;
}

struct table_source shares_table(const struct shares_rows *r)
{
	return (struct table_source){ .columns = columns,
				      .n_columns = COL_COUNT,
				      .n_rows = r->st->n_rows,
				      .context = r,
				      .cell = shares_cell,
				      .row_style = row_style };
}
