#include "kernels/cpu/vec.h"

#include <stddef.h>

const struct vec *vec_for(enum isa isa)
{
	const struct vec *best = vecs[0];
	for (int i = 1; vecs[i]; i++)
		if (vecs[i]->isa <= isa)
			best = vecs[i];
	return best;
}
