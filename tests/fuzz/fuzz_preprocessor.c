/* preprocessor_config.json, and what its sizes make of a picture. */
#include "fuzz.h"
#include "image/preprocess.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct preprocess_config c;
	int64_t width, height;
	json_t *object;
	if (json_read((const char *)data, n, "preprocessor", &object))
		return 0;
	if (!preprocess_read(object, "preprocessor", &c)) {
		preprocess_size(&c, 640, 3, &width, &height);
		fuzz_check(width > 0 && height > 0, "something comes out");
	}
	json_decref(object);
	return 0;
}
