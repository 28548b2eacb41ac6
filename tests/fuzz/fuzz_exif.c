#include "fuzz.h"
#include "image/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int orientation = exif_orientation(data, n);
	fuzz_check(orientation >= 1 && orientation <= 8, "one of eight");
	return 0;
}
