#include "text/clip_bpe.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text/bpe_file.h"
#include "text/byte_chars.h"
#include "text/clip_words.h"

/* --- reading ----------------------------------------------------------------------- */

static void find_bytes(struct clip_bpe *t)
{
	struct str token = STR_INIT;
	for (int byte = 0; byte < 256; byte++) {
		for (int last = 0; last < 2; last++) {
			str_clear(&token);
			byte_char_add(&token, (uint8_t)byte);
			str_add(&token, last ? BPE_WORD_END : "");
			int32_t id =
				vocab_find(&t->bpe.vocab, str_get(&token), token.len);
			t->byte[last][byte] = id < 0 ? t->eos : id;
		}
	}
	str_release(&token);
}

static enum err find_mark(const struct clip_bpe *t, const char *label, const char *mark,
			  int32_t *id)
{
	*id = vocab_find(&t->bpe.vocab, mark, strlen(mark));
	if (*id >= 0)
		return OK;
	return err_set(ERR_FORMAT,
		       "%s: the vocabulary has no %s: it is not that of a CLIP; others "
		       "need a tokenizer.json",
		       label, mark);
}

/* After the files. */
static enum err finish(struct clip_bpe *t, const char *label)
{
	enum err e = find_mark(t, label, BPE_START, &t->bos);
	if (!e)
		e = find_mark(t, label, BPE_END, &t->eos);
	if (e)
		clip_bpe_release(t);
	else
		find_bytes(t);
	return e;
}

enum err clip_bpe_read_folder(const char *folder, struct clip_bpe *t)
{
	char label[256];
	*t = (struct clip_bpe){ 0 };
	enum err e = bpe_read_folder(folder, &t->bpe);
	return e ? e
		 : finish(t, str_escaped(label, sizeof(label), folder, strlen(folder)));
}

enum err clip_bpe_read(const struct text_file *f, struct clip_bpe *t)
{
	*t = (struct clip_bpe){ 0 };
	enum err e = bpe_read_clip(f, &t->bpe);
	return e ? e : finish(t, f->label);
}

void clip_bpe_release(struct clip_bpe *t) { bpe_release(&t->bpe); }

/* --- encoding ---------------------------------------------------------------------- */

/* Ids that grow; there is room for one per byte of the text. */
struct ids {
	int32_t *v;
	size_t n;
};

static void add_words(const struct clip_bpe *t, const char *text, size_t n,
		      struct ids *out)
{
	struct clip_words words = { text, n };
	const char *word;
	size_t len;
	while (clip_words_next(&words, &word, &len)) {
		int32_t *symbols = out->v + out->n;
		for (size_t i = 0; i < len; i++)
			symbols[i] = t->byte[i + 1 == len][(unsigned char)word[i]];
		out->n += bpe_join(&t->bpe, symbols, len);
	}
}

static bool begins_with(const char *s, size_t n, const char *mark)
{
	return n >= strlen(mark) && !memcmp(s, mark, strlen(mark));
}

/* The first mark in the text: where, its length and id; false where there is none. */
static bool find_next_mark(const struct clip_bpe *t, const char *text, size_t n,
			   size_t *at, size_t *len, int32_t *id)
{
	for (const char *s = text; (s = memchr(s, '<', n - (size_t)(s - text))); s++) {
		*at = (size_t)(s - text);
		bool start = begins_with(s, n - *at, BPE_START);
		if (start || begins_with(s, n - *at, BPE_END)) {
			*len = strlen(start ? BPE_START : BPE_END);
			*id = start ? t->bos : t->eos;
			return true;
		}
	}
	return false;
}

static void add_text(const struct clip_bpe *t, const char *text, size_t n,
		     struct ids *out)
{
	size_t at, len;
	int32_t id;
	while (find_next_mark(t, text, n, &at, &len, &id)) {
		add_words(t, text, at, out);
		out->v[out->n++] = id;
		text += at + len;
		n -= at + len;
	}
	add_words(t, text, n, out);
}

enum err clip_bpe_encode(const struct clip_bpe *t, const char *text, size_t n,
			 int32_t *ids, int max, int *count)
{
	assert(max >= 2);
	struct str normal = STR_INIT;
	enum err e = clip_normalise(&normal, text, n);
	if (!e) {
		struct ids all = { mem_alloc(sizeof(*all.v) * (normal.len + 1)), 0 };
		add_text(t, str_get(&normal), normal.len, &all);
		size_t kept = all.n < (size_t)max - 2 ? all.n : (size_t)max - 2;
		ids[0] = t->bos;
		memcpy(ids + 1, all.v, kept * sizeof(*ids));
		ids[1 + kept] = t->eos;
		*count = (int)kept + 2;
		free(all.v);
	}
	str_release(&normal);
	return e;
}

void clip_bpe_decode(const struct clip_bpe *t, int32_t id, struct str *out)
{
	size_t n, suffix = strlen(BPE_WORD_END);
	const char *token = vocab_text(&t->bpe.vocab, id, &n);
	bool ends_word = n > suffix && !memcmp(token + n - suffix, BPE_WORD_END, suffix);
	byte_chars_decode(out, token, ends_word ? n - suffix : n);
	if (ends_word)
		str_add(out, " ");
}
