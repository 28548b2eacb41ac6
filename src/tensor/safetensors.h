/*
 * safetensors files (huggingface/safetensors, format of version 0.4): u64 little-endian
 * N, N bytes of JSON, the tensors' bytes. The reader trusts nothing: whatever breaks the
 * format is ERR_FORMAT with a message that names the file and the fact.
 *
 * Refused: a file below 8 bytes; a header above 100,000,000 bytes or past the end of the
 * file; JSON that is not strict (bad UTF-8, duplicate keys); shapes or offsets that are
 * not unsigned integers, whose product overflows or does not give the tensor's bytes;
 * tensors that overlap, leave a gap, or do not end where the file ends. The order of
 * keys in the JSON means nothing. Scalars (shape []), empty tensors, NaN and infinity
 * are legal.
 *
 * Dtypes: F32, F16, BF16 and F64 are weights; I64 may be there (position ids) and read;
 * any other, or more than TENSOR_MAX_DIMS dimensions, is ERR_UNSUPPORTED.
 */
#ifndef TENSOR_SAFETENSORS_H
#define TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "tensor/tensor.h"

struct safetensors;

struct safetensors_entry {
	const char *name; /* as in the file: escape it before showing it */
	/* `data` points into the mapped file, at any alignment: copy with memcpy or
	 * dtype_to_f32 unless it is checked. */
	struct tensor tensor;
};

/* Reads the header only, so it costs the same for any amount of data. */
enum err safetensors_open(const char *path, struct safetensors **out) MUST_CHECK;
void safetensors_free(struct safetensors *); /* and the memory its entries point to */

/* Entries in order of their names. */
size_t safetensors_count(const struct safetensors *);
const struct safetensors_entry *safetensors_at(const struct safetensors *, size_t i);
/* NULL when there is no such tensor. */
const struct safetensors_entry *safetensors_find(const struct safetensors *,
						 const char *name);

const char *safetensors_label(const struct safetensors *); /* the path, escaped */
int64_t safetensors_bytes(const struct safetensors *);     /* of the file */
/* A value of __metadata__ ("format": "pt"), borrowed; NULL where there is none. */
const char *safetensors_metadata(const struct safetensors *, const char *key);

/* ERR_IO when the file was shortened under us: data read since is zeros in part. */
enum err safetensors_check(const struct safetensors *) MUST_CHECK;

/*
 * Writes tensors in the order given: F32 or I64, rows may lie apart (`ld`), names unique
 * and not "__metadata__". `metadata` is an object of strings, borrowed, or NULL. The
 * file appears whole or not at all (a temporary file beside it, fsync, rename); an
 * existing regular file is replaced. No space: ERR_FULL.
 */
enum err safetensors_write(const char *path, const struct safetensors_entry *,
			   size_t count, const json_t *metadata) MUST_CHECK;

#endif
