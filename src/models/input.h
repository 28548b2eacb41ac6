/* Inputs of vision models: pictures, preprocessed as the model's own configuration says.
 */
#ifndef MODELS_INPUT_H
#define MODELS_INPUT_H

#include "base/sha256.h"
#include "models/input_list.h"
#include "models/model.h"

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
