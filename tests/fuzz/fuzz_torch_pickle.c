#include "fuzz.h"
#include "tensor/torch_pickle.h"

/* The last element, by the promise of the header. */
static void check_reach(const struct torch_tensor *t)
{
	int64_t count, last = t->offset;
	fuzz_check(shape_count(t->ndim, t->dim, &count), "its size does not overflow");
	if (count == 0)
		return;
	for (int i = 0; i < t->ndim; i++)
		last += (t->dim[i] - 1) * t->stride[i];
	fuzz_check(t->offset >= 0 && last < t->storage_count, "it lies in its storage");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct torch_pickle *p;
	if (torch_pickle_read(data, n, "pickle", &p))
		return 0;
	for (size_t i = 0; i < torch_pickle_count(p); i++)
		check_reach(torch_pickle_at(p, i));
	torch_pickle_free(p);
	return 0;
}
