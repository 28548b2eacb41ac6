/* sparsetop models: presets, what the local hub cache holds, and the reduction methods.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/options.h"
#include "models/model.h"
#include "models/preset.h"
#include "tensor/model_source.h"

static void print_row(bool json, const char *name, const char *kind, const char *where,
		      const char *help, const struct model *m)
{
	if (!json) {
		char size[24] = "--", shown[512];
		if (m)
			snprintf(size, sizeof(size), "%.1f M", model_params(m) / 1e6);
		if (m)
			str_escaped(shown, sizeof(shown), help, strlen(help));
		printf("%-28s %-7s %10s  %s\n", name, kind, size,
		       m ? shown : err_message());
		return;
	}
	json_t *o = json_object();
	json_put_str(o, "name", name);
	json_put_str(o, "kind", kind);
	json_put_str(o, "path", where);
	json_put_str(o, "family", m ? m->family->name : NULL);
	json_put(o, "params", m ? json_number_or_null(model_params(m)) : json_null());
	json_put(o, "bytes", m ? json_number_or_null(model_bytes(m)) : json_null());
	json_put(o, "random_weights", json_boolean(m && m->random_weights));
	json_put_str(o, "error", m ? NULL : err_message());
	char *line = json_line(o);
	printf("%s\n", line);
	free(line);
	json_decref(o);
}

/* Opening maps the weights and reads the configuration only: milliseconds. */
static void print_model(bool json, const char *name, const char *kind, const char *where,
			const char *help)
{
	struct model *m;
	if (model_open(name, 0, &m))
		m = NULL;
	print_row(json, name, kind, where, help, m);
	model_free(m);
}

static void print_cached(void *ctx, const struct model_source *s)
{
	const bool *json = ctx;
	print_model(*json, s->name, "cache", s->folder, s->folder);
}

/* How wide a column must be for all cards. */
static int widest(const char *(*field)(const struct app_card *))
{
	struct app_card card;
	size_t most = 0;
	for (int i = 0; app_method_card_at(i, &card); i++)
		most = strlen(field(&card)) > most ? strlen(field(&card)) : most;
	return (int)most;
}

static const char *name_of(const struct app_card *c) { return c->name; }
static const char *needs_of(const struct app_card *c) { return c->needs; }
static const char *where_of(const struct app_card *c) { return c->where; }
static const char *help_of(const struct app_card *c) { return c->help; }

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

static void print_methods(bool json)
{
	struct app_card card;
	int name = widest(name_of), needs = widest(needs_of), help = widest(help_of),
	    where = widest(where_of);
	if (!json)
		printf("%-*s  %-*s  %-*s  %-*s  %s\n", name, "method", needs, "needs",
		       help, "what it does", where, "where", "cost");
	for (int i = 0; app_method_card_at(i, &card); i++)
		if (json)
			print_card_json(&card);
		else
			printf("%-*s  %-*s  %-*s  %-*s  %s\n", name, card.name, needs,
			       card.needs, help, card.help, where, card.where, card.cost);
}

static void print_models(bool json)
{
	for (const struct preset *p = presets; p->name; p++)
		print_model(json, p->name, "preset", NULL, p->help);
	model_source_list_hub(print_cached, &json);
}

static enum err models_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, OPTIONS_JSON | OPTIONS_METHODS, argc, argv);
	if (e)
		return e;
	if (o.help)
		printf("usage: sparsetop models [--methods] [--json]\n");
	else if (o.n_rest)
		e = err_set(ERR_USAGE, "models takes no arguments");
	else if (o.methods)
		print_methods(o.json);
	else
		print_models(o.json);
	options_release(&o);
	return e;
}

const struct command_line models_command_line = {
	.name = "models",
	.synopsis = "models [--methods] [--json]",
	.help = "presets, and checkpoints in the local hub cache; or what methods need",
	.run = models_command,
};
