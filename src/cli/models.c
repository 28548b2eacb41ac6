/* sparsetop models: presets, and what the local hub cache holds. */
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

static enum err models_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, OPTIONS_JSON, argc, argv);
	if (e)
		return e;
	if (o.help)
		printf("usage: sparsetop models [--json]\n");
	else if (o.n_rest)
		e = err_set(ERR_USAGE, "models takes no arguments");
	for (const struct preset *p = presets; !e && !o.help && p->name; p++)
		print_model(o.json, p->name, "preset", NULL, p->help);
	if (!e && !o.help)
		model_source_list_hub(print_cached, &o.json);
	options_release(&o);
	return e;
}

const struct command_line models_command_line = {
	.name = "models",
	.synopsis = "models [--json]",
	.help = "presets, and checkpoints in the local hub cache",
	.run = models_command,
};
