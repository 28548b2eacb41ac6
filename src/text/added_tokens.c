#include "text/added_tokens.h"

#include "text/unicode.h"

#define SHOWN 64 /* bytes of a token in a message */

static enum err check_id(const struct byte_bpe *b, const char *label, int32_t id,
			 const char *text, size_t n)
{
	const struct vocab *v = &b->bpe.vocab;
	int32_t there = vocab_find(v, text, n);
	char shown[SHOWN];
	str_escaped(shown, sizeof(shown), text, n);
	if (there >= 0 && there != id)
		return err_set(ERR_FORMAT,
			       "%s: the added token \"%s\" has the id %d, and %d in the "
			       "vocabulary",
			       label, shown, (int)id, (int)there);
	if ((there < 0 && v->tokens[id].len > 0) || b->added.tokens[id].len > 0)
		return err_set(
			ERR_FORMAT,
			"%s: the added token \"%s\" has the id %d of another token",
			label, shown, (int)id);
	return OK;
}

enum err added_token_set(struct byte_bpe *b, const char *label, int32_t id,
			 const char *text, size_t n, bool normalized)
{
	if (id < 0 || n == 0 || n > ADDED_MAX_BYTES)
		return err_set(ERR_FORMAT,
			       "%s: an added token needs an id, and a content of 1 to %d "
			       "bytes",
			       label, ADDED_MAX_BYTES);
	struct str looked_for = STR_INIT;
	enum err e = check_id(b, label, id, text, n);
	if (!e && normalized && b->nfc)
		e = unicode_add_nfc(&looked_for, text, n);
	else
		str_add_n(&looked_for, text, n);
	if (!e) {
		vocab_set(&b->added, id, text, n);
		vocab_set(&b->split[normalized], id, str_get(&looked_for),
			  looked_for.len);
	}
	str_release(&looked_for);
	return e;
}

static enum err index_one(struct vocab *v, const char *label)
{
	int32_t first, second = vocab_index(v, &first);
	if (second < 0)
		return OK;
	return err_set(ERR_FORMAT, "%s: the added tokens %d and %d have the same text",
		       label, (int)first, (int)second);
}

enum err added_tokens_index(struct byte_bpe *b, const char *label)
{
	enum err e = index_one(&b->added, label);
	if (!e)
		e = index_one(&b->split[0], label);
	return e ? e : index_one(&b->split[1], label);
}
