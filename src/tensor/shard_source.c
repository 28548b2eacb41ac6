#include "tensor/shard_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/shard_index.h"
#include "tensor/shown.h"
#include "tensor/weights_format.h"

struct shards {
	const struct weights_format *format;
	struct tensors_source source; /* its name is the format's */
	struct shard_index *index;
	void **open; /* one of each file; NULL: nobody asked for it */
	/* The first file that could not be opened or broke its promise. */
	enum err error;
	char message[1024];
};

static void fail(struct shards *s, enum err e)
{
	if (s->error)
		return;
	s->error = e;
	snprintf(s->message, sizeof(s->message), "%s", err_message());
}

/* The message names the file, why it is no use, and who needs it. */
static enum err no_shard(const struct shards *s, enum err e, const char *tensor)
{
	char name[SHOWN];
	bool missing = e == ERR_NOTFOUND;
	return err_set(e, "%s; tensor %s should be in it, says %s%s", err_message(),
		       shown(tensor, name), shard_index_label(s->index),
		       missing ? ": this part of the checkpoint is missing; download "
				 "the model again"
			       : "");
}

/* The open file i, which `tensor` is asked of. */
static void *shard_of(struct shards *s, size_t i, const char *tensor)
{
	if (s->open[i] || s->error)
		return s->open[i];
	enum err e = s->format->open(shard_index_path(s->index, i), &s->open[i]);
	if (e)
		fail(s, no_shard(s, e, tensor));
	return s->open[i];
}

static bool find(void *self, const char *name, struct tensor *stored)
{
	struct shards *s = self;
	char text[SHOWN];
	long i = shard_index_find(s->index, name);
	void *shard = i < 0 ? NULL : shard_of(s, (size_t)i, name);
	if (!shard)
		return false;
	if (s->format->source.find(shard, name, stored))
		return true;
	fail(s, err_set(ERR_FORMAT,
			"%s: there is no tensor %s, though %s says that it is here",
			s->format->label(shard), shown(name, text),
			shard_index_label(s->index)));
	return false;
}

/* Only what was found is filled, so its file is open. */
static void fill(void *self, const char *name, const struct tensor *shape, int64_t begin,
		 int64_t end, float *out)
{
	const struct shards *s = self;
	void *shard = s->open[shard_index_find(s->index, name)];
	s->format->source.fill(shard, name, shape, begin, end, out);
}

static const char *file_of(void *self, const char *name)
{
	const struct shards *s = self;
	long i = shard_index_find(s->index, name);
	return i < 0 || !s->open[i] ? NULL : s->format->label(s->open[i]);
}

static enum err check(void *self)
{
	const struct shards *s = self;
	if (s->error)
		return err_set(s->error, "%s", s->message);
	for (size_t i = 0; i < shard_index_count(s->index); i++) {
		enum err e = s->open[i] ? s->format->source.check(s->open[i]) : OK;
		if (e)
			return e;
	}
	return OK;
}

static void free_shards(void *self)
{
	struct shards *s = self;
	for (size_t i = 0; s->open && i < shard_index_count(s->index); i++)
		if (s->open[i])
			s->format->source.free(s->open[i]);
	free(s->open);
	shard_index_free(s->index);
	free(s);
}

enum err tensors_open_shards(const char *path, struct tensors **out)
{
	struct shards *s = mem_alloc(sizeof(*s));
	*out = NULL;
	s->format = weights_format_of(path);
	if (!s->format)
		s->format = weights_formats[0];
	s->source = (struct tensors_source){ .name = s->format->source.name,
					     .mapped = s->format->source.mapped,
					     .find = find,
					     .fill = fill,
					     .file_of = file_of,
					     .check = check,
					     .squeezes = s->format->source.squeezes,
					     .free = free_shards };
	enum err e = shard_index_open(path, &s->index);
	if (e) {
		free_shards(s);
		return e;
	}
	s->open = mem_alloc(shard_index_count(s->index) * sizeof(*s->open));
	*out = tensors_create(&s->source, s, shard_index_label(s->index));
	return OK;
}
