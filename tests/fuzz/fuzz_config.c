/* config.json, as every family reads it. */
#include <stdlib.h>

#include "fuzz.h"
#include "models/model.h"
#include "tensor/random_source.h"

static void configure(const struct family *family, struct hfconfig *config)
{
	struct model m = { .family = family, .config = config };
	m.tensors = tensors_create_random(0, "fuzz");
	if (!family->configure(&m, config))
		fuzz_check(m.tokens > 0 || m.cut.patch > 0, "a model has tokens");
	family->release(&m);
	tensors_free(m.tensors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = fuzz_text(data, n);
	for (int i = 0; families[i]; i++) {
		struct hfconfig *config;
		if (hfconfig_parse(text, "config", &config))
			break;
		configure(families[i], config);
		hfconfig_free(config);
	}
	free(text);
	return 0;
}
