/* Where texts end. A few ids per text: no thread is worth waking for it. */
#include "kernels/cpu/cpu.h"

static int64_t first_of(const int32_t *ids, int64_t n, int32_t id)
{
	for (int64_t i = 0; i < n; i++)
		if (ids[i] == id)
			return i;
	return 0;
}

static int64_t first_highest(const int32_t *ids, int64_t n)
{
	int64_t best = 0;
	for (int64_t i = 1; i < n; i++)
		if (ids[i] > ids[best])
			best = i;
	return best;
}

void cpu_ends(void *self, struct tensor rows, struct tensor ids, int32_t end)
{
	(void)self;
	int64_t n = ids.dim[1];
	for (int64_t b = 0; b < ids.dim[0]; b++) {
		const int32_t *text = (const int32_t *)ids.data + b * n;
		int64_t at = end < 0 ? first_highest(text, n) : first_of(text, n, end);
		((int32_t *)rows.data)[b] = (int32_t)(b * n + at);
	}
}
