#include "models/catalog.h"

#include <stdio.h>

#include "models/model.h"
#include "models/preset.h"
#include "tensor/model_source.h"

struct listing {
	void (*each)(void *, const struct catalog_entry *);
	void *ctx;
};

static void list_cached(void *ctx, const struct model_source *s)
{
	const struct listing *l = ctx;
	const struct catalog_entry entry = { .name = s->name,
					     .kind = "cache",
					     .folder = s->folder };
	l->each(l->ctx, &entry);
}

void catalog_each(void (*each)(void *ctx, const struct catalog_entry *), void *ctx)
{
	for (const struct preset *p = presets; p->name; p++) {
		const struct catalog_entry entry = { .name = p->name,
						     .kind = "preset",
						     .help = p->help };
		each(ctx, &entry);
	}
	model_source_list_hub(list_cached, &(struct listing){ each, ctx });
}

enum err catalog_look(const char *name, struct catalog_facts *out)
{
	struct model *m;
	enum err e = model_open(name, 0, &m);
	if (e)
		return e;
	*out = (struct catalog_facts){ .params = model_params(m),
				       .bytes = model_bytes(m),
				       .random_weights = m->random_weights,
				       .knobs = m->family->knobs };
	snprintf(out->family, sizeof(out->family), "%s", m->family->name);
	snprintf(out->format, sizeof(out->format), "%s", m->format);
	model_free(m);
	return OK;
}
