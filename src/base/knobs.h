/*
 * Knobs: what a user can turn. The table is knobs.def; values are held here; which of
 * them mean something for a model is the family's `knobs` mask (models/family.h), and
 * names of methods, engines and devices are checked by their registries.
 */
#ifndef BASE_KNOBS_H
#define BASE_KNOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum knob_id {
#define KNOB(id, ...) KNOB_##id,
#include "base/knobs.def"
#undef KNOB
	KNOB_COUNT
};

#define KNOB_BIT(id) (UINT64_C(1) << (id))

enum knob_kind { KNOB_NUMBER, KNOB_INTEGER, KNOB_CHOICE, KNOB_NAME };
enum knob_group { KNOB_TECHNIQUE, KNOB_WORKLOAD, KNOB_ENGINE };

struct knob {
	const char *option; /* "prune-at": --prune-at; prune_at in JSON */
	const char *symbol; /* short, for sliders */
	enum knob_kind kind;
	enum knob_group group;
	const char *unset;
	double min, max, step;
	const char *initial;
	const char *choices; /* "a|b|c" for KNOB_CHOICE */
	const char *help;
};

extern const struct knob knob_table[KNOB_COUNT];

#define KNOB_TEXT_SIZE 256

struct knob_value {
	double num;                /* NUMBER, INTEGER; NaN: unset */
	char text[KNOB_TEXT_SIZE]; /* CHOICE, NAME; "": unset */
};

struct knobs {
	struct knob_value v[KNOB_COUNT];
};

void knobs_init(struct knobs *); /* all at their defaults */

/* Parses and checks one value ("0.7", "off", "l2"); ERR_USAGE says what is allowed. */
enum err knobs_set(struct knobs *, enum knob_id, const char *text) MUST_CHECK;

/* The value as an option would take it; integral numbers without a point. */
const char *knobs_get(const struct knobs *, enum knob_id, char buf[KNOB_TEXT_SIZE]);

static inline double knob_num(const struct knobs *k, enum knob_id id)
{
	return k->v[id].num;
}
static inline const char *knob_text(const struct knobs *k, enum knob_id id)
{
	return k->v[id].text;
}

bool knobs_is_default(const struct knobs *, enum knob_id);
bool knobs_equal(const struct knobs *, const struct knobs *, uint64_t mask);

/* By option name ("prune-at") or JSON name ("prune_at"); KNOB_COUNT when there is none.
 */
enum knob_id knob_find(const char *name);
/* The JSON name of a knob: its option with _ for -. */
const char *knob_json_name(enum knob_id, char buf[KNOB_TEXT_SIZE]);

/* The same workload with every technique off: what "base" means. */
struct knobs knobs_base(const struct knobs *);

/* method: "auto" becomes l2 when keep < 1, tome when merge-r > 0, threshold when that is
 * set, else none. */
void knobs_resolve_method(struct knobs *);

/* A factor that was asked for alone: mrss becomes low where downsample is above 1. */
void knobs_resolve_mrss(struct knobs *);

/* "keep=0.7 method=l2 batch=1 ...": the knobs in `mask` in table order, one space
 * between. */
void knobs_canonical(const struct knobs *, uint64_t mask, struct str *out);
/* The same back; *mask: those that the text has. ERR_FORMAT. */
enum err knobs_parse_canonical(const char *text, struct knobs *out,
			       uint64_t *mask) MUST_CHECK;
/* " --keep 0.7": those in `mask` that are not as `start` has them, which is what holds
 * where nothing is said; NULL: their defaults. */
void knobs_command_line(const struct knobs *, const struct knobs *start, uint64_t mask,
			struct str *out);

/*
 * How many of n tokens a keep ratio leaves: max(1, (int)(n * keep)), in doubles as the
 * published code computes it.
 */
int64_t knob_kept(int64_t n, double keep);
/* The shortest ratio (four decimals, rounded up) that keeps exactly `kept` of n. */
double knob_keep_for(int64_t n, int64_t kept);

#endif
