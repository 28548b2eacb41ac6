#include "text/tokenizer_json.h"

#include <math.h>
#include <string.h>

#include "text/added_tokens.h"
#include "text/bpe_file.h"

#define SHOWN 64 /* bytes of a name or a token in a message */

/* --- what is not known here -------------------------------------------------------- */

static enum err unsupported(const char *label, const char *part, const char *name)
{
	char shown[256];
	str_escaped(shown, sizeof(shown), name, strlen(name));
	return err_set(ERR_UNSUPPORTED, "%s: the %s \"%s\" is not one that is known here",
		       label, part, shown);
}

/* The "type" of a part, "" where it has none. */
static const char *type_of(const json_t *part)
{
	const char *type = json_string_value(json_object_get(part, "type"));
	return type ? type : "";
}

static bool is_type(const json_t *part, const char *type)
{
	return !strcmp(type_of(part), type);
}

/*
 * Parts that may be a Sequence of parts: a walk over the one or the many. NULL and null
 * are none; a Sequence without its list is a part that nobody knows.
 */
struct parts {
	const json_t *one, *list;
	size_t at;
};

static struct parts parts_of(const json_t *part, const char *key)
{
	const json_t *list =
		is_type(part, "Sequence") ? json_object_get(part, key) : NULL;
	if (json_is_array(list))
		return (struct parts){ .list = list };
	return (struct parts){ .one = json_is_null(part) ? NULL : part };
}

static const json_t *next_part(struct parts *p)
{
	if (p->list)
		return json_array_get(p->list, p->at++);
	return p->at++ ? NULL : p->one;
}

/* --- the steps around the model ---------------------------------------------------- */

static enum err read_normalizer(const json_t *v, const char *label, struct byte_bpe *b)
{
	struct parts parts = parts_of(v, "normalizers");
	for (const json_t *part; (part = next_part(&parts)); b->nfc = true)
		if (!is_type(part, "NFC"))
			return unsupported(label, "normalizer", type_of(part));
	return OK;
}

static enum err read_split(const struct json_in *in, struct byte_bpe *b)
{
	const struct json_in pattern = json_in_object(in, "pattern");
	const char *regex = json_in_str(&pattern, "Regex");
	const char *behavior = json_in_str(in, "behavior");
	bool invert = json_in_bool(in, "invert");
	if (*in->err)
		return *in->err;
	if (!regex || !byte_pattern_find(regex, &b->pattern))
		return unsupported(in->what, "pattern of the Split",
				   regex ? regex : "no Regex");
	if (!behavior || strcmp(behavior, "Isolated") || invert)
		return unsupported(in->what, "behavior of the Split",
				   invert     ? "invert"
				   : behavior ? behavior
					      : "");
	return OK;
}

/* After a Split it only writes bytes as characters. */
static enum err read_byte_level(const struct json_in *in, bool after_split,
				struct byte_bpe *b)
{
	const json_t *regex = json_object_get(in->object, "use_regex");
	bool splits = !regex || json_in_bool(in, "use_regex");
	b->prefix_space = json_in_bool(in, "add_prefix_space");
	if (*in->err)
		return *in->err;
	if (splits == after_split)
		return unsupported(in->what, "pre-tokenizer",
				   splits ? "Split, ByteLevel with use_regex"
					  : "ByteLevel without use_regex");
	if (after_split && b->prefix_space)
		return unsupported(in->what, "pre-tokenizer",
				   "Split, ByteLevel with add_prefix_space");
	if (splits)
		b->pattern = BYTE_PATTERN_GPT2;
	return OK;
}

/* ByteLevel, or a Split and ByteLevel. */
static enum err read_pre_tokenizer(const json_t *v, const char *label, struct byte_bpe *b)
{
	enum err e = OK;
	struct parts parts = parts_of(v, "pretokenizers");
	const json_t *part = next_part(&parts);
	bool split = is_type(part, "Split");
	if (split) {
		e = read_split(&(struct json_in){ part, label, &e }, b);
		part = next_part(&parts);
	}
	if (!e && !is_type(part, "ByteLevel"))
		return unsupported(label, "pre-tokenizer", type_of(part));
	if (!e)
		e = read_byte_level(&(struct json_in){ part, label, &e }, split, b);
	if (!e && (part = next_part(&parts)))
		return unsupported(label, "pre-tokenizer after ByteLevel", type_of(part));
	return e;
}

/* Whether a TemplateProcessing adds nothing to the one text. */
static bool is_bare(const json_t *template)
{
	const json_t *single = json_object_get(template, "single");
	return json_array_size(single) == 1 &&
	       json_object_get(json_array_get(single, 0), "Sequence");
}

static enum err read_post_processor(const json_t *v, const char *label)
{
	struct parts parts = parts_of(v, "processors");
	for (const json_t *part; (part = next_part(&parts));) {
		if (is_type(part, "ByteLevel"))
			continue;
		if (!is_type(part, "TemplateProcessing"))
			return unsupported(label, "post-processor", type_of(part));
		if (!is_bare(part))
			return unsupported(label, "post-processor",
					   "TemplateProcessing that adds tokens");
	}
	return OK;
}

static enum err read_decoder(const json_t *v, const char *label)
{
	struct parts parts = parts_of(v, "decoders");
	const json_t *part = next_part(&parts);
	if (!is_type(part, "ByteLevel"))
		return unsupported(label, "decoder", type_of(part));
	if ((part = next_part(&parts)))
		return unsupported(label, "decoder after ByteLevel", type_of(part));
	return OK;
}

/* --- the model --------------------------------------------------------------------- */

static enum err check_model(const struct json_in *model)
{
	static const char *const affixes[] = { "continuing_subword_prefix",
					       "end_of_word_suffix" };
	const char *type = json_in_str(model, "type");
	double dropout = json_in_num(model, "dropout");
	if (!model->object && !*model->err)
		return err_set(ERR_FORMAT, "%s: not a tokenizer.json: no \"model\"",
			       model->what);
	/* Old files have no type: they are from before there were others. */
	if (type && strcmp(type, "BPE"))
		return unsupported(model->what, "model", type);
	if (!isnan(dropout) && dropout != 0)
		return unsupported(model->what, "model", "BPE with dropout");
	for (int i = 0; i < 2; i++) {
		const char *affix = json_in_str(model, affixes[i]);
		if (affix && *affix)
			return unsupported(model->what, affixes[i], affix);
	}
	return *model->err;
}

static struct bpe_part part_of(const json_t *string)
{
	return (struct bpe_part){ json_string_value(string), json_string_length(string) };
}

/* "a b" or ["a", "b"]; false where it is neither. */
static bool split_merge(const json_t *merge, struct bpe_part parts[2])
{
	if (json_array_size(merge) == 2) {
		parts[0] = part_of(json_array_get(merge, 0));
		parts[1] = part_of(json_array_get(merge, 1));
		return parts[0].n && parts[1].n;
	}
	struct bpe_part all = part_of(merge);
	return all.s && bpe_split_merge(all.s, all.n, parts);
}

static enum err add_merge(const json_t *merge, const char *label, struct bpe *b,
			  struct str *missing)
{
	struct bpe_part p[2];
	char shown[SHOWN];
	if (!split_merge(merge, p))
		return err_set(
			ERR_FORMAT,
			"%s: merge %zu is not two tokens: \"a b\" or [\"a\", \"b\"]",
			label, b->count);
	if (bpe_add_merge_of(b, p[0].s, p[0].n, p[1].s, p[1].n, missing))
		return OK;
	str_escaped(shown, sizeof(shown), str_get(missing), missing->len);
	return err_set(ERR_FORMAT,
		       "%s: merge %zu: the token \"%s\" is not in the vocabulary", label,
		       b->count, shown);
}

static enum err read_merges(const struct json_in *model, struct bpe *b)
{
	const json_t *merges = json_in_array(model, "merges");
	struct str missing = STR_INIT;
	enum err e = *model->err;
	if (!e && !merges)
		e = err_set(ERR_FORMAT, "%s: the model has no \"merges\"", model->what);
	for (size_t i = 0; !e && i < json_array_size(merges); i++)
		e = add_merge(json_array_get(merges, i), model->what, b, &missing);
	str_release(&missing);
	int32_t first, second;
	if (!e && (second = bpe_index(b, &first)) >= 0)
		return err_set(ERR_FORMAT, "%s: merge %d is the same as merge %d",
			       model->what, (int)second, (int)first);
	return e;
}

/* --- ids --------------------------------------------------------------------------- */

/* One more than the highest id, of what are ids; the rest is refused when it is read. */
static int32_t count_ids(json_t *vocab, const json_t *added)
{
	json_int_t highest = -1, id;
	const char *token;
	json_t *value;
	json_object_foreach(vocab, token, value)
	{
		id = json_integer_value(value);
		if (id > highest && id < VOCAB_MAX_TOKENS)
			highest = id;
	}
	for (size_t i = 0; i < json_array_size(added); i++) {
		value = json_object_get(json_array_get(added, i), "id");
		id = json_integer_value(value);
		if (id > highest && id < VOCAB_MAX_TOKENS)
			highest = id;
	}
	return (int32_t)highest + 1;
}

static enum err read_vocab(const struct json_in *model, const json_t *added,
			   struct byte_bpe *b)
{
	json_t *vocab = json_object_get(model->object, "vocab");
	if (!json_is_object(vocab) || json_object_size(vocab) == 0)
		return err_set(ERR_FORMAT, "%s: the model's \"vocab\" is not {token: id}",
			       model->what);
	int32_t count = count_ids(vocab, added);
	vocab_init(&b->added, count);
	vocab_init(&b->split[0], count);
	vocab_init(&b->split[1], count);
	enum err e = bpe_vocab_of_json(vocab, model->what, count, &b->bpe.vocab);
	int byte = e ? -1 : byte_bpe_find_bytes(b);
	if (byte >= 0)
		return err_set(ERR_UNSUPPORTED,
			       "%s: the vocabulary has no token for the byte 0x%02x: it "
			       "is not byte-level",
			       model->what, (unsigned)byte);
	return e;
}

static enum err read_model(const struct json_in *root, const json_t *added,
			   struct byte_bpe *b)
{
	const struct json_in model = json_in_object(root, "model");
	enum err e = check_model(&model);
	if (e)
		return e;
	b->ignore_merges = json_in_bool(&model, "ignore_merges");
	e = read_vocab(&model, added, b);
	return e ? e : read_merges(&model, &b->bpe);
}

/* --- added tokens ------------------------------------------------------------------ */

static enum err check_added(const struct json_in *in, const char *shown)
{
	static const char *const flags[] = { "lstrip", "rstrip", "single_word" };
	for (int i = 0; i < 3; i++)
		if (json_in_bool(in, flags[i]))
			return err_set(ERR_UNSUPPORTED,
				       "%s: the added token \"%s\" has %s, which is not "
				       "known here",
				       in->what, shown, flags[i]);
	return *in->err;
}

static enum err read_added_token(const struct json_in *in, struct byte_bpe *b)
{
	const char *content = json_in_str(in, "content");
	int32_t id = (int32_t)json_in_int(in, "id", 0, VOCAB_MAX_TOKENS - 1, -1);
	bool normalized = json_in_bool(in, "normalized");
	char shown[SHOWN];
	if (*in->err)
		return *in->err;
	size_t n = content ? strlen(content) : 0;
	str_escaped(shown, sizeof(shown), content ? content : "", n);
	enum err e = check_added(in, shown);
	return e ? e : added_token_set(b, in->what, id, content, n, normalized);
}

static enum err read_added(const json_t *added, const char *label, struct byte_bpe *b)
{
	enum err e = OK;
	for (size_t i = 0; !e && i < json_array_size(added); i++) {
		const json_t *item = json_array_get(added, i);
		if (!json_is_object(item))
			return err_set(ERR_FORMAT, "%s: an added token is not an object",
				       label);
		e = read_added_token(&(struct json_in){ item, label, &e }, b);
	}
	return e ? e : added_tokens_index(b, label);
}

/* --- the file ---------------------------------------------------------------------- */

bool tokenizer_json_is_clip(const json_t *root)
{
	const json_t *model = json_object_get(root, "model");
	const char *suffix =
		json_string_value(json_object_get(model, "end_of_word_suffix"));
	return suffix && !strcmp(suffix, BPE_WORD_END);
}

static enum err read_all(const struct json_in *root, struct byte_bpe *b)
{
	const char *label = root->what;
	const json_t *added = json_in_array(root, "added_tokens");
	enum err e = *root->err;
	if (!e)
		e = read_model(root, added, b);
	if (!e)
		e = read_normalizer(json_object_get(root->object, "normalizer"), label,
				    b);
	if (!e)
		e = read_pre_tokenizer(json_object_get(root->object, "pre_tokenizer"),
				       label, b);
	if (!e)
		e = read_post_processor(json_object_get(root->object, "post_processor"),
					label);
	if (!e)
		e = read_decoder(json_object_get(root->object, "decoder"), label);
	return e ? e : read_added(added, label, b);
}

enum err tokenizer_json_read(const json_t *root, const char *label, struct byte_bpe *b)
{
	enum err sticky = OK;
	*b = (struct byte_bpe){ 0 };
	enum err e = read_all(&(struct json_in){ root, label, &sticky }, b);
	if (e)
		byte_bpe_release(b);
	return e;
}
