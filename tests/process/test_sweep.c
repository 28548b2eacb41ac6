/*
 * sweep and study as scripts use them: a run per setting, nothing measured twice, a
 * cancel that loses nothing, a setting that fails alone.
 *
 * Called as `test_sweep proxy WHAT`, this program is a worker that goes wrong: it stands
 * between the front and a real worker and does WHAT at the first sample of the second
 * setting that it measures.
 */
#include "check.h"

#include <math.h>

#include "proc.h"
#include "result.h"

#define TINY "clip-vit-b32:tiny"
#define QUICK "-m", TINY, "--samples", "2", "--warmup", "1", "--threads", "1"
#define ENDLESS "-m", TINY, "--samples", "100000", "--budget", "1000", "--threads", "1"
#define KEEPS "--keep", "1,.75,.5"

static char dir[64], path[128];
static struct proc p;

/* ---- the worker that goes wrong ---- */

static int proxy(const char *what)
{
	int out[2];
	char line[1 << 16];
	bool measured = false;
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
		bool sample = !strncmp(line, "{\"type\":\"sample\"", 16);
		measured = measured || !strncmp(line, "{\"type\":\"result\"", 16);
		if (measured && sample && !strcmp(what, "interrupt")) {
			kill(getppid(), SIGINT);
			pause(); /* else all may be done before it is noticed */
		}
		if (measured && sample && !strcmp(what, "die"))
			raise(SIGKILL);
	}
	fclose(from);
	return 0;
}

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
	char db[128];
	(void)state;
	temp_dir(dir);
	snprintf(db, sizeof(db), "%s/s.db", dir);
	snprintf(path, sizeof(path), "%s/study.json", dir);
	setenv("SPARSETOP_DB", db, 1);
	setenv("HF_HUB_CACHE", dir, 1);
	setenv("HOME", dir, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	proc_release(&p);
	temp_dir_remove(dir);
	return 0;
}

#define WANT(status, ...)                                                                \
	do {                                                                             \
		proc_release(&p);                                                        \
		int got_ = PROGRAM(&p, __VA_ARGS__);                                     \
		if (got_ != (status))                                                    \
			fail_msg("status %d, want %d: %s", got_, status,                 \
				 str_get(&p.err_text));                                  \
	} while (0)

static void stderr_has(const char *part)
{
	if (!strstr(str_get(&p.err_text), part))
		fail_msg("stderr lacks \"%s\": %s", part, str_get(&p.err_text));
}

static void stdout_has(const char *part)
{
	if (!strstr(str_get(&p.out_text), part))
		fail_msg("stdout lacks \"%s\": %s", part, str_get(&p.out_text));
}

/* Nothing on stdout, and one line on stderr with these words. */
#define REFUSED(status, part, ...)                                                       \
	do {                                                                             \
		WANT(status, __VA_ARGS__);                                               \
		assert_string_equal(str_get(&p.out_text), "");                           \
		stderr_has(part);                                                        \
		const char *line_ = str_get(&p.err_text);                                \
		assert_ptr_equal(strchr(line_, '\n'), line_ + strlen(line_) - 1);        \
	} while (0)

#define MAX_LINES 32

struct lines {
	json_t *line[MAX_LINES];
	int n;
};

/* All lines of its stdout as JSON. */
static struct lines take_lines(void)
{
	struct lines l = { 0 };
	json_t *o;
	p.read_to = 0;
	while ((o = proc_line(&p)) != NULL) {
		assert_true(l.n < MAX_LINES);
		l.line[l.n++] = o;
	}
	return l;
}

static void lines_release(struct lines *l)
{
	for (int i = 0; i < l->n; i++)
		json_decref(l->line[i]);
	l->n = 0;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(at(o, key));
	if (!s)
		fail_msg("%s is not a text", key);
	return s;
}

static int sessions_stored(void)
{
	int n = 0;
	WANT(0, "sessions", "list", "--json");
	for (const char *c = str_get(&p.out_text); *c; c++)
		n += *c == '\n';
	return n;
}

/* ---- sweep ---- */

static void usage(void **state)
{
	(void)state;
	REFUSED(2, "--keep 1,.5", "run", QUICK, "--keep", "1,.5");
	REFUSED(2, "--keep: an empty value", "sweep", QUICK, "--keep", "1,");
	REFUSED(2, "--keep 2: want", "sweep", QUICK, "--keep", "1,2");
	REFUSED(2, "LO..HI/STEP", "sweep", QUICK, "--keep", "0.1..1");
	REFUSED(2, "4096", "sweep", QUICK, "--seed", "1..1000/1", "--batch", "1..9/1");
	REFUSED(2, "more is not", "sweep", QUICK, KEEPS, "more");
	REFUSED(2, "--limit", "sweep", QUICK, KEEPS, "--limit", "3");
	REFUSED(2, "empty", "sweep", QUICK, KEEPS, "--session", "");
	REFUSED(1, "no such file", "sweep", "-m", "nope", KEEPS, "--session", "s");
	REFUSED(1, "worker", "sweep", QUICK, KEEPS, "--worker", "false");
	WANT(0, "sweep", "--help");
	stdout_has("1..64x2");
	assert_int_equal(sessions_stored(), 0);
}

/* One result object a line, in the order of the grid, whatever was measured first. */
static void a_line_per_setting(void **state)
{
	static const double keeps[] = { 1, .75, .5, .25 };
	(void)state;
	WANT(0, "sweep", QUICK, "--keep", "1..0.25/0.25", "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(num(l.line[i], "result_version"), 1);
		assert_string_equal(text(l.line[i], "state"), "done");
		assert_true(num(l.line[i], "knobs.keep") == keeps[i]);
		assert_true(num(l.line[i], "wall.p50_ns") > 0);
		assert_string_equal(text(l.line[i], "session"),
				    text(l.line[0], "session"));
	}
	assert_string_equal(text(l.line[0], "knobs.method"), "none");
	assert_true(num(l.line[3], "flops.ours") < num(l.line[0], "flops.ours"));
	lines_release(&l);
	assert_int_equal(sessions_stored(), 1);
}

/* What is not asked for but needed comes first: the base of every workload. */
static void bases(void **state)
{
	(void)state;
	WANT(0, "sweep", QUICK, "--batch", "1,2", "--keep", ".5", "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 4);
	for (int i = 0; i < 4; i++) {
		assert_true(num(l.line[i], "knobs.batch") == 1 + i / 2);
		assert_true(num(l.line[i], "knobs.keep") == (i % 2 ? .5 : 1));
	}
	lines_release(&l);
}

static void nothing_twice(void **state)
{
	(void)state;
	WANT(0, "sweep", QUICK, KEEPS, "--session", "s", "--json");
	struct lines first = take_lines();
	assert_int_equal(first.n, 3);
	/* An endless measurement would never end: nothing is measured. */
	WANT(0, "sweep", ENDLESS, KEEPS, "--session", "s", "--json");
	struct lines again = take_lines();
	assert_int_equal(again.n, 3);
	for (int i = 0; i < 3; i++)
		assert_true(json_equal(first.line[i], again.line[i]));
	lines_release(&again);
	/* One more setting is one more run; another session has none of them. */
	WANT(0, "sweep", QUICK, "--keep", "1,.75,.5,.25", "--session", "s");
	stdout_has("s: 1 measured now, 3 from before");
	WANT(0, "sweep", QUICK, KEEPS, "--session", "t");
	stdout_has("t: 3 measured now, 0 from before");
	lines_release(&first);
}

/* Tokens, and so what a keep ratio keeps, follow from the size of the picture; and a run
 * of one size is not one of another. */
static void image_sizes(void **state)
{
	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		WANT(0, "sweep", QUICK, "--image-size", "64,128", "--keep", "1,.5",
		     "--session", "s", "--json");
		struct lines l = take_lines();
		assert_int_equal(l.n, 4);
		for (int i = 0; i < 4; i++)
			assert_true(num(l.line[i], "input.tokens") == (i < 2 ? 16 : 64));
		assert_int_equal(json_array_size(at(l.line[3], "tokens.kept")), 32);
		lines_release(&l);
	}
	WANT(0, "sweep", QUICK, "--image-size", "128", "--keep", ".51", "--session", "s");
	stdout_has("s: 0 measured now, 2 from before"); /* 32.6 of 64 */
	WANT(0, "sweep", QUICK, "--image-size", "128", "--keep", ".52", "--session", "s");
	stdout_has("s: 1 measured now, 1 from before"); /* 33 */
}

/* A checkpoint is known by the hash of its file, which a resume need not compute. */
static void checkpoint(void **state)
{
	(void)state;
	const char *model = fixture("clip_tiny");
	for (int turn = 0; turn < 2; turn++) {
		WANT(0, "sweep", "-m", model, "--samples", "2", "--keep", "1,.5",
		     "--session", "s");
		stdout_has(turn ? "s: 0 measured now, 2 from before"
				: "s: 2 measured now, 0 from before");
		assert_null(strstr(str_get(&p.out_text), "random"));
	}
}

static void a_table(void **state)
{
	(void)state;
	WANT(0, "sweep", QUICK, "--keep", "1,.5", "--method", "l2,random");
	stdout_has("keep  method  kept");
	stdout_has("cosine (random)");
	stdout_has("1.00x");
	stdout_has("base\n");
	stdout_has("random weights");
	stdout_has("machine ");
	WANT(0, "sweep", QUICK, KEEPS, "--no-store");
	assert_null(strstr(str_get(&p.out_text), "session"));
}

/* Two methods with amounts of their own: each at its own only. */
static void amounts_of_methods(void **state)
{
	(void)state;
	WANT(0, "sweep", QUICK, "--method", "l2,tome", "--keep", "1,.5", "--merge-r",
	     "0,2", "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 5);
	for (int i = 0; i < l.n; i++) {
		const char *method = text(l.line[i], "knobs.method");
		assert_string_equal(text(l.line[i], "state"), "done");
		if (strcmp(method, "l2") != 0)
			assert_true(num(l.line[i], "knobs.keep") == 1);
		if (strcmp(method, "tome") != 0)
			assert_true(num(l.line[i], "knobs.merge_r") == 0);
	}
	lines_release(&l);
	REFUSED(2, "does not use it", "run", QUICK, "--method", "l2", "--merge-r", "2");
}

/* No terminal: as wide as it is, one line for a setting. */
static void a_wide_table(void **state)
{
	int headers = 0;
	(void)state;
	WANT(0, "sweep", QUICK, "--method", "l2,random", "--keep", "1,.5", "--seed",
	     "0,1", "--prune-at", "embed,0+1", "--threshold-scale", "absolute,quantile");
	for (const char *at = str_get(&p.out_text); (at = strstr(at, "threshold-scale"));
	     at++)
		headers++;
	assert_int_equal(headers, 1);
	stdout_has("base\n");
}

static void one_setting_fails(void **state)
{
	(void)state;
	WANT(1, "sweep", QUICK, "--keep", "1,.5", "--method", "l2,nope", "--json");
	stderr_has("keep=0.5 method=nope: --method nope: this version has");
	stderr_has("2 of 5 settings failed");
	struct lines l = take_lines();
	int failed = 0;
	assert_int_equal(l.n, 5);
	for (int i = 0; i < l.n; i++) {
		bool nope = !strcmp(text(l.line[i], "knobs.method"), "nope");
		assert_string_equal(text(l.line[i], "state"), nope ? "failed" : "done");
		if (nope)
			assert_non_null(strstr(text(l.line[i], "error"), "--method"));
		failed += nope;
	}
	assert_int_equal(failed, 2);
	lines_release(&l);
	WANT(1, "sweep", QUICK, "--keep", "1,.5", "--method", "nope");
	stdout_has("failed: --method nope");
}

/* The worker dies in every second setting: a new one goes on. */
static void worker_dies(void **state)
{
	(void)state;
	WANT(1, "sweep", QUICK, KEEPS, "--json", "--worker", wrong("die"));
	stderr_has("killed");
	stderr_has("1 of 3 settings failed");
	struct lines l = take_lines();
	assert_int_equal(l.n, 3);
	int failed = 0;
	for (int i = 0; i < 3; i++)
		failed += !strcmp(text(l.line[i], "state"), "failed");
	assert_int_equal(failed, 1);
	assert_string_equal(text(l.line[0], "state"), "done");
	lines_release(&l);
}

/* ^C: what is done stays, and the message says how to go on. */
static void cancelled(void **state)
{
	char session[96] = "";
	(void)state;
	WANT(130, "sweep", QUICK, KEEPS, "--json", "--worker", wrong("interrupt"));
	struct lines l = take_lines();
	assert_int_equal(l.n, 1);
	snprintf(session, sizeof(session), "%s", text(l.line[0], "session"));
	stderr_has("1 of 3 settings are stored");
	stderr_has(session);
	WANT(0, "sweep", QUICK, KEEPS, "--json", "--session", session);
	struct lines all = take_lines();
	assert_int_equal(all.n, 3);
	assert_true(json_equal(l.line[0], all.line[0]));
	lines_release(&l);
	lines_release(&all);
	assert_int_equal(sessions_stored(), 1);
}

/* The same from outside, while the first that is not stored yet runs. */
static void interrupted(void **state)
{
	(void)state;
	WANT(0, "sweep", QUICK, "--keep", "1", "--session", "s", "--json");
	proc_release(&p);
	proc_start(&p, (const char *const[]){ program(), "sweep", ENDLESS, KEEPS,
					      "--session", "s", "--json", NULL });
	json_t *base = proc_line(&p);
	assert_non_null(base);
	json_decref(base);
	kill(p.pid, SIGINT);
	assert_int_equal(proc_finish(&p), 130);
	stderr_has("the same command goes on");
	WANT(0, "sweep", QUICK, KEEPS, "--session", "s");
	stdout_has("s: 2 measured now, 1 from before");
}

/* All that the program says to a terminal, stdout kept out of it. */
static void on_a_terminal(const char *const *argv, struct str *said)
{
	char chunk[4096];
	int status, screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(screen >= 0);
	assert_int_equal(grantpt(screen) | unlockpt(screen), 0);
	int end = open(ptsname(screen), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(end >= 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, 1);
		dup2(end, 2);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(end);
	for (ssize_t n; (n = read(screen, chunk, sizeof(chunk))) > 0;)
		str_add_n(said, chunk, (size_t)n);
	close(screen);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Which of how many, what it is, and after the first how long the rest will take. */
static void progress(void **state)
{
	(void)state;
	struct str said = STR_INIT;
	on_a_terminal((const char *const[]){ program(), "sweep", QUICK, KEEPS, "--seed",
					     "1,2", "--session", "s", NULL },
		      &said);
	assert_non_null(strstr(str_get(&said), "\r\033[K1/6 keep=1 seed=1 method=none "));
	assert_non_null(
		strstr(str_get(&said), "\r\033[K4/6 keep=1 seed=2 method=none ("));
	assert_non_null(strstr(str_get(&said), " left) "));
	str_release(&said);
	WANT(0, "sweep", QUICK, KEEPS); /* into a pipe: nothing */
	assert_string_equal(str_get(&p.err_text), "");
}

static void full_stdout(void **state)
{
	char command[256];
	(void)state;
	snprintf(command, sizeof(command),
		 "\"$SPARSETOP\" sweep -m %s --samples 2 "
		 "--keep 1,.5 --json 2>&1 >/dev/full",
		 TINY);
	FILE *f = popen(command, "r");
	char line[256] = "", more[8];
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_null(fgets(more, sizeof(more), f));
	assert_non_null(strstr(line, "stdout: No space"));
	assert_int_equal(WEXITSTATUS(pclose(f)), 1);
}

/* ---- study ---- */

static void write_study(const char *rows)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"{\"name\":\"mine\",\"title\":\"A small one\",\"model\":\"%s\","
		"\"hardware\":\"paper\",\"claims\":[\"it is faster\"],"
		"\"columns\":[\"ms\",\"kept\",\"cosine\",\"cosine_mixed\"],\"rows\":[%s]"
		"}",
		TINY, rows);
	fclose(f);
}

#define TWO_ROWS                                                                         \
	"{\"label\":\"off\",\"published\":{\"ms\":10}},"                                 \
	"{\"label\":\"half\",\"knobs\":{\"keep\":0.5},\"published\":{\"ms\":4},"         \
	"\"note\":\"odd\"}"
#define BAD_ROW ",{\"label\":\"bad\",\"knobs\":{\"method\":\"nope\"}}"
#define FAST "--samples", "2", "--warmup", "1", "--threads", "1"

static void study_usage(void **state)
{
	(void)state;
	write_study(TWO_ROWS);
	REFUSED(2, "want list, or the NAME", "study");
	REFUSED(2, "there is no study nope", "study", "nope");
	REFUSED(2, "one word too many", "study", "vtp", "evit");
	REFUSED(2, "the study in it is mine, not vtp", "study", "vtp", "--file", path);
	REFUSED(2, "--keep: the rows of a study", "study", "vtp", "--keep", ".5");
	REFUSED(2, "--bogus is not an option of study", "study", "vtp", "--bogus");
	REFUSED(1, "no-such.json", "study", "--file", "no-such.json");
	write_study("{\"label\":\"a\",\"knobs\":{\"keep\":7}}");
	REFUSED(1, "rows[0]: --keep 7: want", "study", "--file", path);
	WANT(0, "study", "--help");
	assert_int_equal(sessions_stored(), 0);
}

static void study_list(void **state)
{
	(void)state;
	WANT(0, "study", "list");
	stdout_has("vtp-knorm");
	WANT(0, "study", "list", "--json");
	struct lines l = take_lines();
	assert_true(l.n >= 7);
	assert_string_equal(text(l.line[0], "name"), "vtp");
	assert_true(num(l.line[0], "rows") == 5 && num(l.line[0], "runnable") == 5);
	lines_release(&l);
}

static void study_rows(void **state)
{
	(void)state;
	write_study(TWO_ROWS);
	WANT(0, "study", "--file", path, FAST, "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 2);
	const json_t *half = l.line[1];
	assert_string_equal(text(half, "study"), "mine");
	assert_string_equal(text(half, "session"), "mine");
	assert_string_equal(text(half, "label"), "half");
	assert_true(num(half, "row") == 2 && num(half, "knobs.keep") == .5);
	assert_true(num(half, "published.ms") == 4 &&
		    num(half, "ratio_published.ms") == .4);
	double ratio = num(half, "measured.ms") / num(l.line[0], "measured.ms");
	assert_true(fabs(num(half, "ratio_measured.ms") - ratio) < 1e-6);
	assert_true(num(half, "measured.kept") == 8);
	assert_true(json_is_null(at(half, "published.cosine")));
	assert_true(num(half, "measured.cosine") <= 1);
	/* The run is there under its uid. */
	char uid[64];
	snprintf(uid, sizeof(uid), "%s", text(half, "run"));
	lines_release(&l);
	WANT(0, "sessions", "show", uid);
	/* Again: from the store. */
	WANT(0, "study", "mine", "--file", path, "--samples", "100000", "--budget",
	     "1000", "--threads", "1", "--json");
	l = take_lines();
	assert_int_equal(l.n, 2);
	assert_true(json_is_true(at(l.line[1], "stored")));
	assert_string_equal(text(l.line[1], "run"), uid);
	lines_release(&l);
}

static void study_text(void **state)
{
	(void)state;
	write_study(TWO_ROWS BAD_ROW);
	WANT(1, "study", "--file", path, FAST);
	stdout_has("A small one");
	stdout_has("published  paper");
	stdout_has("4.00   0.40");
	stdout_has("note       half: odd");
	stdout_has("failed     bad: --method nope");
	stdout_has("claim      it is faster");
	stdout_has("machine ");
	stdout_has("mine: 2 measured now");
	stderr_has("1 of 3 settings failed");
}

/* A built-in one in miniature, on another batch. */
static void study_vtp(void **state)
{
	(void)state;
	WANT(0, "study", "vtp", "-m", TINY, "--batch", "2", FAST, "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 5);
	for (int i = 0; i < 5; i++)
		assert_true(num(l.line[i], "knobs.batch") == 2);
	assert_true(num(l.line[4], "published.ms") == 46);
	assert_true(num(l.line[4], "measured.cosine_mixed") <
		    num(l.line[1], "measured.cosine"));
	assert_true(num(l.line[4], "measured.kept") == 8);
	lines_release(&l);
	WANT(0, "study", "vtp", "-m", TINY, "--batch", "2", "--threads", "1");
	stdout_has("batch=2");
	stdout_has("vtp: 0 measured now, 5 from before");
	/* What is given counts, also where it is the default of the option. */
	WANT(0, "study", "vtp", "-m", TINY, "--batch", "1", FAST);
	stdout_has("batch=1");
	stdout_has("vtp: 5 measured now, 0 from before");
}

/* A row of a model that is not there fails alone. */
static void study_models(void **state)
{
	(void)state;
	write_study("{\"label\":\"gone\",\"model\":\"nope\"}," TWO_ROWS);
	WANT(1, "study", "--file", path, FAST, "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 3);
	assert_non_null(strstr(text(l.line[0], "error"), "nope"));
	assert_true(json_is_null(at(l.line[0], "run")));
	assert_true(num(l.line[2], "measured.ms") > 0);
	lines_release(&l);
}

/* A row's text goes in at that row alone: here into a model that cannot read. */
static void study_asks(void **state)
{
	(void)state;
	write_study(
		"{\"label\":\"asked\",\"model\":\"siglip-b16:tiny\",\"text\":\"cat\"},"
		"{\"label\":\"seen\",\"model\":\"siglip-b16:tiny\"}");
	WANT(1, "study", "--file", path, FAST, "--json");
	struct lines l = take_lines();
	assert_int_equal(l.n, 2);
	assert_non_null(strstr(text(l.line[0], "error"), "pictures only"));
	assert_true(num(l.line[1], "measured.ms") > 0);
	lines_release(&l);
	/* What the command line puts in is not replaced. */
	write_study("{\"label\":\"asked\",\"text\":\"cat\"}");
	WANT(1, "study", "--file", path, FAST, "--tokens", "no-such-file");
	stderr_has("no-such-file");
}

static void study_cancelled(void **state)
{
	(void)state;
	write_study(TWO_ROWS);
	WANT(130, "study", "--file", path, FAST, "--worker", wrong("interrupt"));
	stdout_has("missing    half: not measured");
	stderr_has("1 of 2 settings are stored; the same command goes on");
	WANT(0, "study", "--file", path, FAST);
	stdout_has("mine: 1 measured now, 1 from before");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(usage),
		CASE(a_line_per_setting),
		CASE(bases),
		CASE(nothing_twice),
		CASE(checkpoint),
		CASE(image_sizes),
		CASE(amounts_of_methods),
		CASE(a_wide_table),
		CASE(a_table),
		CASE(one_setting_fails),
		CASE(worker_dies),
		CASE(cancelled),
		CASE(interrupted),
		CASE(full_stdout),
		CASE(progress),
		CASE(study_usage),
		CASE(study_list),
		CASE(study_rows),
		CASE(study_text),
		CASE(study_vtp),
		CASE(study_models),
		CASE(study_asks),
		CASE(study_cancelled),
	};
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "proxy"))
		return proxy(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
