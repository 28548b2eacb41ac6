/*
 * A tensor: a shape over memory that somebody else owns. Row-major; rows of the last
 * dimension may lie further apart than they are long (`ld`), so a column slice such as q
 * of a fused [B, T, 3D] is a view, not a copy.
 */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype { DT_F32, DT_F16, DT_BF16, DT_F64, DT_I64, DT_I32, DT_U8, DT_COUNT };

const char *dtype_name(enum dtype); /* "F32", as safetensors spells it */
size_t dtype_size(enum dtype);

#define TENSOR_MAX_DIMS 5

struct tensor {
	enum dtype dtype;
	int ndim;
	int64_t dim[TENSOR_MAX_DIMS];
	int64_t ld; /* elements from one row to the next; dim[ndim - 1] when contiguous */
	void *data; /* NULL in a dry pass */
};

/* A contiguous tensor over `data`. */
struct tensor tensor_of(enum dtype, void *data, int ndim, const int64_t *dim);
#define DIMS(...)                                                                        \
	(int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[])         \
	{                                                                                \
		__VA_ARGS__                                                              \
	}

int64_t tensor_count(const struct tensor *); /* elements */
int64_t tensor_rows(const struct tensor *);  /* product of all but the last dimension */
int64_t tensor_cols(const struct tensor *);  /* the last dimension; 1 for a scalar */
int64_t tensor_bytes(const struct tensor *); /* of its elements, gaps not counted */

/* Columns [begin, begin + width) of every row, as a view. F32 only. */
struct tensor tensor_columns(struct tensor, int64_t begin, int64_t width);

static inline float *tensor_f32(const struct tensor *t) { return t->data; }
static inline float *tensor_row(const struct tensor *t, int64_t row)
{
	return (float *)t->data + row * t->ld;
}

/* Where a row of any dtype begins; NULL in a dry pass. */
static inline const void *tensor_row_any(const struct tensor *t, int64_t row)
{
	const char *data = t->data;
	return data ? data + row * t->ld * (int64_t)dtype_size(t->dtype) : NULL;
}

/* The elements of a shape; false where a dimension is negative or the product overflows.
 * For shapes that come from a file. */
bool shape_count(int ndim, const int64_t *dim, int64_t *count);

/* "[2, 197, 768]" into buf; returns buf. */
const char *shape_text(int ndim, const int64_t *dim, char *buf, size_t size);

float f16_to_f32(uint16_t);
float bf16_to_f32(uint16_t);
/* n elements of any float dtype, from memory of any alignment, to F32. */
void dtype_to_f32(enum dtype, const void *from, float *to, size_t n);

/* To the nearest, ties to even; what is too large becomes infinity, a NaN stays one
 * (quiet, with the sign and the upper bits it had). The same under flushing of denormals.
 */
uint16_t f32_to_f16(float);
uint16_t f32_to_bf16(float);
/* n elements to F32, F16 or BF16; `to` is aligned for them. */
void dtype_from_f32(enum dtype, const float *from, void *to, size_t n);

#endif
