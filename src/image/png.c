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
	struct image *out;
	int *orientation;
	png_structp png;
	png_infop info;
	enum err err;     /* set: the message stands already */
	char warning[80]; /* libpng says the reason of "Invalid IHDR data" in a warning */
};

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

static void read_orientation(struct png_reader *r)
{
	png_uint_32 n = 0;
	png_bytep tiff = NULL;
	if (png_get_eXIf_1(r->png, r->info, &n, &tiff))
		*r->orientation = exif_orientation(tiff, n);
}

static void read_all(struct png_reader *r)
{
	png_set_read_fn(r->png, r, on_read);
	png_set_user_limits(r->png, IMAGE_MAX_PIXELS, IMAGE_MAX_PIXELS);
	png_read_info(r->png, r->info);
	enum err e = image_alloc(r->src->name, png_get_image_width(r->png, r->info),
				 png_get_image_height(r->png, r->info), r->out);
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
	if (!setjmp(png_jmpbuf(r->png)))
		read_all(r);
}

static enum err read_png(struct image_source *src, struct image *out, int *orientation)
{
	struct png_reader r = { .src = src, .out = out, .orientation = orientation };
	r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
	if (r.png)
		r.info = png_create_info_struct(r.png);
	if (r.info)
		read_guarded(&r);
	else
		r.err = err_set(ERR_NOMEM, "%s: no memory to read a PNG", src->name);
	png_destroy_read_struct(&r.png, &r.info, NULL);
	return r.err;
}

const struct image_format image_format_png = {
	.name = "PNG",
	.knows = knows,
	.read = read_png,
};
