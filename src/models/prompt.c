#include "models/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/texts.h"

/* Qwen2-VL's chat template for one picture and one question. */
#define PICTURE "<|image_pad|>"
#define BEFORE                                                                           \
	"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n" \
	"<|vision_start|>" PICTURE "<|vision_end|>"
#define BEHIND "<|im_end|>\n<|im_start|>assistant\n"

/* ---- where the picture stands ---- */

/* Takes the run of picture tokens out of the ids, or makes a place in front. */
static enum err find_picture(const struct model *m, struct prompt *p, const char *what)
{
	int64_t first = 0, run = 0;
	while (first < p->n && p->ids[first] != m->marks.picture)
		first++;
	while (first + run < p->n && p->ids[first + run] == m->marks.picture)
		run++;
	for (int64_t i = first + run; i < p->n; i++)
		if (p->ids[i] == m->marks.picture)
			return err_set(
				ERR_FORMAT,
				"%s: token %d, which stands for the picture, comes "
				"in several places",
				what, (int)m->marks.picture);
	p->counted = run > 1 ? run : -1;
	if (run == p->n)
		return err_set(ERR_FORMAT, "%s: nothing but the picture: want a text too",
			       what);
	if (run) {
		memmove(p->ids + first, p->ids + first + run,
			sizeof(*p->ids) * (size_t)(p->n - first - run));
		p->n -= run;
		p->before = first;
		return OK;
	}
	p->ids = mem_grow(p->ids, (size_t)p->n + 2, sizeof(*p->ids));
	memmove(p->ids + 2, p->ids, sizeof(*p->ids) * (size_t)p->n);
	p->ids[0] = m->marks.start;
	p->ids[1] = m->marks.end;
	p->n += 2;
	p->before = 1;
	return OK;
}

/* ---- reading ---- */

static bool has_marks(const char *text)
{
	return strstr(text, "<|im_start|>") || strstr(text, PICTURE);
}

/* Another model's vocabulary would make nonsense of the chat template, in silence. */
static enum err check_picture(const struct model *m, const struct tokenizer *t)
{
	int32_t id = tokenizer_id(t, PICTURE);
	return id == m->marks.picture
		       ? OK
		       : err_set(ERR_FORMAT,
				 "%s is %d in this vocabulary (-1: not there), and %d "
				 "for %s: give --vocab its tokenizer.json",
				 PICTURE, (int)id, (int)m->marks.picture, m->name);
}

static enum err encode(const struct model *m, const char *text, struct prompt *p)
{
	struct str whole = STR_INIT;
	int n = 0;
	bool plain = p->bytes || has_marks(text);
	str_addf(&whole, "%s%s%s", plain ? "" : BEFORE, text, plain ? "" : BEHIND);
	p->ids = mem_alloc(sizeof(*p->ids) * (size_t)m->context);
	enum err e = tokenizer_encode(p->tokenizer, str_get(&whole), whole.len, p->ids,
				      (int)m->context, &n);
	p->n = n;
	str_release(&whole);
	return e;
}

static enum err read_text(const struct model *m, const struct input_source *from,
			  struct prompt *p)
{
	enum err e = texts_open_tokenizer(m, from->vocab, &p->tokenizer);
	p->bytes = !e && !from->vocab && m->random_weights;
	if (!e && !tokenizer_is_byte_level(p->tokenizer))
		e = err_set(ERR_FORMAT,
			    "%s wants a byte-level vocabulary: give --vocab its "
			    "tokenizer.json",
			    m->name);
	if (!e)
		e = texts_check_vocab(m, p->tokenizer);
	if (!e && !p->bytes)
		e = check_picture(m, p->tokenizer);
	if (!e)
		e = encode(m, from->text, p);
	return e ? err_context(e, "--text") : find_picture(m, p, "--text");
}

static enum err read_tokens(const struct model *m, const struct input_source *from,
			    struct prompt *p)
{
	struct tensor ids;
	enum err e = texts_read_tokens(m, from->tokens, m->context, &ids);
	if (e)
		return e;
	p->ids = ids.data;
	p->n = ids.dim[1];
	/* Only to tell what comes out: it need not be there, and bytes would tell
	 * nothing.
	 */
	bool words = from->vocab || !m->random_weights;
	if (!words || texts_open_tokenizer(m, from->vocab, &p->tokenizer))
		p->tokenizer = NULL;
	return find_picture(m, p, from->tokens);
}

enum err prompt_read(const struct model *m, const struct input_source *from,
		     struct prompt *p)
{
	*p = (struct prompt){ .counted = -1 };
	enum err e = from->text ? read_text(m, from, p) : read_tokens(m, from, p);
	if (e)
		prompt_release(p);
	return e;
}

void prompt_release(struct prompt *p)
{
	free(p->ids);
	tokenizer_free(p->tokenizer);
	*p = (struct prompt){ 0 };
}

enum err prompt_check(const struct model *m, const struct prompt *p, int64_t tokens)
{
	if (p->counted >= 0 && p->counted != tokens)
		return err_set(
			ERR_FORMAT,
			"--tokens: %lld tokens stand for the picture, which has %lld",
			(long long)p->counted, (long long)tokens);
	if (p->n + tokens > m->context)
		return err_set(ERR_USAGE,
			       "%lld tokens of text and %lld of the picture: %s has "
			       "positions for %lld",
			       (long long)p->n, (long long)tokens, m->name,
			       (long long)m->context);
	return OK;
}
