/* The workbench: labels, and the classes that the text tower makes of them. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "profiler/workbench_private.h"
#include "tensor/file_hash.h"

/* The content, wherever it lies; what cannot be read, opening it will say. */
static void add_vocab(struct sha256 *s, const char *vocab)
{
	static const char *const parts[] = { "", "/vocab.json", "/merges.txt" };
	char hex[SHA256_HEX];
	for (size_t i = 0; vocab && i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct str path = STR_INIT;
		str_addf(&path, "%s%s", vocab, parts[i]);
		bool there = !file_sha256(str_get(&path), NULL, NULL, hex);
		sha256_add_str(s, there ? hex : "");
		str_release(&path);
	}
}

static void add_labels(struct sha256 *s, const struct input_source *in,
		       const struct labels *labels)
{
	sha256_add_str(s, labels->prompted ? "prompts" : "labels");
	for (int i = 0; i < labels->count; i++)
		sha256_add_str(s, labels->names[i]);
	add_vocab(s, in->vocab);
}

enum err workbench_open_labels(const struct input_source *in, struct labels *labels,
			       char sha256[SHA256_HEX])
{
	enum err e = OK;
	struct sha256 s;
	*labels = (struct labels){ 0 };
	if (in->labels)
		e = labels_read(in->labels, labels);
	else if (in->dataset)
		labels_cifar10(labels);
	if (!e && in->labels && in->dataset && labels->count != CIFAR_CLASSES)
		e = err_set(ERR_USAGE,
			    "--labels: %d for a --dataset of %d classes, in the order of "
			    "its label bytes",
			    labels->count, CIFAR_CLASSES);
	if (e || !labels->count) {
		labels_release(labels);
		return e;
	}
	sha256_start(&s);
	sha256_add_str(&s, sha256);
	add_labels(&s, in, labels);
	sha256_end(&s, sha256);
	return OK;
}

void workbench_drop_classes(struct workbench *w)
{
	classes_release(&w->classes);
	free(w->classes_key);
	free(w->no_classes);
	w->classes_key = w->no_classes = NULL;
	w->input.classes = (struct linear){ 0 };
}

const struct classes *workbench_classes(const struct workbench *w)
{
	return w->input.classes.weight.ndim ? &w->classes : NULL;
}

/* Within a model: its weights make the rest. */
static char *key_of(const struct workbench *w)
{
	char hex[SHA256_HEX];
	struct sha256 s;
	sha256_start(&s);
	add_labels(&s, &w->source.input, &w->labels);
	sha256_end(&s, hex);
	return str_dup(hex);
}

static enum err make_classes(struct workbench *w, const struct work_watch *watch)
{
	const struct classes_tower tower = {
		.model = w->model->name,
		.seed = w->model->seed,
		.vocab = w->source.input.vocab,
		.backend = w->backend,
		.backend_self = w->backend_self,
		.pool = w->pool,
		.still_wanted = watch->still_wanted,
		.on_progress = watch->on_progress,
		.ctx = watch->ctx,
	};
	enum err e = classes_make(&tower, &w->labels, &w->classes);
	/* A dataset is of use without a text tower, too: it is said with every run. */
	bool insisted = w->source.input.labels || w->source.input.vocab;
	if (e && insisted)
		return e == ERR_CANCELLED
			       ? e
			       : err_context(e, w->source.input.labels ? "--labels"
								       : "--dataset");
	if (e == ERR_UNSUPPORTED || e == ERR_NOTFOUND) {
		w->no_classes = str_dup(err_message());
		return OK;
	}
	return e;
}

enum err workbench_prepare_classes(struct workbench *w, const struct work_watch *watch)
{
	if (!w->labels.count)
		return OK;
	char *key = key_of(w);
	enum err e = OK;
	if (!str_equal(key, w->classes_key)) {
		workbench_drop_classes(w);
		e = make_classes(w, watch);
		if (!e)
			w->classes_key = str_dup(key);
	}
	free(key);
	w->input.classes = w->classes.linear;
	guard_enter(w->guard);
	w->classes_shape = w->classes.linear.weight;
	w->classes_shape.data = NULL;
	guard_leave(w->guard);
	return e;
}
