#include "text/labels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/cifar.h"
#include "text/text_file.h"

#define MAX_BYTES ((size_t)(LABEL_MAX_BYTES + 2) * LABELS_MAX)

static void add(struct labels *l, const char *name, size_t n)
{
	struct str copy = STR_INIT;
	if ((l->count & (l->count + 1)) == 0) /* 0, 1, 3, 7 ... */
		l->names =
			mem_grow(l->names, 2 * (size_t)l->count + 1, sizeof(*l->names));
	str_add_n(&copy, name, n);
	l->names[l->count++] = str_detach(&copy);
}

void labels_release(struct labels *l)
{
	for (int i = 0; i < l->count; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct labels){ 0 };
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void trim(const char **s, size_t *n)
{
	while (*n > 0 && is_blank((*s)[*n - 1]))
		--*n;
	for (; *n > 0 && is_blank(**s); --*n)
		++*s;
}

/* Adds a trimmed label; `where` is "FILE: line" or "--labels: label". */
static enum err add_checked(struct labels *l, const char *where, int number,
			    const char *s, size_t n)
{
	if (n > LABEL_MAX_BYTES)
		return err_set(ERR_FORMAT, "%s %d: %zu bytes; a label has at most %d",
			       where, number, n, LABEL_MAX_BYTES);
	if (l->count == LABELS_MAX)
		return err_set(ERR_FORMAT, "%s %d: more than %d labels", where, number,
			       LABELS_MAX);
	for (size_t i = 0; i < n;) {
		int len = utf8_len(s + i, n - i);
		if (len == 0 || s[i] == '\0')
			return err_set(ERR_FORMAT,
				       "%s %d: byte %zu (0x%02x) is not UTF-8 text",
				       where, number, i + 1, (unsigned char)s[i]);
		i += (size_t)len;
	}
	add(l, s, n);
	return OK;
}

static enum err read_lines(struct labels *l, const struct text_file *f)
{
	struct text_lines lines = { str_get(&f->text), f->text.len, 0 };
	struct str where = STR_INIT;
	const char *line;
	size_t n;
	enum err e = OK;
	if (lines.left >= 3 && !memcmp(lines.at, "\xef\xbb\xbf", 3)) {
		lines.at += 3;
		lines.left -= 3;
	}
	str_addf(&where, "%s: line", f->label);
	while (!e && text_lines_next(&lines, &line, &n)) {
		trim(&line, &n);
		if (n > 0)
			e = add_checked(l, str_get(&where), lines.number, line, n);
	}
	if (!e && l->count == 0)
		e = err_set(ERR_FORMAT, "%s: no label in it", f->label);
	str_release(&where);
	return e;
}

static enum err read_file(struct labels *l, const char *path)
{
	struct text_file f;
	enum err e = text_file_read(path, MAX_BYTES, &f);
	if (e)
		return e;
	e = read_lines(l, &f);
	text_file_release(&f);
	return e;
}

static enum err read_list(struct labels *l, const char *list)
{
	for (int number = 1;; number++) {
		size_t span = strcspn(list, ","), n = span;
		const char *s = list;
		trim(&s, &n);
		if (n == 0)
			return err_set(ERR_FORMAT, "--labels: label %d is empty", number);
		enum err e = add_checked(l, "--labels: label", number, s, n);
		if (e || list[span] == '\0')
			return e;
		list += span + 1;
	}
}

/* A name without commas that can hardly be a label. */
static bool looks_like_path(const char *s)
{
	size_t n = strlen(s);
	return !strchr(s, ',') &&
	       (strchr(s, '/') || (n > 4 && !strcmp(s + n - 4, ".txt")));
}

enum err labels_read(const char *list_or_path, struct labels *out)
{
	struct stat st;
	*out = (struct labels){ 0 };
	bool file = stat(list_or_path, &st) == 0 || looks_like_path(list_or_path);
	enum err e = file ? read_file(out, list_or_path) : read_list(out, list_or_path);
	if (e)
		labels_release(out);
	return e;
}

void labels_cifar10(struct labels *out)
{
	*out = (struct labels){ .prompted = true };
	for (int i = 0; i < CIFAR_CLASSES; i++)
		add(out, cifar_classes[i], strlen(cifar_classes[i]));
}

/* --- prompts ----------------------------------------------------------------------- */

/* What stands before "photo" and before the label. */
static const struct {
	const char *photo, *label;
} adjectives[] = {
	{ "", "" },
	{ "blurry ", "" },
	{ "black and white ", "" },
	{ "low contrast ", "" },
	{ "high contrast ", "" },
	{ "bad ", "" },
	{ "good ", "" },
	{ "", "small " },
	{ "", "big " },
};
static const char *const articles[] = { "a", "the" };

enum {
	ADJECTIVES = sizeof(adjectives) / sizeof(adjectives[0]),
	ARTICLES = sizeof(articles) / sizeof(articles[0]),
};

int labels_prompts(const struct labels *l)
{
	return l->prompted ? ADJECTIVES * ARTICLES : 1;
}

void labels_add_prompt(const struct labels *l, int label, int prompt, struct str *out)
{
	int form = prompt % ADJECTIVES;
	if (l->prompted)
		str_addf(out, "a %sphoto of %s %s%s.", adjectives[form].photo,
			 articles[prompt / ADJECTIVES], adjectives[form].label,
			 l->names[label]);
	else
		str_add(out, l->names[label]);
}
