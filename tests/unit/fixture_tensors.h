/*
 * The tensors of a fixture that the program itself has no use for: U8 pictures beside F32
 * values in one safetensors file, read without checks because we made it.
 */
#ifndef TESTS_FIXTURE_TENSORS_H
#define TESTS_FIXTURE_TENSORS_H

#include "check.h"

#include "base/json.h"
#include "base/str.h"

struct fixture_tensors {
	char *bytes;
	const char *data;
	json_t *header;
};

struct fixture_tensor {
	const char *name;
	int ndim;
	int dim[4];
	const void *data;
};

/* Skips the case, with the reason, where the file is not there. */
static inline struct fixture_tensors fixture_tensors_open(const char *name)
{
	struct fixture_tensors f = { 0 };
	const char *path = fixture(name);
	FILE *in = fopen(path, "rb");
	if (!in)
		skip_because("%s is missing: made by tests/oracle/make.py", path);
	uint64_t header = 0;
	struct str all = STR_INIT;
	char chunk[65536];
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), in)) > 0;)
		str_add_n(&all, chunk, n);
	fclose(in);
	f.bytes = str_detach(&all);
	memcpy(&header, f.bytes, sizeof(header));
	check_ok(json_read(f.bytes + sizeof(header), header, name, &f.header));
	json_object_del(f.header, "__metadata__");
	f.data = f.bytes + sizeof(header) + header;
	return f;
}

static inline void fixture_tensors_release(struct fixture_tensors *f)
{
	json_decref(f->header);
	free(f->bytes);
}

static inline struct fixture_tensor fixture_tensor_of(const struct fixture_tensors *f,
						      const char *name)
{
	const json_t *entry = json_object_get(f->header, name);
	const json_t *shape = json_object_get(entry, "shape");
	struct fixture_tensor t = { .name = name, .ndim = (int)json_array_size(shape) };
	if (!entry)
		fail_msg("no tensor %s", name);
	for (int i = 0; i < t.ndim; i++)
		t.dim[i] = (int)json_integer_value(json_array_get(shape, (size_t)i));
	t.data = f->data + json_integer_value(json_array_get(
				   json_object_get(entry, "data_offsets"), 0));
	return t;
}

#endif
