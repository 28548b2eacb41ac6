#include "text/bpe_file.h"

#include <stdlib.h>
#include <string.h>

#include "text/byte_chars.h"

#define MAX_BYTES ((size_t)32 << 20)
/* The reference takes lines [1 : 49152 - 256 - 2 + 1] of either file. */
#define CLIP_MERGES (49152 - 256 - 2)
#define SHOWN 48 /* bytes of a token in a message */

/* --- merges ------------------------------------------------------------------------ */

struct merge_lines {
	const char *label;
	struct text_lines lines;
	int count;
};

static struct merge_lines merge_lines_of(const struct text_file *f)
{
	return (struct merge_lines){ f->label, { str_get(&f->text), f->text.len, 0 }, 0 };
}

/* The first line says the version and is no merge. */
static enum err skip_version(struct merge_lines *m)
{
	struct bpe_part line;
	if (text_lines_next(&m->lines, &line.s, &line.n) &&
	    memmem(line.s, line.n, "#version", strlen("#version")))
		return OK;
	return err_set(ERR_FORMAT, "%s: line 1: no #version: not a file of merges",
		       m->label);
}

static enum err no_merge(const struct merge_lines *m, struct bpe_part line)
{
	char shown[SHOWN];
	return err_set(ERR_FORMAT, "%s: line %d: not two tokens with a space between: %s",
		       m->label, m->lines.number,
		       str_escaped(shown, sizeof(shown), line.s, line.n));
}

/* The next merge, or parts[0].s NULL after the last. */
static enum err next_merge(struct merge_lines *m, struct bpe_part parts[2])
{
	struct bpe_part line;
	parts[0].s = NULL;
	if (m->count == CLIP_MERGES || !text_lines_next(&m->lines, &line.s, &line.n))
		return OK;
	/* Only at the end of the file may lines be empty. */
	if (line.n == 0 && strspn(m->lines.at, "\r\n") == m->lines.left)
		return OK;
	if (!bpe_split_merge(line.s, line.n, parts))
		return no_merge(m, line);
	m->count++;
	return OK;
}

static enum err add_merge(struct bpe *b, const struct merge_lines *m,
			  const struct bpe_part parts[2], struct str *missing)
{
	if (bpe_add_merge_of(b, parts[0].s, parts[0].n, parts[1].s, parts[1].n, missing))
		return OK;
	char shown[SHOWN];
	return err_set(ERR_FORMAT,
		       "%s: line %d: the token \"%s\" is not in the vocabulary", m->label,
		       m->lines.number,
		       str_escaped(shown, sizeof(shown), str_get(missing), missing->len));
}

/* All merges of the file, whose tokens the vocabulary already has. */
static enum err read_merges(const struct text_file *f, struct bpe *b)
{
	struct merge_lines m = merge_lines_of(f);
	struct str missing = STR_INIT;
	struct bpe_part parts[2];
	enum err e = skip_version(&m);
	while (!e && !(e = next_merge(&m, parts)) && parts[0].s)
		e = add_merge(b, &m, parts, &missing);
	str_release(&missing);
	int32_t first, second;
	if (!e && (second = bpe_index(b, &first)) >= 0)
		return err_set(ERR_FORMAT, "%s: line %d: the same merge as line %d",
			       f->label, second + 2, first + 2);
	return e;
}

/* --- a checkpoint's folder --------------------------------------------------------- */

static enum err set_json_token(struct vocab *v, const char *label, const char *token,
			       size_t n, const json_t *value)
{
	char shown[SHOWN];
	str_escaped(shown, sizeof(shown), token, n);
	if (n == 0)
		return err_set(ERR_FORMAT, "%s: a token without text", label);
	if (!json_is_integer(value))
		return err_set(ERR_FORMAT, "%s: the id of \"%s\" is not an integer",
			       label, shown);
	json_int_t id = json_integer_value(value);
	if (id < 0 || id >= v->count)
		return err_set(ERR_FORMAT,
			       "%s: the id of \"%s\" is %lld, and the %d tokens need "
			       "0 ... %d",
			       label, shown, (long long)id, (int)v->count,
			       (int)v->count - 1);
	if (v->tokens[id].len > 0)
		return err_set(ERR_FORMAT, "%s: \"%s\" has the id %lld of another token",
			       label, shown, (long long)id);
	vocab_set(v, (int32_t)id, token, n);
	return OK;
}

/* The keys differ (json_read sees to it), so no two ids have the same token. */
enum err bpe_vocab_of_json(json_t *object, const char *label, int32_t count,
			   struct vocab *v)
{
	const char *token;
	json_t *value;
	enum err e = OK;
	int32_t first;
	vocab_init(v, count);
	json_object_foreach(object, token, value)
	{
		e = set_json_token(v, label, token, strlen(token), value);
		if (e)
			return e;
	}
	vocab_index(v, &first);
	return OK;
}

/* As many ids as tokens, so every id gets its one. */
static enum err vocab_of_json(json_t *object, const char *label, struct vocab *v)
{
	size_t count = json_object_size(object);
	if (!json_is_object(object) || count == 0)
		return err_set(ERR_FORMAT, "%s: not an object {token: id}", label);
	if (count > VOCAB_MAX_TOKENS)
		return err_set(ERR_FORMAT, "%s: %zu tokens are more than the limit of %d",
			       label, count, VOCAB_MAX_TOKENS);
	return bpe_vocab_of_json(object, label, (int32_t)count, v);
}

static enum err read_vocab_json(const char *path, struct vocab *v)
{
	struct text_file f;
	json_t *object = NULL;
	enum err e = text_file_read(path, MAX_BYTES, &f);
	if (e)
		return e;
	e = json_read(str_get(&f.text), f.text.len, f.label, &object);
	if (!e)
		e = vocab_of_json(object, f.label, v);
	json_decref(object);
	text_file_release(&f);
	return e;
}

static enum err read_merges_txt(const char *path, struct bpe *b)
{
	struct text_file f;
	enum err e = text_file_read(path, MAX_BYTES, &f);
	if (e)
		return e;
	e = read_merges(&f, b);
	text_file_release(&f);
	return e;
}

enum err bpe_read_files(const char *vocab_json, const char *merges_txt, struct bpe *b)
{
	*b = (struct bpe){ 0 };
	enum err e = read_vocab_json(vocab_json, &b->vocab);
	if (!e)
		e = read_merges_txt(merges_txt, b);
	if (e)
		bpe_release(b);
	return e;
}

enum err bpe_read_folder(const char *folder, struct bpe *b)
{
	struct str vocab = STR_INIT, merges = STR_INIT;
	str_addf(&vocab, "%s/vocab.json", folder);
	str_addf(&merges, "%s/merges.txt", folder);
	enum err e = bpe_read_files(str_get(&vocab), str_get(&merges), b);
	str_release(&vocab);
	str_release(&merges);
	return e;
}

/* --- CLIP's one file --------------------------------------------------------------- */

int32_t bpe_set_bytes(struct vocab *v, int32_t id, const char *suffix)
{
	struct str token = STR_INIT;
	for (int others = 0; others < 2; others++) {
		for (int byte = 0; byte < 256; byte++) {
			if (byte_is_visible((uint8_t)byte) == others)
				continue;
			str_clear(&token);
			byte_char_add(&token, (uint8_t)byte);
			str_add(&token, suffix);
			vocab_set(v, id++, str_get(&token), token.len);
		}
	}
	str_release(&token);
	return id;
}

static enum err count_merges(const struct text_file *f, int *count)
{
	struct merge_lines m = merge_lines_of(f);
	struct bpe_part parts[2];
	enum err e = skip_version(&m);
	do
		e = e ? e : next_merge(&m, parts);
	while (!e && parts[0].s);
	*count = m.count;
	return e;
}

/* What count_merges found without error. */
static int32_t set_merged_tokens(struct vocab *v, int32_t id, const struct text_file *f)
{
	struct merge_lines m = merge_lines_of(f);
	struct str joined = STR_INIT;
	struct bpe_part parts[2];
	enum err e = skip_version(&m);
	while (!e && !(e = next_merge(&m, parts)) && parts[0].s) {
		str_clear(&joined);
		str_add_n(&joined, parts[0].s, parts[0].n);
		str_add_n(&joined, parts[1].s, parts[1].n);
		vocab_set(v, id++, str_get(&joined), joined.len);
	}
	str_release(&joined);
	return id;
}

static enum err token_twice(const struct text_file *f, const struct vocab *v, int32_t id)
{
	size_t n;
	const char *token = vocab_text(v, id, &n);
	char shown[SHOWN];
	return err_set(ERR_FORMAT, "%s: line %d: the token \"%s\" is there already",
		       f->label, (int)id - 512 + 2,
		       str_escaped(shown, sizeof(shown), token, n));
}

static enum err vocab_of_merges(const struct text_file *f, struct vocab *v)
{
	int merges;
	enum err e = count_merges(f, &merges);
	if (e)
		return e;
	vocab_init(v, 512 + merges + 2);
	int32_t id = bpe_set_bytes(v, 0, "");
	id = bpe_set_bytes(v, id, BPE_WORD_END);
	id = set_merged_tokens(v, id, f);
	vocab_set(v, id++, BPE_START, strlen(BPE_START));
	vocab_set(v, id++, BPE_END, strlen(BPE_END));
	int32_t first, second = vocab_index(v, &first);
	/* A merge may have made one of the marks: then the merge is the one to name. */
	return second < 0 ? OK : token_twice(f, v, second >= id - 2 ? first : second);
}

enum err bpe_read_clip(const struct text_file *f, struct bpe *b)
{
	*b = (struct bpe){ 0 };
	enum err e = vocab_of_merges(f, &b->vocab);
	if (!e)
		e = read_merges(f, b);
	if (e)
		bpe_release(b);
	return e;
}
