/*
 * The commands as scripts use them: exit statuses, one line for every mistake, the result
 * object, what is stored and what is not.
 *
 * Called as `test_cli proxy WHAT`, this program is a worker that goes wrong: it stands
 * between the front and a real worker and does WHAT when the first sample passes by.
 */
#include "check.h"

#include <math.h>
#include <sys/stat.h>

#include "proc.h"
#include "result.h"
#include "profiler/metric.h"
#include "sessions/store.h"
#include "tensor/safetensors.h"
#include "unit/run_sample.h"

#define TINY "clip-vit-b32:tiny"
#define QUICK "-m", TINY, "--samples", "2", "--warmup", "1", "--threads", "1"

static char dir[64];
static struct proc p;

/* ---- the worker that goes wrong ---- */

static void go_wrong(const char *what)
{
	static const char garbage[] = "Segmentation fault \x1b[31m\n";
	static const char done[] = "{\"type\":\"done\",\"id\":1}\n";
	static const char failed[] =
		"{\"type\":\"error\",\"id\":1,\"code\":\"ok\",\"message\":\"odd\"}\n";
	ssize_t n = 0;
	if (!strcmp(what, "kill"))
		raise(SIGKILL);
	if (!strcmp(what, "abort"))
		raise(SIGABRT);
	if (!strcmp(what, "interrupt"))
		kill(getppid(), SIGINT);
	if (!strcmp(what, "garbage"))
		n = write(1, garbage, sizeof(garbage) - 1);
	if (!strcmp(what, "done"))
		n = write(1, done, sizeof(done) - 1);
	if (!strcmp(what, "error"))
		n = write(1, failed, sizeof(failed) - 1);
	if (!strcmp(what, "exit") || n < 0)
		exit(3);
}

static int proxy(const char *what)
{
	int out[2];
	char line[1 << 16];
	bool wronged = false;
	if (pipe(out))
		return 99;
	if (!fork()) {
		dup2(out[1], 1);
		close(out[0]);
		execl(getenv("SPARSETOP"), "sparsetop", "worker", (char *)NULL);
		_exit(98);
	}
	close(out[1]);
	FILE *from = fdopen(out[0], "r");
	while (fgets(line, sizeof(line), from)) {
		if (write(1, line, strlen(line)) < 0)
			return 97;
		if (!wronged && !strncmp(line, "{\"type\":\"sample\"", 16)) {
			wronged = true;
			go_wrong(what);
		}
	}
	fclose(from);
	return 0;
}

/* The command line that starts it. */
static const char *wrong(const char *what)
{
	static char command[600];
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	assert_true(n > 0);
	self[n] = 0;
	snprintf(command, sizeof(command), "exec '%s' proxy %s", self, what);
	return command;
}

/* ---- looking at what came ---- */

static int set_up(void **state)
{
	char path[128];
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/s.db", dir);
	setenv("SPARSETOP_DB", path, 1);
	setenv("HF_HUB_CACHE", dir, 1);
	setenv("HOME", dir, 1);
	setenv("TERM", "dumb", 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	proc_release(&p);
	temp_dir_remove(dir);
	return 0;
}

static const char *in_dir(const char *file)
{
	static char path[4][160];
	static unsigned turn;
	char *to = path[turn++ % 4];
	snprintf(to, sizeof(path[0]), "%s/%s", dir, file);
	return to;
}

/* Runs and expects this status; the outputs are in p. */
#define WANT(status, ...)                                                                \
	do {                                                                             \
		proc_release(&p);                                                        \
		int got_ = PROGRAM(&p, __VA_ARGS__);                                     \
		if (got_ != (status))                                                    \
			fail_msg("status %d, want %d: %s", got_, status,                 \
				 str_get(&p.err_text));                                  \
	} while (0)

/* One clear line on stderr with these words, nothing on stdout. */
static void one_line(const char *part)
{
	const char *text = str_get(&p.err_text), *end = strchr(text, '\n');
	assert_string_equal(str_get(&p.out_text), "");
	if (!end || end[1] || strncmp(text, "sparsetop: ", 11))
		fail_msg("not one line: %s", text);
	if (!strstr(text, part))
		fail_msg("lacks \"%s\": %s", part, text);
	for (const char *c = text; c < end; c++)
		assert_true((unsigned char)*c >= 0x20);
}

#define REFUSED(status, part, ...)                                                       \
	do {                                                                             \
		WANT(status, __VA_ARGS__);                                               \
		one_line(part);                                                          \
	} while (0)

/* Its stdout as one line of JSON; the caller's. */
static json_t *output(void)
{
	p.read_to = 0;
	json_t *o = proc_line(&p);
	assert_non_null(o);
	assert_int_equal(p.read_to, p.out_text.len);
	return o;
}

static const char *text(const json_t *o, const char *path)
{
	const char *s = json_string_value(at(o, path));
	if (!s)
		fail_msg("%s is not a text", path);
	return s;
}

/* Lines of `sessions list`: sessions that exist. */
static int sessions_stored(void)
{
	int n = 0;
	WANT(0, "sessions", "list", "--json");
	for (const char *c = str_get(&p.out_text); *c; c++)
		n += *c == '\n';
	return n;
}

static bool exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

/* ---- wrong usage: 2, and what is not there: 1 ---- */

static void usage(void **state)
{
	(void)state;
	REFUSED(2, "frobnicate", "frobnicate");
	REFUSED(2, "--bogus", "run", "--bogus");
	REFUSED(2, "-x is not", "run", "-xm", "foo");
	REFUSED(2, "-x is not", "run", "--json", "-xm", "foo");
	REFUSED(2, "-\\xc3 is not", "run", "-\xc3\xb6");
	REFUSED(2, "-m wants a value", "run", "--json", "-hm");
	REFUSED(2, "--model wants a value", "run", "--model");
	REFUSED(2, "--json=yes", "run", "--json=yes");
	REFUSED(2, "wants a value", "run", "--keep");
	REFUSED(2, "wants a value", "run", "-m");
	REFUSED(2, "0.01 to 1", "run", "--keep", "0");
	REFUSED(2, "0.01 to 1", "run", "--keep", "nan");
	REFUSED(2, "--keep 1x", "run", "--keep", "1x");
	REFUSED(2, "--batch", "run", "--batch", "1.5");
	REFUSED(2, "bf16", "run", "--dtype", "fp8");
	REFUSED(2, "--samples", "run", "--samples", "0");
	REFUSED(2, "100000", "run", "--samples", "100001");
	REFUSED(2, "--budget", "run", "--budget", "-1");
	REFUSED(2, "--noise", "run", "--noise", "x\x1b[31m");
	REFUSED(2, "wall_ns", "run", "--sort", "colour");
	REFUSED(2, "layer, op or kind", "run", "--group-by", "x");
	REFUSED(2, "extra", "run", "extra");
	REFUSED(2, "want cifar10:PATH", "run", "--dataset", "mnist:x");
	REFUSED(2, "want cifar10:PATH", "run", "--dataset", "cifar10:");
	REFUSED(2, "-i and --dataset", "run", "--dataset", "cifar10:x", "-i", "y.png");
	REFUSED(2, "--text and --tokens", "run", "--text", "a", "--tokens", "b");
	REFUSED(2, "labels are for pictures", "run", "--text", "a", "--labels", "b");
	REFUSED(2, "--labels: is empty", "run", "--labels", "");
	REFUSED(2, "no text to tokenize", "run", "--vocab", "x");
	REFUSED(2, "of no pictures", "run", "--dataset", "cifar10:x", "--limit", "0");
	REFUSED(2, "without a --dataset", "--limit", "3");
	REFUSED(2, "--session", "run", QUICK, "--session", "a\x1b[31m");
	REFUSED(2, "empty", "run", "--session", "");
	REFUSED(2, "list", "sessions", "dance");
	REFUSED(2, "--format", "export", "last");
	REFUSED(2, "csv, json", "export", "last", "--format", "pdf");
	REFUSED(2, "which run", "export", "--format", "csv");
	REFUSED(2, "no arguments", "models", "x");
	REFUSED(2, "no arguments", "version", "x");
	REFUSED(2, "no arguments", "worker", "x");
	assert_false(exists(in_dir("s.db"))); /* nobody asked for a database yet */
}

static void help(void **state)
{
	static const char *const commands[] = { "run",    "sessions", "export", "models",
						"doctor", "worker",   "version" };
	(void)state;
	WANT(0, "--help");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_non_null(strstr(str_get(&p.out_text), commands[i]));
		struct proc q;
		assert_int_equal(PROGRAM(&q, commands[i], "--help"), 0);
		assert_non_null(strstr(str_get(&q.out_text), "usage: sparsetop "));
		assert_string_equal(str_get(&q.err_text), "");
		proc_release(&q);
		/* These two anywhere, so that a script may always give them. */
		assert_int_equal(PROGRAM(&q, commands[i], "--db", in_dir("s.db"),
					 "--worker", "false", "--help"),
				 0);
		proc_release(&q);
	}
	WANT(0, "models", "--db", in_dir("s.db"), "--worker", "false");
	WANT(0, "version", "--db", in_dir("s.db"));
	WANT(0, "version");
	assert_string_equal(str_get(&p.out_text), "sparsetop " SPARSETOP_VERSION "\n");
	WANT(0, "--version");
	assert_string_equal(str_get(&p.out_text), "sparsetop " SPARSETOP_VERSION "\n");
	assert_false(exists(in_dir("s.db")));
}

static void knobs(void **state)
{
	(void)state;
	REFUSED(2, "none, l2, knorm", "run", QUICK, "--method", "magic");
	REFUSED(2, "does not use it", "run", QUICK, "--method", "none", "--keep", ".5");
	REFUSED(2, "openblas", "run", QUICK, "--gemm", "magic");
	REFUSED(2, "does not have this knob", "run", QUICK, "--downsample", "2");
	REFUSED(2, "held in fp32", "run", QUICK, "--dtype", "bf16", "--rank", "2");
	REFUSED(2, "cpu and cuda", "run", QUICK, "--device", "abacus");
	REFUSED(1, "--device cuda", "run", QUICK, "--device", "cuda");
	assert_int_equal(sessions_stored(), 1); /* the last one had got as far as a run */
}

static void write_file(const char *name, const char *bytes)
{
	FILE *f = fopen(in_dir(name), "w");
	assert_non_null(f);
	fputs(bytes, f);
	fclose(f);
}

static void link_to(const char *from, const char *to)
{
	assert_int_equal(symlink(fixture(from), in_dir(to)), 0);
}

static void not_there(void **state)
{
	(void)state;
	REFUSED(1, "/nowhere.png: No such file", "run", QUICK, "-i", "/nowhere.png");
	REFUSED(1, "no such file or folder", "run", "-m", "clip\x1b[31m");
	REFUSED(1, "hf download acme/clip", "run", "-m", "acme/clip");
	REFUSED(1, "config.json", "run", "-m", dir);
	REFUSED(1, "empty", "run", "-m", "");
	REFUSED(1, "99", "sessions", "show", "99");
	REFUSED(1, "99", "export", "99", "--format", "csv");
	REFUSED(1, "not written", "run", QUICK, "--save-output", "/dev/null/x");
	write_file("broken.png", "\x89PNG\r\n\x1a\n and then nothing");
	REFUSED(1, "broken.png", "run", QUICK, "-i", in_dir("broken.png"));
	write_file("text.png", "hello");
	REFUSED(1, "text.png: not a picture", "run", QUICK, "-i", in_dir("text.png"));
	/* A name that cannot cross to the worker, though the file is there. */
	link_to("images/rgb.png", "\xff.png");
	REFUSED(1, "\\xff.png: this path is not UTF-8", "run", QUICK, "-i",
		in_dir("\xff.png"));
	REFUSED(1, "is not UTF-8", "run", "-m", "m\xc3");
	REFUSED(1, "--labels \\xe9: this is not UTF-8", "run", "--labels", "\xe9");
	REFUSED(1, "is not UTF-8", "run", QUICK, "--save-output", in_dir("\x80"));
	mkdir(in_dir("empty"), 0755);
	REFUSED(1, "no pictures", "run", QUICK, "-i", in_dir("empty"));
	/* A folder in which the second picture is broken: which one is said. */
	mkdir(in_dir("all"), 0755);
	link_to("images/rgb.png", "all/a.png");
	write_file("all/README.md", "not a picture and no mistake");
	WANT(0, "run", QUICK, "-i", in_dir("all"), "--keep", ".5", "--batch", "2");
	write_file("all/b\x1b[31m.png", "hello");
	REFUSED(1, "all/b\\x1b[31m.png: not a picture", "run", QUICK, "-i", in_dir("all"),
		"--batch", "2");
	/* Also beyond the first batch, before anything is measured. */
	REFUSED(1, "all/b\\x1b[31m.png: not a picture", "run", QUICK, "-i",
		in_dir("all"));
}

/* More than this machine has is refused at once, not tried until something is killed. */
static void too_large(void **state)
{
	double kilobytes = 0;
	char line[128];
	(void)state;
	FILE *f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemTotal: %lf", &kilobytes) == 1)
			break;
	if (f)
		fclose(f);
	if (!kilobytes || kilobytes > 80e6)
		skip_because("the largest batch of the largest preset fits here");
	REFUSED(1, "MiB are needed", "run", "-m", "clip-vit-l14-336", "--batch", "4096");
}

/* The comparison comes after the measurement, and takes nothing from it when it fails. */
static void fidelity_that_fails(void **state)
{
	(void)state;
	mkdir(in_dir("all"), 0755);
	link_to("images/rgb.png", "all/a.png");
	write_file("all/b.png", "\x89PNG\r\n\x1a\n and then nothing");
	WANT(0, "run", QUICK, "-i", in_dir("all"), "--keep", ".5", "--json");
	json_t *o = output();
	assert_string_equal(text(o, "state"), "done");
	assert_true(json_is_null(at(o, "fidelity")));
	assert_true(num(o, "wall.p50_ns") > 0);
	char *warnings = json_line(at(o, "warnings"));
	assert_non_null(strstr(warnings, "fidelity is not known"));
	assert_non_null(strstr(warnings, "all/b.png"));
	free(warnings);
	json_decref(o);
	WANT(0, "sessions", "show", "last");
	assert_non_null(strstr(str_get(&p.out_text), "fidelity is not known"));
}

/* ---- the result object ---- */

static void has_keys(const json_t *o, const char *const *paths)
{
	for (; *paths; paths++)
		if (!at(o, *paths))
			fail_msg("the result has no %s", *paths);
}

static const char *const result_keys[] = { "result_version",
					   "uid",
					   "session",
					   "started_ns",
					   "state",
					   "error",
					   "model.name",
					   "model.family",
					   "model.source",
					   "model.format",
					   "model.sha256",
					   "model.params",
					   "model.bytes",
					   "model.random_weights",
					   "input.kind",
					   "input.source",
					   "input.sha256",
					   "input.batch",
					   "input.tokens",
					   "device",
					   "knobs.method",
					   "knobs.keep",
					   "knobs.prune_at",
					   "knobs.batch",
					   "knobs.seed",
					   "knobs.threads",
					   "knobs.gemm",
					   "knobs.device",
					   "wall.n",
					   "wall.warmup",
					   "wall.min_ns",
					   "wall.p50_ns",
					   "wall.mean_ns",
					   "wall.sd_ns",
					   "wall.ci95_lo_ns",
					   "wall.ci95_hi_ns",
					   "wall.max_ns",
					   "wall.samples_ns",
					   "wall.stopped_by",
					   "whole.p50_ns",
					   "whole.layer_sum_ns",
					   "whole.overhead_ratio",
					   "throughput.items_per_s",
					   "throughput.tokens_per_s",
					   "memory.peak_rss_bytes",
					   "memory.model_bytes",
					   "memory.peak_activation_bytes",
					   "memory.gpu_peak_bytes",
					   "rusage.user_ns",
					   "rusage.sys_ns",
					   "rusage.minor_faults",
					   "rusage.major_faults",
					   "rusage.voluntary_switches",
					   "rusage.involuntary_switches",
					   "flops.ours",
					   "flops.fvcore",
					   "flops.torch",
					   "bytes.read",
					   "bytes.written",
					   "fidelity",
					   "tokens.per_layer",
					   "tokens.kept",
					   "layers",
					   "env.host",
					   "env.cpu",
					   "env.isa",
					   "env.threads",
					   "env.governor",
					   "env.blas.name",
					   "env.blas.core",
					   "env.blas.version",
					   "env.os",
					   "env.version",
					   "env.gpu",
					   "env.driver",
					   "warnings",
					   NULL };
static const char *const layer_keys[] = {
	"path",    "parent", "kind",       "calls",         "wall_ns",      "wall_min_ns",
	"self_ns", "cpu_ns", "user_ns",    "sys_ns",        "minor_faults", "switches",
	"gpu_ns",  "flops",  "bytes_read", "bytes_written", "tokens_in",    "tokens_out",
	"m",       "n",      "k",          "engine",        "cosine",       NULL
};
static const char *const fidelity_keys[] = { "fidelity.reference",  "fidelity.images",
					     "fidelity.cosine",     "fidelity.cosine_p5",
					     "fidelity.cosine_min", "fidelity.rel_l2",
					     "fidelity.top1_agree", NULL };

/* A parent includes its children; the leaves are what layer_sum_ns says. */
static void layers_add_up(const json_t *o)
{
	const json_t *layers = at(o, "layers"), *l, *c;
	double sum = 0;
	size_t i, j;
	assert_true(json_array_size(layers) > 20);
	json_array_foreach((json_t *)(uintptr_t)layers, i, l)
	{
		double children = 0;
		has_keys(l, layer_keys);
		json_array_foreach((json_t *)(uintptr_t)layers, j, c)
		{
			const char *parent = json_string_value(at(c, "parent"));
			if (parent && !strcmp(parent, text(l, "path")))
				children += num(c, "wall_ns");
		}
		if (children > 0)
			assert_true(num(l, "wall_ns") >= children * (1 - 1e-9));
		else
			sum += num(l, "wall_ns");
		assert_true(fabs(num(l, "self_ns") + children - num(l, "wall_ns")) < 1);
	}
	assert_true(fabs(sum - num(o, "whole.layer_sum_ns")) < 1);
}

static void result_object(void **state)
{
	(void)state;
	WANT(0, "run", "-m", TINY, "--samples", "7", "--warmup", "2", "--keep", ".5",
	     "--batch", "3", "--json");
	assert_string_equal(str_get(&p.err_text), ""); /* no terminal: no progress */
	json_t *o = output();
	has_keys(o, result_keys);
	has_keys(o, fidelity_keys);
	layers_add_up(o);
	assert_true(num(o, "result_version") == 1);
	assert_string_equal(text(o, "state"), "done");
	assert_string_equal(text(o, "knobs.method"), "l2");
	assert_string_equal(text(o, "knobs.threads"), "auto");
	assert_true(num(o, "knobs.keep") == .5 && num(o, "knobs.kept") == 8);
	assert_true(num(o, "wall.n") == 7 && num(o, "wall.warmup") == 2);
	assert_int_equal(json_array_size(at(o, "wall.samples_ns")), 7);
	assert_string_equal(text(o, "wall.stopped_by"), "samples");
	assert_true(num(o, "wall.min_ns") <= num(o, "wall.ci95_lo_ns") &&
		    num(o, "wall.ci95_lo_ns") <= num(o, "wall.p50_ns") &&
		    num(o, "wall.p50_ns") <= num(o, "wall.ci95_hi_ns") &&
		    num(o, "wall.ci95_hi_ns") <= num(o, "wall.max_ns"));
	assert_true(fabs(num(o, "throughput.items_per_s") * num(o, "wall.p50_ns") / 3e9 -
			 1) < 1e-9);
	assert_true(json_is_true(at(o, "model.random_weights")));
	assert_true(json_is_null(at(o, "memory.gpu_peak_bytes")) &&
		    json_is_null(at(o, "env.gpu")) &&
		    json_is_null(at(o, "fidelity.cosine_p5"))); /* one picture */
	assert_true(num(o, "memory.peak_activation_bytes") > 0);
	assert_true(num(o, "env.threads") >= 1);
	assert_true(num(o, "fidelity.cosine") <= 1 && num(o, "fidelity.rel_l2") > 0);
	json_decref(o);
	WANT(0, "run", QUICK, "--json");
	o = output();
	assert_true(json_is_null(at(o, "fidelity"))); /* no technique, no fidelity */
	assert_true(json_is_null(at(o, "tokens.kept")));
	assert_true(json_is_null(at(o, "wall.ci95_lo_ns"))); /* two samples */
	json_decref(o);
}

/* A warm-up of a million passes ends with the budget, after one pass at least. */
static void warmup_within_budget(void **state)
{
	(void)state;
	WANT(0, "run", "-m", TINY, "--warmup", "1000000", "--budget", "0", "--json");
	json_t *o = output();
	assert_true(num(o, "wall.warmup") == 1);
	assert_true(num(o, "wall.n") == 1);
	json_decref(o);
	WANT(0, "run", "-m", TINY, "--warmup", "0", "--samples", "1", "--json");
	o = output();
	assert_true(num(o, "wall.warmup") == 0);
	json_decref(o);
}

static void saved_outputs(void **state)
{
	struct safetensors *st;
	(void)state;
	WANT(0, "run", QUICK, "-m", fixture("clip_odd"), "-i", fixture("images/rgb.png"),
	     fixture("images/wide.png"), "--keep", ".5", "--batch", "3", "--json",
	     "--save-output", in_dir("o.safetensors"));
	json_t *o = output();
	check_ok(safetensors_open(in_dir("o.safetensors"), &st));
	const struct tensor *e = &safetensors_find(st, "image_embeds")->tensor;
	assert_true(e->dtype == DT_F32 && e->ndim == 2 && e->dim[0] == 3 &&
		    e->dim[1] == 24);
	/* Two pictures for three items: the first comes again. */
	assert_memory_equal(tensor_row(e, 0), tensor_row(e, 2), 24 * sizeof(float));
	assert_memory_not_equal(tensor_row(e, 0), tensor_row(e, 1), 24 * sizeof(float));
	const struct tensor *k = &safetensors_find(st, "kept")->tensor;
	const json_t *kept = at(o, "tokens.kept");
	assert_true(k->dtype == DT_I64 && k->ndim == 2 && k->dim[0] == 3 &&
		    k->dim[1] == 12 && json_array_size(kept) == 12);
	const int64_t *index = k->data;
	for (size_t i = 0; i < 36; i++) {
		assert_in_range(index[i], 0, 24);
		assert_true(i % 12 == 0 || index[i] > index[i - 1]);
		if (i < 12)
			assert_int_equal(index[i],
					 json_integer_value(json_array_get(kept, i)));
	}
	assert_false(json_is_true(at(o, "model.random_weights")));
	assert_string_equal(text(o, "model.format"), "safetensors");
	assert_int_equal(strlen(text(o, "model.sha256")), 64);
	assert_true(num(o, "fidelity.images") == 2);
	const char *worst = text(o, "fidelity.worst");
	assert_true(!strcmp(worst, fixture("images/rgb.png")) ||
		    !strcmp(worst, fixture("images/wide.png")));
	double lowest = num(o, "fidelity.cosine_min");
	safetensors_free(st);
	/* Alone it is as bad, and the other is not. */
	for (int i = 0; i < 2; i++) {
		const char *path = fixture(i ? "images/wide.png" : "images/rgb.png");
		WANT(0, "run", QUICK, "-m", fixture("clip_odd"), "-i", path, "--keep",
		     ".5", "--json");
		json_t *one = output();
		double cosine = num(one, "fidelity.cosine");
		bool is_worst = !strcmp(worst, path);
		assert_true(is_worst ? fabs(cosine - lowest) < 1e-6
				     : cosine > lowest + 1e-6);
		json_decref(one);
	}
	json_decref(o);
	/* Nothing dropped: there is no list of what was kept. */
	WANT(0, "run", QUICK, "--save-output", in_dir("o.safetensors"));
	check_ok(safetensors_open(in_dir("o.safetensors"), &st));
	assert_null(safetensors_find(st, "kept"));
	assert_non_null(safetensors_find(st, "image_embeds"));
	safetensors_free(st);
}

/* ---- labels ---- */

#define ZERO_SHOT QUICK, "-m", fixture("clip_tiny"), "--dataset", dataset

/* The expected shares are those of tests/golden/test_zero_shot.c. */
static void a_dataset(void **state)
{
	char dataset[600], one[640];
	(void)state;
	snprintf(dataset, sizeof(dataset), "cifar10:%s", fixture("zero_shot"));
	WANT(0, "run", ZERO_SHOT, "--json");
	json_t *o = output();
	assert_true(num(o, "accuracy.images") == 16 &&
		    num(o, "accuracy.top1") == 9. / 16);
	assert_true(json_is_null(at(o, "fidelity")));
	assert_string_equal(text(o, "input.kind"), "dataset");
	assert_string_equal(text(o, "input.source"), dataset);
	char whole[65];
	snprintf(whole, sizeof(whole), "%s", text(o, "input.sha256"));
	json_decref(o);

	/* A batch that does not divide 16, and labels of one's own in place of prompts.
	 */
	WANT(0, "run", ZERO_SHOT, "--keep", ".5", "--batch", "5", "--json");
	o = output();
	assert_true(num(o, "accuracy.images") == 16 &&
		    num(o, "accuracy.top1") == 7. / 16);
	assert_true(num(o, "fidelity.images") == 16);
	assert_true(num(o, "fidelity.top1_agree") == 14. / 16);
	snprintf(one, sizeof(one), "%s", text(o, "fidelity.worst"));
	double lowest = num(o, "fidelity.cosine_min");
	json_decref(o);

	/* The worst of them, by its name. */
	assert_true(!strncmp(one, dataset, strlen(dataset)) && strchr(one, '#'));
	WANT(0, "run", QUICK, "-m", fixture("clip_tiny"), "--dataset", one, "--keep",
	     ".5", "--json");
	o = output();
	assert_true(num(o, "accuracy.images") == 1);
	assert_true(fabs(num(o, "fidelity.cosine") - lowest) < 1e-6);
	json_decref(o);

	WANT(0, "run", ZERO_SHOT, "--limit", "3", "--json");
	o = output();
	assert_true(num(o, "accuracy.images") == 3);
	assert_string_not_equal(text(o, "input.sha256"), whole);
	json_decref(o);
	WANT(0, "run", ZERO_SHOT, "--labels", "a,b,c,d,e,f,g,h,i,j", "--json");
	o = output();
	assert_true(num(o, "accuracy.images") == 16);
	assert_string_not_equal(text(o, "input.sha256"), whole);
	json_decref(o);
	WANT(0, "run", ZERO_SHOT);
	assert_non_null(strstr(str_get(&p.out_text), "top-1 56.25 % of 16 images"));

	REFUSED(2, "2 for a --dataset of 10", "run", ZERO_SHOT, "--labels", "a,b");
	REFUSED(1, "no picture 99", "run", QUICK, "-m", fixture("clip_tiny"), "--dataset",
		strcat(dataset, "#99"));
	REFUSED(1, "multiple of the 3073", "run", QUICK, "--dataset",
		strcat(strcpy(dataset, "cifar10:"), fixture("images/rgb.png")));
	REFUSED(1, "/nowhere", "run", QUICK, "--dataset", "cifar10:/nowhere");
}

static void labels(void **state)
{
	struct safetensors *st;
	(void)state;
	WANT(0, "run", QUICK, "-m", fixture("clip_tiny"), "-i", fixture("images/rgb.png"),
	     "--labels", "a cat,a dog,the bird", "--keep", ".5", "--json",
	     "--save-output", in_dir("o.safetensors"));
	json_t *o = output();
	assert_true(json_is_null(at(o, "accuracy"))); /* nobody knows what it shows */
	double agree = num(o, "fidelity.top1_agree");
	assert_true(agree == 0 || agree == 1);
	json_decref(o);
	check_ok(safetensors_open(in_dir("o.safetensors"), &st));
	const struct tensor *t = &safetensors_find(st, "text_embeds")->tensor;
	assert_true(t->ndim == 2 && t->dim[0] == 3 && t->dim[1] == 32);
	t = &safetensors_find(st, "logits_per_image")->tensor;
	assert_true(t->ndim == 2 && t->dim[0] == 1 && t->dim[1] == 3);
	assert_non_null(safetensors_find(st, "kept"));
	safetensors_free(st);

	write_file("classes.txt", "a cat\n\na dog\r\n");
	WANT(0, "run", QUICK, "-m", fixture("clip_tiny"), "--labels",
	     in_dir("classes.txt"));
	REFUSED(1, "label 2 is empty", "run", QUICK, "--labels", "a,,b");
	REFUSED(1, "nowhere.txt", "run", QUICK, "--labels", "/nowhere.txt");
	/* Random weights bring no tokenizer; pictures of a dataset can be used without.
	 */
	REFUSED(1, "give --vocab FILE", "run", QUICK, "--labels", "a,b");
	WANT(0, "run", QUICK, "--labels", "a,b", "--vocab", fixture("tokens/tiny"),
	     "--keep", ".5", "--json");
	o = output();
	const char *label = json_string_value(at(o, "zero_shot.label"));
	assert_true(!strcmp(label, "a") || !strcmp(label, "b"));
	assert_true(json_number_value(at(o, "zero_shot.probability")) >= .5);
	assert_non_null(json_string_value(at(o, "zero_shot.base_label")));
	json_decref(o);
	REFUSED(1, "not this model's", "run", QUICK, "-m", fixture("clip_tiny"),
		"--labels", "a,b", "--vocab", fixture("tokens/tiny"));
	REFUSED(1, "no text tower", "run", QUICK, "-m", "siglip-b16:tiny", "--labels",
		"a,b");
	char dataset[600];
	snprintf(dataset, sizeof(dataset), "cifar10:%s", fixture("zero_shot"));
	WANT(0, "run", QUICK, "--dataset", dataset, "--json");
	o = output();
	assert_true(json_is_null(at(o, "accuracy")));
	assert_non_null(strstr(str_get(&p.out_text), "accuracy is not known: "));
	json_decref(o);
}

/* The text tower, measured by itself. */
static void texts(void **state)
{
	char ids[256];
	(void)state;
	WANT(0, "run", QUICK, "-m", fixture("clip_tiny"), "--text", "cat", "--json",
	     "--save-output", in_dir("t.safetensors"));
	json_t *o = output();
	assert_string_equal(json_string_value(at(o, "input.kind")), "text");
	assert_string_equal(json_string_value(at(o, "model.family")), "clip_text");
	assert_true(json_is_null(at(o, "fidelity")));
	char *text_sha256 = strdup(json_string_value(at(o, "input.sha256")));
	json_decref(o);
	struct safetensors *saved;
	check_ok(safetensors_open(in_dir("t.safetensors"), &saved));
	assert_non_null(safetensors_find(saved, "text_embeds"));
	assert_null(safetensors_find(saved, "image_embeds"));
	safetensors_free(saved);
	/* The same through low rank, which has something to be compared with. */
	WANT(0, "run", QUICK, "-m", fixture("clip_tiny"), "--text", "cat", "--rank", "4",
	     "--json");
	o = output();
	assert_true(json_number_value(at(o, "fidelity.cosine")) < 1);
	assert_true(json_number_value(at(o, "low_rank.matrices")) == 1);
	assert_string_equal(json_string_value(at(o, "input.sha256")), text_sha256);
	free(text_sha256);
	json_decref(o);

	snprintf(ids, sizeof(ids), "%s", in_dir("ids.txt"));
	write_file("ids.txt", "97 5 6 98\n");
	WANT(0, "run", QUICK, "-m", fixture("clip_tiny"), "--tokens", ids, "--json");
	o = output();
	assert_string_equal(json_string_value(at(o, "input.kind")), "tokens");
	json_decref(o);
	write_file("ids.txt", "97 99\n");
	REFUSED(1, "\"99\" is no token", "run", QUICK, "-m", fixture("clip_tiny"),
		"--tokens", ids);
	write_file("ids.txt", "\n");
	REFUSED(1, "ids.txt: no numbers", "run", QUICK, "-m", fixture("clip_tiny"),
		"--tokens", ids);
	snprintf(ids, sizeof(ids), "%s", in_dir("pipe"));
	assert_int_equal(mkfifo(ids, 0600), 0);
	REFUSED(1, "pipe: not a regular file", "run", QUICK, "-m", fixture("clip_tiny"),
		"--tokens", ids);
	REFUSED(1, "give --vocab FILE", "run", QUICK, "--text", "a cat");
	REFUSED(1, "pictures only", "run", QUICK, "-m", "siglip-b16:tiny", "--text",
		"a cat");
}

/* ---- the store ---- */

/* Puts a run of the test's own making into the database. */
static void put_run(struct run *r)
{
	struct store *store;
	int64_t session;
	char uid[UID_SIZE];
	check_ok(store_open(&(struct store_options){ .path = in_dir("s.db") }, &store));
	check_ok(store_session(store, "made", &session, uid));
	check_ok(store_put(store, session, r));
	store_close(store);
}

static void stored_and_found(void **state)
{
	(void)state;
	WANT(0, "run", QUICK, "--no-store", "--json");
	assert_false(exists(in_dir("s.db")));
	WANT(0, "run", QUICK, "--session", "mine", "--json");
	char *first = str_dup(str_get(&p.out_text));
	json_t *o = output();
	char *uid = str_dup(text(o, "uid"));
	assert_string_equal(text(o, "session"), "mine");
	json_decref(o);
	WANT(0, "run", QUICK, "--keep", ".5", "--session", "mine");
	assert_non_null(strstr(str_get(&p.out_text), "speed-up")); /* over the first */
	assert_non_null(strstr(str_get(&p.out_text), "(random)"));
	const char *const names[] = { "1", "mine/1", uid };
	for (size_t i = 0; i < 3; i++) {
		WANT(0, "sessions", "show", names[i], "--json");
		assert_string_equal(str_get(&p.out_text), first); /* what run printed */
	}
	WANT(0, "export", "mine", "--format", "json", "-o", in_dir("x.json"));
	assert_string_equal(str_get(&p.out_text), "");
	FILE *f = fopen(in_dir("x.json"), "r");
	char *line = NULL;
	size_t cap = 0;
	assert_true(getline(&line, &cap, f) > 0);
	assert_string_equal(line, first);
	assert_true(getline(&line, &cap, f) > 0); /* in order of start */
	assert_true(getline(&line, &cap, f) < 0);
	fclose(f);
	free(line);
	WANT(0, "export", "last", "--format", "csv");
	assert_int_equal(strncmp(str_get(&p.out_text), "uid,", 4), 0);
	int rows = 0;
	for (const char *c = str_get(&p.out_text); *c; c++)
		rows += *c == '\n';
	WANT(0, "sessions", "show", "last", "--json");
	o = output();
	assert_int_equal(rows, 1 + json_array_size(at(o, "layers")));
	json_decref(o);
	WANT(0, "sessions", "list");
	assert_non_null(strstr(str_get(&p.out_text), "mine"));
	WANT(0, "sessions", "show", "mine");
	assert_non_null(strstr(str_get(&p.out_text), TINY));
	free(first);
	free(uid);
}

/* Times of other threads or another machine make no speed-up. */
static void base_from_elsewhere(void **state)
{
	(void)state;
	WANT(0, "run", QUICK);
	WANT(0, "run", QUICK, "--keep", ".5");
	assert_non_null(strstr(str_get(&p.out_text), "x over the base"));
	/* The same base again, as if its file came from another machine. */
	struct store *store;
	struct run *run;
	check_ok(store_open(&(struct store_options){ .path = in_dir("s.db") }, &store));
	check_ok(store_get(store, 1, &run));
	store_close(store);
	run->uid[0] = 0;
	run->started_ns += 1e9;
	run->env.host = "else\x1bwhere";
	run->env.threads = 64;
	put_run(run);
	run_free(run);
	WANT(0, "run", QUICK, "--keep", ".5");
	assert_null(strstr(str_get(&p.out_text), "x over the base"));
	assert_non_null(strstr(str_get(&p.out_text), "base from another environment"));
	assert_non_null(strstr(str_get(&p.out_text), "host else\\x1bwhere, not "));
	assert_non_null(strstr(str_get(&p.out_text), "threads 64, not 1"));
}

/* Every result can be told from every other, and says when it began and ended. */
static void identity_and_end(void **state)
{
	struct store *store;
	struct run *run;
	int64_t id;
	(void)state;
	WANT(0, "run", QUICK, "--no-store", "--json");
	json_t *o = output();
	assert_int_equal(strlen(text(o, "uid")), UID_SIZE - 1);
	json_decref(o);
	WANT(0, "run", QUICK);
	check_ok(store_open(&(struct store_options){ .path = in_dir("s.db") }, &store));
	check_ok(store_find_run(store, "last", &id));
	check_ok(store_get(store, id, &run));
	assert_true(run->ended_ns >= run->started_ns); /* not NaN */
	run_free(run);
	store_close(store);
}

static void other_database(void **state)
{
	(void)state;
	WANT(0, "run", QUICK, "--db", in_dir("deep/er/o.db"));
	assert_true(exists(in_dir("deep/er/o.db")));
	assert_false(exists(in_dir("s.db")));
	WANT(0, "sessions", "show", "last", "--db", in_dir("deep/er/o.db"));
	WANT(1, "sessions", "show", "last");
	REFUSED(1, "/dev/null/x.db", "run", QUICK, "--db", "/dev/null/x.db");
}

/* From a later version: read, not written, and the run is on the screen anyway. */
static void newer_database(void **state)
{
	(void)state;
	WANT(0, "run", QUICK);
	FILE *f = fopen(in_dir("s.db"), "r+");
	assert_int_equal(fseek(f, 60, SEEK_SET), 0); /* user_version, big-endian */
	fwrite("\0\0\0\143", 1, 4, f);
	fclose(f);
	WANT(0, "sessions", "list");
	assert_non_null(strstr(str_get(&p.err_text), "newer"));
	WANT(0, "sessions", "show", "last");
	WANT(1, "run", QUICK, "--json");
	assert_non_null(strstr(str_get(&p.err_text), "not stored"));
	json_decref(output());
	assert_int_equal(sessions_stored(), 1);
}

static void broken_database(void **state)
{
	(void)state;
	write_file("s.db", "this is a diary, not a database, and quite long enough for "
			   "the hundred bytes of a header that somebody could look at.");
	REFUSED(1, "s.db", "run", QUICK);
	REFUSED(1, "s.db", "sessions", "list");
	assert_true(exists(in_dir("s.db"))); /* not ours: left alone */
}

/* An older or damaged database: what is missing is shown as missing. */
static void layers_without_a_kind(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	for (int i = 0; i < r->n_layers; i++)
		r->layers[i].kind = NULL;
	put_run(r);
	run_free(r);
	WANT(0, "sessions", "show", "last", "--group-by", "kind");
	assert_non_null(strstr(str_get(&p.out_text), "\n--"));
}

/* What a vision-language model adds to the headline; what it says is escaped. */
static void visual_tokens_are_told(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	double ids[20] = { 785, 2168 };
	r->visual = (struct run_visual){ .rows = 13,
					 .columns = 14,
					 .patches_per_token = 4,
					 .tokens = 130,
					 .ns_per_token = 1.93e6,
					 .batch_tokens = 130 };
	r->language = (struct run_language){ run_str(r, "qwen2-1.5b"), 1.5e9, 0.24e12,
					     55 * 1048576.0, 640e6 };
	r->generated = (struct run_generated){ .prompt_tokens = 212,
					       .ids = run_doubles(r, ids, 2),
					       .n_ids = 2,
					       .text = "The\n\033[2J",
					       .ns_per_token = 31e6 };
	put_run(r);
	WANT(0, "sessions", "show", "last");
	const char *out = str_get(&p.out_text);
	assert_non_null(strstr(out,
			       "\nvisual     130 visual tokens of 182 (13 x 14 grid), "
			       "1.93 ms each\n"));
	assert_non_null(strstr(out,
			       "\nlanguage   in qwen2-1.5b: 240G FLOPs, 55.0M of keys "
			       "and values, about 640 ms\n"));
	assert_non_null(strstr(out,
			       "\nprompt     212 tokens; goes on: \"The\\x0a\\x1b[2J\" "
			       "(2 tokens, 31.0 ms each) (random)\n"));
	r->uid[0] = 0;
	r->started_ns += 1e9;
	r->model.random_weights = false;
	r->visual.rows = r->visual.ns_per_token = r->generated.ns_per_token = (double)NAN;
	r->visual.tokens = 1;
	r->language.name = NULL;
	r->generated.text = ""; /* ids that a vocabulary has nothing for */
	r->generated.ids = run_doubles(r, ids, 20);
	r->generated.n_ids = 20;
	put_run(r);
	run_free(r);
	WANT(0, "sessions", "show", "last");
	out = str_get(&p.out_text);
	assert_non_null(strstr(out, "\nvisual     1 visual token\n"));
	assert_null(strstr(out, "\nlanguage"));
	assert_non_null(strstr(out, "goes on: ids 785 2168 0 0"));
	assert_non_null(strstr(out, "0 ... (20 tokens)\n"));
	WANT(0, "run", QUICK);
	assert_null(strstr(str_get(&p.out_text), "\nvisual"));
	assert_null(strstr(str_get(&p.out_text), "\nprompt"));
}

/* ---- workers that go wrong ---- */

static void no_worker(void **state)
{
	(void)state;
	REFUSED(1, "the worker ended with status 1", "run", QUICK, "--worker", "false");
	REFUSED(1, "no such", "run", QUICK, "--worker", "echo no such >&2; exit 127");
	REFUSED(1, "signal 9", "run", QUICK, "--worker", "kill -9 $$");
	REFUSED(1, "signal 9", "run", QUICK, "--worker", "sh -c 'kill -9 $$'; exit $?");
	REFUSED(1, "broke the protocol", "run", QUICK, "--worker", "echo hello");
	REFUSED(1, "protocol", "run", QUICK, "--worker",
		"echo '{\"type\":\"hello\",\"protocol\":99,\"version\":\"9\"}'; cat");
	REFUSED(1, "status 0", "run", QUICK, "--worker", "true");
	assert_int_equal(sessions_stored(), 0);
}

/* In the middle of a run: one line, status 1, and the failed run is remembered. */
static void worker_dies(void **state)
{
	static const char *const ways[][2] = {
		{ "kill", "killed" },   { "abort", "signal 6" },
		{ "exit", "status 3" }, { "garbage", "broke the protocol" },
		{ "error", "odd" },     { "done", "sent no result" },
	};
	int n = (int)(sizeof(ways) / sizeof(ways[0]));
	(void)state;
	for (int i = 0; i < n; i++) {
		REFUSED(1, ways[i][1], "run", "-m", TINY, "--warmup", "1", "--samples",
			"100000", "--budget", "1000", "--keep", ".5", "--worker",
			wrong(ways[i][0]));
		WANT(0, "sessions", "show", "last", "--json");
		json_t *o = output();
		assert_string_equal(text(o, "state"), "failed");
		assert_non_null(strstr(text(o, "error"), ways[i][1]));
		assert_string_equal(text(o, "model.name"), TINY);
		assert_string_equal(text(o, "knobs.method"), "l2");
		assert_true(json_is_null(at(o, "wall.p50_ns")));
		json_decref(o);
	}
	assert_int_equal(sessions_stored(), n);
	WANT(0, "sessions", "show", "last");
	assert_non_null(strstr(str_get(&p.out_text), "failed"));
	WANT(0, "export", "last", "--format", "csv");
	WANT(0, "export", "last", "--format", "json");
	WANT(0, "run", QUICK); /* and nothing is broken */
}

/* From a daemon that has closed everything, or into a pipe that nobody reads. */
static void odd_descriptors(void **state)
{
	static const char *const ways[] = { "<&-", "<&- 2>&-", "<&- 2>&- >&-", ">&-" };
	char line[256];
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(line, sizeof(line),
			 "exec \"$SPARSETOP\" run -m " TINY
			 " --samples 1 --warmup 1 --threads 1 --session %zu %s",
			 i, ways[i]);
		proc_release(&p);
		proc_start(&p, (const char *const[]){ "/bin/sh", "-c", line, NULL });
		(void)proc_finish(&p); /* without a stdout it may well complain */
		assert_int_equal(sessions_stored(), i + 1);
	}
}

/* Looking makes no database, and no output replaces one. */
static void database_is_safe(void **state)
{
	(void)state;
	WANT(0, "sessions", "list");
	assert_non_null(strstr(str_get(&p.err_text), "nothing is stored yet"));
	REFUSED(1, "no such database", "sessions", "show", "last");
	REFUSED(1, "no such database", "export", "last", "--format", "csv");
	assert_false(exists(in_dir("s.db")));
	WANT(0, "run", QUICK);
	REFUSED(2, "is a database", "export", "last", "--format", "csv", "-o",
		in_dir("s.db"));
	REFUSED(2, "is a database", "run", QUICK, "--save-output", in_dir("s.db"));
	assert_int_equal(sessions_stored(), 1);
}

/* What did not reach its reader is said, and is no success. */
static void full_stdout(void **state)
{
	static const char *const commands[] = {
		"version",       "models",        "--help",
		"doctor --json", "sessions list", "run -m " TINY " --samples 1 --no-store"
	};
	char line[256];
	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(line, sizeof(line), "exec \"$SPARSETOP\" %s >/dev/full",
			 commands[i]);
		proc_release(&p);
		proc_start(&p, (const char *const[]){ "/bin/sh", "-c", line, NULL });
		assert_int_equal(proc_finish(&p), 1);
		assert_non_null(strstr(str_get(&p.err_text), "stdout: "));
	}
}

static void interrupted(void **state)
{
	(void)state;
	REFUSED(130, "cancelled", "run", "-m", TINY, "--warmup", "1", "--samples",
		"100000", "--budget", "1000", "--worker", wrong("interrupt"));
	assert_int_equal(sessions_stored(), 0);
}

/* ---- models ---- */

static void method_cards(void **state)
{
	(void)state;
	WANT(0, "models", "--methods");
	assert_non_null(strstr(str_get(&p.out_text), "needs"));
	assert_non_null(strstr(str_get(&p.out_text), "largest L2 norm"));
	assert_non_null(strstr(str_get(&p.out_text), "attention  stays fused\n"));
	assert_null(strstr(str_get(&p.out_text), "clip-vit"));
	WANT(0, "models", "--methods", "--json");
	assert_non_null(
		strstr(str_get(&p.out_text), "\"needs\":\"class token, queries, keys\""));
	assert_non_null(strstr(str_get(&p.out_text), "\"where\":\"after a layer; "));
	assert_non_null(strstr(str_get(&p.out_text), "\"source\":\"ToMe"));
	assert_non_null(strstr(str_get(&p.out_text), "{\"name\":\"random\",\"help\":"));
	REFUSED(2, "--methods", "version", "--methods");
}

static void hub_cache(void **state)
{
	(void)state;
	mkdir(in_dir("models--acme--tiny"), 0755);
	mkdir(in_dir("models--acme--tiny/refs"), 0755);
	mkdir(in_dir("models--acme--tiny/snapshots"), 0755);
	write_file("models--acme--tiny/refs/main", "0123abc\n");
	REFUSED(1, "hf download acme/tiny", "run", "-m", "acme/tiny");
	assert_int_equal(symlink(fixture("clip_tiny"),
				 in_dir("models--acme--tiny/snapshots/0123abc")),
			 0);
	WANT(0, "run", QUICK, "-m", "acme/tiny", "--json");
	json_t *o = output();
	assert_string_equal(text(o, "model.name"), "acme/tiny");
	char *sha256 = str_dup(text(o, "model.sha256"));
	json_decref(o);
	WANT(0, "models");
	assert_non_null(strstr(str_get(&p.out_text), "acme/tiny"));
	assert_non_null(strstr(str_get(&p.out_text), "clip-vit-l14-336"));
	assert_non_null(strstr(str_get(&p.out_text), "\nqwen2-vl-2b-visual  "));
	assert_non_null(strstr(str_get(&p.out_text), "  665.3 M  1.24 GiB  Qwen2-VL"));
	WANT(0, "models", "--json");
	assert_non_null(strstr(str_get(&p.out_text), "\"acme/tiny\",\"kind\":\"cache\""));
	/* The same weights as a folder and as a file. */
	char file[512];
	snprintf(file, sizeof(file), "%s/model.safetensors", fixture("clip_tiny"));
	const char *const ways[] = { fixture("clip_tiny"), file };
	for (size_t i = 0; i < 2; i++) {
		WANT(0, "run", QUICK, "-m", ways[i], "--json");
		o = output();
		assert_string_equal(text(o, "model.sha256"), sha256);
		json_decref(o);
	}
	free(sha256);
}

/* Not measured is "--", and what a folder is called cannot steer a terminal. */
static void odd_names(void **state)
{
	(void)state;
	mkdir(in_dir("m\x1b[31m\n"), 0755);
	link_to("clip_tiny/config.json", "m\x1b[31m\n/config.json");
	link_to("clip_tiny/model.safetensors", "m\x1b[31m\n/model.safetensors");
	link_to("images/rgb.png", "p\x1b[31m\n.png");
	WANT(0, "run", QUICK, "-m", in_dir("m\x1b[31m\n"), "-i",
	     in_dir("p\x1b[31m\n.png"));
	assert_null(strchr(str_get(&p.out_text), '\x1b'));
	assert_non_null(strstr(str_get(&p.out_text), "m\\x1b[31m\\x0a"));
	assert_non_null(strstr(str_get(&p.out_text), "--"));
	static const char *const shows[][2] = { { "list", NULL },
						{ "show", "last" },
						{ "show", "odd" } };
	WANT(0, "run", QUICK, "-m", in_dir("m\x1b[31m\n"), "--session", "odd");
	for (size_t i = 0; i < 3; i++) {
		WANT(0, "sessions", shows[i][0], shows[i][1]);
		assert_null(strchr(str_get(&p.out_text), '\x1b'));
	}
	mkdir(in_dir("models--acme--bad"), 0755);
	mkdir(in_dir("models--acme--bad/refs"), 0755);
	write_file("models--acme--bad/refs/main", "1");
	mkdir(in_dir("models--acme--bad/snapshots"), 0755);
	mkdir(in_dir("models--acme--bad/snapshots/1"), 0755);
	write_file("models--acme--bad/snapshots/1/config.json",
		   "{\"model_type\":\"t5\"}");
	link_to("clip_tiny/model.safetensors",
		"models--acme--bad/snapshots/1/model.safetensors");
	WANT(0, "models");
	const char *row = strstr(str_get(&p.out_text), "acme/bad");
	assert_non_null(row);
	assert_non_null(strstr(row, "--"));
	assert_null(strstr(row, "0.0 M"));
	assert_non_null(strstr(row, "\"t5\""));
}

static void doctor(void **state)
{
	(void)state;
	proc_release(&p);
	int status = PROGRAM(&p, "doctor");
	static const char *const checks[] = { "cpu",  "blas",     "bf16",    "worker",
					      "cuda", "database", "terminal" };
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		assert_non_null(strstr(str_get(&p.out_text), checks[i]));
	/* What it says and its status agree, on whatever machine this is. */
	proc_release(&p);
	assert_int_equal(PROGRAM(&p, "doctor", "--json"), status);
	json_t *o = output();
	assert_int_equal(json_is_true(at(o, "ok")), status == 0);
	json_decref(o);
	WANT(1, "doctor", "--json", "--worker", "false");
	o = output();
	assert_true(json_is_false(at(o, "ok")));
	json_decref(o);
	assert_non_null(strstr(str_get(&p.err_text), "not everything"));
}

/* What is wrong is said, not that there is no such run. */
static void selectors(void **state)
{
	(void)state;
	WANT(0, "run", QUICK, "--session", "0");
	WANT(0, "run", QUICK);
	WANT(0, "sessions", "show", "last", "--json");
	json_t *o = output();
	char both[5] = ""; /* uids begin with the time: all of today alike */
	snprintf(both, sizeof(both), "%.4s", text(o, "uid"));
	json_decref(o);
	REFUSED(2, "more than one run", "sessions", "show", both);
	REFUSED(2, "more than one run", "export", both, "--format", "csv");
	WANT(0, "sessions", "show", "0"); /* a session of that name comes first */
	REFUSED(1, "no run or session", "sessions", "show", "x");
	REFUSED(1, "no run or session", "export", "x", "--format", "csv");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(usage),
		CASE(help),
		CASE(knobs),
		CASE(not_there),
		CASE(too_large),
		CASE(fidelity_that_fails),
		CASE(result_object),
		CASE(warmup_within_budget),
		CASE(saved_outputs),
		CASE(a_dataset),
		CASE(labels),
		CASE(texts),
		CASE(stored_and_found),
		CASE(identity_and_end),
		CASE(base_from_elsewhere),
		CASE(other_database),
		CASE(newer_database),
		CASE(broken_database),
		CASE(no_worker),
		CASE(worker_dies),
		CASE(odd_descriptors),
		CASE(full_stdout),
		CASE(database_is_safe),
		CASE(interrupted),
		CASE(method_cards),
		CASE(hub_cache),
		CASE(odd_names),
		CASE(layers_without_a_kind),
		CASE(visual_tokens_are_told),
		CASE(doctor),
		CASE(selectors),
	};
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "proxy"))
		return proxy(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
