#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

void sha256_start(struct sha256 *s) { sha256_init(&s->ctx); }

void sha256_add(struct sha256 *s, const void *data, size_t n)
{
	sha256_update(&s->ctx, n, data);
}

void sha256_add_str(struct sha256 *s, const char *text)
{
	sha256_add(s, text, strlen(text) + 1);
}

void sha256_end(struct sha256 *s, char hex[SHA256_HEX])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_digest(&s->ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
