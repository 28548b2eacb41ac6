#include "tensor/zip_read.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "tensor/little_endian.h"
#include "tensor/shown.h"

/* Sizes of the fixed parts of the records, without their signatures' values. */
#define END_BYTES 22u
#define END64_BYTES 56u
#define LOCATOR_BYTES 20u
#define ENTRY_BYTES 46u
#define LOCAL_BYTES 30u

#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR_MAGIC 0x07064b50u
#define ENTRY_MAGIC 0x02014b50u
#define LOCAL_MAGIC 0x04034b50u

#define COMMENT_MAX 65535u
#define DIRECTORY_MAX (64u << 20)
#define ZIP64_EXTRA 0x0001u
#define IN_ZIP64 0xFFFFFFFFu /* the value stands in a zip64 field */
#define ENCRYPTED 0x0001u

struct zip {
	struct zip_entry *entry;
	size_t count;
	struct scratch names;
};

/* Where the directory is, as an end record says. */
struct directory {
	uint64_t at, size, count;
};

struct reader {
	const struct file_map *file;
	struct zip *zip;
	struct directory dir;
};

static enum err broken(const struct reader *r, const char *fact)
{
	return err_set(ERR_FORMAT, "%s: damaged zip archive: %s", r->file->label, fact);
}

static enum err bad_entry(const struct reader *r, const char *name, const char *fact)
{
	return err_set(ERR_FORMAT, "%s: zip entry %s %s", r->file->label,
		       shown(name, (char[SHOWN]){ 0 }), fact);
}

/* ---- the end of the file: where the directory is ---- */

/* The end record's place in the file's last bytes; its comment ends the file. */
static bool find_end(const unsigned char *tail, size_t n, size_t *at)
{
	if (n < END_BYTES)
		return false;
	for (size_t i = n - END_BYTES + 1; i-- > 0;)
		if (le32(tail + i) == END_MAGIC &&
		    le16(tail + i + 20) == n - i - END_BYTES) {
			*at = i;
			return true;
		}
	return false;
}

/* A field of the end record is what zip64 says, or points there. */
static bool agree(uint64_t small, uint64_t mark, uint64_t large)
{
	return small == mark || small == large;
}

static enum err read_end64(struct reader *r, const unsigned char *end,
			   const unsigned char *locator, uint64_t end_at)
{
	unsigned char b[END64_BYTES];
	uint64_t at = le64(locator + 8), limit = end_at - LOCATOR_BYTES;
	if (le32(locator + 4) != 0 || le32(locator + 16) > 1)
		return broken(r, "it has several parts");
	if (at > limit || END64_BYTES > limit - at)
		return broken(r, "its zip64 end record lies outside the file");
	enum err e = file_map_read(r->file, (size_t)at, b, sizeof(b));
	if (e)
		return e;
	if (le32(b) != END64_MAGIC)
		return broken(r, "there is no zip64 end record where it should be");
	r->dir = (struct directory){ le64(b + 48), le64(b + 40), le64(b + 32) };
	if (le64(b + 24) != r->dir.count || le32(b + 16) || le32(b + 20))
		return broken(r, "it has several parts");
	if (!agree(le16(end + 10), 0xFFFF, r->dir.count) ||
	    !agree(le32(end + 12), IN_ZIP64, r->dir.size) ||
	    !agree(le32(end + 16), IN_ZIP64, r->dir.at))
		return broken(r, "its two end records disagree");
	if (r->dir.at > at || r->dir.size > at - r->dir.at)
		return broken(r, "its directory lies outside the file");
	return OK;
}

static enum err read_end(struct reader *r, const unsigned char *tail, size_t n)
{
	size_t i;
	if (!find_end(tail, n, &i))
		return err_set(ERR_FORMAT, "%s: not a zip archive, or cut off",
			       r->file->label);
	const unsigned char *end = tail + i;
	uint64_t end_at = r->file->size - (n - i);
	if (i >= LOCATOR_BYTES && le32(end - LOCATOR_BYTES) == LOCATOR_MAGIC)
		return read_end64(r, end, end - LOCATOR_BYTES, end_at);
	r->dir = (struct directory){ le32(end + 16), le32(end + 12), le16(end + 10) };
	if (le16(end + 4) || le16(end + 6) || le16(end + 8) != r->dir.count)
		return broken(r, "it has several parts");
	if (r->dir.at > end_at || r->dir.size > end_at - r->dir.at)
		return broken(r, "its directory lies outside the file");
	return OK;
}

static enum err find_directory(struct reader *r)
{
	size_t n = COMMENT_MAX + END_BYTES + LOCATOR_BYTES;
	if (n > r->file->size)
		n = r->file->size;
	unsigned char *tail = mem_alloc(n);
	enum err e = file_map_read(r->file, r->file->size - n, tail, n);
	if (!e)
		e = read_end(r, tail, n);
	free(tail);
	if (!e &&
	    (r->dir.size > DIRECTORY_MAX || r->dir.count > r->dir.size / ENTRY_BYTES))
		e = broken(r, "its directory is too large or too small for its entries");
	return e;
}

/* ---- entries ---- */

/* One record of the directory while it is read. */
struct record {
	const unsigned char *fixed;
	const char *name; /* NUL-terminated */
	const unsigned char *extra;
	size_t extra_size;
	uint64_t packed, size, header_at;
};

/* The 8 bytes of a zip64 field stand for `*value` where that is all ones. */
static bool widen(uint64_t *value, const unsigned char *field, size_t size, size_t *at)
{
	if (*value != IN_ZIP64)
		return true;
	if (8 > size - *at)
		return false;
	*value = le64(field + *at);
	*at += 8;
	return true;
}

static bool read_zip64(struct record *rec)
{
	const unsigned char *p = rec->extra;
	size_t left = rec->extra_size;
	while (left >= 4) {
		size_t size = le16(p + 2), at = 0;
		if (size > left - 4)
			return false;
		if (le16(p) == ZIP64_EXTRA)
			return widen(&rec->size, p + 4, size, &at) &&
			       widen(&rec->packed, p + 4, size, &at) &&
			       widen(&rec->header_at, p + 4, size, &at);
		p += 4 + size;
		left -= 4 + size;
	}
	/* Some writers pad with less than a header; values must then be whole. */
	return rec->size != IN_ZIP64 && rec->packed != IN_ZIP64 &&
	       rec->header_at != IN_ZIP64;
}

static enum err check_kind(const struct reader *r, const struct record *rec)
{
	const char *label = r->file->label;
	unsigned method = le16(rec->fixed + 10);
	char name[SHOWN];
	if (le16(rec->fixed + 8) & ENCRYPTED)
		return bad_entry(r, rec->name, "is encrypted");
	if (method)
		return err_set(ERR_UNSUPPORTED,
			       "%s: zip entry %s is compressed (method %u%s); torch.save "
			       "stores entries as they are: pack it again without "
			       "compression (zip -0)",
			       label, shown(rec->name, name), method,
			       method == 8 ? ", DEFLATE" : "");
	if (le16(rec->fixed + 34) != 0 && le16(rec->fixed + 34) != 0xFFFF)
		return bad_entry(r, rec->name, "is in another part");
	if (rec->packed != rec->size)
		return bad_entry(r, rec->name,
				 "is stored, but its two sizes are different");
	return OK;
}

/* The entry's own header: what it says of lengths decides where the data begin. */
static enum err find_data(const struct reader *r, const struct record *rec, uint64_t *at)
{
	unsigned char b[LOCAL_BYTES];
	uint64_t limit = r->dir.at, begin = rec->header_at;
	size_t n = strlen(rec->name);
	if (begin > limit || LOCAL_BYTES > limit - begin)
		return bad_entry(r, rec->name, "begins past the end of the data");
	enum err e = file_map_read(r->file, (size_t)begin, b, sizeof(b));
	if (e)
		return e;
	begin += LOCAL_BYTES;
	if (le32(b) != LOCAL_MAGIC)
		return bad_entry(r, rec->name, "has no header where it should be");
	uint64_t before = (uint64_t)le16(b + 26) + le16(b + 28);
	if (le16(b + 26) != n || before > limit - begin)
		return bad_entry(r, rec->name, "has a header that does not fit");
	char *name = mem_alloc(n + 1);
	e = file_map_read(r->file, (size_t)begin, name, n);
	if (!e && memcmp(name, rec->name, n) != 0)
		e = bad_entry(r, rec->name, "has another name in its header");
	free(name);
	begin += before;
	if (!e && rec->size > limit - begin)
		e = bad_entry(r, rec->name, "ends past the end of the data");
	*at = begin;
	return e;
}

static enum err read_record(struct reader *r, const unsigned char *p, size_t left,
			    size_t *used)
{
	if (left < ENTRY_BYTES || le32(p) != ENTRY_MAGIC)
		return broken(r, "its directory has fewer entries than it says");
	size_t n = le16(p + 28), extra = le16(p + 30), comment = le16(p + 32);
	if (n + extra + comment > left - ENTRY_BYTES)
		return broken(r, "an entry of its directory is cut off");
	if (n == 0 || memchr(p + ENTRY_BYTES, 0, n))
		return broken(r, "an entry has no proper name");
	char *name = scratch_alloc(&r->zip->names, n + 1);
	memcpy(name, p + ENTRY_BYTES, n);
	struct record rec = { .fixed = p,
			      .name = name,
			      .extra = p + ENTRY_BYTES + n,
			      .extra_size = extra,
			      .packed = le32(p + 20),
			      .size = le32(p + 24),
			      .header_at = le32(p + 42) };
	if (!read_zip64(&rec))
		return bad_entry(r, name, "has damaged sizes");
	struct zip_entry *entry = &r->zip->entry[r->zip->count];
	*entry = (struct zip_entry){ .name = name, .size = rec.size };
	enum err e = check_kind(r, &rec);
	if (!e)
		e = find_data(r, &rec, &entry->at);
	r->zip->count++;
	*used = ENTRY_BYTES + n + extra + comment;
	return e;
}

static int by_name(const void *a, const void *b)
{
	const struct zip_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static enum err read_records(struct reader *r, const unsigned char *bytes)
{
	struct zip *z = r->zip;
	size_t at = 0, used = 0, size = (size_t)r->dir.size;
	z->entry = mem_alloc((size_t)r->dir.count * sizeof(*z->entry));
	for (uint64_t i = 0; i < r->dir.count; i++, at += used) {
		enum err e = read_record(r, bytes + at, size - at, &used);
		if (e)
			return e;
	}
	if (at != size)
		return broken(r, "its directory has more entries than it says");
	qsort(z->entry, z->count, sizeof(*z->entry), by_name);
	for (size_t i = 1; i < z->count; i++)
		if (!by_name(&z->entry[i - 1], &z->entry[i]))
			return bad_entry(r, z->entry[i].name, "is there twice");
	return OK;
}

static enum err read_directory(struct reader *r)
{
	size_t n = (size_t)r->dir.size;
	unsigned char *bytes = mem_alloc(n);
	enum err e = file_map_read(r->file, (size_t)r->dir.at, bytes, n);
	if (!e)
		e = read_records(r, bytes);
	free(bytes);
	return e;
}

enum err zip_read(const struct file_map *file, struct zip **out)
{
	struct zip *z = mem_alloc(sizeof(*z));
	struct reader r = { .file = file, .zip = z };
	enum err e = find_directory(&r);
	if (!e)
		e = read_directory(&r);
	if (e) {
		zip_free(z);
		z = NULL;
	}
	*out = z;
	return e;
}

void zip_free(struct zip *z)
{
	if (!z)
		return;
	scratch_release(&z->names);
	free(z->entry);
	free(z);
}

size_t zip_count(const struct zip *z) { return z->count; }

const struct zip_entry *zip_at(const struct zip *z, size_t i)
{
	assert(i < z->count);
	return &z->entry[i];
}

const struct zip_entry *zip_find(const struct zip *z, const char *name)
{
	struct zip_entry key = { .name = name };
	return bsearch(&key, z->entry, z->count, sizeof(*z->entry), by_name);
}
