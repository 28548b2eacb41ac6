/* Looking into a result object that the program printed. Include after proc.h. */
#ifndef TESTS_RESULT_H
#define TESTS_RESULT_H

#include "base/json.h"

/* "wall.p50_ns" of an object; NULL where a part of the path is missing. */
static inline json_t *at(const json_t *o, const char *path)
{
	char key[64];
	const char *dot = strchr(path, '.');
	snprintf(key, sizeof(key), "%.*s", dot ? (int)(dot - path) : 63, path);
	json_t *v = json_object_get(o, key);
	return v && dot ? at(v, dot + 1) : v;
}

/* What has to be a number. */
static inline double num(const json_t *o, const char *path)
{
	const json_t *v = at(o, path);
	if (!json_is_number(v))
		fail_msg("%s is not a number", path);
	return json_number_value(v);
}

#endif
