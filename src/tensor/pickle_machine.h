/*
 * The stack machine of a pickle, as far as a state_dict that torch.save wrote needs it:
 * internal to torch_pickle.c, which says what is legal and why.
 *
 * Values never change but for what is added to a dictionary; they are known by their
 * index, so any may refer to any, even to itself. Memory: every
 * instruction adds at most one value, one pair, and as many indices as it has bytes.
 */
#ifndef TENSOR_PICKLE_MACHINE_H
#define TENSOR_PICKLE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "tensor/tensor.h"

#define PICKLE_MAX_VALUES (1 << 20)

#define PICKLE_ADVICE                                                                    \
	"plain weights are a state_dict alone. To convert, in Python, a file you "       \
	"trust: "                                                                        \
	"safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"

enum pickle_kind {
	VALUE_NONE,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_TEXT,
	VALUE_TUPLE,
	VALUE_LIST, /* what is in it is forgotten: no tensor needs one */
	VALUE_DICT,
	VALUE_GLOBAL,
	VALUE_STORAGE, /* first: the five parts of its persistent id */
	VALUE_TENSOR,  /* first: the arguments of _rebuild_tensor_v2 */
};

enum pickle_callable { ORDERED_DICT, REBUILD_TENSOR, STORAGE_TYPE };

struct pickle_global {
	const char *module, *name;
	enum pickle_callable what;
	enum dtype dtype;
};

/* A pointer to one lasts until the next push: what lasts is its index. */
struct pickle_value {
	enum pickle_kind kind;
	uint32_t first, count; /* items of a tuple; `first` pair of a dictionary */
	union {
		int64_t number;
		const char *text;
		const struct pickle_global *global;
	};
};

#define PICKLE_NO_PAIR UINT32_MAX
struct pickle_pair {
	uint32_t key, value, next;
};

struct pickle_indices {
	uint32_t *at;
	uint32_t count, room;
};

struct pickle_machine {
	const unsigned char *bytes;
	size_t size, at;
	const char *label;
	struct scratch texts; /* of VALUE_TEXT */
	struct pickle_value *value;
	uint32_t values, value_room;
	struct pickle_pair *pair;
	uint32_t pairs, pair_room;
	struct pickle_indices stack;
	struct pickle_indices marks; /* heights of the stack */
	struct pickle_indices items; /* of all tuples */
	struct pickle_indices memo;  /* index + 1, 0 where unset */
	bool stopped;
};

/* pickle_ops.c. Runs a machine (label, bytes and size set, all else zero) until it stops;
 * then stack.at[0] is the one value that is left. */
enum err pickle_run(struct pickle_machine *) MUST_CHECK;
void pickle_release(struct pickle_machine *); /* all but `bytes` */

const struct pickle_value *pickle_value(const struct pickle_machine *, uint32_t index);
/* Item i < count of a tuple, a storage or a tensor. */
const struct pickle_value *pickle_item(const struct pickle_machine *,
				       const struct pickle_value *, uint32_t i);
bool pickle_item_is(const struct pickle_machine *, const struct pickle_value *,
		    uint32_t i, enum pickle_kind);

/* "LABEL: FACT"; returns the code. */
enum err pickle_refuse(const struct pickle_machine *, enum err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* For the instructions. ERR_FORMAT "LABEL: damaged pickle: FACT (at byte N)". */
enum err pickle_damaged(const struct pickle_machine *, const char *fact);
/* The next n bytes of the program. */
enum err pickle_take(struct pickle_machine *, size_t n,
		     const unsigned char **) MUST_CHECK;
/* A new value, or one that is known, on the stack. */
enum err pickle_push(struct pickle_machine *, struct pickle_value) MUST_CHECK;
enum err pickle_push_index(struct pickle_machine *, uint32_t index) MUST_CHECK;
/* No instruction reaches below the last mark. */
uint32_t pickle_floor(const struct pickle_machine *);
enum err pickle_pop(struct pickle_machine *, uint32_t *index) MUST_CHECK;
enum err pickle_top(struct pickle_machine *, uint32_t *index) MUST_CHECK;
/* Removes the last mark; what was pushed since starts at *first of the stack. */
enum err pickle_pop_mark(struct pickle_machine *, uint32_t *first) MUST_CHECK;
void pickle_add_index(struct pickle_indices *, uint32_t index);
/* Room for one more; doubling, so that n additions cost n. */
uint32_t pickle_room(uint32_t count, uint32_t room);

#endif
