/*
 * The classes of zero-shot recognition, and the texts that stand for each.
 */
#ifndef TEXT_LABELS_H
#define TEXT_LABELS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define LABELS_MAX 10000
#define LABEL_MAX_BYTES 1024

struct labels {
	char **names; /* owned, UTF-8, not empty */
	int count;
	bool prompted; /* each name stands in CLIP's prompts instead of for itself */
};

/*
 * From --labels: an existing file with a label a line (empty lines and a byte order mark
 * are skipped), else a list with commas; white space around a label is dropped. Labels
 * may repeat. ERR_NOTFOUND (looks like a path but is none), ERR_IO, ERR_FORMAT (none at
 * all, an empty one in a list, not UTF-8, too many, too long). After an error *out is
 * empty.
 */
enum err labels_read(const char *list_or_path, struct labels *out) MUST_CHECK;

/* CIFAR-10's classes in the order of its label bytes, prompted. */
void labels_cifar10(struct labels *out);

void labels_release(struct labels *);

/* Texts per label: 1, or the 18 of CLIP's zero-shot evaluation on CIFAR-10 (Radford et
 * al. 2021: "a {adjective} photo of {a|the} {label}."). Normalise the embedding of each,
 * take the mean, normalise again. */
int labels_prompts(const struct labels *);

/* Adds text `prompt` of a label. */
void labels_add_prompt(const struct labels *, int label, int prompt, struct str *out);

#endif
