#include "image/cifar.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "tensor/file_map.h"

enum {
	PLANE = CIFAR_SIDE * CIFAR_SIDE,
	RECORD = 1 + 3 * PLANE,
	CIFAR100_RECORD = RECORD + 1, /* a coarse and a fine label */
	MAX_FILES = 5,
};

struct cifar {
	struct file_map files[MAX_FILES];
	int file_count;
	int64_t count;
};

const char *const cifar_classes[CIFAR_CLASSES] = {
	"airplane", "automobile", "bird",  "cat",  "deer",
	"dog",      "frog",       "horse", "ship", "truck",
};

static enum err check_length(const struct file_map *f)
{
	if (f->size == 0)
		return err_set(ERR_FORMAT, "%s: empty file", f->label);
	if (f->size % RECORD == 0)
		return OK;
	bool hundred = f->size % CIFAR100_RECORD == 0;
	return err_set(ERR_FORMAT, "%s: %zu bytes are not a multiple of the %d of a %s%s",
		       f->label, f->size, RECORD, "CIFAR-10 record",
		       hundred ? " (CIFAR-100 is not read)" : "");
}

static enum err add_file(struct cifar *c, const char *path)
{
	struct file_map *f = &c->files[c->file_count];
	enum err e = file_map_open(f, path);
	if (e)
		return e;
	c->file_count++;
	c->count += (int64_t)(f->size / RECORD);
	return check_length(f);
}

static bool exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

static enum err add_batches(struct cifar *c, const char *folder, struct str *path)
{
	enum err e = OK;
	for (int i = 1; !e && i <= MAX_FILES; i++) {
		str_clear(path);
		str_addf(path, "%s/data_batch_%d.bin", folder, i);
		if (exists(str_get(path)))
			e = add_file(c, str_get(path));
	}
	char shown[256];
	if (!e && c->file_count == 0)
		return err_set(ERR_NOTFOUND,
			       "%s: neither test_batch.bin nor data_batch_1.bin is here",
			       str_escaped(shown, sizeof(shown), folder, strlen(folder)));
	return e;
}

static enum err add_folder(struct cifar *c, const char *folder)
{
	struct str path = STR_INIT;
	str_addf(&path, "%s/test_batch.bin", folder);
	enum err e = exists(str_get(&path)) ? add_file(c, str_get(&path))
					    : add_batches(c, folder, &path);
	str_release(&path);
	return e;
}

/* The file that holds record i, and where it begins there. */
static const struct file_map *find_record(const struct cifar *c, int64_t i, size_t *at)
{
	const struct file_map *f = c->files;
	assert(i >= 0 && i < c->count);
	for (; i >= (int64_t)(f->size / RECORD); f++)
		i -= (int64_t)(f->size / RECORD);
	*at = (size_t)i * RECORD;
	return f;
}

static enum err check_label(const struct file_map *f, size_t at, int label)
{
	if (label < CIFAR_CLASSES)
		return OK;
	return err_set(ERR_FORMAT,
		       "%s: record %zu has the label %d, which is not in 0 ... 9",
		       f->label, at / RECORD, label);
}

static enum err check_labels(const struct cifar *c)
{
	enum err e = OK;
	for (int64_t i = 0; !e && i < c->count; i++) {
		size_t at;
		const struct file_map *f = find_record(c, i, &at);
		e = check_label(f, at, f->data[at]);
	}
	for (int i = 0; !e && i < c->file_count; i++)
		e = file_map_check(&c->files[i]);
	return e;
}

enum err cifar_open(const char *path, int64_t limit, struct cifar **out)
{
	struct cifar *c = mem_alloc(sizeof(*c));
	struct stat st;
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	enum err e = folder ? add_folder(c, path) : add_file(c, path);
	if (!e && limit > 0 && limit < c->count)
		c->count = limit;
	if (!e)
		e = check_labels(c);
	if (e) {
		cifar_free(c);
		c = NULL;
	}
	*out = c;
	return e;
}

void cifar_free(struct cifar *c)
{
	for (int i = 0; c && i < c->file_count; i++)
		file_map_release(&c->files[i]);
	free(c);
}

int64_t cifar_count(const struct cifar *c) { return c->count; }

enum err cifar_record(const struct cifar *c, int64_t i, struct image *out, int *label)
{
	uint8_t record[RECORD];
	size_t at;
	const struct file_map *f = find_record(c, i, &at);
	*out = (struct image){ 0 };
	enum err e = file_map_read(f, at, record, sizeof(record));
	if (!e)
		e = check_label(f, at, record[0]);
	if (!e)
		e = image_alloc(f->label, CIFAR_SIDE, CIFAR_SIDE, out);
	if (e)
		return e;
	for (int pixel = 0; pixel < PLANE; pixel++)
		for (int plane = 0; plane < 3; plane++)
			out->rgb[3 * pixel + plane] = record[1 + plane * PLANE + pixel];
	*label = record[0];
	return OK;
}
