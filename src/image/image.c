#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "image/exif.h"
#include "image/format.h"

#define HEAD_BYTES 16 /* enough for every format's signature */

void image_release(struct image *im)
{
	free(im->rgb);
	*im = (struct image){ 0 };
}

enum err image_check_size(const char *name, int64_t width, int64_t height)
{
	if (width < 1 || height < 1)
		return err_set(ERR_FORMAT, "%s: a picture of %lld x %lld pixels", name,
			       (long long)width, (long long)height);
	if (width > IMAGE_MAX_PIXELS || height > IMAGE_MAX_PIXELS / width)
		return err_set(ERR_FORMAT,
			       "%s: %lld x %lld pixels are more than the limit of %lld",
			       name, (long long)width, (long long)height,
			       (long long)IMAGE_MAX_PIXELS);
	return OK;
}

enum err image_alloc(const char *name, int64_t width, int64_t height, struct image *out)
{
	*out = (struct image){ 0 };
	enum err e = image_check_size(name, width, height);
	if (e)
		return e;
	size_t bytes = (size_t)width * (size_t)height * 3;
	uint8_t *rgb = malloc(bytes);
	if (!rgb)
		return err_set(ERR_NOMEM, "%s: no memory for a picture of %zu MiB", name,
			       bytes >> 20);
	*out = (struct image){ (int)width, (int)height, rgb };
	return OK;
}

bool image_source_read(struct image_source *src, void *buf, size_t n)
{
	return fread(buf, 1, n, src->file) == n;
}

enum err image_source_end(const struct image_source *src, const char *format)
{
	if (ferror(src->file))
		return err_set(ERR_IO, "%s: cannot read: %s", src->name, strerror(errno));
	return err_set(ERR_FORMAT, "%s: truncated %s (%lld bytes)", src->name, format,
		       (long long)src->size);
}

/* O_NONBLOCK: a named pipe must not hang the program before it can be refused. */
static enum err source_open(struct image_source *src, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: %s",
			       src->name, strerror(errno));
	struct stat st;
	enum err e = OK;
	if (fstat(fd, &st))
		e = err_set(ERR_IO, "%s: %s", src->name, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		e = err_set(ERR_IO, "%s: is a directory, not a picture", src->name);
	else if (!S_ISREG(st.st_mode))
		e = err_set(ERR_IO, "%s: not a regular file", src->name);
	else if (st.st_size == 0)
		e = err_set(ERR_FORMAT, "%s: empty file", src->name);
	else if (!(src->file = fdopen(fd, "rb")))
		e = err_set(ERR_IO, "%s: %s", src->name, strerror(errno));
	if (e)
		close(fd);
	else
		src->size = st.st_size;
	return e;
}

/* Formats people try, so that the answer can be more than "unknown". */
static const struct {
	const char *name;
	size_t offset;
	const char *magic;
} other_formats[] = {
	{ "GIF", 0, "GIF8" },
	{ "WebP", 8, "WEBP" },
	{ "TIFF", 0, "II*" },
	{ "TIFF", 0, "MM" },
	{ "BMP", 0, "BM" },
	{ "AVIF", 4, "ftypavif" },
	{ "HEIC", 4, "ftyphei" },
	{ "HEIC", 4, "ftypmif1" },
	{ "JPEG XL", 0, "\xff\x0a" },
	{ "JPEG XL", 4, "JXL " },
	{ "JPEG 2000", 4, "jP  " },
	{ "plain PGM (P2)", 0, "P2" },
	{ "plain PPM (P3)", 0, "P3" },
};

static enum err unknown_format(const struct image_source *src, const uint8_t *head,
			       size_t n)
{
	for (size_t i = 0; i < sizeof(other_formats) / sizeof(other_formats[0]); i++) {
		size_t offset = other_formats[i].offset;
		size_t len = strlen(other_formats[i].magic);
		if (offset + len <= n &&
		    !memcmp(head + offset, other_formats[i].magic, len))
			return err_set(ERR_UNSUPPORTED,
				       "%s: %s pictures are not read: convert it to PNG",
				       src->name, other_formats[i].name);
	}
	struct str known = STR_INIT;
	for (const struct image_format *const *f = image_formats; *f; f++)
		str_addf(&known, "%s%s", known.len ? ", " : "", (*f)->name);
	enum err e = err_set(ERR_FORMAT, "%s: not a picture in a known format (%s)",
			     src->name, str_get(&known));
	str_release(&known);
	return e;
}

static const struct image_format *known_format(const uint8_t *head, size_t n)
{
	const struct image_format *const *f = image_formats;
	while (*f && !(*f)->knows(head, n))
		f++;
	return *f;
}

static enum err source_format(struct image_source *src, const struct image_format **out)
{
	uint8_t head[HEAD_BYTES];
	size_t n = fread(head, 1, sizeof(head), src->file);
	if (ferror(src->file) || fseeko(src->file, 0, SEEK_SET))
		return err_set(ERR_IO, "%s: cannot read: %s", src->name, strerror(errno));
	*out = known_format(head, n);
	return *out ? OK : unknown_format(src, head, n);
}

bool image_sniff(const char *path)
{
	uint8_t head[HEAD_BYTES];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		n = pread(fd, head, sizeof(head), 0);
	if (fd >= 0)
		close(fd);
	return n > 0 && known_format(head, (size_t)n);
}

/* What is made of an open file: its pixels, or its size alone. */
struct wanted {
	bool exif;
	struct image *image; /* NULL: the size */
	int *width, *height;
};

static enum err decode(struct image_source *src, const struct image_format *f,
		       const struct wanted *w)
{
	int orientation = 1;
	enum err e = f->read(src, w->image, &orientation);
	if (e == OK && w->exif)
		e = exif_apply(w->image, orientation);
	if (e)
		image_release(w->image);
	return e;
}

static enum err measure(struct image_source *src, const struct image_format *f,
			const struct wanted *w)
{
	int orientation = 1, width, height;
	enum err e = f->size(src, &width, &height, w->exif ? &orientation : NULL);
	if (e)
		return e;
	bool swapped = exif_transposes(orientation);
	*w->width = swapped ? height : width;
	*w->height = swapped ? width : height;
	return OK;
}

static enum err open_and_read(const char *path, const struct wanted *w)
{
	struct str name = STR_INIT;
	str_add_escaped(&name, path, strlen(path), 0);
	struct image_source src = { .name = str_get(&name) };
	const struct image_format *f;
	enum err e = source_open(&src, path);
	if (e == OK)
		e = source_format(&src, &f);
	if (e == OK)
		e = w->image ? decode(&src, f, w) : measure(&src, f, w);
	if (src.file)
		fclose(src.file);
	str_release(&name);
	return e;
}

enum err image_load(const char *path, bool exif, struct image *out)
{
	*out = (struct image){ 0 };
	return open_and_read(path, &(struct wanted){ .exif = exif, .image = out });
}

enum err image_size(const char *path, bool exif, int *width, int *height)
{
	*width = *height = 0;
	return open_and_read(
		path, &(struct wanted){ .exif = exif, .width = width, .height = height });
}
