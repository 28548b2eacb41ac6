/* sparsetop models: presets, what the local hub cache holds, and the reduction methods.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/options.h"
#include "models/catalog.h"
#include "profiler/memory.h"

static void print_row(const struct catalog_entry *entry, const struct catalog_facts *f)
{
	const char *help = entry->help ? entry->help : entry->folder;
	char params[24] = "--", bytes[16] = "--", shown[512];
	if (f) {
		bool small = f->params < 1e6;
		snprintf(params, sizeof(params), "%.1f %c",
			 f->params / (small ? 1e3 : 1e6), small ? 'k' : 'M');
		memory_text(f->bytes, bytes, sizeof(bytes));
		str_escaped(shown, sizeof(shown), help, strlen(help));
	}
	printf("%-26s %-6s %9s %9s  %s\n", entry->name, entry->kind, params, bytes,
	       f ? shown : err_message());
}

static void print_json(const struct catalog_entry *entry, const struct catalog_facts *f)
{
	json_t *o = json_object();
	json_put_str(o, "name", entry->name);
	json_put_str(o, "kind", entry->kind);
	json_put_str(o, "path", entry->folder);
	json_put_str(o, "family", f ? f->family : NULL);
	json_put(o, "params", f ? json_number_or_null(f->params) : json_null());
	json_put(o, "bytes", f ? json_number_or_null(f->bytes) : json_null());
	json_put(o, "random_weights", json_boolean(f && f->random_weights));
	json_put_str(o, "error", f ? NULL : err_message());
	char *line = json_line(o);
	printf("%s\n", line);
	free(line);
	json_decref(o);
}

static void print_entry(void *ctx, const struct catalog_entry *entry)
{
	const bool *json = ctx;
	struct catalog_facts facts;
	const struct catalog_facts *known =
		catalog_look(entry->name, &facts) ? NULL : &facts;
	if (*json)
		print_json(entry, known);
	else
		print_row(entry, known);
}

static void print_card_json(const struct app_card *card)
{
	json_t *o = json_object();
	json_put_str(o, "name", card->name);
	json_put_str(o, "help", card->help);
	json_put_str(o, "needs", card->needs);
	json_put_str(o, "attention", card->attention);
	json_put_str(o, "where", card->where);
	json_put_str(o, "cost", card->cost);
	json_put_str(o, "source", card->source);
	char *line = json_line(o);
	printf("%s\n", line);
	free(line);
	json_decref(o);
}

static void print_card(const struct app_card *card)
{
	printf("%-10s %s\n", card->name, card->help);
	printf("    needs      %s\n", card->needs);
	printf("    attention  %s\n", card->attention);
	printf("    where      %s\n", card->where);
	printf("    cost       %s\n", card->cost);
	printf("    from       %s\n", card->source);
}

static void print_methods(bool json)
{
	struct app_card card;
	for (int i = 0; app_method_card_at(i, &card); i++)
		if (json)
			print_card_json(&card);
		else
			print_card(&card);
}

static enum err models_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, OPTIONS_JSON | OPTIONS_METHODS, argc, argv);
	if (e)
		return e;
	if (o.help)
		printf("usage: sparsetop models [--methods] [--json]\n\n"
		       "Presets and checkpoints in the local hub cache: parameters, and "
		       "bytes of\n"
		       "weights in memory. --methods: what each --method needs and "
		       "costs.\n");
	else if (o.n_rest)
		e = err_set(ERR_USAGE, "models takes no arguments");
	else if (o.methods)
		print_methods(o.json);
	else
		catalog_each(print_entry, &o.json);
	options_release(&o);
	return e;
}

const struct command_line models_command_line = {
	.name = "models",
	.synopsis = "models [--methods] [--json]",
	.help = "presets, and checkpoints in the local hub cache; or what methods need",
	.run = models_command,
};
