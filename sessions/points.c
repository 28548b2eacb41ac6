/* Runs as points of a curve: a bounded look at what was stored last. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sessions/sql.h"

static void take_text(struct query *q, char *to, size_t size)
{
	const char *text = query_get_text(q);
	snprintf(to, size, "%s", text ? text : "");
}

static enum err take_point(struct store *s, struct query *q, struct point_row *row)
{
	row->id = query_get_int(q, 0);
	row->session_id = query_get_int(q, 0);
	row->started_ns = query_get_int(q, 0);
	const char *knobs = query_get_text(q);
	enum err e =
		knobs_parse_canonical(knobs ? knobs : "", &row->knobs, &row->knob_mask);
	row->kept = query_get_num(q);
	row->cosine = query_get_num(q);
	row->p50_ns = query_get_num(q);
	row->lo_ns = query_get_num(q);
	row->hi_ns = query_get_num(q);
	row->flops = query_get_num(q);
	row->top1 = query_get_num(q);
	take_text(q, row->model_sha256, sizeof(row->model_sha256));
	take_text(q, row->input_sha256, sizeof(row->input_sha256));
	take_text(q, row->input_source, sizeof(row->input_source));
	take_text(q, row->host, sizeof(row->host));
	return e ? sql_damaged(s, "a run's knobs") : OK;
}

enum err session_points(struct store *s, const char *model, const char *sha256,
			int latest, int max, struct point_row *rows, int *n)
{
	enum err taken = OK;
	struct query q = query_open(s, SQL_RUN_POINTS);
	query_int(&q, latest);
	query_text(&q, model);
	query_text(&q, sha256);
	query_int(&q, max);
	for (*n = 0; !taken && *n < max && query_next(&q); (*n)++)
		taken = take_point(s, &q, &rows[*n]);
	enum err e = query_close(&q);
	return e ? e : taken;
}
