#include "base/base64.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

char *base64_encode(const uint8_t *bytes, size_t n)
{
	char *text = mem_alloc(BASE64_ENCODE_RAW_LENGTH(n) + 1);
	base64_encode_raw(text, n, bytes);
	return text;
}

uint8_t *base64_decode(const char *text, size_t n)
{
	struct base64_decode_ctx ctx;
	size_t length = strlen(text), got = BASE64_DECODE_LENGTH(length);
	uint8_t *bytes = mem_alloc(got);
	base64_decode_init(&ctx);
	if (base64_decode_update(&ctx, &got, bytes, length, text) &&
	    base64_decode_final(&ctx) && got == n)
		return bytes;
	free(bytes);
	return NULL;
}
