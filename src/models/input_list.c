#include "models/input_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "image/scene.h"

static void list_add(struct input_list *l, char *path)
{
	l->paths = mem_grow(l->paths, (size_t)l->n + 1, sizeof(char *));
	l->paths[l->n++] = path;
}

/* A path may hold anything, a terminal's commands too. */
static const char *shown_path(const char *path, char buf[512])
{
	return str_escaped(buf, 512, path, strlen(path));
}

/* In a folder the name or the content tells a picture, so that a README beside them is no
 * mistake but a broken picture is. */
static bool named_like_a_picture(const char *name)
{
	static const char *const suffixes[] = {
		"png", "jpg", "jpeg", "ppm", "pgm", "pnm"
	};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!strcasecmp(dot + 1, suffixes[i]))
			return true;
	return false;
}

static bool is_picture(const char *path, const char *name)
{
	struct stat st;
	return !stat(path, &st) && S_ISREG(st.st_mode) &&
	       (named_like_a_picture(name) || image_sniff(path));
}

static int regular(const struct dirent *d)
{
	return d->d_name[0] != '.' &&
	       (d->d_type == DT_REG || d->d_type == DT_LNK || d->d_type == DT_UNKNOWN);
}

static enum err add_folder(struct input_list *l, const char *folder)
{
	char shown[512];
	struct dirent **names;
	int n = scandir(folder, &names, regular, alphasort);
	if (n < 0)
		return err_set(ERR_IO, "%s: %s", shown_path(folder, shown),
			       strerror(errno));
	int before = l->n;
	for (int i = 0; i < n; i++) {
		struct str path = STR_INIT;
		str_addf(&path, "%s/%s", folder, names[i]->d_name);
		if (is_picture(str_get(&path), names[i]->d_name))
			list_add(l, str_dup(str_get(&path)));
		str_release(&path);
		free(names[i]);
	}
	free(names);
	if (l->n == before)
		return err_set(ERR_NOTFOUND,
			       "%s: no pictures (PNG, JPEG, PPM or PGM) in this folder",
			       shown_path(folder, shown));
	return OK;
}

/* "PATH#17" where nothing has that name: one record. False: the path is as it stands. */
static bool one_record(const char *path, char **file, int64_t *record)
{
	const char *hash = strrchr(path, '#');
	char *end = NULL;
	if (!access(path, F_OK) || !hash || hash[1] < '0' || hash[1] > '9')
		return false;
	errno = 0;
	*record = strtoll(hash + 1, &end, 10);
	if (errno || *end || *record >= INT32_MAX)
		return false;
	*file = str_dup(path);
	(*file)[hash - path] = 0;
	return true;
}

static enum err add_records(struct input_list *l, const char *path, int64_t first,
			    int64_t limit)
{
	char shown[512];
	enum err e = cifar_open(path, limit, &l->cifar);
	if (e)
		return e;
	int64_t n = cifar_count(l->cifar);
	if (first >= n || n > INT32_MAX)
		return err_set(ERR_NOTFOUND, "%s: no picture %lld, it has %lld",
			       shown_path(path, shown), (long long)first, (long long)n);
	l->first = first;
	for (int64_t i = first; i < n; i++) {
		struct str name = STR_INIT;
		str_addf(&name, "cifar10:%s#%lld", path, (long long)i);
		list_add(l, str_detach(&name));
	}
	return OK;
}

static enum err add_dataset(struct input_list *l, const struct input_source *from)
{
	const char *path = input_source_dataset(from, "cifar10");
	char *file;
	int64_t record;
	if (!path)
		return input_source_check(from); /* names the kinds there are */
	if (!one_record(path, &file, &record))
		return add_records(l, path, 0, (int64_t)from->limit);
	enum err e = add_records(l, file, record, record + 1);
	free(file);
	return e;
}

enum err input_list_make(const struct input_source *from, struct input_list *l)
{
	*l = (struct input_list){ 0 };
	char shown[512];
	enum err e = OK;
	for (int i = 0; !e && i < from->n_images; i++) {
		struct stat st;
		if (stat(from->images[i], &st))
			e = err_set(errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: %s",
				    shown_path(from->images[i], shown), strerror(errno));
		else if (S_ISDIR(st.st_mode))
			e = add_folder(l, from->images[i]);
		else
			list_add(l, str_dup(from->images[i]));
	}
	if (!e && from->dataset)
		e = add_dataset(l, from);
	else if (!e && !from->n_images)
		list_add(l, NULL);
	if (e)
		input_list_release(l);
	return e;
}

void input_list_release(struct input_list *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->paths[i]);
	free(l->paths);
	cifar_free(l->cifar);
	*l = (struct input_list){ 0 };
}

const char *input_list_name(const struct input_list *l, int i)
{
	return i >= 0 && i < l->n ? l->paths[i] : NULL;
}

const char *input_list_shown(const struct input_list *l, int64_t i, char *buf,
			     size_t size)
{
	const char *path = l->paths[i];
	if (!path)
		return "built-in scene";
	return str_escaped(buf, size, path, strlen(path));
}

enum err input_list_label(const struct input_list *l, int64_t i, int *label)
{
	struct image image = { 0 };
	*label = -1;
	if (!l->cifar)
		return OK;
	enum err e = cifar_record(l->cifar, l->first + i, &image, label);
	image_release(&image);
	return e;
}

enum err input_list_check(const struct input_list *l, int64_t from)
{
	enum err e = OK;
	for (int64_t i = from; !e && !l->cifar && i < l->n; i++) {
		struct image image = { 0 };
		if (!l->paths[i] || image_sniff(l->paths[i]))
			continue;
		e = image_load(l->paths[i], false, &image); /* its words for it */
		image_release(&image);
	}
	return e;
}

enum err input_list_read(const struct input_list *list, int64_t i, bool exif,
			 struct image *out)
{
	int label;
	if (list->cifar)
		return cifar_record(list->cifar, list->first + i, out, &label);
	return list->paths[i] ? image_load(list->paths[i], exif, out) : scene_draw(out);
}

enum err input_list_size(const struct input_list *list, int64_t i, bool exif,
			 struct picture_size *out)
{
	*out = (struct picture_size){ SCENE_WIDTH, SCENE_HEIGHT };
	if (list->cifar)
		*out = (struct picture_size){ CIFAR_SIDE, CIFAR_SIDE };
	else if (list->paths[i])
		return image_size(list->paths[i], exif, &out->width, &out->height);
	return OK;
}

static void hash_file(struct sha256 *s, const char *path)
{
	struct stat st = { 0 };
	struct str facts = STR_INIT;
	if (path && stat(path, &st))
		st = (struct stat){ 0 }; /* loading it will say so */
	str_addf(&facts, "%lld %lld.%09ld %s", (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, path ? path : "");
	sha256_add_str(s, str_get(&facts));
	str_release(&facts);
}

/* The records themselves: small, and their files may be several. */
static void hash_record(const struct input_list *list, int64_t i, struct sha256 *s)
{
	struct image image = { 0 };
	int label = -1;
	if (cifar_record(list->cifar, list->first + i, &image, &label))
		return; /* loading it will say so */
	sha256_add(s, image.rgb, 3 * (size_t)image.width * (size_t)image.height);
	sha256_add(s, &label, sizeof(label));
	image_release(&image);
}

void input_list_hash(const struct input_list *list, int64_t from, struct sha256 *s)
{
	for (int64_t i = from; i < list->n; i++)
		if (list->cifar)
			hash_record(list, i, s);
		else
			hash_file(s, list->paths[i]);
}
