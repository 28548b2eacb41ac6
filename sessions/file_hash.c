/*
 * Hashing a large checkpoint takes seconds: a file that has not changed is hashed once.
 * Its key comes from the worker that can see the file, which may be another machine's.
 */
#include "sessions/store.h"

#include <stdio.h>

#include "sessions/sql.h"

enum err store_file_hash_get(struct store *s, const char *key, char hex[65])
{
	hex[0] = 0;
	struct query q = query_open(s, SQL_HASH_GET);
	query_text(&q, key);
	if (query_next(&q))
		snprintf(hex, 65, "%s", query_get_text(&q));
	return query_close(&q);
}

enum err store_file_hash_put(struct store *s, const char *key, const char *hex)
{
	enum err e = sql_begin(s);
	if (e)
		return e;
	struct query q = query_open(s, SQL_HASH_PUT);
	query_text(&q, key);
	query_text(&q, hex);
	return sql_end(s, query_run(&q));
}
