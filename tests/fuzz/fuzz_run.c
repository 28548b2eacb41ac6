/* A run in JSON, as the store and the protocol hold it. */
#include "fuzz.h"
#include "profiler/run.h"

/* What was read can be written, and what was written can be read. */
static void write_again(const struct run *run)
{
	struct run *again;
	json_t *json = run_to_json(run);
	fuzz_check(!run_from_json(json, "again", &again), "it can be read again");
	run_free(again);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run *run;
	json_t *json;
	if (json_read((const char *)data, n, "run", &json))
		return 0;
	if (!run_from_json(json, "run", &run)) {
		write_again(run);
		run_free(run);
	}
	json_decref(json);
	return 0;
}
