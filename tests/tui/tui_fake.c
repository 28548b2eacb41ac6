/* The interface on the fake app: what the terminal tests run. */
#include <stdio.h>
#include <string.h>

#include "fake_app.h"
#include "ui/ui.h"

int main(int argc, char **argv)
{
	struct app_options opt = { .budget_s = 0 };
	struct ui_options ui = { .ascii = false };
	struct app *app;
	for (int i = 1; i < argc; i++) {
		ui.ascii |= !strcmp(argv[i], "--ascii");
		ui.no_mouse |= !strcmp(argv[i], "--no-mouse");
		ui.plain |= !strcmp(argv[i], "--plain");
	}
	knobs_init(&opt.knobs);
	if (app_create(&opt, &app) != OK)
		return 1;
	enum err e = ui_run(app, &ui);
	if (e)
		fprintf(stderr, "tui_fake: %s\n", err_message());
	app_free(app);
	return err_exit_status(e);
}
