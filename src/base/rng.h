/*
 * Seeded random numbers by counter: value i of a stream depends on (key, i) only, so that
 * any thread can make any part and the result never depends on the number of threads.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* The key of a named stream under a seed. */
uint64_t rng_key(uint64_t seed, const char *name);

/* 32 random bits: a 32-bit avalanche over the counter, keyed twice. Vectorises well. */
static inline uint32_t rng_bits(uint64_t key, uint32_t i)
{
	uint32_t x = i * 0x9E3779B9u + (uint32_t)key;
	x ^= x >> 16;
	x *= 0x85EBCA6Bu;
	x ^= x >> 13;
	x ^= (uint32_t)(key >> 32);
	x *= 0xC2B2AE35u;
	x ^= x >> 16;
	return x;
}

/* Uniform in [0, 1), 24 bits. */
static inline float rng_uniform(uint64_t key, uint32_t i)
{
	return (float)(rng_bits(key, i) >> 8) * 0x1p-24f;
}

#endif
