/* PNG, JPEG, PPM and PGM, turned as EXIF says. */
#include "fuzz.h"
#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct image im;
	unsigned sum = 0;
	if (image_load(fuzz_file(data, n), true, &im))
		return 0;
	for (int64_t i = 0; i < (int64_t)im.width * im.height * 3; i += 61)
		sum += im.rgb[i];
	fuzz_check(im.width > 0 && im.height > 0 && sum < UINT32_MAX, "it has pixels");
	image_release(&im);
	return 0;
}
