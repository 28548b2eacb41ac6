#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "tensor/shard_index.h"

/* Every tensor is in a file of the list, every file in the index' own folder. */
static void walk(const struct shard_index *x, const json_t *index)
{
	json_t *map = json_object_get(index, "weight_map");
	void *i = json_object_iter(map);
	for (; i; i = json_object_iter_next(map, i)) {
		long file = shard_index_find(x, json_object_iter_key(i));
		fuzz_check(file >= 0 && (size_t)file < shard_index_count(x), "found");
		const char *path = shard_index_path(x, (size_t)file);
		const char *last = strrchr(path, '/') + 1;
		fuzz_check(!strncmp(path, "/proc/self/fd/", 14) && last == path + 14,
			   "it stays in its folder");
		fuzz_check(*last && !strstr(last, ".."), "it is the name of a file");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct shard_index *x;
	json_t *index;
	if (shard_index_open(fuzz_file(data, n), &x))
		return 0;
	fuzz_check(json_read((const char *)data, n, "index", &index) == 0, "it is JSON");
	walk(x, index);
	json_decref(index);
	shard_index_free(x);
	return 0;
}
