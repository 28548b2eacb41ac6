/* Saved outputs (--save-output): a safetensors file for other programs to check. */
#ifndef PROFILER_OUTPUT_H
#define PROFILER_OUTPUT_H

#include "models/family.h"
#include "profiler/classes.h"

/* Whether the file can be written, found out before minutes are spent: ERR_IO. */
enum err output_check(const char *path) MUST_CHECK;

/* F32 `image_embeds` [B, P]; with classes `text_embeds` [L, P] and `logits_per_image` [B,
 * L]; I64 `kept` [B, K] where tokens were dropped. */
enum err output_save(const char *path, const struct outputs *,
		     const struct classes *) MUST_CHECK;

#endif
