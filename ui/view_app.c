/* What several views read from the app in the same way. */
#include "ui/view.h"

const struct run *view_base(const struct app *app)
{
	const struct run *run = app_shown(app), *base = app->base;
	if (!run || !base || run->state == RUN_ESTIMATE)
		return run ? base : NULL;
	return base != run && base->id != run->id ? base : NULL;
}

double view_tokens(const struct app *app, double patches)
{
	int unit = app->model.patches_per_token;
	return unit > 1 ? patches / unit : patches;
}
