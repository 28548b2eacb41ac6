#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1024];

static const char *const names[ERR_COUNT] = {
	[OK] = "ok",
	[ERR_USAGE] = "usage",
	[ERR_IO] = "io",
	[ERR_FORMAT] = "format",
	[ERR_NOMEM] = "nomem",
	[ERR_CANCELLED] = "cancelled",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_UNAVAILABLE] = "unavailable",
	[ERR_NOTFOUND] = "notfound",
	[ERR_BUSY] = "busy",
	[ERR_FULL] = "full",
	[ERR_READONLY] = "readonly",
	[ERR_WORKER] = "worker",
};

enum err err_set(enum err code, const char *fmt, ...)
{
	/* Formatted aside first: an argument may be the message itself. */
	char text[sizeof(message)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(message, text, sizeof(message));
	return code;
}

enum err err_context(enum err code, const char *fmt, ...)
{
	if (code == OK)
		return OK;
	char text[sizeof(message)];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", message);
	memcpy(message, text, sizeof(message));
	return code;
}

const char *err_message(void) { return message; }

const char *err_name(enum err code) { return code < ERR_COUNT ? names[code] : "unknown"; }

enum err err_by_name(const char *name)
{
	for (int i = 0; name && i < ERR_COUNT; i++)
		if (!strcmp(names[i], name))
			return (enum err)i;
	return ERR_WORKER;
}

int err_exit_status(enum err code)
{
	switch (code) {
	case OK:
		return 0;
	case ERR_USAGE:
		return 2;
	case ERR_CANCELLED:
		return 130;
	default:
		return 1;
	}
}
