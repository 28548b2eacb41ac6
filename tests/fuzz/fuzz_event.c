/* What a worker says: a line of the protocol. */
#include <stdlib.h>

#include "fuzz.h"
#include "profiler/protocol.h"

static void encode_again(const struct event *e)
{
	struct event again;
	char *line = event_encode(e);
	fuzz_check(!event_decode(line, &again), "it can be read again");
	event_release(&again);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct event e;
	char *line = fuzz_text(data, n);
	if (!event_decode(line, &e)) {
		encode_again(&e);
		event_release(&e);
	}
	free(line);
	return 0;
}
