/* The points of a curve as a table: for the clipboard, and where no chart can be. */
#include <math.h>
#include <stdio.h>

#include "ui/format.h"
#include "ui/views/curve.h"

enum column {
	C_X,
	C_TOKENS,
	C_MS,
	C_LO,
	C_HI,
	C_SPEED,
	C_WORK,
	C_COS,
	C_TOP1,
	C_RUN,
	C_AGE
};
#define N_COLUMNS (C_AGE + 1)

static const char *ratio(double v, char *buf, size_t size)
{
	snprintf(buf, size, isnan(v) ? "--" : "%.2fx", v);
	return buf;
}

static void cell_of(const void *context, int row, int column, struct table_cell *cell)
{
	const struct curve_rows *rows = context;
	const struct app_curve *c = &rows->st->data;
	const struct app_point *p = &c->points[row];
	char *text = cell->text;
	size_t size = sizeof(cell->text);
	switch (column) {
	case C_X:
		curve_value(p->x, text, size);
		break;
	case C_TOKENS:
		format_tokens(view_tokens(rows->app, p->kept), text, size);
		break;
	case C_MS:
		format_ms(p->p50_ns, text, size);
		break;
	case C_LO:
		format_ms(p->lo_ns, text, size);
		break;
	case C_HI:
		format_ms(p->hi_ns, text, size);
		break;
	case C_SPEED:
		if (p->base)
			snprintf(text, size, "base");
		else
			ratio(c->base.p50_ns / p->p50_ns, text, size);
		break;
	case C_WORK:
		ratio(c->base.flops / p->flops, text, size);
		break;
	case C_COS:
		format_cosine(p->cosine, text, size);
		break;
	case C_TOP1:
		format_percent(p->top1, text, size);
		break;
	case C_RUN:
		snprintf(text, size, p->run_id ? "#%lld" : "--", (long long)p->run_id);
		break;
	default:
		format_age(p->started_ns, text, size);
	}
}

struct table_source curve_table(const struct curve_rows *rows)
{
	static struct table_column columns[N_COLUMNS] = {
		[C_X] = { "", 9, 0, false, false },
		[C_TOKENS] = { "kept", 5, 4, false, false },
		[C_MS] = { "ms", 7, 0, false, false },
		[C_LO] = { "95% lo", 7, 3, false, false },
		[C_HI] = { "95% hi", 7, 3, false, false },
		[C_SPEED] = { "vs base", 7, 1, false, false },
		[C_WORK] = { "FLOPs", 7, 2, false, false },
		[C_COS] = { "cos", 6, 1, false, false },
		[C_TOP1] = { "top-1 %", 7, 2, false, false },
		[C_RUN] = { "run", 7, 5, false, false },
		[C_AGE] = { "age", 7, 5, false, false },
	};
	columns[C_X].title = knob_table[rows->st->data.knob].option;
	return (struct table_source){ .columns = columns,
				      .n_columns = N_COLUMNS,
				      .n_rows = rows->st->data.n,
				      .context = rows,
				      .cell = cell_of };
}
