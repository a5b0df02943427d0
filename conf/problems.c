/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/problems.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/check.h"

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

void problems_add(struct problems *p, const char *file, int line, const char *flag,
		  const char *fmt, ...)
{
	char *reason;
	va_list ap;
	int n;

	if (file) {
		add_one_line(&p->text, file);
		if (line > 0)
			strbuf_addf(&p->text, ":%d", line);
		strbuf_add_cstr(&p->text, ": ");
	}
	if (flag)
		strbuf_addf(&p->text, "--%s: ", flag);
	va_start(ap, fmt);
	n = vasprintf(&reason, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	add_one_line(&p->text, reason);
	free(reason);
	strbuf_add_char(&p->text, '\n');
	p->count++;
}

void problems_print(const struct problems *p, FILE *out)
{
	if (p->text.n)
		fwrite(p->text.p, 1, p->text.n, out);
}

void problems_fini(struct problems *p)
{
	strbuf_fini(&p->text);
	p->count = 0;
}
