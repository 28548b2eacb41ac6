/* The value of --labels: as a file, and as a list. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text/labels.h"

static void read_and_walk(const char *what)
{
	struct labels l;
	if (labels_read(what, &l)) {
		fuzz_check(l.names == NULL, "nothing is left after an error");
		return;
	}
	fuzz_check(l.count > 0 && l.count <= LABELS_MAX, "there are labels");
	for (int i = 0; i < l.count; i++) {
		size_t n = strlen(l.names[i]);
		fuzz_check(n > 0 && n <= LABEL_MAX_BYTES, "a label has a length");
	}
	labels_release(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *list = fuzz_text(data, n);
	/* A path would be opened: not what this target is for. */
	if (!strchr(list, '/'))
		read_and_walk(list);
	free(list);
	read_and_walk(fuzz_file(data, n));
	return 0;
}
