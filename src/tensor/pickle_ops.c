/* The instructions of a pickle, one function each; the table of them is at the end. */
#include <string.h>

#include "base/str.h"
#include "tensor/little_endian.h"
#include "tensor/pickle_machine.h"

static const struct pickle_global globals[] = {
	{ "collections", "OrderedDict", ORDERED_DICT, DT_COUNT },
	{ "torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, DT_COUNT },
	{ "torch", "FloatStorage", STORAGE_TYPE, DT_F32 },
	{ "torch", "HalfStorage", STORAGE_TYPE, DT_F16 },
	{ "torch", "BFloat16Storage", STORAGE_TYPE, DT_BF16 },
	{ "torch", "DoubleStorage", STORAGE_TYPE, DT_F64 },
	{ "torch", "LongStorage", STORAGE_TYPE, DT_I64 },
};

/* ---- instructions: constants ---- */

static enum err op_proto(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 1, &p);
	if (!e && (*p < 2 || *p > 5))
		e = pickle_refuse(m, ERR_UNSUPPORTED,
				  "a pickle of protocol %u; 2 is torch's", *p);
	return e;
}

static enum err op_none(struct pickle_machine *m)
{
	return pickle_push(m, (struct pickle_value){ .kind = VALUE_NONE });
}

static enum err push_bool(struct pickle_machine *m, bool set)
{
	return pickle_push(m, (struct pickle_value){ .kind = VALUE_BOOL, .number = set });
}

static enum err op_false(struct pickle_machine *m) { return push_bool(m, false); }
static enum err op_true(struct pickle_machine *m) { return push_bool(m, true); }

static enum err push_int(struct pickle_machine *m, int64_t number)
{
	return pickle_push(m,
			   (struct pickle_value){ .kind = VALUE_INT, .number = number });
}

static enum err op_binint(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 4, &p);
	return e ? e : push_int(m, (int32_t)le32(p));
}

static enum err op_binint1(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 1, &p);
	return e ? e : push_int(m, *p);
}

static enum err op_binint2(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 2, &p);
	return e ? e : push_int(m, le16(p));
}

/* Two's complement of any length; here what fits 64 bits. */
static enum err op_long1(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 1, &p);
	size_t n = e ? 0 : *p;
	if (!e && n > 8)
		return pickle_refuse(m, ERR_FORMAT,
				     "the pickle has a number of %zu bytes", n);
	if (!e)
		e = pickle_take(m, n, &p);
	if (e)
		return e;
	uint64_t bits = n && (p[n - 1] & 0x80) ? UINT64_MAX : 0;
	for (size_t i = n; i-- > 0;)
		bits = bits << 8 | p[i];
	return push_int(m, (int64_t)bits);
}

static enum err op_binunicode(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 4, &p);
	size_t n = e ? 0 : le32(p);
	if (!e)
		e = pickle_take(m, n, &p);
	if (!e && memchr(p, 0, n))
		e = pickle_damaged(m, "a text with a NUL byte");
	if (e)
		return e;
	/* Copied once: what refers to it, refers to the value. */
	char *text = scratch_alloc(&m->texts, n + 1);
	memcpy(text, p, n);
	return pickle_push(m, (struct pickle_value){ .kind = VALUE_TEXT, .text = text });
}

/* One line of GLOBAL, without its end. */
static enum err take_line(struct pickle_machine *m, const char **line, size_t *n)
{
	const unsigned char *p = m->bytes + m->at;
	const unsigned char *end = memchr(p, '\n', m->size - m->at);
	if (!end)
		return pickle_damaged(m, "it is cut off");
	*line = (const char *)p;
	*n = (size_t)(end - p);
	m->at += *n + 1;
	return OK;
}

static bool is(const char *word, const char *text, size_t n)
{
	return strlen(word) == n && !memcmp(word, text, n);
}

static enum err op_global(struct pickle_machine *m)
{
	const char *module = "", *name = "";
	size_t module_size = 0, name_size = 0;
	enum err e = take_line(m, &module, &module_size);
	if (!e)
		e = take_line(m, &name, &name_size);
	if (e)
		return e;
	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++)
		if (is(globals[i].module, module, module_size) &&
		    is(globals[i].name, name, name_size))
			return pickle_push(
				m, (struct pickle_value){ .kind = VALUE_GLOBAL,
							  .global = &globals[i] });
	char a[80], b[80];
	return pickle_refuse(
		m, ERR_UNSUPPORTED,
		"the pickle wants %s.%s; it was not called, nothing was: " PICKLE_ADVICE,
		str_escaped(a, sizeof(a), module, module_size),
		str_escaped(b, sizeof(b), name, name_size));
}

/* ---- instructions: containers ---- */

static enum err op_mark(struct pickle_machine *m)
{
	pickle_add_index(&m->marks, m->stack.count);
	return OK;
}

/* The stack from `first` on becomes a tuple. */
static enum err tuple_from(struct pickle_machine *m, uint32_t first)
{
	struct pickle_value v = { .kind = VALUE_TUPLE,
				  .first = m->items.count,
				  .count = m->stack.count - first };
	for (uint32_t i = first; i < m->stack.count; i++)
		pickle_add_index(&m->items, m->stack.at[i]);
	m->stack.count = first;
	return pickle_push(m, v);
}

static enum err op_tuple(struct pickle_machine *m)
{
	uint32_t first = 0;
	enum err e = pickle_pop_mark(m, &first);
	return e ? e : tuple_from(m, first);
}

static enum err tuple_of(struct pickle_machine *m, uint32_t n)
{
	if (m->stack.count - pickle_floor(m) < n)
		return pickle_damaged(m, "its stack is empty");
	return tuple_from(m, m->stack.count - n);
}

static enum err op_empty_tuple(struct pickle_machine *m) { return tuple_of(m, 0); }
static enum err op_tuple1(struct pickle_machine *m) { return tuple_of(m, 1); }
static enum err op_tuple2(struct pickle_machine *m) { return tuple_of(m, 2); }
static enum err op_tuple3(struct pickle_machine *m) { return tuple_of(m, 3); }

static enum err op_empty_list(struct pickle_machine *m)
{
	return pickle_push(m, (struct pickle_value){ .kind = VALUE_LIST });
}

static enum err op_empty_dict(struct pickle_machine *m)
{
	return pickle_push(
		m, (struct pickle_value){ .kind = VALUE_DICT, .first = PICKLE_NO_PAIR });
}

/* The container on top of the stack, once what goes into it is gone from there. */
static enum err container(struct pickle_machine *m, enum pickle_kind kind,
			  uint32_t *index)
{
	enum err e = pickle_top(m, index);
	if (!e && pickle_value(m, *index)->kind != kind)
		e = pickle_damaged(m, kind == VALUE_LIST
					      ? "it appends to what is no list"
					      : "it sets items of no dictionary");
	return e;
}

static enum err op_append(struct pickle_machine *m)
{
	uint32_t item, list;
	enum err e = pickle_pop(m, &item);
	return e ? e : container(m, VALUE_LIST, &list);
}

static enum err op_appends(struct pickle_machine *m)
{
	uint32_t first = 0, list;
	enum err e = pickle_pop_mark(m, &first);
	if (e)
		return e;
	m->stack.count = first;
	return container(m, VALUE_LIST, &list);
}

static enum err set_item(struct pickle_machine *m, uint32_t dict, uint32_t key,
			 uint32_t value)
{
	if (m->pairs == PICKLE_MAX_VALUES)
		return pickle_refuse(m, ERR_FORMAT, "the pickle sets more than %d items",
				     PICKLE_MAX_VALUES);
	uint32_t room = pickle_room(m->pairs, m->pair_room);
	if (room != m->pair_room)
		m->pair = mem_grow(m->pair, room, sizeof(*m->pair));
	m->pair_room = room;
	m->pair[m->pairs] = (struct pickle_pair){ key, value, m->value[dict].first };
	m->value[dict].first = m->pairs++;
	return OK;
}

static enum err op_setitem(struct pickle_machine *m)
{
	uint32_t value, key, dict;
	enum err e = pickle_pop(m, &value);
	if (!e)
		e = pickle_pop(m, &key);
	if (!e)
		e = container(m, VALUE_DICT, &dict);
	return e ? e : set_item(m, dict, key, value);
}

static enum err op_setitems(struct pickle_machine *m)
{
	uint32_t first = 0, dict;
	enum err e = pickle_pop_mark(m, &first);
	if (e)
		return e;
	uint32_t end = m->stack.count;
	if ((end - first) % 2)
		return pickle_damaged(m, "a key without a value");
	m->stack.count = first;
	e = container(m, VALUE_DICT, &dict);
	for (uint32_t i = first; !e && i < end; i += 2)
		e = set_item(m, dict, m->stack.at[i], m->stack.at[i + 1]);
	return e;
}

/* ---- instructions: the memo ---- */

static enum err put(struct pickle_machine *m, uint32_t slot)
{
	uint32_t index;
	enum err e = pickle_top(m, &index);
	if (!e && slot >= PICKLE_MAX_VALUES)
		e = pickle_refuse(m, ERR_FORMAT,
				  "the pickle remembers more than %d values",
				  PICKLE_MAX_VALUES);
	if (e)
		return e;
	while (m->memo.count <= slot)
		pickle_add_index(&m->memo, 0);
	m->memo.at[slot] = index + 1;
	return OK;
}

static enum err get(struct pickle_machine *m, uint32_t slot)
{
	if (slot >= m->memo.count || !m->memo.at[slot])
		return pickle_damaged(m, "it recalls what it never remembered");
	return pickle_push_index(m, m->memo.at[slot] - 1);
}

static enum err op_binput(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 1, &p);
	return e ? e : put(m, *p);
}

static enum err op_long_binput(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 4, &p);
	return e ? e : put(m, le32(p));
}

static enum err op_binget(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 1, &p);
	return e ? e : get(m, *p);
}

static enum err op_long_binget(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 4, &p);
	return e ? e : get(m, le32(p));
}

/* ---- instructions: storages, tensors ---- */

static bool is_storage_type(const struct pickle_value *v)
{
	return v->kind == VALUE_GLOBAL && v->global->what == STORAGE_TYPE;
}

/* ("storage", type, key, device, elements) */
static enum err op_binpersid(struct pickle_machine *m)
{
	uint32_t index;
	enum err e = pickle_pop(m, &index);
	if (e)
		return e;
	const struct pickle_value *id = pickle_value(m, index);
	if (id->kind != VALUE_TUPLE || id->count != 5 ||
	    !pickle_item_is(m, id, 0, VALUE_TEXT) ||
	    !is_storage_type(pickle_item(m, id, 1)) ||
	    !pickle_item_is(m, id, 2, VALUE_TEXT) ||
	    !pickle_item_is(m, id, 3, VALUE_TEXT) ||
	    !pickle_item_is(m, id, 4, VALUE_INT) ||
	    strcmp(pickle_item(m, id, 0)->text, "storage") != 0)
		return pickle_damaged(m, "a persistent id that is no storage");
	return pickle_push(m, (struct pickle_value){ .kind = VALUE_STORAGE,
						     .first = id->first,
						     .count = 5 });
}

/* (storage, offset, size, stride, requires_grad, hooks) and perhaps metadata */
static enum err rebuild_tensor(struct pickle_machine *m, const struct pickle_value *args)
{
	if ((args->count != 6 && args->count != 7) ||
	    !pickle_item_is(m, args, 0, VALUE_STORAGE) ||
	    !pickle_item_is(m, args, 1, VALUE_INT) ||
	    !pickle_item_is(m, args, 2, VALUE_TUPLE) ||
	    !pickle_item_is(m, args, 3, VALUE_TUPLE) ||
	    !pickle_item_is(m, args, 4, VALUE_BOOL) ||
	    !pickle_item_is(m, args, 5, VALUE_DICT))
		return pickle_damaged(
			m, "_rebuild_tensor_v2 with other arguments than torch's");
	return pickle_push(m, (struct pickle_value){ .kind = VALUE_TENSOR,
						     .first = args->first,
						     .count = args->count });
}

static enum err op_reduce(struct pickle_machine *m)
{
	uint32_t args_index, callable;
	enum err e = pickle_pop(m, &args_index);
	if (!e)
		e = pickle_pop(m, &callable);
	if (e)
		return e;
	const struct pickle_value *args = pickle_value(m, args_index);
	const struct pickle_value *f = pickle_value(m, callable);
	if (args->kind != VALUE_TUPLE || f->kind != VALUE_GLOBAL)
		return pickle_damaged(m, "it calls what is no function");
	switch (f->global->what) {
	case REBUILD_TENSOR:
		return rebuild_tensor(m, args);
	case ORDERED_DICT:
		return args->count ? pickle_damaged(m, "OrderedDict with arguments")
				   : op_empty_dict(m);
	case STORAGE_TYPE:
		break;
	}
	return pickle_refuse(m, ERR_UNSUPPORTED, "the pickle calls %s.%s",
			     f->global->module, f->global->name);
}

/* Attributes of a dictionary (`_metadata`): read and forgotten. */
static enum err op_build(struct pickle_machine *m)
{
	uint32_t state, object;
	enum err e = pickle_pop(m, &state);
	if (!e)
		e = pickle_top(m, &object);
	if (!e && (pickle_value(m, state)->kind != VALUE_DICT ||
		   pickle_value(m, object)->kind != VALUE_DICT))
		e = pickle_damaged(m, "BUILD of something other than a dictionary");
	return e;
}

static enum err op_stop(struct pickle_machine *m)
{
	if (m->marks.count || m->stack.count != 1)
		return pickle_damaged(m, "it ends with more or less than one value");
	if (m->at != m->size)
		return pickle_damaged(m, "there is something after its end");
	m->stopped = true;
	return OK;
}

/* ---- the machine ---- */

static const struct instruction {
	const char *name;
	enum err (*run)(struct pickle_machine *); /* NULL: known by name only */
} instructions[256] = {
	[0x80] = { "PROTO", op_proto },
	['c'] = { "GLOBAL", op_global },
	['}'] = { "EMPTY_DICT", op_empty_dict },
	[')'] = { "EMPTY_TUPLE", op_empty_tuple },
	[']'] = { "EMPTY_LIST", op_empty_list },
	['('] = { "MARK", op_mark },
	['X'] = { "BINUNICODE", op_binunicode },
	['J'] = { "BININT", op_binint },
	['K'] = { "BININT1", op_binint1 },
	['M'] = { "BININT2", op_binint2 },
	[0x8a] = { "LONG1", op_long1 },
	['q'] = { "BINPUT", op_binput },
	['r'] = { "LONG_BINPUT", op_long_binput },
	['h'] = { "BINGET", op_binget },
	['j'] = { "LONG_BINGET", op_long_binget },
	['Q'] = { "BINPERSID", op_binpersid },
	['t'] = { "TUPLE", op_tuple },
	[0x85] = { "TUPLE1", op_tuple1 },
	[0x86] = { "TUPLE2", op_tuple2 },
	[0x87] = { "TUPLE3", op_tuple3 },
	['R'] = { "REDUCE", op_reduce },
	[0x89] = { "NEWFALSE", op_false },
	[0x88] = { "NEWTRUE", op_true },
	['N'] = { "NONE", op_none },
	['s'] = { "SETITEM", op_setitem },
	['u'] = { "SETITEMS", op_setitems },
	['a'] = { "APPEND", op_append },
	['e'] = { "APPENDS", op_appends },
	['b'] = { "BUILD", op_build },
	['.'] = { "STOP", op_stop },
	/* What is met most often in files that are refused. */
	[0x81] = { "NEWOBJ", NULL },
	[0x8b] = { "LONG4", NULL },
	[0x8c] = { "SHORT_BINUNICODE", NULL },
	[0x93] = { "STACK_GLOBAL", NULL },
	[0x94] = { "MEMOIZE", NULL },
	[0x95] = { "FRAME", NULL },
	['G'] = { "BINFLOAT", NULL },
	['B'] = { "BINBYTES", NULL },
	['C'] = { "SHORT_BINBYTES", NULL },
	['U'] = { "SHORT_BINSTRING", NULL },
	['T'] = { "BINSTRING", NULL },
	['S'] = { "STRING", NULL },
	['i'] = { "INST", NULL },
	['o'] = { "OBJ", NULL },
	['P'] = { "PERSID", NULL },
};

static enum err step(struct pickle_machine *m)
{
	const unsigned char *p;
	enum err e = pickle_take(m, 1, &p);
	if (e)
		return e;
	const struct instruction *i = &instructions[*p];
	if (i->run)
		return i->run(m);
	return pickle_refuse(
		m, ERR_UNSUPPORTED,
		"the pickle has instruction 0x%02x%s%s at byte %zu: " PICKLE_ADVICE, *p,
		i->name ? " " : "", i->name ? i->name : "", m->at - 1);
}

enum err pickle_run(struct pickle_machine *m)
{
	while (!m->stopped) {
		enum err e = step(m);
		if (e)
			return e;
	}
	return OK;
}
