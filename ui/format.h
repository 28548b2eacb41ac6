/* Values as people read them. Not measured (NaN) is "--" everywhere. */
#ifndef UI_FORMAT_H
#define UI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "ui/canvas.h"

/* Nanoseconds as milliseconds, three or four digits: "0.041", "1.72", "21.4", "1204". */
const char *format_ms(double ns, char *buf, size_t size);
/* Half an interval of milliseconds, two digits: "0.026", "2.3", "160". */
const char *format_spread(double ns, char *buf, size_t size);
const char *format_percent(double fraction, char *buf, size_t size); /* "8.0", "<.1" */
const char *format_change(double ratio, char *buf, size_t size);     /* 0.69 -> "-31%" */
const char *format_bytes(double bytes, char *buf, size_t size);      /* "412M" */
const char *format_count(double count, char *buf, size_t size);      /* "86.2M" */
/* Exact up to four digits, then rounded to stay in four columns: "1176", "16k". */
const char *format_tokens(double tokens, char *buf, size_t size);
const char *format_rate(double rate, char *buf, size_t size); /* "9.3", "541" */
/* The i-th of a list: a to z, A to Z, then stars. */
char format_letter(int i);
/* Four decimals without the zero: ".9931"; "1.0000". */
const char *format_cosine(double cosine, char *buf, size_t size);
/* "now", "40 s", "3 min", "2 h", "5 d" since a moment of clock_wall_ns. */
const char *format_age(double since_ns, char *buf, size_t size);
/* The same as "just now" or "3 min ago". */
const char *format_ago(double since_ns, char *buf, size_t size);
/* Escaped; NULL or "" becomes "--". */
const char *format_name(const char *name, char *buf, size_t size);

#endif
