#include "fuzz.h"
#include "image/cifar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cifar *c;
	if (cifar_open(fuzz_file(data, n), 0, &c))
		return 0;
	fuzz_check((size_t)cifar_count(c) * 3073 == n, "every byte is in a record");
	for (int64_t i = 0; i < cifar_count(c); i++) {
		struct image im;
		int label;
		fuzz_check(cifar_record(c, i, &im, &label) == OK, "a record is read");
		fuzz_check(label >= 0 && label < CIFAR_CLASSES, "its label is a class");
		image_release(&im);
	}
	cifar_free(c);
	return 0;
}
