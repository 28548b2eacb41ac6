/* JPEG by libjpeg-turbo. Its errors are longjmps into read_guarded and nowhere else. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/str.h"
#include "image/exif.h"
#include "image/format.h"

enum {
	INPUT_BYTES = 65536,
	MAX_SCANS = 1000, /* real pictures have some tens; each can cost a whole pass */
	EXIF_MARKER = JPEG_APP0 + 1,
};

/*
 * libjpeg gives back pointers to the first member of each of its three structures; that
 * is how the callbacks find the reader.
 */
struct jpeg_reader {
	struct jpeg_decompress_struct j; /* first; client_data is this reader */
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr input;
	struct jpeg_progress_mgr progress;
	jmp_buf failed;
	struct image_source *src;
	struct image *out; /* NULL: the header alone is wanted */
	int *orientation;  /* NULL: not wanted */
	enum err err;
	uint8_t bytes[INPUT_BYTES];
};

static bool knows(const uint8_t *head, size_t n)
{
	return n >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
}

static void give_up(struct jpeg_reader *r, enum err e)
{
	r->err = e;
	longjmp(r->failed, 1);
}

static void on_error(j_common_ptr j)
{
	struct jpeg_reader *r = j->client_data;
	char text[JMSG_LENGTH_MAX], reason[160];
	j->err->format_message(j, text);
	str_escaped(reason, sizeof(reason), text, strlen(text));
	enum err e = j->err->msg_code == JERR_OUT_OF_MEMORY ? ERR_NOMEM : ERR_FORMAT;
	give_up(r, err_set(e, "%s: JPEG: %s", r->src->name, reason));
}

/* Damage within the compressed data is shown as it is, as every viewer does. */
static void on_warning(j_common_ptr j, int level)
{
	(void)j;
	(void)level;
}

static void on_progress(j_common_ptr j)
{
	struct jpeg_reader *r = j->client_data;
	if (r->j.input_scan_number > MAX_SCANS)
		give_up(r, err_set(ERR_FORMAT, "%s: JPEG: more than %d scans",
				   r->src->name, MAX_SCANS));
}

static void on_start(j_decompress_ptr j) { (void)j; }

/* libjpeg's own source would invent an end at a truncation: here it is an error. */
static boolean on_fill(j_decompress_ptr j)
{
	struct jpeg_reader *r = j->client_data;
	size_t n = fread(r->bytes, 1, INPUT_BYTES, r->src->file);
	if (n == 0)
		give_up(r, image_source_end(r->src, "JPEG"));
	r->input.next_input_byte = r->bytes;
	r->input.bytes_in_buffer = n;
	return TRUE;
}

static void on_skip(j_decompress_ptr j, long n)
{
	struct jpeg_reader *r = j->client_data;
	while (n > (long)r->input.bytes_in_buffer) {
		n -= (long)r->input.bytes_in_buffer;
		on_fill(j);
	}
	if (n > 0) {
		r->input.next_input_byte += n;
		r->input.bytes_in_buffer -= (size_t)n;
	}
}

static void read_orientation(struct jpeg_reader *r)
{
	static const char label[6] = "Exif\0";
	for (jpeg_saved_marker_ptr m = r->j.marker_list; m; m = m->next) {
		if (m->marker != EXIF_MARKER || m->data_length < sizeof(label) ||
		    memcmp(m->data, label, sizeof(label)))
			continue;
		*r->orientation = exif_orientation(m->data + sizeof(label),
						   m->data_length - sizeof(label));
		return;
	}
}

static void choose_colours(struct jpeg_reader *r)
{
	switch (r->j.num_components) {
	case 1: /* straight to RGB */
	case 3:
		r->j.out_color_space = JCS_RGB;
		return;
	case 4: /* YCCK becomes CMYK; what CMYK means is for us to say */
		r->j.out_color_space = JCS_CMYK;
		return;
	}
	give_up(r, err_set(ERR_FORMAT, "%s: JPEG: %d colour components", r->src->name,
			   r->j.num_components));
}

/*
 * Inverted CMYK (Adobe's polarity, taken for granted as Pillow does) to RGB with Pillow's
 * rounding: 255 - k - c * (255 - k) / 255.
 */
static void cmyk_row(const uint8_t *cmyk, uint8_t *rgb, int w)
{
	for (int x = 0; x < w; x++, cmyk += 4, rgb += 3)
		for (int c = 0; c < 3; c++) {
			int white = cmyk[3], ink = (255 - cmyk[c]) * white + 128;
			int v = white - ((ink + (ink >> 8)) >> 8);
			rgb[c] = (uint8_t)(v < 0 ? 0 : v);
		}
}

static void read_rows(struct jpeg_reader *r)
{
	struct jpeg_decompress_struct *j = &r->j;
	bool cmyk = j->out_color_space == JCS_CMYK;
	JSAMPARRAY line = NULL;
	if (cmyk)
		line = j->mem->alloc_sarray((j_common_ptr)j, JPOOL_IMAGE,
					    j->output_width * 4, 1);
	while (j->output_scanline < j->output_height) {
		size_t y = j->output_scanline;
		JSAMPROW row = r->out->rgb + y * (size_t)r->out->width * 3;
		jpeg_read_scanlines(j, cmyk ? line : &row, 1);
		if (cmyk)
			cmyk_row(line[0], row, r->out->width);
	}
}

static void read_header(struct jpeg_reader *r)
{
	struct jpeg_decompress_struct *j = &r->j;
	jpeg_create_decompress(j);
	j->src = &r->input;
	j->progress = &r->progress;
	jpeg_save_markers(j, EXIF_MARKER, 0xffff);
	jpeg_read_header(j, TRUE);
	choose_colours(r);
	enum err e = image_check_size(r->src->name, j->image_width, j->image_height);
	if (e)
		give_up(r, e);
	if (r->orientation)
		read_orientation(r);
}

static void read_pixels(struct jpeg_reader *r)
{
	struct jpeg_decompress_struct *j = &r->j;
	enum err e = image_alloc(r->src->name, j->image_width, j->image_height, r->out);
	if (e)
		give_up(r, e);
	jpeg_start_decompress(j);
	read_rows(r);
	jpeg_finish_decompress(j);
}

static void read_guarded(struct jpeg_reader *r)
{
	if (setjmp(r->failed))
		return;
	read_header(r);
	if (r->out)
		read_pixels(r);
}

static struct jpeg_reader *reader_create(struct image_source *src)
{
	struct jpeg_reader *r = mem_alloc(sizeof(*r));
	r->src = src;
	r->j.client_data = r;
	r->j.err = jpeg_std_error(&r->errors);
	r->errors.error_exit = on_error;
	r->errors.emit_message = on_warning;
	r->input.init_source = on_start;
	r->input.fill_input_buffer = on_fill;
	r->input.skip_input_data = on_skip;
	r->input.resync_to_restart = jpeg_resync_to_restart;
	r->input.term_source = on_start;
	r->progress.progress_monitor = on_progress;
	return r;
}

static void reader_free(struct jpeg_reader *r)
{
	jpeg_destroy_decompress(&r->j);
	free(r);
}

static enum err read_jpeg(struct image_source *src, struct image *out, int *orientation)
{
	struct jpeg_reader *r = reader_create(src);
	r->out = out;
	r->orientation = orientation;
	read_guarded(r);
	enum err e = r->err;
	reader_free(r);
	return e;
}

static enum err size_jpeg(struct image_source *src, int *width, int *height,
			  int *orientation)
{
	struct jpeg_reader *r = reader_create(src);
	r->orientation = orientation;
	read_guarded(r);
	enum err e = r->err;
	if (e == OK) {
		*width = (int)r->j.image_width;
		*height = (int)r->j.image_height;
	}
	reader_free(r);
	return e;
}

const struct image_format image_format_jpeg = {
	.name = "JPEG",
	.knows = knows,
	.read = read_jpeg,
	.size = size_jpeg,
};
