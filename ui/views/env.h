/* What the files of the env view share. */
#ifndef UI_VIEWS_ENV_H
#define UI_VIEWS_ENV_H

#include "ui/view.h"
#include "ui/widgets/lines.h"

/* env_sequence.c: what is known of sequences, and only where it is. */
void env_add_sequence(struct lines *, const struct run *);

#endif
