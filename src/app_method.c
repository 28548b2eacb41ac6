/* What the methods say of themselves, for those who may not see the registry. */
#include "app.h"

#include <stdio.h>

#include "reduce/method.h"

static bool drops_or_merges(const struct method *m) { return m->score || m->merges; }

static void needs_words(const struct method *m, char *buf, size_t size)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = { { NEEDS_CLS, "class token" },
		      { NEEDS_QUERIES, "queries" },
		      { NEEDS_KEYS, "keys" } };
	size_t used = 0;
	snprintf(buf, size, "%s", drops_or_merges(m) ? "tokens" : "nothing");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && used < size; i++)
		if (m->needs & words[i].bit)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
						 used ? ", " : "", words[i].word);
}

/* No method needs the whole map: none makes a fused kernel impossible. */
static const char *attention_words(const struct method *m)
{
	if (m->merges)
		return "stays fused; merged tokens count by their size";
	if (m->needs & NEEDS_CLS)
		return "stays fused; the row of the class token is computed once more";
	if (m->stage == STAGE_PROJECTED)
		return "stays fused; what is scored is projected apart";
	return "stays fused";
}

static const char *place_words(const struct method *m)
{
	switch (m->places) {
	case PLACES_EMBED:
		return m->stage == STAGE_BEFORE ? "at the embedding" : "in layer 0";
	case PLACES_QUARTERS:
		return "at 1/4, 1/2 and 3/4 of the depth";
	case PLACES_ALL:
		break;
	}
	return "in every layer";
}

static void where_words(const struct method *m, char *buf, size_t size)
{
	static const char *const stages[] = {
		[STAGE_BEFORE] = "before a layer",
		[STAGE_PROJECTED] = "between projection and attention",
		[STAGE_ATTENDED] = "between attention and MLP",
		[STAGE_AFTER] = "after a layer",
	};
	if (drops_or_merges(m))
		snprintf(buf, size, "%s; by default %s", stages[m->stage],
			 place_words(m));
	else
		snprintf(buf, size, "nowhere");
}

static void fill(const struct method *m, struct app_card *card)
{
	*card = (struct app_card){ .name = m->name,
				   .help = m->help,
				   .cost = m->cost ? m->cost : "",
				   .source = m->source ? m->source : "",
				   .attention = attention_words(m) };
	needs_words(m, card->needs, sizeof(card->needs));
	where_words(m, card->where, sizeof(card->where));
}

bool app_method_card_at(int i, struct app_card *card)
{
	if (i < 0 || !methods[i])
		return false;
	fill(methods[i], card);
	return true;
}

bool app_method_card(const char *name, struct app_card *card)
{
	const struct method *m = method_by_name(name);
	if (m)
		fill(m, card);
	return m != NULL;
}
