/* What a set of weights is, for tensors.c (asking) and tensors_prepare.c. */
#ifndef TENSOR_TENSORS_PRIVATE_H
#define TENSOR_TENSORS_PRIVATE_H

#include "tensor/slabs.h"
#include "tensor/tensors.h"

/* What somebody asked for. */
struct held {
	char *key; /* the names, joined by + */
	struct tensor tensor;
};

/* One tensor of the source and where it goes (or lies). */
struct piece {
	char *name;
	struct tensor to; /* never written to where it is in place */
	bool in_place;
};

struct tensors {
	const struct tensors_source *source;
	void *self;
	char *label, *config; /* config: NULL where nobody named one */
	enum dtype generated; /* what get_stored gives of a generator */
	enum dtype held_as;   /* what it gives of anything; F32: as it is stored */
	struct held *held;
	struct piece *piece;
	int held_count, piece_count;
	int prepared; /* pieces [0, prepared) are filled */
	struct slabs slabs;
	int64_t params, bytes;
	enum err error;
	char message[1024];
};

#endif
