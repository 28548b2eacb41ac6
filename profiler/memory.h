/* Memory: what this process has resident, from the kernel's own accounting, and what is
 * left for it; NaN where nobody says. */
#ifndef PROFILER_MEMORY_H
#define PROFILER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The peak starts anew from what is resident now (ru_maxrss never falls, this does).
 * False where the kernel does not allow it: the peak is then that of the whole process
 * life, which says nothing of a run. */
bool memory_reset_peak(void);
double memory_peak_bytes(void);

/*
 * What could still be had without swapping or being killed: the least of
 *   - MemAvailable of the machine,
 *   - what the control groups of this process leave it: containers, services, batch jobs,
 *   - SPARSETOP_MEMORY in the environment ("2G", "512M", "1.5 GiB", a number of bytes;
 * all units are powers of 1024), as if the machine had so much left: for containers that
 *     hide their limit, and for trying. What is no size is ignored.
 */
double memory_available_bytes(void);

/* ERR_NOMEM with both numbers where `bytes` for `what` are more than that: the kernel
 * would not refuse them but kill, this process or another. */
#define MEMORY_OF_BATCH "this batch (a smaller --batch or --keep needs less)"
enum err memory_check(const char *what, double bytes) MUST_CHECK;

/* The same before a model is loaded: bytes of its weights and of its largest set of
 * activations (NaN: not known, and not counted), and which presets would fit ("a, b";
 * NULL or "": nobody says). */
enum err memory_check_load(const char *model, double weights, double activations,
			   const char *others) MUST_CHECK;

/* "1.27 GiB", "412 MiB", three digits; "--" for NaN. Returns buf; 16 bytes are enough. */
const char *memory_text(double bytes, char *buf, size_t size);

/* The parts of memory_available_bytes(), for tests. */

/* The number after KEY (and a colon or a blank) at the beginning of a line, in bytes
 * where "kB" follows; NaN: there is none. For /proc/meminfo, /proc/self/status,
 * memory.stat. */
double memory_field(const char *text, const char *key);
/* A size as SPARSETOP_MEMORY has it; NaN: it is none. */
double memory_parse(const char *text);
/* The group of this process in /proc/self/cgroup: of a controller, "" for the one
 * hierarchy of version 2. "/a/b" into buf; false: there is none, or buf is too small. */
bool memory_group(const char *text, const char *controller, char *buf, size_t size);
/* What a group leaves of its limit: the texts of its files, "" where there is none. What
 * it holds of files nobody used of late (`inactive` bytes, may be NaN) would go first.
 * NaN: no limit. */
double memory_group_left(const char *limit, const char *usage, double inactive);
/* The least that any group of this process leaves, with the files of the machine under
 * `root` ("" is this machine); NaN: no limit. */
double memory_groups_left(const char *root);

#endif
