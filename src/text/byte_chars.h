/*
 * GPT-2's way to write any byte as a visible character, so that vocabularies are text:
 * printable Latin-1 stands for itself, the other 68 bytes are U+0100 and following.
 */
#ifndef TEXT_BYTE_CHARS_H
#define TEXT_BYTE_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Whether the byte stands for itself. */
bool byte_is_visible(uint8_t byte);

/* Adds the character that stands for this byte. */
void byte_char_add(struct str *, uint8_t byte);

/* Adds the bytes that a token's characters stand for; a token with a character that
 * stands for none is added as it is. Valid UTF-8 only. */
void byte_chars_decode(struct str *, const char *token, size_t n);

#endif
