/* SHA-256 (FIPS 180-4), by nettle. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

#define SHA256_HEX 65 /* 64 digits and the NUL */

/* Opaque but for its size. */
struct sha256 {
	struct sha256_ctx ctx;
};

void sha256_start(struct sha256 *);
void sha256_add(struct sha256 *, const void *data, size_t n);
void sha256_add_str(struct sha256 *, const char *text); /* with its NUL: a separator */
void sha256_end(struct sha256 *, char hex[SHA256_HEX]);

#endif
