#include "models/input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Picture i into [3, S, S] at `to`. */
static enum err load_one(const struct preprocess_config *how,
			 const struct input_list *list, int64_t i, bool exif,
			 int64_t side, float *to, struct image *shown)
{
	struct image image = { 0 };
	char where[512];
	int64_t width, height;
	enum err e = input_list_read(list, i, exif, &image);
	if (e)
		return e;
	preprocess_size(how, image.width, image.height, &width, &height);
	if (width != side || height != side)
		e = err_set(ERR_FORMAT,
			    "%s: preprocessor_config.json makes it %lld x %lld pixels, "
			    "the model takes %lld x %lld",
			    input_list_shown(list, i, where, sizeof(where)),
			    (long long)width, (long long)height, (long long)side,
			    (long long)side);
	else
		e = preprocess_run(how, &image, to, shown);
	image_release(&image);
	return e;
}

/* ---- pictures of any size ---- */

static int side_of(const struct knobs *k)
{
	double side = knob_num(k, KNOB_IMAGE_SIZE);
	return isnan(side) ? 0 : (int)side;
}

enum err input_check_side(const struct model *m, const struct knobs *k)
{
	int side = side_of(k), token = m->cut.patch * m->cut.merge;
	int next = (side / token + 1) * token;
	return side % token
		       ? err_set(ERR_USAGE,
				 "--image-size %d: %s takes multiples of %d, such as "
				 "%d",
				 side, m->name, token, next)
		       : OK;
}

/* A message without a file's name gets it. */
static enum err about(enum err e, const struct input_list *list, int64_t i)
{
	char where[512];
	return e ? err_context(e, "%s", input_list_shown(list, i, where, sizeof(where)))
		 : OK;
}

enum err input_facts_read(const struct model *m, const struct input_list *list, bool exif,
			  int64_t first, const struct knobs *k, struct input_facts *facts)
{
	struct patch_grid grid;
	int64_t batch = (int64_t)knob_num(k, KNOB_BATCH);
	*facts = (struct input_facts){ 0 };
	if (!m->preprocess.grid)
		return OK;
	facts->n_pictures = batch < list->n ? batch : list->n;
	facts->pictures = mem_alloc(sizeof(*facts->pictures) * (size_t)facts->n_pictures);
	enum err e = input_check_side(m, k);
	for (int64_t b = 0; !e && b < facts->n_pictures; b++) {
		struct picture_size *s = &facts->pictures[b];
		int64_t i = (first + b) % list->n;
		e = input_list_size(list, i, exif, s);
		if (!e)
			e = about(preprocess_grid(&m->preprocess, s->width, s->height,
						  side_of(k), &grid),
				  list, i);
	}
	return e;
}

void input_facts_release(struct input_facts *f)
{
	free(f->pictures);
	*f = (struct input_facts){ 0 };
}

/* What became of a picture beyond rounding, and is worth a word. */
static void note_size(const struct preprocess_config *how, const struct image *im,
		      const struct patch_grid *g, const char *shown, struct str *note)
{
	if (!note || g->limit == SMART_RESIZE_ROUNDED || note->len)
		return;
	bool shrunk = g->limit == SMART_RESIZE_SHRUNK;
	str_addf(note, "%s: %d x %d pixels are %s the limit of %lld: resized to %d x %d",
		 shown, im->width, im->height, shrunk ? "over" : "under",
		 (long long)(shrunk ? how->max_pixels : how->min_pixels), g->width,
		 g->height);
}

static int64_t patches_of(const struct patch_grid *g)
{
	return (int64_t)g->rows * g->columns;
}

/* Groups of patches from the picture's order into the model's. */
static enum err reorder(const int32_t *order, int64_t groups, int64_t floats,
			float *patches)
{
	size_t bytes = sizeof(float) * (size_t)floats;
	float *copy = malloc(bytes * (size_t)groups);
	if (!copy)
		return err_set(ERR_NOMEM, "no memory for a picture in another order");
	memcpy(copy, patches, bytes * (size_t)groups);
	for (int64_t i = 0; i < groups; i++)
		memcpy(patches + i * floats, copy + order[i] * floats, bytes);
	free(copy);
	return OK;
}

/* Picture i, whose patches begin at row `row`. */
static enum err load_patches(const struct model *m, const struct input_list *list,
			     int64_t i, bool exif, const struct knobs *k,
			     const struct input *in, const struct patch_grid *grid,
			     int64_t row, struct image *shown, struct str *note)
{
	struct image image = { 0 };
	char name[512];
	struct patch_grid now;
	int64_t unit = m->patches_per_token, cols = tensor_cols(&in->patches);
	float *to = tensor_row(&in->patches, row);
	enum err e = input_list_read(list, i, exif, &image);
	if (e) /* the message names it */
		return e;
	e = preprocess_grid(&m->preprocess, image.width, image.height, side_of(k), &now);
	if (!e && (now.rows != grid->rows || now.columns != grid->columns))
		e = err_set(ERR_FORMAT, "the picture changed while it was read");
	if (!e)
		e = preprocess_patches(&m->preprocess, &image, side_of(k), to, shown);
	if (!e)
		note_size(&m->preprocess, &image, &now,
			  input_list_shown(list, i, name, sizeof(name)), note);
	image_release(&image);
	if (!e && in->order)
		e = reorder(in->order + row / unit, patches_of(grid) / unit, unit * cols,
			    to);
	return e ? about(e, list, i) : OK;
}

static enum err load_grids(const struct model *m, const struct input_list *list,
			   bool exif, int first, const struct knobs *k, struct input *in,
			   struct image *shown, struct str *note)
{
	enum err e = OK;
	int64_t row = 0, row_again = 0;
	for (int64_t b = 0; !e && b < in->items; b++) {
		int64_t n = patches_of(&in->grids[b]);
		if (b < list->n) {
			e = load_patches(m, list, (first + b) % list->n, exif, k, in,
					 &in->grids[b], row, b ? NULL : shown, note);
		} else { /* fewer pictures than items: they come again, in order */
			memcpy(tensor_row(&in->patches, row),
			       tensor_row(&in->patches, row_again),
			       sizeof(float) * (size_t)(n * tensor_cols(&in->patches)));
			row_again += n;
		}
		row += n;
	}
	return e;
}

/* ---- pictures of one size ---- */

static enum err load_pixels(const struct model *m, const struct input_list *list,
			    bool exif, int first, struct input *in, struct image *shown)
{
	int64_t side = in->pixels.dim[2];
	size_t item = (size_t)(3 * side * side);
	const struct preprocess_config how =
		preprocess_at(&m->preprocess, (int)m->image_size, (int)side);
	enum err e = OK;
	for (int64_t b = 0; !e && b < in->items; b++) {
		float *to = tensor_f32(&in->pixels) + (size_t)b * item;
		if (b >= list->n) /* fewer pictures than items: they come again */
			memcpy(to, to - (size_t)list->n * item, sizeof(float) * item);
		else
			e = load_one(&how, list, (first + b) % list->n, exif, side, to,
				     b ? NULL : shown);
	}
	return e;
}

/* ---- all of them ---- */

/* Values of the pictures that differ, and what tells those beyond the batch apart. */
static void hash_input(const struct input_list *list, const struct input *in,
		       char sha256[SHA256_HEX])
{
	struct sha256 s;
	int64_t distinct = in->items < list->n ? in->items : list->n, rows = 0;
	const struct tensor *values = in->grids ? &in->patches : &in->pixels;
	sha256_start(&s);
	for (int64_t b = 0; in->grids && b < distinct; b++) {
		const int size[2] = { in->grids[b].rows, in->grids[b].columns };
		sha256_add(&s, size, sizeof(size));
		rows += patches_of(&in->grids[b]);
	}
	if (!in->grids)
		rows = distinct * tensor_rows(values) / in->items;
	sha256_add(&s, values->data,
		   sizeof(float) * (size_t)(rows * tensor_cols(values)));
	/* Fidelity is taken over all pictures: the others belong to it too. */
	input_list_hash(list, list->cifar ? 0 : distinct, &s);
	sha256_end(&s, sha256);
}

enum err input_load(const struct model *m, const struct input_list *list, bool exif,
		    int first, const struct knobs *k, const struct input_facts *facts,
		    struct input *in, struct image *shown, struct str *note,
		    char sha256[SHA256_HEX])
{
	enum err e = m->family->shape(m, facts, k, in);
	if (e)
		return e;
	struct tensor *values = in->grids ? &in->patches : &in->pixels;
	values->data = malloc((size_t)tensor_bytes(values));
	if (!values->data)
		e = err_set(ERR_NOMEM, "no memory for %lld images", (long long)in->items);
	else if (in->grids)
		e = load_grids(m, list, exif, first, k, in, shown, note);
	else
		e = load_pixels(m, list, exif, first, in, shown);
	if (!e && m->family->fill)
		e = m->family->fill(m, in);
	if (e)
		input_release(in);
	else if (sha256)
		hash_input(list, in, sha256);
	return e;
}

void input_release(struct input *in)
{
	free(in->pixels.data);
	free(in->patches.data);
	free(in->ids.data);
	free(in->sequence.data);
	free(in->grids);
	if (in->plan)
		in->plan_free(in->plan);
	*in = (struct input){ 0 };
}
