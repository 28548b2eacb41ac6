#include "base/knobs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct knob knob_table[KNOB_COUNT] = {
#define KNOB(id, opt, sym, knd, grp, un, lo, hi, st, init, ch, hlp)                      \
	[KNOB_##id] = { .option = opt,                                                   \
			.symbol = sym,                                                   \
			.kind = KNOB_##knd,                                              \
			.group = KNOB_##grp,                                             \
			.unset = un,                                                     \
			.min = lo,                                                       \
			.max = hi,                                                       \
			.step = st,                                                      \
			.initial = init,                                                 \
			.choices = ch,                                                   \
			.help = hlp },
#include "base/knobs.def"
#undef KNOB
};

static bool is_number(enum knob_id id)
{
	return knob_table[id].kind == KNOB_NUMBER || knob_table[id].kind == KNOB_INTEGER;
}

void knobs_init(struct knobs *k)
{
	memset(k, 0, sizeof(*k));
	for (int i = 0; i < KNOB_COUNT; i++)
		if (knobs_set(k, (enum knob_id)i, knob_table[i].initial) != OK)
			abort(); /* a default in knobs.def that its own row refuses */
}

static enum err set_number(struct knob_value *v, const struct knob *t, const char *text)
{
	char shown[80], *end;
	errno = 0;
	double num = strtod(text, &end);
	bool whole = t->kind != KNOB_INTEGER || num == floor(num);
	if (end == text || *end || errno || !(num >= t->min && num <= t->max) || !whole)
		return err_set(
			ERR_USAGE, "--%s %s: want %s from %.10g to %.10g%s%s", t->option,
			str_escaped(shown, sizeof(shown), text, strlen(text)),
			t->kind == KNOB_INTEGER ? "an integer" : "a number", t->min,
			t->max, t->unset ? ", or " : "", t->unset ? t->unset : "");
	v->num = num;
	return OK;
}

static bool in_choices(const char *choices, const char *text)
{
	size_t n = strlen(text);
	for (const char *c = choices; n && c;
	     c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
		if (!strncmp(c, text, n) && (c[n] == '|' || !c[n]))
			return true;
	return false;
}

static enum err set_text(struct knob_value *v, const struct knob *t, const char *text)
{
	char shown[80];
	str_escaped(shown, sizeof(shown), text, strlen(text));
	if (t->kind == KNOB_CHOICE && !in_choices(t->choices, text))
		return err_set(ERR_USAGE, "--%s %s: want one of %s", t->option, shown,
			       t->choices);
	if (!*text || strlen(text) >= sizeof(v->text))
		return err_set(ERR_USAGE, "--%s: want a name of 1 to %zu characters",
			       t->option, sizeof(v->text) - 1);
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~') /* canonical text is split at blanks */
			return err_set(ERR_USAGE, "--%s %s: not a name", t->option,
				       shown);
	snprintf(v->text, sizeof(v->text), "%s", text);
	return OK;
}

/* Blocks halve and halve again: a factor is a power of two. */
static enum err check_factor(const struct knob_value *v)
{
	int factor = (int)v->num;
	if (factor & (factor - 1))
		return err_set(ERR_USAGE, "--downsample %d: want 1, 2, 4, 8 or 16",
			       factor);
	return OK;
}

enum err knobs_set(struct knobs *k, enum knob_id id, const char *text)
{
	const struct knob *t = &knob_table[id];
	struct knob_value v = { .num = (double)NAN };
	enum err e = OK;
	if (!t->unset || strcmp(text, t->unset))
		e = is_number(id) ? set_number(&v, t, text) : set_text(&v, t, text);
	if (!e && id == KNOB_DOWNSAMPLE)
		e = check_factor(&v);
	if (e)
		return e;
	k->v[id] = v;
	return OK;
}

const char *knobs_get(const struct knobs *k, enum knob_id id, char buf[KNOB_TEXT_SIZE])
{
	const struct knob *t = &knob_table[id];
	const struct knob_value *v = &k->v[id];
	bool unset = is_number(id) ? isnan(v->num) : !v->text[0];
	if (unset)
		snprintf(buf, KNOB_TEXT_SIZE, "%s", t->unset);
	else if (is_number(id))
		snprintf(buf, KNOB_TEXT_SIZE, "%.10g", v->num);
	else
		snprintf(buf, KNOB_TEXT_SIZE, "%s", v->text);
	return buf;
}

bool knobs_is_default(const struct knobs *k, enum knob_id id)
{
	struct knobs d;
	knobs_init(&d);
	return knobs_equal(k, &d, KNOB_BIT(id));
}

bool knobs_equal(const struct knobs *a, const struct knobs *b, uint64_t mask)
{
	char ta[KNOB_TEXT_SIZE], tb[KNOB_TEXT_SIZE];
	for (int i = 0; i < KNOB_COUNT; i++) {
		enum knob_id id = (enum knob_id)i;
		if ((mask & KNOB_BIT(i)) &&
		    strcmp(knobs_get(a, id, ta), knobs_get(b, id, tb)))
			return false;
	}
	return true;
}

const char *knob_json_name(enum knob_id id, char buf[KNOB_TEXT_SIZE])
{
	snprintf(buf, KNOB_TEXT_SIZE, "%s", knob_table[id].option);
	for (char *c = buf; *c; c++)
		if (*c == '-')
			*c = '_';
	return buf;
}

enum knob_id knob_find(const char *name)
{
	char json[KNOB_TEXT_SIZE];
	for (int i = 0; i < KNOB_COUNT; i++)
		if (!strcmp(knob_table[i].option, name) ||
		    !strcmp(knob_json_name((enum knob_id)i, json), name))
			return (enum knob_id)i;
	return KNOB_COUNT;
}

struct knobs knobs_base(const struct knobs *k)
{
	struct knobs base, defaults;
	knobs_init(&defaults);
	base = *k;
	for (int i = 0; i < KNOB_COUNT; i++)
		if (knob_table[i].group == KNOB_TECHNIQUE)
			base.v[i] = defaults.v[i];
	knobs_resolve_method(&base);
	return base;
}

void knobs_resolve_method(struct knobs *k)
{
	struct knob_value *v = &k->v[KNOB_METHOD];
	if (!v->text[0])
		snprintf(v->text, sizeof(v->text), "%s",
			 knob_num(k, KNOB_KEEP) < 1            ? "l2"
			 : knob_num(k, KNOB_MERGE_R) > 0       ? "tome"
			 : !isnan(knob_num(k, KNOB_THRESHOLD)) ? "threshold"
							       : "none");
}

void knobs_resolve_mrss(struct knobs *k)
{
	struct knob_value *v = &k->v[KNOB_MRSS];
	if (knobs_is_default(k, KNOB_MRSS) && knob_num(k, KNOB_DOWNSAMPLE) > 1)
		snprintf(v->text, sizeof(v->text), "low");
}

void knobs_canonical(const struct knobs *k, uint64_t mask, struct str *out)
{
	char text[KNOB_TEXT_SIZE];
	const char *gap = "";
	for (int i = 0; i < KNOB_COUNT; i++) {
		if (!(mask & KNOB_BIT(i)))
			continue;
		str_addf(out, "%s%s=%s", gap, knob_table[i].option,
			 knobs_get(k, (enum knob_id)i, text));
		gap = " ";
	}
}

enum err knobs_parse_canonical(const char *text, struct knobs *out, uint64_t *mask)
{
	char word[2 * KNOB_TEXT_SIZE];
	knobs_init(out);
	*mask = 0;
	while (*text) {
		size_t n = strcspn(text, " ");
		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		char *value = strchr(word, '=');
		if (value)
			*value++ = 0;
		enum knob_id id = knob_find(word);
		if (!value || id == KNOB_COUNT || knobs_set(out, id, value))
			return err_set(ERR_FORMAT, "not knobs as they are stored");
		*mask |= KNOB_BIT(id);
		text += n + (text[n] == ' ');
	}
	return OK;
}

void knobs_command_line(const struct knobs *k, const struct knobs *start, uint64_t mask,
			struct str *out)
{
	char text[KNOB_TEXT_SIZE];
	struct knobs defaults;
	knobs_init(&defaults);
	for (int i = 0; i < KNOB_COUNT; i++)
		if ((mask & KNOB_BIT(i)) &&
		    !knobs_equal(k, start ? start : &defaults, KNOB_BIT(i)))
			str_addf(out, " --%s %s", knob_table[i].option,
				 knobs_get(k, (enum knob_id)i, text));
}

int64_t knob_kept(int64_t n, double keep)
{
	int64_t kept = (int64_t)((double)n * keep);
	return kept < 1 ? 1 : kept > n ? n : kept;
}

double knob_keep_for(int64_t n, int64_t kept)
{
	double ratio = ceil((double)kept / (double)n * 1e4 - 1e-9) / 1e4;
	/* Four decimals cannot tell neighbours apart beyond ten thousand tokens. */
	if (knob_kept(n, ratio) != kept)
		ratio = ((double)kept + 0.5) / (double)n;
	return ratio > 1 ? 1 : ratio;
}
