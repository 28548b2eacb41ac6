#include "text/tokenizer_gguf.h"

#include <stdio.h>
#include <string.h>

#include "text/added_tokens.h"

#define KEY "tokenizer.ggml."
#define SHOWN 64                          /* bytes of a token in a message */
#define LIST_MAX_BYTES ((size_t)32 << 20) /* of all tokens, of all merges */

/* tokenizer.ggml.token_type */
enum token_type {
	TOKEN_NORMAL = 1,
	TOKEN_UNKNOWN, /* with a token for every byte: one like others */
	TOKEN_CONTROL,
	TOKEN_USER,
	TOKEN_UNUSED,
	TOKEN_BYTE, /* of sentencepiece */
};

struct reader {
	const struct gguf *g;
	struct byte_bpe *b;
	const struct gguf_value *tokens, *types; /* types: NULL where all are normal */
};

static enum err unsupported(const struct gguf *g, const char *key,
			    const struct gguf_value *v, const char *known)
{
	char shown[SHOWN];
	return err_set(ERR_UNSUPPORTED,
		       "%s: " KEY "%s is \"%s\", which is not known here: %s",
		       gguf_label(g), key,
		       str_escaped(shown, sizeof(shown), v->bytes, v->size), known);
}

/* --- how a text is split ----------------------------------------------------------- */

/*
 * What a name stands for. The normaliser is that of the tokenizer which had the name
 * first; llama.cpp, whose names they are, has none.
 */
static const struct pre {
	const char *name;
	enum byte_pattern pattern;
	bool nfc, ignore_merges;
	bool marked; /* a mark goes before a text unless the file says that none does */
} pres[] = {
	{ .name = "gpt-2", .pattern = BYTE_PATTERN_GPT2 },
	{ .name = "mpt", .pattern = BYTE_PATTERN_GPT2, .nfc = true },  /* GPT-NeoX's */
	{ .name = "olmo", .pattern = BYTE_PATTERN_GPT2, .nfc = true }, /* the same */
	{ .name = "qwen2", .pattern = BYTE_PATTERN_QWEN2, .nfc = true },
	{ .name = "llama-bpe",
	  .pattern = BYTE_PATTERN_LLAMA3,
	  .ignore_merges = true,
	  .marked = true },
};

#define KNOWN_PRES "gpt-2, mpt, olmo, qwen2 and llama-bpe are, and default"

/* Files from before there were names, and "default": GPT-2's, or GPT-NeoX's where the
 * architecture is one that has no other. */
static struct pre unnamed(const struct gguf *g)
{
	const struct gguf_value *arch = gguf_value(g, "general.architecture");
	bool neox = arch && arch->type == GGUF_STRING &&
		    (gguf_string_is(arch, "gptneox") || gguf_string_is(arch, "mamba"));
	return (struct pre){ .pattern = BYTE_PATTERN_GPT2, .nfc = neox };
}

static enum err find_pre(const struct gguf *g, struct pre *out)
{
	const struct gguf_value *name;
	*out = unnamed(g);
	if (!gguf_value(g, KEY "pre"))
		return OK;
	enum err e = gguf_string(g, KEY "pre", &name);
	if (e || gguf_string_is(name, "default"))
		return e;
	for (size_t i = 0; i < sizeof(pres) / sizeof(pres[0]); i++)
		if (gguf_string_is(name, pres[i].name)) {
			*out = pres[i];
			return OK;
		}
	return unsupported(g, "pre", name, KNOWN_PRES);
}

/* What else is done to a text, here nothing. */
static enum err refuse_if_set(const struct gguf *g, const char *key, bool missing)
{
	bool set;
	enum err e = gguf_bool(g, key, missing, &set);
	if (!e && set)
		return err_set(ERR_UNSUPPORTED,
			       "%s: %s: a tokenizer that adds something to a text is not "
			       "known here",
			       gguf_label(g), key);
	return e;
}

static enum err read_steps(const struct reader *r)
{
	struct pre pre;
	enum err e = find_pre(r->g, &pre);
	r->b->pattern = pre.pattern;
	r->b->nfc = pre.nfc;
	r->b->ignore_merges = pre.ignore_merges;
	if (!e)
		e = refuse_if_set(r->g, KEY "add_bos_token", pre.marked);
	if (!e)
		e = refuse_if_set(r->g, KEY "add_eos_token", false);
	return e ? e : refuse_if_set(r->g, KEY "add_space_prefix", false);
}

/* --- tokens ------------------------------------------------------------------------ */

static bool is_utf8(const char *s, size_t n)
{
	int len = 1;
	for (size_t i = 0; i < n && len; i += (size_t)len)
		len = utf8_len(s + i, n - i);
	return len > 0;
}

/* What converters write where the model has a row and the tokenizer no token: of the type
 * of an added token, once. */
static bool is_padding(const char *s, size_t n, int32_t id)
{
	char padding[24];
	int len = snprintf(padding, sizeof(padding), "[PAD%d]", (int)id);
	return n == (size_t)len && !memcmp(s, padding, n);
}

static int64_t type_of(const struct reader *r, int32_t id, const char *s, size_t n)
{
	int64_t type = r->types ? gguf_element(r->types, (size_t)id) : TOKEN_NORMAL;
	return type == TOKEN_USER && is_padding(s, n, id) ? TOKEN_UNUSED : type;
}

static enum err bad_token(const struct reader *r, enum err code, int32_t id,
			  const char *fact)
{
	return err_set(code, "%s: token %d %s", gguf_label(r->g), (int)id, fact);
}

/* Copied before it is looked at: the file may change. */
static enum err set_token(const struct reader *r, int32_t id, int64_t type, const char *s,
			  size_t n)
{
	struct vocab *v = &r->b->bpe.vocab;
	if (type == TOKEN_BYTE)
		return bad_token(r, ERR_UNSUPPORTED, id,
				 "is of type 6, a byte: not in a byte-level vocabulary");
	if (type < TOKEN_NORMAL || type > TOKEN_BYTE)
		return bad_token(r, ERR_FORMAT, id, "is of a type that is none");
	if (n == 0)
		return bad_token(r, ERR_FORMAT, id, "has no text");
	vocab_set(v, id, s, n);
	s = vocab_text(v, id, &n);
	return is_utf8(s, n) ? OK : bad_token(r, ERR_FORMAT, id, "is not UTF-8");
}

/* All tokens, also those that are found as they are: a merge may make one of them. What
 * comes after the last that is one is padding. */
static enum err set_tokens(const struct reader *r)
{
	struct vocab *v = &r->b->bpe.vocab;
	struct gguf_strings walk = gguf_strings(r->tokens);
	const char *s;
	int32_t used = 0;
	enum err e = OK;
	vocab_init(v, (int32_t)r->tokens->count);
	size_t n;
	for (int32_t id = 0; !e && gguf_strings_next(&walk, &s, &n); id++) {
		int64_t type = type_of(r, id, s, n);
		if (type == TOKEN_UNUSED)
			continue;
		e = set_token(r, id, type, s, n);
		used = id + 1;
	}
	v->count = used;
	return e;
}

static enum err read_vocab(const struct reader *r)
{
	enum err e = set_tokens(r);
	int32_t first, second;
	if (e)
		return e;
	second = vocab_index(&r->b->bpe.vocab, &first);
	if (second >= 0)
		return err_set(ERR_FORMAT, "%s: tokens %d and %d have the same text",
			       gguf_label(r->g), (int)first, (int)second);
	int byte = byte_bpe_find_bytes(r->b);
	if (byte >= 0)
		return err_set(ERR_UNSUPPORTED,
			       "%s: the vocabulary has no token for the byte 0x%02x: it "
			       "is not byte-level",
			       gguf_label(r->g), (unsigned)byte);
	return OK;
}

/* Control tokens (<|endoftext|>) are found before a text is normalised, a user's own
 * (runs of spaces) after. */
static enum err read_added(const struct reader *r)
{
	struct byte_bpe *b = r->b;
	int32_t count = b->bpe.vocab.count;
	enum err e = OK;
	vocab_init(&b->added, count);
	vocab_init(&b->split[0], count);
	vocab_init(&b->split[1], count);
	for (int32_t id = 0; !e && id < count; id++) {
		size_t n;
		const char *s = vocab_text(&b->bpe.vocab, id, &n);
		int64_t type = n ? type_of(r, id, s, n) : TOKEN_UNUSED;
		if (type == TOKEN_CONTROL || type == TOKEN_USER)
			e = added_token_set(b, gguf_label(r->g), id, s, n,
					    type == TOKEN_USER);
	}
	return e ? e : added_tokens_index(b, gguf_label(r->g));
}

/* --- merges ------------------------------------------------------------------------ */

static enum err add_merge(const struct reader *r, const char *s, size_t n,
			  struct str *missing)
{
	struct bpe *b = &r->b->bpe;
	struct bpe_part p[2];
	char shown[SHOWN];
	if (!bpe_split_merge(s, n, p))
		return err_set(ERR_FORMAT,
			       "%s: merge %zu is not two tokens with a space between: "
			       "\"%s\"",
			       gguf_label(r->g), b->count,
			       str_escaped(shown, sizeof(shown), s, n));
	if (bpe_add_merge_of(b, p[0].s, p[0].n, p[1].s, p[1].n, missing))
		return OK;
	str_escaped(shown, sizeof(shown), str_get(missing), missing->len);
	return err_set(ERR_FORMAT,
		       "%s: merge %zu: the token \"%s\" is not in the vocabulary",
		       gguf_label(r->g), b->count, shown);
}

static enum err check_list(const struct gguf *g, const char *key,
			   const struct gguf_value *list)
{
	if (list->size <= LIST_MAX_BYTES)
		return OK;
	return err_set(ERR_FORMAT, "%s: key %s has %zu bytes: the limit is %zu",
		       gguf_label(g), key, list->size, LIST_MAX_BYTES);
}

static enum err read_merges(const struct reader *r)
{
	const struct gguf_value *list;
	struct str missing = STR_INIT;
	const char *s;
	size_t n;
	enum err e = gguf_array(r->g, KEY "merges", GGUF_STRING, &list);
	if (!e)
		e = check_list(r->g, KEY "merges", list);
	if (e)
		return e;
	struct gguf_strings walk = gguf_strings(list);
	while (!e && gguf_strings_next(&walk, &s, &n))
		e = add_merge(r, s, n, &missing);
	str_release(&missing);
	int32_t first, second;
	if (!e && (second = bpe_index(&r->b->bpe, &first)) >= 0)
		e = err_set(ERR_FORMAT, "%s: merge %d is the same as merge %d",
			    gguf_label(r->g), (int)second, (int)first);
	return e;
}

/* --- the file ---------------------------------------------------------------------- */

static enum err read_lists(struct reader *r)
{
	const struct gguf *g = r->g;
	enum err e = gguf_array(g, KEY "tokens", GGUF_STRING, &r->tokens);
	if (!e)
		e = check_list(g, KEY "tokens", r->tokens);
	if (!e && r->tokens->count > VOCAB_MAX_TOKENS)
		e = err_set(ERR_FORMAT, "%s: %zu tokens are more than the limit of %d",
			    gguf_label(g), r->tokens->count, VOCAB_MAX_TOKENS);
	if (!e && gguf_value(g, KEY "token_type"))
		e = gguf_array(g, KEY "token_type", GGUF_I32, &r->types);
	if (!e && r->types && r->types->count != r->tokens->count)
		e = err_set(ERR_FORMAT, "%s: %zu tokens and %zu types of tokens",
			    gguf_label(g), r->tokens->count, r->types->count);
	return e;
}

/* They are not used, but a file that is wrong in this is wrong in more. */
static enum err check_marks(const struct reader *r)
{
	static const char *const keys[] = { KEY "bos_token_id", KEY "eos_token_id",
					    KEY "unknown_token_id" };
	int64_t id, last = (int64_t)r->tokens->count - 1;
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (gguf_value(r->g, keys[i]))
			e = gguf_int(r->g, keys[i], 0, last, &id);
	return e;
}

static enum err check_model(const struct gguf *g)
{
	const struct gguf_value *model = NULL;
	enum err e = gguf_string(g, KEY "model", &model);
	if (!e && !gguf_string_is(model, "gpt2"))
		e = unsupported(g, "model", model,
				"gpt2 is, byte-pair encoding of bytes");
	return e;
}

static enum err read_all(struct reader *r)
{
	if (!gguf_value(r->g, KEY "tokens"))
		return err_set(ERR_NOTFOUND, "%s: it holds no vocabulary",
			       gguf_label(r->g));
	enum err e = check_model(r->g);
	if (!e)
		e = read_lists(r);
	if (!e)
		e = check_marks(r);
	if (!e)
		e = read_steps(r);
	if (!e)
		e = read_vocab(r);
	if (!e)
		e = read_merges(r);
	if (!e)
		e = read_added(r);
	return e ? e : gguf_check(r->g);
}

enum err tokenizer_gguf_read(const struct gguf *g, struct byte_bpe *b)
{
	*b = (struct byte_bpe){ 0 };
	struct reader r = { .g = g, .b = b };
	enum err e = read_all(&r);
	if (e)
		byte_bpe_release(b);
	return e;
}
