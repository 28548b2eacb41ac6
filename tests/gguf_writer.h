/*
 * GGUF files, and ones that are none, built byte by byte. What must be counted, is
 * counted here; all of it can be set to something else before gguf_bytes().
 */
#ifndef TESTS_GGUF_WRITER_H
#define TESTS_GGUF_WRITER_H

#include "torch_writer.h" /* put_le, write_str */

#include "tensor/gguf.h"

struct gguf_writer {
	struct str keys, tensors, data;
	uint64_t key_count, tensor_count;
	unsigned version, alignment; /* 0: 3 and 32 */
};

/* ---- keys ---- */

static inline void put_gguf_text_n(struct str *s, const char *text, size_t n)
{
	put_le(s, n, 8);
	str_add_n(s, text, n);
}

static inline void put_gguf_text(struct str *s, const char *text)
{
	put_gguf_text_n(s, text, strlen(text));
}

/* The name and the type; the value is the caller's to add to w->keys. */
static inline void gguf_key(struct gguf_writer *w, const char *key, unsigned type)
{
	put_gguf_text(&w->keys, key);
	put_le(&w->keys, type, 4);
	w->key_count++;
}

static inline void gguf_key_int(struct gguf_writer *w, const char *key,
				enum gguf_type type, uint64_t value, int bytes)
{
	gguf_key(w, key, type);
	put_le(&w->keys, value, bytes);
}

static inline void gguf_key_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
	gguf_key_int(w, key, GGUF_U32, value, 4);
}

static inline void gguf_key_f32(struct gguf_writer *w, const char *key, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	gguf_key_int(w, key, GGUF_F32, bits, 4);
}

static inline void gguf_key_text(struct gguf_writer *w, const char *key, const char *text)
{
	gguf_key(w, key, GGUF_STRING);
	put_gguf_text(&w->keys, text);
}

/* A list; its elements are the caller's to add. */
static inline void gguf_key_list(struct gguf_writer *w, const char *key, unsigned element,
				 uint64_t count)
{
	gguf_key(w, key, GGUF_ARRAY);
	put_le(&w->keys, element, 4);
	put_le(&w->keys, count, 8);
}

static inline void gguf_key_texts(struct gguf_writer *w, const char *key, size_t count,
				  const char *const *texts)
{
	gguf_key_list(w, key, GGUF_STRING, count);
	for (size_t i = 0; i < count; i++)
		put_gguf_text(&w->keys, texts[i]);
}

/* ---- tensors ---- */

static inline void gguf_pad(struct str *s, size_t alignment)
{
	while (s->len % alignment)
		put_le(s, 0, 1);
}

static inline size_t gguf_alignment(const struct gguf_writer *w)
{
	return w->alignment ? w->alignment : 32;
}

/* A description of this type number; `offset` and `dim` as the file has them. */
static inline void gguf_describe(struct gguf_writer *w, const char *name, unsigned type,
				 uint64_t offset, unsigned ndim, const uint64_t *dim)
{
	put_gguf_text(&w->tensors, name);
	put_le(&w->tensors, ndim, 4);
	for (unsigned i = 0; i < ndim; i++)
		put_le(&w->tensors, dim[i], 8);
	put_le(&w->tensors, type, 4);
	put_le(&w->tensors, offset, 8);
	w->tensor_count++;
}

/* A tensor with its n bytes of data, which may lie nowhere: zeros then. */
static inline void gguf_tensor(struct gguf_writer *w, const char *name, unsigned type,
			       unsigned ndim, const uint64_t *dim, const void *data,
			       size_t n)
{
	gguf_pad(&w->data, gguf_alignment(w));
	gguf_describe(w, name, type, w->data.len, ndim, dim);
	if (data)
		str_add_n(&w->data, data, n);
	for (size_t i = 0; !data && i < n; i++)
		put_le(&w->data, 0, 1);
}

#define GGUF_DIMS(...)                                                                   \
	(unsigned)(sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t)), (uint64_t[]) \
	{                                                                                \
		__VA_ARGS__                                                              \
	}

/* ---- the file ---- */

/* Gives the parts back; the caller releases the bytes. */
static inline struct str gguf_bytes(struct gguf_writer *w)
{
	struct str s = STR_INIT;
	str_add(&s, "GGUF");
	put_le(&s, w->version ? w->version : 3, 4);
	put_le(&s, w->tensor_count, 8);
	put_le(&s, w->key_count, 8);
	str_add_n(&s, str_get(&w->keys), w->keys.len);
	str_add_n(&s, str_get(&w->tensors), w->tensors.len);
	if (w->data.len) {
		gguf_pad(&s, gguf_alignment(w));
		str_add_n(&s, w->data.s, w->data.len);
	}
	str_release(&w->keys);
	str_release(&w->tensors);
	str_release(&w->data);
	return s;
}

static inline void gguf_write(const char *path, struct gguf_writer *w)
{
	struct str s = gguf_bytes(w);
	unlink(path); /* some file systems flush what is written over */
	write_str(path, &s);
	str_release(&s);
}

#endif
