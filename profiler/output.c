#include "profiler/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/overwrite.h"
#include "base/str.h"
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
