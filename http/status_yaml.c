/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-apiserver's YAML comes from a Go port of libyaml's emitter; which scalars it leaves plain is
 * decided before, by whether a reader would take them for something else than text.
 */
#include "config.h"

#include "http/status_yaml.h"

#include <stdio.h>
#include <yaml.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"

static int write_out(void *arg, unsigned char *p, size_t n)
{
	strbuf_add(arg, p, n);
	return 1;
}

static void emit(yaml_emitter_t *e, yaml_event_t *event)
{
	CHECK(yaml_emitter_emit(e, event));
}

/* true, null and their like in YAML 1.1. */
static bool is_reserved_word(struct str s)
{
	static const char *const words[] = {
		"", "~", "null", "Null", "NULL",
		"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
		"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
		".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF",
		"-.inf", "-.Inf", "-.INF",
	};

	for (size_t i = 0; i < array_size(words); i++)
		if (str_eq(s, str_from(words[i])))
			return true;
	return false;
}

static size_t skip_set(struct str s, size_t i, const char *set)
{
	while (i < s.n && s.p[i] && strchr(set, s.p[i]))
		i++;
	return i;
}

#define DIGITS "0123456789"

/* `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, underscores left out before. */
static bool is_decimal(struct str s)
{
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), start, digits;

	digits = skip_set(s, i, DIGITS) - i;
	i += digits;
	if (i < s.n && s.p[i] == '.') {
		start = ++i;
		i = skip_set(s, i, DIGITS);
		digits += i - start;
	}
	if (!digits)
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
		start = i;
		i = skip_set(s, i, DIGITS);
		if (i == start)
			return false;
	}
	return i == s.n;
}

/* 0x, 0o and 0b integers with a sign in front. */
static bool is_based_integer(struct str s)
{
	static const char *const digits[] = { ['x'] = DIGITS "abcdefABCDEF", ['o'] = "01234567",
					      ['b'] = "01" };
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
	unsigned char base;

	if (i + 2 >= s.n || s.p[i] != '0')
		return false;
	base = (unsigned char)s.p[i + 1] | 0x20;
	return (base == 'x' || base == 'o' || base == 'b') &&
	       skip_set(s, i + 2, digits[base]) == s.n;
}

/* `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: 1:30 is ninety to some readers. */
static bool is_base_60(struct str s)
{
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
	size_t groups = 0;

	if (i >= s.n || s.p[i] < '0' || s.p[i] > '9')
		return false;
	i = skip_set(s, i, DIGITS "_");
	while (i < s.n && s.p[i] == ':') {
		size_t n = skip_set(s, i + 1, DIGITS) - i - 1;

		if (n == 0 || n > 2 || (n == 2 && s.p[i + 1] > '5'))
			return false;
		i += n + 1;
		groups++;
	}
	if (groups && i < s.n && s.p[i] == '.')
		i = skip_set(s, i + 1, DIGITS "_");
	return groups && i == s.n;
}

/* A date (2001-1-2) or one with a time behind it: quoted whenever it looks so. */
static bool is_timestamp(struct str s)
{
	int year, month, day, n = 0;
	char head[16];

	snprintf(head, sizeof(head), "%.*s", s.n < 10 ? (int)s.n : 10, s.p);
	if (skip_set(s, 0, DIGITS) != 4 ||
	    sscanf(head, "%4d-%2d-%2d%n", &year, &month, &day, &n) != 3)
		return false;
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
	       ((size_t)n == s.n || strchr("Tt ", s.p[n]));
}

/* Whether a reader would see text in s without quotes. */
static bool resolves_to_text(struct str s)
{
	char plain[64];
	size_t n = 0;

	if (is_reserved_word(s))
		return false;
	if (s.n >= sizeof(plain) || !strchr("+-." DIGITS, s.p[0]))
		return true;
	if (is_timestamp(s) || is_base_60(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_')
			plain[n++] = s.p[i];
	return !is_decimal(str_make(plain, n)) && !is_based_integer(str_make(plain, n));
}

static void emit_text(yaml_emitter_t *e, struct str s, yaml_scalar_style_t style)
{
	yaml_event_t event;
	const yaml_char_t *p = (const yaml_char_t *)(s.p ? s.p : "");

	CHECK(yaml_scalar_event_initialize(&event, NULL, NULL, p, (int)s.n, 1, 1, style));
	emit(e, &event);
}

/* s with each byte that is no UTF-8 replaced, as the JSON encoder in front of the YAML does. */
static void add_valid_utf8(struct strbuf *out, struct str s)
{
	while (s.n) {
		uint32_t rune;
		size_t len = utf8_decode(s.p, s.n, &rune);

		if (len)
			strbuf_add(out, s.p, len);
		else
			strbuf_add_cstr(out, "\xef\xbf\xbd");
		s = str_skip(s, len ? len : 1);
	}
}

static void emit_key(yaml_emitter_t *e, const char *key)
{
	emit_text(e, str_from(key), YAML_PLAIN_SCALAR_STYLE);
}

static void emit_field(yaml_emitter_t *e, const char *key, struct str value)
{
	yaml_scalar_style_t style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	struct strbuf valid = STRBUF_INIT;

	if (!value.n)
		return;
	emit_key(e, key);
	if (str_find(value, '\n', 0) >= 0)
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (resolves_to_text(value))
		style = YAML_PLAIN_SCALAR_STYLE;
	add_valid_utf8(&valid, value);
	emit_text(e, strbuf_str(&valid), style);
	strbuf_fini(&valid);
}

static void emit_number(yaml_emitter_t *e, const char *key, int value)
{
	char text[16];

	if (!value)
		return;
	emit_key(e, key);
	snprintf(text, sizeof(text), "%d", value);
	emit_text(e, str_from(text), YAML_PLAIN_SCALAR_STYLE);
}

static void open_map(yaml_emitter_t *e)
{
	yaml_event_t event;

	CHECK(yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
	emit(e, &event);
}

static void close_map(yaml_emitter_t *e)
{
	yaml_event_t event;

	CHECK(yaml_mapping_end_event_initialize(&event));
	emit(e, &event);
}

static void emit_causes(yaml_emitter_t *e, const struct status *s)
{
	yaml_event_t event;

	if (!s->details.cause_count)
		return;
	emit_key(e, "causes");
	CHECK(yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
						   YAML_BLOCK_SEQUENCE_STYLE));
	emit(e, &event);
	for (size_t i = 0; i < s->details.cause_count; i++) {
		open_map(e);
		emit_field(e, "field", s->details.causes[i].field);
		emit_field(e, "message", s->details.causes[i].message);
		emit_field(e, "reason", s->details.causes[i].reason);
		close_map(e);
	}
	CHECK(yaml_sequence_end_event_initialize(&event));
	emit(e, &event);
}

static void emit_status(yaml_emitter_t *e, const struct status *s)
{
	open_map(e);
	emit_field(e, "apiVersion", STR("v1"));
	emit_number(e, "code", s->code);
	if (s->has_details) {
		emit_key(e, "details");
		open_map(e);
		emit_causes(e, s);
		emit_field(e, "group", s->details.group);
		emit_field(e, "kind", s->details.kind);
		emit_field(e, "name", s->details.name);
		emit_number(e, "retryAfterSeconds", s->details.retry_after_seconds);
		emit_field(e, "uid", s->details.uid);
		close_map(e);
	}
	emit_field(e, "kind", STR("Status"));
	emit_field(e, "message", s->message);
	emit_key(e, "metadata");
	open_map(e);
	close_map(e);
	emit_field(e, "reason", s->reason);
	emit_field(e, "status", s->success ? STR("Success") : STR("Failure"));
	close_map(e);
}

void status_encode_yaml(struct strbuf *out, const struct status *s)
{
	yaml_emitter_t e;
	yaml_event_t event;

	CHECK(yaml_emitter_initialize(&e));
	yaml_emitter_set_output(&e, write_out, out);
	yaml_emitter_set_unicode(&e, 1);
	CHECK(yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	emit(&e, &event);
	CHECK(yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	emit(&e, &event);
	emit_status(&e, s);
	CHECK(yaml_document_end_event_initialize(&event, 1));
	emit(&e, &event);
	CHECK(yaml_stream_end_event_initialize(&event));
	emit(&e, &event);
	yaml_emitter_delete(&e);
	/* libyaml ends a document behind `|+` with dots, its Go port does not. */
	if (str_has_suffix(strbuf_str(out), STR("\n...\n")))
		out->n -= 4;
}
