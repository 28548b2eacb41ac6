#include "profiler/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cpu_isa.h"

/* The first line of a small file without its newline; "" when there is none. */
static const char *first_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	if (!f || !fgets(buf, (int)size, f))
		buf[0] = 0;
	if (f)
		fclose(f);
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}

/* PRETTY_NAME of /etc/os-release and the kernel's release. */
static void describe_os(char *buf, size_t size)
{
	char line[256], name[128] = "";
	struct utsname u;
	FILE *f = fopen("/etc/os-release", "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "PRETTY_NAME=\"%127[^\"]", name) == 1)
			break;
	if (f)
		fclose(f);
	if (uname(&u))
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%s%s%s %s", name, *name ? ", " : "", u.sysname,
			 u.release);
}

static void describe_blas(struct run *run, const struct backend *b, void *self,
			  enum dtype dtype)
{
	struct blas_info blas = { 0 };
	if (!b || !b->describe)
		return;
	b->describe(self, dtype, &blas);
	run->env.blas_name = run_str(run, blas.name[0] ? blas.name : NULL);
	run->env.blas_core = run_str(run, blas.core[0] ? blas.core : NULL);
	run->env.blas_version = run_str(run, blas.version[0] ? blas.version : NULL);
	if (blas.warning[0])
		run_warn(run, "%s", blas.warning);
}

void env_describe(struct run *run, const struct backend *b, void *self, enum dtype dtype,
		  int threads)
{
	char text[256];
	struct run_env *env = &run->env;
	if (!gethostname(text, sizeof(text)))
		env->host = run_str(run, text);
	cpu_model_name(text, sizeof(text));
	env->cpu = run_str(run, text);
	env->isa = run_str(run, isa_name(cpu_isa()));
	env->n_cpu = pool_cpus_allowed();
	env->threads = threads;
	first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text,
		   sizeof(text));
	env->governor = run_str(run, text[0] ? text : NULL);
	if (text[0] && strcmp(text, "performance"))
		run_warn(run, "the CPU frequency governor is %s: times may drift", text);
	describe_os(text, sizeof(text));
	env->os = run_str(run, text);
	env->version = SPARSETOP_VERSION;
	describe_blas(run, b, self, dtype);
}
