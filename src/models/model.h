/*
 * A model: where it comes from, its configuration, its weights, ready to run.
 *
 *   model_open       reads the configuration and maps the weights: milliseconds
 *   tensors_prepare  converts, generates and stacks them: seconds, with progress
 *   model_prepare    has the backend pack them
 */
#ifndef MODELS_MODEL_H
#define MODELS_MODEL_H

#include "image/preprocess.h"
#include "models/decoder.h"
#include "models/family.h"

struct model {
	const struct family *family;
	char *name;   /* as asked for */
	char *source; /* folder or file; "built in" for a preset */
	char *format; /* "safetensors", "pytorch", "gguf", "preset" */
	/* All that hold weights (model_source.h), ends with NULL; NULL for a preset. */
	char **weights_files;
	bool random_weights;
	uint64_t seed;    /* of random weights */
	enum dtype dtype; /* of its passes and of what its products hold (kernels/op.h) */
	struct hfconfig *config;
	struct preprocess_config preprocess;
	struct tensors *tensors;
	int64_t tokens;  /* of an item, CLS not counted; set by configure */
	int64_t vocab;   /* of texts: ids are 0 ... vocab - 1; set by configure */
	int64_t context; /* of a prompt: tokens there are positions for */
	/* Tokens of a sequence that go through all layers at once, the state carried on;
	 * set by configure, 0: all of them. A multiple of 16. */
	int64_t chunk;
	/* Of a prompt: the token that stands for one of a picture, and what begins and
	 * ends it. */
	struct {
		int32_t picture, start, end;
	} marks;
	/* That reads the tower's tokens, as the configuration has it; layers 0: none. */
	struct decoder_sizes language;
	/* Of a preset whose language model is cut short: how many layers it stands for;
	 * 0: it is whole. */
	int64_t published_layers;
	int64_t image_size; /* set by configure; 0: as large as the picture */
	/* How pictures of any size are cut (image/preprocess.h); set by configure then.
	 */
	struct model_cut {
		int patch, temporal, merge;
	} cut;
	int patches_per_token; /* that go and stay together; set by configure, else 1 */
	void *state;           /* the family's */
	/* Asked now and then by what takes long in family->adapt: false ends it with
	 * ERR_CANCELLED. NULL: nobody will change their mind. */
	bool (*still_wanted)(void *ctx);
	void *still_ctx;
	/* Asked before family->adapt takes much memory for `what`: ERR_NOMEM where
	 * there is not so much. NULL: nobody knows. */
	enum err (*check_memory)(const char *what, double bytes);
};

/*
 * `name`: a preset, a folder with config.json, a checkpoint file, or owner/name in the
 * local hub cache. `seed` is used by presets. ERR_NOTFOUND, ERR_FORMAT, ERR_UNSUPPORTED,
 * ERR_IO, ERR_USAGE; the message names the file and the fact.
 */
enum err model_open(const char *name, uint64_t seed, struct model **out) MUST_CHECK;
/* The same; where a checkpoint holds towers for several kinds of input, that for `kind`
 * instead of that for pictures. */
enum err model_open_for(const char *name, uint64_t seed, enum input_kind kind,
			struct model **out) MUST_CHECK;
/*
 * The same for passes of another type. BF16, F16: weights of products and tables of
 * embeddings are held in it, 2 bytes an element, whatever the file has. F32: as they are
 * stored, and multiplied exactly. Another type is another model, opened beside or
 * instead.
 */
enum err model_open_as(const char *name, uint64_t seed, enum input_kind kind,
		       enum dtype dtype, struct model **out) MUST_CHECK;
/* That of --dtype. */
enum dtype model_dtype(const struct knobs *);
void model_free(struct model *);
/* Whether opening it for this kind of input would choose the same family again. */
bool model_serves(const struct model *, enum input_kind);

/* Has what these knobs need made (family->adapt) and the weights that they use packed by
 * the backend, once each; tensors_prepare() comes first. ERR_NOMEM. */
enum err model_prepare(struct model *, const struct knobs *, const struct backend *,
		       void *backend_self) MUST_CHECK;
/* Gives back what the backend prepared, all or half of it; before the backend closes. */
void model_unprepare(struct model *, const struct backend *, void *backend_self);

/* The sizes of the language model of this configuration to m->language. ERR_FORMAT. */
enum err model_read_language(struct model *, const struct hfconfig *) MUST_CHECK;

double model_params(const struct model *);
double model_bytes(const struct model *);

/* A family's own words, or the plain ones, for a knob outside its mask. */
void model_why_not(const struct family *, enum knob_id, char *buf, size_t size);

/*
 * Values that this model allows: a knob outside the family's mask must be at its default
 * (the message names the families that have it). Resolves `method` first.
 */
enum err model_check_knobs(const struct model *, struct knobs *) MUST_CHECK;

#endif
