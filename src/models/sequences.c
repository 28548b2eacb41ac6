#include "models/sequences.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "models/input.h"
#include "tensor/safetensors.h"

#define MAX_ROWS (INT64_C(1) << 31) /* of all items: kernels number them by int32_t */

/* ---- the file ---- */

/* Width of the rows that the model takes. */
static enum err width_of(const struct model *m, int64_t *width)
{
	struct knobs k;
	struct input shape;
	knobs_init(&k);
	enum err e = m->family->shape(m, NULL, &k, &shape);
	if (e)
		return e;
	*width = tensor_cols(&shape.sequence);
	input_release(&shape);
	return OK;
}

static enum err check_tensor(const struct model *m, const char *label,
			     const struct safetensors_entry *found)
{
	char shape[96];
	int64_t width = 0;
	if (!found)
		return err_set(ERR_FORMAT, "%s: no tensor `input`", label);
	const struct tensor *t = &found->tensor;
	shape_text(t->ndim, t->dim, shape, sizeof(shape));
	if (t->dtype != DT_F32)
		return err_set(ERR_FORMAT, "%s: `input` is %s, not F32", label,
			       dtype_name(t->dtype));
	if (t->ndim != 3)
		return err_set(ERR_FORMAT, "%s: `input` is %s: want [B, T, D]", label,
			       shape);
	if (t->dim[0] < 1 || t->dim[1] < 1)
		return err_set(ERR_FORMAT, "%s: `input` is %s: there is nothing in it",
			       label, shape);
	enum err e = width_of(m, &width);
	if (!e && t->dim[2] != width)
		e = err_set(ERR_FORMAT, "%s: `input` is %s: %s takes rows of %lld", label,
			    shape, m->name, (long long)width);
	if (!e && (t->dim[0] > (int64_t)knob_table[KNOB_BATCH].max ||
		   t->dim[1] > (int64_t)knob_table[KNOB_SEQ].max ||
		   t->dim[0] * t->dim[1] >= MAX_ROWS))
		e = err_set(ERR_FORMAT, "%s: `input` is %s: that is too long", label,
			    shape);
	return e;
}

/* Opens it and finds a tensor that this model can take. */
static enum err open_file(const struct model *m, const char *path,
			  struct safetensors **file, const struct tensor **values)
{
	enum err e = safetensors_open(path, file);
	if (e)
		return err_context(e, "--input");
	const struct safetensors_entry *found = safetensors_find(*file, "input");
	e = check_tensor(m, safetensors_label(*file), found);
	if (e) {
		safetensors_free(*file);
		return err_context(e, "--input");
	}
	*values = &found->tensor;
	return OK;
}

enum err sequences_facts(const struct model *m, const struct input_source *from,
			 struct input_facts *facts)
{
	struct safetensors *file;
	const struct tensor *values = NULL;
	if (!from->input)
		return OK;
	enum err e = open_file(m, from->input, &file, &values);
	if (e)
		return e;
	facts->items = values->dim[0];
	facts->length = values->dim[1];
	safetensors_free(file);
	return OK;
}

/* ---- the knobs ---- */

static void set_number(struct knobs *k, enum knob_id id, int64_t n)
{
	k->v[id] = (struct knob_value){ .num = (double)n };
}

static enum err differs(const char *path, const struct knobs *k, enum knob_id id,
			int64_t n, const char *what)
{
	char shown[256];
	return err_set(ERR_USAGE, "--%s %.10g: --input %s has %s %lld",
		       knob_table[id].option, knob_num(k, id),
		       str_escaped(shown, sizeof(shown), path, strlen(path)), what,
		       (long long)n);
}

enum err sequences_settle(const struct input_source *from,
			  const struct input_facts *facts, struct knobs *k)
{
	double batch = knob_num(k, KNOB_BATCH), seq = knob_num(k, KNOB_SEQ);
	if (facts->items && knobs_is_default(k, KNOB_BATCH))
		set_number(k, KNOB_BATCH, facts->items);
	else if (facts->items && batch != (double)facts->items)
		return differs(from->input, k, KNOB_BATCH, facts->items,
			       "sequences, a batch of");
	if (facts->length && isnan(seq))
		set_number(k, KNOB_SEQ, facts->length);
	else if (facts->items && seq != (double)facts->length)
		return differs(from->input, k, KNOB_SEQ, facts->length,
			       "sequences of tokens, each");
	return OK;
}

/* ---- the values ---- */

static enum err copy_values(const char *label, const struct tensor *from,
			    struct tensor *to)
{
	float *values = tensor_f32(to);
	int64_t n = tensor_count(to), row = to->dim[1] * to->dim[2];
	memcpy(values, from->data, sizeof(float) * (size_t)n); /* at any alignment */
	for (int64_t i = 0; i < n; i++)
		if (!isfinite(values[i]))
			return err_set(ERR_FORMAT,
				       "%s: `input` at [%lld, %lld, %lld] is no finite "
				       "number",
				       label, (long long)(i / row),
				       (long long)(i % row / to->dim[2]),
				       (long long)(i % to->dim[2]));
	return OK;
}

static enum err read_values(const struct model *m, const char *path, struct tensor *to,
			    char sha256[SHA256_HEX])
{
	struct safetensors *file;
	const struct tensor *values = NULL;
	struct sha256 s;
	enum err e = open_file(m, path, &file, &values);
	if (e)
		return e;
	if (values->dim[0] != to->dim[0] || values->dim[1] != to->dim[1])
		e = err_set(ERR_FORMAT, "%s: it changed while it was read",
			    safetensors_label(file));
	if (!e)
		e = copy_values(safetensors_label(file), values, to);
	if (!e)
		e = safetensors_check(file);
	safetensors_free(file);
	if (e)
		return err_context(e, "--input");
	sha256_start(&s);
	sha256_add(&s, to->dim, sizeof(to->dim[0]) * 3);
	sha256_add(&s, to->data, (size_t)tensor_bytes(to));
	sha256_end(&s, sha256);
	return OK;
}

/* A stream for each row: columns are few, rows may be many. */
static void make_values(uint64_t seed, struct tensor *to)
{
	uint64_t key = rng_key(seed, "input");
	for (int64_t r = 0; r < tensor_rows(to); r++) {
		uint64_t mine = key + (uint64_t)r * UINT64_C(0x9E3779B97F4A7C15);
		float *row = tensor_row(to, r);
		for (int64_t i = 0; i < tensor_cols(to); i++)
			row[i] = rng_uniform(mine, (uint32_t)i);
	}
}

void sequences_hash_seeded(const char *what, uint64_t seed, const struct tensor *shape,
			   char sha256[SHA256_HEX])
{
	struct sha256 s;
	const int version = 1; /* of how values follow from the seed */
	sha256_start(&s);
	sha256_add_str(&s, what);
	sha256_add(&s, &version, sizeof(version));
	sha256_add(&s, &seed, sizeof(seed));
	sha256_add(&s, shape->dim, sizeof(shape->dim[0]) * (size_t)shape->ndim);
	sha256_end(&s, sha256);
}

enum err sequences_load(const struct model *m, const struct input_source *from,
			const struct knobs *k, struct input *in, char sha256[SHA256_HEX])
{
	enum err e = m->family->shape(m, NULL, k, in);
	if (e)
		return e;
	struct tensor *to = &in->sequence;
	uint64_t seed = (uint64_t)knob_num(k, KNOB_SEED);
	to->data = malloc((size_t)tensor_bytes(to));
	if (!to->data) {
		e = err_set(ERR_NOMEM, "no memory for %lld sequences",
			    (long long)in->items);
	} else if (from->input) {
		e = read_values(m, from->input, to, sha256);
	} else {
		make_values(seed, to);
		sequences_hash_seeded("sequence", seed, to, sha256);
	}
	if (!e && m->family->fill)
		e = m->family->fill(m, in);
	if (e)
		input_release(in);
	return e;
}
