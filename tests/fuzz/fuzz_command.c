/* What a worker is told: a line of the protocol. */
#include <stdlib.h>

#include "fuzz.h"
#include "profiler/protocol.h"

static void encode_again(const struct command *c)
{
	struct command again;
	char *line = command_encode(c);
	fuzz_check(!command_decode(line, &again), "it can be read again");
	command_release(&again);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct command c;
	char *line = fuzz_text(data, n);
	if (!command_decode(line, &c)) {
		encode_again(&c);
		command_release(&c);
	}
	free(line);
	return 0;
}
