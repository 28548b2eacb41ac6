/* CLIP's one file of merges, gzipped or not. */
#include "fuzz.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char text[] = "abc aabb's <|endoftext|> 12";
	struct tokenizer *t;
	struct str back = STR_INIT;
	int32_t ids[40];
	int count;
	if (tokenizer_open(fuzz_file(data, n), &t))
		return 0;
	fuzz_check(tokenizer_encode(t, text, sizeof(text) - 1, ids, 40, &count) == OK,
		   "a text is encoded");
	for (int i = 0; i < count; i++) {
		fuzz_check(ids[i] >= 0 && ids[i] < tokenizer_size(t), "it is an id");
		tokenizer_decode(t, ids[i], &back);
	}
	str_release(&back);
	tokenizer_free(t);
	return 0;
}
