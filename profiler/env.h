/* The machine and the libraries a run ran on. */
#ifndef PROFILER_ENV_H
#define PROFILER_ENV_H

#include "kernels/backend.h"
#include "profiler/run.h"

/* Fills run->env and adds warnings about what makes times hard to compare. */
void env_describe(struct run *, const struct backend *, void *backend_self,
		  enum dtype of_the_pass, int threads);

#endif
