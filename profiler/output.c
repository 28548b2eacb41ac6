#include "profiler/output.h"

#include <stdlib.h>

#include "base/str.h"
#include "tensor/safetensors.h"

enum err output_save(const char *path, const struct outputs *out)
{
	struct safetensors_entry entries[2] = { { "image_embeds", out->image_embeds } };
	size_t n = 1;
	int64_t *wide = NULL;
	if (out->kept.ndim) {
		int64_t count = tensor_count(&out->kept);
		const int32_t *kept = out->kept.data;
		wide = mem_alloc(sizeof(*wide) * (size_t)count);
		for (int64_t i = 0; i < count; i++)
			wide[i] = kept[i];
		entries[n++] =
			(struct safetensors_entry){ "kept", tensor_of(DT_I64, wide, 2,
								      out->kept.dim) };
	}
	enum err e = safetensors_write(path, entries, n, NULL);
	free(wide);
	return e;
}
