#include "tensor/file_source.h"

#include "tensor/shard_source.h"
#include "tensor/weights_format.h"

enum err tensors_open_file(const char *path, struct tensors **out)
{
	const struct weights_format *format = weights_format_of(path);
	void *self;
	*out = NULL;
	if (weights_is_index(path))
		return tensors_open_shards(path, out);
	if (!format)
		format = weights_formats[0];
	enum err e = format->open(path, &self);
	if (!e)
		*out = tensors_create(&format->source, self, format->label(self));
	return e;
}
