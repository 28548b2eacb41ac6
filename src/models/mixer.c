#include "models/mixer.h"

#include <math.h>

struct input mixer_shape(const struct model *m, const struct knobs *k, int64_t width)
{
	double seq = knob_num(k, KNOB_SEQ);
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	int64_t length = isnan(seq) ? m->tokens : (int64_t)seq;
	return (struct input){
		.items = items,
		.sequence = tensor_of(DT_F32, NULL, DIMS(items, length, width)),
	};
}

struct tensor mixer_rows(struct tensor t, int64_t b, int64_t first, int64_t n)
{
	int64_t row = b * t.dim[1] + first;
	if (t.data)
		t.data = tensor_row(&t, row);
	t.dim[0] = 1;
	t.dim[1] = n;
	return t;
}

const char *mixer_why_not(enum knob_id id)
{
	if (knob_takes_tokens(id))
		return "a mixer reads every row";
	switch (id) {
	case KNOB_IMAGE_SIZE:
		return "its input is a sequence";
	default:
		return NULL;
	}
}
