/*
 * Checkpoints as torch.save lays them out, and ones that it never would, built byte by
 * byte: a zip archive of stored entries, and the pickle that describes tensors.
 */
#ifndef TESTS_TORCH_WRITER_H
#define TESTS_TORCH_WRITER_H

#include "check.h"

#include "base/str.h"
#include "tensor/tensor.h"

static inline void put_le(struct str *s, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		str_add_n(s, (const char[]){ i < 8 ? (char)(value >> (8 * i)) : 0 }, 1);
}

/* ---- zip ---- */

struct zip_writer {
	struct str file, directory;
	unsigned count;
	/* Of the entries to come; zero is what torch.save writes. */
	unsigned flags, method;
};

static inline void zip_add(struct zip_writer *z, const char *name, const void *data,
			   size_t n)
{
	size_t at = z->file.len, name_size = strlen(name);
	struct str common = STR_INIT; /* what both headers share */
	put_le(&common, z->flags, 2);
	put_le(&common, z->method, 2);
	put_le(&common, 0, 4 + 4); /* time and date, CRC */
	put_le(&common, n, 4);
	put_le(&common, n, 4);
	put_le(&common, name_size, 2);
	str_add_n(&z->file, "PK\3\4\0\0", 6);
	str_add_n(&z->file, common.s, common.len);
	put_le(&z->file, 0, 2);
	str_add_n(&z->file, name, name_size);
	str_add_n(&z->file, data, n);
	str_add_n(&z->directory, "PK\1\2\0\0\0\0", 8);
	str_add_n(&z->directory, common.s, common.len);
	put_le(&z->directory, 0, 8); /* extra, comment, part, attributes */
	put_le(&z->directory, 0, 4);
	put_le(&z->directory, at, 4);
	str_add_n(&z->directory, name, name_size);
	str_release(&common);
	z->count++;
}

/* The end record: entries, bytes and place of the directory. */
static inline void zip_add_end(struct str *file, unsigned count, uint64_t size,
			       uint64_t at)
{
	str_add_n(file, "PK\5\6\0\0\0\0", 8);
	put_le(file, count, 2);
	put_le(file, count, 2);
	put_le(file, size, 4);
	put_le(file, at, 4);
	put_le(file, 0, 2);
}

/* Closes the archive: its bytes are in z->file until str_release. */
static inline void zip_end(struct zip_writer *z)
{
	size_t at = z->file.len;
	str_add_n(&z->file, str_get(&z->directory), z->directory.len);
	zip_add_end(&z->file, z->count, z->directory.len, at);
	str_release(&z->directory);
}

/* The same with zip64 records before the end, as torch writes them always. */
static inline void zip_end64(struct zip_writer *z, uint64_t count, uint64_t size,
			     uint64_t at)
{
	size_t end64 = z->file.len + z->directory.len;
	size_t real_at = z->file.len, real_size = z->directory.len;
	str_add_n(&z->file, str_get(&z->directory), z->directory.len);
	str_add_n(&z->file, "PK\6\6", 4);
	put_le(&z->file, 44, 8);
	put_le(&z->file, 0, 4 + 8);
	put_le(&z->file, count, 8);
	put_le(&z->file, count, 8);
	put_le(&z->file, size, 8);
	put_le(&z->file, at, 8);
	str_add_n(&z->file, "PK\6\7\0\0\0\0", 8);
	put_le(&z->file, end64, 8);
	put_le(&z->file, 1, 4);
	bool same = count == z->count && size == real_size && at == real_at;
	zip_add_end(&z->file, same ? z->count : 0xFFFF, same ? size : UINT32_MAX,
		    same ? at : UINT32_MAX);
	str_release(&z->directory);
}

/* ---- pickle ---- */

static inline void pickle_text(struct str *p, const char *text)
{
	str_add(p, "X");
	put_le(p, strlen(text), 4);
	str_add(p, text);
}

static inline void pickle_int(struct str *p, int64_t value)
{
	str_add_n(p, "\x8a\x08", 2);
	put_le(p, (uint64_t)value, 8);
}

static inline void pickle_ints(struct str *p, int n, const int64_t *values)
{
	str_add(p, "(");
	for (int i = 0; i < n; i++)
		pickle_int(p, values[i]);
	str_add(p, "t");
}

struct pickle_tensor {
	const char *name, *type, *storage; /* type: "FloatStorage" */
	int64_t count, offset;             /* elements */
	int ndim;
	int64_t dim[8], stride[8];
};

/* What REDUCE makes a tensor of, and the call. */
static inline void pickle_value_of(struct str *p, const struct pickle_tensor *t)
{
	str_add(p, "ctorch._utils\n_rebuild_tensor_v2\n((");
	pickle_text(p, "storage");
	str_addf(p, "ctorch\n%s\n", t->type);
	pickle_text(p, t->storage);
	pickle_text(p, "cpu");
	pickle_int(p, t->count);
	str_add(p, "tQ");
	pickle_int(p, t->offset);
	pickle_ints(p, t->ndim, t->dim);
	pickle_ints(p, t->ndim, t->stride);
	str_add(p, "\x89"
		   "ccollections\nOrderedDict\n)RtR");
}

static inline void pickle_begin(struct str *p)
{
	str_add_n(p, "\x80\x02", 2);
	str_add(p, "ccollections\nOrderedDict\n)R(");
}

static inline void pickle_tensor_of(struct str *p, const struct pickle_tensor *t)
{
	pickle_text(p, t->name);
	pickle_value_of(p, t);
}

static inline void pickle_end(struct str *p) { str_add(p, "u."); }

/* A contiguous F32 tensor that has the whole of a storage. */
static inline struct pickle_tensor pickle_f32(const char *name, const char *storage,
					      const struct tensor *shape)
{
	struct pickle_tensor t = { .name = name,
				   .type = "FloatStorage",
				   .storage = storage,
				   .count = tensor_count(shape),
				   .ndim = shape->ndim };
	int64_t stride = 1;
	for (int i = shape->ndim - 1; i >= 0; stride *= t.dim[i--]) {
		t.dim[i] = shape->dim[i];
		t.stride[i] = stride;
	}
	return t;
}

/* ---- files ---- */

static inline void write_str(const char *path, const struct str *bytes)
{
	FILE *f = fopen(path, "wb");
	if (!f)
		fail_msg("%s cannot be written", path);
	assert_int_equal(fwrite(str_get(bytes), 1, bytes->len, f), bytes->len);
	assert_int_equal(fclose(f), 0);
}

#endif
