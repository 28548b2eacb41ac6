/* PNG by libpng. Its errors are longjmps into read_png and nowhere else. */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/exif.h"
#include "image/format.h"

/*
 * All that the code after a longjmp may look at lives here, outside the function that
 * called setjmp.
 */
struct png_reader {
	struct image_source *src;
	struct image *out; /* NULL: the header alone is wanted */
	int *orientation;  /* NULL: not wanted */
	int width, height;
	png_structp png;
	png_infop info;
	enum err err;     /* set: the message stands already */
	char warning[80]; /* libpng says the reason of "Invalid IHDR data" in a warning */
};

/* Of an eXIf chunk, where no more is needed than its first directory. */
enum { EXIF_BYTES = 4096 };

static bool knows(const uint8_t *head, size_t n)
{
	return n >= 8 && !png_sig_cmp(head, 0, 8);
}

static void give_up(struct png_reader *r, enum err e)
{
	r->err = e;
	longjmp(png_jmpbuf(r->png), 1);
}

static void on_read(png_structp png, png_bytep buf, size_t n)
{
	struct png_reader *r = png_get_io_ptr(png);
	if (!image_source_read(r->src, buf, n))
		give_up(r, image_source_end(r->src, "PNG"));
}

static void on_warning(png_structp png, png_const_charp text)
{
	struct png_reader *r = png_get_error_ptr(png);
	str_escaped(r->warning, sizeof(r->warning), text, strlen(text));
}

static void on_error(png_structp png, png_const_charp text)
{
	struct png_reader *r = png_get_error_ptr(png);
	char reason[120];
	str_escaped(reason, sizeof(reason), text, strlen(text));
	bool has_more = r->warning[0] && !strcmp(reason, "Invalid IHDR data");
	give_up(r, err_set(ERR_FORMAT, "%s: PNG: %s", r->src->name,
			   has_more ? r->warning : reason));
}

static bool is_grey16(struct png_reader *r)
{
	return png_get_color_type(r->png, r->info) == PNG_COLOR_TYPE_GRAY &&
	       png_get_bit_depth(r->png, r->info) == 16;
}

/* To RGB8, all but 16-bit grey, whose samples are still needed whole. */
static void set_transforms(struct png_reader *r)
{
	if (is_grey16(r))
		return;
	png_set_strip_16(r->png);
	if (png_get_color_type(r->png, r->info) == PNG_COLOR_TYPE_PALETTE)
		png_set_palette_to_rgb(r->png);
	else
		png_set_expand_gray_1_2_4_to_8(r->png);
	png_set_gray_to_rgb(r->png);
	png_set_strip_alpha(r->png);
}

/* Reads w big-endian 16-bit samples at the start of the row, from the end forward. */
static void clip_grey16(uint8_t *row, size_t w)
{
	for (size_t x = w; x-- > 0;) {
		uint8_t v = row[2 * x] ? 255 : row[2 * x + 1];
		row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = v;
	}
}

static void read_rows(struct png_reader *r, int passes)
{
	size_t stride = (size_t)r->out->width * 3;
	if (png_get_rowbytes(r->png, r->info) > stride)
		png_error(r->png, "unexpected row size");
	for (int pass = 0; pass < passes; pass++)
		for (int y = 0; y < r->out->height; y++)
			png_read_row(r->png, r->out->rgb + (size_t)y * stride, NULL);
	if (!is_grey16(r))
		return;
	for (int y = 0; y < r->out->height; y++)
		clip_grey16(r->out->rgb + (size_t)y * stride, (size_t)r->out->width);
}

/* False where no eXIf chunk was met so far. */
static bool read_orientation(struct png_reader *r)
{
	png_uint_32 n = 0;
	png_bytep tiff = NULL;
	if (!png_get_eXIf_1(r->png, r->info, &n, &tiff))
		return false;
	*r->orientation = exif_orientation(tiff, n);
	return true;
}

/*
 * An eXIf chunk may stand after the pixels, which libpng would have to decompress to get
 * there: from chunk to chunk instead, from the start. Damage on the way is not searched
 * for; a file that ends early has no orientation.
 */
static void find_orientation(struct png_reader *r)
{
	enum { SIGNATURE = 8, CRC = 4 };
	FILE *f = r->src->file;
	uint8_t head[8], tiff[EXIF_BYTES];
	int64_t at = SIGNATURE;
	while (!fseeko(f, (off_t)at, SEEK_SET) &&
	       image_source_read(r->src, head, sizeof(head))) {
		uint32_t n = png_get_uint_32(head);
		if (!memcmp(head + 4, "IEND", 4))
			return;
		if (!memcmp(head + 4, "eXIf", 4)) {
			size_t m = fread(tiff, 1, n < sizeof(tiff) ? n : sizeof(tiff), f);
			*r->orientation = exif_orientation(tiff, m);
			return;
		}
		at += (int64_t)sizeof(head) + n + CRC;
	}
}

static void read_header(struct png_reader *r)
{
	png_set_read_fn(r->png, r, on_read);
	png_set_user_limits(r->png, IMAGE_MAX_PIXELS, IMAGE_MAX_PIXELS);
	png_read_info(r->png, r->info);
	png_uint_32 width = png_get_image_width(r->png, r->info);
	png_uint_32 height = png_get_image_height(r->png, r->info);
	enum err e = image_check_size(r->src->name, width, height);
	if (e)
		give_up(r, e);
	r->width = (int)width;
	r->height = (int)height;
}

static void read_pixels(struct png_reader *r)
{
	enum err e = image_alloc(r->src->name, r->width, r->height, r->out);
	if (e)
		give_up(r, e);
	set_transforms(r);
	int passes = png_set_interlace_handling(r->png);
	png_read_update_info(r->png, r->info);
	read_rows(r, passes);
	png_read_end(r->png, r->info); /* an eXIf chunk may stand after the pixels */
	read_orientation(r);
}

static void read_guarded(struct png_reader *r)
{
	if (setjmp(png_jmpbuf(r->png)))
		return;
	read_header(r);
	if (r->out)
		read_pixels(r);
	else if (r->orientation && !read_orientation(r))
		find_orientation(r);
}

static enum err reader_run(struct png_reader *r)
{
	r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
	if (r->png)
		r->info = png_create_info_struct(r->png);
	if (r->info)
		read_guarded(r);
	else
		r->err = err_set(ERR_NOMEM, "%s: no memory to read a PNG", r->src->name);
	png_destroy_read_struct(&r->png, &r->info, NULL);
	return r->err;
}

static enum err read_png(struct image_source *src, struct image *out, int *orientation)
{
	struct png_reader r = { .src = src, .out = out, .orientation = orientation };
	return reader_run(&r);
}

static enum err size_png(struct image_source *src, int *width, int *height,
			 int *orientation)
{
	struct png_reader r = { .src = src, .orientation = orientation };
	enum err e = reader_run(&r);
	if (e)
		return e;
	*width = r.width;
	*height = r.height;
	return OK;
}

const struct image_format image_format_png = {
	.name = "PNG",
	.knows = knows,
	.read = read_png,
	.size = size_png,
};
