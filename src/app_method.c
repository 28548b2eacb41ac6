/* What the methods say of themselves, for those who may not see the registry. */
#include "app.h"

#include "reduce/method.h"

static void fill(const struct method *m, struct app_card *card)
{
	*card = (struct app_card){ .name = m->name,
				   .help = m->help,
				   .cost = "",
				   .source = "",
				   .attention = "" };
}

bool app_method_card_at(int i, struct app_card *card)
{
	if (!methods[i])
		return false;
	fill(methods[i], card);
	return true;
}

bool app_method_card(const char *name, struct app_card *card)
{
	const struct method *m = method_by_name(name);
	if (m)
		fill(m, card);
	return m != NULL;
}
