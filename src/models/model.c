#include "models/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/scene.h"
#include "models/preset.h"
#include "tensor/file_source.h"
#include "tensor/model_source.h"
#include "tensor/random_source.h"
#include "tensor/weights_format.h"

/* The family that accepts this model_type, and this kind of input where it is not the
 * only one; without a type, the one that knows such a configuration. NULL: none. */
static const struct family *choose_family(const struct hfconfig *config,
					  enum input_kind kind)
{
	const char *type = hfconfig_str(config, "model_type", NULL);
	const struct family *chosen = NULL;
	for (int i = 0; !type && !chosen && families[i]; i++)
		if (families[i]->knows && families[i]->knows(config))
			chosen = families[i];
	for (int i = 0; type && families[i]; i++)
		for (const char *const *t = families[i]->model_types; *t; t++)
			if (!strcmp(*t, type) &&
			    (!chosen || family_takes(families[i], kind)))
				chosen = families[i];
	return chosen;
}

bool model_serves(const struct model *m, enum input_kind kind)
{
	return choose_family(m->config, kind) == m->family;
}

static void known_types(struct str *out)
{
	for (int i = 0; families[i]; i++)
		for (const char *const *t = families[i]->model_types; *t; t++)
			if (!strstr(str_get(out), *t))
				str_addf(out, "%s%s", out->len ? ", " : "", *t);
}

static enum err find_family(struct model *m, enum input_kind kind)
{
	const char *type = hfconfig_str(m->config, "model_type", NULL);
	char shown[80];
	struct str known = STR_INIT;
	enum err e = OK;
	known_types(&known);
	m->family = choose_family(m->config, kind);
	if (!type && !m->family)
		e = err_set(ERR_FORMAT, "%s: no model_type", hfconfig_label(m->config));
	else if (!m->family)
		e = err_set(ERR_UNSUPPORTED, "%s: model_type \"%s\": this version has %s",
			    hfconfig_label(m->config),
			    str_escaped(shown, sizeof(shown), type, strlen(type)),
			    str_get(&known));
	str_release(&known);
	return e;
}

static enum err open_preset(struct model *m, const struct preset *p, uint64_t seed)
{
	m->source = str_dup("built in");
	m->format = str_dup("preset");
	m->random_weights = true;
	m->seed = seed;
	return hfconfig_parse(p->config, p->name, &m->config);
}

static enum err open_files(struct model *m, struct model_source *s)
{
	m->source = str_dup(s->weights);
	m->format = str_dup(s->format);
	m->weights_files = s->files; /* taken over */
	s->files = NULL;
	enum err e = s->config ? hfconfig_open_file(s->config, &m->config)
			       : weights_config(s->weights, &m->config);
	if (!e)
		e = tensors_open_file(s->weights, &m->tensors);
	return e;
}

/* The processor cuts pictures as the model's configuration says. */
static enum err open_grid(struct model *m, const char *path)
{
	struct preprocess_config *p = &m->preprocess;
	enum err e = path ? preprocess_read_grid_file(path, p) : OK;
	if (e)
		return e;
	if (path && (p->patch_size != m->cut.patch || p->merge_size != m->cut.merge ||
		     p->temporal_patch_size != m->cut.temporal))
		return err_set(ERR_FORMAT,
			       "preprocessor_config.json cuts patches of %d x %d in %d "
			       "frames and merges %d x %d; %s says %d, %d and %d",
			       p->patch_size, p->patch_size, p->temporal_patch_size,
			       p->merge_size, p->merge_size, hfconfig_label(m->config),
			       m->cut.patch, m->cut.temporal, m->cut.merge);
	p->patch_size = m->cut.patch;
	p->temporal_patch_size = m->cut.temporal;
	p->merge_size = m->cut.merge;
	/* An example, until there is a picture: the built-in scene. */
	struct patch_grid grid;
	e = preprocess_grid(p, SCENE_WIDTH, SCENE_HEIGHT, 0, &grid);
	m->tokens = (int64_t)grid.rows * grid.columns;
	return e;
}

static enum err open_preprocess(struct model *m, const char *path)
{
	if (!m->family->preprocess)
		return OK;
	m->preprocess = m->family->preprocess(m, (int)m->image_size);
	if (m->preprocess.grid)
		return open_grid(m, path);
	return path ? preprocess_read_file(path, &m->preprocess) : OK;
}

static void generate(struct model *m)
{
	const struct family *f = m->family;
	m->tensors = f->generate ? f->generate(m->config, m->seed, m->name)
				 : tensors_create_random(m->seed, m->name);
}

/* Everything after the files are found. */
static enum err build(struct model *m, enum input_kind kind, const char *preprocessor)
{
	enum err e = find_family(m, kind);
	if (!e && m->random_weights)
		generate(m);
	if (!e)
		e = m->family->configure(m, m->config);
	if (!e) /* what a family asked for after it had looked */
		e = hfconfig_error(m->config);
	if (e)
		return e;
	tensors_set_config_label(m->tensors, hfconfig_label(m->config));
	tensors_hold_as(m->tensors, m->dtype);
	/* A preset is stored as what it stands for is. */
	if (m->random_weights &&
	    !strcmp(hfconfig_str(m->config, "torch_dtype", ""), "bfloat16"))
		tensors_generate_as(m->tensors, DT_BF16);
	m->family->bind(m);
	e = tensors_error(m->tensors);
	return e ? e : open_preprocess(m, preprocessor);
}

enum err model_open(const char *name, uint64_t seed, struct model **out)
{
	return model_open_for(name, seed, INPUT_PICTURES, out);
}

enum err model_open_for(const char *name, uint64_t seed, enum input_kind kind,
			struct model **out)
{
	return model_open_as(name, seed, kind, DT_F32, out);
}

enum dtype model_dtype(const struct knobs *k)
{
	const char *name = knob_text(k, KNOB_DTYPE);
	return !strcmp(name, "bf16") ? DT_BF16 : !strcmp(name, "fp16") ? DT_F16 : DT_F32;
}

enum err model_open_as(const char *name, uint64_t seed, enum input_kind kind,
		       enum dtype dtype, struct model **out)
{
	struct model *m = mem_alloc(sizeof(*m));
	m->patches_per_token = 1;
	m->dtype = dtype;
	struct model_source files = { 0 };
	const struct preset *preset = preset_by_name(name);
	enum err e;
	m->name = str_dup(name);
	if (!*name) {
		e = err_set(ERR_NOTFOUND, "the model's name is empty");
	} else if (preset) {
		e = open_preset(m, preset, seed);
	} else {
		e = model_source_resolve(name, &files);
		if (!e)
			e = open_files(m, &files);
	}
	if (!e)
		e = build(m, kind, files.preprocessor);
	model_source_release(&files);
	if (e) {
		model_free(m);
		m = NULL;
	}
	*out = m;
	return e;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	if (m->family)
		m->family->release(m);
	tensors_free(m->tensors);
	hfconfig_free(m->config);
	free(m->name);
	free(m->source);
	free(m->format);
	for (char **file = m->weights_files; file && *file; file++)
		free(*file);
	free(m->weights_files);
	free(m);
}

struct prepare {
	const struct backend *backend;
	void *self;
};

static enum err prepare_one(void *ctx, struct linear *l)
{
	const struct prepare *p = ctx;
	return l->prepared ? OK : p->backend->prepare(p->self, l);
}

static enum err unprepare_one(void *ctx, struct linear *l)
{
	const struct prepare *p = ctx;
	if (l->prepared)
		p->backend->unprepare(p->self, l);
	return OK;
}

enum err model_prepare(struct model *m, const struct knobs *k,
		       const struct backend *backend, void *self)
{
	struct prepare p = { backend, self };
	enum err e = m->family->adapt ? m->family->adapt(m, k) : OK;
	if (e || !backend->prepare)
		return e;
	return m->family->each_linear(m, k, prepare_one, &p);
}

void model_unprepare(struct model *m, const struct backend *backend, void *self)
{
	struct prepare p = { backend, self };
	if (!backend->unprepare)
		return;
	enum err e = m->family->each_linear(m, NULL, unprepare_one, &p);
	assert(e == OK); /* unprepare_one cannot fail */
	(void)e;
}

enum err model_read_language(struct model *m, const struct hfconfig *c)
{
	struct decoder d = { 0 };
	enum err e = decoder_configure(&d, c);
	if (!e)
		m->language = d.s;
	return e;
}

double model_params(const struct model *m) { return (double)tensors_params(m->tensors); }

double model_bytes(const struct model *m) { return (double)tensors_bytes(m->tensors); }

/* "clip_vit, mamba": families that have a knob; empty when none does. */
static void families_with(enum knob_id id, struct str *out)
{
	for (int i = 0; families[i]; i++)
		if (families[i]->knobs & KNOB_BIT(id))
			str_addf(out, "%s%s", out->len ? ", " : "", families[i]->name);
}

void model_why_not(const struct family *f, enum knob_id id, char *buf, size_t size)
{
	struct str others = STR_INIT;
	const char *why = f->why_not ? f->why_not(id) : NULL;
	families_with(id, &others);
	const char *verb = strchr(str_get(&others), ',') ? "have" : "has";
	if (!others.len)
		str_add(&others, "no model of this version");
	snprintf(buf, size, "%s%s%s %s it", why ? why : "", why ? "; " : "",
		 str_get(&others), verb);
	str_release(&others);
}

/* Asks for nothing of a family that lacks the knob: its default, no method by name (the
 * base of every model has that), a branch that is there because of a factor: of the two
 * the factor is what somebody asked for. */
static bool is_idle(const struct knobs *k, enum knob_id id)
{
	return knobs_is_default(k, id) ||
	       (id == KNOB_METHOD && !strcmp(knob_text(k, id), "none")) ||
	       (id == KNOB_MRSS && !knobs_is_default(k, KNOB_DOWNSAMPLE));
}

enum err model_check_knobs(const struct model *m, struct knobs *k)
{
	char why[256];
	if (m->family->knobs & KNOB_BIT(KNOB_METHOD))
		knobs_resolve_method(k);
	for (int i = 0; i < KNOB_COUNT; i++) {
		if ((m->family->knobs & KNOB_BIT(i)) || is_idle(k, (enum knob_id)i))
			continue;
		model_why_not(m->family, (enum knob_id)i, why, sizeof(why));
		return err_set(ERR_USAGE, "--%s: %s does not have this knob: %s",
			       knob_table[i].option, m->name, why);
	}
	if (model_dtype(k) != DT_F32 && (m->family->knobs & KNOB_BIT(KNOB_RANK)) &&
	    knob_num(k, KNOB_RANK) > 0)
		return err_set(ERR_USAGE,
			       "--rank with --dtype %s: factors of a matrix are held in "
			       "fp32",
			       knob_text(k, KNOB_DTYPE));
	return m->family->check(m, k);
}
