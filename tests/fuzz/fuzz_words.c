/* A text to ids, with every byte in the vocabulary and a few merges. */
#include <string.h>

#include "fuzz.h"
#include "text/tokenizer.h"

#define MOST 64

static struct tokenizer *open_once(void)
{
	static const char merges[] =
		"#version: 0.2\na a\naa aa\naa a\na b\nab c</w>\n' s</w>\n";
	static struct tokenizer *t;
	if (!t)
		fuzz_check(tokenizer_open(
				   fuzz_file((const uint8_t *)merges, sizeof(merges) - 1),
				   &t) == OK,
			   "the merges are right");
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct tokenizer *t = open_once();
	int32_t ids[MOST];
	int count = 0;
	if (tokenizer_encode(t, (const char *)data, n, ids, MOST, &count))
		return 0;
	fuzz_check(count >= 2 && count <= MOST, "it fits");
	fuzz_check(ids[0] == tokenizer_bos(t), "it begins");
	fuzz_check(ids[count - 1] == tokenizer_eos(t), "it ends");
	for (int i = 0; i < count; i++)
		fuzz_check(ids[i] >= 0 && ids[i] < tokenizer_size(t), "it is an id");
	return 0;
}
