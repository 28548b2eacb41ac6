#include "models/input_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

const struct input_text input_texts[] = {
	{ "text", offsetof(struct input_source, text) },
	{ "tokens", offsetof(struct input_source, tokens) },
	{ "input", offsetof(struct input_source, input) },
	{ "labels", offsetof(struct input_source, labels) },
	{ "dataset", offsetof(struct input_source, dataset) },
	{ "vocab", offsetof(struct input_source, vocab) },
	{ NULL, 0 },
};

void input_source_release(struct input_source *s)
{
	for (int i = 0; i < s->n_images; i++)
		free(s->images[i]);
	free(s->images);
	for (const struct input_text *t = input_texts; t->name; t++)
		free(*input_text(s, t));
	*s = (struct input_source){ 0 };
}

struct input_source input_source_copy(const struct input_source *s)
{
	struct input_source copy = *s;
	copy.images = NULL;
	copy.n_images = 0;
	for (int i = 0; i < s->n_images; i++)
		input_source_add_image(&copy, s->images[i]);
	for (const struct input_text *t = input_texts; t->name; t++)
		*input_text(&copy, t) = str_dup(input_text_const(s, t));
	return copy;
}

bool input_source_equal(const struct input_source *a, const struct input_source *b)
{
	if (a->n_images != b->n_images || a->exif != b->exif || a->limit != b->limit)
		return false;
	for (int i = 0; i < a->n_images; i++)
		if (strcmp(a->images[i], b->images[i]))
			return false;
	for (const struct input_text *t = input_texts; t->name; t++)
		if (!str_equal(input_text_const(a, t), input_text_const(b, t)))
			return false;
	return true;
}

void input_source_add_image(struct input_source *s, const char *path)
{
	s->images = mem_grow(s->images, (size_t)s->n_images + 1, sizeof(char *));
	s->images[s->n_images++] = str_dup(path);
}

const char *input_source_dataset(const struct input_source *s, const char *kind)
{
	size_t n = strlen(kind);
	return s->dataset && !strncmp(s->dataset, kind, n) && s->dataset[n] == ':'
		       ? s->dataset + n + 1
		       : NULL;
}

static enum err check_dataset(const struct input_source *s)
{
	char shown[256];
	const char *path = input_source_dataset(s, "cifar10");
	if (!path || !*path)
		return err_set(ERR_USAGE, "--dataset %s: want cifar10:PATH",
			       str_escaped(shown, sizeof(shown), s->dataset,
					   strlen(s->dataset)));
	if (s->n_images)
		return err_set(ERR_USAGE, "-i and --dataset: pictures come from one of "
					  "them");
	if (s->text || s->tokens)
		return err_set(ERR_USAGE, "--%s and --dataset: input is one of them",
			       s->text ? "text" : "tokens");
	return OK;
}

/* Raw sequences stand alone. */
static enum err check_sequences(const struct input_source *s)
{
	const char *other = s->n_images ? "-i" : NULL;
	for (const struct input_text *t = input_texts; !other && t->name; t++)
		if (t->at != offsetof(struct input_source, input) &&
		    input_text_const(s, t))
			other = t->name;
	return other ? err_set(ERR_USAGE, "--input and %s%s: input is one of them",
			       *other == '-' ? "" : "--", other)
		     : OK;
}

enum err input_source_check(const struct input_source *s)
{
	for (const struct input_text *t = input_texts; t->name; t++) {
		const char *text = input_text_const(s, t);
		if (text && !*text)
			return err_set(ERR_USAGE, "--%s: is empty", t->name);
	}
	if (s->input && check_sequences(s))
		return ERR_USAGE;
	if (s->text && s->tokens)
		return err_set(ERR_USAGE, "--text and --tokens: input is one of them");
	if (s->labels && (s->text || s->tokens))
		return err_set(ERR_USAGE, "--labels and --%s: labels are for pictures",
			       s->text ? "text" : "tokens");
	if (s->vocab && !s->labels && !s->dataset && !s->text)
		return err_set(ERR_USAGE,
			       "--vocab: there is no text to tokenize; it goes "
			       "with --labels, --dataset or --text");
	if (!(s->limit >= 0) || s->limit != floor(s->limit))
		return err_set(ERR_USAGE, "--limit: want a number of pictures");
	if (s->limit > 0 && !s->dataset)
		return err_set(ERR_USAGE, "--limit: pictures are limited of a --dataset "
					  "only");
	return s->dataset ? check_dataset(s) : OK;
}
