/*
 * The protocol between front and worker: one JSON object per line, over the worker's
 * stdin and stdout. One encoder and one decoder for each direction; both ends treat what
 * they read as untrusted.
 *
 *   front -> worker   load estimate run cancel hash quit
 *   worker -> front   hello loaded estimate progress sample result error done
 *
 * Every message but hello and quit carries the id of the request it belongs to. Ids grow;
 * a request with a newer id supersedes older loads and runs, and `cancel` ends all up to
 * its id.
 */
#ifndef PROFILER_PROTOCOL_H
#define PROFILER_PROTOCOL_H

#include "models/input_source.h"
#include "profiler/measure.h"
#include "profiler/run.h"

#define PROTOCOL_VERSION 1

/* What is to run. Paths are the worker's. */
struct spec {
	char *model;
	struct input_source input;
	struct knobs knobs;
};

void spec_release(struct spec *);
struct spec spec_copy(const struct spec *);

enum command_type {
	COMMAND_LOAD,     /* specs[0]: model and input */
	COMMAND_ESTIMATE, /* specs[0] */
	COMMAND_RUN,      /* specs[n], interleaved by `abba` */
	COMMAND_CANCEL,   /* all loads and runs up to id */
	COMMAND_HASH,     /* sha256 of the weights is known: `sha256` of file `key` */
	COMMAND_QUIT
};

struct command {
	enum command_type type;
	int64_t id;
	struct spec *specs;
	int n_specs;
	bool abba;
	struct measure_options measure;
	char *save_output; /* file for the outputs of specs[0], or NULL */
	char *key, *sha256;
};

void command_release(struct command *);
char *command_encode(const struct command *); /* the caller frees */
enum err command_decode(const char *line, struct command *out) MUST_CHECK;

enum event_type {
	EVENT_HELLO,
	EVENT_LOADED,
	EVENT_ESTIMATE, /* run: an estimate */
	EVENT_PROGRESS,
	EVENT_SAMPLE,
	EVENT_RESULT, /* run: done, of `variant` */
	EVENT_ERROR,  /* the request failed */
	EVENT_DONE /* the request is complete: all results were sent, weights are ready */
};

struct device {
	char *name, *detail; /* "cpu"; what it is, in words */
	bool available;
	char *reason; /* why not; NULL when it is */
};

struct event {
	enum event_type type;
	int64_t id;
	int variant;

	int protocol; /* hello */
	char *version;
	struct device *devices;
	int n_devices;

	struct run *run;           /* loaded: model, input, knob_mask; estimate; result */
	char *why_not[KNOB_COUNT]; /* loaded */
	char *file_key;   /* loaded: identifies the weights file; NULL: no file */
	uint8_t *picture; /* loaded: RGB8 */
	int picture_width, picture_height;

	char *what; /* progress */
	double done, total;

	struct measure_sample sample;

	enum err code; /* error */
	char *message;
};

void event_release(struct event *);
char *event_encode(const struct event *); /* the caller frees */
enum err event_decode(const char *line, struct event *out) MUST_CHECK;

#endif
