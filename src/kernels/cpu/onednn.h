/*
 * oneDNN, opened at run time; its types and functions are those of the header that was
 * there at build (major version 2). SPARSETOP_ONEDNN names a file to open instead.
 *
 * It brings an OpenMP runtime of its own. Threads are ours: each one that calls the
 * library first tells that runtime, by onednn_enter(), that it is a team of one, or two
 * kinds of threads would spin beside each other.
 */
#ifndef KERNELS_CPU_ONEDNN_H
#define KERNELS_CPU_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

#include "base/err.h"

#define ONEDNN_FUNCTIONS(X)                                                              \
	X(dnnl_version)                                                                  \
	X(dnnl_get_effective_cpu_isa)                                                    \
	X(dnnl_engine_create)                                                            \
	X(dnnl_engine_destroy)                                                           \
	X(dnnl_stream_create)                                                            \
	X(dnnl_stream_destroy)                                                           \
	X(dnnl_memory_desc_init_by_strides)                                              \
	X(dnnl_memory_desc_get_size)                                                     \
	X(dnnl_memory_create)                                                            \
	X(dnnl_memory_set_data_handle)                                                   \
	X(dnnl_memory_destroy)                                                           \
	X(dnnl_matmul_desc_init)                                                         \
	X(dnnl_post_ops_create)                                                          \
	X(dnnl_post_ops_append_sum)                                                      \
	X(dnnl_post_ops_destroy)                                                         \
	X(dnnl_primitive_attr_create)                                                    \
	X(dnnl_primitive_attr_set_post_ops)                                              \
	X(dnnl_primitive_attr_set_scratchpad_mode)                                       \
	X(dnnl_primitive_attr_destroy)                                                   \
	X(dnnl_primitive_desc_create)                                                    \
	X(dnnl_primitive_desc_query_md)                                                  \
	X(dnnl_primitive_desc_destroy)                                                   \
	X(dnnl_primitive_create)                                                         \
	X(dnnl_primitive_execute)                                                        \
	X(dnnl_primitive_destroy)

struct onednn_library {
#define X(name) __typeof__(&(name)) name;
	ONEDNN_FUNCTIONS(X)
#undef X
	void (*omp_set_num_threads)(int); /* NULL: the library has no threads */
};

/* Opens it at the first call. ERR_UNAVAILABLE: the message says why. */
enum err onednn_library(const struct onednn_library **) MUST_CHECK;

/* Before anything else is called on a thread; again costs nothing. */
void onednn_enter(const struct onednn_library *);

#endif
