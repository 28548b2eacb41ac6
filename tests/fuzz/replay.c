/*
 * The other way to run a target, with any compiler: every file of its corpus, once.
 *
 *     replay_NAME FILE_OR_FOLDER...
 *
 * A folder without files is a failure: what was not replayed must not look like success.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);
	if (!f || !data) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	size_t n = fread(data, 1, 1 << 20, f);
	fclose(f);
	/* Exactly as large as it is, so that a byte too far is seen. */
	uint8_t *exact = malloc(n ? n : 1);
	for (size_t i = 0; exact && i < n; i++)
		exact[i] = data[i];
	free(data);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 1;
}

static int replay_folder(const char *folder, DIR *d)
{
	int count = 0;
	for (const struct dirent *e; (e = readdir(d));) {
		char path[4096];
		struct stat st;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			count += replay_file(path);
	}
	return count;
}

int main(int argc, char **argv)
{
	int count = 0;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		count += d ? replay_folder(argv[i], d) : replay_file(argv[i]);
		if (d)
			closedir(d);
	}
	printf("%d inputs\n", count);
	return count ? 0 : 1;
}
