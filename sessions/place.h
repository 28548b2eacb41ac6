/* Where the database lies. Internal to this room. */
#ifndef SESSIONS_PLACE_H
#define SESSIONS_PLACE_H

#include "base/err.h"

/* The path to open: `wanted`, else SPARSETOP_DB, else in XDG_DATA_HOME, else in
 * ~/.local/share. The caller frees *path. */
enum err place_path(const char *wanted, char **path) MUST_CHECK;

/* Makes the folders above `path` that are missing, for their owner alone. */
enum err place_make_folders(const char *path) MUST_CHECK;

/* The name of the network file system that holds `path`, where locks may not work; or
 * NULL. */
const char *place_network(const char *path);

#endif
