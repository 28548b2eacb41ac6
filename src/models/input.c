#include "models/input.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "image/scene.h"

static void list_add(struct input_list *l, char *path)
{
	l->paths = mem_grow(l->paths, (size_t)l->n + 1, sizeof(char *));
	l->paths[l->n++] = path;
}

/* A path may hold anything, a terminal's commands too. */
static const char *shown_path(const char *path, char buf[512])
{
	return str_escaped(buf, 512, path, strlen(path));
}

/* In a folder the name or the content tells a picture, so that a README beside them is no
 * mistake but a broken picture is. */
static bool named_like_a_picture(const char *name)
{
	static const char *const suffixes[] = {
		"png", "jpg", "jpeg", "ppm", "pgm", "pnm"
	};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!strcasecmp(dot + 1, suffixes[i]))
			return true;
	return false;
}

static bool is_picture(const char *path, const char *name)
{
	struct stat st;
	return !stat(path, &st) && S_ISREG(st.st_mode) &&
	       (named_like_a_picture(name) || image_sniff(path));
}

static int regular(const struct dirent *d)
{
	return d->d_name[0] != '.' &&
	       (d->d_type == DT_REG || d->d_type == DT_LNK || d->d_type == DT_UNKNOWN);
}

static enum err add_folder(struct input_list *l, const char *folder)
{
	char shown[512];
	struct dirent **names;
	int n = scandir(folder, &names, regular, alphasort);
	if (n < 0)
		return err_set(ERR_IO, "%s: %s", shown_path(folder, shown),
			       strerror(errno));
	int before = l->n;
	for (int i = 0; i < n; i++) {
		struct str path = STR_INIT;
		str_addf(&path, "%s/%s", folder, names[i]->d_name);
		if (is_picture(str_get(&path), names[i]->d_name))
			list_add(l, str_dup(str_get(&path)));
		str_release(&path);
		free(names[i]);
	}
	free(names);
	if (l->n == before)
		return err_set(ERR_NOTFOUND,
			       "%s: no pictures (PNG, JPEG, PPM or PGM) in this folder",
			       shown_path(folder, shown));
	return OK;
}

/* "PATH#17" where nothing has that name: one record. False: the path is as it stands. */
static bool one_record(const char *path, char **file, int64_t *record)
{
	const char *hash = strrchr(path, '#');
	char *end = NULL;
	if (!access(path, F_OK) || !hash || hash[1] < '0' || hash[1] > '9')
		return false;
	errno = 0;
	*record = strtoll(hash + 1, &end, 10);
	if (errno || *end || *record >= INT32_MAX)
		return false;
	*file = str_dup(path);
	(*file)[hash - path] = 0;
	return true;
}

static enum err add_records(struct input_list *l, const char *path, int64_t first,
			    int64_t limit)
{
	char shown[512];
	enum err e = cifar_open(path, limit, &l->cifar);
	if (e)
		return e;
	int64_t n = cifar_count(l->cifar);
	if (first >= n || n > INT32_MAX)
		return err_set(ERR_NOTFOUND, "%s: no picture %lld, it has %lld",
			       shown_path(path, shown), (long long)first, (long long)n);
	l->first = first;
	for (int64_t i = first; i < n; i++) {
		struct str name = STR_INIT;
		str_addf(&name, "cifar10:%s#%lld", path, (long long)i);
		list_add(l, str_detach(&name));
	}
	return OK;
}

static enum err add_dataset(struct input_list *l, const struct input_source *from)
{
	const char *path = input_source_dataset(from, "cifar10");
	char *file;
	int64_t record;
	if (!path)
		return input_source_check(from); /* names the kinds there are */
	if (!one_record(path, &file, &record))
		return add_records(l, path, 0, (int64_t)from->limit);
	enum err e = add_records(l, file, record, record + 1);
	free(file);
	return e;
}

enum err input_list_make(const struct input_source *from, struct input_list *l)
{
	*l = (struct input_list){ 0 };
	char shown[512];
	enum err e = OK;
	for (int i = 0; !e && i < from->n_images; i++) {
		struct stat st;
		if (stat(from->images[i], &st))
			e = err_set(errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: %s",
				    shown_path(from->images[i], shown), strerror(errno));
		else if (S_ISDIR(st.st_mode))
			e = add_folder(l, from->images[i]);
		else
			list_add(l, str_dup(from->images[i]));
	}
	if (!e && from->dataset)
		e = add_dataset(l, from);
	else if (!e && !from->n_images)
		list_add(l, NULL);
	if (e)
		input_list_release(l);
	return e;
}

void input_list_release(struct input_list *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->paths[i]);
	free(l->paths);
	cifar_free(l->cifar);
	*l = (struct input_list){ 0 };
}

const char *input_list_name(const struct input_list *l, int i)
{
	return i >= 0 && i < l->n ? l->paths[i] : NULL;
}

enum err input_list_label(const struct input_list *l, int64_t i, int *label)
{
	struct image image = { 0 };
	*label = -1;
	if (!l->cifar)
		return OK;
	enum err e = cifar_record(l->cifar, l->first + i, &image, label);
	image_release(&image);
	return e;
}

enum err input_list_check(const struct input_list *l, int64_t from)
{
	enum err e = OK;
	for (int64_t i = from; !e && !l->cifar && i < l->n; i++) {
		struct image image = { 0 };
		if (!l->paths[i] || image_sniff(l->paths[i]))
			continue;
		e = image_load(l->paths[i], false, &image); /* its words for it */
		image_release(&image);
	}
	return e;
}

static enum err read_picture(const struct input_list *list, int64_t i, bool exif,
			     struct image *out)
{
	int label;
	if (list->cifar)
		return cifar_record(list->cifar, list->first + i, out, &label);
	return list->paths[i] ? image_load(list->paths[i], exif, out) : scene_draw(out);
}

/* Picture i into [3, S, S] at `to`. */
static enum err load_one(const struct preprocess_config *how,
			 const struct input_list *list, int64_t i, bool exif,
			 int64_t side, float *to, struct image *shown)
{
	struct image image = { 0 };
	char where[512];
	const char *path = list->paths[i];
	int64_t width, height;
	enum err e = read_picture(list, i, exif, &image);
	if (e)
		return e;
	preprocess_size(how, image.width, image.height, &width, &height);
	if (width != side || height != side)
		e = err_set(ERR_FORMAT,
			    "%s: preprocessor_config.json makes it %lld x %lld pixels, "
			    "the model takes %lld x %lld",
			    path ? shown_path(path, where) : "built-in scene",
			    (long long)width, (long long)height, (long long)side,
			    (long long)side);
	else
		e = preprocess_run(how, &image, to, shown);
	image_release(&image);
	return e;
}

static void hash_file(struct sha256 *s, const char *path)
{
	struct stat st = { 0 };
	struct str facts = STR_INIT;
	if (path && stat(path, &st))
		st = (struct stat){ 0 }; /* loading it will say so */
	str_addf(&facts, "%lld %lld.%09ld %s", (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, path ? path : "");
	sha256_add_str(s, str_get(&facts));
	str_release(&facts);
}

/* The records themselves: small, and their files may be several. */
static void hash_record(const struct input_list *list, int64_t i, struct sha256 *s)
{
	struct image image = { 0 };
	int label = -1;
	if (cifar_record(list->cifar, list->first + i, &image, &label))
		return; /* loading it will say so */
	sha256_add(s, image.rgb, 3 * (size_t)image.width * (size_t)image.height);
	sha256_add(s, &label, sizeof(label));
	image_release(&image);
}

void input_list_hash(const struct input_list *list, int64_t from, struct sha256 *s)
{
	for (int64_t i = from; i < list->n; i++)
		if (list->cifar)
			hash_record(list, i, s);
		else
			hash_file(s, list->paths[i]);
}

/* ---- pictures of any size ---- */

static enum err size_of(const struct input_list *list, int64_t i, bool exif,
			struct picture_size *out)
{
	*out = (struct picture_size){ SCENE_WIDTH, SCENE_HEIGHT };
	if (list->cifar)
		*out = (struct picture_size){ CIFAR_SIDE, CIFAR_SIDE };
	else if (list->paths[i])
		return image_size(list->paths[i], exif, &out->width, &out->height);
	return OK;
}

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
	const char *path = list->paths[i];
	return e ? err_context(e, "%s", path ? shown_path(path, where) : "built-in scene")
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
		e = size_of(list, i, exif, s);
		if (!e)
			e = about(preprocess_grid(&m->preprocess, s->width, s->height,
						  side_of(k), &grid),
				  list, i);
	}
	return e;
}

struct input_facts input_facts_copy(const struct input_facts *f)
{
	struct input_facts copy = *f;
	size_t bytes = sizeof(*f->pictures) * (size_t)f->n_pictures;
	copy.pictures = bytes ? memcpy(mem_alloc(bytes), f->pictures, bytes) : NULL;
	return copy;
}

void input_facts_release(struct input_facts *f)
{
	free(f->pictures);
	*f = (struct input_facts){ 0 };
}

/* What became of a picture beyond rounding, and is worth a word. */
static void note_size(const struct preprocess_config *how, const struct image *im,
		      const struct patch_grid *g, const char *name, struct str *note)
{
	char shown[512];
	if (!note || g->limit == SMART_RESIZE_ROUNDED || note->len)
		return;
	bool shrunk = g->limit == SMART_RESIZE_SHRUNK;
	str_addf(note, "%s: %d x %d pixels are %s the limit of %lld: resized to %d x %d",
		 name ? shown_path(name, shown) : "built-in scene", im->width, im->height,
		 shrunk ? "over" : "under",
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
	struct patch_grid now;
	int64_t unit = m->patches_per_token, cols = tensor_cols(&in->patches);
	float *to = tensor_row(&in->patches, row);
	enum err e = read_picture(list, i, exif, &image);
	if (!e)
		e = preprocess_grid(&m->preprocess, image.width, image.height, side_of(k),
				    &now);
	if (!e && (now.rows != grid->rows || now.columns != grid->columns))
		e = err_set(ERR_FORMAT, "the picture changed while it was read");
	if (!e)
		e = preprocess_patches(&m->preprocess, &image, side_of(k), to, shown);
	if (!e)
		note_size(&m->preprocess, &image, &now, list->paths[i], note);
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
	free(in->grids);
	if (in->plan)
		in->plan_free(in->plan);
	*in = (struct input){ 0 };
}
