/*
 * What the parts of the workbench share. Two threads look in: the worker's main thread
 * does everything, its reader thread asks for estimates. What the reader needs (model,
 * its hash, rates, shares and saliencies and what they are of, where the input comes
 * from, its facts and what is to say of it, the shape of its classes) changes under
 * `guard` only.
 */
#ifndef PROFILER_WORKBENCH_PRIVATE_H
#define PROFILER_WORKBENCH_PRIVATE_H

#include "base/guard.h"
#include "models/prompt.h"
#include "profiler/classes.h"
#include "profiler/rates.h"
#include "profiler/reference.h"
#include "profiler/saliency.h"
#include "profiler/setting.h"
#include "profiler/states.h"
#include "profiler/workbench.h"

/* The model in one type. */
struct variant {
	struct model *model; /* NULL: it is not open */
	bool prepared, linears_prepared;
};

struct workbench {
	struct guard *guard;
	struct variant variants[DT_COUNT]; /* by type, of the main thread */
	struct model *model;  /* what was asked for last: that of one of the variants */
	struct model *sketch; /* the same in another type, for estimates; or NULL */
	unsigned calibrated;  /* which types, of the open backend: 1 << DT_ */
	struct rates *rates;
	char *key;               /* of the weights file; NULL: a preset */
	char sha256[SHA256_HEX]; /* of the weights; "": not known */
	char *known_key, *known_sha256;

	struct shares shares;   /* token counts that depended on values, of a run ... */
	struct knobs shares_of; /* ... with these knobs; n = 0: of none yet */
	/* Of a pass by threshold, where saliencies_of.prune-at says; n = 0: of none yet
	 */
	struct saliencies saliencies;
	struct knobs saliencies_of;

	struct pool *pool;
	const struct backend *backend;
	void *backend_self;
	char gemm[KNOB_TEXT_SIZE]; /* as asked for */
	int threads;               /* of the open backend; 0: none is open */

	/* What is loaded; its knobs tell the batch and the length, also where they come
	 * from the input itself. */
	struct spec source;
	bool seeded; /* values that follow from the seed */
	struct input_list list;
	struct input_facts facts; /* of its first batch, and the prompt */
	struct prompt prompt;     /* n = 0: there is none; the tokenizer of a text */
	char *note;               /* what to say of how it was read; "" */
	struct input input;
	struct image shown;
	char input_sha256[SHA256_HEX];
	struct reference reference; /* outputs of the base for this input ... */
	struct reference unnormed;  /* ... and its last states before the norm */
	struct states states;       /* of the base's layers, of the first batch */

	struct labels labels;   /* what pictures are told apart by; count 0: nothing */
	struct classes classes; /* of these labels, or of those of an input before */
	char *classes_key;      /* what they were made of; NULL: none are made */
	char *no_classes;       /* why not, where nobody insisted; NULL: no reason */
	struct tensor classes_shape; /* without data, for estimates */
};

/* ---- the model in several types (workbench_models.c) ---- */

struct variant *workbench_current(struct workbench *);
/* That of this type, opened where it is not there. ERR_ as model_open(). */
enum err workbench_variant(struct workbench *, enum dtype, struct variant **) MUST_CHECK;
/* Weights and linears for these knobs and, if of this type, their base; the backend is
 * open. */
enum err workbench_prepare_variant(struct workbench *, struct variant *,
				   const struct knobs *,
				   const struct work_watch *) MUST_CHECK;
/* Closes all types but those (1 << DT_) and that of w->model. */
void workbench_keep_variants(struct workbench *, unsigned types);
/* Makes that of the spec the current one; the input stays. */
enum err workbench_switch(struct workbench *, const struct spec *,
			  bool *changed) MUST_CHECK;
/* A model of this type for a dry pass. Under the guard. */
enum err workbench_sketch(struct workbench *, enum dtype,
			  const struct model **) MUST_CHECK;
/* That of the spec in place of what is loaded, whose input is dropped. ERR_ as
 * model_open(). */
enum err workbench_open_model(struct workbench *, const struct spec *) MUST_CHECK;

/* ---- the input (workbench_input.c) ---- */

/* That of the spec for the current model, in place of what is loaded; after an error that
 * is still there. ERR_ of what it is read from; ERR_NOMEM: it does not fit. */
enum err workbench_open_input(struct workbench *, const struct spec *) MUST_CHECK;
/* An input that stays, of another type of the model: it is shown with these knobs. */
enum err workbench_keep_input(struct workbench *, const struct spec *) MUST_CHECK;

/* Text, pictures or raw sequences; the seed of random weights. */
enum input_kind workbench_kind(const struct spec *);
uint64_t workbench_seed(const struct knobs *);
void workbench_hash_preset(const struct model *, uint64_t seed, char hex[SHA256_HEX]);
void workbench_drop_linears(struct workbench *); /* before the backend closes */
void workbench_drop_model(struct workbench *);
void workbench_drop_input(struct workbench *);
void workbench_drop_references(struct workbench *); /* what is held of the base */
/* The pictures from `first` on, of the list that is open, with its prompt. */
enum err workbench_load_batch(struct workbench *, const struct knobs *, int64_t first,
			      struct input *) MUST_CHECK;

/* A technique is on when the knobs differ from their own base. */
bool workbench_has_technique(const struct model *, const struct knobs *);
/*
 * Fidelity, accuracy and likelihood over all pictures of the source, or its text, batch
 * by batch, outside of any timing: base and technique on the same pixels. Only new
 * pictures count; layers are compared in the first batch. The measured setting may run
 * once more.
 */
enum err workbench_compare(struct workbench *, struct setting *measured,
			   const struct work_watch *, struct run *) MUST_CHECK;

bool workbench_same_model(const struct model *, const struct spec *);
/* Whether what goes in is what is loaded. */
bool workbench_same_input(const struct workbench *, const struct spec *);
/* The knobs batch and seq as the loaded input has them (models/sequences.h). */
enum err workbench_settle(const struct workbench *, struct knobs *) MUST_CHECK;

/* Whether the open backend is that of these knobs. */
bool workbench_runs_on(const struct workbench *, const struct knobs *);
/* Labels of a source; the hash of the input takes them in. ERR_ as labels_read(). */
enum err workbench_open_labels(const struct input_source *, struct labels *,
			       char sha256[SHA256_HEX]) MUST_CHECK;
/* Classes of the labels, made by the text tower where those there are of others. The
 * backend is open. */
enum err workbench_prepare_classes(struct workbench *,
				   const struct work_watch *) MUST_CHECK;
void workbench_drop_classes(struct workbench *); /* with the model */
/* What this input's pictures are compared with; NULL: nothing. */
const struct classes *workbench_classes(const struct workbench *);

/* Model, input, knobs: what every result says of what ran. Under the guard. */
void workbench_describe_setting(const struct workbench *, const struct model *,
				const struct knobs *, struct run *);

#endif
