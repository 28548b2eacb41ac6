#include "cli/options.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/preset.h"
#include "profiler/measure.h"

/* Codes of the options that are not knobs; knobs are FIRST_KNOB + id. */
enum code {
	CODE_HELP = 1000,
	CODE_EXIF,
	CODE_TEXT,
	CODE_TOKENS,
	CODE_INPUT,
	CODE_LABELS,
	CODE_DATASET,
	CODE_VOCAB,
	CODE_BUDGET,
	CODE_SAMPLES,
	CODE_WARMUP,
	CODE_NOISE,
	CODE_DB,
	CODE_SESSION,
	CODE_NO_STORE,
	CODE_WORKER,
	CODE_JSON,
	CODE_GROUP_BY,
	CODE_SORT,
	CODE_LIMIT,
	CODE_SAVE,
	CODE_FORMAT,
	CODE_ASCII,
	CODE_NO_MOUSE,
	CODE_PLAIN,
	CODE_READONLY,
	CODE_FILE,
	CODE_METHODS,
	FIRST_KNOB = 2000
};

static const struct {
	const char *name;
	int code;
	unsigned group;
	const char *argument; /* NULL: a flag */
	const char *help;
} table[] = {
	{ "model", 'm', OPTIONS_MODEL, "MODEL",
	  "preset, folder, file, or owner/name (-m)" },
	{ "image", 'i', OPTIONS_MODEL, "IMAGE...",
	  "files or folders (-i); none: the demo scene" },
	{ "exif", CODE_EXIF, OPTIONS_MODEL, NULL, "turn images as their EXIF says" },
	{ "text", CODE_TEXT, OPTIONS_MODEL, "TEXT",
	  "for Mamba or CLIP's text tower; for Qwen a prompt" },
	{ "tokens", CODE_TOKENS, OPTIONS_MODEL, "FILE", "the same as token ids" },
	{ "input", CODE_INPUT, OPTIONS_MODEL, "FILE.safetensors",
	  "raw sequences: F32 `input` [B, T, D]" },
	{ "labels", CODE_LABELS, OPTIONS_MODEL, "A,B,...|FILE",
	  "classes to tell pictures apart (CLIP)" },
	{ "dataset", CODE_DATASET, OPTIONS_MODEL, "cifar10:PATH",
	  "pictures with labels, --limit N of them" },
	{ "vocab", CODE_VOCAB, OPTIONS_MODEL, "FILE",
	  "tokenizer of a model that brings none" },
	{ "budget", CODE_BUDGET, OPTIONS_MEASURE, "SECONDS",
	  "upper bound for one measurement" },
	{ "samples", CODE_SAMPLES, OPTIONS_MEASURE, "N",
	  "exactly N samples, budget permitting" },
	{ "warmup", CODE_WARMUP, OPTIONS_MEASURE, "N",
	  "N passes before the first sample, budget permitting" },
	{ "noise", CODE_NOISE, OPTIONS_MEASURE, "PERCENT",
	  "stop when the median is known to this" },
	{ "db", CODE_DB, OPTIONS_STORE, "FILE",
	  "database of sessions (or SPARSETOP_DB)" },
	{ "session", CODE_SESSION, OPTIONS_SESSION, "NAME", "store into this session" },
	{ "no-store", CODE_NO_STORE, OPTIONS_SESSION, NULL, "store nothing" },
	{ "worker", CODE_WORKER, OPTIONS_WORKER, "COMMAND",
	  "start the worker with this command" },
	{ "json", CODE_JSON, OPTIONS_JSON, NULL, "compact JSON, one object per line" },
	{ "group-by", CODE_GROUP_BY, OPTIONS_TABLE, "layer|op|kind",
	  "rows of the table" },
	{ "sort", CODE_SORT, OPTIONS_TABLE, "KEY", "by this column, largest first" },
	{ "limit", CODE_LIMIT, OPTIONS_TABLE | OPTIONS_MODEL, "N",
	  "at most N rows; of a --dataset, N pictures" },
	{ "save-output", CODE_SAVE, OPTIONS_SAVE, "FILE", "outputs as safetensors" },
	{ "format", CODE_FORMAT, OPTIONS_EXPORT, "FORMAT", "what to write" },
	{ "output", 'o', OPTIONS_EXPORT, "FILE", "where to (-o); default: stdout" },
	{ "ascii", CODE_ASCII, OPTIONS_SCREEN, NULL, "no characters beyond ASCII" },
	{ "no-mouse", CODE_NO_MOUSE, OPTIONS_SCREEN, NULL,
	  "leave the mouse to the terminal" },
	{ "plain", CODE_PLAIN, OPTIONS_SCREEN, NULL,
	  "no boxes or spinners: for screen readers" },
	{ "readonly", CODE_READONLY, OPTIONS_SCREEN, NULL, "look only: store nothing" },
	{ "file", CODE_FILE, OPTIONS_STUDY, "FILE", "a study of your own" },
	{ "methods", CODE_METHODS, OPTIONS_METHODS, NULL,
	  "what each --method needs and costs" },
	{ "help", CODE_HELP, 0, NULL, "this text" },
};
#define N_TABLE (int)(sizeof(table) / sizeof(table[0]))

static enum err parse_number(const char *option, const char *text, double lo, double hi,
			     bool whole, double *out)
{
	char *end, shown[64];
	double v = strtod(text, &end);
	if (end == text || *end || !(v >= lo && v <= hi) || (whole && v != floor(v)))
		return err_set(ERR_USAGE, "--%s %s: want %s from %g to %g", option,
			       str_escaped(shown, sizeof(shown), text, strlen(text)),
			       whole ? "an integer" : "a number", lo, hi);
	*out = v;
	return OK;
}

#define NO_FIELD SIZE_MAX

/* Where a flag or a plain text goes; NO_FIELD: the option is not that simple. */
static size_t field_of(int code)
{
#define FIELD(code_, member)                                                             \
	{                                                                                \
		code_, offsetof(struct options, member)                                  \
	}
	static const struct {
		int code;
		size_t field;
	} fields[] = {
		FIELD('m', model),
		FIELD('o', output),
		FIELD(CODE_HELP, help),
		FIELD(CODE_EXIF, input.exif),
		FIELD(CODE_DB, db),
		FIELD(CODE_SESSION, session),
		FIELD(CODE_NO_STORE, no_store),
		FIELD(CODE_WORKER, worker),
		FIELD(CODE_JSON, json),
		FIELD(CODE_GROUP_BY, group_by),
		FIELD(CODE_SORT, sort),
		FIELD(CODE_SAVE, save_output),
		FIELD(CODE_FORMAT, format),
		FIELD(CODE_ASCII, ascii),
		FIELD(CODE_NO_MOUSE, no_mouse),
		FIELD(CODE_PLAIN, plain),
		FIELD(CODE_READONLY, readonly),
		FIELD(CODE_FILE, file),
		FIELD(CODE_METHODS, methods),
	};
#undef FIELD
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].code == code)
			return fields[i].field;
	return NO_FIELD;
}

/* A text of the input, which owns what it holds; NULL: the option is none. */
static char **owned_text(struct options *o, int code)
{
	switch (code) {
	case CODE_TEXT:
		return &o->input.text;
	case CODE_TOKENS:
		return &o->input.tokens;
	case CODE_INPUT:
		return &o->input.input;
	case CODE_LABELS:
		return &o->input.labels;
	case CODE_DATASET:
		return &o->input.dataset;
	case CODE_VOCAB:
		return &o->input.vocab;
	default:
		return NULL;
	}
}

static enum err take_knob(struct options *o, enum knob_id id, const char *value)
{
	o->given |= KNOB_BIT(id);
	return o->lists ? plan_add(&o->plan, id, value) : knobs_set(&o->knobs, id, value);
}

static enum err take_number(struct options *o, int code, const char *value)
{
	double number = 0;
	enum err e = OK;
	switch (code) {
	case CODE_BUDGET:
		return parse_number("budget", value, 0, 1e6, false, &o->budget_s);
	case CODE_SAMPLES:
		return parse_number("samples", value, 1, MEASURE_MAX_SAMPLES, true,
				    &o->samples);
	case CODE_WARMUP:
		return parse_number("warmup", value, 0, 1e6, true, &o->warmup);
	case CODE_NOISE:
		e = parse_number("noise", value, 0, 100, false, &number);
		o->noise = number / 100;
		return e;
	case CODE_LIMIT:
		e = parse_number("limit", value, 0, 1e6, true, &number);
		o->limit = (int)number;
		return e;
	default:
		return take_knob(o, (enum knob_id)(code - FIRST_KNOB), value);
	}
}

/* `value` is NULL for a flag. */
static enum err take(struct options *o, int code, char *value)
{
	size_t field = field_of(code);
	if (code == CODE_SESSION && !*value)
		return err_set(ERR_USAGE, "--session: the name is empty");
	char **text = owned_text(o, code);
	if (code == 'i') {
		input_source_add_image(&o->input, value);
	} else if (text) {
		free(*text);
		*text = str_dup(value);
	} else if (field == NO_FIELD) {
		return take_number(o, code, value);
	} else if (value) {
		*(const char **)(void *)((char *)o + field) = value;
	} else {
		*(bool *)((char *)o + field) = true;
	}
	return OK;
}

/* getopt's table for the groups: our rows, then the knobs. */
static struct option *long_options(unsigned groups)
{
	struct option *all = mem_alloc(sizeof(*all) * (N_TABLE + KNOB_COUNT + 1));
	int n = 0;
	for (int i = 0; i < N_TABLE; i++)
		if (!table[i].group || (table[i].group & groups))
			all[n++] =
				(struct option){ table[i].name, table[i].argument ? 1 : 0,
						 NULL, table[i].code };
	for (int i = 0; (groups & OPTIONS_MODEL) && i < KNOB_COUNT; i++)
		all[n++] =
			(struct option){ knob_table[i].option, 1, NULL, FIRST_KNOB + i };
	return all;
}

static enum err unknown(const char *command, const char *argument)
{
	char shown[80];
	return err_set(ERR_USAGE, "%s is not an option of %s; try --help",
		       str_escaped(shown, sizeof(shown), argument, strlen(argument)),
		       command);
}

/* What getopt refused. A letter stands in the middle of an argument maybe ("-xm"), a long
 * option is the argument that it has just passed. */
static enum err refused(char **argv, bool lacks_value)
{
	char shown[80], letter[3] = { '-', (char)optopt, 0 };
	const char *argument = argv[optind - 1];
	bool is_letter = optopt && optopt <= UCHAR_MAX;
	if (is_letter && !(lacks_value && !strncmp(argument, "--", 2)))
		argument = letter;
	str_escaped(shown, sizeof(shown), argument, strlen(argument));
	if (lacks_value)
		return err_set(ERR_USAGE, "%s wants a value", shown);
	if (optopt && !is_letter) /* --json=yes */
		return err_set(ERR_USAGE, "%s: this option takes no value", shown);
	return unknown(argv[0], argument);
}

/* What follows -i IMAGE without a dash is more images; elsewhere the command's own. */
static void take_rest(struct options *o, unsigned groups, int argc, char **argv)
{
	o->rest = argv + optind;
	o->n_rest = argc - optind;
	if (!(groups & OPTIONS_MODEL) || !o->input.n_images)
		return;
	for (int i = 0; i < o->n_rest; i++)
		input_source_add_image(&o->input, o->rest[i]);
	o->n_rest = 0;
}

/* What goes to the worker goes as JSON, which is UTF-8. */
static enum err check_utf8(const char *what, const char *text, const char *advice)
{
	char shown[512];
	size_t n = text ? strlen(text) : 0;
	for (size_t i = 0; i < n;) {
		int len = utf8_len(text + i, n - i);
		if (!len)
			return err_set(ERR_UNSUPPORTED, "%s %s: this %s", what,
				       str_escaped(shown, sizeof(shown), text, n),
				       advice);
		i += (size_t)len;
	}
	return OK;
}

static enum err check_texts(const struct options *o)
{
	static const char path[] = "path is not UTF-8: rename it, or link to it under "
				   "another name";
	char what[32];
	enum err e = check_utf8("-m", o->model, path);
	for (int i = 0; !e && i < o->input.n_images; i++)
		e = check_utf8("-i", o->input.images[i], path);
	for (const struct input_text *t = input_texts; !e && t->name; t++) {
		snprintf(what, sizeof(what), "--%s", t->name);
		e = check_utf8(what, input_text_const(&o->input, t), "is not UTF-8");
	}
	return e ? e : check_utf8("--save-output", o->save_output, path);
}

/* --limit counts pictures where there is a dataset, else the rows of a table. */
static enum err check_input(struct options *o, unsigned groups)
{
	if (o->limit >= 0 && o->input.dataset) {
		if (!o->limit)
			return err_set(ERR_USAGE,
				       "--limit 0: a --dataset of no pictures");
		o->input.limit = o->limit;
		o->limit = -1;
	}
	if (o->limit >= 0 && !(groups & OPTIONS_TABLE))
		return err_set(ERR_USAGE, "--limit: without a --dataset there is nothing "
					  "to limit");
	return input_source_check(&o->input);
}

/* A preset brings its workload, where the command line says nothing else. */
static void take_workload(struct options *o)
{
	if (!o->model)
		return;
	preset_workload(o->model, input_source_has_length(&o->input), o->given,
			&o->knobs);
	o->plan.fixed = o->knobs; /* axes go over it */
}

enum err options_parse(struct options *o, unsigned groups, int argc, char **argv)
{
	const double nan = (double)NAN;
	/* A study brings its own. */
	const char *model = groups & OPTIONS_STUDY ? NULL : "clip-vit-b16";
	*o = (struct options){ .model = model,
			       .budget_s = nan,
			       .samples = nan,
			       .warmup = nan,
			       .noise = nan,
			       .limit = -1 };
	knobs_init(&o->knobs);
	plan_init(&o->plan, &o->knobs);
	o->lists = groups & OPTIONS_LISTS;
	groups |= OPTIONS_EVERYWHERE;
	struct option *all = long_options(groups);
	const char *letters = groups & OPTIONS_MODEL    ? ":m:i:h"
			      : groups & OPTIONS_EXPORT ? ":o:h"
							: ":h";
	enum err e = OK;
	int code;
	opterr = 0;
	optind = 1;
	while (!e && (code = getopt_long(argc, argv, letters, all, NULL)) != -1) {
		if (code == '?' || code == ':')
			e = refused(argv, code == ':');
		else
			e = take(o, code == 'h' ? CODE_HELP : code, optarg);
	}
	free(all);
	if (!e)
		take_rest(o, groups, argc, argv);
	if (!e && o->n_rest && (groups & OPTIONS_MODEL) && !(groups & OPTIONS_STUDY))
		e = unknown(argv[0], o->rest[0]);
	if (!(o->given & KNOB_BIT(KNOB_MRSS)))
		knobs_resolve_mrss(&o->knobs);
	if (!e)
		e = check_texts(o);
	if (!e && (groups & OPTIONS_MODEL))
		e = check_input(o, groups);
	if (!e)
		take_workload(o);
	if (e)
		options_release(o);
	return e;
}

void options_release(struct options *o)
{
	input_source_release(&o->input);
	plan_release(&o->plan);
}

void options_print_help(unsigned groups)
{
	groups |= OPTIONS_EVERYWHERE;
	for (int i = 0; i < N_TABLE; i++) {
		char left[64];
		if (table[i].group && !(table[i].group & groups))
			continue;
		snprintf(left, sizeof(left), "--%s %s", table[i].name,
			 table[i].argument ? table[i].argument : "");
		printf("  %-26s %s\n", left, table[i].help);
	}
	if (!(groups & OPTIONS_MODEL))
		return;
	printf(groups & OPTIONS_LISTS ? "\nknobs, each with one value or a list "
					"(1,.9,.7 or 1..0.1/0.1 or 1..64x2):\n"
				      : "\nknobs:\n");
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = &knob_table[i];
		printf("  --%-16s %-7s %s%s%s%s\n", k->option, k->initial, k->help,
		       k->choices ? " (" : "", k->choices ? k->choices : "",
		       k->choices ? ")" : "");
	}
}
