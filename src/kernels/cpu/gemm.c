#include "kernels/cpu/gemm.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Of an engine that could be here: why this build lacks it. */
#ifndef ONEDNN_MISSING
#define ONEDNN_MISSING ""
#endif

static enum err unknown_engine(const char *name)
{
	char shown[64];
	if (ONEDNN_MISSING[0] && !strcmp(name, "onednn"))
		return err_set(ERR_UNAVAILABLE, "--gemm onednn: %s", ONEDNN_MISSING);
	struct str names = STR_INIT;
	for (int i = 0; gemm_engines[i]; i++)
		str_addf(&names, ", %s", gemm_engines[i]->name);
	enum err e = err_set(ERR_USAGE, "--gemm %s: no such engine; there are auto%s",
			     str_escaped(shown, sizeof(shown), name, strlen(name)),
			     str_get(&names));
	str_release(&names);
	return e;
}

bool gemm_is_auto(const char *name) { return !name || !name[0] || !strcmp(name, "auto"); }

/* What suits this CPU best; false: nothing does, or it cannot be had. */
static bool open_suited(const struct vec *vec, int threads, struct gemm_choice *c)
{
	for (int i = 0; gemm_engines[i]; i++) {
		c->engine = gemm_engines[i];
		if (c->engine->suits && c->engine->suits() &&
		    !c->engine->open(vec, threads, &c->self))
			return true;
	}
	return false;
}

/* The first that opens. What was wrong with those before it makes the warning. */
static enum err open_best(const struct vec *vec, int threads, struct gemm_choice *c)
{
	enum err e = ERR_UNAVAILABLE;
	char why[200] = "";
	if (open_suited(vec, threads, c))
		return OK;
	for (int i = 0; gemm_engines[i] && e; i++) {
		c->engine = gemm_engines[i];
		e = gemm_engines[i]->open(vec, threads, &c->self);
		if (e && !why[0])
			snprintf(why, sizeof(why), "%s", err_message());
	}
	if (!e && why[0])
		snprintf(c->warning, sizeof(c->warning), "%s; using --gemm %s", why,
			 c->engine->name);
	return e;
}

enum err gemm_open(const char *name, const struct vec *vec, int threads,
		   struct gemm_choice *c)
{
	*c = (struct gemm_choice){ 0 };
	if (gemm_is_auto(name))
		return open_best(vec, threads, c);
	for (int i = 0; gemm_engines[i]; i++) {
		c->engine = gemm_engines[i];
		if (!strcmp(gemm_engines[i]->name, name))
			return gemm_engines[i]->open(vec, threads, &c->self);
	}
	return unknown_engine(name);
}

/* Opens the engine if it takes BF16; else says why not. */
static bool try_bf16(const struct gemm_engine *engine, const struct vec *vec, int threads,
		     struct gemm_choice *c)
{
	if (engine->open(vec, threads, &c->self)) {
		snprintf(c->warning, sizeof(c->warning),
			 "bf16 weights are widened and multiplied in fp32: %s",
			 err_message());
		return false;
	}
	if (engine->takes_bf16(c->self)) {
		c->engine = engine;
		c->warning[0] = 0;
		return true;
	}
	engine->close(c->self);
	return false;
}

bool gemm_open_bf16(const struct vec *vec, int threads, struct gemm_choice *c)
{
	*c = (struct gemm_choice){ 0 };
	bool able = cpu_isa() >= ISA_AVX512_BF16;
	snprintf(c->warning, sizeof(c->warning),
		 "bf16 weights are widened and multiplied in fp32: %s",
		 able ? (ONEDNN_MISSING[0] ? ONEDNN_MISSING : "no engine takes bf16")
		      : "this CPU has no instructions for bf16");
	for (int i = 0; able && gemm_engines[i]; i++)
		if (gemm_engines[i]->takes_bf16 &&
		    try_bf16(gemm_engines[i], vec, threads, c))
			return true;
	return false;
}
