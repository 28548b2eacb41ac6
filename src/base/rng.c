#include "base/rng.h"

uint64_t rng_key(uint64_t seed, const char *name)
{
	uint64_t h = 0xCBF29CE484222325u ^ seed; /* FNV-1a over the name ... */
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001B3u;
	h ^= h >> 30; /* ... then the finaliser of splitmix64 */
	h *= 0xBF58476D1CE4E5B9u;
	h ^= h >> 27;
	h *= 0x94D049BB133111EBu;
	return h ^ (h >> 31);
}
