#include "sessions/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/str.h"

static const char *set_variable(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : NULL;
}

static enum err format_path(char **path, const char *folder, const char *rest)
{
	if (asprintf(path, "%s%s", folder, rest) >= 0)
		return OK;
	*path = NULL;
	return err_set(ERR_NOMEM, "no memory for the path of the database");
}

enum err place_path(const char *wanted, char **path)
{
	*path = NULL;
	const char *file = wanted ? wanted : set_variable("SPARSETOP_DB");
	const char *data = set_variable("XDG_DATA_HOME"), *home = set_variable("HOME");
	if (file)
		return *file ? format_path(path, file, "")
			     : err_set(ERR_USAGE, "--db: want the name of a file");
	if (data && *data == '/') /* the specification: a relative one is to be ignored */
		return format_path(path, data, "/sparsetop/sessions.db");
	if (home)
		return format_path(path, home, "/.local/share/sparsetop/sessions.db");
	return err_set(ERR_NOTFOUND, "no place for the database: HOME is not set; "
				     "use --db FILE or SPARSETOP_DB");
}

static enum err cannot_make(const char *folder)
{
	char shown[256];
	int why = errno;
	enum err code = why == EACCES || why == EPERM || why == EROFS ? ERR_READONLY
			: why == ENOSPC || why == EDQUOT              ? ERR_FULL
								      : ERR_IO;
	return err_set(code,
		       "cannot make the folder %s: %s; use --db FILE or SPARSETOP_DB for "
		       "another place",
		       str_escaped(shown, sizeof(shown), folder, strlen(folder)),
		       strerror(why));
}

enum err place_make_folders(const char *path)
{
	char *folder = strdup(path);
	if (!folder)
		return err_set(ERR_NOMEM, "no memory for the path of the database");
	enum err e = OK;
	for (char *slash = folder; !e && (slash = strchr(slash + 1, '/'));) {
		*slash = 0;
		struct stat st;
		if (stat(folder, &st) && mkdir(folder, 0700) && errno != EEXIST)
			e = cannot_make(folder);
		*slash = '/';
	}
	free(folder);
	return e;
}

const char *place_network(const char *path)
{
	static const struct {
		unsigned long magic; /* statfs(2) */
		const char *name;
	} systems[] = {
		{ 0x6969, "NFS" },      { 0x0BD00BD0, "Lustre" }, { 0x47504653, "GPFS" },
		{ 0xFF534D42, "CIFS" }, { 0xFE534D42, "SMB" },    { 0x564C, "NCP" },
		{ 0x01021997, "9P" },
	};
	struct statfs fs;
	if (statfs(path, &fs))
		return NULL;
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (((unsigned long)fs.f_type & 0xFFFFFFFFu) == systems[i].magic)
			return systems[i].name;
	return NULL;
}
