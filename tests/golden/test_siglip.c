/*
 * SigLIP from the picture on: the folder's processor against SiglipImageProcessor (tests/
 * oracle). The tower itself is among the cases of test_reduce.c.
 */
#include <math.h>

#include "bench.h"
#include "image/image.h"
#include "models/input.h"

/* Pixels are exact; the arithmetic on them may be in another order. */
#define TOLERANCE 1e-6

static void check_picture(const struct model *m, const struct safetensors_entry *want)
{
	char file[96], sha256[SHA256_HEX];
	struct input_list list;
	struct input in = { 0 };
	struct image shown = { 0 };
	struct knobs k;
	snprintf(file, sizeof(file), "images/%s", want->name);
	char *path = (char *)(uintptr_t)fixture(file);
	const struct input_source source = { .images = &path, .n_images = 1 };
	knobs_init(&k);
	check_ok(input_list_make(&source, &list));
	check_ok(input_load(m, &list, false, 0, &k, NULL, &in, &shown, NULL, sha256));
	struct tensor ref = bench_copy(&want->tensor);
	assert_int_equal(tensor_count(&in.pixels), tensor_count(&ref));
	for (int64_t i = 0; i < tensor_count(&ref); i++) {
		double x = (double)tensor_f32(&in.pixels)[i];
		double y = (double)tensor_f32(&ref)[i];
		if (!(fabs(x - y) <= TOLERANCE))
			fail_msg("%s: value %lld is %.9g, want %.9g", want->name,
				 (long long)i, x, y);
	}
	free(ref.data);
	image_release(&shown);
	input_release(&in);
	input_list_release(&list);
}

static void pictures(void **state)
{
	(void)state;
	struct model *m;
	struct safetensors *values;
	check_ok(model_open(fixture("siglip_tiny"), 0, &m));
	check_ok(safetensors_open(fixture("siglip_tiny/values.safetensors"), &values));
	assert_true(safetensors_count(values) >= 5);
	for (size_t i = 0; i < safetensors_count(values); i++)
		check_picture(m, safetensors_at(values, i));
	safetensors_free(values);
	model_free(m);
}

static void methods_that_need_a_class_token(void **state)
{
	(void)state;
	struct model *m;
	check_ok(model_open(fixture("siglip_tiny"), 0, &m));
	static const char *const needy[] = { "cls", "evit" };
	for (size_t i = 0; i < 2; i++) {
		struct knobs k;
		knobs_init(&k);
		check_ok(knobs_set(&k, KNOB_METHOD, needy[i]));
		check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
		check_err(model_check_knobs(m, &k), ERR_USAGE, "class token");
	}
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures),
		cmocka_unit_test(methods_that_need_a_class_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
