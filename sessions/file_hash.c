/* Hashing a large checkpoint takes seconds: a file that has not changed is hashed once.
 */
#include "sessions/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "sessions/sql.h"

/* Binds what tells this content of the file from another: device, inode, size, mtime. */
static enum err bind_file(struct query *q, const char *path)
{
	struct stat st;
	char shown[256];
	if (stat(path, &st))
		return err_set(errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: %s",
			       str_escaped(shown, sizeof(shown), path, strlen(path)),
			       strerror(errno));
	query_int(q, (int64_t)st.st_dev);
	query_int(q, (int64_t)st.st_ino);
	query_int(q, st.st_size);
	query_int(q, st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
	return OK;
}

enum err store_file_hash_get(struct store *s, const char *path, char hex[65])
{
	hex[0] = 0;
	struct query q = query_open(s, SQL_HASH_GET);
	enum err stat_err = bind_file(&q, path);
	if (!stat_err && query_next(&q))
		snprintf(hex, 65, "%s", query_get_text(&q));
	enum err e = query_close(&q);
	return stat_err ? stat_err : e;
}

enum err store_file_hash_put(struct store *s, const char *path, const char *hex)
{
	enum err e = sql_begin(s);
	if (e)
		return e;
	struct query q = query_open(s, SQL_HASH_PUT);
	e = bind_file(&q, path);
	query_text(&q, hex);
	enum err run = e ? query_close(&q) : query_run(&q);
	return sql_end(s, e ? e : run);
}
