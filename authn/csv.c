/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/csv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define BARE_QUOTE "bare \" in non-quoted-field"
#define BAD_QUOTE "extraneous or missing \" in quoted-field"

/* What is left of the current line, and the place of its first byte for messages. */
struct cursor {
	struct str rest;
	bool has_newline;
	int start_line;
	int line;
	size_t column;
};

void csv_reader_init(struct csv_reader *r, struct str text)
{
	*r = (struct csv_reader){ .text = text };
	strbuf_reserve(&r->record, CSV_ERROR_MAX);	/* record.p is never NULL */
}

void csv_reader_fini(struct csv_reader *r)
{
	strbuf_fini_secret(&r->record);
	free(r->ends);
	free(r->fields);
}

/* Reads one line without its end; false at the end of the text, which counts as a line too. */
static bool read_line(struct csv_reader *r, struct cursor *c)
{
	ptrdiff_t end = str_find(r->text, '\n', r->at);

	r->line++;
	c->has_newline = end >= 0;
	c->rest = str_slice(r->text, r->at, end < 0 ? r->text.n : (size_t)end);
	if (r->at >= r->text.n)
		return false;
	r->at += c->rest.n + c->has_newline;
	if (c->rest.n && c->rest.p[c->rest.n - 1] == '\r')
		c->rest.n--;
	return true;
}

static void skip(struct cursor *c, size_t n)
{
	c->rest = str_skip(c->rest, n);
	c->column += n;
}

static void end_field(struct csv_reader *r)
{
	if (r->field_count == r->field_cap) {
		r->field_cap = r->field_cap ? r->field_cap * 2 : 8;
		r->ends = xreallocarray(r->ends, r->field_cap, sizeof(*r->ends));
		r->fields = xreallocarray(r->fields, r->field_cap, sizeof(*r->fields));
	}
	r->ends[r->field_count++] = r->record.n;
}

static int fail(struct csv_reader *r, const struct cursor *c, int line, size_t column,
		const char *what)
{
	if (c->start_line == line)
		snprintf(r->error, sizeof(r->error), "parse error on line %d, column %zu: %s",
			 line, column, what);
	else
		snprintf(r->error, sizeof(r->error),
			 "record on line %d; parse error on line %d, column %zu: %s",
			 c->start_line, line, column, what);
	return ERR_SYNTAX;
}

/* Reads a field that does not begin with a quote; *more tells whether a comma ended it. */
static int read_plain(struct csv_reader *r, struct cursor *c, bool *more)
{
	ptrdiff_t comma = str_find(c->rest, ',', 0);
	struct str field = comma < 0 ? c->rest : str_slice(c->rest, 0, (size_t)comma);
	ptrdiff_t quote = str_find(field, '"', 0);

	if (quote >= 0)
		return fail(r, c, r->line, c->column + (size_t)quote, BARE_QUOTE);
	strbuf_add_str(&r->record, field);
	end_field(r);
	*more = comma >= 0;
	skip(c, field.n + *more);
	return 0;
}

/* A quoted field goes on behind the end of its line. */
static int continue_line(struct csv_reader *r, struct cursor *c)
{
	strbuf_add_str(&r->record, c->rest);
	c->column += c->rest.n;
	if (c->has_newline) {
		strbuf_add_char(&r->record, '\n');
		c->column++;
		if (read_line(r, c)) {
			/* Nothing but a CR at the end of the text is no line to Go. */
			if (c->rest.n || c->has_newline) {
				c->line++;
				c->column = 1;
			}
			return 0;
		}
	}
	return fail(r, c, c->line, c->column, BAD_QUOTE);
}

static int read_quoted(struct csv_reader *r, struct cursor *c, bool *more)
{
	skip(c, 1);
	for (;;) {
		ptrdiff_t quote = str_find(c->rest, '"', 0);

		if (quote < 0) {
			if (continue_line(r, c))
				return ERR_SYNTAX;
			continue;
		}
		strbuf_add(&r->record, c->rest.p, (size_t)quote);
		skip(c, (size_t)quote + 1);
		if (!c->rest.n || c->rest.p[0] == ',')
			break;
		if (c->rest.p[0] != '"')
			return fail(r, c, r->line, c->column - 1, BAD_QUOTE);
		strbuf_add_char(&r->record, '"');
		skip(c, 1);
	}
	*more = c->rest.n;
	skip(c, 1);
	end_field(r);
	return 0;
}

int csv_read(struct csv_reader *r, struct csv_record *out)
{
	struct cursor c;
	bool more = true;
	size_t from = 0;

	strbuf_clear(&r->record);
	r->field_count = 0;
	do {
		if (!read_line(r, &c))
			return ERR_NOT_FOUND;
	} while (!c.rest.n);
	c.start_line = c.line = out->line = r->line;
	c.column = 1;
	while (more) {
		bool quoted = c.rest.n && c.rest.p[0] == '"';
		int err = quoted ? read_quoted(r, &c, &more) : read_plain(r, &c, &more);

		if (err)
			return err;
	}
	for (size_t i = 0; i < r->field_count; from = r->ends[i++])
		r->fields[i] = str_make(r->record.p + from, r->ends[i] - from);
	out->fields = r->fields;
	out->field_count = r->field_count;
	return 0;
}
