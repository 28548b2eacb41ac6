#include "models/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static enum err check_vocab(const struct model *m, const struct tokenizer *t)
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
	enum err e = check_vocab(m, t);
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
