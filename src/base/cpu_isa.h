/* What this CPU can do, and what that means for the libraries that guess it wrong. */
#ifndef BASE_CPU_ISA_H
#define BASE_CPU_ISA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Levels are ordered: a kernel for one runs on every higher one. SPARSETOP_ISA=avx2 (or
 * any name below) in the environment lowers the level, to try and to test the other
 * paths.
 */
enum isa { ISA_SCALAR, ISA_AVX2, ISA_AVX512, ISA_AVX512_BF16, ISA_AMX, ISA_COUNT };

enum isa cpu_isa(void); /* CPUID and what the system enabled, read once */
const char *isa_name(enum isa);

/* The CPU's own name, "unknown" where it has none. */
void cpu_model_name(char *buf, size_t size);

/*
 * The OPENBLAS_CORETYPE to set before OpenBLAS is loaded: OpenBLAS before 0.3.26 does not
 * know newer CPUs and falls back to kernels several times slower. NULL: let it choose.
 */
const char *cpu_openblas_core(void);

#endif
