/* SPDX-License-Identifier: Apache-2.0 */
/* What patches make of objects.  Apostrophes stand for quotes. */
#include "config.h"

#include "codec/patch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "codec/patch_run.h"
#include "tests/tap.h"

struct row {
	const char *document, *patch;
	enum patch_result result;
	const char *want;		/* the object, or the text of the error (NULL: any) */
};

#define NOT_PROCESSED PATCH_NOT_PROCESSED
#define PANIC "This request caused apiserver to panic. Look in the logs for details."

static json_t *parse(const char *text)
{
	char *json = xstrdup(text);
	json_t *v = NULL;

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (!ok(!json_read(str_from(json), &v, NULL)))
		tap_note("not JSON: %s", json);
	free(json);
	return v;
}

static void check_result(const struct row *r, json_t *out, const struct strbuf *why)
{
	char *text = out ? json_dumps(out, JSON_COMPACT) : NULL;
	json_t *want;

	if (r->result != PATCH_OK) {
		ok(!out);
		if (r->want)
			str_is(strbuf_str(why), str_from(r->want));
		return;
	}
	str_is(strbuf_str(why), STR(""));
	want = parse(r->want);
	if (!ok(out && json_equal(out, want)))
		tap_note("got %s", text ? text : "nothing");
	json_decref(want);
	free(text);
}

/* Neither the document nor the patch may be changed, so both are compared with copies. */
static void run_row(enum patch_type type, const char *message, const struct row *r)
{
	const struct schema_message *m = message ? schema_message_find(message) : NULL;
	json_t *document = parse(r->document), *patch = parse(r->patch), *out = NULL;
	json_t *document_before = json_deep_copy(document), *patch_before = json_deep_copy(patch);
	struct strbuf why = STRBUF_INIT;

	tap_row(r->patch);
	int_is(patch_apply(type, m, document, patch, &out, &why), r->result);
	check_result(r, out, &why);
	ok(json_equal(document, document_before) && json_equal(patch, patch_before));
	json_decref(out);
	json_decref(document);
	json_decref(patch);
	json_decref(document_before);
	json_decref(patch_before);
	strbuf_fini(&why);
	tap_row(NULL);
}

static void run_rows(enum patch_type type, const char *message, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_row(type, message, &rows[i]);
}
#define RUN(type, message, rows) run_rows(type, message, rows, array_size(rows))

static void test_json_operations(void)
{
	static const struct row rows[] = {
		{ "{'a':1}", "null", PATCH_OK, "{'a':1}" },
		{ "{'a':1}", "[]", PATCH_OK, "{'a':1}" },
		{ "{'a':1}", "[{'op':'add','path':'/b','value':2}]", PATCH_OK, "{'a':1,'b':2}" },
		{ "{'a':1}", "[{'op':'add','path':'/a','value':[2]}]", PATCH_OK, "{'a':[2]}" },
		{ "{'a':1}", "[{'op':'add','path':'/a'}]", PATCH_OK, "{'a':null}" },
		{ "{'a':{}}", "[{'op':'add','path':'/a/b/c','value':1}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'replace','path':'/b','value':2}]", PATCH_OK,
		  "{'a':1,'b':2}" },
		{ "{'a':[1,2]}", "[{'op':'replace','path':'/a/1','value':3}]", PATCH_OK,
		  "{'a':[1,3]}" },
		{ "{'a':[1,2]}", "[{'op':'replace','path':'/a/2','value':3}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1,2]}", "[{'op':'replace','path':'/a/-','value':3}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1,'b':null}", "[{'op':'remove','path':'/b'}]", PATCH_OK, "{'a':1}" },
		{ "{'a':1}", "[{'op':'remove','path':'/b'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':[1,2,3]}", "[{'op':'remove','path':'/a/1'}]", PATCH_OK, "{'a':[1,3]}" },
		{ "{'a':[1]}", "[{'op':'remove','path':'/a/1'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':{'x':1}}", "[{'op':'move','from':'/a/x','path':'/b'}]", PATCH_OK,
		  "{'a':{},'b':1}" },
		{ "{'a':1}", "[{'op':'move','from':'/b','path':'/c'}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':{'x':1}}", "[{'op':'move','from':'/a','path':'/a/y'}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[{},{}]}", "[{'op':'move','from':'/a/0','path':'/a/0/x'}]", PATCH_OK,
		  "{'a':[{'x':{}}]}" },
		{ "{'a':{'x':1}}", "[{'op':'copy','from':'/a','path':'/b'},"
		  "{'op':'add','path':'/b/x','value':2}]", PATCH_OK, "{'a':{'x':1},'b':{'x':2}}" },
		{ "{'a':1}", "[{'op':'copy','from':'/b','path':'/c'}]", PATCH_OK,
		  "{'a':1,'c':null}" },
		{ "{'a':[1]}", "[{'op':'copy','from':'/a/1','path':'/c'}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'add','path':'/b','value':{'c':1}},"
		  "{'op':'add','path':'/b/c','value':2}]", PATCH_OK, "{'a':1,'b':{'c':2}}" },
	};

	RUN(PATCH_JSON, NULL, rows);
}

static void test_json_arrays(void)
{
	static const struct row rows[] = {
		{ "{'a':[1,2]}", "[{'op':'add','path':'/a/0','value':0}]", PATCH_OK,
		  "{'a':[0,1,2]}" },
		{ "{'a':[1,2]}", "[{'op':'add','path':'/a/2','value':3}]", PATCH_OK,
		  "{'a':[1,2,3]}" },
		{ "{'a':[1,2]}", "[{'op':'add','path':'/a/-','value':3}]", PATCH_OK,
		  "{'a':[1,2,3]}" },
		{ "{'a':[1,2]}", "[{'op':'add','path':'/a/3','value':3}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[[1]]}", "[{'op':'add','path':'/a/-/0','value':3}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1]}", "[{'op':'add','path':'/a/x','value':3}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1]}", "[{'op':'add','path':'/a/','value':3}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1]}", "[{'op':'add','path':'/a/99999999999999999999','value':3}]",
		  PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':[1]}", "[{'op':'add','path':'/a/-1','value':3}]", PATCH_REFUSED,
		  "array index with a sign" },
		{ "{'a':[1]}", "[{'op':'remove','path':'/a/+0'}]", PATCH_REFUSED,
		  "array index with a sign" },
		{ "{'a':[1]}", "[{'op':'remove','path':'/a/00'}]", PATCH_REFUSED,
		  "array index with a leading zero" },
		{ "{'a':[{'b':[1]}]}", "[{'op':'test','path':'/a/-1/b/0','value':1}]",
		  PATCH_REFUSED, "array index with a sign" },
		{ "{'a':{'-1':1,'007':2,'-':3}}", "[{'op':'remove','path':'/a/-1'},"
		  "{'op':'remove','path':'/a/007'},{'op':'remove','path':'/a/-'}]", PATCH_OK,
		  "{'a':{}}" },
	};

	RUN(PATCH_JSON, NULL, rows);
}

static void test_json_pointers(void)
{
	static const struct row rows[] = {
		{ "{'a/b':1,'m~n':2,'~1':3}", "[{'op':'remove','path':'/a~1b'},"
		  "{'op':'remove','path':'/m~0n'},{'op':'remove','path':'/~01'}]", PATCH_OK, "{}" },
		{ "{'a~2':1,'a~':2}", "[{'op':'remove','path':'/a~2'},"
		  "{'op':'remove','path':'/a~'}]", PATCH_OK, "{}" },
		{ "{'':{'':1}}", "[{'op':'remove','path':'//'}]", PATCH_OK, "{'':{}}" },
		{ "{'':1}", "[{'op':'remove','path':'/'}]", PATCH_OK, "{}" },
		{ "{'a':1}", "[{'op':'remove','path':'a'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'remove','path':'zz/a'}]", PATCH_REFUSED, "JSON pointer that "
		  "does not begin with a slash or has U+0000" },
		{ "{'a':1}", "[{'op':'remove','path':'/a\\u0000'}]", PATCH_REFUSED, "JSON pointer "
		  "that does not begin with a slash or has U+0000" },
		{ "{'a':1}", "[{'op':'remove','path':''}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'add','path':'','value':{}}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'copy','from':'','path':'/b'}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'replace','path':'','value':{'b':{}}},"
		  "{'op':'add','path':'/b/c','value':1}]", PATCH_OK, "{'b':{'c':1}}" },
		{ "{'a':1}", "[{'op':'replace','path':'','value':[1]}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'replace','path':'','value':[{'b':1}]},"
		  "{'op':'test','path':'/0/b','value':1},"
		  "{'op':'replace','path':'','value':{}}]", PATCH_OK, "{}" },
		{ "{'a':1}", "[{'op':'replace','path':'','value':1}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'replace','path':''}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':null}", "[{'op':'add','path':'/a/b','value':1}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':'x'}", "[{'op':'add','path':'/a/b','value':1}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'A':1}", "[{'op':'remove','path':'/a'}]", PATCH_INVALID, NOT_PROCESSED },
	};

	RUN(PATCH_JSON, NULL, rows);
}

static void test_json_test(void)
{
	static const struct row rows[] = {
		{ "{'a':{'b':[1,'x',true]}}",
		  "[{'op':'test','path':'/a','value':{'b':[1,'x',true]}}]", PATCH_OK,
		  "{'a':{'b':[1,'x',true]}}" },
		{ "{'a':1}", "[{'op':'test','path':'','value':{'a':1}}]", PATCH_OK, "{'a':1}" },
		{ "{'a':1}", "[{'op':'test','path':''}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'test','path':'/a','value':1.0}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'test','path':'/a','value':'1'}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'test','path':'/a'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'test','path':'/b'}]", PATCH_OK, "{'a':1}" },
		{ "{'a':null}", "[{'op':'test','path':'/a','value':null}]", PATCH_OK,
		  "{'a':null}" },
		{ "{'a':null}", "[{'op':'test','path':'/a','value':0}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':{'b':1}}", "[{'op':'test','path':'/a','value':{'b':1,'c':2}}]",
		  PATCH_INVALID, NOT_PROCESSED },
		{ "{'a':{'b':1}}", "[{'op':'test','path':'/a','value':{'c':1}}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1,2]}", "[{'op':'test','path':'/a','value':[1]}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1,2]}", "[{'op':'test','path':'/a','value':[2,1]}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':[1,null]}", "[{'op':'test','path':'/a','value':[1,null]}]",
		  PATCH_INTERNAL, PANIC },
		{ "{'a':[1]}", "[{'op':'test','path':'/a/1','value':null}]", PATCH_INVALID,
		  NOT_PROCESSED },
		{ "{'a':1}", "[{'op':'add','path':'/b','value':2},"
		  "{'op':'test','path':'/a','value':2}]", PATCH_INVALID, NOT_PROCESSED },
	};

	RUN(PATCH_JSON, NULL, rows);
}

static void test_json_malformed(void)
{
#define CANNOT "error decoding patch: json: cannot unmarshal "
	static const struct row rows[] = {
		{ "{}", "{'op':'remove','path':'/a'}", PATCH_BAD_REQUEST,
		  CANNOT "object into Go value of type []handlers.jsonPatchOp" },
		{ "{}", "'x'", PATCH_BAD_REQUEST,
		  CANNOT "string into Go value of type []handlers.jsonPatchOp" },
		{ "{}", "[[]]", PATCH_BAD_REQUEST,
		  CANNOT "array into Go value of type handlers.jsonPatchOp" },
		{ "{}", "[{'op':1,'path':'/a'}]", PATCH_BAD_REQUEST,
		  CANNOT "number into Go struct field jsonPatchOp.op of type string" },
		{ "{}", "[{'op':'add','path':true}]", PATCH_BAD_REQUEST,
		  CANNOT "bool into Go struct field jsonPatchOp.path of type string" },
		{ "{}", "[{'op':'add','path':'/a','from':{}}]", PATCH_BAD_REQUEST,
		  CANNOT "object into Go struct field jsonPatchOp.from of type string" },
		{ "{}", "[{'op':'remove','path':'/x'},{'op':[]}]", PATCH_BAD_REQUEST,
		  CANNOT "array into Go struct field jsonPatchOp.op of type string" },
		{ "{}", "[null]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'op':null,'path':'/a'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'op':'Add','path':'/a','value':1}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'OP':'add','path':'/a','value':1}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'op':'add','value':1}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'op':'move','path':'/a'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'op':'copy','from':null,'path':'/a'}]", PATCH_INVALID, NOT_PROCESSED },
		{ "{}", "[{'op':'add','path':'/a','value':1,'x':[],'Path':1}]", PATCH_OK,
		  "{'a':1}" },
	};

	RUN(PATCH_JSON, NULL, rows);
}

/* n times the same operation. */
static json_t *operations(size_t n, const char *operation)
{
	json_t *patch = json_array(), *one = parse(operation);

	while (n--)
		json_array_append(patch, one);
	json_decref(one);
	return patch;
}

static enum patch_result apply_operations(const char *document, json_t *patch, struct strbuf *why)
{
	json_t *from = parse(document), *out = NULL;
	enum patch_result result = patch_apply(PATCH_JSON, NULL, from, patch, &out, why);

	ok((out != NULL) == (result == PATCH_OK));
	json_decref(from);
	json_decref(out);
	return result;
}

static void test_json_operations_max(void)
{
	json_t *patch = operations(PATCH_OPERATIONS_MAX, "{'op':'test','path':'/a','value':1}");
	struct strbuf why = STRBUF_INIT;

	int_is(apply_operations("{'a':1}", patch, &why), PATCH_OK);
	json_array_append(patch, json_array_get(patch, 0));
	int_is(apply_operations("{'a':1}", patch, &why), PATCH_TOO_LARGE);
	str_is(strbuf_str(&why), STR("Request entity too large: The allowed maximum operations in "
				     "a JSON patch is 10000, got 10001"));
	strbuf_fini(&why);
	json_decref(patch);
}

/* The first operation adds a text that makes `size` bytes of JSON; the others copy it. */
static enum patch_result copy_text(size_t size, size_t times, struct strbuf *why)
{
	json_t *patch = operations(times, "{'op':'copy','from':'/a','path':'/b'}");
	json_t *add = parse("{'op':'add','path':'/a'}");
	char *text = xcalloc(1, size);
	enum patch_result result;

	memset(text, 'x', size - 2);
	json_object_set_new(add, "value", json_stringn(text, size - 2));
	json_array_insert_new(patch, 0, add);
	result = apply_operations("{}", patch, why);
	free(text);
	json_decref(patch);
	return result;
}

static void test_json_copied_max(void)
{
	struct strbuf why = STRBUF_INIT;

	int_is(copy_text(PATCH_COPIED_MAX / 3, 3, &why), PATCH_OK);
	int_is(copy_text(PATCH_COPIED_MAX / 3 + 1, 3, &why), PATCH_INVALID);
	str_is(strbuf_str(&why), STR(NOT_PROCESSED));
	strbuf_fini(&why);
}

/* Copies of an object into itself: the depth doubles each time, the size too. */
static void test_json_depth(void)
{
	struct strbuf why = STRBUF_INIT;
	json_t *patch = operations(98, "{'op':'copy','from':'/a','path':'/b/a'}");

	json_array_insert_new(patch, 0, parse("{'op':'add','path':'/b','value':{}}"));
	for (size_t i = 1; i < json_array_size(patch); i++)
		json_array_set_new(patch, i, parse(i % 2 ?
						   "{'op':'copy','from':'/a','path':'/b/a'}" :
						   "{'op':'move','from':'/b','path':'/a'}"));
	json_decref(patch);
	patch = json_array();
	for (size_t i = 0; i < 99; i++) {
		json_array_append_new(patch, parse("{'op':'add','path':'/b','value':{}}"));
		json_array_append_new(patch, parse("{'op':'move','from':'/a','path':'/b/a'}"));
		json_array_append_new(patch, parse("{'op':'move','from':'/b','path':'/a'}"));
	}
	int_is(apply_operations("{'a':{}}", patch, &why), PATCH_REFUSED);
	str_is(strbuf_str(&why), STR("the patched object is nested too deeply"));
	for (size_t i = 0; i < 2 * 3; i++)
		json_array_remove(patch, 0);
	strbuf_clear(&why);
	int_is(apply_operations("{'a':{}}", patch, &why), PATCH_OK);
	strbuf_fini(&why);
	json_decref(patch);
}

/* Many operations, each of which looks at or moves much. */
static void test_json_steps(void)
{
	json_t *patch = operations(9999, "{'op':'add','path':'/a/0','value':0}");
	json_t *add = parse("{'op':'add','path':'/a'}"), *numbers = json_array();
	struct strbuf why = STRBUF_INIT;

	for (size_t i = 0; i < 100000; i++)
		json_array_append_new(numbers, json_integer(0));
	json_object_set_new(add, "value", numbers);
	json_array_insert_new(patch, 0, add);
	int_is(apply_operations("{}", patch, &why), PATCH_REFUSED);
	str_is(strbuf_str(&why), STR("the patch takes more than 4000000 steps"));
	for (size_t i = 1; i < 10000; i++)
		json_array_set_new(patch, i, parse(i % 2 ? "{'op':'move','from':'/a','path':'/b'}" :
						   "{'op':'move','from':'/b','path':'/a'}"));
	strbuf_clear(&why);
	int_is(apply_operations("{}", patch, &why), PATCH_REFUSED);
	strbuf_fini(&why);
	json_decref(patch);
}

static void test_merge(void)
{
	static const struct row rows[] = {
		{ "{'a':'b'}", "{'a':'c'}", PATCH_OK, "{'a':'c'}" },
		{ "{'a':'b'}", "{'b':'c'}", PATCH_OK, "{'a':'b','b':'c'}" },
		{ "{'a':'b','b':1}", "{'a':null,'c':null}", PATCH_OK, "{'b':1}" },
		{ "{'a':[{'b':'c'}]}", "{'a':[1,null]}", PATCH_OK, "{'a':[1,null]}" },
		{ "{'a':{'b':'c','x':1}}", "{'a':{'b':'d','c':null}}", PATCH_OK,
		  "{'a':{'b':'d','x':1}}" },
		{ "{}", "{'a':{'bb':{'ccc':null,'d':[{'e':null}]}}}", PATCH_OK,
		  "{'a':{'bb':{'d':[{}]}}}" },
		{ "{'a':1}", "{'a':{'b':null,'c':2}}", PATCH_OK, "{'a':{'c':2}}" },
		{ "{'a':null}", "{'a':{'b':null}}", PATCH_OK, "{'a':{}}" },
		{ "{'a':{'b':1}}", "{'a':[{'c':null}]}", PATCH_OK, "{'a':[{'c':null}]}" },
		{ "{'a':1}", "{'a':[{'c':null}]}", PATCH_OK, "{'a':[{}]}" },
		{ "{'a':{'b':1}}", "{'a':7}", PATCH_OK, "{'a':7}" },
		{ "{'a':{'b':1}}", "{'a':{'$patch':'replace','$retainKeys':['b']}}", PATCH_OK,
		  "{'a':{'b':1,'$patch':'replace','$retainKeys':['b']}}" },
		{ "{'a':1}", "{}", PATCH_OK, "{'a':1}" },
		{ "{'a':1}", "null", PATCH_BAD_REQUEST, "Invalid JSON Patch" },
		{ "{'a':1}", "[1]", PATCH_BAD_REQUEST,
		  CANNOT "array into Go value of type map[string]interface {}" },
		{ "{'a':1}", "'x'", PATCH_BAD_REQUEST,
		  CANNOT "string into Go value of type map[string]interface {}" },
		{ "{'a':1}", "5", PATCH_BAD_REQUEST,
		  CANNOT "number into Go value of type map[string]interface {}" },
	};

	RUN(PATCH_MERGE, NULL, rows);
}

static void test_strategic_objects(void)
{
	static const struct row rows[] = {
		{ "{'metadata':{'name':'n'}}", "{'metadata':{'labels':{'a':'b','c':null}}}",
		  PATCH_OK, "{'metadata':{'name':'n','labels':{'a':'b'}}}" },
		{ "{'metadata':{'labels':{'a':'1','b':'2'}}}",
		  "{'metadata':{'labels':{'a':null,'c':'3'}}}", PATCH_OK,
		  "{'metadata':{'labels':{'b':'2','c':'3'}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':null}}", PATCH_OK,
		  "{'metadata':{}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':5}}", PATCH_OK,
		  "{'metadata':{'labels':5}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'a':5}}}", PATCH_OK,
		  "{'metadata':{'labels':{'a':5}}}" },
		{ "{'spec':{'podCIDR':'x'}}", "{'spec':{'unknown':{'x':{'$patch':'delete'},'y':[1,"
		  "{'$patch':'replace'},{'z':null}]}}}", PATCH_OK,
		  "{'spec':{'podCIDR':'x','unknown':{'y':[1,{}]}}}" },
		{ "{'spec':{}}", "{'spec':{'new':{'$patch':'replace','a':1}}}", PATCH_OK,
		  "{'spec':{}}" },
		{ "{'spec':{}}", "{'spec':{'new':{'$patch':null,'a':1}}}", PATCH_OK,
		  "{'spec':{'new':{'a':1}}}" },
		{ "{'spec':{'unschedulable':true}}", "{'spec':{'unschedulable':false}}", PATCH_OK,
		  "{'spec':{'unschedulable':false}}" },
		{ "{'kind':'Node'}", "[]", PATCH_BAD_REQUEST,
		  "json: cannot unmarshal array into Go value of type map[string]interface {}" },
		{ "{'kind':'Node'}", "null", PATCH_OK, "{'kind':'Node'}" },
		{ "{'spec':{'future':{'a':1}}}", "{'spec':{'future':{'b':1}}}", PATCH_REFUSED,
		  "how the field future of NodeSpec is patched is not known" },
		{ "{'spec':{'future':{'a':1}}}", "{'spec':{'future':null}}", PATCH_OK,
		  "{'spec':{}}" },
		{ "{'metadata':{'labels':{'a':{}}}}", "{'metadata':{'labels':{'a':{}}}}",
		  PATCH_INTERNAL, "merging an object in json but data type is not struct, instead "
		  "is: map" },
		{ "{'metadata':{'managedFields':[{'fieldsV1':{'f:x':{}}}]}}",
		  "{'metadata':{'managedFields':[{'fieldsV1':{'f:x':{}}}]}}", PATCH_OK,
		  "{'metadata':{'managedFields':[{'fieldsV1':{'f:x':{}}}]}}" },
	};

	RUN(PATCH_STRATEGIC, "core.v1.Node", rows);
	run_row(PATCH_STRATEGIC, NULL, &(struct row){ "{}", "{}", PATCH_REFUSED, NULL });
}

static void test_strategic_directives(void)
{
	static const struct row rows[] = {
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'labels':{'$patch':'replace','b':'2','c':{'$patch':'delete'}}}}",
		  PATCH_OK, "{'metadata':{'labels':{'b':'2','c':{'$patch':'delete'}}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'labels':{'$patch':'delete','b':'2'}}}", PATCH_OK,
		  "{'metadata':{'labels':{}}}" },
		{ "{'metadata':{}}", "{'$patch':'delete'}", PATCH_OK, "{}" },
		{ "{'metadata':{}}", "{'$patch':'replace','spec':{}}", PATCH_OK, "{'spec':{}}" },
		{ "{'metadata':{}}", "{'metadata':{'b':[1,null,true,'x',{'z':1,'y':-2.5}],"
		  "'$patch':'merge'}}", PATCH_INTERNAL, "unknown patch type: merge in map: "
		  "map[$patch:merge b:[1 <nil> true x map[y:-2.5 z:1]]]" },
		{ "{'metadata':{}}", "{'metadata':{'$patch':null}}", PATCH_INTERNAL,
		  "unknown patch type: %!s(<nil>) in map: map[$patch:<nil>]" },
		{ "{'metadata':{}}", "{'metadata':{'$patch':5}}", PATCH_INTERNAL,
		  "unknown patch type: %!s(int64=5) in map: map[$patch:5]" },
		{ "{'metadata':{}}", "{'metadata':{'$patch':true}}", PATCH_INTERNAL,
		  "unknown patch type: %!s(bool=true) in map: map[$patch:true]" },
		{ "{'metadata':{}}", "{'metadata':{'$patch':''}}", PATCH_INTERNAL,
		  "unknown patch type:  in map: map[$patch:]" },
		{ "{'metadata':{'labels':{'a':'1','b':'2'}}}",
		  "{'metadata':{'labels':{'$retainKeys':['b','c'],'c':'3','a':null}}}", PATCH_OK,
		  "{'metadata':{'labels':{'b':'2','c':'3'}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'labels':{'$retainKeys':['b'],'c':'3'}}}", PATCH_BAD_REQUEST,
		  "invalid patch format of retainKeys" },
		{ "{'metadata':{}}", "{'metadata':{'$retainKeys':'b'}}", PATCH_BAD_REQUEST,
		  "invalid patch format of retainKeys" },
		{ "{'metadata':{'name':'n'}}", "{'metadata':{'$retainKeys':[1,null,'name']}}",
		  PATCH_OK, "{'metadata':{'name':'n'}}" },
		{ "{'metadata':{'name':'n'}}", "{'metadata':{'$retainKeys':[[]]}}", PATCH_INTERNAL,
		  PANIC },
		{ "{'metadata':{'name':'n','finalizers':['a','b']}}",
		  "{'metadata':{'$retainKeys':['finalizers'],"
		  "'$deleteFromPrimitiveList/finalizers':['a'],'$setElementOrder/finalizers':['b']}"
		  "}", PATCH_OK, "{'metadata':{'finalizers':['b']}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'$deleteFromPrimitiveList/labels':{'a':'2','b':'3'}}}", PATCH_OK,
		  "{'metadata':{'labels':{'a':'2','b':'3'}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'$deleteFromPrimitiveList/labels':null}}", PATCH_OK,
		  "{'metadata':{}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'labels':{'$deleteFromPrimitiveList/a':'2'}}}", PATCH_OK,
		  "{'metadata':{'labels':{'a':'2'}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'labels':{'$deleteFromPrimitiveList/b':'2'}}}", PATCH_OK,
		  "{'metadata':{'labels':{'a':'1'}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'metadata':{'labels':{'$deleteFromPrimitiveList/a':2}}}", PATCH_OK,
		  "{'metadata':{'labels':{'a':'1'}}}" },
		{ "{'metadata':{'labels':{'a':'1'}}}",
		  "{'$deleteFromPrimitiveList/metadata':{'labels':null}}", PATCH_OK,
		  "{'metadata':{}}" },
		{ "{'metadata':{}}", "{'$deleteFromPrimitiveList':['a']}", PATCH_BAD_REQUEST,
		  "invalid patch format of primitive list" },
		{ "{'metadata':{}}", "{'$deleteFromPrimitiveListX/metadata':null}",
		  PATCH_BAD_REQUEST, "invalid patch format of primitive list" },
		{ "{'metadata':{}}", "{'$deleteFromPrimitiveList/':['a']}", PATCH_OK,
		  "{'metadata':{}}" },
		{ "{'metadata':{'labels':{'':'x'}}}",
		  "{'metadata':{'labels':{'$deleteFromPrimitiveList/':'y'}}}", PATCH_OK,
		  "{'metadata':{'labels':{'':'x'}}}" },
		{ "{'metadata':{'generation':1}}",
		  "{'metadata':{'$deleteFromPrimitiveList/generation':1.5}}", PATCH_OK,
		  "{'metadata':{'generation':1}}" },
		{ "{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':['b'],"
		  "'$deleteFromPrimitiveList/finalizers':['a']}}", PATCH_REFUSED, "the patch has "
		  "both finalizers and $deleteFromPrimitiveList/finalizers" },
		{ "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{},"
		  "'$deleteFromPrimitiveList/labels':null}}", PATCH_REFUSED, NULL },
	};

	RUN(PATCH_STRATEGIC, "core.v1.Node", rows);
}

#define META(members) "{'metadata':{" members "}}"

static void test_strategic_scalar_lists(void)
{
	static const struct row rows[] = {
		{ META("'finalizers':['a','b']"), META("'finalizers':['c','a']"), PATCH_OK,
		  META("'finalizers':['c','a','b']") },
		{ META("'finalizers':['a','b','c']"), META("'finalizers':['c','d','c']"), PATCH_OK,
		  META("'finalizers':['a','b','c','d']") },
		{ META("'finalizers':['a','b']"), META("'finalizers':[]"), PATCH_OK,
		  META("'finalizers':['a','b']") },
		{ META("'finalizers':[]"), META("'finalizers':[]"), PATCH_OK,
		  META("'finalizers':[]") },
		{ META("'finalizers':['a','a']"), META("'finalizers':['b']"), PATCH_REFUSED,
		  "the stored list has a value twice" },
		{ META("'finalizers':['a','b','a']"),
		  META("'$deleteFromPrimitiveList/finalizers':['a','x']"), PATCH_OK,
		  META("'finalizers':['b']") },
		{ META("'name':'n'"), META("'$deleteFromPrimitiveList/finalizers':['a']"),
		  PATCH_OK, META("'name':'n'") },
		{ META("'finalizers':['a']"), META("'finalizers':[1]"), PATCH_INTERNAL,
		  "list element types are not identical: [[a] [1]]" },
		{ META("'finalizers':[]"), META("'finalizers':[[1]]"), PATCH_INVALID,
		  NOT_PROCESSED },
		{ META("'finalizers':[]"), META("'finalizers':[null]"), PATCH_INTERNAL, PANIC },
		{ META("'finalizers':[]"), META("'finalizers':[{}]"), PATCH_INTERNAL,
		  "cannot merge lists without merge key for struct" },
		{ META("'ownerReferences':[]"), META("'ownerReferences':['x']"), PATCH_INTERNAL,
		  "expected a map[string]interface {}, but received a string" },
		{ META("'finalizers':['a','b','c']"),
		  META("'$setElementOrder/finalizers':['c','a'],'finalizers':['c','d']"),
		  PATCH_INTERNAL, "The order in patch list:\n[c d]\n doesn't match "
		  "$setElementOrder list:\n[c a]\n" },
		{ META("'finalizers':['a','b','c']"),
		  META("'$setElementOrder/finalizers':['c','a']"), PATCH_OK,
		  META("'finalizers':['b','c','a']") },
		{ META("'finalizers':['a','b','c']"), META("'finalizers':['d'],"
		  "'$deleteFromPrimitiveList/finalizers':['a'],"
		  "'$setElementOrder/finalizers':['d','c','b']"), PATCH_OK,
		  META("'finalizers':['d','c','b']") },
		{ META("'finalizers':['a','b']"), META("'$setElementOrder/finalizers':[]"),
		  PATCH_OK, META("'finalizers':['a','b']") },
		{ META("'finalizers':[]"), META("'$setElementOrder/finalizers':[]"),
		  PATCH_INTERNAL, "no elements in any of the given slices" },
		{ META("'name':'n'"), META("'$setElementOrder/finalizers':['a']"), PATCH_OK,
		  META("'name':'n'") },
		{ META("'name':'n'"),
		  META("'$setElementOrder/finalizers':['b','a'],'finalizers':['b','a']"),
		  PATCH_OK, META("'name':'n','finalizers':['b','a']") },
		{ META("'name':'n'"),
		  META("'$setElementOrder/finalizers':[],'finalizers':['b','a']"),
		  PATCH_REFUSED, "the order of a list is not defined" },
		{ META("'finalizers':['a']"), META("'$setElementOrder/finalizers':[{}]"),
		  PATCH_INTERNAL, PANIC },
		{ META("'finalizers':['a']"), META("'$setElementOrder/finalizers':'a'"),
		  PATCH_INTERNAL, "expected a []interface {}, but received a string" },
		{ META("'finalizers':['a']"),
		  META("'$setElementOrder/finalizers':['a'],'finalizers':null"), PATCH_INTERNAL,
		  "expected a []interface {}, but received a %!s(<nil>)" },
		{ META("'finalizers':['a']"), META("'$setElementOrder':['a']"),
		  PATCH_BAD_REQUEST, "invalid patch format of setElementOrder list" },
		{ META("'finalizers':['a']"), META("'$setElementOrder/nothing':['a']"),
		  PATCH_INTERNAL, "unable to find api field in struct ObjectMeta for the json "
		  "field \"nothing\"" },
		{ META("'name':'n'"), META("'$setElementOrder/name':[]"), PATCH_INTERNAL, NULL },
		{ META("'finalizers':['a']"), "{'$setElementOrder/metadata':[]}", PATCH_INTERNAL,
		  "expected a []interface {}, but received a map[string]interface {}" },
		{ META("'labels':{'a':'b'}"), META("'labels':{'$setElementOrder/a':[]}"),
		  PATCH_INTERNAL, NULL },
	};

	RUN(PATCH_STRATEGIC, "core.v1.Node", rows);
}

#define STATUS(members) "{'status':{" members "}}"

static void test_strategic_object_lists(void)
{
	static const struct row rows[] = {
		{ STATUS("'conditions':[{'type':'A','status':'x','reason':'r'},{'type':'B'}]"),
		  STATUS("'conditions':[{'type':'C'},{'type':'A','status':'y','reason':null}]"),
		  PATCH_OK,
		  STATUS("'conditions':[{'type':'C'},{'type':'A','status':'y'},{'type':'B'}]") },
		{ STATUS("'conditions':[{'type':'A'},{'type':'B'},{'type':'A','x':1}]"),
		  STATUS("'conditions':[{'type':'A','$patch':'delete'}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'B'}]") },
		{ STATUS("'conditions':[{'type':'A','x':1},{'type':'B'},{'type':'A'}]"),
		  STATUS("'conditions':[{'type':'A','y':2}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'A','x':1,'y':2},{'type':'A'},{'type':'B'}]") },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'conditions':[{'type':'B','x':null,'y':{'$patch':'delete'}}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'B','x':null,'y':{'$patch':'delete'}},"
			 "{'type':'A'}]") },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'conditions':[{'type':'B','x':1},{'type':'B','y':2}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'B','x':1,'y':2},{'type':'A'}]") },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'conditions':[{'$patch':'replace'},{'type':'B'},"
			 "{'type':'C','$patch':'delete'}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'B'}]") },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'conditions':[{'$patch':'merge','type':'A'}]"), PATCH_INTERNAL,
		  "merging lists cannot yet be specified in the patch" },
		{ STATUS("'conditions':[{'type':'A'}]"), STATUS("'conditions':[{'$patch':'x'}]"),
		  PATCH_INTERNAL, "unknown patch type: x in map: map[$patch:x]" },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'conditions':[{'$patch':'delete'}]"), PATCH_INTERNAL,
		  "map: map[$patch:delete] does not contain declared merge key: type" },
		{ STATUS("'conditions':[{'type':'A'}]"), STATUS("'conditions':[{'status':'x'}]"),
		  PATCH_INTERNAL,
		  "map: map[status:x] does not contain declared merge key: type" },
		{ STATUS("'conditions':[{'x':1}]"), STATUS("'conditions':[{'type':'A'}]"),
		  PATCH_INTERNAL, "map: map[x:1] does not contain declared merge key: type" },
		{ STATUS("'conditions':[{'type':'A'}]"), STATUS("'conditions':[{'type':{}}]"),
		  PATCH_INTERNAL, PANIC },
		{ STATUS("'conditions':[{'type':'A'}]"), STATUS("'conditions':[{'type':1}]"),
		  PATCH_OK, STATUS("'conditions':[{'type':1},{'type':'A'}]") },
		{ STATUS("'conditions':[{'type':'A'}]"), STATUS("'conditions':['A']"),
		  PATCH_INTERNAL, "list element types are not identical: [[map[type:A]] [A]]" },
		{ STATUS("'images':[{'names':['a']}]"), STATUS("'images':[{'names':['b']}]"),
		  PATCH_OK, STATUS("'images':[{'names':['b']}]") },
		{ STATUS("'images':[{'names':['a']}]"),
		  STATUS("'$deleteFromPrimitiveList/images':[{'names':['b']}]"), PATCH_INTERNAL,
		  "cannot merge lists without merge key for struct" },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'$deleteFromPrimitiveList/conditions':[{'type':'A','x':1}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'A','x':1}]") },
		{ "{'spec':{'taints':[{'key':'a'}]}}", "{'spec':{'taints':[{'key':'b'}]}}",
		  PATCH_OK, "{'spec':{'taints':[{'key':'b'}]}}" },
		{ META("'ownerReferences':[{'uid':'1','kind':'Node'}]"),
		  META("'ownerReferences':[{'uid':'1','name':'n'},{'uid':'2'}]"), PATCH_OK,
		  META("'ownerReferences':[{'uid':'1','kind':'Node','name':'n'},{'uid':'2'}]") },
	};

	RUN(PATCH_STRATEGIC, "core.v1.Node", rows);
}

static void test_strategic_object_order(void)
{
	static const struct row rows[] = {
		{ STATUS("'conditions':[{'type':'A','x':1},{'type':'B'}]"),
		  STATUS("'$setElementOrder/conditions':[{'type':'B'},{'type':'A'}],"
			 "'conditions':[{'type':'A','y':2}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'B'},{'type':'A','x':1,'y':2}]") },
		{ STATUS("'conditions':[{'type':'S'},{'type':'A'},{'type':'T'},{'type':'B'}]"),
		  STATUS("'$setElementOrder/conditions':[{'type':'N'},{'type':'B'},{'type':'A'}],"
			 "'conditions':[{'type':'N'},{'type':'A','y':1}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'N'},{'type':'S'},{'type':'T'},{'type':'B'},"
			 "{'type':'A','y':1}]") },
		/* What was deleted and is there again is behind the others. */
		{ STATUS("'addresses':[{'type':'A'},{'type':'B'},{'type':'C'}]"),
		  STATUS("'$setElementOrder/addresses':[{'type':'A'},{'type':'C'}],"
			 "'addresses':[{'type':'A','$patch':'delete'},{'type':'A','x':1}]"),
		  PATCH_OK,
		  STATUS("'addresses':[{'type':'B'},{'type':'A','x':1},{'type':'C'}]") },
		{ STATUS("'conditions':[{'type':'A'},{'type':'B'}]"),
		  STATUS("'$setElementOrder/conditions':[{'type':'B'}],"
			 "'conditions':[{'type':'A','$patch':'delete'}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'B'}]") },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'$setElementOrder/conditions':[{'type':'B'}],"
			 "'conditions':[{'type':'C'}]"), PATCH_INTERNAL, NULL },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'$setElementOrder/conditions':[{'x':'B'}]"), PATCH_INTERNAL,
		  "map: map[x:B] does not contain declared merge key: type" },
		{ STATUS("'conditions':[{'type':'A'}]"),
		  STATUS("'$setElementOrder/conditions':['A']"), PATCH_INTERNAL,
		  "value for key 0 is not a map" },
		{ STATUS("'images':[{'names':['a']}]"),
		  STATUS("'$setElementOrder/images':[{'names':['a']}]"), PATCH_INTERNAL, PANIC },
		{ STATUS("'images':[{'names':['a']}]"),
		  STATUS("'$setElementOrder/images':[],'images':[]"), PATCH_INTERNAL,
		  "map: map[names:[a]] does not contain declared merge key: " },
		{ STATUS("'addresses':[{'type':'A'},{'type':'B'}]"),
		  STATUS("'$setElementOrder/addresses':[{'type':'N'}],"
			 "'addresses':[{'type':'B','$patch':'delete'},{'type':'N'}]"), PATCH_OK,
		  STATUS("'addresses':[{'type':'A'},{'type':'N'}]") },
		{ "{'kind':'Node'}",
		  STATUS("'$setElementOrder/conditions':[{'type':'A'}],"
			 "'conditions':[{'type':'A'}]"), PATCH_OK, "{'kind':'Node','status':"
		  "{'$setElementOrder/conditions':[{'type':'A'}],'conditions':[{'type':'A'}]}}" },
		{ "{'status':{}}", STATUS("'$setElementOrder/conditions':[{'type':'A'}],"
					  "'conditions':[{'type':'A','x':null}]"), PATCH_OK,
		  STATUS("'conditions':[{'type':'A','x':null}]") },
	};

	RUN(PATCH_STRATEGIC, "core.v1.Node", rows);
}

#define SPEC(members) "{'spec':{" members "}}"

static void test_strategic_pods(void)
{
	static const struct row rows[] = {
		{ SPEC("'containers':[{'name':'a','env':[{'name':'X','value':'1'}]}]"),
		  SPEC("'containers':[{'name':'a','env':[{'name':'Y'},{'name':'X','value':'2'}]}]"),
		  PATCH_OK,
		  SPEC("'containers':[{'name':'a','env':[{'name':'Y'},"
		       "{'name':'X','value':'2'}]}]") },
		{ SPEC("'containers':[{'name':'a','ports':[{'containerPort':80},"
		       "{'containerPort':81}]}]"),
		  SPEC("'containers':[{'name':'a','ports':[{'containerPort':81,'name':'x'}]}]"),
		  PATCH_OK,
		  SPEC("'containers':[{'name':'a','ports':[{'containerPort':80},"
		       "{'containerPort':81,'name':'x'}]}]") },
		{ SPEC("'containers':[{'name':'a','ports':[{'containerPort':80}]}]"),
		  SPEC("'containers':[{'name':'a','ports':[{'containerPort':80.0}]}]"), PATCH_OK,
		  SPEC("'containers':[{'name':'a','ports':[{'containerPort':80.0},"
		       "{'containerPort':80}]}]") },
		/* ephemeralContainers and volumes have inline parts. */
		{ SPEC("'ephemeralContainers':[{'name':'e','env':[{'name':'X'}]}]"),
		  SPEC("'ephemeralContainers':[{'name':'e','env':[{'name':'Y'}]}]"), PATCH_OK,
		  SPEC("'ephemeralContainers':[{'name':'e','env':[{'name':'Y'},{'name':'X'}]}]") },
		{ SPEC("'volumes':[{'name':'v','emptyDir':{}}]"),
		  SPEC("'volumes':[{'name':'v','$retainKeys':['name','secret'],"
		       "'secret':{'secretName':'s'}}]"), PATCH_OK,
		  SPEC("'volumes':[{'name':'v','secret':{'secretName':'s'}}]") },
		{ SPEC("'volumes':[{'name':'v','secret':{'secretName':'s'}}]"),
		  SPEC("'volumes':[{'name':'v','secret':{'optional':true}}]"), PATCH_OK,
		  SPEC("'volumes':[{'name':'v','secret':{'secretName':'s','optional':true}}]") },
		{ SPEC("'tolerations':[{'key':'a'}]"), SPEC("'tolerations':[{'key':'b'}]"),
		  PATCH_OK, SPEC("'tolerations':[{'key':'b'}]") },
		{ STATUS("'containerStatuses':[{'name':'a'}]"),
		  STATUS("'containerStatuses':[{'name':'b'}]"), PATCH_OK,
		  STATUS("'containerStatuses':[{'name':'b'}]") },
		{ STATUS("'podIPs':[{'ip':'1'}]"), STATUS("'podIPs':[{'ip':'2'}]"), PATCH_OK,
		  STATUS("'podIPs':[{'ip':'2'},{'ip':'1'}]") },
		{ SPEC("'securityContext':{}"), SPEC("'$setElementOrder/securityContext':[]"),
		  PATCH_INTERNAL, NULL },
		{ SPEC("'nodeName':'n'"), SPEC("'$setElementOrder/securityContext':[]"), PATCH_OK,
		  SPEC("'nodeName':'n'") },
	};

	RUN(PATCH_STRATEGIC, "core.v1.Pod", rows);
}

/* An array of n objects with the same member. */
static json_t *many(size_t n, const char *member, const char *value)
{
	json_t *list = json_array();

	while (n--)
		json_array_append_new(list, json_pack("{s:s}", member, value));
	return list;
}

/* One element that is large, and many that merge into it. */
static void test_strategic_steps(void)
{
	json_t *patch = json_pack("{s:{s:o}}", "status", "conditions", many(100000, "type", "A"));
	json_t *condition = json_pack("{s:s}", "type", "A"), *document, *out = NULL;
	struct strbuf why = STRBUF_INIT;
	char name[32];

	for (size_t i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "m%zu", i);
		json_object_set_new(condition, name, json_true());
	}
	document = json_pack("{s:{s:[o]}}", "status", "conditions", condition);
	int_is(patch_apply(PATCH_STRATEGIC, schema_message_find("core.v1.Node"), document, patch,
			   &out, &why), PATCH_REFUSED);
	str_is(strbuf_str(&why), STR("the patch takes more than 4000000 steps"));
	ok(!out);
	json_decref(document);
	json_decref(patch);
	strbuf_fini(&why);
}

static bool has_member(const struct schema_message *m, const char *name)
{
	for (uint16_t i = 0; i < m->field_count; i++)
		if (m->fields[i].is_inline ? has_member(m->fields[i].message, name) :
					     !strcmp(m->fields[i].name, name))
			return true;
	return false;
}

/* Each row of the table is a list in the schema, and its elements have the key. */
static void test_merge_keys(void)
{
	const char *message, *field, *key, *found;
	size_t i;

	for (i = 0; patch_merge_key_row(i, &message, &field, &key); i++) {
		const struct schema_message *m = schema_message_find(message);
		const struct schema_field *f = m ? schema_field_by_name(m, str_from(field)) : NULL;

		tap_row(field);
		if (!ok(f && f->repeated))
			continue;
		ok(patch_list_merges(m, field, &found) && found == key);
		if (key)
			ok(has_member(f->message, key));
		else
			int_is(f->type, SCHEMA_STRING);
	}
	tap_row(NULL);
	int_is(i, 38);
	ok(!patch_list_merges(schema_message_find("core.v1.NodeSpec"), "taints", &found));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_json_operations), TAP(test_json_arrays), TAP(test_json_pointers),
		TAP(test_json_test), TAP(test_json_malformed), TAP(test_json_operations_max),
		TAP(test_json_copied_max), TAP(test_json_depth), TAP(test_json_steps),
		TAP(test_merge), TAP(test_strategic_objects), TAP(test_strategic_directives),
		TAP(test_strategic_scalar_lists), TAP(test_strategic_object_lists),
		TAP(test_strategic_object_order), TAP(test_strategic_pods),
		TAP(test_strategic_steps), TAP(test_merge_keys), TAP_END
	};

	return tap_main(tests);
}
