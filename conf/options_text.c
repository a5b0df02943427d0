/* SPDX-License-Identifier: Apache-2.0 */
/* The texts made from the table: --help, the man page, the list of names. */
#include "config.h"

#include <stdlib.h>

#include "conf/options.h"
#include "conf/options_table.h"

#define HELP_WIDTH 80
#define HELP_INDENT 12

static const char *group_title(enum option_group g)
{
	switch (g) {
	case GROUP_SERVING: return "Serving";
	case GROUP_AUTHENTICATION: return "Authentication";
	case GROUP_AUTHORIZATION: return "Authorization and admission";
	case GROUP_UPSTREAM: return "Upstream";
	case GROUP_PROCESS: return "Process";
	case GROUP_IGNORED: return "Flags of kube-apiserver without effect here";
	}
	return "";
}

/* Adds the words of text, broken at HELP_WIDTH; *column is where the line stands. */
static void wrap(struct strbuf *out, const char *text, size_t *column)
{
	struct str rest = str_from(text), word;

	while (str_next(&rest, ' ', &word)) {
		if (*column + 1 + word.n > HELP_WIDTH || *column < HELP_INDENT) {
			strbuf_addf(out, "%s%*s", *column ? "\n" : "", HELP_INDENT, "");
			*column = HELP_INDENT;
		} else {
			strbuf_add_char(out, ' ');
			*column += 1;
		}
		strbuf_add_str(out, word);
		*column += word.n;
	}
}

static void help_one(struct strbuf *out, const struct option_def *d)
{
	size_t column = 0;

	strbuf_addf(out, "  %s --%s%s%s\n", strcmp(d->name, "v") ? strcmp(d->name, "help") ?
		    "   " : "-h," : "-v,", d->name,
		    d->type == OPTION_BOOL ? "" : d->type == OPTION_VERSION ? "=" : " ",
		    d->type == OPTION_BOOL ? "" : d->value_name);
	wrap(out, d->help, &column);
	if (d->preset) {
		wrap(out, "(default", &column);
		wrap(out, d->preset, &column);
		strbuf_add_char(out, ')');
	}
	strbuf_add_char(out, '\n');
}

static void help_ignored(struct strbuf *out)
{
	size_t column = 0;

	wrap(out, "They are accepted, so that a manifest carries over, and named in one warning:",
	     &column);
	for (size_t i = 0; i < option_count; i++) {
		struct strbuf name = STRBUF_INIT;

		if (option_table[i].group != GROUP_IGNORED)
			continue;
		strbuf_addf(&name, "--%s", option_table[i].name);
		wrap(out, name.p, &column);
		strbuf_fini(&name);
	}
	strbuf_add_char(out, '\n');
}

static void put(struct strbuf *b, FILE *out)
{
	fwrite(b->p, 1, b->n, out);
	strbuf_fini(b);
}

void options_print_help(FILE *out)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_cstr(&b, "An authenticating and authorizing HTTPS proxy in front of "
			"kube-apiserver.\n\nUsage:\n  kube-authproxy [flags]\n");
	for (int g = GROUP_SERVING; g <= GROUP_PROCESS; g++) {
		strbuf_addf(&b, "\n%s:\n\n", group_title((enum option_group)g));
		for (size_t i = 0; i < option_count; i++)
			if (option_table[i].group == (enum option_group)g)
				help_one(&b, &option_table[i]);
	}
	strbuf_addf(&b, "\n%s:\n\n", group_title(GROUP_IGNORED));
	help_ignored(&b);
	put(&b, out);
}

/*
 * roff reads backslashes, and dots and quotes that start a line, and breaks words at hyphens; a
 * sentence starts a line, so that the formatter knows where it ends.
 */
static void add_roff(struct strbuf *out, const char *text)
{
	const char *start = text;

	if (*text == '.' || *text == '\'')
		strbuf_add_cstr(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			strbuf_add_cstr(out, "\\e");
		else if (*text == '-')
			strbuf_add_cstr(out, "\\-");
		else if (*text == '"')
			strbuf_add_cstr(out, "\\(dq");
		else if (*text == ' ' && text > start && text[-1] == '.')
			strbuf_add_char(out, '\n');
		else
			strbuf_add_char(out, *text);
	}
}

static void man_one(struct strbuf *out, const struct option_def *d)
{
	strbuf_add_cstr(out, !strcmp(d->name, "v") ? ".It Fl v , Fl \\-" :
			!strcmp(d->name, "help") ? ".It Fl h , Fl \\-" : ".It Fl \\-");
	add_roff(out, d->name);
	if (d->type != OPTION_BOOL) {
		strbuf_add_cstr(out, " Ns = Ns Ar ");
		add_roff(out, d->value_name);
	}
	strbuf_add_char(out, '\n');
	add_roff(out, d->help);
	if (d->preset) {
		strbuf_add_cstr(out, "\nThe default is\n.Ql ");
		add_roff(out, d->preset);
		strbuf_add_cstr(out, " .");
	}
	strbuf_add_char(out, '\n');
}

static void man_ignored(struct strbuf *out)
{
	strbuf_add_cstr(out, "They are accepted, so that a manifest carries over, and named in one "
			"warning:\n");
	for (size_t i = 0; i < option_count; i++) {
		if (option_table[i].group != GROUP_IGNORED)
			continue;
		strbuf_add_cstr(out, ".Fl \\-");
		add_roff(out, option_table[i].name);
		strbuf_add_cstr(out, i + 1 < option_count ? " ,\n" : " .\n");
	}
}

void options_print_man(FILE *out)
{
	struct strbuf b = STRBUF_INIT;

	for (int g = GROUP_SERVING; g <= GROUP_PROCESS; g++) {
		strbuf_addf(&b, ".Ss %s\n.Bl -tag -width Ds\n", group_title((enum option_group)g));
		for (size_t i = 0; i < option_count; i++)
			if (option_table[i].group == (enum option_group)g)
				man_one(&b, &option_table[i]);
		strbuf_add_cstr(&b, ".El\n");
	}
	strbuf_addf(&b, ".Ss %s\n", group_title(GROUP_IGNORED));
	man_ignored(&b);
	put(&b, out);
}

void options_print_names(FILE *out)
{
	for (size_t i = 0; i < option_count; i++)
		fprintf(out, "%s\n", option_table[i].name);
}
