/* Reading a GGUF file from its beginning: the parts of gguf_open(). */
#ifndef TENSOR_GGUF_READ_H
#define TENSOR_GGUF_READ_H

#include "tensor/file_map.h"
#include "tensor/gguf.h"
#include "tensor/shown.h"

#define GGUF_MAX_LENGTH                                                                  \
	((uint64_t)1 << 30) /* bytes of a string, elements of an array                   \
			     */

struct gguf_key {
	char *name;
	struct gguf_value value;
};

/* Invariant after opening: keys and entries are sorted by name, names are unique, and
 * what values and tensors point to lies within the map. */
struct gguf {
	struct file_map map;
	struct gguf_key *key;
	size_t key_count;
	struct gguf_entry *entry;
	size_t count;
};

/* Where reading stands. */
struct gguf_cursor {
	const struct gguf *g;
	const unsigned char *at, *end;
	char where[SHOWN + 16]; /* "key 3", "tensor NAME": for messages */
};

void gguf_where(struct gguf_cursor *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "FILE: WHERE" and then what is wrong there. */
enum err gguf_refuse(const struct gguf_cursor *, enum err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum err gguf_take_u32(struct gguf_cursor *, uint32_t *out) MUST_CHECK;
enum err gguf_take_u64(struct gguf_cursor *, uint64_t *out) MUST_CHECK;
/* A length and as many bytes, which are borrowed. */
enum err gguf_take_string(struct gguf_cursor *, const char **s, size_t *n) MUST_CHECK;
/* A string that names something (`what`), copied: 1 to `most` bytes, none of them zero.
 */
enum err gguf_take_name(struct gguf_cursor *, const char *what, size_t most,
			char **out) MUST_CHECK;
size_t gguf_left(const struct gguf_cursor *);

/* `count` keys, `count` tensors; g->key and g->entry are sorted afterwards. */
enum err gguf_read_keys(struct gguf_cursor *, struct gguf *, uint64_t count) MUST_CHECK;
enum err gguf_read_tensors(struct gguf_cursor *, struct gguf *,
			   uint64_t count) MUST_CHECK;

#endif
