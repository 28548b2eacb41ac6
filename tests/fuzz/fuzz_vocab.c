/* vocab.json, a zero byte, merges.txt. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "text/bpe_file.h"

/* A second file beside that of fuzz_file(); the caller closes it. */
static int merges_file(const uint8_t *data, size_t n, char path[64])
{
	int fd = memfd_create("merges", MFD_CLOEXEC);
	fuzz_check(fd >= 0 && write(fd, data, n) == (ssize_t)n, "a file in memory");
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = n ? memchr(data, 0, n) : NULL;
	char merges[64];
	struct bpe b;
	if (!end)
		return 0;
	size_t vocab = (size_t)(end - data);
	int fd = merges_file(end + 1, n - vocab - 1, merges);
	if (bpe_read_files(fuzz_file(data, vocab), merges, &b) == OK) {
		for (int32_t id = 0; id < b.vocab.count; id++) {
			size_t len;
			const char *token = vocab_text(&b.vocab, id, &len);
			fuzz_check(vocab_find(&b.vocab, token, len) == id,
				   "a token is found");
		}
		int32_t ids[4] = { 0 };
		fuzz_check(bpe_join(&b, ids, 4) <= 4, "joining joins");
		bpe_release(&b);
	}
	close(fd);
	return 0;
}
