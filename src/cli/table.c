#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "models/preset.h"

/* Columns of the table: metrics, and two that follow from them. */
enum { COLUMN_SHARE = METRIC_COUNT, COLUMN_RATE, COLUMN_COUNT };

static const int columns[] = {
	METRIC_wall_ns,      COLUMN_SHARE,      METRIC_cpu_ns,        METRIC_flops,
	COLUMN_RATE,         METRIC_bytes_read, METRIC_bytes_written, METRIC_tokens_out,
	METRIC_minor_faults, METRIC_switches,   METRIC_cosine
};
#define N_COLUMNS (int)(sizeof(columns) / sizeof(columns[0]))

struct row {
	char label[96];
	double v[METRIC_COUNT];
	int order;
};

static bool same_word(const char *a, const char *b) { return a && !strcmp(a, b); }

/* The metric a sort key names; METRIC_COUNT: none. */
static int find_metric(const char *key)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (!strcmp(metric_table[i].name, key) ||
		    !strcmp(metric_table[i].label, key))
			return i;
	return METRIC_COUNT;
}

enum err table_check(const char *group_by, const char *sort)
{
	char shown[64];
	if (group_by && !same_word(group_by, "layer") && !same_word(group_by, "op") &&
	    !same_word(group_by, "kind"))
		return err_set(
			ERR_USAGE, "--group-by %s: want layer, op or kind",
			str_escaped(shown, sizeof(shown), group_by, strlen(group_by)));
	if (!sort || find_metric(sort) < METRIC_COUNT)
		return OK;
	struct str known = STR_INIT;
	for (int i = 0; i < METRIC_COUNT; i++)
		str_addf(&known, "%s%s", i ? ", " : "", metric_table[i].name);
	enum err e = err_set(ERR_USAGE, "--sort %s: want one of %s",
			     str_escaped(shown, sizeof(shown), sort, strlen(sort)),
			     str_get(&known));
	str_release(&known);
	return e;
}

const char *age_text(double since_ns, char *buf, size_t size)
{
	double s = ((double)clock_wall_ns() - since_ns) * 1e-9;
	if (s < 90)
		snprintf(buf, size, "%.0f s ago", s < 0 ? 0 : s);
	else if (s < 90 * 60)
		snprintf(buf, size, "%.0f min ago", s / 60);
	else if (s < 36 * 3600)
		snprintf(buf, size, "%.0f h ago", s / 3600);
	else
		snprintf(buf, size, "%.0f days ago", s / 86400);
	return buf;
}

/* Texts of a run come from files, other machines and databases. */
static const char *plain(const char *text, char buf[512])
{
	return text ? str_escaped(buf, 512, text, strlen(text)) : "--";
}

/* "threads 8, not 2": what makes times of two runs incomparable; false: nothing does. */
static bool other_environment(const struct run_env *env, const struct run_env *base,
			      struct str *out)
{
	const struct {
		const char *name, *now, *then;
	} texts[] = { { "host", env->host, base->host },
		      { "CPU", env->cpu, base->cpu },
		      { "BLAS", env->blas_name, base->blas_name },
		      { "BLAS core", env->blas_core, base->blas_core } };
	char now[512], then[512];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!str_equal(texts[i].now, texts[i].then))
			str_addf(out, "%s%s %s, not %s", out->len ? "; " : "",
				 texts[i].name, plain(texts[i].then, then),
				 plain(texts[i].now, now));
	if (!(env->threads == base->threads))
		str_addf(out, "%sthreads %.0f, not %.0f", out->len ? "; " : "",
			 base->threads, env->threads);
	return out->len;
}

static void print_speedup(const struct run *run, const struct run *base)
{
	char age[32];
	struct str difference = STR_INIT;
	char mine[RUN_CELL_SIZE], its[RUN_CELL_SIZE];
	if (!base || (run_cell(run, mine) && run_cell(base, its) && !strcmp(mine, its)))
		return; /* it is the base */
	if (other_environment(&run->env, &base->env, &difference)) {
		printf("speed-up   -- (base from another environment: run %lld, %s)\n",
		       (long long)base->id, str_get(&difference));
		str_release(&difference);
		return;
	}
	printf("speed-up   %.2fx over the base (run %lld, %s; not interleaved)",
	       base->wall.p50_ns / run->wall.p50_ns, (long long)base->id,
	       age_text(base->started_ns, age, sizeof(age)));
	printf(", FLOPs ratio %.2fx\n", base->flops.ours / run->flops.ours);
}

/* No pictures: a text, token ids or raw rows. */
static bool reads_sequences(const struct run *run)
{
	static const char *const words[] = { "text", "tokens", "sequence", "seeded" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_equal(run->input.kind, words[i]))
			return true;
	return false;
}

static void print_fidelity(const struct run *run)
{
	char shown[512];
	const struct run_fidelity *f = &run->fidelity;
	if (!f->reference)
		return;
	printf("fidelity   cosine %.4f", f->cosine);
	if (f->images > 1) {
		printf(" (");
		if (!isnan(f->cosine_p5)) /* of few items there is none */
			printf("p5 %.4f, ", f->cosine_p5);
		printf("minimum %.4f of %.0f %s", f->cosine_min, f->images,
		       reads_sequences(run) ? "sequences" : "images");
		printf("%s%s)", f->worst ? ": " : "",
		       f->worst ? plain(f->worst, shown) : "");
	}
	printf(", relative L2 %.4f%s\n", f->rel_l2,
	       run->model.random_weights ? " (random)" : "");
}

/* "1.234 (2.3456 base, +5.3 %)" */
static void print_against(const char *what, double v, double base)
{
	printf("%s %.4f", what, v);
	if (!isnan(base))
		printf(" (%.4f base, %+.2f %%)", base, 100 * (v / base - 1));
}

static void print_likelihood(const struct run *run)
{
	const struct run_likelihood *l = &run->likelihood;
	const struct run_fidelity *f = &run->fidelity;
	const char *random = run->model.random_weights ? " (random)" : "";
	if (!isnan(f->kl))
		printf("next token KL %.4g nats, the same on %.2f %% of positions%s\n",
		       f->kl, 100 * f->top1_agree, random);
	if (isnan(l->loss))
		return;
	printf("text       ");
	print_against("loss", l->loss, l->base_loss);
	print_against(", perplexity", l->perplexity, l->base_perplexity);
	printf(", %.0f token%s%s\n", l->tokens, l->tokens == 1 ? "" : "s", random);
}

/* "factor 4", or "factors 1 to 8" of a batch whose sequences have their own. */
static void print_factors(const struct run_mrss *m)
{
	double least = m->factors[0], most = least;
	for (int i = 1; i < m->n_factors; i++) {
		least = fmin(least, m->factors[i]);
		most = fmax(most, m->factors[i]);
	}
	printf(", factor %.0f", least);
	if (most > least)
		printf(" to %.0f", most);
}

static void print_mrss(const struct run *run)
{
	const struct run_mrss *m = &run->mrss;
	if (isnan(m->work_ratio))
		return;
	printf("scans      %s", knob_text(&run->knobs, KNOB_MRSS));
	if (m->n_factors > 0)
		print_factors(m);
	if (!isnan(m->gate_mean))
		printf(", gates %.4f open to the coarse branch (untrained)",
		       m->gate_mean);
	printf("; %.3f of the base's FLOPs\n", m->work_ratio);
}

#define COUNTS_SHOWN 16 /* sequences of a layer; --json has all */

/* What stays of each item behind a layer, where it differs from what came in. */
static void print_counts(const struct run *run, int layer)
{
	const struct run_tokens *t = &run->tokens;
	int items = t->n_layers ? t->n_counts / t->n_layers : 0;
	const double *now = t->counts + (ptrdiff_t)layer * items;
	bool fewer = false;
	for (int b = 0; b < items; b++)
		fewer = fewer || now[b] < (layer ? now[b - items] : run->input.tokens);
	if (!fewer)
		return;
	printf("  layer %-2d ", layer);
	for (int b = 0; b < items && b < COUNTS_SHOWN; b++)
		printf(" %.0f", now[b]);
	if (items > COUNTS_SHOWN)
		printf(" and %d more", items - COUNTS_SHOWN);
	printf("\n");
}

/* Survivors of a threshold, and what they cost in either layout. */
static void print_layouts(const struct run *run)
{
	const struct run_layouts *l = &run->layouts;
	if (isnan(l->longest))
		return;
	char packed[16], padded[16];
	printf("survivors  %.1f of %.0f tokens, %.0f of the longest; packed %s, padded "
	       "%s FLOPs as fvcore counts\n",
	       l->mean, run->input.tokens, l->longest,
	       metric_text(UNIT_FLOPS, l->packed_fvcore, packed, sizeof(packed)),
	       metric_text(UNIT_FLOPS, l->padded_fvcore, padded, sizeof(padded)));
	for (int i = 0; i < run->tokens.n_layers; i++)
		print_counts(run, i);
}

static void print_states(const struct run *run)
{
	const struct run_ssm *s = &run->ssm;
	char bytes[16];
	int last = s->n_state_error - 1;
	if (isnan(s->state_bytes) || last < 0 || s->n_state_at <= last)
		return;
	printf("state      %s; error %.4f",
	       metric_text(UNIT_BYTES, s->state_bytes, bytes, sizeof(bytes)),
	       s->state_error[0]);
	if (last)
		printf(" after %.0f tokens, %.4f", s->state_at[0], s->state_error[last]);
	printf(" after %.0f%s\n", s->state_at[last],
	       run->model.random_weights ? " (random)" : "");
}

static void print_accuracy(const struct run *run)
{
	if (run->accuracy.images > 0)
		printf("accuracy   top-1 %.2f %% of %.0f images%s\n",
		       100 * run->accuracy.top1, run->accuracy.images,
		       run->model.random_weights ? " (random)" : "");
}

static void print_zero_shot(const struct run *run)
{
	char shown[512], base[512];
	const struct run_zero_shot *z = &run->zero_shot;
	if (!z->label)
		return;
	printf("zero-shot  %s, %.1f %%", plain(z->label, shown), 100 * z->probability);
	if (z->base_label)
		printf("; the base says %s", plain(z->base_label, base));
	if (!isnan(run->fidelity.top1_agree) && run->fidelity.images > 1)
		printf("; they agree on %.1f %% of the images",
		       100 * run->fidelity.top1_agree);
	printf("%s\n", run->model.random_weights ? " (random)" : "");
}

static void print_low_rank(const struct run *run)
{
	const struct run_low_rank *l = &run->low_rank;
	double rank = knob_num(&run->knobs, KNOB_RANK);
	if (!(l->matrices > 0))
		return;
	printf("low rank   %.0f %s, error %.2f %% of their norm; fewer multiply-adds up "
	       "to rank %.0f",
	       l->matrices, l->matrices > 1 ? "matrices" : "matrix", 100 * l->rel_error,
	       l->break_even);
	if (l->stored > 0)
		printf(", fewer values up to rank %.0f: now %.1f %% of them",
		       floor(rank * l->full / l->stored + 1e-9),
		       100 * l->stored / l->full);
	printf("\n");
}

static void print_embeddings(const struct run *run)
{
	char shown[512];
	const struct run_embeddings *e = &run->embeddings;
	if (!e->source)
		return;
	printf("embeddings of %s: %.0f of %.0f rows (%.1f %%)", plain(e->source, shown),
	       e->shared, e->rows, 100 * e->coverage);
	if (!isnan(e->rel_error))
		printf(", mapped with an error of %.2f %%", 100 * e->rel_error);
	printf("; the head keeps its own\n");
}

static const char *many(double n) { return n == 1 ? "" : "s"; }

/* What a vision tower hands on. */
static void print_visual(const struct run *run)
{
	char each[16];
	const struct run_visual *v = &run->visual;
	if (isnan(v->tokens))
		return;
	printf("visual     %.0f visual token%s", v->tokens, many(v->tokens));
	if (v->rows > 0 && v->columns > 0)
		printf(" of %.0f (%.0f x %.0f grid)", v->rows * v->columns, v->rows,
		       v->columns);
	if (!isnan(v->ns_per_token))
		printf(", %s ms each",
		       metric_text(UNIT_NS, v->ns_per_token, each, sizeof(each)));
	printf("\n");
}

/* And what these would cost behind it. */
static void print_language(const struct run *run)
{
	char name[512], flops[16], bytes[16], ms[16];
	const struct run_language *l = &run->language;
	if (!l->name)
		return;
	printf("language   in %s: %s FLOPs, %s of keys and values, about %s ms\n",
	       plain(l->name, name),
	       metric_text(UNIT_FLOPS, l->flops, flops, sizeof(flops)),
	       metric_text(UNIT_BYTES, l->kv_bytes, bytes, sizeof(bytes)),
	       metric_text(UNIT_NS, l->estimated_ns, ms, sizeof(ms)));
}

#define MAX_IDS 16 /* shown where there is no tokenizer to read them */

static void print_ids(const struct run_generated *g)
{
	for (int i = 0; i < g->n_ids && i < MAX_IDS; i++)
		printf("%s%.0f", i ? " " : "ids ", g->ids[i]);
	if (g->n_ids > MAX_IDS)
		printf(" ...");
}

/* Of a sequence that is no text. */
static void print_steps(const struct run_generated *g)
{
	char each[16], bytes[16];
	printf("step       %s ms for one row after %.0f, with %s of state\n",
	       metric_text(UNIT_NS, g->ns_per_token, each, sizeof(each)),
	       g->prompt_tokens,
	       metric_text(UNIT_BYTES, g->state_bytes, bytes, sizeof(bytes)));
}

static void print_generated(const struct run *run)
{
	char shown[512], each[16];
	const struct run_generated *g = &run->generated;
	if (isnan(g->prompt_tokens))
		return;
	if (!g->n_ids && !isnan(g->ns_per_token)) {
		print_steps(g);
		return;
	}
	printf("prompt     %.0f token%s", g->prompt_tokens, many(g->prompt_tokens));
	if (g->n_ids > 0) {
		printf("; goes on: ");
		if (g->text && *g->text)
			printf("\"%s\"", plain(g->text, shown));
		else
			print_ids(g);
		printf(" (%d token%s", g->n_ids, many(g->n_ids));
		if (!isnan(g->ns_per_token))
			printf(", %s ms each",
			       metric_text(UNIT_NS, g->ns_per_token, each, sizeof(each)));
		printf(")%s", run->model.random_weights ? " (random)" : "");
	}
	printf("\n");
}

/* What holds for this model where nothing is said. */
static struct knobs start_of(const struct run *run)
{
	static const char *const kinds[] = { "text", "tokens", "sequence" };
	struct knobs k;
	bool has_length = false;
	for (int i = 0; i < 3; i++)
		has_length = has_length || str_equal(run->input.kind, kinds[i]);
	knobs_init(&k);
	if (run->model.name)
		preset_workload(run->model.name, has_length, 0, &k);
	return k;
}

static void print_time(const struct run *run)
{
	char lo[16], hi[16], shown[512];
	const struct run_wall *w = &run->wall;
	printf("time       %s ms, ", metric_text(UNIT_NS, w->p50_ns, lo, sizeof(lo)));
	if (!isnan(w->ci95_lo_ns)) /* of a few samples there is none */
		printf("95 %% interval %s..%s, ",
		       metric_text(UNIT_NS, w->ci95_lo_ns, lo, sizeof(lo)),
		       metric_text(UNIT_NS, w->ci95_hi_ns, hi, sizeof(hi)));
	printf("%.0f sample%s (%s), %.1f items/s", w->n, w->n > 1 ? "s" : "",
	       plain(w->stopped_by, shown), run->throughput.items_per_s);
	if (reads_sequences(run))
		printf(", %.0f tokens/s", run->throughput.tokens_per_s);
	printf("\n");
}

void table_print_headline(const struct run *run, const struct run *base)
{
	char a[16], b[16], c[16], shown[512], more[512], most[512];
	struct str knobs = STR_INIT;
	struct knobs start = start_of(run);
	/* What is at its default needs no words: the line repeats what was asked for. */
	knobs_command_line(&run->knobs, &start, run->knob_mask, &knobs);
	if (run->id)
		printf("run        %lld  %s\n", (long long)run->id, run->uid);
	printf("model      %s%s%s%s\n", plain(run->model.name, shown),
	       run->model.random_weights ? " (random weights)" : "",
	       *str_get(&knobs) ? " " : "", str_get(&knobs));
	str_release(&knobs);
	if (run->state == RUN_FAILED) {
		printf("failed     %s\n", plain(run->error, shown));
		return;
	}
	print_time(run);
	print_speedup(run, base);
	printf("work       %s FLOPs, %s GFLOP/s\n",
	       metric_text(UNIT_FLOPS, run->flops.ours, a, sizeof(a)),
	       metric_text(UNIT_COUNT, run->flops.ours / run->wall.p50_ns, b, sizeof(b)));
	print_visual(run);
	print_language(run);
	print_generated(run);
	print_fidelity(run);
	print_likelihood(run);
	print_mrss(run);
	print_layouts(run);
	print_states(run);
	print_accuracy(run);
	print_zero_shot(run);
	print_low_rank(run);
	print_embeddings(run);
	printf("memory     %s peak resident, %s weights, %s activations\n",
	       metric_text(UNIT_BYTES, run->memory.peak_rss_bytes, a, sizeof(a)),
	       metric_text(UNIT_BYTES, run->memory.model_bytes, b, sizeof(b)),
	       metric_text(UNIT_BYTES, run->memory.peak_activation_bytes, c, sizeof(c)));
	printf("layers     sum to %.1f %% of the whole; instruments cost x%.3f\n",
	       100 * run->whole.layer_sum_ns / run->whole.p50_ns,
	       run->whole.overhead_ratio);
	printf("machine    %s, %s, %.0f threads", plain(run->env.cpu, shown),
	       plain(run->env.isa, more), run->env.threads);
	if (run->env.blas_name)
		printf(", %s %s", plain(run->env.blas_name, shown),
		       plain(run->env.blas_core, most));
	printf("\n");
	for (int i = 0; i < run->n_warnings; i++)
		printf("warning    %s\n", plain(run->warnings[i], shown));
}

/* ---- rows ---- */

static int depth_of(const struct run *run, int i)
{
	int depth = 0;
	for (int p = run->layers[i].parent; p >= 0; p = run->layers[p].parent)
		depth++;
	return depth;
}

static void add_values(struct row *to, const struct layer *l)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (!isnan(l->v[i]))
			to->v[i] = l->v[i] + (isnan(to->v[i]) ? 0 : to->v[i]);
	/* Tokens and shapes do not add up. */
	for (int i = METRIC_tokens_in; i <= METRIC_k; i++)
		to->v[i] = (double)NAN;
}

static struct row *find_row(struct row *rows, int n, const char *label)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(rows[i].label, label))
			return &rows[i];
	return NULL;
}

static struct row new_row(const char *label, int order)
{
	struct row r = { .order = order };
	snprintf(r.label, sizeof(r.label), "%s", label);
	for (int i = 0; i < METRIC_COUNT; i++)
		r.v[i] = (double)NAN;
	return r;
}

/* In order of the tree, indented; `flat`: by their paths, since a sorted tree is none. */
static int tree_rows(const struct run *run, bool flat, struct row *rows)
{
	for (int i = 0; i < run->n_layers; i++) {
		char label[96], name[64];
		const char *text = flat ? run->layers[i].path : run->layers[i].name;
		snprintf(label, sizeof(label), "%*s%s", flat ? 0 : 2 * depth_of(run, i),
			 "", str_escaped(name, sizeof(name), text, strlen(text)));
		rows[i] = new_row(label, i);
		memcpy(rows[i].v, run->layers[i].v, sizeof(rows[i].v));
	}
	return run->n_layers;
}

/* Leaves added up by name ("attn.qkv" of all blocks) or by kind. */
static int grouped_rows(const struct run *run, bool by_kind, struct row *rows)
{
	int n = 0;
	for (int i = 0; i < run->n_layers; i++) {
		const struct layer *l = &run->layers[i];
		char label[96];
		const char *key = by_kind ? l->kind : l->name;
		if (!run_layer_is_leaf(run, i))
			continue;
		key = key ? key : "--"; /* an old or damaged database may lack it */
		str_escaped(label, sizeof(label), key, strlen(key));
		struct row *r = find_row(rows, n, label);
		if (!r) {
			r = &rows[n];
			*r = new_row(label, n++);
		}
		add_values(r, l);
	}
	return n;
}

static int sort_metric; /* qsort has no context */

static int by_metric(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double u = isnan(x->v[sort_metric]) ? -HUGE_VAL : x->v[sort_metric];
	double v = isnan(y->v[sort_metric]) ? -HUGE_VAL : y->v[sort_metric];
	return u < v ? 1 : u > v ? -1 : x->order - y->order;
}

static const char *cell_text(const struct row *r, int column, double total_ns, char *buf,
			     size_t size)
{
	double ns = r->v[METRIC_wall_ns];
	if (column == COLUMN_SHARE)
		snprintf(buf, size, isnan(ns) ? "--" : "%.1f", 100 * ns / total_ns);
	else if (column == COLUMN_RATE)
		metric_text(UNIT_COUNT, r->v[METRIC_flops] / ns, buf, size);
	else
		metric_text(metric_table[column].unit, r->v[column], buf, size);
	return buf;
}

/* Few runs know how close their layers are to the base's. */
static bool is_shown(const struct row *rows, int n, int column)
{
	bool known = column != METRIC_cosine;
	for (int i = 0; !known && i < n; i++)
		known = !isnan(rows[i].v[column]);
	return known;
}

static const char *column_label(int column)
{
	return column == COLUMN_SHARE  ? "%"
	       : column == COLUMN_RATE ? "GFLOP/s"
				       : metric_table[column].label;
}

enum err table_print_layers(const struct run *run, const char *group_by, const char *sort,
			    int limit)
{
	enum err e = table_check(group_by, sort);
	if (e || run->state == RUN_FAILED)
		return e;
	struct row *rows = mem_alloc(sizeof(*rows) * (size_t)(run->n_layers + 1));
	bool tree = !group_by || same_word(group_by, "layer");
	int n = tree ? tree_rows(run, sort != NULL, rows)
		     : grouped_rows(run, same_word(group_by, "kind"), rows);
	if (sort || !tree) {
		sort_metric = sort ? find_metric(sort) : METRIC_wall_ns;
		qsort(rows, (size_t)n, sizeof(*rows), by_metric);
	}
	printf("\n%-26s", tree ? "layer" : group_by);
	for (int c = 0; c < N_COLUMNS; c++)
		if (is_shown(rows, n, columns[c]))
			printf(" %8s", column_label(columns[c]));
	printf("\n");
	for (int i = 0; i < n && (limit < 0 || i < limit); i++) {
		char text[16];
		printf("%-26s", rows[i].label);
		for (int c = 0; c < N_COLUMNS; c++)
			if (is_shown(rows, n, columns[c]))
				printf(" %8s",
				       cell_text(&rows[i], columns[c], run->whole.p50_ns,
						 text, sizeof(text)));
		printf("\n");
	}
	free(rows);
	return OK;
}
