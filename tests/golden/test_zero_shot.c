/*
 * Labels and pictures through both towers of a checkpoint, against transformers
 * (tests/oracle/zero_shot_fixtures.py).
 */
#include "bench.h"

#include <unistd.h>

#include "models/input.h"
#include "profiler/accuracy.h"
#include "profiler/classes.h"

#define RECORDS 16

static struct bench b;

static bool always(void *ctx)
{
	(void)ctx;
	return true;
}

static void no_progress(void *ctx, const char *what, double done, double total)
{
	(void)ctx, (void)what, (void)done, (void)total;
}

static struct classes_tower tower(void)
{
	return (struct classes_tower){
		.model = b.model->name,
		.backend = b.backend,
		.backend_self = b.self,
		.pool = b.pool,
		.still_wanted = always,
		.on_progress = no_progress,
	};
}

static void open_bench(const struct bench_way *way)
{
	bench_open(&b, "clip_tiny", "../zero_shot/oracle", INPUT_PICTURES, way);
}

/* One pass over the first `batch` pictures of the source. */
static void run_pictures(struct setting *s, struct input *in,
			 const struct input_source *source, const struct classes *classes,
			 const char *keep, int64_t batch)
{
	struct input_list list;
	const struct knobs k =
		bench_knobs(&b, batch, (const char *const[]){ "keep", keep, NULL });
	check_ok(input_list_make(source, &list));
	check_ok(input_load(b.model, &list, false, 0, &k, NULL, in, NULL, NULL, NULL));
	in->classes = classes->linear;
	bench_run(&b, s, in, &k);
	input_list_release(&list);
}

static void labels_and_a_picture(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct classes classes;
		struct labels labels;
		struct setting s;
		struct input in;
		struct input_source source = { 0 };
		open_bench(way);
		const struct classes_tower how = tower();
		check_ok(labels_read("a cat,a dog,the bird", &labels));
		check_ok(classes_make(&how, &labels, &classes));
		bench_same(bench_what(&b, ""), "text_embeds", classes.embeds.data,
			   tensor_count(&classes.embeds),
			   bench_want(&b, "", "text_embeds"));

		input_source_add_image(&source, fixture("images/rgb.png"));
		run_pictures(&s, &in, &source, &classes, "1", 1);
		bench_same(bench_what(&b, ""), "logits", s.out.logits.data,
			   tensor_count(&s.out.logits),
			   bench_want(&b, "", "logits_per_image"));
		setting_release(&s);
		input_release(&in);
		input_source_release(&source);
		classes_release(&classes);
		labels_release(&labels);
		bench_close(&b);
	}
}

/* What the oracle's logits say of picture i. */
static int told(const struct tensor *logits, int64_t i)
{
	const float *row = tensor_row(logits, i);
	int best = 0;
	for (int c = 1; c < tensor_cols(logits); c++)
		best = row[c] > row[best] ? c : best;
	return best;
}

static void same_accuracy(const struct tensor *logits, const struct input_source *source,
			  const struct setting *s, const struct classes *classes)
{
	struct accuracy got = { 0 };
	struct input_list list;
	int labels[RECORDS], right = 0;
	check_ok(input_list_make(source, &list));
	assert_int_equal(list.n, RECORDS);
	for (int i = 0; i < RECORDS; i++) {
		check_ok(input_list_label(&list, i, &labels[i]));
		right += told(logits, i) == labels[i];
		assert_int_equal(accuracy_class(&classes->linear.weight,
						tensor_row(&s->out.image_embeds, i)),
				 told(logits, i));
	}
	accuracy_add(&got, &classes->linear.weight, &s->out.image_embeds, NULL, labels,
		     RECORDS);
	assert_int_equal(got.right, right);
	assert_in_range(right, 1, RECORDS - 1);
	input_list_release(&list);
}

static void cifar_with_prompts(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct classes classes;
		struct labels labels;
		struct input_source source = { 0 };
		struct str dataset = STR_INIT;
		open_bench(way);
		const struct classes_tower how = tower();
		labels_cifar10(&labels);
		check_ok(classes_make(&how, &labels, &classes));
		bench_same(bench_what(&b, ""), "classes", classes.embeds.data,
			   tensor_count(&classes.embeds),
			   bench_want(&b, "cifar", "classes"));
		str_addf(&dataset, "cifar10:%s", fixture("zero_shot"));
		source.dataset = str_detach(&dataset);
		for (int half = 0; half < 2; half++) {
			struct setting s;
			struct input in;
			const struct tensor *logits =
				bench_want(&b, half ? "keep050" : "keep100", "logits");
			run_pictures(&s, &in, &source, &classes, half ? "0.5" : "1",
				     RECORDS);
			bench_same(bench_what(&b, half ? "0.5" : "1"), "logits",
				   s.out.logits.data, tensor_count(&s.out.logits),
				   logits);
			same_accuracy(logits, &source, &s, &classes);
			setting_release(&s);
			input_release(&in);
		}
		input_source_release(&source);
		classes_release(&classes);
		labels_release(&labels);
		bench_close(&b);
	}
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

static void what_cannot_be(void **state)
{
	(void)state;
	struct classes classes;
	struct labels labels;
	char none[128], dir[64];
	open_bench(&bench_ways[0]);
	struct classes_tower how = tower();
	check_ok(labels_read("a cat", &labels));

	how.still_wanted = never;
	check_err(classes_make(&how, &labels, &classes), ERR_CANCELLED, "cancel");
	how.still_wanted = always;
	how.vocab = "/nowhere.txt";
	check_err(classes_make(&how, &labels, &classes), ERR_NOTFOUND, "/nowhere.txt");
	how.vocab = fixture("tokens/tiny"); /* of another model: it has more tokens */
	check_err(classes_make(&how, &labels, &classes), ERR_FORMAT, "not this model's");
	how.vocab = NULL;
	how.model = fixture("clip_odd");
	check_err(classes_make(&how, &labels, &classes), ERR_NOTFOUND, "give --vocab");
	how.model = "clip-vit-b16:tiny";
	check_err(classes_make(&how, &labels, &classes), ERR_NOTFOUND, "give --vocab");
	how.model = "siglip-b16:tiny";
	check_err(classes_make(&how, &labels, &classes), ERR_UNSUPPORTED,
		  "no text tower");
	assert_null(classes.linear.weight.data);

	/* A folder without its weights. */
	temp_dir(dir);
	snprintf(none, sizeof(none), "%s/config.json", dir);
	assert_int_equal(symlink(fixture("clip_tiny/config.json"), none), 0);
	how.model = dir;
	assert_int_not_equal(classes_make(&how, &labels, &classes), OK);
	assert_non_null(strstr(err_message(), "text tower: "));
	temp_dir_remove(dir);
	labels_release(&labels);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_and_a_picture),
		cmocka_unit_test(cifar_with_prompts),
		cmocka_unit_test(what_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
