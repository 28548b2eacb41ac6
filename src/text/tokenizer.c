#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "text/byte_bpe.h"
#include "text/clip_bpe.h"
#include "text/text_file.h"
#include "text/tokenizer_gguf.h"
#include "text/tokenizer_json.h"

#define MAX_BYTES ((size_t)32 << 20)
/* Parsed, two bytes of JSON that are a list or an object take 230; a merge may be a list.
 */
#define MAX_BRACKETS ((size_t)2 << 20)

struct tokenizer {
	bool byte_level; /* else clip */
	struct clip_bpe clip;
	struct byte_bpe bytes;
};

/* --- opening ----------------------------------------------------------------------- */

static enum err check_brackets(const struct text_file *f)
{
	size_t count = 0;
	const char *text = str_get(&f->text);
	for (size_t i = 0; i < f->text.len; i++)
		count += text[i] == '[' || text[i] == '{';
	if (count > MAX_BRACKETS)
		return err_set(ERR_FORMAT, "%s: %zu lists and objects: the limit is %zu",
			       f->label, count, MAX_BRACKETS);
	return OK;
}

static enum err read_json(const struct text_file *f, const char *folder,
			  struct tokenizer *t)
{
	json_t *root = NULL;
	enum err e = check_brackets(f);
	if (!e)
		e = json_read(str_get(&f->text), f->text.len, f->label, &root);
	if (e)
		return e;
	t->byte_level = !(folder && tokenizer_json_is_clip(root));
	if (t->byte_level)
		e = tokenizer_json_read(root, f->label, &t->bytes);
	else
		e = clip_bpe_read_folder(folder, &t->clip);
	json_decref(root);
	return e;
}

static enum err read_folder(const char *folder, struct tokenizer *t)
{
	struct str path = STR_INIT;
	struct text_file f;
	str_addf(&path, "%s/tokenizer.json", folder);
	enum err e = text_file_read(str_get(&path), MAX_BYTES, &f);
	if (!e) {
		e = read_json(&f, folder, t);
		text_file_release(&f);
	} else if (e == ERR_NOTFOUND) {
		e = clip_bpe_read_folder(folder, &t->clip);
	}
	str_release(&path);
	return e;
}

static enum err read_gguf(const char *path, struct tokenizer *t)
{
	struct gguf *g;
	enum err e = gguf_open(path, &g);
	t->byte_level = true;
	if (!e)
		e = tokenizer_gguf_read(g, &t->bytes);
	gguf_free(g);
	return e;
}

/* No file of merges begins with a brace. */
static enum err read_file(const char *path, struct tokenizer *t)
{
	struct text_file f;
	if (gguf_is(path))
		return read_gguf(path, t);
	enum err e = text_file_read(path, MAX_BYTES, &f);
	if (e)
		return e;
	const char *text = str_get(&f.text);
	if (text[strspn(text, " \t\r\n")] == '{')
		e = read_json(&f, NULL, t);
	else
		e = clip_bpe_read(&f, &t->clip);
	text_file_release(&f);
	return e;
}

enum err tokenizer_open(const char *path, struct tokenizer **out)
{
	struct tokenizer *t = mem_alloc(sizeof(*t));
	struct stat st;
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	enum err e = folder ? read_folder(path, t) : read_file(path, t);
	*out = t;
	if (e) {
		free(t);
		*out = NULL;
	}
	return e;
}

enum err tokenizer_bytes(struct tokenizer **out)
{
	*out = mem_alloc(sizeof(**out));
	(*out)->byte_level = true;
	byte_bpe_init_bytes(&(*out)->bytes);
	return OK;
}

void tokenizer_free(struct tokenizer *t)
{
	if (!t)
		return;
	clip_bpe_release(&t->clip);
	byte_bpe_release(&t->bytes);
	free(t);
}

bool tokenizer_is_byte_level(const struct tokenizer *t) { return t->byte_level; }

static const struct vocab *vocab_of(const struct tokenizer *t)
{
	return t->byte_level ? &t->bytes.bpe.vocab : &t->clip.bpe.vocab;
}

int32_t tokenizer_size(const struct tokenizer *t) { return vocab_of(t)->count; }

int32_t tokenizer_bos(const struct tokenizer *t)
{
	return t->byte_level ? -1 : t->clip.bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
	return t->byte_level ? -1 : t->clip.eos;
}

int32_t tokenizer_id(const struct tokenizer *t, const char *token)
{
	int32_t id = vocab_find(&t->bytes.added, token, strlen(token));
	return id >= 0 ? id : vocab_find(vocab_of(t), token, strlen(token));
}

/* --- encoding ---------------------------------------------------------------------- */

static enum err check_text(const char *text, size_t n)
{
	char shown[80];
	str_escaped(shown, sizeof(shown), text, n);
	if (n > TOKENIZER_TEXT_MAX)
		return err_set(ERR_FORMAT,
			       "\"%s\": a text of %zu bytes; the limit is %zu", shown, n,
			       TOKENIZER_TEXT_MAX);
	for (size_t i = 0; i < n;) {
		int len = utf8_len(text + i, n - i);
		if (len == 0)
			return err_set(ERR_FORMAT,
				       "\"%s\": byte %zu (0x%02x) is not UTF-8", shown,
				       i + 1, (unsigned char)text[i]);
		i += (size_t)len;
	}
	return OK;
}

enum err tokenizer_encode(const struct tokenizer *t, const char *text, size_t n,
			  int32_t *ids, int max, int *count)
{
	enum err e = check_text(text, n);
	if (e)
		return e;
	if (t->byte_level)
		return byte_bpe_encode(&t->bytes, text, n, ids, max, count);
	return clip_bpe_encode(&t->clip, text, n, ids, max, count);
}

void tokenizer_decode(const struct tokenizer *t, int32_t id, struct str *out)
{
	if (id < 0 || id >= tokenizer_size(t))
		return;
	if (t->byte_level)
		byte_bpe_decode(&t->bytes, id, out);
	else
		clip_bpe_decode(&t->clip, id, out);
}
