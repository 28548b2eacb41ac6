/*
 * Every way to drop tokens, on items that lose different numbers of them at different
 * sites: an item of a batch goes the way it goes alone, what one site leaves is what the
 * next finds, and nothing needs more memory than the dry pass said.
 */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "profiler/setting.h"

#define ITEMS 5
#define SIDE 12
#define PIXELS (3 * SIDE * SIDE)
#define EMBED 16

static struct bed {
	const struct backend *backend;
	void *self;
	struct pool *pool;
	struct model *model;
	float pixels[ITEMS * PIXELS];
} b;

/* From all grey, whose patches are alike, to one that is mostly noise. */
static void draw_items(void)
{
	for (int i = 0; i < ITEMS; i++)
		for (uint32_t at = 0; at < PIXELS; at++) {
			uint32_t n = (uint32_t)i * PIXELS + at;
			float noise = rng_uniform(rng_key(1, "pixels"), n) - 0.5f;
			bool busy = (int)(at % SIDE) * ITEMS < i * SIDE;
			b.pixels[n] = busy ? 4 * noise : 0.1f;
		}
}

static void open_bed(const char *backend, int threads)
{
	b.backend = backend_by_name(backend);
	check_ok(pool_create(threads, &b.pool));
	check_ok(b.backend->open(&(struct backend_opts){ b.pool, "native" }, &b.self));
	check_ok(model_open(fixture("reduce_tiny"), 0, &b.model));
	check_ok(tensors_prepare(b.model->tensors, NULL));
	draw_items();
}

static void close_bed(void)
{
	model_unprepare(b.model, b.backend, b.self);
	model_free(b.model);
	b.backend->close(b.self);
	pool_free(b.pool);
}

struct way {
	const char *method, *keep, *merge_r, *threshold, *scale, *prune_at;
};

static const struct way ways[] = {
	{ .method = "none" },
	{ .method = "l2", .keep = "0.6" },
	{ .method = "l2", .keep = "0.6", .prune_at = "0+1+2+3" },
	{ .method = "knorm", .keep = "0.6", .prune_at = "1+3" },
	{ .method = "qnorm", .keep = "0.9" },
	{ .method = "kqnorm", .keep = "0.3", .prune_at = "0+1+2+3" },
	{ .method = "cls", .keep = "0.7", .prune_at = "0+1+2+3" },
	{ .method = "evit", .keep = "0.7", .prune_at = "0+1+2+3" },
	{ .method = "tome", .merge_r = "5" },
	{ .method = "tome", .merge_r = "4096" },
	{ .method = "aligned", .keep = "0.5", .prune_at = "0+2" },
	{ .method = "adaptive", .keep = "0.5" },
	{ .method = "adaptive", .keep = "0.7", .prune_at = "0+1+2+3" },
	{ .method = "adaptive", .keep = "1", .prune_at = "0+1+2+3" },
	{ .method = "threshold", .threshold = "0" },
	{ .method = "threshold", .threshold = "1e9" },
	{ .method = "threshold", .threshold = "1.5" },
	{ .method = "threshold", .threshold = "3" },
	{ .method = "threshold", .threshold = "0", .scale = "quantile" },
	{ .method = "threshold", .threshold = "0.3", .scale = "quantile" },
	{ .method = "threshold", .threshold = "1", .scale = "quantile" },
};

static void set(struct knobs *k, enum knob_id id, const char *value)
{
	if (value)
		check_ok(knobs_set(k, id, value));
}

/* False: these do not go together. */
static bool knobs_of(const struct way *way, const char *summary, const char *layout,
		     int batch, struct knobs *k)
{
	char items[8];
	snprintf(items, sizeof(items), "%d", batch);
	knobs_init(k);
	set(k, KNOB_METHOD, way->method);
	set(k, KNOB_KEEP, way->keep);
	set(k, KNOB_MERGE_R, way->merge_r);
	set(k, KNOB_THRESHOLD, way->threshold);
	set(k, KNOB_THRESHOLD_SCALE, way->scale);
	set(k, KNOB_PRUNE_AT, way->prune_at);
	set(k, KNOB_SUMMARY, summary);
	set(k, KNOB_LAYOUT, layout);
	set(k, KNOB_BATCH, items);
	return model_check_knobs(b.model, k) == OK;
}

/* Items from `first` on; setting_release() is the caller's. */
static void pass(struct setting *s, struct input *in, const struct knobs *k, int first)
{
	*in = (struct input){ .pixels = tensor_of(DT_F32, b.pixels + first * PIXELS,
						  DIMS((int64_t)knob_num(k, KNOB_BATCH),
						       3, SIDE, SIDE)) };
	check_ok(model_prepare(b.model, k, b.backend, b.self));
	check_ok(setting_init(s, b.model, b.backend, b.self, b.pool, in, k));
	check_ok(setting_pass(s, false, NULL));
}

/* Candidates that were not dropped are those of the next site, and no others but what
 * EViT makes of the dropped. */
static void check_chain(const char *what, const struct trace *t, int64_t item, bool fuses)
{
	int64_t left = -1;
	for (int i = 0; i < t->n; i++) {
		struct trace_story s;
		trace_tell(t, i, item, &s);
		if (left >= 0 && s.n_alive != left)
			fail_msg("%s: item %d: site %d finds %d candidates, %d were left",
				 what, (int)item, i, (int)s.n_alive, (int)left);
		left = s.n_kept + (fuses && s.n_kept < s.n_alive);
		trace_story_release(&s);
	}
}

static void check_alone(const char *what, const struct setting *batch, int item,
			struct knobs k)
{
	struct setting alone;
	struct input in;
	int32_t kept[SIDE * SIDE], wanted[SIDE * SIDE];
	check_ok(knobs_set(&k, KNOB_BATCH, "1"));
	pass(&alone, &in, &k, item);
	int64_t n = trace_kept(&batch->out.trace, item, kept);
	if (n != trace_kept(&alone.out.trace, 0, wanted) ||
	    memcmp(kept, wanted, sizeof(*kept) * (size_t)n) != 0)
		fail_msg("%s: item %d keeps other patches than alone", what, item);
	for (int i = 0; i < EMBED; i++) {
		float got = tensor_row(&batch->out.image_embeds, item)[i];
		float want = tensor_row(&alone.out.image_embeds, 0)[i];
		if (!(fabsf(got - want) <= 1e-4f * (1 + fabsf(want))))
			fail_msg("%s: item %d [%d] is %g, alone %g", what, item, i,
				 (double)got, (double)want);
	}
	setting_release(&alone);
}

static void check_way(const struct way *way, const char *summary, const char *layout)
{
	char what[160];
	struct setting s;
	struct input in;
	struct knobs k;
	if (!knobs_of(way, summary, layout, ITEMS, &k))
		return;
	snprintf(what, sizeof(what), "%s: %s keep %s threshold %s %s at %s, %s, %s",
		 b.backend->name, way->method, way->keep ? way->keep : "-",
		 way->threshold ? way->threshold : "-", way->scale ? way->scale : "",
		 way->prune_at ? way->prune_at : "embed", summary, layout);
	pass(&s, &in, &k, 0);
	for (int i = 0; i < ITEMS; i++) {
		if (!way->merge_r)
			check_chain(what, &s.out.trace, i, !strcmp(way->method, "evit"));
		check_alone(what, &s, i, k);
	}
	setting_release(&s);
}

static void check_all(const char *backend, int threads)
{
	static const char *const summaries[] = { "off", "dropped", "all" };
	open_bed(backend, threads);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		for (int j = 0; j < 3; j++) {
			check_way(&ways[i], summaries[j], "packed");
			check_way(&ways[i], summaries[j], "padded");
		}
	close_bed();
}

static void reference(void **state)
{
	(void)state;
	check_all("ref", 1);
}

static void one_thread(void **state)
{
	(void)state;
	check_all("cpu", 1);
}

static void three_threads(void **state)
{
	(void)state;
	check_all("cpu", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference),
		cmocka_unit_test(one_thread),
		cmocka_unit_test(three_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
