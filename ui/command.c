#include "ui/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/tabs.h"

struct arguments {
	char word[3][PROMPT_SIZE];
	int n;
};

static struct arguments split(const char *text)
{
	struct arguments a = { .n = 0 };
	while (a.n < 3) {
		text += strspn(text, " =");
		size_t n = strcspn(text, a.n == 2 ? "" : " =");
		if (!n)
			break;
		snprintf(a.word[a.n++], PROMPT_SIZE, "%.*s", (int)n, text);
		text += n;
	}
	return a;
}

static int find_view(const char *name)
{
	for (int i = 0; views[i]; i++)
		if (!strcmp(views[i]->name, name))
			return i;
	return -1;
}

int command_find_view(const struct ui *ui, const char *text)
{
	char name[PROMPT_SIZE], shown[80];
	int found = -1, n = atoi(text);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " "), text);
	if (!*name || tabs_view(ui, n) >= 0)
		return tabs_view(ui, n);
	if (find_view(name) >= 0)
		return find_view(name);
	for (int i = 0; views[i]; i++)
		if (!strncmp(views[i]->name, name, strlen(name))) {
			found = i;
			break;
		}
	if (found < 0)
		app_say(ui->app, APP_ERROR, "no view is called %s",
			str_escaped(shown, sizeof(shown), name, strlen(name)));
	return found;
}

/* ---- what they do ---- */

static void set_knob(struct ui *ui, const char *name, const char *value)
{
	enum knob_id id = knob_find(name);
	char shown[80];
	if (id == KNOB_COUNT)
		app_say(ui->app, APP_ERROR, "no knob is called %s",
			str_escaped(shown, sizeof(shown), name, strlen(name)));
	else if (!*value)
		app_say(ui->app, APP_ERROR, "%s: to what value?", knob_table[id].option);
	else
		app_knob_set(ui->app, id, value);
}

static void run_set(struct ui *ui, const struct arguments *a)
{
	set_knob(ui, a->word[1], a->word[2]);
}

static void run_sort(struct ui *ui, const struct arguments *a)
{
	const struct view *v = views[ui->active];
	char title[2 * PROMPT_SIZE];
	snprintf(title, sizeof(title), "%s%s%s", a->word[1], a->n > 2 ? " " : "",
		 a->word[2]);
	if (!v->on_text || v->on_text(ui->view_state[ui->active], ui->app, REQ_SORT,
				      title) == REACT_NONE)
		app_say(ui->app, APP_ERROR, "no column of that name to sort by");
}

static void run_open(struct ui *ui, const struct arguments *a)
{
	int64_t id = 0;
	if (!ui->app->store)
		app_say(ui->app, APP_ERROR, "there is no database to open a run from");
	else if (store_find_run(ui->app->store, a->word[1], &id) != OK)
		app_say(ui->app, APP_ERROR, "%s", err_message());
	else
		app_open_run(ui->app, id);
}

/* Without a list: what F8 would suggest. */
static void run_sweep(struct ui *ui, const struct arguments *a)
{
	char text[2 * PROMPT_SIZE];
	char *suggestion = app_sweep_suggestion(ui->app);
	snprintf(text, sizeof(text), "%s %s", a->word[1], a->word[2]);
	app_sweep_start(ui->app, a->n > 1 ? text : suggestion);
	free(suggestion);
}

static void run_study(struct ui *ui, const struct arguments *a)
{
	if (a->n > 1 && !app_study_start(ui->app, a->word[1]))
		return;
	ui->before = ui->active;
	ui->active = find_view("studies");
}

static void run_model(struct ui *ui, const struct arguments *a)
{
	if (a->n > 1)
		app_open_model(ui->app, a->word[1]);
	else
		app_say(ui->app, APP_ERROR, "model: which? The Models view lists them");
}

static void run_measure(struct ui *ui, const struct arguments *a)
{
	(void)a;
	app_measure_again(ui->app);
}

static void run_quit(struct ui *ui, const struct arguments *a)
{
	(void)a;
	ui->quit = true;
}

static const struct {
	const char *name;
	void (*run)(struct ui *, const struct arguments *);
} commands[] = {
	{ "model", run_model }, { "open", run_open },   { "quit", run_quit },
	{ "q", run_quit },      { "run", run_measure }, { "set", run_set },
	{ "sort", run_sort },   { "study", run_study }, { "sweep", run_sweep },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void command_run(struct ui *ui, const char *text)
{
	struct arguments a = split(text);
	char shown[80];
	if (!a.n)
		return;
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, a.word[0])) {
			commands[i].run(ui, &a);
			return;
		}
	/* A view may have a knob's name: with a value it is the knob. */
	int view = find_view(a.word[0]);
	bool knob = knob_find(a.word[0]) != KNOB_COUNT;
	if (view >= 0 && !(knob && a.n > 1))
		ui->active = view;
	else if (knob)
		set_knob(ui, a.word[0], a.word[1]);
	else
		app_say(ui->app, APP_ERROR, "no command or knob is called %s",
			str_escaped(shown, sizeof(shown), a.word[0], strlen(a.word[0])));
}

/* ---- completion ---- */

typedef void add_word(void *to, const char *word);

static void add_knobs(add_word *add, void *to)
{
	for (int i = 0; i < KNOB_COUNT; i++)
		add(to, knob_table[i].option);
}

static void add_studies(const struct ui *ui, add_word *add, void *to)
{
	const struct app_study *list;
	int n = app_studies(ui->app, &list);
	for (int i = 0; i < n; i++)
		add(to, list[i].name);
}

static void add_models(const struct ui *ui, add_word *add, void *to)
{
	const struct app_model_row *list;
	int n = app_list_models(ui->app, false, &list);
	for (int i = 0; i < n; i++)
		add(to, list[i].name);
}

static void add_values(enum knob_id id, add_word *add, void *to)
{
	const char *choices = id < KNOB_COUNT ? knob_table[id].choices : NULL;
	char word[KNOB_TEXT_SIZE];
	if (id < KNOB_COUNT && knob_table[id].unset)
		add(to, knob_table[id].unset);
	while (choices && *choices) {
		size_t n = strcspn(choices, "|");
		snprintf(word, sizeof(word), "%.*s", (int)n, choices);
		add(to, word);
		choices += n + (choices[n] == '|');
	}
}

void command_words(const void *context, const char *text, add_word *add, void *to)
{
	struct arguments a = split(text);
	size_t len = strlen(text);
	int at = a.n - (len && text[len - 1] != ' '); /* index of the word being typed */
	if (at <= 0 && *text) {
		for (size_t i = 0; i < N_COMMANDS; i++)
			if (commands[i].name[1]) /* "q" completes nothing */
				add(to, commands[i].name);
		for (int i = 0; views[i]; i++)
			add(to, views[i]->name);
		add_knobs(add, to);
	} else if (at == 1 &&
		   (!strcmp(a.word[0], "set") || !strcmp(a.word[0], "sweep"))) {
		add_knobs(add, to);
	} else if (at == 1 && !strcmp(a.word[0], "study")) {
		add_studies(context, add, to);
	} else if (at == 1 && !strcmp(a.word[0], "model")) {
		add_models(context, add, to);
	} else if (at == 1) {
		add_values(knob_find(a.word[0]), add, to);
	} else if (at == 2 && !strcmp(a.word[0], "set")) {
		add_values(knob_find(a.word[1]), add, to);
	}
}

void command_views(const void *context, const char *text, add_word *add, void *to)
{
	(void)context;
	for (int i = 0; views[i] && !strchr(text, ' '); i++)
		add(to, views[i]->name);
}

void command_values(const void *context, const char *text, add_word *add, void *to)
{
	const struct ui *ui = context;
	if (!strchr(text, ' '))
		add_values(ui->asked_knob, add, to);
}
