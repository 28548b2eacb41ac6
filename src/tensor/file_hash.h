/* The SHA-256 of a file's content: what a run remembers its weights and images by. */
#ifndef TENSOR_FILE_HASH_H
#define TENSOR_FILE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha256.h"

/*
 * Reads the file from its start, a megabyte at a time, with its own descriptor: any
 * thread. After each part `progress(ctx, done, total)` (may be NULL) is told bytes and
 * may return false: ERR_CANCELLED.
 */
enum err file_sha256(const char *path, bool (*progress)(void *, int64_t, int64_t),
		     void *ctx, char hex[SHA256_HEX]) MUST_CHECK;

/*
 * One hash for several files (a list that ends with NULL): of one, its own; of more, that
 * of their hashes. After the first, a file that is not there counts as missing: a part of
 * a checkpoint that nobody asked for. `progress` is told of all of them together.
 */
enum err files_sha256(char *const *paths, bool (*progress)(void *, int64_t, int64_t),
		      void *ctx, char hex[SHA256_HEX]) MUST_CHECK;

#endif
