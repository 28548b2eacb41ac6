#include "kernels/cpu/order.h"

#include <string.h>

uint32_t order_key(float score)
{
	uint32_t bits;
	memcpy(&bits, &score, sizeof(bits));
	if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
		return 0;
	if (bits == 0x80000000u)
		bits = 0;
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

float order_score(uint32_t key)
{
	float score;
	uint32_t bits = !key ? 0x7FC00000u : key & 0x80000000u ? key ^ 0x80000000u : ~key;
	memcpy(&score, &bits, sizeof(score));
	return score;
}

/* Digit by digit from the highest: four counts of 256. */
uint32_t order_at(const float *score, int64_t n, int64_t rank, int64_t *equals)
{
	uint32_t key = 0, known = 0; /* digits found so far, and their mask */
	for (int shift = 24; shift >= 0; shift -= 8) {
		int64_t count[256] = { 0 };
		for (int64_t i = 0; i < n; i++) {
			uint32_t k = order_key(score[i]);
			count[k >> shift & 0xFF] += (k & known) == key;
		}
		uint32_t digit = 255;
		for (; count[digit] < rank; digit--)
			rank -= count[digit];
		key |= digit << shift;
		known |= 0xFFu << shift;
	}
	*equals = rank;
	return key;
}

/* `to` = `from` by the digit at `shift`, falling, otherwise in the order they were. */
static void sort_digit(uint32_t *to, const uint32_t *from, int64_t n, int shift)
{
	int64_t place[256] = { 0 }, at = 0;
	for (int64_t i = 0; i < n; i++)
		place[from[i] >> shift & 0xFF]++;
	for (int digit = 255; digit >= 0; digit--) {
		int64_t count = place[digit];
		place[digit] = at;
		at += count;
	}
	for (int64_t i = 0; i < n; i++)
		to[place[from[i] >> shift & 0xFF]++] = from[i];
}

void order_sort(const float *score, int64_t n, uint32_t *keys, uint32_t *spare)
{
	for (int64_t i = 0; i < n; i++)
		keys[i] = order_key(score[i]);
	for (int shift = 0; shift < 32; shift += 16) {
		sort_digit(spare, keys, n, shift);
		sort_digit(keys, spare, n, shift + 8);
	}
}
