#include "text/byte_bpe.h"

#include <stdlib.h>
#include <string.h>

#include "text/bpe_file.h"
#include "text/byte_chars.h"
#include "text/unicode.h"

/* GPT-NeoX has no tokens for the bytes that are in no UTF-8. */
static bool occurs(int byte) { return byte != 0xC0 && byte != 0xC1 && byte < 0xF5; }

int byte_bpe_find_bytes(struct byte_bpe *b)
{
	struct str token = STR_INIT;
	int missing = -1;
	for (int byte = 0; byte < 256 && missing < 0; byte++) {
		str_clear(&token);
		byte_char_add(&token, (uint8_t)byte);
		b->byte[byte] = vocab_find(&b->bpe.vocab, str_get(&token), token.len);
		if (b->byte[byte] < 0 && occurs(byte))
			missing = byte;
	}
	str_release(&token);
	return missing;
}

void byte_bpe_init_bytes(struct byte_bpe *b)
{
	int32_t first;
	*b = (struct byte_bpe){ .pattern = BYTE_PATTERN_QWEN2 };
	vocab_init(&b->bpe.vocab, 256);
	bpe_set_bytes(&b->bpe.vocab, 0, "");
	vocab_index(&b->bpe.vocab, &first);
	byte_bpe_find_bytes(b);
}

void byte_bpe_release(struct byte_bpe *b)
{
	bpe_release(&b->bpe);
	vocab_release(&b->added);
	vocab_release(&b->split[0]);
	vocab_release(&b->split[1]);
}

/* --- encoding ---------------------------------------------------------------------- */

struct ids {
	int32_t *v;
	size_t n, cap;
};

/* Room for n more. */
static int32_t *more_ids(struct ids *ids, size_t n)
{
	if (ids->cap - ids->n < n) {
		ids->cap = (ids->n + n) * 2;
		ids->v = mem_grow(ids->v, ids->cap, sizeof(*ids->v));
	}
	return ids->v + ids->n;
}

/* The token that a word is, or -1. */
static int32_t whole_word(const struct byte_bpe *b, const char *word, size_t n)
{
	struct str token = STR_INIT;
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const char *c =
			vocab_text(&b->bpe.vocab, b->byte[(unsigned char)word[i]], &len);
		str_add_n(&token, c, len);
	}
	int32_t id = vocab_find(&b->bpe.vocab, str_get(&token), token.len);
	str_release(&token);
	return id;
}

static void add_word(const struct byte_bpe *b, const char *word, size_t n,
		     struct ids *out)
{
	int32_t *symbols = more_ids(out, n);
	int32_t whole = b->ignore_merges ? whole_word(b, word, n) : -1;
	if (whole >= 0) {
		*symbols = whole;
		out->n++;
		return;
	}
	for (size_t i = 0; i < n; i++)
		symbols[i] = b->byte[(unsigned char)word[i]];
	out->n += bpe_join(&b->bpe, symbols, n);
}

static void add_words(const struct byte_bpe *b, const char *text, size_t n,
		      struct ids *out)
{
	struct byte_words words = { text, n, b->pattern };
	const char *word;
	size_t len;
	while (byte_words_next(&words, &word, &len))
		add_word(b, word, len, out);
}

/* What stands between added tokens; nothing stays nothing. */
static void add_piece(const struct byte_bpe *b, const char *text, size_t n,
		      struct ids *out)
{
	if (!b->prefix_space || n == 0 || text[0] == ' ') {
		add_words(b, text, n, out);
		return;
	}
	struct str piece = STR_INIT;
	str_add(&piece, " ");
	str_add_n(&piece, text, n);
	add_words(b, str_get(&piece), piece.len, out);
	str_release(&piece);
}

/* The length of the text before the first added token (its id in *id, else -1), which is
 * all of it where there is none. */
static size_t until_added(const struct vocab *added, const char *text, size_t n,
			  int32_t *id)
{
	size_t at = 0;
	*id = -1;
	while (at < n && (*id = vocab_longest(added, text + at, n - at)) < 0)
		at++;
	return at;
}

static void add_normalised(const struct byte_bpe *b, const char *text, size_t n,
			   struct ids *out)
{
	while (n > 0) {
		int32_t id;
		size_t piece = until_added(&b->split[1], text, n, &id);
		add_piece(b, text, piece, out);
		if (id >= 0) {
			*more_ids(out, 1) = id;
			out->n++;
			piece += b->split[1].tokens[id].len;
		}
		text += piece;
		n -= piece;
	}
}

static enum err add_raw(const struct byte_bpe *b, const char *text, size_t n,
			struct ids *out)
{
	if (!b->nfc) {
		add_normalised(b, text, n, out);
		return OK;
	}
	struct str normal = STR_INIT;
	enum err e = unicode_add_nfc(&normal, text, n);
	if (!e)
		add_normalised(b, str_get(&normal), normal.len, out);
	str_release(&normal);
	return e;
}

/* Each piece is normalised for itself, as there: no character is composed of two. */
static enum err add_text(const struct byte_bpe *b, const char *text, size_t n,
			 struct ids *out)
{
	enum err e = OK;
	while (!e && n > 0) {
		int32_t id;
		size_t piece = until_added(&b->split[0], text, n, &id);
		e = add_raw(b, text, piece, out);
		if (id >= 0) {
			*more_ids(out, 1) = id;
			out->n++;
			piece += b->split[0].tokens[id].len;
		}
		text += piece;
		n -= piece;
	}
	return e;
}

enum err byte_bpe_encode(const struct byte_bpe *b, const char *text, size_t n,
			 int32_t *ids, int max, int *count)
{
	struct ids all = { 0 };
	enum err e = add_text(b, text, n, &all);
	*count = 0;
	if (!e) {
		*count = all.n < (size_t)max ? (int)all.n : max;
		for (int i = 0; i < *count; i++)
			ids[i] = all.v[i];
	}
	free(all.v);
	return e;
}

void byte_bpe_decode(const struct byte_bpe *b, int32_t id, struct str *out)
{
	size_t n = 0;
	const char *token;
	if (id < b->added.count && b->added.tokens[id].len > 0) {
		token = vocab_text(&b->added, id, &n);
		str_add_n(out, token, n);
	} else {
		token = vocab_text(&b->bpe.vocab, id, &n);
		byte_chars_decode(out, token, n);
	}
}
