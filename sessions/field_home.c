/* Where each field of the result object is kept. */
#include <stdio.h>
#include <string.h>

#include "sessions/sql.h"

/* Texts and lists with a column or a table of their own. What is added to run_fields
 * needs none. */
static const char *const columns[] = {
	"wall.samples_ns", "wall.stopped_by",  "fidelity.reference",   "fidelity.worst",
	"zero_shot.label", "tokens.per_layer", "zero_shot.base_label", "tokens.kept",
};

const char *field_name(const struct run_field *f, char buf[FIELD_NAME_SIZE])
{
	snprintf(buf, FIELD_NAME_SIZE, "%s.%s", f->group, f->key);
	return buf;
}

enum field_home field_home(const struct run_field *f)
{
	char name[FIELD_NAME_SIZE];
	if (shared_has(f))
		return HOME_SHARED;
	if (f->kind == FIELD_NUM || f->kind == FIELD_COUNT)
		return HOME_METRIC;
	field_name(f, name);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (!strcmp(columns[i], name))
			return HOME_COLUMN;
	return HOME_FACT;
}
