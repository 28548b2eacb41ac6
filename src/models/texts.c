#include "models/texts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "tensor/gguf.h"
#include "text/text_file.h"

/* The folder of the weights, where it has a tokenizer; the caller frees. */
static char *tokenizer_folder(const struct model *m)
{
	const char *path = m->weights_files ? m->weights_files[0] : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;
	static const char *const files[] = { "tokenizer.json", "vocab.json" };
	struct str folder = STR_INIT;
	bool there = false;
	if (slash)
		str_add_n(&folder, path, (size_t)(slash - path));
	else
		str_add(&folder, ".");
	for (size_t i = 0; path && !there && i < sizeof(files) / sizeof(files[0]); i++) {
		struct str file = STR_INIT;
		str_addf(&file, "%s/%s", str_get(&folder), files[i]);
		there = !access(str_get(&file), F_OK);
		str_release(&file);
	}
	if (there)
		return str_detach(&folder);
	str_release(&folder);
	return NULL;
}

static enum err no_tokenizer(const struct model *m)
{
	bool prompt = m->family->takes == INPUT_PROMPT;
	return err_set(ERR_NOTFOUND,
		       "%s brings no tokenizer (%s): give --vocab FILE, such as %s",
		       m->name, prompt ? "tokenizer.json" : "vocab.json, merges.txt",
		       prompt ? "the tokenizer.json of its checkpoint"
			      : "bpe_simple_vocab_16e6.txt.gz");
}

/* What came with the weights: in the same file (GGUF), else beside it. ERR_NOTFOUND. */
static enum err open_own(const struct model *m, struct tokenizer **out)
{
	const char *weights = m->weights_files ? m->weights_files[0] : NULL;
	enum err e =
		weights && gguf_is(weights) ? tokenizer_open(weights, out) : ERR_NOTFOUND;
	if (e != ERR_NOTFOUND)
		return e;
	char *folder = tokenizer_folder(m);
	e = folder ? tokenizer_open(folder, out) : no_tokenizer(m);
	free(folder);
	return e;
}

enum err texts_open_tokenizer(const struct model *m, const char *vocab,
			      struct tokenizer **out)
{
	if (vocab)
		return tokenizer_open(vocab, out);
	if (m->random_weights && m->family->takes == INPUT_PROMPT)
		return tokenizer_bytes(out); /* a preset has no files */
	return open_own(m, out);
}

enum err texts_check_vocab(const struct model *m, const struct tokenizer *t)
{
	if (tokenizer_size(t) <= m->vocab)
		return OK;
	return err_set(ERR_FORMAT,
		       "%s has rows for %lld tokens, its vocabulary %d: it is not this "
		       "model's",
		       m->name, (long long)m->vocab, (int)tokenizer_size(t));
}

/* Rows of `wide` ids moved together to rows of `narrow`. */
static void narrow_rows(int32_t *ids, int64_t count, int64_t wide, int64_t narrow)
{
	for (int64_t i = 0; i < count; i++)
		memmove(ids + i * narrow, ids + i * wide, (size_t)narrow * sizeof(*ids));
}

enum err texts_encode(const struct model *m, const struct tokenizer *t,
		      const char *const *texts, int64_t count, struct tensor *ids)
{
	int64_t context = m->tokens, longest = 0;
	int32_t *rows = NULL;
	*ids = (struct tensor){ 0 };
	enum err e = texts_check_vocab(m, t);
	if (!e && !(rows = malloc((size_t)(count * context) * sizeof(*rows))))
		e = err_set(ERR_NOMEM, "no memory for the ids of %lld texts",
			    (long long)count);
	for (int64_t i = 0; !e && i < count; i++) {
		int32_t *row = rows + i * context;
		int n = 0;
		e = tokenizer_encode(t, texts[i], strlen(texts[i]), row, (int)context,
				     &n);
		for (int64_t j = n; j < context; j++)
			row[j] = tokenizer_eos(t);
		longest = n > longest ? n : longest;
	}
	if (e) {
		free(rows);
		return e;
	}
	narrow_rows(rows, count, context, longest);
	*ids = tensor_of(DT_I32, rows, DIMS(count, longest));
	return OK;
}

/* ---- one text, or a file of ids ---- */

static enum err encode_text(const struct model *m, const struct input_source *from,
			    struct tensor *ids)
{
	struct tokenizer *t = NULL;
	const char *const text = from->text;
	enum err e = texts_open_tokenizer(m, from->vocab, &t);
	if (!e)
		e = texts_encode(m, t, &text, 1, ids);
	tokenizer_free(t);
	return e ? err_context(e, "--text") : OK;
}

#define SPACE " \t\r\n"

static enum err bad_id(const char *label, const char *word, const struct model *m)
{
	char found[64];
	return err_set(ERR_FORMAT, "%s: \"%s\" is no token of %s: want 0 to %lld", label,
		       str_escaped(found, sizeof(found), word, strcspn(word, SPACE)),
		       m->name, (long long)m->vocab - 1);
}

/* The numbers of a file's content. */
static enum err read_ids(const struct model *m, const struct text_file *f, int64_t most,
			 struct tensor *ids)
{
	int32_t *row = mem_alloc(sizeof(*row) * (size_t)most);
	int64_t n = 0;
	enum err e = OK;
	const char *text = str_get(&f->text);
	for (const char *at = text + strspn(text, SPACE); !e && *at;) {
		char *end;
		long long id = strtoll(at, &end, 10);
		if (end == at || !strchr(SPACE, *end) || id < 0 || id >= m->vocab)
			e = bad_id(f->label, at, m);
		else if (n == most)
			e = err_set(ERR_USAGE,
				    "%s: more than the %lld tokens that %s has "
				    "positions for",
				    f->label, (long long)most, m->name);
		else
			row[n++] = (int32_t)id;
		at = end + strspn(end, SPACE);
	}
	if (!e && !n)
		e = err_set(ERR_FORMAT, "%s: no numbers in it", f->label);
	if (e)
		free(row);
	else
		*ids = tensor_of(DT_I32, row, DIMS(1, n));
	return e;
}

enum err texts_read_tokens(const struct model *m, const char *path, int64_t most,
			   struct tensor *ids)
{
	enum { MOST = 1 << 20 };
	struct text_file f;
	enum err e = text_file_read(path, MOST, &f);
	if (e)
		return err_context(e, "--tokens");
	if (memchr(str_get(&f.text), 0, f.text.len))
		e = err_set(ERR_FORMAT, "%s: a NUL byte in a text file", f.label);
	if (!e)
		e = read_ids(m, &f, most, ids);
	text_file_release(&f);
	return e ? err_context(e, "--tokens") : OK;
}

/* Item after item the same row, its last token at the end of what does not fit. */
static void repeat_row(int32_t *to, int64_t items, int64_t length, const int32_t *row,
		       int64_t n)
{
	for (int64_t i = 0; i < items; i++)
		for (int64_t j = 0; j < length; j++)
			*to++ = row[j < n && j + 1 < length ? j : n - 1];
}

enum err texts_load(const struct model *m, const struct input_source *from,
		    const struct knobs *k, struct input *in, char sha256[SHA256_HEX])
{
	struct tensor ids;
	struct sha256 s;
	enum err e = m->family->shape(m, NULL, k, in);
	if (!e)
		e = from->text ? encode_text(m, from, &ids)
			       : texts_read_tokens(m, from->tokens, m->tokens, &ids);
	if (e)
		return e;
	in->ids.data = malloc((size_t)tensor_bytes(&in->ids));
	if (!in->ids.data) {
		free(ids.data);
		return err_set(ERR_NOMEM, "no memory for %lld texts",
			       (long long)in->ids.dim[0]);
	}
	repeat_row(in->ids.data, in->ids.dim[0], in->ids.dim[1], ids.data, ids.dim[1]);
	free(ids.data);
	sha256_start(&s);
	sha256_add(&s, in->ids.data, sizeof(int32_t) * (size_t)in->ids.dim[1]);
	sha256_end(&s, sha256);
	return OK;
}
