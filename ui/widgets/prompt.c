#include "ui/widgets/prompt.h"

#include <stdio.h>
#include <string.h>

void prompt_open(struct prompt *p, const char *label, const char *text)
{
	p->open = true;
	snprintf(p->label, sizeof(p->label), "%s", label);
	snprintf(p->text, sizeof(p->text), "%s", text ? text : "");
}

/* The start of the word at the end of the text. */
static char *last_word(char *text)
{
	char *space = strrchr(text, ' ');
	return space ? space + 1 : text;
}

struct completion {
	const char *word; /* to complete */
	char common[64];  /* what all matches begin with */
	int matches;
	struct str *list;
};

static void complete_with(void *to, const char *word)
{
	struct completion *c = to;
	size_t same = 0;
	if (strncmp(word, c->word, strlen(c->word)) != 0)
		return;
	if (!c->matches++)
		snprintf(c->common, sizeof(c->common), "%s", word);
	while (c->common[same] && c->common[same] == word[same])
		same++;
	c->common[same] = 0;
	if (c->list)
		str_addf(c->list, "%s%s", c->list->len ? "  " : "", word);
}

static void complete(struct prompt *p)
{
	char *word = last_word(p->text);
	struct completion c = { .word = word };
	if (!p->words)
		return;
	p->words(p->context, p->text, complete_with, &c);
	size_t room = sizeof(p->text) - (size_t)(word - p->text);
	if (c.matches)
		snprintf(word, room, "%s%s", c.common, c.matches == 1 ? " " : "");
}

static void erase_char(char *text)
{
	size_t n = strlen(text);
	while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n > 0 ? n - 1 : 0] = 0;
}

static void erase_word(char *text)
{
	size_t n = strlen(text);
	while (n > 0 && text[n - 1] == ' ')
		text[--n] = 0;
	*last_word(text) = 0;
}

static void append(char *text, uint32_t ch)
{
	size_t n = strlen(text);
	char b[5] = "";
	if (ch < 0x80)
		b[0] = (char)ch;
	else if (ch < 0x800)
		snprintf(b, sizeof(b), "%c%c", (char)(0xc0 | ch >> 6),
			 (char)(0x80 | (ch & 63)));
	else if (ch < 0x10000)
		snprintf(b, sizeof(b), "%c%c%c", (char)(0xe0 | ch >> 12),
			 (char)(0x80 | (ch >> 6 & 63)), (char)(0x80 | (ch & 63)));
	else
		return;
	if (n + strlen(b) < PROMPT_SIZE)
		memcpy(text + n, b, strlen(b) + 1);
}

enum prompt_result prompt_key(struct prompt *p, const struct key *key)
{
	switch (key->code) {
	case KEYC_ENTER:
		p->open = false;
		if (p->text[0])
			snprintf(p->last, sizeof(p->last), "%s", p->text);
		return PROMPT_ACCEPTED;
	case KEYC_ESC:
	case KEYC_CTRL('C'):
		p->open = false;
		return PROMPT_LEFT;
	case KEYC_TAB:
		complete(p);
		return PROMPT_CHANGED;
	case KEYC_UP:
		snprintf(p->text, sizeof(p->text), "%s", p->last);
		return PROMPT_CHANGED;
	case KEYC_BACKSPACE:
		if (!p->text[0]) {
			p->open = false;
			return PROMPT_LEFT;
		}
		erase_char(p->text);
		return PROMPT_CHANGED;
	case KEYC_CTRL('U'):
		p->text[0] = 0;
		return PROMPT_CHANGED;
	case KEYC_CTRL('W'):
		erase_word(p->text);
		return PROMPT_CHANGED;
	default:
		if (key->code < ' ' || key->code >= KEYC_NONE)
			return PROMPT_MORE;
		append(p->text, key->code);
		return PROMPT_CHANGED;
	}
}

static void draw_words(const struct prompt *p, struct canvas *c, int x, int y, int width)
{
	struct str list = STR_INIT;
	const char *space = strrchr(p->text, ' ');
	struct completion found = { .word = space ? space + 1 : p->text, .list = &list };
	p->words(p->context, p->text, complete_with, &found);
	canvas_field(c, x, y, width, STYLE_DIM, str_get(&list));
	str_release(&list);
}

int prompt_draw(const struct prompt *p, struct canvas *c, int x, int y, int width)
{
	struct canvas row = canvas_window(c, x, y, width, 1);
	int at = canvas_text(&row, 0, 0, -1, STYLE_BOLD, p->label);
	const char *text = p->text;
	/* The end of a text that is too long is what matters. */
	while (*text && at + canvas_text_width(c, text) >= width)
		do
			text++;
		while (((unsigned char)*text & 0xc0) == 0x80);
	at += canvas_text(&row, at, 0, -1, STYLE_NORMAL, text);
	if (p->words)
		draw_words(p, &row, at + 3, 0, width - at - 3);
	return x + at;
}
