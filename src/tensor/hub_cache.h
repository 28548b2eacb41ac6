/*
 * The folder in which Hugging Face's tools keep what they downloaded:
 * models--OWNER--NAME/refs/main names a commit, snapshots/COMMIT/ holds the files.
 */
#ifndef TENSOR_HUB_CACHE_H
#define TENSOR_HUB_CACHE_H

#include <stdbool.h>

#include "base/err.h"

/* $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub, whether it exists or not; NULL without HOME. The caller
 * frees. */
char *hub_cache_folder(void);

/* Whether `name` is owner/name as the hub allows it; one that is never leads out of the
 * cache. */
bool hub_cache_is_name(const char *name);

/* The snapshot folder of the revision `main`, which may lack files; the caller frees.
 * ERR_NOTFOUND names the command that downloads it. */
enum err hub_cache_find(const char *name, char **snapshot) MUST_CHECK;

/* Every owner/name that has a folder in the cache, sorted. */
void hub_cache_each(void (*each)(void *ctx, const char *name), void *ctx);

#endif
