/*
 * OpenBLAS, opened at run time: a few functions, one thread each.
 *
 * The library chooses its kernels in its constructor, from OPENBLAS_CORETYPE where that
 * is set, and Debian's guesses newer CPUs wrong (base/cpu_isa.h): so the variable is set
 * first and the library opened after. Threads are ours: its own would spin beside the
 * pool. The first opening changes the process's environment: no other thread may be
 * reading it then.
 */
#ifndef KERNELS_CPU_OPENBLAS_H
#define KERNELS_CPU_OPENBLAS_H

#include <stddef.h>

#include "base/err.h"

struct openblas {
	char core[32]; /* asked for, "" for the library's own choice */
	void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k,
		      float alpha, const float *a, int lda, const float *b, int ldb,
		      float beta, float *c, int ldc);
	void (*dgemm)(int order, int trans_a, int trans_b, int m, int n, int k,
		      double alpha, const double *a, int lda, const double *b, int ldb,
		      double beta, double *c, int ldc); /* or NULL */
	/* LAPACK's, by columns; NULL: this build has none. */
	void (*dgesdd)(const char *job, const int *m, const int *n, double *a,
		       const int *lda, double *s, double *u, const int *ldu, double *vt,
		       const int *ldvt, double *work, const int *lwork, int *iwork,
		       int *info, size_t job_length);
	const char *(*get_corename)(void);
	const char *(*get_config)(void); /* or NULL */
};

/* Opens it at the first call. ERR_UNAVAILABLE: the message says why. */
enum err openblas_library(const struct openblas **) MUST_CHECK;

#endif
