/*
 * GGUF files (ggml, docs/gguf.md), version 3 and 2, which has the same layout; little
 * endian: "GGUF", u32 version, u64 tensors, u64 keys; the keys with their values; of each
 * tensor its name, dimensions, type and offset; from the next multiple of the alignment
 * on the tensors' bytes. A tokenizer's vocabulary is a file without tensors.
 *
 * The reader trusts nothing: a length is compared with what is left of the file before
 * it is used, and whatever breaks the format is an error that names the file and the
 * fact.
 *
 * ERR_FORMAT: a file that is cut off; more keys or tensors than fit into it; a key that
 * is empty, longer than 65,535 bytes or there twice; a bool that is neither 0 nor 1; a
 * string or an array above 2^30; a tensor's name that is empty, 64 bytes or longer, or
 * there twice; a zero byte in a name; more than 4 dimensions; a size that overflows; rows
 * that are not whole blocks; an offset that is not the sum of the tensors before it, each
 * padded; data past the end; an alignment that is not a power of two up to 2^20.
 * ERR_UNSUPPORTED: version 1, big endian, a list of lists, a type of tensor that is not
 * known here (its size is not known then).
 *
 * Numbers are F32, F16 or BF16; tensors of other types are passed over, with a shape and
 * no data.
 */
#ifndef TENSOR_GGUF_H
#define TENSOR_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tensor.h"

struct gguf;

/* As the file numbers them. */
enum gguf_type {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_STRING,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
	GGUF_TYPES
};

struct gguf_value {
	enum gguf_type type;
	/* Of integers and a bool; of a U64 above INT64_MAX that. */
	int64_t integer;
	double number; /* of F32 and F64 */
	/* The bytes of a string, or of an array's elements, in the mapped file: as in
	 * the file, at any alignment, not terminated. */
	const char *bytes;
	size_t size;
	enum gguf_type element; /* of an array; never GGUF_ARRAY */
	size_t count;
};

struct gguf_entry {
	const char *name; /* as in the file: escape it before showing it */
	const char *type; /* "F32", "Q8_0" */
	/* Dimensions as torch has them, the file's in reverse. Where `readable` is false
	 * there is no dtype and no data. */
	struct tensor tensor;
	bool readable;
};

/* Whether a file begins like GGUF; false too where it cannot be read. */
bool gguf_is(const char *path);

/* Reads keys and the tensors' descriptions, not their data. ERR_NOTFOUND, ERR_IO,
 * ERR_NOMEM besides those above. */
enum err gguf_open(const char *path, struct gguf **out) MUST_CHECK;
void gguf_free(struct gguf *); /* and the memory its values and entries point to */

const char *gguf_label(const struct gguf *); /* the path, escaped */
/* ERR_IO when the file was shortened under us: what was read since is zeros in part. */
enum err gguf_check(const struct gguf *) MUST_CHECK;

/* Entries in order of their names. */
size_t gguf_count(const struct gguf *);
const struct gguf_entry *gguf_at(const struct gguf *, size_t i);
const struct gguf_entry *gguf_find(const struct gguf *, const char *name); /* or NULL */

/* The value of a key, NULL where there is no such key. */
const struct gguf_value *gguf_value(const struct gguf *, const char *key);
const char *gguf_type_name(enum gguf_type); /* "a string" */

/*
 * A value of the type that is wanted: ERR_FORMAT "FILE: there is no key KEY", "FILE: key
 * KEY is a string, not an integer", or a number outside [lo, hi].
 */
enum err gguf_int(const struct gguf *, const char *key, int64_t lo, int64_t hi,
		  int64_t *out) MUST_CHECK;
enum err gguf_num(const struct gguf *, const char *key, double lo, double hi,
		  double *out) MUST_CHECK;
/* The same of keys that may be missing. */
enum err gguf_bool(const struct gguf *, const char *key, bool missing,
		   bool *out) MUST_CHECK;
/* GGUF_STRING, or GGUF_ARRAY of this element. */
enum err gguf_string(const struct gguf *, const char *key,
		     const struct gguf_value **out) MUST_CHECK;
enum err gguf_array(const struct gguf *, const char *key, enum gguf_type element,
		    const struct gguf_value **out) MUST_CHECK;

bool gguf_string_is(const struct gguf_value *, const char *text);
/* Element i of an array of integers or bools. */
int64_t gguf_element(const struct gguf_value *array, size_t i);

/* A walk over an array of strings; start with gguf_strings(). */
struct gguf_strings {
	const char *at;
	size_t size, count; /* bytes and strings that are left */
};
struct gguf_strings gguf_strings(const struct gguf_value *array);
/* Borrowed, not terminated; false after the last. Lengths are compared with what is left
 * each time, because the mapped file may change. */
bool gguf_strings_next(struct gguf_strings *, const char **s, size_t *n);

#endif
