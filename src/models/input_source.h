/*
 * What goes into a model, as it was asked for. The one description of it: options fill
 * it, the protocol carries it, the controller keeps it and the workbench opens it.
 * Nothing here looks at a file.
 */
#ifndef MODELS_INPUT_SOURCE_H
#define MODELS_INPUT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* All of it owned; zeroed: the built-in scene. */
struct input_source {
	char **images; /* [n_images] files and folders */
	int n_images;
	bool exif;     /* turn pictures as their EXIF says */
	char *text;    /* a text; NULL, as all below: none */
	char *tokens;  /* a file of token ids */
	char *input;   /* a safetensors file with F32 `input` [B, T, D] */
	char *labels;  /* "A,B,...", or a file: the classes of zero-shot recognition */
	char *dataset; /* "cifar10:PATH": pictures that come with labels;
			  "cifar10:PATH#17": this one of them, from 0 */
	char *vocab;   /* the tokenizer's file, where the model brings none */
	double limit;  /* pictures of the dataset, at most; 0: all */
};

void input_source_release(struct input_source *);
struct input_source input_source_copy(const struct input_source *);
bool input_source_equal(const struct input_source *, const struct input_source *);

void input_source_add_image(struct input_source *, const char *path);

/* Things that do not go together, empty ones, unknown kinds of a dataset: ERR_USAGE, the
 * message names the options. */
enum err input_source_check(const struct input_source *) MUST_CHECK;

/* It has a length of its own, and maybe a batch. */
static inline bool input_source_has_length(const struct input_source *s)
{
	return s->text || s->tokens || s->input;
}

/* The path of a dataset "KIND:PATH"; NULL when it is not of this kind. */
const char *input_source_dataset(const struct input_source *, const char *kind);

/* Its texts by the name of their option, for whoever writes or reads all of them. */
struct input_text {
	const char *name; /* "labels"; NULL ends the table */
	size_t at;        /* offset of a char * in struct input_source */
};
extern const struct input_text input_texts[];

static inline char **input_text(struct input_source *s, const struct input_text *t)
{
	return (char **)(void *)((char *)s + t->at);
}
static inline const char *input_text_const(const struct input_source *s,
					   const struct input_text *t)
{
	return *(char *const *)(const void *)((const char *)s + t->at);
}

#endif
