#include "models/embedding_swap.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernels/least_squares.h"
#include "models/model.h"
#include "models/texts.h"
#include "text/vocab.h"

struct embedding_swap {
	struct embedding_swap *next;
	char *name;          /* as the knob has it */
	struct tensor table; /* owned */
	struct embedding_facts facts;
};

static void swap_free(struct embedding_swap *s)
{
	free(s->table.data);
	free(s->name);
	free(s);
}

void embedding_swaps_release(struct embedding_swaps *swaps)
{
	while (swaps->first) {
		struct embedding_swap *next = swaps->first->next;
		swap_free(swaps->first);
		swaps->first = next;
	}
}

static const struct embedding_swap *find(const struct embedding_swaps *swaps,
					 const char *name)
{
	const struct embedding_swap *s = swaps->first;
	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

struct tensor embedding_swaps_table(const struct embedding_swaps *swaps,
				    const struct pass *p, const struct knobs *k,
				    struct tensor own, struct embedding_facts *facts)
{
	const char *name = knob_text(k, KNOB_EMBEDDINGS);
	const struct embedding_swap *s =
		*name && !p->backend->dry ? find(swaps, name) : NULL;
	*facts = s ? s->facts : (struct embedding_facts){ 0 };
	return s ? s->table : own;
}

/* ---- which rows belong together ---- */

static enum err open_tokenizer(const struct model *m, struct tokenizer **t)
{
	enum err e =
		m->random_weights ? tokenizer_bytes(t) : texts_open_tokenizer(m, NULL, t);
	return e == ERR_NOTFOUND
		       ? err_set(e, "%s brings no tokenizer to match tokens by", m->name)
		       : e;
}

/* What ids 0 ... rows - 1 stand for. */
static void read_words(const struct tokenizer *t, int64_t rows, struct vocab *v)
{
	struct str word = STR_INIT;
	int32_t n = tokenizer_size(t), first;
	n = n < rows ? n : (int32_t)rows;
	vocab_init(v, n < VOCAB_MAX_TOKENS ? n : VOCAB_MAX_TOKENS);
	for (int32_t id = 0; id < v->count; id++) {
		tokenizer_decode(t, id, &word);
		if (word.len)
			vocab_set(v, id, str_get(&word), word.len);
		str_release(&word);
	}
	(void)vocab_index(v, &first); /* of two with one text, either will do */
}

/* The other's id of each own row, -1: none; the caller frees. Their number to *shared. */
static int32_t *match(const struct vocab *own, const struct vocab *other, int64_t rows,
		      int64_t *shared)
{
	int32_t *ids = mem_alloc(sizeof(*ids) * (size_t)rows);
	*shared = 0;
	for (int64_t i = 0; i < rows; i++) {
		size_t n = 0;
		const char *text = i < own->count ? vocab_text(own, (int32_t)i, &n) : "";
		ids[i] = n ? vocab_find(other, text, n) : -1;
		*shared += ids[i] >= 0;
	}
	return ids;
}

/* Two presets of one family stand for checkpoints with one vocabulary. */
static bool one_vocabulary(const struct model *m, int64_t rows, const struct model *other,
			   int64_t other_rows)
{
	return m->random_weights && other->random_weights && m->family == other->family &&
	       rows == other_rows;
}

static int32_t *match_all(int64_t rows)
{
	int32_t *ids = mem_alloc(sizeof(*ids) * (size_t)rows);
	for (int64_t i = 0; i < rows; i++)
		ids[i] = (int32_t)i;
	return ids;
}

static enum err match_rows(const struct model *m, int64_t rows, const struct model *other,
			   int64_t other_rows, int32_t **ids, int64_t *shared)
{
	if (one_vocabulary(m, rows, other, other_rows)) {
		*ids = match_all(rows);
		*shared = rows;
		return OK;
	}
	struct tokenizer *mine = NULL, *theirs = NULL;
	struct vocab v = { 0 }, w = { 0 };
	enum err e = open_tokenizer(m, &mine);
	if (!e)
		e = open_tokenizer(other, &theirs);
	if (!e) {
		read_words(mine, rows, &v);
		read_words(theirs, other_rows, &w);
		*ids = match(&v, &w, rows, shared);
	}
	vocab_release(&v);
	vocab_release(&w);
	tokenizer_free(mine);
	tokenizer_free(theirs);
	return e;
}

/* ---- the rows ---- */

/* Two tables and which rows of the other take the place of own ones. */
struct exchange {
	const struct model *model; /* whose table it will be */
	struct tensor own, other, *table;
	const int32_t *ids; /* [rows of own] */
	struct tensor map;  /* [width of the other, own width]; ndim 0: they are alike */
	float *from, *to, *was; /* a block of rows: the other's, mapped, own */
	double diff, norm;      /* of shared rows: |mapped - own|^2, |own|^2 */
};

static void read_row(const struct tensor *t, int64_t row, float *to)
{
	dtype_to_f32(t->dtype, tensor_row_any(t, row), to, (size_t)tensor_cols(t));
}

static void write_row(struct tensor *t, int64_t row, const float *from)
{
	char *at = t->data;
	dtype_from_f32(t->dtype, from, at + row * t->ld * (int64_t)dtype_size(t->dtype),
		       (size_t)tensor_cols(t));
}

static enum err check_wanted(const struct model *m)
{
	bool wanted = !m->still_wanted || m->still_wanted(m->still_ctx);
	return wanted ? OK : err_set(ERR_CANCELLED, "cancelled");
}

static enum err find_map(struct exchange *x)
{
	struct least_squares l;
	int64_t m = tensor_cols(&x->other), n = tensor_cols(&x->own);
	struct tensor map = tensor_of(DT_F32, NULL, DIMS(m, n));
	enum err e = least_squares_init(&l, m, n);
	l.still_wanted = x->model->still_wanted;
	l.still_ctx = x->model->still_ctx;
	for (int64_t i = 0; !e && i < x->own.dim[0]; i++) {
		if (x->ids[i] < 0)
			continue;
		read_row(&x->other, x->ids[i], x->from);
		read_row(&x->own, i, x->was);
		least_squares_add(&l, x->from, x->was);
		e = l.waiting ? OK : check_wanted(x->model); /* once a block */
	}
	map.data = e ? NULL : malloc((size_t)tensor_bytes(&map));
	if (!e && !map.data)
		e = err_set(ERR_NOMEM, "no memory for a map between widths");
	if (!e)
		e = least_squares_solve(&l, &map);
	x->map = map;
	least_squares_release(&l);
	return e;
}

static void add_difference(struct exchange *x, int64_t row, const float *mapped)
{
	read_row(&x->own, row, x->was);
	for (int64_t j = 0; j < tensor_cols(&x->own); j++) {
		double v = (double)x->was[j], d = (double)mapped[j] - v;
		x->diff += d * d;
		x->norm += v * v;
	}
}

/* Rows that wait in x->from, to where they belong. */
static void put_block(struct exchange *x, const int64_t *rows, int64_t n)
{
	int64_t cols = tensor_cols(&x->own);
	const float *mapped = x->map.ndim ? x->to : x->from;
	if (x->map.ndim)
		least_squares_map(&x->map, x->from, x->to, n);
	for (int64_t i = 0; i < n; i++) {
		add_difference(x, rows[i], mapped + i * cols);
		write_row(x->table, rows[i], mapped + i * cols);
	}
}

static enum err put_rows(struct exchange *x)
{
	int64_t rows[LEAST_SQUARES_BLOCK], n = 0;
	enum err e = OK;
	for (int64_t i = 0; !e && i < x->own.dim[0]; i++) {
		if (x->ids[i] >= 0) {
			read_row(&x->other, x->ids[i],
				 x->from + n * tensor_cols(&x->other));
			rows[n++] = i;
		}
		if (n == LEAST_SQUARES_BLOCK || i + 1 == x->own.dim[0]) {
			put_block(x, rows, n);
			n = 0;
			e = check_wanted(x->model);
		}
	}
	return e;
}

static bool take_memory(struct exchange *x)
{
	size_t block = sizeof(float) * LEAST_SQUARES_BLOCK;
	size_t own = (size_t)tensor_cols(&x->own), other = (size_t)tensor_cols(&x->other);
	x->from = malloc(block * other);
	x->to = malloc(block * own);
	x->was = malloc(sizeof(float) * own);
	x->table->data = malloc((size_t)tensor_bytes(x->table));
	return x->from && x->to && x->was && x->table->data;
}

/* Fills s->table and what is said of it. */
static enum err exchange(const struct model *m, const struct tensor *own,
			 const struct tensor *other, const int32_t *ids,
			 struct embedding_swap *s)
{
	struct exchange x = {
		.model = m, .own = *own, .other = *other, .table = &s->table, .ids = ids
	};
	enum err e = OK;
	s->table = tensor_of(own->dtype, NULL, own->ndim, own->dim);
	if (!take_memory(&x))
		e = err_set(ERR_NOMEM, "no memory for another table of embeddings");
	if (!e && tensor_cols(own) != tensor_cols(other))
		e = find_map(&x);
	if (!e) {
		for (int64_t i = 0; i < own->dim[0]; i++) {
			read_row(own, i, x.was);
			write_row(&s->table, i, x.was);
		}
		e = put_rows(&x);
		s->facts.rel_error = x.map.ndim ? sqrt(x.diff / x.norm) : (double)NAN;
	}
	free(x.from);
	free(x.to);
	free(x.was);
	free(x.map.data);
	return e;
}

/* ---- the other checkpoint ---- */

static bool same_file(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];
	return realpath(a, x) && realpath(b, y) && !strcmp(x, y);
}

static bool is_itself(const struct model *m, const struct model *other)
{
	if (m->random_weights || other->random_weights)
		return m->random_weights == other->random_weights &&
		       !strcmp(m->name, other->name);
	return same_file(m->weights_files[0], other->weights_files[0]);
}

static enum err open_other(const struct model *m, const char *name, struct model **out)
{
	/* Tensors of one name are alike under one seed. */
	uint64_t seed = m->seed + 1;
	enum err e = model_open_for(name, seed, INPUT_TEXT, out);
	if (e == ERR_UNSUPPORTED) /* perhaps it knows pictures alone */
		e = model_open(name, seed, out);
	if (e)
		return e;
	const struct model *other = *out;
	if (is_itself(m, other))
		return err_set(ERR_USAGE, "that is the model itself");
	if (!other->family->embeddings)
		return err_set(ERR_FORMAT, "%s (%s) has no token embeddings", other->name,
			       other->family->name);
	return OK;
}

/* Both tables, and the matrices of a map between them. */
static enum err check_memory(const struct model *m, const struct tensor *own,
			     const struct tensor *theirs)
{
	double from = (double)tensor_cols(theirs), to = (double)tensor_cols(own);
	double bytes = (double)tensor_bytes(own) + (double)tensor_bytes(theirs);
	if (tensor_cols(theirs) != tensor_cols(own))
		bytes += from * (from + to) * (double)sizeof(double);
	return m->check_memory ? m->check_memory("other embeddings", bytes) : OK;
}

static enum err make(const struct model *m, const struct model *other,
		     struct embedding_swap *s)
{
	struct tensor own = m->family->embeddings(m),
		      theirs = other->family->embeddings(other);
	int32_t *ids = NULL;
	int64_t shared = 0;
	enum err e = check_memory(m, &own, &theirs);
	if (!e)
		e = match_rows(m, own.dim[0], other, theirs.dim[0], &ids, &shared);
	if (!e && !shared)
		e = err_set(ERR_FORMAT, "it has no token in common with %s", m->name);
	if (!e)
		e = tensors_prepare_one(other->tensors, &theirs);
	if (!e)
		e = exchange(m, &own, &theirs, ids, s);
	if (!e) /* the file may have shrunk meanwhile */
		e = tensors_error(other->tensors);
	s->facts.source = s->name;
	s->facts.rows = own.dim[0];
	s->facts.shared = shared;
	free(ids);
	return e;
}

enum err embedding_swaps_adapt(struct embedding_swaps *swaps, const struct model *m,
			       const struct knobs *k)
{
	const char *name = knob_text(k, KNOB_EMBEDDINGS);
	char shown[256];
	struct model *other = NULL;
	if (!*name || find(swaps, name))
		return OK;
	struct embedding_swap *s = mem_alloc(sizeof(*s));
	s->name = str_dup(name);
	enum err e = open_other(m, name, &other);
	if (!e)
		e = make(m, other, s);
	model_free(other);
	if (e) {
		swap_free(s);
		return err_context(e, "--embeddings %s",
				   str_escaped(shown, sizeof(shown), name, strlen(name)));
	}
	s->next = swaps->first;
	swaps->first = s;
	return OK;
}
