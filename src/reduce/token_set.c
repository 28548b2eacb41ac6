#include "reduce/token_set.h"

#include <string.h>

#include "base/knobs.h"
#include "base/str.h"

const struct method *method_by_name(const char *name)
{
	for (int i = 0; methods[i]; i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	return NULL;
}

void method_names(struct str *out)
{
	for (int i = 0; methods[i]; i++)
		str_addf(out, "%s%s", i ? ", " : "", methods[i]->name);
}

struct token_set token_set_all(int64_t total)
{
	return (struct token_set){ .total = total, .count = total };
}

void token_set_prune(struct token_set *set, struct pass *p, const struct method *method,
		     const struct site *site, double keep)
{
	if (!method->score)
		return;
	span_open(p, "prune", -1);
	struct tensor score = method->score(p, site);
	set->count = knob_kept(set->count, keep);
	set->kept = op_select(p, "select", score, set->count);
	span_close(p);
}
