/* Choosing a GEMM engine, and what is said when it is not there. The cases run in this
 * order: OpenBLAS is loaded once in a process. */
#include <strings.h>

#include "check.h"

#include "base/cpu_isa.h"
#include "kernels/cpu/gemm.h"

static void *self;

static enum err open_cpu(const char *gemm)
{
	return backend_by_name("cpu")->open(&(struct backend_opts){ .gemm = gemm },
					    &self);
}

static struct blas_info opened(const char *gemm)
{
	struct blas_info info;
	check_ok(open_cpu(gemm));
	backend_by_name("cpu")->describe(self, DT_F32, &info);
	backend_by_name("cpu")->close(self);
	return info;
}

static void an_unknown_engine_lists_the_known(void **state)
{
	(void)state;
	check_err(open_cpu("mkl\033[2J"), ERR_USAGE, "mkl\\x1b[2J");
	for (int i = 0; gemm_engines[i]; i++)
		check_err(open_cpu("mkl"), ERR_USAGE, gemm_engines[i]->name);
	check_err(open_cpu("mkl"), ERR_USAGE, "auto");
}

static void without_the_library_auto_says_why(void **state)
{
	(void)state;
	setenv("SPARSETOP_OPENBLAS", "/nowhere/libopenblas.so.0", 1);
	setenv("SPARSETOP_ONEDNN", "/nowhere/libdnnl.so", 1);
	check_err(open_cpu("openblas"), ERR_UNAVAILABLE, "/nowhere/libopenblas.so.0");
	const char *const autos[] = { "auto", "", NULL };
	for (int i = 0; i < 3; i++) {
		struct blas_info info = opened(autos[i]);
		assert_string_not_equal(info.name, "OpenBLAS");
		assert_non_null(strstr(info.warning, "/nowhere/libopenblas.so.0"));
		assert_non_null(strstr(info.warning, info.name));
	}
	assert_string_equal(opened("ref").warning, "");
}

static void another_library_is_not_taken_for_it(void **state)
{
	(void)state;
	setenv("SPARSETOP_OPENBLAS", "libm.so.6", 1);
	check_err(open_cpu("openblas"), ERR_UNAVAILABLE, "lacks cblas_sgemm");
}

/* Of bf16 `auto` says why its products are none. OpenBLAS can be opened here. */
static void without_onednn_bf16_says_why(void **state)
{
	(void)state;
	struct blas_info info;
	unsetenv("SPARSETOP_OPENBLAS");
	check_ok(open_cpu("auto"));
	backend_by_name("cpu")->describe(self, DT_BF16, &info);
	if (!info.warning[0] || !strstr(info.warning, "OpenBLAS"))
		assert_non_null(strstr(info.warning, "widened"));
	backend_by_name("cpu")->close(self);
}

static void onednn_says_what_it_lacks(void **state)
{
	(void)state;
	bool built_in = false;
	for (int i = 0; gemm_engines[i]; i++)
		built_in |= !strcmp(gemm_engines[i]->name, "onednn");
	if (!built_in) {
		check_err(open_cpu("onednn"), ERR_UNAVAILABLE, "--gemm onednn: ");
		skip_because("%s", err_message());
	}
	check_err(open_cpu("onednn"), ERR_UNAVAILABLE, "libdnnl2");
	setenv("SPARSETOP_ONEDNN", "libm.so.6", 1);
	check_err(open_cpu("onednn"), ERR_UNAVAILABLE, "lacks dnnl_version");
	unsetenv("SPARSETOP_ONEDNN");
	if (open_cpu("onednn") == ERR_UNAVAILABLE)
		skip_because("%s", err_message());
	backend_by_name("cpu")->close(self);
	struct blas_info info = opened("onednn");
	assert_string_equal(info.name, "oneDNN");
	assert_int_equal(info.version[0], '2');
	assert_string_equal(info.warning, "");
}

static void openblas_uses_the_core_that_was_chosen(void **state)
{
	(void)state;
	unsetenv("SPARSETOP_OPENBLAS");
	setenv("OPENBLAS_CORETYPE", "", 1); /* an empty one counts as unset */
	if (open_cpu("openblas") == ERR_UNAVAILABLE)
		skip_because("%s", err_message());
	backend_by_name("cpu")->close(self);
	struct blas_info info = opened("openblas");
	assert_string_equal(info.name, "OpenBLAS");
	assert_true(info.version[0] >= '0' && info.version[0] <= '9');
	if (cpu_openblas_core())
		assert_int_equal(strcasecmp(info.core, cpu_openblas_core()), 0);
	else
		assert_null(getenv("OPENBLAS_CORETYPE"));
	assert_string_equal(info.warning, "");
}

static void names_are_unique_and_engines_complete(void **state)
{
	(void)state;
	for (int i = 0; gemm_engines[i]; i++) {
		const struct gemm_engine *e = gemm_engines[i];
		assert_true(e->open && e->close && e->run);
		assert_true(!e->prepare == !e->unprepare);
		assert_true(e->m_grain > 0 && e->n_grain > 0);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(e->name, gemm_engines[j]->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_engine_lists_the_known),
		cmocka_unit_test(without_the_library_auto_says_why),
		cmocka_unit_test(another_library_is_not_taken_for_it),
		cmocka_unit_test(without_onednn_bf16_says_why),
		cmocka_unit_test(onednn_says_what_it_lacks),
		cmocka_unit_test(openblas_uses_the_core_that_was_chosen),
		cmocka_unit_test(names_are_unique_and_engines_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
