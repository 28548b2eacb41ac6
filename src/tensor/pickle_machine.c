#include "tensor/pickle_machine.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

enum err pickle_refuse(const struct pickle_machine *m, enum err code, const char *fmt,
		       ...)
{
	char fact[480];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(fact, sizeof(fact), fmt, ap);
	va_end(ap);
	return err_set(code, "%s: %s", m->label, fact);
}

const struct pickle_value *pickle_value(const struct pickle_machine *m, uint32_t index)
{
	assert(index < m->values);
	return &m->value[index];
}

const struct pickle_value *pickle_item(const struct pickle_machine *m,
				       const struct pickle_value *tuple, uint32_t i)
{
	assert(i < tuple->count);
	return pickle_value(m, m->items.at[tuple->first + i]);
}

bool pickle_item_is(const struct pickle_machine *m, const struct pickle_value *tuple,
		    uint32_t i, enum pickle_kind kind)
{
	return i < tuple->count && pickle_item(m, tuple, i)->kind == kind;
}

enum err pickle_damaged(const struct pickle_machine *m, const char *fact)
{
	return pickle_refuse(m, ERR_FORMAT, "damaged pickle: %s (at byte %zu)", fact,
			     m->at);
}

uint32_t pickle_room(uint32_t count, uint32_t room)
{
	return count < room ? room : room ? 2 * room : 64;
}

void pickle_add_index(struct pickle_indices *list, uint32_t index)
{
	uint32_t room = pickle_room(list->count, list->room);
	if (room != list->room)
		list->at = mem_grow(list->at, room, sizeof(*list->at));
	list->room = room;
	list->at[list->count++] = index;
}

enum err pickle_take(struct pickle_machine *m, size_t n, const unsigned char **p)
{
	*p = m->bytes + m->at;
	if (n > m->size - m->at)
		return pickle_damaged(m, "it is cut off");
	m->at += n;
	return OK;
}

enum err pickle_push_index(struct pickle_machine *m, uint32_t index)
{
	pickle_add_index(&m->stack, index);
	return OK;
}

enum err pickle_push(struct pickle_machine *m, struct pickle_value v)
{
	if (m->values == PICKLE_MAX_VALUES)
		return pickle_refuse(m, ERR_FORMAT,
				     "the pickle makes more than %d values",
				     PICKLE_MAX_VALUES);
	uint32_t room = pickle_room(m->values, m->value_room);
	if (room != m->value_room)
		m->value = mem_grow(m->value, room, sizeof(*m->value));
	m->value_room = room;
	m->value[m->values] = v;
	return pickle_push_index(m, m->values++);
}

uint32_t pickle_floor(const struct pickle_machine *m)
{
	return m->marks.count ? m->marks.at[m->marks.count - 1] : 0;
}

enum err pickle_pop(struct pickle_machine *m, uint32_t *index)
{
	*index = 0;
	if (m->stack.count == pickle_floor(m))
		return pickle_damaged(m, "its stack is empty");
	*index = m->stack.at[--m->stack.count];
	return OK;
}

enum err pickle_top(struct pickle_machine *m, uint32_t *index)
{
	enum err e = pickle_pop(m, index);
	if (!e)
		m->stack.count++;
	return e;
}

enum err pickle_pop_mark(struct pickle_machine *m, uint32_t *first)
{
	if (!m->marks.count)
		return pickle_damaged(m, "there is no mark");
	*first = m->marks.at[--m->marks.count];
	return OK;
}

void pickle_release(struct pickle_machine *m)
{
	scratch_release(&m->texts);
	free(m->value);
	free(m->pair);
	free(m->stack.at);
	free(m->marks.at);
	free(m->items.at);
	free(m->memo.at);
}
