#include "base/overwrite.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum err overwrite_check(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	char head[16] = { 0 }, shown[512];
	FILE *f = fopen(path, "rbe");
	if (!f)
		return OK;
	size_t n = fread(head, 1, sizeof(head), f);
	fclose(f);
	if (n == sizeof(head) && !memcmp(head, magic, sizeof(magic)))
		return err_set(ERR_USAGE,
			       "%s is a database: it is not replaced by an output",
			       str_escaped(shown, sizeof(shown), path, strlen(path)));
	return OK;
}
