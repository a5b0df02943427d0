/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "http/negotiate.h"
#include "tests/tap.h"

struct row {
	const char *accept, *agent, *query;
	enum media_format format;
	bool pretty;
};

#define PB "application/vnd.kubernetes.protobuf"

static const struct row rows[] = {
	{ NULL, NULL, "", MEDIA_JSON, false },
	{ "", NULL, "", MEDIA_JSON, false },
	{ "*/*", NULL, "", MEDIA_JSON, false },
	{ "*", NULL, "", MEDIA_JSON, false },
	{ "application/*", NULL, "", MEDIA_JSON, false },
	{ "application/json", NULL, "", MEDIA_JSON, false },
	{ "application/yaml", NULL, "", MEDIA_YAML, false },
	{ PB, NULL, "", MEDIA_PROTOBUF, false },
	/* Order, q, wildcards last. */
	{ PB ",application/json", NULL, "", MEDIA_PROTOBUF, false },
	{ "application/json;q=0.5, application/yaml;q=0.8", NULL, "", MEDIA_YAML, false },
	{ "application/yaml;q=0.5, application/json;q=x", NULL, "", MEDIA_YAML, false },
	{ "application/yaml;q=0.5;q=0.9," PB ";q=0.7", NULL, "", MEDIA_YAML, false },
	{ "*/*, application/yaml", NULL, "", MEDIA_YAML, false },
	{ "application/*, application/yaml", NULL, "", MEDIA_YAML, false },
	{ "*/*;q=0.8,application/yaml;q=0.9", NULL, "", MEDIA_YAML, false },
	{ "text/html,*/*;q=0.1", NULL, "", MEDIA_JSON, false },
	{ "application/yaml;q=0", NULL, "", MEDIA_YAML, false },
	/* Malformed clauses are left out. */
	{ "json, application/yaml", NULL, "", MEDIA_YAML, false },
	{ "application/json/x, application/yaml", NULL, "", MEDIA_YAML, false },
	{ "application/json/, application/yaml", NULL, "", MEDIA_JSON, false },
	{ " application / yaml ", NULL, "", MEDIA_YAML, false },
	{ "application/, application/yaml", NULL, "", MEDIA_YAML, false },
	{ ",,application/yaml,", NULL, "", MEDIA_YAML, false },
	{ "*/json, application/yaml", NULL, "", MEDIA_YAML, false },
	/* Names are compared with their case. */
	{ "Application/yaml, " PB, NULL, "", MEDIA_PROTOBUF, false },
	/* kubectl: the Table clauses do not fit an error. */
	{ "application/json;as=Table;v=v1;g=meta.k8s.io,application/jso"
		    "n", NULL, "", MEDIA_JSON, false },
	{ "application/yaml;as=Table,application/json", NULL, "", MEDIA_JSON, false },
	{ "application/yaml;g=x,application/json", NULL, "", MEDIA_JSON, false },
	{ "application/yaml;v=x,application/json", NULL, "", MEDIA_JSON, false },
	{ "application/yaml;as=,application/json", NULL, "", MEDIA_YAML, false },
	{ "application/yaml;as,application/json", NULL, "", MEDIA_YAML, false },
	{ "application/yaml;as=a=b,application/json", NULL, "", MEDIA_YAML, false },
	{ PB ";sv=1,application/json", NULL, "", MEDIA_JSON, false },
	{ PB ";stream=watch,application/json", NULL, "", MEDIA_PROTOBUF, false },
	{ PB ";stream=other,application/json", NULL, "", MEDIA_JSON, false },
	{ "application/yaml;stream=watch," PB, NULL, "", MEDIA_PROTOBUF, false },
	{ "application/yaml;charset=utf-8", NULL, "", MEDIA_YAML, false },
	/* Nothing fits: indented JSON. */
	{ "text/html", NULL, "", MEDIA_JSON, true },
	{ "application/json;as=Table", NULL, "", MEDIA_JSON, true },
	{ "text/html", NULL, "pretty=0", MEDIA_JSON, true },
	/* Indentation. */
	{ "application/json;pretty=1", NULL, "", MEDIA_JSON, true },
	{ "application/json;pretty=true", NULL, "", MEDIA_JSON, false },
	{ NULL, "curl/8.0", "", MEDIA_JSON, true },
	{ "*/*", "curl/8.0", "", MEDIA_JSON, true },
	{ "*/*", "Curl/8.0", "", MEDIA_JSON, false },
	{ "*/*", "Wget/1.21", "", MEDIA_JSON, true },
	{ "*/*", "Mozilla/5.0 (X11)", "", MEDIA_JSON, true },
	{ "*/*", "Mozilla/4.0", "", MEDIA_JSON, false },
	{ "*/*", "kubectl/v1.36 curl", "", MEDIA_JSON, false },
	{ "application/yaml", "curl/8.0", "", MEDIA_YAML, false },
	{ "*/*", NULL, "pretty=1", MEDIA_JSON, true },
	{ "*/*", NULL, "pretty=t", MEDIA_JSON, true },
	{ "*/*", NULL, "pretty=TRUE", MEDIA_JSON, true },
	{ "*/*", NULL, "pretty=True", MEDIA_JSON, true },
	{ "*/*", NULL, "pretty=tRUE", MEDIA_JSON, false },
	{ "*/*", "curl/8.0", "pretty=0", MEDIA_JSON, false },
	{ "*/*", "curl/8.0", "pretty=yes", MEDIA_JSON, false },
	{ "*/*", "curl/8.0", "pretty=", MEDIA_JSON, true },
	{ "*/*", "curl/8.0", "pretty", MEDIA_JSON, true },
	{ "*/*", NULL, "a=b&pr%65tty=%31", MEDIA_JSON, true },
	{ "*/*", NULL, "pretty=0&pretty=1", MEDIA_JSON, false },
	{ "*/*", "curl/8.0", "pretty=0;x&a", MEDIA_JSON, true },
	{ "*/*", "curl/8.0", "pretty=%0", MEDIA_JSON, true },
	{ "*/*", "curl/8.0", "pretty=%zz", MEDIA_JSON, true },
	{ "*/*", "curl/8.0", "prettyy=0&Pretty=0", MEDIA_JSON, true },
	{ "*/*", NULL, "pretty=truetruetrue", MEDIA_JSON, false },
	{ "application/json;pretty=1", NULL, "pretty=0", MEDIA_JSON, true },
};

static void test_table(void)
{
	for (size_t i = 0; i < array_size(rows); i++) {
		struct http_headers h;
		struct media_choice c;
		struct arena a;

		arena_init(&a);
		http_headers_init(&h, &a);
		if (rows[i].accept)
			http_headers_add(&h, STR("Accept"), str_from(rows[i].accept));
		if (rows[i].agent)
			http_headers_add(&h, STR("user-agent"), str_from(rows[i].agent));
		tap_row(rows[i].accept ? rows[i].accept : rows[i].query);
		c = negotiate_error(&h, str_from(rows[i].query));
		int_is(c.format, rows[i].format);
		int_is(c.pretty, rows[i].pretty);
		arena_fini(&a);
	}
	tap_row(NULL);
}

static void test_only_the_first_accept_line_counts(void)
{
	struct http_headers h;
	struct arena a;

	arena_init(&a);
	http_headers_init(&h, &a);
	http_headers_add(&h, STR("Accept"), STR("application/yaml"));
	http_headers_add(&h, STR("Accept"), STR("application/json"));
	int_is(negotiate_error(&h, STR_NULL).format, MEDIA_YAML);
	arena_fini(&a);
}

/* A huge field or query must cost no more than reading it. */
static void test_bounds(void)
{
	struct strbuf accept = STRBUF_INIT, query = STRBUF_INIT;
	struct http_headers h;
	struct media_choice c;
	struct arena a;

	arena_init(&a);
	http_headers_init(&h, &a);
	for (int i = 0; i < 100000; i++)
		strbuf_add_cstr(&accept, "a/b;q=0.1,");
	strbuf_add_cstr(&accept, "application/yaml");
	for (int i = 0; i < 10000; i++)
		strbuf_add_cstr(&query, "a&");
	strbuf_add_cstr(&query, "pretty=0");
	http_headers_add(&h, STR("Accept"), strbuf_str(&accept));
	c = negotiate_error(&h, STR_NULL);
	int_is(c.format, MEDIA_JSON);
	http_field_remove(&h, HTTP_BIT(HTTP_ACCEPT));
	ok(!negotiate_error(&h, str_skip(strbuf_str(&query), 2)).pretty);
	http_headers_add(&h, STR("User-Agent"), STR("curl"));
	ok(negotiate_error(&h, strbuf_str(&query)).pretty);
	ok(!negotiate_error(&h, str_skip(strbuf_str(&query), 2)).pretty);
	strbuf_fini(&accept);
	strbuf_fini(&query);
	arena_fini(&a);
}

static void test_content_types(void)
{
	str_is(media_content_type(MEDIA_JSON), STR("application/json"));
	str_is(media_content_type(MEDIA_YAML), STR("application/yaml"));
	str_is(media_content_type(MEDIA_PROTOBUF), STR(PB));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_table),
		TAP(test_only_the_first_accept_line_counts),
		TAP(test_bounds),
		TAP(test_content_types),
		TAP_END
	};

	return tap_main(tests);
}
