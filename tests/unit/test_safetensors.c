/* safetensors: what is read, what is refused and how it says so, what is written. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "base/str.h"
#include "tensor/file_map.h"
#include "tensor/safetensors.h"

static char dir[64];
static char path[128];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/model.safetensors", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static void write_bytes(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* A file of this header and `data` bytes 0, 1, 2, ... */
static size_t file_of(const char *header, size_t n, size_t data, unsigned char *out)
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)((uint64_t)n >> (8 * i));
	memcpy(out + 8, header, n);
	for (size_t i = 0; i < data; i++)
		out[8 + n + i] = (unsigned char)i;
	return 8 + n + data;
}

static void write_file(const char *header, size_t data)
{
	unsigned char bytes[8192];
	assert_true(strlen(header) + data + 8 <= sizeof(bytes));
	write_bytes(bytes, file_of(header, strlen(header), data, bytes));
}

/* Opens what must not open; the message names the file and the fact. */
static void refused(enum err code, const char *fact)
{
	struct safetensors *st = NULL;
	check_err(safetensors_open(path, &st), code, fact);
	assert_non_null(strstr(err_message(), path));
	assert_null(st);
}

static void header_refused(const char *header, size_t data, enum err code,
			   const char *fact)
{
	write_file(header, data);
	refused(code, fact);
}

#define T(dtype, shape, begin, end)                                                      \
	"{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end  \
	"]}"

static void reads_every_legal_thing(void **state)
{
	(void)state;
	/* Keys in no order, leading and trailing blanks, an escape in a name, a scalar,
	 * two empty tensors, all dtypes, an odd header so that nothing is aligned. */
	write_file(
		" \n{\"z\":" T(
			"F32", "[2,3]", "0",
			"24") ",\"__metadata__\":"
			      "{\"format\":\"pt\"},\"sc\\u0061lar\":" T(
				      "F64", "[]", "32",
				      "40") ","
					    "\"ids\":" T(
						    "I64", "[1]", "24",
						    "32") ","
							  "\"none\":" T(
								  "F32", "[0,7]", "40",
								  "40") ","
									"\"half\":" T(
										"F16",
										"[1,1,1,"
										"1,1]",
										"40",
										"42") ","
										      "\""
										      "br"
										      "ai"
										      "n"
										      "\""
										      ":" T("BF16",
											    "[1]",
											    "42",
											    "44") ","
												  "\"zero\":" T(
													  "BF16",
													  "[9223372036854775807,0]",
													  "0",
													  "0") "} ",
		44);
	struct safetensors *st;
	check_ok(safetensors_open(path, &st));
	assert_int_equal(safetensors_count(st), 7);
	for (size_t i = 1; i < safetensors_count(st); i++)
		assert_true(strcmp(safetensors_at(st, i - 1)->name,
				   safetensors_at(st, i)->name) < 0);
	const struct safetensors_entry *e = safetensors_find(st, "z");
	assert_non_null(e);
	assert_int_equal(e->tensor.dtype, DT_F32);
	assert_int_equal(e->tensor.ndim, 2);
	assert_int_equal(e->tensor.dim[0], 2);
	assert_int_equal(e->tensor.dim[1], 3);
	assert_int_equal(e->tensor.ld, 3);
	assert_int_equal(((const unsigned char *)e->tensor.data)[23], 23);
	e = safetensors_find(st, "scalar");
	assert_int_equal(e->tensor.ndim, 0);
	assert_int_equal(tensor_count(&e->tensor), 1);
	assert_int_equal(((const unsigned char *)e->tensor.data)[0], 32);
	assert_int_equal(safetensors_find(st, "half")->tensor.ndim, 5);
	assert_int_equal(tensor_bytes(&safetensors_find(st, "none")->tensor), 0);
	assert_int_equal(tensor_bytes(&safetensors_find(st, "zero")->tensor), 0);
	assert_int_equal(safetensors_find(st, "ids")->tensor.dtype, DT_I64);
	assert_null(safetensors_find(st, "missing"));
	assert_null(safetensors_find(st, "__metadata__"));
	assert_string_equal(safetensors_metadata(st, "format"), "pt");
	assert_null(safetensors_metadata(st, "other"));
	check_ok(safetensors_check(st));
	safetensors_free(st);

	write_file("{}", 0);
	check_ok(safetensors_open(path, &st));
	assert_int_equal(safetensors_count(st), 0);
	assert_null(safetensors_metadata(st, "format"));
	safetensors_free(st);
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	refused(ERR_NOTFOUND, "No such file");
	assert_int_equal(mkdir(path, 0755), 0);
	refused(ERR_FORMAT, "not a regular file");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	refused(ERR_FORMAT, "not a regular file"); /* and does not wait */
}

static void refuses_bad_lengths(void **state)
{
	(void)state;
	static const struct {
		uint64_t n;
		const char *fact;
	} cases[] = {
		{ UINT64_MAX, "18446744073709551615" },
		{ UINT64_MAX - 7, "18446744073709551608" },
		{ (uint64_t)1 << 63, "9223372036854775808" },
		{ 100000001, "a header of 100000001 bytes (at most 100000000)" },
		{ 100000000, "cut off: the header has 100000000 bytes" },
		{ 3, "cut off: the header has 3 bytes, the file 10 in all" },
		{ 0, "bad JSON" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char bytes[10] = { 0 };
		memcpy(bytes, &cases[i].n, 8); /* this machine is little-endian */
		bytes[8] = '{', bytes[9] = '}';
		write_bytes(bytes, 10);
		refused(ERR_FORMAT, cases[i].fact);
	}
	/* The limit holds even where the file is long enough (and sparse). */
	uint64_t n = 100000001;
	write_bytes(&n, 8);
	assert_int_equal(truncate(path, 8 + (off_t)n), 0);
	refused(ERR_FORMAT, "at most 100000000");
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	const char *header = "{\"a\":" T("F32", "[2]", "0",
					 "8") ",\"b\":" T("F16", "[3]", "8", "14") "}";
	unsigned char bytes[512];
	size_t n = file_of(header, strlen(header), 14, bytes);
	for (size_t cut = 0; cut < n; cut++) {
		write_bytes(bytes, cut);
		struct safetensors *st;
		assert_int_equal(safetensors_open(path, &st), ERR_FORMAT);
		assert_non_null(strstr(err_message(), path));
	}
	write_bytes(bytes, n + 1);
	refused(ERR_FORMAT, "1 bytes after the last tensor");
	write_bytes(bytes, n);
	struct safetensors *st;
	check_ok(safetensors_open(path, &st));
	safetensors_free(st);
}

/* What opened, however it was damaged, can be walked to its last byte. */
static void open_and_walk(size_t data)
{
	struct safetensors *st;
	if (safetensors_open(path, &st)) {
		assert_non_null(strstr(err_message(), path));
		return;
	}
	int64_t seen = 0;
	for (size_t i = 0; i < safetensors_count(st); i++) {
		const struct tensor *t = &safetensors_at(st, i)->tensor;
		const volatile unsigned char *p = t->data;
		for (int64_t k = 0; k < tensor_bytes(t); k++, seen++)
			(void)p[k];
	}
	assert_true(seen <= (int64_t)data);
	safetensors_free(st);
}

static void survives_every_flipped_byte(void **state)
{
	(void)state;
	const char *header = "{\"a\":" T("F32", "[2]", "0",
					 "8") ",\"b\":" T("F16", "[3]", "8", "14") "}";
	unsigned char bytes[512];
	size_t n = file_of(header, strlen(header), 14, bytes);
	static const unsigned char flips[] = { 0x01, 0x04, 0x10, 0x20, 0x80, 0xFF };
	for (size_t at = 0; at < n - 14; at++)
		for (size_t f = 0; f < sizeof(flips); f++) {
			bytes[at] ^= flips[f];
			write_bytes(bytes, n);
			bytes[at] ^= flips[f];
			open_and_walk(14);
		}
}

/* Several edits at once, of bytes that mean something to JSON; always the same ones. */
static void survives_random_edits(void **state)
{
	(void)state;
	static const char alphabet[] = "{}[]\",:0123456789-+eE. tfn\\u\xc3\xff";
	const char *header = "{\"a\":" T("F32", "[2]", "0",
					 "8") ",\"b\":" T("F16", "[3]", "8", "14") "}";
	uint64_t key = rng_key(1, "edits");
	uint32_t draw = 0;
	for (int round = 0; round < 3000; round++) {
		unsigned char bytes[512];
		size_t n = file_of(header, strlen(header), 14, bytes);
		for (uint32_t edits = 1 + rng_bits(key, draw++) % 4; edits > 0; edits--) {
			size_t at = 8 + rng_bits(key, draw++) % strlen(header);
			size_t letter = rng_bits(key, draw++) % (sizeof(alphabet) - 1);
			bytes[at] = (unsigned char)alphabet[letter];
		}
		write_bytes(bytes, n);
		open_and_walk(14);
	}
}

static void refuses_bad_json(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"a\":" T("F32", "[1]", "0", "4"),
		"{\"a\":" T("F32", "[1]", "0", "4") "}x",
		"{\"a\":" T("F32", "[1]", "0", "4") ",\"a\":" T("F32", "[1]", "0",
								"4") "}",
		"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],"
		"\"data_offsets\":[0,4]}}",
		"{\"a\xff\":" T("F32", "[1]", "0", "4") "}",
		"{\"a\xc0\xaf\":" T("F32", "[1]", "0", "4") "}",
		"{\"a\xed\xa0\x80\":" T("F32", "[1]", "0", "4") "}",
		"{\"a\\ud800\":" T("F32", "[1]", "0", "4") "}",
		"{\"a\\u0000\":" T("F32", "[1]", "0", "4") "}",
		"{\"a\":" T("F32", "[1]", "0", "18446744073709551620") "}",
		"{\"a\":" T("F32", "[99999999999999999999]", "0", "4") "}",
		"{\"a\":" T("F32", "[1e400]", "0", "4") "}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		header_refused(bad[i], 4, ERR_FORMAT, "bad JSON");
	/* Nesting is bounded. */
	struct str deep = STR_INIT;
	str_add(&deep, "{\"a\":");
	for (int i = 0; i < 5000; i++)
		str_add(&deep, "[");
	header_refused(str_get(&deep), 0, ERR_FORMAT, "bad JSON");
	str_release(&deep);
	header_refused("[]", 0, ERR_FORMAT, "the header is not an object");
	header_refused("7", 0, ERR_FORMAT, "the header is not an object");
}

static void refuses_bad_entries(void **state)
{
	(void)state;
	static const struct {
		const char *entry, *fact;
		enum err code;
	} cases[] = {
		{ "7", "tensor w is not described by an object", ERR_FORMAT },
		{ "{}", "tensor w has no dtype", ERR_FORMAT },
		{ "{\"dtype\":3}", "tensor w has no dtype", ERR_FORMAT },
		{ T("U8", "[4]", "0", "4"), "tensor w has dtype U8", ERR_UNSUPPORTED },
		{ T("F8_E4M3", "[4]", "0", "4"), "dtype F8_E4M3", ERR_UNSUPPORTED },
		{ T("I32", "[1]", "0", "4"), "dtype I32", ERR_UNSUPPORTED },
		{ T("f32", "[1]", "0", "4"), "dtype f32", ERR_UNSUPPORTED },
		{ T("\\u001b[2J", "[1]", "0", "4"), "dtype \\x1b[2J", ERR_UNSUPPORTED },
		{ "{\"dtype\":\"F32\"}", "tensor w has no shape", ERR_FORMAT },
		{ T("F32", "1", "0", "4"), "tensor w has no shape", ERR_FORMAT },
		{ T("F32", "[-1]", "0", "4"), "shape[0] is not an unsigned", ERR_FORMAT },
		{ T("F32", "[1,1.0]", "0", "4"), "shape[1] is not an unsigned",
		  ERR_FORMAT },
		{ T("F32", "[1e0]", "0", "4"), "shape[0] is not an unsigned",
		  ERR_FORMAT },
		{ T("F32", "[\"1\"]", "0", "4"), "shape[0] is not an unsigned",
		  ERR_FORMAT },
		{ T("F32", "[true]", "0", "4"), "shape[0] is not an unsigned",
		  ERR_FORMAT },
		{ T("F32", "[1,1,1,1,1,1]", "0", "4"), "6 dimensions, at most 5",
		  ERR_UNSUPPORTED },
		{ T("F32", "[4294967296,4294967296]", "0", "4"), "overflows",
		  ERR_FORMAT },
		{ T("F32", "[4611686018427387905]", "0", "4"), "overflows", ERR_FORMAT },
		{ T("F64", "[1152921504606846976]", "0", "4"), "overflows", ERR_FORMAT },
		{ "{\"dtype\":\"F32\",\"shape\":[1]}", "no pair of data_offsets",
		  ERR_FORMAT },
		{ "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}",
		  "no pair of data_offsets", ERR_FORMAT },
		{ "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}",
		  "no pair of data_offsets", ERR_FORMAT },
		{ T("F32", "[1]", "-4", "0"), "data_offsets are not unsigned",
		  ERR_FORMAT },
		{ T("F32", "[1]", "0.0", "4"), "data_offsets are not unsigned",
		  ERR_FORMAT },
		{ T("F32", "[1]", "4", "0"), "end before they begin", ERR_FORMAT },
		{ T("F32", "[2]", "0", "4"), "takes 8 bytes, its data_offsets 4",
		  ERR_FORMAT },
		{ T("F32", "[]", "0", "8"), "takes 4 bytes, its data_offsets 8",
		  ERR_FORMAT },
		{ T("F32", "[2]", "0", "8"), "past the end of the file", ERR_FORMAT },
		{ T("F32", "[1]", "9223372036854775803", "9223372036854775807"),
		  "past the end of the file", ERR_FORMAT },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char header[512];
		snprintf(header, sizeof(header), "{\"w\":%s}", cases[i].entry);
		header_refused(header, 4, cases[i].code, cases[i].fact);
	}
	header_refused("{\"__metadata__\":{\"a\":1}}", 0, ERR_FORMAT,
		       "a is not a string");
	header_refused("{\"__metadata__\":[]}", 0, ERR_FORMAT, "not an object");
}

static void refuses_overlaps_and_gaps(void **state)
{
	(void)state;
	header_refused("{\"a\":" T("F32", "[2]", "0", "8") ",\"b\":" T("F32", "[2]", "4",
								       "12") "}",
		       12, ERR_FORMAT, "tensor b overlaps the one before it by 4 bytes");
	header_refused("{\"a\":" T("F32", "[1]", "0", "4") ",\"b\":" T("F32", "[1]", "0",
								       "4") "}",
		       4, ERR_FORMAT, "tensor b overlaps the one before it by 4 bytes");
	header_refused("{\"a\":" T("F32", "[1]", "0", "4") ",\"b\":" T("F32", "[1]", "8",
								       "12") "}",
		       12, ERR_FORMAT, "tensor b begins after a gap of 4 bytes");
	header_refused("{\"a\":" T("F32", "[1]", "4", "8") "}", 8, ERR_FORMAT,
		       "tensor a begins after a gap of 4 bytes");
	header_refused("{\"a\":" T("F32", "[1]", "0", "4") "}", 8, ERR_FORMAT,
		       "4 bytes after the last tensor");
	header_refused("{}", 4, ERR_FORMAT, "4 bytes after the last tensor");
	header_refused("{\"a\":" T("F32", "[0]", "0", "0") ",\"b\":" T("F32", "[0]", "2",
								       "2") "}",
		       2, ERR_FORMAT, "tensor b begins after a gap of 2 bytes");
}

static void escapes_names_in_messages(void **state)
{
	(void)state;
	header_refused("{\"a\\u001b[31m\\n\":7}", 0, ERR_FORMAT,
		       "tensor a\\x1b[31m\\x0a is not");
	/* A name of a megabyte does not push the fact out of the message. */
	struct str header = STR_INIT;
	str_add(&header, "{\"");
	for (int i = 0; i < 4000; i++)
		str_add(&header, "n");
	str_add(&header, "\":7}");
	header_refused(str_get(&header), 0, ERR_FORMAT, "is not described by an object");
	str_release(&header);
	snprintf(path, sizeof(path), "%s/bell\a.safetensors", dir);
	struct safetensors *st;
	check_err(safetensors_open(path, &st), ERR_NOTFOUND, "bell\\x07.safetensors");
}

static void opens_thousands_of_tensors(void **state)
{
	(void)state;
	struct str header = STR_INIT;
	str_add(&header, "{");
	enum { N = 5000 };
	for (int i = 0; i < N; i++)
		str_addf(&header,
			 "%s\"layer.%d\":{\"dtype\":\"F32\",\"shape\":[1],"
			 "\"data_offsets\":[%d,%d]}",
			 i ? "," : "", N - i, 4 * i, 4 * i + 4);
	str_add(&header, "}");
	unsigned char *bytes = malloc(header.len + 8 + 4 * N);
	write_bytes(bytes, file_of(header.s, header.len, 4 * N, bytes));
	free(bytes);
	str_release(&header);
	struct safetensors *st;
	check_ok(safetensors_open(path, &st));
	for (int i = 1; i <= N; i++) {
		char name[32];
		snprintf(name, sizeof(name), "layer.%d", i);
		const struct safetensors_entry *e = safetensors_find(st, name);
		assert_non_null(e);
		assert_int_equal(*(const unsigned char *)e->tensor.data,
				 (4 * (N - i)) & 0xFF);
	}
	safetensors_free(st);
}

/* Two pages of data, of which the second goes away while it is mapped. */
static void a_shrinking_file_is_an_error_not_a_crash(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *bytes = malloc(3 * page);
	char header[256];
	snprintf(header, sizeof(header), "{\"a\":" T("F32", "[%zu]", "0", "%zu") "}",
		 page / 2, 2 * page);
	size_t n = file_of(header, strlen(header), 2 * page, bytes);
	write_bytes(bytes, n);
	free(bytes);
	struct safetensors *st, *other;
	check_ok(safetensors_open(path, &st));
	check_ok(safetensors_open(path, &other));
	check_ok(safetensors_check(st));
	assert_int_equal(truncate(path, 100), 0);
	const volatile unsigned char *data = safetensors_at(st, 0)->tensor.data;
	unsigned sum = 0;
	for (size_t i = page; i < 2 * page; i++)
		sum += data[i];
	assert_int_equal(sum, 0);
	check_err(safetensors_check(st), ERR_IO, "shrank while it was read");
	assert_non_null(strstr(err_message(), path));
	/* What was lost stays lost, even when the file grows back. */
	assert_int_equal(truncate(path, (off_t)n), 0);
	check_err(safetensors_check(st), ERR_IO, "shrank while it was read");
	check_ok(safetensors_check(other)); /* nothing was read through this one */
	safetensors_free(st);
	safetensors_free(other);
	/* Its place is free again and unmarked. */
	struct file_map map;
	check_ok(file_map_open(&map, path));
	check_ok(file_map_check(&map));
	assert_int_equal(truncate(path, (off_t)n - 1), 0);
	check_err(file_map_check(&map), ERR_IO, "shrank"); /* no page went away */
	file_map_release(&map);
	file_map_release(&map);
}

static int bus_seen;
static void on_bus(int number)
{
	(void)number;
	bus_seen++;
}

static void other_bus_errors_meet_their_own_handler(void **state)
{
	(void)state;
	struct sigaction mine = { .sa_handler = on_bus }, before;
	assert_int_equal(sigaction(SIGBUS, &mine, &before), 0);
	write_file("{}", 0);
	struct safetensors *st;
	check_ok(safetensors_open(path, &st)); /* puts ours in front */
	raise(SIGBUS);
	assert_int_equal(bus_seen, 1);
	safetensors_free(st);
	sigaction(SIGBUS, &before, NULL);
}

static void many_maps_have_a_limit(void **state)
{
	(void)state;
	write_file("{}", 0);
	struct file_map map[FILE_MAP_MAX + 1];
	for (int i = 0; i < FILE_MAP_MAX; i++)
		check_ok(file_map_open(&map[i], path));
	check_err(file_map_open(&map[FILE_MAP_MAX], path), ERR_UNSUPPORTED,
		  "more than 64 files");
	for (int i = 0; i < FILE_MAP_MAX; i++)
		file_map_release(&map[i]);
	check_ok(file_map_open(&map[0], path));
	file_map_release(&map[0]);
}

static void written_files_read_back(void **state)
{
	(void)state;
	float x[6] = { 1, 2, (float)NAN, -0.0f, (float)INFINITY, 6 };
	float wide[8] = { 1, 2, 9, 9, 3, 4, 9, 9 };
	int64_t ids[3] = { -1, 0, INT64_MAX };
	struct safetensors_entry e[] = {
		{ "logits \"q\"\n", tensor_of(DT_F32, x, DIMS(2, 3)) },
		{ "columns", tensor_columns(tensor_of(DT_F32, wide, DIMS(2, 4)), 0, 2) },
		{ "ids", tensor_of(DT_I64, ids, DIMS(3)) },
		{ "empty", tensor_of(DT_F32, NULL, DIMS(0, 4)) },
		{ "scalar", tensor_of(DT_F32, x, 0, NULL) },
	};
	json_t *metadata = json_pack("{s:s}", "model", "demo");
	check_ok(safetensors_write(path, e, 5, metadata));
	check_ok(safetensors_write(path, e, 5, metadata)); /* replaces */
	json_decref(metadata);
	struct safetensors *st;
	check_ok(safetensors_open(path, &st));
	assert_int_equal(safetensors_count(st), 5);
	assert_string_equal(safetensors_metadata(st, "model"), "demo");
	const struct tensor *t = &safetensors_find(st, e[0].name)->tensor;
	assert_int_equal((uintptr_t)t->data % 8, 0); /* the padding of the header */
	assert_memory_equal(t->data, x, sizeof(x));
	t = &safetensors_find(st, "columns")->tensor;
	assert_memory_equal(t->data, ((float[]){ 1, 2, 3, 4 }), 16);
	assert_memory_equal(safetensors_find(st, "ids")->tensor.data, ids, sizeof(ids));
	assert_int_equal(safetensors_find(st, "empty")->tensor.dim[1], 4);
	assert_int_equal(safetensors_find(st, "scalar")->tensor.ndim, 0);
	safetensors_free(st);
	check_ok(safetensors_write(path, NULL, 0, NULL));
	check_ok(safetensors_open(path, &st));
	assert_int_equal(safetensors_count(st), 0);
	safetensors_free(st);
}

static int files_in_dir(void)
{
	char command[128];
	int n = -1;
	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", dir);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void a_failed_write_leaves_what_was_there(void **state)
{
	(void)state;
	static float x[4096];
	struct safetensors_entry e = { "x", tensor_of(DT_F32, x, DIMS(4096)) };
	check_ok(safetensors_write(path, &e, 1, NULL));
	/* A full disk, as the limit of a file's size injects it. */
	struct rlimit before, small;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	x[0] = 1;
	enum err full = safetensors_write(path, &e, 1, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	check_err(full, ERR_FULL, path);
	assert_int_equal(files_in_dir(), 1);
	struct safetensors *st;
	check_ok(safetensors_open(path, &st));
	assert_true(*(const float *)safetensors_find(st, "x")->tensor.data == 0);
	safetensors_free(st);

	check_err(safetensors_write("/dev/null", &e, 1, NULL), ERR_IO, "no regular file");
	check_err(safetensors_write(dir, &e, 1, NULL), ERR_IO, "no regular file");
	char nowhere[160];
	snprintf(nowhere, sizeof(nowhere), "%s/no/such/file", dir);
	check_err(safetensors_write(nowhere, &e, 1, NULL), ERR_IO, nowhere);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_every_legal_thing),
		CASE(refuses_what_is_no_file),
		CASE(refuses_bad_lengths),
		CASE(refuses_every_truncation),
		CASE(survives_every_flipped_byte),
		CASE(survives_random_edits),
		CASE(refuses_bad_json),
		CASE(refuses_bad_entries),
		CASE(refuses_overlaps_and_gaps),
		CASE(escapes_names_in_messages),
		CASE(opens_thousands_of_tensors),
		CASE(a_shrinking_file_is_an_error_not_a_crash),
		CASE(other_bus_errors_meet_their_own_handler),
		CASE(many_maps_have_a_limit),
		CASE(written_files_read_back),
		CASE(a_failed_write_leaves_what_was_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
