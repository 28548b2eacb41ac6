#include "tensor/torch_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/file_map.h"
#include "tensor/shown.h"
#include "tensor/torch_pickle.h"
#include "tensor/zip_read.h"

#define PICKLE "/data.pkl"

/* Names of entries belong to the pickle. */
struct torch_file {
	struct file_map map;
	struct zip *zip;
	struct torch_pickle *pickle;
	struct torch_entry *entry;
	size_t count;
};

struct reader {
	struct torch_file *file;
	const struct zip_entry *pickle; /* FOLDER/data.pkl */
	enum dtype *storage_is; /* of each zip entry; DT_COUNT: nobody used it yet */
};

/* ---- strides ---- */

static bool is_contiguous(const struct tensor *t, const int64_t *stride)
{
	int64_t expected = 1;
	for (int i = t->ndim - 1; i >= 0; expected *= t->dim[i--])
		if (t->dim[i] != 1 && stride[i] != expected)
			return false;
	return true;
}

/* n elements that lie `stride` apart, to F32. */
static void read_apart(enum dtype dtype, const unsigned char *from, int64_t stride,
		       float *out, int64_t n)
{
	size_t size = dtype_size(dtype);
	if (stride == 1) {
		dtype_to_f32(dtype, from, out, (size_t)n);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		dtype_to_f32(dtype, from + (size_t)(i * stride) * size, out + i, 1);
}

/* The place of the first element of a row of the last dimension, from the first of all.
 */
static int64_t row_at(const struct torch_entry *e, int64_t row)
{
	int64_t at = 0;
	for (int i = e->tensor.ndim - 2; i >= 0; i--) {
		at += row % e->tensor.dim[i] * e->stride[i];
		row /= e->tensor.dim[i];
	}
	return at;
}

void torch_entry_read(const struct torch_entry *e, int64_t begin, int64_t end, float *out)
{
	const struct tensor *t = &e->tensor;
	size_t size = dtype_size(t->dtype);
	if (t->data) {
		const unsigned char *from = t->data;
		dtype_to_f32(t->dtype, from + (size_t)begin * size, out,
			     (size_t)(end - begin));
		return;
	}
	int64_t cols = tensor_cols(t), step = t->ndim ? e->stride[t->ndim - 1] : 1;
	while (begin < end) {
		int64_t col = begin % cols, n = cols - col;
		if (n > end - begin)
			n = end - begin;
		int64_t at = row_at(e, begin / cols) + col * step;
		read_apart(t->dtype, e->first + (size_t)at * size, step, out, n);
		begin += n;
		out += n;
	}
}

/* ---- opening ---- */

static enum err check_magic(const struct torch_file *f)
{
	unsigned char b[4] = { 0 };
	size_t n = f->map.size < sizeof(b) ? f->map.size : sizeof(b);
	enum err e = file_map_read(&f->map, 0, b, n);
	if (e || !memcmp(b, "PK\3\4", 4))
		return e;
	if (n == 0)
		return err_set(ERR_FORMAT, "%s: empty file", f->map.label);
	/* A pickle of protocol 2, or a tar archive, which torch wrote first of all. */
	bool legacy = b[0] == 0x80;
	return err_set(legacy ? ERR_UNSUPPORTED : ERR_FORMAT,
		       "%s: not a zip archive%s. To convert it, with a recent torch: "
		       "torch.save(torch.load(FILE, weights_only=True), NEW_FILE)",
		       f->map.label,
		       legacy ? ", but the pickle that torch wrote before version 1.6"
			      : "");
}

/* FOLDER/data.pkl, of which there is one. */
static enum err find_pickle(struct reader *r)
{
	const struct torch_file *f = r->file;
	const size_t end = strlen(PICKLE);
	for (size_t i = 0; i < zip_count(f->zip); i++) {
		const struct zip_entry *e = zip_at(f->zip, i);
		size_t n = strlen(e->name);
		if (n <= end || strcmp(e->name + n - end, PICKLE) != 0 ||
		    memchr(e->name, '/', n - end))
			continue;
		if (r->pickle)
			return err_set(ERR_FORMAT, "%s: two checkpoints in one archive",
				       f->map.label);
		r->pickle = e;
	}
	if (!r->pickle)
		return err_set(ERR_FORMAT,
			       "%s: a zip archive, but not of torch.save: there is no "
			       "data.pkl in it",
			       f->map.label);
	return OK;
}

/* FOLDER/BELOW of the folder that data.pkl is in. */
static const struct zip_entry *find_beside(const struct reader *r, const char *below)
{
	struct str name = STR_INIT;
	str_add_n(&name, r->pickle->name, strlen(r->pickle->name) - strlen(PICKLE) + 1);
	str_add(&name, below);
	const struct zip_entry *e = zip_find(r->file->zip, str_get(&name));
	str_release(&name);
	return e;
}

/* Torch writes it since 2.1; the older ones were little-endian in practice. */
static enum err check_byte_order(const struct reader *r)
{
	char order[8] = "";
	const struct zip_entry *entry = find_beside(r, "byteorder");
	if (!entry)
		return OK;
	size_t n = entry->size < sizeof(order) ? (size_t)entry->size : sizeof(order) - 1;
	enum err e = file_map_read(&r->file->map, (size_t)entry->at, order, n);
	if (!e && strcmp(order, "little") != 0)
		e = err_set(ERR_UNSUPPORTED, "%s: its numbers are not little-endian",
			    r->file->map.label);
	return e;
}

static enum err read_pickle(struct reader *r)
{
	struct torch_file *f = r->file;
	size_t n = (size_t)r->pickle->size;
	if (n > TORCH_PICKLE_MAX_BYTES)
		return err_set(ERR_FORMAT, "%s: a data.pkl of %zu bytes (at most %u)",
			       f->map.label, n, TORCH_PICKLE_MAX_BYTES);
	unsigned char *bytes = mem_alloc(n);
	enum err e = file_map_read(&f->map, (size_t)r->pickle->at, bytes, n);
	if (!e)
		e = torch_pickle_read(bytes, n, f->map.label, &f->pickle);
	free(bytes);
	return e;
}

static enum err refuse(const struct reader *r, const struct torch_tensor *t,
		       const char *fact)
{
	char name[SHOWN], storage[SHOWN];
	return err_set(ERR_FORMAT, "%s: tensor %s: its storage data/%s %s",
		       r->file->map.label, shown(t->name, name),
		       shown(t->storage, storage), fact);
}

/* The storage is there, as long as the pickle says, and one kind of numbers. */
static enum err find_storage(const struct reader *r, const struct torch_tensor *t,
			     const struct zip_entry **out)
{
	struct str below = STR_INIT;
	str_addf(&below, "data/%s", t->storage);
	const struct zip_entry *e = find_beside(r, str_get(&below));
	str_release(&below);
	*out = e;
	if (!e)
		return refuse(r, t, "is not in the archive");
	uint64_t bytes;
	if (__builtin_mul_overflow((uint64_t)t->storage_count,
				   (uint64_t)dtype_size(t->dtype), &bytes) ||
	    bytes != e->size)
		return refuse(r, t, "has another length than the pickle says");
	enum dtype *is = &r->storage_is[e - zip_at(r->file->zip, 0)];
	if (*is != DT_COUNT && *is != t->dtype)
		return refuse(r, t, "is used as two kinds of numbers");
	*is = t->dtype;
	return OK;
}

static enum err add_entry(struct reader *r, const struct torch_tensor *t)
{
	struct torch_file *f = r->file;
	const struct zip_entry *storage;
	enum err e = find_storage(r, t, &storage);
	if (e)
		return e;
	struct torch_entry *entry = &f->entry[f->count++];
	*entry = (struct torch_entry){ .name = t->name };
	entry->tensor = tensor_of(t->dtype, NULL, t->ndim, t->dim);
	memcpy(entry->stride, t->stride, sizeof(t->stride));
	if (tensor_count(&entry->tensor) == 0)
		return OK;
	/* torch_pickle checked offset and strides against the storage's length, and the
	 * zip reader the storage against the file's. */
	entry->first =
		f->map.data + storage->at + (size_t)t->offset * dtype_size(t->dtype);
	if (is_contiguous(&entry->tensor, entry->stride)) /* the map is read-only */
		entry->tensor.data = (void *)(uintptr_t)entry->first;
	return OK;
}

static enum err read_entries(struct reader *r)
{
	struct torch_file *f = r->file;
	size_t storages = zip_count(f->zip), n = torch_pickle_count(f->pickle);
	f->entry = mem_alloc(n * sizeof(*f->entry));
	r->storage_is = mem_alloc(storages * sizeof(*r->storage_is));
	for (size_t i = 0; i < storages; i++)
		r->storage_is[i] = DT_COUNT;
	enum err e = OK;
	for (size_t i = 0; i < n && !e; i++)
		e = add_entry(r, torch_pickle_at(f->pickle, i));
	free(r->storage_is);
	return e;
}

enum err torch_file_open(const char *path, struct torch_file **out)
{
	struct torch_file *f = mem_alloc(sizeof(*f));
	struct reader r = { .file = f };
	*out = NULL;
	enum err e = file_map_open(&f->map, path);
	if (!e)
		e = check_magic(f);
	if (!e)
		e = zip_read(&f->map, &f->zip);
	if (!e)
		e = find_pickle(&r);
	if (!e)
		e = check_byte_order(&r);
	if (!e)
		e = read_pickle(&r);
	if (!e)
		e = read_entries(&r);
	if (e) {
		torch_file_free(f);
		return e;
	}
	*out = f;
	return OK;
}

void torch_file_free(struct torch_file *f)
{
	if (!f)
		return;
	free(f->entry);
	torch_pickle_free(f->pickle);
	zip_free(f->zip);
	file_map_release(&f->map);
	free(f);
}

size_t torch_file_count(const struct torch_file *f) { return f->count; }

const struct torch_entry *torch_file_at(const struct torch_file *f, size_t i)
{
	assert(i < f->count);
	return &f->entry[i];
}

static int by_name(const void *a, const void *b)
{
	const struct torch_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

const struct torch_entry *torch_file_find(const struct torch_file *f, const char *name)
{
	struct torch_entry key = { .name = name };
	return bsearch(&key, f->entry, f->count, sizeof(*f->entry), by_name);
}

const char *torch_file_label(const struct torch_file *f) { return f->map.label; }

enum err torch_file_check(const struct torch_file *f) { return file_map_check(&f->map); }
