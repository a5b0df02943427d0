/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/problems.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/check.h"
#include "obs/log.h"

/* Reasons quote files and arguments, whose control bytes must not make a line of their own. */
static void add_one_line(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_add_char(out, *text);
	}
}

/* A file may be read for two purposes; what is wrong with it is said once. */
static bool is_told(const struct problems *p, struct str line)
{
	struct str text = strbuf_str(&p->text);
	ptrdiff_t at = str_find_str(text, line);

	return at == 0 || (at > 0 && text.p[at - 1] == '\n');
}

void problems_add(struct problems *p, const char *file, int line, const char *flag,
		  const char *fmt, ...)
{
	struct strbuf one = STRBUF_INIT;
	char *reason;
	va_list ap;
	int n;

	if (file) {
		add_one_line(&one, file);
		if (line > 0)
			strbuf_addf(&one, ":%d", line);
		strbuf_add_cstr(&one, ": ");
	}
	if (flag)
		strbuf_addf(&one, "--%s: ", flag);
	va_start(ap, fmt);
	n = vasprintf(&reason, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	add_one_line(&one, reason);
	free(reason);
	strbuf_add_char(&one, '\n');
	if (!file || !is_told(p, strbuf_str(&one)))
		strbuf_add_str(&p->text, strbuf_str(&one));
	strbuf_fini(&one);
	p->count++;
}

void problems_print(const struct problems *p, FILE *out)
{
	if (p->text.n)
		fwrite(p->text.p, 1, p->text.n, out);
}

void problems_log(const struct problems *p)
{
	struct str rest = strbuf_str(&p->text), line;

	while (rest.n && str_next(&rest, '\n', &line))
		if (line.n)
			log_error("%.*s", STR_ARG(line));
}

void problems_fini(struct problems *p)
{
	strbuf_fini(&p->text);
	p->count = 0;
}
