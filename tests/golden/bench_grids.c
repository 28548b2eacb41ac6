/* Inputs of models that take pictures of any size, from the oracle's rows of patches. */
#include "bench.h"

#include "base/str.h"
#include "models/input.h"
#include "models/qwen_plan.h"

/* Pictures that come out as this grid: the limits of the fixtures leave them alone. */
static struct input_facts facts_of(const struct bench *b, const struct tensor *grids)
{
	int patch = b->model->cut.patch;
	const int64_t *thw = grids->data;
	struct input_facts f = { .n_pictures = grids->dim[0] };
	f.pictures = mem_alloc(sizeof(*f.pictures) * (size_t)f.n_pictures);
	for (int64_t i = 0; i < f.n_pictures; i++, thw += 3)
		f.pictures[i] =
			(struct picture_size){ (int)thw[2] * patch, (int)thw[1] * patch };
	return f;
}

static void same_grids(const struct bench *b, const struct input *in,
		       const struct tensor *grids)
{
	const int64_t *thw = grids->data;
	for (int64_t i = 0; i < grids->dim[0]; i++, thw += 3)
		if (in->grids[i].rows != thw[1] || in->grids[i].columns != thw[2])
			fail_msg("%s: a grid of %lld x %lld became %d x %d", b->folder,
				 (long long)thw[1], (long long)thw[2], in->grids[i].rows,
				 in->grids[i].columns);
}

/* Groups of patches go where the model's sequence has them. */
static void fill_patches(const struct bench *b, struct input *in,
			 const struct tensor *rows)
{
	int64_t unit = b->model->patches_per_token, at = 0, first = 0;
	size_t bytes = sizeof(float) * (size_t)(unit * tensor_cols(rows));
	in->patches.data = malloc((size_t)tensor_bytes(&in->patches));
	assert_int_equal(tensor_count(&in->patches), tensor_count(rows));
	for (int64_t item = 0; item < in->items; item++, first = at) {
		int64_t n = in->grids[item].rows * in->grids[item].columns / unit;
		for (; at < first + n; at++) {
			int64_t group = in->order ? in->order[at] : at - first;
			memcpy(tensor_row(&in->patches, at * unit),
			       tensor_row(rows, (first + group) * unit), bytes);
		}
	}
}

/* Counts the text of a prompt, and what of it stands before the picture. */
static void measure_prompt(const struct bench *b, const struct tensor *ids,
			   struct input_facts *f)
{
	const int64_t *id = ids->data;
	int64_t n = tensor_count(ids), pictures = 0;
	for (int64_t i = 0; i < n; i++)
		if (id[i] == b->model->marks.picture && !pictures++)
			f->before = i;
	assert_true(pictures > 0);
	f->prompt = n - pictures;
}

static void fill_ids(const struct bench *b, struct input *in, const struct tensor *ids)
{
	const int64_t *id = ids->data;
	int64_t n = 0;
	int32_t *to = in->ids.data = malloc((size_t)tensor_bytes(&in->ids));
	for (int64_t i = 0; i < tensor_count(ids); i++)
		if (id[i] != b->model->marks.picture)
			to[n++] = (int32_t)id[i];
	assert_int_equal(n, tensor_count(&in->ids)); /* of one item */
}

struct input bench_grids(const struct bench *b, const char *group,
			 const struct tensor *ids)
{
	const struct family *family = b->model->family;
	const struct tensor *grids = bench_want(b, group, "grid_thw");
	struct knobs k = bench_knobs(b, grids->dim[0], (const char *const[]){ NULL });
	struct input_facts facts = facts_of(b, grids);
	struct input in;
	if (ids)
		measure_prompt(b, ids, &facts);
	check_ok(family->shape(b->model, &facts, &k, &in));
	input_facts_release(&facts);
	same_grids(b, &in, grids);
	fill_patches(b, &in, bench_want(b, group, "pixel_values"));
	if (ids)
		fill_ids(b, &in, ids);
	check_ok(family->fill(b->model, &in));
	return in;
}

struct input_facts bench_facts(const struct input *in)
{
	struct input_facts f = { 0 };
	const struct qwen_plan *plan = in->plan;
	if (!in->grids)
		return f;
	f = (struct input_facts){ .n_pictures = in->items,
				  .prompt = plan->prompt,
				  .before = plan->before };
	f.pictures = mem_alloc(sizeof(*f.pictures) * (size_t)f.n_pictures);
	for (int64_t i = 0; i < f.n_pictures; i++)
		f.pictures[i] =
			(struct picture_size){ in->grids[i].width, in->grids[i].height };
	return f;
}
