/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fields patches could write, and whose tests the server could see otherwise.  Apostrophes
 * stand for quotes.
 */
#include "config.h"

#include "codec/patch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "tests/tap.h"

static char *with_quotes(const char *text)
{
	char *json = xstrdup(text);

	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return json;
}

static json_t *parse(const char *text)
{
	char *json = with_quotes(text);
	json_t *v = NULL;

	if (!ok(!json_read(str_from(json), &v, NULL)))
		tap_note("not JSON: %s", json);
	free(json);
	return v;
}

struct touch {
	const char *patch;
	bool touches;
};

static void run_touches(enum patch_type type, const struct touch *rows, size_t n)
{
	static const char *const paths[] = {
		"metadata.labels", "metadata.ownerReferences", "spec.taints", "spec.configSource",
	};

	for (size_t i = 0; i < n; i++) {
		json_t *patch = parse(rows[i].patch);

		tap_row(rows[i].patch);
		int_is(patch_touches(type, patch, paths, array_size(paths)), rows[i].touches);
		json_decref(patch);
	}
	tap_row(NULL);
}

static void test_texts(void)
{
	static const struct { const char *patch; enum patch_result result; } rows[] = {
		{ "[{'op':'test','value':'\\u0066'}]", PATCH_REFUSED },
		{ "[{'op':'add','value':'\\u0066'}]", PATCH_OK },
		{ "[{'op':'test','value':'f\\'\\\\u0066\\n\\t'}]", PATCH_OK },
		{ "[{'op':'test','value':'\\/'}]", PATCH_REFUSED },
		{ "[{'op':'test','value':'a<b'}]", PATCH_REFUSED },
		{ "[{'op':'test','value':'a\\u003cb\\u003e\\u0026\\u2028\\u0007'}]",
		  PATCH_OK },
		{ "[{'op':'test','value':'a\\u003Cb'}]", PATCH_REFUSED },
		{ "[{'op':'test','value':'\\u000a'}]", PATCH_REFUSED },
		{ "[{'op':'test','value':'\xe2\x80\xa8'}]", PATCH_REFUSED },
		{ "[{'op':'test','value':'\xe2\x82\xac'}]", PATCH_OK },
		{ "[{'op':'test','value':[true,false,null,-10,200]}]", PATCH_OK },
		{ "[{'op':'test','value':1e3}]", PATCH_REFUSED },
		{ "[{'op':'test','value':1.0}]", PATCH_REFUSED },
		{ "[{'op':'test','value':-0}]", PATCH_REFUSED },
		{ "[{'op':'test','value':'1.0e3 -0'}]", PATCH_OK },
		{ "[]", PATCH_OK },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *text = with_quotes(rows[i].patch);
		json_t *patch = parse(text);
		struct strbuf why = STRBUF_INIT;

		tap_row(text);
		int_is(patch_check_text(PATCH_JSON, patch, str_from(text), &why), rows[i].result);
		ok(!why.n == (rows[i].result == PATCH_OK));
		int_is(patch_check_text(PATCH_MERGE, patch, str_from(text), &why), PATCH_OK);
		strbuf_fini(&why);
		free(text);
		json_decref(patch);
	}
	tap_row(NULL);
}

static void test_touches_merge(void)
{
	static const struct touch rows[] = {
		{ "{}", false },
		{ "{'status':{'conditions':null},'metadata':{'annotations':{'a':'b'}}}", false },
		{ "{'metadata':{},'spec':{}}", false },
		{ "{'metadata':{'labels':{'a':'b'}}}", true },
		{ "{'metadata':{'labels':{}}}", true },
		{ "{'metadata':{'labels':null}}", true },
		{ "{'metadata':null}", true }, { "{'metadata':[]}", true },
		{ "{'metadata':'x'}", true },
		{ "{'spec':null}", true }, { "{'spec':{'taints':[]}}", true },
		{ "{'spec':{'configSource':1}}", true }, { "{'spec':{'podCIDR':null}}", false },
		{ "{'metadata':{'Labels':{}},'Spec':null}", false },
		{ "{'labels':{},'taints':[]}", false },
		{ "null", true }, { "[]", true }, { "'x'", true },
	};
	static const struct touch only_merge[] = {
		{ "{'$patch':'replace'}", false },
		{ "{'metadata':{'$patch':'delete','$retainKeys':[]}}", false },
		{ "{'$deleteFromPrimitiveList/metadata':null}", false },
	};

	run_touches(PATCH_MERGE, rows, array_size(rows));
	run_touches(PATCH_STRATEGIC, rows, array_size(rows));
	run_touches(PATCH_MERGE, only_merge, array_size(only_merge));
}

static void test_touches_strategic(void)
{
	static const struct touch rows[] = {
		{ "{'$patch':'replace'}", true }, { "{'metadata':{'$patch':'delete'}}", true },
		{ "{'spec':{'$patch':'x'}}", true }, { "{'$retainKeys':['status']}", true },
		{ "{'metadata':{'$retainKeys':[]}}", true },
		{ "{'$deleteFromPrimitiveList/metadata':null}", true },
		{ "{'$setElementOrder/spec':[]}", true },
		{ "{'$deleteFromPrimitiveList/status':{}}", false },
		{ "{'metadata':{'$deleteFromPrimitiveList/labels':{'a':'b'}}}", true },
		{ "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a'],"
		  "'$setElementOrder/finalizers':[],'finalizers':['b']}}", false },
		{ "{'metadata':{'$setElementOrder/ownerReferences':[]}}", true },
		{ "{'spec':{'$setElementOrder/podCIDRs':[]}}", false },
		{ "{'$deleteFromPrimitiveList':1}", true },
		{ "{'metadata':{'$setElementOrder':1}}", true },
		{ "{'metadata':{'$deleteFromPrimitiveListX/a':1}}", true },
		{ "{'metadata':{'$deleteFromPrimitiveList/':1}}", true },
		{ "{'metadata':{'$other':1}}", true },
		{ "{'metadata':{'annotations':{'$patch':'replace'}}}", false },
		{ "{'status':{'$setElementOrder/conditions':[{'type':'Ready'}],'$patch':'x',"
		  "'conditions':[{'type':'Ready','$patch':'delete'}]}}", false },
	};

	run_touches(PATCH_STRATEGIC, rows, array_size(rows));
}

#define OP(op, path) "[{'op':'" op "','path':'" path "'}]"

static void test_touches_json(void)
{
	static const struct touch rows[] = {
		{ "[]", false }, { "null", true }, { "{}", true }, { "[1]", true },
		{ "[null]", true },
		{ OP("add", "/status/x"), false }, { OP("add", "/metadata/annotations/x"), false },
		{ OP("add", "/metadata/labels/x"), true }, { OP("add", "/metadata/labels"), true },
		{ OP("remove", "/metadata"), true }, { OP("replace", "/spec"), true },
		{ OP("replace", ""), true }, { OP("add", ""), true },
		{ OP("add", "zz/metadata/labels/x"), true },
		{ OP("remove", "/status/../spec/taints"), false },
		{ OP("add", "/meta~0data"), false }, { OP("add", "/"), false },
		{ OP("add", "/metadata/labels~1x"), false },
		{ OP("add", "/metadata/labelsx"), false }, { OP("add", "/metadata/label"), false },
		{ OP("add", "/metadata/labels/"), true }, { OP("add", "/metadata/"), false },
		{ OP("add", "nothing"), true }, { OP("Add", "/x"), true },
		{ OP("test", "/metadata/labels"), false }, { OP("test", ""), false },
		{ "[{'op':'test'}]", true }, { "[{'path':'/x'}]", true },
		{ "[{'op':'add','path':1}]", true },
		{ "[{'op':'move','from':'/metadata/labels/a','path':'/x'}]", true },
		{ "[{'op':'move','from':'/x','path':'/spec/taints/0'}]", true },
		{ "[{'op':'move','from':'/x','path':'/y'}]", false },
		{ "[{'op':'move','path':'/y'}]", true },
		{ "[{'op':'copy','from':'/metadata/labels','path':'/metadata/annotations'}]",
		  false },
		{ "[{'op':'copy','from':'/x','path':'/metadata/labels'}]", true },
		{ "[{'op':'test','path':'/x'},{'op':'remove','path':'/spec/taints/0'}]", true },
	};

	run_touches(PATCH_JSON, rows, array_size(rows));
}

/* Components that a pointer must escape. */
static void test_touches_escaped(void)
{
	static const char *const paths[] = { "metadata.a/b", "metadata.c~d", "metadata.~1" };
	static const struct { const char *patch; size_t path; bool touches; } rows[] = {
		{ OP("add", "/metadata/a~1b"), 0, true }, { OP("add", "/metadata/a/b"), 0, false },
		{ OP("add", "/metadata/c~0d/x"), 1, true }, { OP("add", "/metadata/c~d"), 1, true },
		{ OP("add", "/metadata/~01"), 2, true }, { OP("add", "/metadata/~1"), 2, false },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		json_t *patch = parse(rows[i].patch);

		tap_row(rows[i].patch);
		int_is(patch_touches(PATCH_JSON, patch, &paths[rows[i].path], 1), rows[i].touches);
		json_decref(patch);
	}
	tap_row(NULL);
}

/* Nothing is guarded: but what cannot be understood counts as touching, for JSON Patches. */
static void test_touches_nothing(void)
{
	json_t *patch = parse("{'metadata':null}");

	ok(!patch_touches(PATCH_MERGE, patch, NULL, 0));
	ok(patch_touches(PATCH_JSON, patch, NULL, 0));
	json_decref(patch);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_texts), TAP(test_touches_merge), TAP(test_touches_strategic),
		TAP(test_touches_json), TAP(test_touches_escaped), TAP(test_touches_nothing),
		TAP_END
	};

	return tap_main(tests);
}
