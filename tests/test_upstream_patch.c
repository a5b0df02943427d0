/* SPDX-License-Identifier: Apache-2.0 */
/* The test API server's patches. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "tests/tap.h"
#include "tests/upstream/patch.h"

static void same(json_t *got, const char *want)
{
	json_t *expected = json_loads(want, 0, NULL);
	char *text = json_dumps(got, JSON_COMPACT);

	ok(expected != NULL);
	/* Equal values, and for lists the same order; members have none. */
	if (!tap_ok(json_equal(got, expected), want, __FILE__, __LINE__))
		tap_note("got %s", text);
	free(text);
	json_decref(expected);
}

struct row {
	const char *target, *patch, *want;
};

static void run_rows(const struct row *rows, void (*apply)(json_t *target, json_t *patch))
{
	for (const struct row *r = rows; r->target; r++) {
		json_t *target = json_loads(r->target, 0, NULL);
		json_t *patch = json_loads(r->patch, 0, NULL);

		tap_row(r->patch);
		ok(target && patch);
		apply(target, patch);
		same(target, r->want);
		json_decref(target);
		json_decref(patch);
	}
	tap_row(NULL);
}

static void apply_merge(json_t *target, json_t *patch)
{
	patch_merge(target, patch);
}

static void test_merge(void)
{
	static const struct row rows[] = {
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
		{ "{\"a\":\"b\",\"b\":1}", "{\"a\":null}", "{\"b\":1}" },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
		  "{\"a\":{\"b\":\"d\"}}" },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
		{ NULL, NULL, NULL },
	};

	run_rows(rows, apply_merge);
}

static void test_strategic(void)
{
	static const struct row rows[] = {
		{ "{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]}",
		  "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"c\"}]}",
		  "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"b\"},"
		  "{\"name\":\"c\"}]}" },
		{ "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
		  "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
		  "{\"containers\":[{\"name\":\"b\"}]}" },
		{ "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"x\":1}]}",
		  "{\"$setElementOrder/conditions\":[{\"type\":\"New\"},{\"type\":\"Ready\"}],"
		  "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"New\"}]}",
		  "{\"conditions\":[{\"type\":\"New\"},"
		  "{\"type\":\"Ready\",\"status\":\"True\",\"x\":1}]}" },
		{ "{\"addresses\":[{\"type\":\"A\"},{\"type\":\"B\"}]}",
		  "{\"addresses\":[{\"type\":\"C\"},{\"$patch\":\"replace\"}]}",
		  "{\"addresses\":[{\"type\":\"C\"}]}" },
		{ "{\"taints\":[{\"key\":\"a\"}]}", "{\"taints\":[{\"key\":\"b\"}]}",
		  "{\"taints\":[{\"key\":\"b\"}]}" },
		{ "{\"finalizers\":[\"a\",\"b\"]}",
		  "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"],\"finalizers\":[\"c\"]}",
		  "{\"finalizers\":[\"b\",\"c\"]}" },
		{ "{\"strategy\":{\"a\":1,\"b\":2}}",
		  "{\"strategy\":{\"$retainKeys\":[\"b\"],\"b\":3}}", "{\"strategy\":{\"b\":3}}" },
		{ "{\"s\":{\"a\":1}}", "{\"s\":{\"$patch\":\"replace\",\"b\":1}}",
		  "{\"s\":{\"b\":1}}" },
		{ "{\"s\":{\"a\":1}}", "{\"s\":{\"$patch\":\"delete\"}}", "{}" },
		{ "{\"ports\":[{\"port\":80,\"name\":\"a\"}]}",
		  "{\"ports\":[{\"port\":80,\"name\":\"b\"},{\"port\":81}]}",
		  "{\"ports\":[{\"port\":80,\"name\":\"b\"},{\"port\":81}]}" },
		{ "{}", "{\"metadata\":{\"labels\":{\"a\":\"b\",\"c\":null}}}",
		  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}" },
		{ NULL, NULL, NULL },
	};

	run_rows(rows, patch_strategic);
}

static void test_json(void)
{
	static const struct {
		const char *target, *patch;
		int rc;
		const char *want;
	} rows[] = {
		{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]", 0,
		  "{\"a\":1,\"b\":2}" },
		{ "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", 0,
		  "{\"a\":[1,2,3]}" },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", 0,
		  "{\"a\":[1,2]}" },
		{ "{\"a/b\":1,\"m~n\":2}", "[{\"op\":\"remove\",\"path\":\"/a~1b\"},"
		  "{\"op\":\"replace\",\"path\":\"/m~0n\",\"value\":3}]", 0, "{\"m~n\":3}" },
		{ "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"},"
		  "{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/c\"}]", 0,
		  "{\"b\":1,\"c\":1}" },
		{ "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", 0, "{\"a\":1}" },
		{ "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", ERR_REFUSED,
		  "{\"a\":1}" },
		{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/x\",\"value\":2}]",
		  ERR_NOT_FOUND, "{\"a\":1}" },
		{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/x\"}]", ERR_NOT_FOUND,
		  "{\"a\":1}" },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":2}]",
		  ERR_NOT_FOUND, "{\"a\":[1]}" },
		{ "{\"a\":1}", "[{\"op\":\"nonsense\",\"path\":\"/a\",\"value\":1}]", ERR_SYNTAX,
		  "{\"a\":1}" },
		{ "{\"a\":1}", "{}", ERR_SYNTAX, "{\"a\":1}" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *target = json_loads(rows[i].target, 0, NULL);
		json_t *patch = json_loads(rows[i].patch, 0, NULL);

		tap_row(rows[i].patch);
		int_is(patch_json(&target, patch), rows[i].rc);
		same(target, rows[i].want);
		json_decref(target);
		json_decref(patch);
	}
	tap_row(NULL);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_merge), TAP(test_strategic), TAP(test_json), TAP_END,
	};

	return tap_main(tests);
}
