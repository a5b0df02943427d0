/* SPDX-License-Identifier: Apache-2.0 */
/* Request resolution: the examples of kube-apiserver's own code, and the forms of a target. */
#include "config.h"

#include "proxy/request_info.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "conf/file.h"
#include "tests/tap.h"

#define EXAMPLES 155

enum column {
	NUMBER, METHOD, TARGET, OUTCOME, VERB, GROUP, VERSION, NAMESPACE, RESOURCE, SUBRESOURCE,
	NAME, PATH, FIELD_SELECTOR, LABEL_SELECTOR, COLUMNS
};

/* The next line's cells; "-" is empty, \x00 is a NUL. */
static bool next_row(struct str *rest, struct arena *a, struct str *v)
{
	struct str line;

	while (str_next(rest, '\n', &line)) {
		if (!line.n || line.p[0] == '#')
			continue;
		for (size_t i = 0; i < COLUMNS; i++) {
			ptrdiff_t at;

			if (!ok(str_next(&line, '\t', &v[i])))
				return false;
			if (str_eq(v[i], STR("-")))
				v[i] = STR_NULL;
			at = str_find_str(v[i], STR("\\x00"));
			if (at < 0)
				continue;
			v[i] = arena_str(a, v[i]);
			((char *)(uintptr_t)v[i].p)[at] = '\0';
			memmove((char *)(uintptr_t)v[i].p + at + 1, v[i].p + at + 4,
				v[i].n - (size_t)at - 4);
			v[i].n -= 3;
		}
		return true;
	}
	return false;
}

static void check_resource(const struct attributes *at, const struct str *row)
{
	ok(at->is_resource);
	str_is(at->verb, row[VERB]);
	str_is(at->api_group, row[GROUP]);
	str_is(at->api_version, row[VERSION]);
	str_is(at->namespace, row[NAMESPACE]);
	str_is(at->resource, row[RESOURCE]);
	str_is(at->subresource, row[SUBRESOURCE]);
	str_is(at->name, row[NAME]);
	str_is(at->field_selector.raw, row[FIELD_SELECTOR]);
	str_is(at->label_selector.raw, row[LABEL_SELECTOR]);
}

static void check_row(const struct str *row, struct arena *a)
{
	struct request_info info;
	int rc = request_info_resolve(row[METHOD], row[TARGET], a, &info);

	if (str_eq(row[OUTCOME], STR("400"))) {
		int_is(rc, ERR_SYNTAX);
	} else if (str_eq(row[OUTCOME], STR("500"))) {
		int_is(rc, ERR_UNSUPPORTED);
	} else if (str_eq(row[OUTCOME], STR("server"))) {
		ok(rc == 0 && !info.attributes.is_resource);
	} else if (int_is(rc, 0) && str_eq(row[OUTCOME], STR("path"))) {
		ok(!info.attributes.is_resource);
		str_is(info.attributes.verb, row[VERB]);
		str_is(info.attributes.path, row[PATH]);
		int_is(info.attributes.resource.n + info.attributes.api_version.n, 0);
	} else {
		check_resource(&info.attributes, row);
	}
}

static void test_examples(void)
{
	struct str text, rest, row[COLUMNS];
	struct arena a;
	int rows = 0;

	if (!int_is(file_read(tap_data("request_info.tsv"), &text), 0))
		return;
	rest = text;
	arena_init(&a);
	while (next_row(&rest, &a, row)) {
		char *label = arena_cstr(&a, row[NUMBER]);

		tap_row(label);
		check_row(row, &a);
		rows++;
		tap_row(NULL);
		arena_fini(&a);
	}
	int_is(rows, EXAMPLES);
	file_text_free(text);
}

/* Resolves into static storage that lives until the next call. */
static const struct request_info *resolve(const char *method, const char *target)
{
	static struct arena a;
	static struct request_info info;

	arena_fini(&a);
	tap_row(target);
	int_is(request_info_resolve(str_from(method), str_from(target), &a, &info), 0);
	tap_row(NULL);
	return &info;
}

static int resolve_error(const char *method, struct str target)
{
	struct request_info info;
	struct arena a;
	int rc;

	arena_init(&a);
	rc = request_info_resolve(str_from(method), target, &a, &info);
	arena_fini(&a);
	return rc;
}

static void test_target_forms(void)
{
	str_is(resolve("GET", "/a%20b?x=%20")->origin_form, STR("/a%20b?x=%20"));
	str_is(resolve("GET", "https://h:6443/api/v1/pods?watch=1")->origin_form,
	       STR("/api/v1/pods?watch=1"));
	str_is(resolve("GET", "HTTP://[::1]:1//a")->origin_form, STR("//a"));
	str_is(resolve("GET", "http://[::1]/a")->origin_form, STR("/a"));
	str_is(resolve("GET", "http://h:/a")->origin_form, STR("/a"));
	str_is(resolve("GET", "http:///a")->origin_form, STR("/a"));
	str_is(resolve("GET", "http:/a")->origin_form, STR("/a"));
	/* An empty path stays empty, as in kube-apiserver. */
	str_is(resolve("GET", "http://h")->origin_form, STR(""));
	str_is(resolve("GET", "http://h")->attributes.path, STR(""));
	str_is(resolve("GET", "http://h?a/b")->origin_form, STR("?a/b"));
	str_is(resolve("GET", "http://h?a/b")->raw_query, STR("a/b"));
	str_is(resolve("GET", "//api/v1/pods")->origin_form, STR("//api/v1/pods"));
	str_is(resolve("GET", "/a?b?c")->raw_query, STR("b?c"));
	str_is(resolve("GET", "/a:b://c")->attributes.path, STR("/a:b://c"));
}

static void test_bad_targets(void)
{
	static const struct {
		const char *method;
		struct str target;
	} bad[] = {
		{ "GET", STR("") }, { "GET", STR("*") }, { "GET", STR("?x") },
		{ "GET", STR("http:a") }, { "GET", STR("://h/a") }, { "GET", STR("1http://h/a") },
		{ "GET", STR("h/a") }, { "GET", STR("http://u@h/a") },
		{ "GET", STR("http://h:1a/a") }, { "GET", STR("http://h:1:2/a") },
		{ "GET", STR("http://[::1/a") }, { "GET", STR("http://[::1]a/a") },
		{ "GET", STR("http://h]/a") },
		{ "GET", STR("http://h\\/a") },
		{ "GET", STR("http://h%41/a") },
		{ "GET", STR("/a\x01") }, { "GET", STR("/a\x7f") }, { "GET", STR("/a\0b") },
		{ "GET", STR("/a\tb") }, { "GET", STR("/a?b\nc") },
		{ "GET", STR("/%") }, { "GET", STR("/%4") }, { "GET", STR("/%4g") },
		{ "CONNECT", STR("") }, { "CONNECT", STR("h:1/a") }, { "CONNECT", STR("u@h:1") },
	};

	for (size_t i = 0; i < array_size(bad); i++) {
		tap_row(bad[i].target.p);
		int_is(resolve_error(bad[i].method, bad[i].target), ERR_SYNTAX);
	}
	tap_row(NULL);
	/* Only the path's escapes count; the query's bad pieces are dropped. */
	int_is(resolve_error("GET", STR("/a?%zz")), 0);
	int_is(resolve_error("GET", STR("/a\x80\xff")), 0);
}

static void test_long_running(void)
{
	static const struct {
		const char *method, *target;
		bool want;
	} rows[] = {
		{ "GET", "/api/v1/pods?watch=1", true }, { "GET", "/api/v1/pods", false },
		{ "DELETE", "/api/v1/watch/pods", true }, { "GET", "/api/v1/proxy/nodes/n", true },
		{ "GET", "/api/v1/namespaces/n/pods/p?watch=1", false },
		{ "POST", "/api/v1/namespaces/n/pods/p/exec", true },
		{ "POST", "/api/v1/namespaces/n/pods/p/attach", true },
		{ "POST", "/api/v1/namespaces/n/pods/p/portforward", true },
		{ "GET", "/api/v1/namespaces/n/pods/p/log", true },
		{ "GET", "/api/v1/namespaces/n/pods/p/proxy/x", true },
		{ "GET", "/api/v1/namespaces/n/pods/p/status", false },
		{ "GET", "/debug/pprof/profile", true }, { "GET", "/debug/pprof", false },
		{ "GET", "/log", false }, { "WATCH", "/x", true },
	};

	for (size_t i = 0; i < array_size(rows); i++)
		if (!ok(resolve(rows[i].method, rows[i].target)->long_running == rows[i].want))
			tap_note("%s %s", rows[i].method, rows[i].target);
}

static void test_list_parameters(void)
{
	static const struct {
		const char *query, *verb, *name;
	} rows[] = {
		{ "fieldSelector=metadata.name%3Da&limit=9223372036854775807", "list", "a" },
		{ "fieldSelector=metadata.name%3Da&limit=-9223372036854775808", "list", "a" },
		{ "fieldSelector=metadata.name%3Da&limit=%2B5", "list", "a" },
		{ "fieldSelector=metadata.name%3Da&limit=+5", "list", "" },
		{ "fieldSelector=metadata.name%3Da&limit=9223372036854775808", "list", "" },
		{ "fieldSelector=metadata.name%3Da&limit=-9223372036854775809", "list", "" },
		{ "fieldSelector=metadata.name%3Da&limit=1_0", "list", "" },
		{ "fieldSelector=metadata.name%3Da&limit=-", "list", "" },
		{ "fieldSelector=metadata.name%3Da&limit=1&limit=x", "list", "a" },
		{ "fieldSelector=metadata.name%3Da&sendInitialEvents=x&unknown=%zz", "list", "a" },
		{ "fieldSelector=metadata.name%3Da&labelSelector=%21", "list", "" },
		{ "fieldSelector=metadata.name%3Da&labelSelector=%21&watch=FALSE", "list", "" },
		{ "fieldSelector=metadata.name%3Da&labelSelector=%21&watch=1", "watch", "" },
		{ "fieldSelector=metadata.name%3Da%5C%2Cb&watch", "watch", "a,b" },
		{ "field%53elector=metadata.name=a", "list", "a" },
		{ "fieldselector=metadata.name=a", "list", "" },
		{ "fieldSelector=metadata.name=%2e", "list", "" },
		{ "fieldSelector=metadata.name=a%2525", "list", "" },
		{ "fieldSelector=%zz&fieldSelector=metadata.name=b", "list", "b" },
		{ "&&=x&fieldSelector=metadata.name=b&&", "list", "b" },
		{ "watch=fal%C5%BFe", "list", "" },
		{ "watch=FAL%C5%BFE", "list", "" },
		{ "watch=fal%C5%BFx", "watch", "" },
		{ "watch=fal%C5%BFe&limit=x", "watch", "" },
	};
	char target[256];

	for (size_t i = 0; i < array_size(rows); i++) {
		const struct request_info *info;

		snprintf(target, sizeof(target), "/api/v1/pods?%s", rows[i].query);
		info = resolve("GET", target);
		tap_row(rows[i].query);
		str_is(info->attributes.verb, str_from(rows[i].verb));
		str_is(info->attributes.name, str_from(rows[i].name));
	}
	tap_row(NULL);
}

/* A query with more than 10000 pieces counts as having none. */
static void test_query_pieces(void)
{
	for (int pieces = 10000; pieces <= 10001; pieces++) {
		struct strbuf b = STRBUF_INIT;

		strbuf_add_cstr(&b, "/api/v1/pods?watch=1");
		for (int i = 1; i < pieces; i++)
			strbuf_add_cstr(&b, "&");
		str_is(resolve("GET", b.p)->attributes.verb,
		       pieces == 10000 ? STR("watch") : STR("list"));
		strbuf_fini(&b);
	}
}

static void test_query_get(void)
{
	struct str query = STR("a=1&b=x%20y+z&b=2&c&d=%zz&d=3&e=1;f=2"), v;
	struct arena a;

	arena_init(&a);
	ok(request_query_get(query, STR("b"), &a, &v));
	str_is(v, STR("x y z"));
	ok(request_query_get(query, STR("c"), &a, &v));
	str_is(v, STR(""));
	ok(request_query_get(query, STR("d"), &a, &v));
	str_is(v, STR("3"));
	ok(!request_query_get(query, STR("e"), &a, &v));
	ok(!request_query_get(query, STR("f"), &a, &v));
	ok(!request_query_get(STR_NULL, STR("a"), &a, &v));
	arena_fini(&a);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_examples), TAP(test_target_forms), TAP(test_bad_targets),
		TAP(test_long_running), TAP(test_list_parameters), TAP(test_query_pieces),
		TAP(test_query_get), TAP_END
	};

	return tap_main(tests);
}
