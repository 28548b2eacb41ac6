/*
 * CIFAR-10's binary files (Krizhevsky 2009): records of 3073 bytes, a label from 0 to 9
 * and 32 x 32 pixels as a red, a green and a blue plane.
 */
#ifndef IMAGE_CIFAR_H
#define IMAGE_CIFAR_H

#include <stdint.h>

#include "base/err.h"
#include "image/image.h"

enum { CIFAR_CLASSES = 10, CIFAR_SIDE = 32 };

extern const char *const cifar_classes[CIFAR_CLASSES]; /* "airplane" ... "truck" */

struct cifar;

/*
 * A file, or a folder with test_batch.bin, else with data_batch_1.bin ... _5.bin in this
 * order, as many as there are. The first `limit` records count (0: all), whose labels are
 * checked. The message names the file and the fact: ERR_NOTFOUND, ERR_IO, ERR_FORMAT (a
 * folder without such files, an empty file, a length that is no multiple of 3073, a label
 * above 9).
 */
enum err cifar_open(const char *path, int64_t limit, struct cifar **out) MUST_CHECK;
void cifar_free(struct cifar *);

int64_t cifar_count(const struct cifar *); /* at least 1 */

/* Record i as a new picture, and its label. ERR_IO (the file shrank), ERR_FORMAT (it
 * changed), ERR_NOMEM; then *out is empty. */
enum err cifar_record(const struct cifar *, int64_t i, struct image *out,
		      int *label) MUST_CHECK;

#endif
