#include "base/cpu_isa.h"

#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[ISA_COUNT] = { "scalar", "avx2", "avx512", "avx512_bf16",
					      "amx" };

static uint64_t enabled_state(void)
{
	uint32_t lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static enum isa detect(void)
{
	unsigned a, b, c, d, a7, b7, c7, d7;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA))
		return ISA_SCALAR;
	uint64_t state = enabled_state();
	if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7) || !(b7 & bit_AVX2) ||
	    !(b7 & bit_BMI2) || (state & 0x6) != 0x6)
		return ISA_SCALAR;
	unsigned need = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
	if ((b7 & need) != need || (state & 0xE6) != 0xE6)
		return ISA_AVX2;
	__get_cpuid_count(7, 1, &a, &b, &c, &d);
	if (!(a & (1u << 5)))
		return ISA_AVX512;
	bool amx = (d7 & (1u << 22)) && (d7 & (1u << 24)) && (state & 0x60000) == 0x60000;
	return amx ? ISA_AMX : ISA_AVX512_BF16;
}

enum isa cpu_isa(void)
{
	static enum isa level = ISA_COUNT;
	if (level != ISA_COUNT)
		return level;
	enum isa found = detect();
	const char *cap = getenv("SPARSETOP_ISA");
	for (int i = 0; cap && i < (int)found; i++)
		if (!strcmp(cap, names[i]))
			found = (enum isa)i;
	return level = found;
}

const char *isa_name(enum isa isa) { return isa < ISA_COUNT ? names[isa] : "unknown"; }

void cpu_model_name(char *buf, size_t size)
{
	unsigned r[12] = { 0 };
	char text[49] = { 0 };
	for (unsigned i = 0; i < 3; i++)
		__get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2],
			    &r[4 * i + 3]);
	memcpy(text, r, sizeof(r));
	const char *start = text + strspn(text, " ");
	size_t n = strlen(start);
	while (n && start[n - 1] == ' ')
		n--;
	snprintf(buf, size, "%.*s", (int)n, n ? start : "unknown");
	if (!n)
		snprintf(buf, size, "unknown");
}

const char *cpu_openblas_core(void)
{
	switch (cpu_isa()) {
	case ISA_AMX:
	case ISA_AVX512_BF16:
		return "Cooperlake";
	case ISA_AVX512:
		return "SkylakeX";
	case ISA_AVX2:
		return "Haswell";
	default:
		return NULL;
	}
}
