/*
 * What the targets share. A target is one file, fuzz_NAME.c, with one function that gives
 * bytes to a parser, walks what came out, and gives it back. Memory errors, undefined
 * behaviour and leaks are the sanitizers' to find; what must hold besides is asserted.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Called by libFuzzer, or by replay.c for the files of a corpus; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A file with this content, in memory, until the next call; for parsers that open a path.
 */
const char *fuzz_file(const uint8_t *data, size_t n);

/* The same bytes and a NUL; the caller frees. */
char *fuzz_text(const uint8_t *data, size_t n);

/* Ends the program, also where assert() is off. */
void fuzz_check(int holds, const char *what);

#endif
