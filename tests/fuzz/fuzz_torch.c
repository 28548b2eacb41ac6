#include <stdlib.h>

#include "fuzz.h"
#include "tensor/torch_file.h"

#define ENOUGH 100000 /* elements: a tensor may be one number, repeated for ever */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct torch_file *f;
	if (torch_file_open(fuzz_file(data, n), &f))
		return 0;
	float *out = malloc(ENOUGH * sizeof(*out));
	for (size_t i = 0; out && i < torch_file_count(f); i++) {
		const struct torch_entry *e = torch_file_at(f, i);
		fuzz_check(torch_file_find(f, e->name) == e, "it is found by name");
		if (e->tensor.dtype == DT_I64)
			continue;
		int64_t count = tensor_count(&e->tensor);
		int64_t some = count < ENOUGH ? count : ENOUGH;
		torch_entry_read(e, 0, some, out);
		torch_entry_read(e, count - some, count, out);
	}
	free(out);
	torch_file_free(f);
	return 0;
}
