/* Descriptions of tensors, and where their data lie. */
#include <stdlib.h>
#include <string.h>

#include "tensor/gguf_read.h"

#define TENSORS_MAX ((uint64_t)1 << 20)
#define TENSOR_LEAST 25 /* bytes: a length, one letter, dimensions, a type, an offset */
#define NAME_MAX_BYTES 63
#define DIMS_MAX 4
#define ALIGNMENT 32
#define ALIGNMENT_MAX (1 << 20)

/* A type by the file's number: how many elements a block has, and bytes. Those
 * that were withdrawn (Q4_2, Q4_0_4_4 ...) or are never in a file (Q8_1) are not here.
 * From ggml's table. */
static const struct kind {
	uint32_t number;
	const char *name;
	unsigned short elements, bytes;
} kinds[] = {
	{ 0, "F32", 1, 4 },         { 1, "F16", 1, 2 },
	{ 2, "Q4_0", 32, 18 },      { 3, "Q4_1", 32, 20 },
	{ 6, "Q5_0", 32, 22 },      { 7, "Q5_1", 32, 24 },
	{ 8, "Q8_0", 32, 34 },      { 10, "Q2_K", 256, 84 },
	{ 11, "Q3_K", 256, 110 },   { 12, "Q4_K", 256, 144 },
	{ 13, "Q5_K", 256, 176 },   { 14, "Q6_K", 256, 210 },
	{ 15, "Q8_K", 256, 292 },   { 16, "IQ2_XXS", 256, 66 },
	{ 17, "IQ2_XS", 256, 74 },  { 18, "IQ3_XXS", 256, 98 },
	{ 19, "IQ1_S", 256, 50 },   { 20, "IQ4_NL", 32, 18 },
	{ 21, "IQ3_S", 256, 110 },  { 22, "IQ2_S", 256, 82 },
	{ 23, "IQ4_XS", 256, 136 }, { 24, "I8", 1, 1 },
	{ 25, "I16", 1, 2 },        { 26, "I32", 1, 4 },
	{ 27, "I64", 1, 8 },        { 28, "F64", 1, 8 },
	{ 29, "IQ1_M", 256, 56 },   { 30, "BF16", 1, 2 },
	{ 34, "TQ1_0", 256, 54 },   { 35, "TQ2_0", 256, 66 },
	{ 39, "MXFP4", 32, 17 },    { 40, "NVFP4", 64, 36 },
	{ 41, "Q1_0", 128, 18 },
};

/* What is known of a tensor until all are read. */
struct place {
	uint64_t offset, bytes;
};

struct reader {
	struct gguf_cursor *c;
	struct gguf *g;
	uint64_t alignment;
	struct place *place;
	uint64_t next; /* the offset that the tensor to come must have */
};

static enum err read_alignment(struct reader *r)
{
	int64_t n = ALIGNMENT;
	enum err e = OK;
	if (gguf_value(r->g, "general.alignment"))
		e = gguf_int(r->g, "general.alignment", 1, ALIGNMENT_MAX, &n);
	if (!e && (n & (n - 1)))
		e = err_set(ERR_FORMAT,
			    "%s: key general.alignment is %lld, which is no power of two",
			    r->g->map.label, (long long)n);
	r->alignment = (uint64_t)n;
	return e;
}

/* False where that is too much. */
static bool align(uint64_t *n, uint64_t alignment)
{
	bool over = __builtin_add_overflow(*n, alignment - 1, n);
	*n &= ~(alignment - 1);
	return !over;
}

static enum err take_dims(struct gguf_cursor *c, int *ndim, int64_t *dim)
{
	uint32_t n = 0;
	enum err e = gguf_take_u32(c, &n);
	if (!e && n > DIMS_MAX)
		e = gguf_refuse(c, ERR_FORMAT, " has %u dimensions, at most %d", n,
				DIMS_MAX);
	for (uint32_t i = 0; !e && i < n; i++) {
		uint64_t size;
		e = gguf_take_u64(c, &size);
		if (!e && size > INT64_MAX)
			e = gguf_refuse(c, ERR_FORMAT, ": dimension %u is %llu", i,
					(unsigned long long)size);
		dim[n - 1 - i] = (int64_t)size;
	}
	*ndim = (int)n;
	return e;
}

static enum err take_kind(struct gguf_cursor *c, const struct kind **out)
{
	uint32_t number;
	enum err e = gguf_take_u32(c, &number);
	*out = NULL;
	for (size_t i = 0; !e && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].number == number)
			*out = &kinds[i];
	if (!e && !*out)
		e = gguf_refuse(c, ERR_UNSUPPORTED,
				" is of type %u, which this version does not know",
				number);
	return e;
}

/* How many bytes the tensor takes. */
static enum err measure(const struct gguf_cursor *c, const struct kind *k, int ndim,
			const int64_t *dim, uint64_t *bytes)
{
	int64_t count, row = ndim ? dim[ndim - 1] : 1, n;
	if (!shape_count(ndim, dim, &count))
		return gguf_refuse(c, ERR_FORMAT, ": the size of its shape overflows");
	if (row % k->elements)
		return gguf_refuse(c, ERR_FORMAT,
				   ": rows of %lld are not whole blocks of %s, which "
				   "have %d",
				   (long long)row, k->name, k->elements);
	if (__builtin_mul_overflow(count / k->elements, (int64_t)k->bytes, &n))
		return gguf_refuse(c, ERR_FORMAT, ": the size of its shape overflows");
	*bytes = (uint64_t)n;
	return OK;
}

static bool dtype_of(const struct kind *k, enum dtype *out)
{
	static const enum dtype readable[] = { DT_F32, DT_F16, DT_BF16 };
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (!strcmp(k->name, dtype_name(readable[i]))) {
			*out = readable[i];
			return true;
		}
	return false;
}

/* Each tensor begins where the one before it ends, padded. */
static enum err check_offset(struct reader *r, const struct place *p)
{
	if (p->offset != r->next)
		return gguf_refuse(
			r->c, ERR_FORMAT, ": its data are at %llu, where %llu is next",
			(unsigned long long)p->offset, (unsigned long long)r->next);
	uint64_t end;
	if (__builtin_add_overflow(p->offset, p->bytes, &end) ||
	    !align(&end, r->alignment))
		return gguf_refuse(r->c, ERR_FORMAT, ": the end of its data overflows");
	r->next = end;
	return OK;
}

static enum err take_tensor(struct reader *r, struct gguf_entry *entry, struct place *p)
{
	struct gguf_cursor *c = r->c;
	const struct kind *k = NULL;
	int64_t dim[TENSOR_MAX_DIMS] = { 0 };
	int ndim = 0;
	enum err e = take_dims(c, &ndim, dim);
	if (!e)
		e = take_kind(c, &k);
	if (!e)
		e = gguf_take_u64(c, &p->offset);
	if (!e)
		e = measure(c, k, ndim, dim, &p->bytes);
	if (e)
		return e;
	enum dtype dtype = DT_U8; /* of what is not readable: bytes */
	entry->readable = dtype_of(k, &dtype);
	entry->type = k->name;
	entry->tensor = tensor_of(dtype, NULL, ndim, dim);
	return check_offset(r, p);
}

/* The data follow the last description, aligned. */
static enum err place_data(struct reader *r)
{
	struct gguf *g = r->g;
	uint64_t data_at = (uint64_t)(r->c->at - g->map.data);
	align(&data_at, r->alignment); /* of a place in the file: no overflow */
	for (size_t i = 0; i < g->count; i++) {
		struct gguf_entry *e = &g->entry[i];
		const struct place *p = &r->place[i];
		char text[SHOWN];
		gguf_where(r->c, "tensor %s", shown(e->name, text));
		if (data_at > g->map.size || p->offset > g->map.size - data_at ||
		    p->bytes > g->map.size - data_at - p->offset)
			return gguf_refuse(r->c, ERR_FORMAT,
					   ": its data end past the end of the file");
		if (e->readable) /* the map is read-only: nobody writes through this */
			e->tensor.data =
				(void *)(uintptr_t)(g->map.data + data_at + p->offset);
	}
	return OK;
}

static int by_name(const void *a, const void *b)
{
	const struct gguf_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static enum err sort_entries(struct reader *r)
{
	struct gguf *g = r->g;
	char text[SHOWN];
	if (g->count)
		qsort(g->entry, g->count, sizeof(*g->entry), by_name);
	for (size_t i = 1; i < g->count; i++)
		if (!strcmp(g->entry[i - 1].name, g->entry[i].name)) {
			gguf_where(r->c, "tensor %s", shown(g->entry[i].name, text));
			return gguf_refuse(r->c, ERR_FORMAT, " is there twice");
		}
	return OK;
}

static enum err read_tensors(struct reader *r, uint64_t count)
{
	struct gguf *g = r->g;
	enum err e = OK;
	while (!e && g->count < count) {
		struct gguf_entry *entry = &g->entry[g->count];
		struct place *p = &r->place[g->count];
		char *name;
		gguf_where(r->c, "tensor %zu", g->count);
		e = gguf_take_name(r->c, "tensor", NAME_MAX_BYTES, &name);
		if (e)
			break;
		entry->name = name;
		g->count++; /* to be freed */
		e = take_tensor(r, entry, p);
	}
	if (!e)
		e = place_data(r);
	return e ? e : sort_entries(r);
}

enum err gguf_read_tensors(struct gguf_cursor *c, struct gguf *g, uint64_t count)
{
	struct reader r = { .c = c, .g = g };
	enum err e = read_alignment(&r);
	if (e)
		return e;
	gguf_where(c, "%llu tensors", (unsigned long long)count);
	if (count > gguf_left(c) / TENSOR_LEAST || count > TENSORS_MAX)
		return gguf_refuse(c, ERR_FORMAT,
				   ": too many for the %zu bytes of the file (and at "
				   "most %llu)",
				   g->map.size, (unsigned long long)TENSORS_MAX);
	g->entry = mem_alloc(((size_t)count + 1) * sizeof(*g->entry));
	r.place = mem_alloc(((size_t)count + 1) * sizeof(*r.place));
	e = read_tensors(&r, count);
	free(r.place);
	return e;
}
