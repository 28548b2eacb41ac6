#include "profiler/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/overwrite.h"
#include "base/str.h"
#include "profiler/kept.h"
#include "tensor/safetensors.h"

enum err output_check(const char *path)
{
	char shown[512];
	struct stat st;
	const char *slash = strrchr(path, '/');
	struct str folder = STR_INIT;
	str_add_n(&folder, path, slash ? (size_t)(slash - path) + 1 : 0);
	if (!slash)
		str_add(&folder, ".");
	int failed = 0;
	enum err precious = overwrite_check(path);
	if (precious) {
		str_release(&folder);
		return precious;
	}
	if (access(str_get(&folder), W_OK | X_OK))
		failed = errno;
	else if (!stat(path, &st) && S_ISDIR(st.st_mode))
		failed = EISDIR;
	str_release(&folder);
	return failed ? err_set(ERR_IO, "%s: not written: %s",
				str_escaped(shown, sizeof(shown), path, strlen(path)),
				strerror(failed))
		      : OK;
}

/* [items, *count]: items that keep fewer patches than the one that keeps most end in -1.
 */
static int64_t *kept_of(const struct trace *trace, int64_t *count)
{
	int32_t *index =
		mem_alloc(sizeof(*index) * (size_t)(trace->patches * trace->unit + 1));
	*count = 0;
	for (int64_t b = 0; b < trace->items; b++) {
		int64_t n = trace_kept_patches(trace, b, index);
		*count = n > *count ? n : *count;
	}
	int64_t *wide = mem_alloc(sizeof(*wide) * (size_t)(trace->items * *count + 1));
	for (int64_t b = 0; b < trace->items; b++) {
		int64_t n = trace_kept_patches(trace, b, index);
		for (int64_t i = 0; i < *count; i++)
			wide[b * *count + i] = i < n ? index[i] : -1;
	}
	free(index);
	return wide;
}

enum err output_save(const char *path, const struct outputs *out,
		     const struct classes *classes)
{
	struct safetensors_entry entries[9];
	size_t n = 0;
	int64_t *wide = NULL, *counts = NULL;
	if (out->image_embeds.ndim)
		entries[n++] =
			(struct safetensors_entry){ "image_embeds", out->image_embeds };
	if (out->text_embeds.ndim)
		entries[n++] =
			(struct safetensors_entry){ "text_embeds", out->text_embeds };
	if (classes)
		entries[n++] =
			(struct safetensors_entry){ "text_embeds", classes->embeds };
	if (out->sequence.ndim)
		entries[n++] = (struct safetensors_entry){ "output", out->sequence };
	if (out->token_logits.ndim)
		entries[n++] = (struct safetensors_entry){ "logits", out->token_logits };
	if (out->logits.ndim)
		entries[n++] =
			(struct safetensors_entry){ "logits_per_image", out->logits };
	if (out->kept_layers) {
		counts = kept_counts(&out->trace, out->kept_layers);
		entries[n++] = (struct safetensors_entry){ "pooled", out->pooled };
		entries[n++] = (struct safetensors_entry){
			"kept_counts", tensor_of(DT_I64, counts,
						 DIMS(out->kept_layers, out->trace.items))
		};
	}
	if (out->class_logits.ndim)
		entries[n++] =
			(struct safetensors_entry){ "class_logits", out->class_logits };
	if (out->trace.n) {
		int64_t count;
		wide = kept_of(&out->trace, &count);
		entries[n++] = (struct safetensors_entry){
			"kept", tensor_of(DT_I64, wide, DIMS(out->trace.items, count))
		};
	}
	enum err e = safetensors_write(path, entries, n, NULL);
	free(wide);
	free(counts);
	return e;
}
