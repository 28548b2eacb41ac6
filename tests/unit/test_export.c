/* Exports: what a reader of CSV and of JSON Lines gets, byte for byte the same each time.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "run_sample.h"
#include "sessions/exporter.h"

static char *export(const char *name, struct run *const *runs, int n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	const struct exporter *e = exporter_by_name(name);
	assert_non_null(e);
	check_ok(e->write(&(struct run_set){ runs, n }, f));
	fclose(f);
	return text;
}

static void json_is_what_run_prints(void **state)
{
	(void)state;
	struct run *runs[2] = { sample_run(1), run_create() };
	char *text = export("json", runs, 2), *first = sample_line(runs[0]),
	     *second = sample_line(runs[1]), wanted[32768];
	assert_true((size_t)snprintf(wanted, sizeof(wanted), "%s\n%s\n", first, second) <
		    sizeof(wanted));
	assert_string_equal(text, wanted);
	free(text);
	free(first);
	free(second);
	run_free(runs[0]);
	run_free(runs[1]);
}

/* The next cell of RFC 4180, NULL at the end of the text; *row_end after the last of a
 * row. */
static const char *next_cell(const char *at, char *cell, bool *row_end)
{
	if (!*at)
		return NULL;
	bool quoted = *at == '"';
	at += quoted;
	while (quoted ? (*at != '"' || at[1] == '"') : (*at && !strchr(",\r\n", *at))) {
		at += quoted && *at == '"';
		*cell++ = *at++;
	}
	at += quoted;
	*cell = 0;
	*row_end = *at == '\r';
	if (*at != ',')
		assert_memory_equal(at, "\r\n", 2);
	return at + (*row_end ? 2 : 1);
}

static int count_cells(const char **at)
{
	char cell[4096];
	bool end = false;
	int n = 0;
	while (!end && (*at = next_cell(*at, cell, &end)))
		n++;
	return n;
}

static void find_cell(const char *text, const char *column, int row, char *cell)
{
	char name[4096];
	bool end = false;
	int at = -1;
	const char *c = text;
	for (int i = 0; !end && (c = next_cell(c, name, &end)); i++)
		if (!strcmp(name, column))
			at = i;
	if (at < 0)
		fail_msg("no column %s", column);
	c = text;
	for (int r = 0; r < row; r++)
		count_cells(&c);
	for (int i = 0; i <= at; i++)
		c = next_cell(c, cell, &end);
}

static void check_cell(const char *text, const char *column, int row, const char *wanted)
{
	char cell[4096];
	find_cell(text, column, row, cell);
	assert_string_equal(cell, wanted);
}

static void csv_has_a_row_per_layer(void **state)
{
	(void)state;
	struct run *runs[2] = { sample_run(2), run_create() };
	runs[0]->model.name = "a, \"b\"\x1b[2J\nc";
	runs[1]->state = RUN_FAILED;
	runs[1]->error = "out of memory";
	char *text = export("csv", runs, 2), *again = export("csv", runs, 2);
	assert_string_equal(text, again);
	const char *at = text;
	int columns = count_cells(&at), rows = 0;
	for (; *at; rows++)
		assert_int_equal(count_cells(&at), columns);
	assert_int_equal(rows, 16 + 1);

	check_cell(text, "path", 1, "blocks.0");
	check_cell(text, "wall_ns", 1, ""); /* not measured */
	check_cell(text, "path", 3, "blocks.0.attn.qkv");
	check_cell(text, "parent", 3, "blocks.0");
	check_cell(text, "wall_ns", 3, "1001");
	check_cell(text, "wall_ns", 11, "1001.25");
	check_cell(text, "uid", 16, "0190a5d2-7c3e-7abc-8def-0123456789ab");
	check_cell(text, "started_ns", 16, "1751328000123456768");
	check_cell(text, "keep", 16, "0.7");
	check_cell(text, "threads", 16, "auto");
	check_cell(text, "downsample", 16, ""); /* not a knob of this model */
	check_cell(text, "kept", 16, "3");
	check_cell(text, "model.name", 1, "a, \"b\"\\x1b[2J\\x0ac");
	check_cell(text, "env.blas.core", 1, "env.blas.core");
	check_cell(text, "state", 17, "failed");
	check_cell(text, "error", 17, "out of memory");
	check_cell(text, "path", 17, "");
	free(text);
	free(again);
	run_free(runs[0]);
	run_free(runs[1]);
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	struct run *r = sample_run(4);
	for (int i = 0; exporters[i]; i++) {
		FILE *f = fopen("/dev/full", "w");
		if (!f)
			skip_because("no /dev/full: %s", strerror(errno));
		enum err e = exporters[i]->write(&(struct run_set){ &r, 1 }, f);
		assert_true(e == ERR_FULL || e == ERR_IO);
		fclose(f);
	}
	run_free(r);
}

static void registry_names_are_unique(void **state)
{
	(void)state;
	for (int i = 0; exporters[i]; i++)
		assert_ptr_equal(exporter_by_name(exporters[i]->name), exporters[i]);
	assert_null(exporter_by_name("xml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_what_run_prints),
		cmocka_unit_test(csv_has_a_row_per_layer),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(registry_names_are_unique),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
