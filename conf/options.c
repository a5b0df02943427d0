/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/options.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "conf/options_table.h"
#include "obs/log.h"

#define PROGRAM "kube-authproxy"

const struct option_def option_table[] = {
#define OPTION(group, name, type, member, preset, value_name, help) \
	{ GROUP_##group, name, OPTION_##type, offsetof(struct options, member), preset, \
	  value_name, help },
#define IGNORED(name, type) \
	{ GROUP_IGNORED, name, OPTION_##type, OPTION_NO_MEMBER, NULL, NULL, NULL },
#include "conf/options_list.h"
#undef OPTION
#undef IGNORED
};
const size_t option_count = array_size(option_table);

struct parser {
	struct options *out;
	char **argv;		/* what is left, ends with NULL */
	struct option_list arguments;
	bool *given;		/* by index into option_table */
	char **error;		/* set by fail() */
};

static int __attribute__((format(printf, 2, 3))) fail(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	CHECK(vasprintf(p->error, fmt, ap) >= 0);
	va_end(ap);
	return ERR_SYNTAX;
}

/* Flag names take _ for -, as kube-apiserver's do. */
static bool name_is(struct str given, const char *name)
{
	if (given.n != strlen(name))
		return false;
	for (size_t i = 0; i < given.n; i++)
		if ((given.p[i] == '_' ? '-' : given.p[i]) != name[i])
			return false;
	return true;
}

static const struct option_def *find(struct str name)
{
	for (size_t i = 0; i < option_count; i++)
		if (name_is(name, option_table[i].name))
			return &option_table[i];
	return NULL;
}

static bool takes_no_value(const struct option_def *d)
{
	return d->type == OPTION_BOOL || d->type == OPTION_VERSION;
}

static void set_string(char **member, struct str value)
{
	free(*member);
	*member = value.n ? xmemdup0(value.p, value.n) : NULL;
}

static int set_duration(int64_t *member_ms, struct str value, const char **why)
{
	int64_t us = 0;
	int err = duration_parse(value, &us, why);

	*member_ms = us / 1000 + (us % 1000 > 0) - (us % 1000 < 0);
	return err;
}

static int add_sni(struct option_list *list, struct str value, const char **why)
{
	struct flag_sni sni;
	int err = flag_sni_parse(value, &sni, why);

	flag_sni_fini(&sni);
	if (!err)
		option_list_add(list, value);
	return err;
}

static int set_version(struct options *o, struct str value, const char **why)
{
	o->version = o->version_raw = str_eq(value, STR("raw"));
	if (o->version || str_has_prefix(value, STR("v")))
		return 0;
	return flag_bool_parse(value, &o->version, why);
}

static int set_ip(char **member, struct str value, const char **why)
{
	int err = flag_ip_check(value, why);

	if (!err)
		set_string(member, value);
	return err;
}

/* Puts a value where the table says; a flag without a member has a dummy of its type. */
static int set_value(struct options *o, const struct option_def *d, void *member, struct str value,
		     const char **why)
{
	switch (d->type) {
	case OPTION_BOOL: return flag_bool_parse(value, member, why);
	case OPTION_INT: return flag_int_parse(value, member, why);
	case OPTION_DURATION: return set_duration(member, value, why);
	case OPTION_FLOAT: return flag_float_check(value, why);
	case OPTION_MAP: return flag_map_check(value, why);
	case OPTION_IP: return set_ip(member, str_trim(value), why);
	case OPTION_STRING: set_string(member, value); return 0;
	case OPTION_STRINGS: return flag_csv_parse(value, member, why);
	case OPTION_ARRAY: option_list_add(member, value); return 0;
	case OPTION_SNI: return add_sni(member, value, why);
	case OPTION_VERSION: return set_version(o, value, why);
	}
	return 0;
}

static bool is_list(const struct option_def *d)
{
	return d->type == OPTION_STRINGS || d->type == OPTION_ARRAY || d->type == OPTION_SNI;
}

static bool is_text(const struct option_def *d)
{
	return d->type == OPTION_STRING || d->type == OPTION_IP;
}

union dummy {
	bool boolean;
	int64_t integer;
	char *text;
	struct option_list list;
};

static int set(struct options *o, const struct option_def *d, struct str value, const char **why)
{
	union dummy dummy = { .list = { NULL, 0 } };
	bool stored = d->offset != OPTION_NO_MEMBER;
	int err = set_value(o, d, stored ? (void *)((char *)o + d->offset) : &dummy, value, why);

	if (!stored && is_list(d))
		option_list_fini(&dummy.list);
	else if (!stored && is_text(d))
		free(dummy.text);
	return err;
}

static void note_ignored(struct options *o, const struct option_def *d)
{
	if (d->group == GROUP_IGNORED)
		option_list_add(&o->ignored, str_from(d->name));
}

static int invalid(struct parser *p, const struct option_def *d, struct str value, const char *why)
{
	struct strbuf quoted = STRBUF_INIT;
	int err;

	strbuf_add_go_quoted(&quoted, value);
	err = fail(p, "invalid argument %s for \"%s--%s\" flag: %s", quoted.p,
		   strcmp(d->name, "v") ? "" : "-v, ", d->name, why);
	strbuf_fini(&quoted);
	return err;
}

/* The first use of a list replaces its default, later ones append. */
static int take(struct parser *p, const struct option_def *d, struct str value)
{
	size_t index = (size_t)(d - option_table);
	const char *why = "";

	if (!p->given[index]) {
		note_ignored(p->out, d);
		if (is_list(d) && d->offset != OPTION_NO_MEMBER)
			option_list_fini((void *)((char *)p->out + d->offset));
	}
	p->given[index] = true;
	return set(p->out, d, value, &why) ? invalid(p, d, value, why) : 0;
}

/* --name, --name=value, --name value. */
static int parse_long(struct parser *p, const char *arg)
{
	struct str text = str_from(arg + 2), name = text;
	ptrdiff_t equals = str_find(text, '=', 0);
	const struct option_def *d;

	if (arg[2] == '-' || arg[2] == '=')
		return fail(p, "bad flag syntax: %s", arg);
	if (equals >= 0)
		name = str_slice(text, 0, (size_t)equals);
	d = find(name);
	if (!d)
		return fail(p, "unknown flag: --%.*s", STR_ARG(name));
	if (equals >= 0)
		return take(p, d, str_skip(text, (size_t)equals + 1));
	if (takes_no_value(d))
		return take(p, d, STR("true"));
	if (!*p->argv)
		return fail(p, "flag needs an argument: %s", arg);
	return take(p, d, str_from(*p->argv++));
}

/* -h and -v in all their forms: -v 4, -v=4, -v4, -hv4. */
static int parse_short(struct parser *p, const char *arg)
{
	for (const char *c = arg + 1; *c; c++) {
		struct str rest = str_from(c + 1), value = STR("true");
		int err;

		if (*c == 'h') {
			bool has_value = rest.n > 1 && rest.p[0] == '=';

			if (has_value)
				value = str_skip(rest, 1);
			err = take(p, find(STR("help")), value);
			if (err || has_value)
				return err;
			continue;
		}
		if (*c != 'v')
			return fail(p, "unknown shorthand flag: '%c' in -%s", *c, c);
		if (rest.n > 1 && rest.p[0] == '=')
			rest = str_skip(rest, 1);
		if (!rest.n && !*p->argv)
			return fail(p, "flag needs an argument: 'v' in -%s", c);
		return take(p, find(STR("v")), rest.n ? rest : str_from(*p->argv++));
	}
	return 0;
}

static int parse_all(struct parser *p)
{
	int err = 0;

	while (!err && *p->argv) {
		const char *arg = *p->argv++;

		if (arg[0] != '-' || !arg[1])
			option_list_add(&p->arguments, str_from(arg));
		else if (!strcmp(arg, "--"))
			break;
		else
			err = arg[1] == '-' ? parse_long(p, arg) : parse_short(p, arg);
	}
	while (!err && *p->argv)
		option_list_add(&p->arguments, str_from(*p->argv++));
	return err;
}

/* Empty arguments are let pass, but shown when another one is not. */
static int check_arguments(struct parser *p)
{
	struct strbuf shown = STRBUF_INIT;
	bool empty = true;
	int err = 0;

	for (size_t i = 0; i < p->arguments.n; i++) {
		empty = empty && !*p->arguments.v[i];
		strbuf_add_cstr(&shown, i ? " " : "");
		strbuf_add_go_quoted(&shown, str_from(p->arguments.v[i]));
	}
	if (!empty && !p->out->help)
		err = fail(p, "\"" PROGRAM "\" does not take any arguments, got [%s]", shown.p);
	strbuf_fini(&shown);
	return err;
}

static void set_defaults(struct options *o)
{
	*o = (struct options){ .bind_address = NULL };
	for (size_t i = 0; i < option_count; i++) {
		const struct option_def *d = &option_table[i];
		const char *why;

		if (d->preset)
			CHECK(!set(o, d, str_from(d->preset), &why));
	}
}

int options_parse(int argc, char **argv, struct options *out, char **error)
{
	struct parser p = {
		.out = out, .argv = argc > 0 ? argv + 1 : argv, .error = error,
		.given = xcalloc(option_count, sizeof(bool)),
	};
	int err;

	*error = NULL;
	set_defaults(out);
	err = parse_all(&p);
	if (!err)
		err = check_arguments(&p);
	option_list_fini(&p.arguments);
	free(p.given);
	if (err)
		options_fini(out);
	return err;
}

void options_fini(struct options *o)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_def *d = &option_table[i];
		void *member = (char *)o + d->offset;

		if (d->offset == OPTION_NO_MEMBER)
			continue;
		if (is_list(d))
			option_list_fini(member);
		else if (is_text(d))
			free(*(char **)member);
	}
	option_list_fini(&o->ignored);
	*o = (struct options){ .bind_address = NULL };
}

void options_log_ignored(const struct options *o)
{
	struct strbuf names = STRBUF_INIT;

	for (size_t i = 0; i < o->ignored.n; i++)
		strbuf_addf(&names, "%s--%s", i ? ", " : "", o->ignored.v[i]);
	if (o->ignored.n)
		log_warning("flags without effect in this version: %s", names.p);
	strbuf_fini(&names);
}
