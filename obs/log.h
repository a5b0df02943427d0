/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event on standard error, klog text or JSON (--logging-format).  A line is
 * one write(2), so lines of several threads do not mix.  No credential is ever passed to it.
 * Thread-safe; settings are set once before threads start.
 */
#ifndef OBS_LOG_H
#define OBS_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_configure(int verbosity, bool json);
void log_set_file(FILE *f);		/* tests; NULL: standard error */
void log_set_clock(const struct clock *c);	/* tests; NULL: the system's */
bool log_is_verbose(int v);		/* --v is at least v */

/*
 * One key and value of a structured line; integers are printed bare, text is quoted (Go's quoting
 * in text, JSON's in JSON), so that no value makes a line or a field of its own.  Keys are
 * constants of ours.  Long values are cut.
 */
struct log_field {
	const char *key;
	struct str text;
	int64_t integer;
	bool is_integer;
};
#define LOG_STR(k, s) { .key = (k), .text = (s) }
#define LOG_INT(k, i) { .key = (k), .integer = (i), .is_integer = true }

void log_write(enum log_level level, const char *file, int line, const char *message,
	       const struct log_field *fields, size_t n);
void log_printf(enum log_level level, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define log_info(...) log_printf(LOG_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning(...) log_printf(LOG_WARNING, __FILE__, __LINE__, __VA_ARGS__)
#define log_error(...) log_printf(LOG_ERROR, __FILE__, __LINE__, __VA_ARGS__)

#endif
