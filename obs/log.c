/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "obs/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"

/* Values come from peers: what is longer is cut, and ends in three dots. */
#define LOG_VALUE_MAX 1024
#define LOG_TEXT_MAX 4096

static struct {
	int verbosity;
	bool json;
	FILE *file;
	const struct clock *clock;
} settings = { .clock = &clock_system };

void log_configure(int verbosity, bool json)
{
	settings.verbosity = verbosity;
	settings.json = json;
}

void log_set_file(FILE *f)
{
	settings.file = f;
}

void log_set_clock(const struct clock *c)
{
	settings.clock = c ? c : &clock_system;
}

bool log_is_verbose(int v)
{
	return settings.verbosity >= v;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char level_letter(enum log_level level)
{
	switch (level) {
	case LOG_INFO: return 'I';
	case LOG_WARNING: return 'W';
	case LOG_ERROR: return 'E';
	}
	return '?';
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_INFO: return "info";
	case LOG_WARNING: return "warning";
	case LOG_ERROR: return "error";
	}
	return "unknown";
}

/* Month, day and time of day; the C library's conversion takes a lock, so once a second. */
static const char *local_second(time_t second)
{
	static __thread time_t last;
	static __thread char text[sizeof("0102 03:04:05")];
	struct tm tm;

	if (!text[0] || second != last) {
		localtime_r(&second, &tm);
		strftime(text, sizeof(text), "%m%d %H:%M:%S", &tm);
		last = second;
	}
	return text;
}

static void add_header(struct strbuf *line, enum log_level level, const char *file, int number)
{
	int64_t us = clock_wall_us(settings.clock);

	if (settings.json)
		strbuf_addf(line, "{\"ts\":%" PRId64 ".%03d,\"caller\":\"%s:%d\",\"level\":\"%s\"",
			    us / 1000, (int)(us % 1000), base_name(file), number,
			    level_name(level));
	else
		strbuf_addf(line, "%c%s.%06d %7d %s:%d] ", level_letter(level),
			    local_second(us / 1000000), (int)(us % 1000000), (int)getpid(),
			    base_name(file), number);
}

/* A cut may fall inside a UTF-8 sequence; the escapes show its bytes. */
static struct str bounded(struct str s, size_t max, char *copy)
{
	if (s.n <= max)
		return s;
	memcpy(copy, s.p, max);
	memcpy(copy + max, "...", 3);
	return str_make(copy, max + 3);
}

static void add_quoted(struct strbuf *line, struct str s)
{
	char copy[LOG_VALUE_MAX + 3];
	struct str text = bounded(s, LOG_VALUE_MAX, copy);

	if (settings.json)
		strbuf_add_json_string(line, text);
	else
		strbuf_add_go_quoted(line, text);
}

static void add_field(struct strbuf *line, const struct log_field *f)
{
	strbuf_addf(line, settings.json ? ",\"%s\":" : " %s=", f->key);
	if (f->is_integer)
		strbuf_addf(line, "%" PRId64, f->integer);
	else
		add_quoted(line, f->text);
}

/* Standard error that cannot take the line loses it: the log never stops the service. */
static void put(struct strbuf *line)
{
	const char *p;
	size_t left;

	strbuf_add_char(line, '\n');
	p = line->p;
	left = line->n;
	if (settings.file) {
		fwrite(p, 1, left, settings.file);
		fflush(settings.file);
		return;
	}
	while (left) {
		ssize_t n = write(STDERR_FILENO, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		left -= (size_t)n;
	}
}

static void finish(struct strbuf *line, const struct log_field *fields, size_t n)
{
	if (settings.json)
		strbuf_add_cstr(line, ",\"v\":0");
	for (size_t i = 0; i < n; i++)
		add_field(line, &fields[i]);
	if (settings.json)
		strbuf_add_char(line, '}');
	put(line);
	strbuf_fini(line);
}

void log_write(enum log_level level, const char *file, int number, const char *message,
	       const struct log_field *fields, size_t n)
{
	struct strbuf line = STRBUF_INIT;

	add_header(&line, level, file, number);
	if (settings.json)
		strbuf_add_cstr(&line, ",\"msg\":");
	add_quoted(&line, str_from(message));
	finish(&line, fields, n);
}

/* Free text as it is, but nothing that starts a line or drives a terminal. */
static void add_text(struct strbuf *line, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			strbuf_addf(line, "\\x%02x", c);
		else
			strbuf_add_char(line, s.p[i]);
	}
}

void log_printf(enum log_level level, const char *file, int number, const char *fmt, ...)
{
	struct strbuf line = STRBUF_INIT;
	char text[LOG_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	va_end(ap);
	add_header(&line, level, file, number);
	if (settings.json) {
		strbuf_add_cstr(&line, ",\"msg\":");
		strbuf_add_json_string(&line, str_from(text));
	} else {
		add_text(&line, str_from(text));
	}
	finish(&line, NULL, 0);
}
