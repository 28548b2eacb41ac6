/*
 * The directory of a zip archive (PKWARE's APPNOTE 6.3) as torch.save writes them: one
 * file, zip64 or not, entries STORED so that they can be used where they lie. Nothing is
 * unpacked. The reader trusts nothing: every length is compared with what is left, and
 * what breaks the format is ERR_FORMAT with a message that names the file and the fact.
 *
 * Refused: no end record, or one that does not end where the file ends; an end record
 * and a zip64 end record that disagree; a directory that is not filled by exactly its
 * entries; entries that are split, encrypted or compressed, that reach into the
 * directory, whose own header names another file; names that are empty, hold a NUL or
 * come twice. CRCs are not compared: a run is told from another by its SHA-256.
 */
#ifndef TENSOR_ZIP_READ_H
#define TENSOR_ZIP_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/file_map.h"

struct zip;

struct zip_entry {
	const char *name; /* as in the file: escape it before showing it */
	uint64_t at;      /* its first byte in the file; [at, at + size) lies within */
	uint64_t size;
};

/* Reads the directory and the header of every entry, with pread(); `file` is borrowed
 * for the call. A file that is no zip at all: ERR_FORMAT "...: not a zip archive". */
enum err zip_read(const struct file_map *file, struct zip **out) MUST_CHECK;
void zip_free(struct zip *);

/* Entries in order of their names. */
size_t zip_count(const struct zip *);
const struct zip_entry *zip_at(const struct zip *, size_t i);
const struct zip_entry *zip_find(const struct zip *, const char *name); /* or NULL */

#endif
