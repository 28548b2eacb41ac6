/* Inputs of vision models: pictures, preprocessed as the model's own configuration says.
 */
#ifndef MODELS_INPUT_H
#define MODELS_INPUT_H

#include "base/sha256.h"
#include "image/cifar.h"
#include "models/input_source.h"
#include "models/model.h"

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

/* Of a model that takes pictures of any size: whether --image-size is one it can cut.
 * ERR_USAGE. */
enum err input_check_side(const struct model *, const struct knobs *) MUST_CHECK;

/*
 * What is known of `batch` pictures from `first` on without reading them: their sizes,
 * for a model that takes any. The prompt's fields stay zero. Pictures that the model
 * cannot take: ERR_FORMAT, named. Release it whatever happened.
 */
enum err input_facts_read(const struct model *, const struct input_list *, bool exif,
			  int64_t first, const struct knobs *,
			  struct input_facts *) MUST_CHECK;
struct input_facts input_facts_copy(const struct input_facts *);
void input_facts_release(struct input_facts *);

/*
 * Pixels or patches of `batch` pictures from `first` on, going around when there are
 * fewer; they own their memory (input_release). `facts` are theirs; NULL where the model
 * takes one size. `note`, unless NULL, is what to say of how they were resized. `shown`,
 * unless NULL, receives the first preprocessed picture. sha256, unless NULL, is that of
 * the values, repetitions not counted: one picture has one hash, whatever the batch. Of
 * pictures beyond the batch it takes what input_list_hash() does instead: another list is
 * another input.
 */
enum err input_load(const struct model *, const struct input_list *, bool exif, int first,
		    const struct knobs *, const struct input_facts *facts,
		    struct input *in, struct image *shown, struct str *note,
		    char sha256[SHA256_HEX]) MUST_CHECK;
void input_release(struct input *);

#endif
