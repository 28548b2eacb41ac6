/* PGM and PPM, binary (netpbm's pgm(5) and ppm(5)), one picture a file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"

struct pnm {
	struct image_source *src;
	int channels;
	long width, height, maxval;
};

static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool knows(const uint8_t *head, size_t n)
{
	return n >= 3 && head[0] == 'P' && (head[1] == '5' || head[1] == '6') &&
	       is_space(head[2]);
}

/* The next character outside comments, which run from # to the end of the line. */
static int next_char(FILE *f)
{
	int c = getc(f);
	while (c == '#') {
		do
			c = getc(f);
		while (c != '\n' && c != '\r' && c != EOF);
		c = c == EOF ? EOF : getc(f);
	}
	return c;
}

/* A decimal number of at most 10 digits and the one white space after it. */
static enum err read_number(struct pnm *p, const char *what, long *out)
{
	FILE *f = p->src->file;
	int c = next_char(f), digits = 0;
	while (is_space(c))
		c = next_char(f);
	for (*out = 0; c >= '0' && c <= '9' && digits < 10; digits++) {
		*out = *out * 10 + (c - '0');
		c = next_char(f);
	}
	if (c == EOF)
		return image_source_end(p->src, "PNM");
	if (digits == 0 || !is_space(c))
		return err_set(ERR_FORMAT, "%s: PNM: bad %s in the header", p->src->name,
			       what);
	return OK;
}

static enum err read_header(struct pnm *p)
{
	char magic[3];
	if (!image_source_read(p->src, magic, sizeof(magic)))
		return image_source_end(p->src, "PNM");
	p->channels = magic[1] == '6' ? 3 : 1;
	enum err e = read_number(p, "width", &p->width);
	if (e == OK)
		e = read_number(p, "height", &p->height);
	if (e == OK)
		e = read_number(p, "maxval", &p->maxval);
	if (e == OK && (p->maxval < 1 || p->maxval > 65535))
		e = err_set(ERR_FORMAT, "%s: PNM: maxval %ld is not in 1..65535",
			    p->src->name, p->maxval);
	return e;
}

static int sample_bytes(const struct pnm *p) { return p->maxval > 255 ? 2 : 1; }

static size_t row_bytes(const struct pnm *p)
{
	return (size_t)(p->width * p->channels) * (size_t)sample_bytes(p);
}

/*
 * Pillow rescales by Python's round(): a double, half to even. Two-byte grey becomes a
 * 16-bit picture first, whose samples it then clips instead of scaling them.
 */
static void fill_scale(const struct pnm *p, uint8_t *scale)
{
	double top = p->channels == 1 && p->maxval > 255 ? 65535.0 : 255.0;
	for (int v = 0; v < 65536; v++) {
		double scaled = rint((double)v / (double)p->maxval * top);
		scale[v] = scaled > 255.0 ? 255 : (uint8_t)scaled;
	}
}

static void convert_row(const struct pnm *p, const uint8_t *scale, const uint8_t *from,
			uint8_t *to)
{
	bool wide = sample_bytes(p) == 2;
	int copies = p->channels == 1 ? 3 : 1;
	long samples = p->width * p->channels;
	for (long i = 0; i < samples; i++) {
		unsigned v =
			wide ? (unsigned)from[2 * i] << 8 | from[2 * i + 1] : from[i];
		memset(to, scale[v], (size_t)copies);
		to += copies;
	}
}

static enum err read_rows(struct pnm *p, struct image *out, uint8_t *work)
{
	size_t n = row_bytes(p);
	uint8_t *scale = work, *row = work + 65536;
	fill_scale(p, scale);
	for (long y = 0; y < p->height; y++) {
		if (!image_source_read(p->src, row, n))
			return image_source_end(p->src, "PNM");
		convert_row(p, scale, row, out->rgb + (size_t)y * (size_t)p->width * 3);
	}
	return OK;
}

/* What the header says is possible, and the file long enough for it. */
static enum err check_header(const struct pnm *p)
{
	enum err e = image_check_size(p->src->name, p->width, p->height);
	if (e == OK && p->height > p->src->size / (int64_t)row_bytes(p))
		e = image_source_end(p->src, "PNM");
	return e;
}

static enum err read_pixels(struct pnm *p, struct image *out)
{
	enum err e = image_alloc(p->src->name, p->width, p->height, out);
	if (e)
		return e;
	uint8_t *work = malloc(65536 + row_bytes(p));
	if (!work)
		return err_set(ERR_NOMEM, "%s: no memory for a row", p->src->name);
	e = read_rows(p, out, work);
	free(work);
	return e;
}

static enum err read_pnm(struct image_source *src, struct image *out, int *orientation)
{
	(void)orientation; /* the format has none */
	struct pnm p = { .src = src };
	enum err e = read_header(&p);
	if (e == OK)
		e = check_header(&p);
	return e ? e : read_pixels(&p, out);
}

static enum err size_pnm(struct image_source *src, int *width, int *height,
			 int *orientation)
{
	(void)orientation;
	struct pnm p = { .src = src };
	enum err e = read_header(&p);
	if (e == OK)
		e = check_header(&p);
	if (e)
		return e;
	*width = (int)p.width;
	*height = (int)p.height;
	return OK;
}

const struct image_format image_format_pnm = {
	.name = "PPM/PGM",
	.knows = knows,
	.read = read_pnm,
	.size = size_pnm,
};
