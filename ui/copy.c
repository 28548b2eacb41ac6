#include "ui/copy.h"

#include <stdlib.h>
#include <string.h>

#include "ui/term.h"

/* Some terminals drop longer ones. */
#define OSC52_MAX 74994

static void add_base64(struct str *out, const unsigned char *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16;
		v |= i + 1 < n ? (unsigned)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? p[i + 2] : 0;
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
				 digits[v >> 6 & 63], digits[v & 63] };
		if (i + 1 >= n)
			four[2] = '=';
		if (i + 2 >= n)
			four[3] = '=';
		str_add_n(out, four, 4);
	}
}

void copy_sequence(const char *text, struct str *out)
{
	str_add(out, "\033]52;c;");
	add_base64(out, (const unsigned char *)text, strlen(text));
	str_add(out, "\a");
}

static bool to_clipboard(const char *text)
{
	struct str sequence = STR_INIT;
	copy_sequence(text, &sequence);
	bool fits = sequence.len <= OSC52_MAX;
	if (fits)
		term_send(sequence.s, sequence.len);
	str_release(&sequence);
	return fits;
}

void copy_command(struct ui *ui)
{
	char *command = app_command_line(ui->app);
	to_clipboard(command);
	app_say(ui->app, APP_INFO, "copied: %s", command);
	free(ui->copied);
	ui->copied = command;
}

void copy_table(struct ui *ui)
{
	const struct view *v = views[ui->active];
	struct str table = STR_INIT;
	if (v->copy)
		v->copy(ui->view_state[ui->active], ui->app, &table);
	if (!table.len)
		app_say(ui->app, APP_WARNING, "there is no table here to copy");
	else if (!to_clipboard(table.s))
		app_say(ui->app, APP_WARNING, "the table is too large for the clipboard");
	else
		app_say(ui->app, APP_INFO, "copied the table as Markdown");
	str_release(&table);
}
