/* The sites of a run as JSON: what the result object and the store's column hold. */
#include <math.h>
#include <string.h>

#include "profiler/run_json.h"

static void put_tokens(json_t *o, const char *key, const double *v, int n)
{
	if (v)
		json_put_nums(o, key, v, (size_t)n);
	else
		json_put(o, key, json_null());
}

json_t *run_sites_to_json(const struct run *r)
{
	if (!r->tokens.sites)
		return json_null();
	json_t *sites = json_array();
	for (int i = 0; i < r->tokens.n_sites; i++) {
		const struct run_site *s = &r->tokens.sites[i];
		json_t *o = json_object();
		json_put_str(o, "path", s->path);
		json_put_num(o, "layer", s->layer);
		put_tokens(o, "alive", s->alive, s->n_alive);
		put_tokens(o, "scores", s->scores, s->n_scores);
		put_tokens(o, "kept", s->kept, s->n_kept);
		put_tokens(o, "groups", s->groups, s->n_groups);
		json_array_append_new(sites, o);
	}
	return sites;
}

/* A view may index with them. NaN, where it is allowed: part of no group. */
static void check_tokens(const struct json_in *in, const char *key, const double *v,
			 int n, double end, bool nan_too)
{
	for (int i = 0; v && i < n; i++)
		if (!(v[i] >= 0 && v[i] < end && v[i] == floor(v[i])) &&
		    !(nan_too && isnan(v[i]))) {
			run_json_refuse(in, key, "of a site is not a list of tokens");
			return;
		}
}

static void check_site(const struct json_in *in, const struct run_site *s)
{
	check_tokens(in, "alive", s->alive, s->n_alive, INT32_MAX, false);
	check_tokens(in, "kept", s->kept, s->n_kept, INT32_MAX, false);
	check_tokens(in, "groups", s->groups, s->n_groups, s->n_groups, true);
	if (s->n_scores && s->n_scores != s->n_alive)
		run_json_refuse(in, "scores", "of a site are not one for each token");
	if (s->n_kept > s->n_alive)
		run_json_refuse(in, "kept", "of a site are more than came in");
}

static void take_site(struct run *r, const struct json_in *in, struct run_site *s)
{
	s->path = run_json_text(r, in, "path");
	if (!s->path || !*s->path)
		run_json_refuse(in, "path", "of a site is missing");
	s->layer = (double)json_in_int(in, "layer", -1, RUN_MAX_LAYERS, -2);
	if (s->layer < -1)
		run_json_refuse(in, "layer", "of a site is missing");
	s->alive = run_json_numbers(r, in, "alive", &s->n_alive);
	s->scores = run_json_numbers(r, in, "scores", &s->n_scores);
	s->kept = run_json_numbers(r, in, "kept", &s->n_kept);
	s->groups = run_json_numbers(r, in, "groups", &s->n_groups);
	if (*in->err == OK)
		check_site(in, s);
}

void run_sites_from_json(struct run *r, const struct json_in *in, const char *key)
{
	const json_t *a = run_json_array(in, key, RUN_MAX_SITES);
	int n = (int)json_array_size(a);
	double values = 0;
	if (!a || *in->err)
		return;
	struct run_site *sites = scratch_alloc(&r->mem, (size_t)n * sizeof(*sites));
	for (int i = 0; i < n && *in->err == OK; i++) {
		struct run_site *s = &sites[i];
		struct json_in site = { json_array_get(a, (size_t)i), in->what, in->err };
		if (!json_is_object(site.object)) {
			run_json_refuse(in, key, "holds something that is not an object");
			return;
		}
		take_site(r, &site, s);
		values += s->n_alive + s->n_scores + s->n_kept + s->n_groups;
		if (values > RUN_MAX_VALUES)
			run_json_refuse(in, key, "hold too many tokens");
	}
	r->tokens.sites = sites;
	r->tokens.n_sites = n;
}
