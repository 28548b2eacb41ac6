/* The pictures that a source stands for: found, named, read one by one. */
#ifndef MODELS_INPUT_LIST_H
#define MODELS_INPUT_LIST_H

#include "base/sha256.h"
#include "image/cifar.h"
#include "models/family.h"
#include "models/input_source.h"

/* The pictures behind a source, at least one; of a folder the files that are pictures by
 * their suffix or their first bytes, by name; of a dataset its records. */
struct input_list {
	char **paths; /* a record: "cifar10:PATH#17"; NULL entry: the built-in scene */
	int n;
	struct cifar *cifar; /* NULL: files */
	int64_t first;       /* record of paths[0] */
};
enum err input_list_make(const struct input_source *, struct input_list *) MUST_CHECK;
void input_list_release(struct input_list *);
/* What names picture i for people and for app_open_worst(): its path; NULL: built in. */
const char *input_list_name(const struct input_list *, int i);
/* What picture i shows, as the dataset says; -1: nobody says. */
enum err input_list_label(const struct input_list *, int64_t i, int *label) MUST_CHECK;
/* Looks at the first bytes of the pictures from `from` on, so that what is none is named
 * before minutes are spent; a picture that is damaged further on passes. */
enum err input_list_check(const struct input_list *, int64_t from) MUST_CHECK;
/* Adds path, size and time of the files from `from` on: what tells, without reading them,
 * that one is another or was changed. Of records the pixels and labels. */
void input_list_hash(const struct input_list *, int64_t from, struct sha256 *);

/* Its name for a message, escaped into buf; "built-in scene". */
const char *input_list_shown(const struct input_list *, int64_t i, char *buf,
			     size_t size);
/* Picture i itself; and its size by its header alone. The errors of image_load(). */
enum err input_list_read(const struct input_list *, int64_t i, bool exif,
			 struct image *out) MUST_CHECK;
enum err input_list_size(const struct input_list *, int64_t i, bool exif,
			 struct picture_size *out) MUST_CHECK;

#endif
