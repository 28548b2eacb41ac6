#include "fuzz.h"
#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct safetensors *st;
	if (safetensors_open(fuzz_file(data, n), &st))
		return 0;
	size_t seen = 0;
	for (size_t i = 0; i < safetensors_count(st); i++) {
		const struct safetensors_entry *e = safetensors_at(st, i);
		const volatile unsigned char *p = e->tensor.data;
		for (int64_t k = 0; k < tensor_bytes(&e->tensor); k++, seen++)
			(void)p[k];
		fuzz_check(safetensors_find(st, e->name) == e, "it is found by name");
	}
	fuzz_check(seen < n, "tensors lie in the file");
	safetensors_free(st);
	return 0;
}
