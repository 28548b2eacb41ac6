#include "models/texts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/str.h"
#include "models/sequences.h"
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

/* What a language model reads, and CLIP does not. */
static bool is_prompt(const struct model *m)
{
	return m->family->takes == INPUT_PROMPT || m->family->repeats_text;
}

static enum err no_tokenizer(const struct model *m)
{
	bool prompt = is_prompt(m);
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
	if (m->random_weights && is_prompt(m))
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

/* Tokens that one text can have: positions, or what --seq can ask for. */
static int64_t most_tokens(const struct model *m)
{
	return m->family->repeats_text ? (int64_t)knob_table[KNOB_SEQ].max : m->tokens;
}

/* All of a text, whose tokens are at least a byte each; a normalised one may be three
 * times as long. */
static enum err encode_all(const struct model *m, const struct tokenizer *t,
			   const char *text, struct tensor *ids)
{
	int64_t most = 3 * (int64_t)strlen(text), limit = most_tokens(m);
	int n = 0;
	enum err e = texts_check_vocab(m, t);
	if (e)
		return e;
	most = most < limit ? most : limit;
	int32_t *row = malloc(sizeof(*row) * (size_t)most);
	if (!row)
		return err_set(ERR_NOMEM, "no memory for the ids of a text");
	e = tokenizer_encode(t, text, strlen(text), row, (int)most, &n);
	if (!e && !n)
		e = err_set(ERR_FORMAT, "the text has no tokens");
	if (e)
		free(row);
	else
		*ids = tensor_of(DT_I32, row, DIMS(1, n));
	return e;
}

static enum err read_text(const struct model *m, const struct input_source *from,
			  struct texts *t)
{
	const char *const text = from->text;
	enum err e = texts_open_tokenizer(m, from->vocab, &t->tokenizer);
	if (!e && m->family->repeats_text)
		e = encode_all(m, t->tokenizer, text, &t->ids);
	else if (!e)
		e = texts_encode(m, t->tokenizer, &text, 1, &t->ids);
	t->bytes = !e && m->family->repeats_text && !from->vocab && m->random_weights;
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
			e = err_set(ERR_USAGE, "%s: more than the %lld tokens that %s %s",
				    f->label, (long long)most, m->name,
				    m->family->repeats_text ? "can be given"
							    : "has positions for");
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
	enum { MOST_BYTES = 8 << 20 };
	struct text_file f;
	enum err e = text_file_read(path, MOST_BYTES, &f);
	if (e)
		return err_context(e, "--tokens");
	if (memchr(str_get(&f.text), 0, f.text.len))
		e = err_set(ERR_FORMAT, "%s: a NUL byte in a text file", f.label);
	if (!e)
		e = read_ids(m, &f, most, ids);
	text_file_release(&f);
	return e ? err_context(e, "--tokens") : OK;
}

enum err texts_read(const struct model *m, const struct input_source *from,
		    struct texts *t)
{
	*t = (struct texts){ 0 };
	if (from->text)
		return read_text(m, from, t);
	if (!from->tokens)
		return m->family->repeats_text
			       ? OK
			       : err_set(ERR_USAGE,
					 "%s reads a text: give --text or --tokens",
					 m->name);
	enum err e = texts_read_tokens(m, from->tokens, most_tokens(m), &t->ids);
	/* Only to tell what comes out: it need not be there. */
	if (!e && m->family->repeats_text && (from->vocab || !m->random_weights) &&
	    texts_open_tokenizer(m, from->vocab, &t->tokenizer))
		t->tokenizer = NULL;
	return e;
}

void texts_release(struct texts *t)
{
	free(t->ids.data);
	tokenizer_free(t->tokenizer);
	*t = (struct texts){ 0 };
}

/* ---- in every item ---- */

/* Item after item the same row: around and around, or with its last token at the end of
 * what does not fit and in place of what is missing. */
static void fill_rows(struct tensor *to, const int32_t *row, int64_t n, bool again)
{
	int32_t *id = to->data;
	int64_t length = to->dim[1];
	for (int64_t i = 0; i < to->dim[0]; i++)
		for (int64_t j = 0; j < length; j++)
			*id++ = row[again ? j % n : j < n && j + 1 < length ? j : n - 1];
}

static void fill_seeded(struct tensor *to, uint64_t seed, int64_t vocab)
{
	uint64_t key = rng_key(seed, "tokens");
	int32_t *id = to->data;
	for (int64_t i = 0; i < tensor_count(to); i++)
		id[i] = (int32_t)((uint64_t)rng_bits(key, (uint32_t)i) *
					  (uint64_t)vocab >>
				  32);
}

static void add_note(struct str *note, const struct texts *t, int64_t length)
{
	int64_t n = t->ids.dim[1];
	if (t->bytes)
		str_add(note, "no vocabulary: the bytes of the text are taken as tokens");
	if (n != length)
		str_addf(note, "%sthe text of %lld token%s is %s to %lld",
			 note->len ? "; " : "", (long long)n, n == 1 ? "" : "s",
			 n < length ? "repeated" : "cut", (long long)length);
}

static void hash_row(const struct tensor *ids, char sha256[SHA256_HEX])
{
	struct sha256 s;
	sha256_start(&s);
	sha256_add(&s, ids->data, sizeof(int32_t) * (size_t)ids->dim[1]);
	sha256_end(&s, sha256);
}

enum err texts_fill(const struct model *m, const struct texts *t, const struct knobs *k,
		    struct input *in, struct str *note, char sha256[SHA256_HEX])
{
	bool again = m->family->repeats_text;
	uint64_t seed = (uint64_t)knob_num(k, KNOB_SEED);
	enum err e = m->family->shape(m, NULL, k, in);
	if (e)
		return e;
	in->ids.data = malloc((size_t)tensor_bytes(&in->ids));
	if (!in->ids.data)
		return err_set(ERR_NOMEM, "no memory for %lld texts",
			       (long long)in->ids.dim[0]);
	if (!t->ids.ndim) {
		fill_seeded(&in->ids, seed, m->vocab);
		sequences_hash_seeded("tokens", seed, &in->ids, sha256);
		return OK;
	}
	fill_rows(&in->ids, t->ids.data, t->ids.dim[1], again);
	if (again)
		add_note(note, t, in->ids.dim[1]);
	hash_row(&in->ids, sha256);
	return OK;
}
