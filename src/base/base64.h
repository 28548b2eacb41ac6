/* Base64 (RFC 4648), by nettle: for the few bytes that cross the protocol. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

char *base64_encode(const uint8_t *, size_t n); /* the caller frees */
/* NULL when the text is not base64 or not exactly n bytes; the caller frees. */
uint8_t *base64_decode(const char *text, size_t n);

#endif
