/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte is the type of patch and of object; the rest is a document, a newline and a patch.
 * Neither may be changed, the result has a bounded depth, and (what lets requests pass unseen) a
 * patch that patch_touches() says cannot write some fields leaves them as they were.
 */
#include "config.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "codec/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
	"metadata.labels", "metadata.ownerReferences", "spec.taints", "status.conditions", "a.b.c",
	"spec",
};

static json_t *at_path(json_t *v, const char *path)
{
	char name[32];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		memcpy(name, path, n);
		name[n] = '\0';
		v = json_object_get(v, name);
		path += n + (path[n] == '.');
	}
	return v;
}

static size_t depth_of(json_t *v)
{
	size_t most = 0, depth, i;
	const char *key;
	json_t *one;

	json_object_foreach(v, key, one) {
		depth = depth_of(one);
		most = depth > most ? depth : most;
	}
	json_array_foreach(v, i, one) {
		depth = depth_of(one);
		most = depth > most ? depth : most;
	}
	return most + (json_is_object(v) || json_is_array(v));
}

static void check_paths(enum patch_type type, json_t *patch, json_t *before, json_t *after)
{
	for (size_t i = 0; i < array_size(paths); i++) {
		json_t *a = at_path(before, paths[i]), *b = at_path(after, paths[i]);

		if (!patch_touches(type, patch, &paths[i], 1))
			CHECK(a ? b && json_equal(a, b) : !b);
	}
}

static void apply(enum patch_type type, const struct schema_message *m, json_t *document,
		  json_t *patch)
{
	char *before = json_dumps(document, JSON_ENCODE_ANY), *after;
	char *patch_before = json_dumps(patch, JSON_ENCODE_ANY);
	struct strbuf why = STRBUF_INIT;
	json_t *out;
	enum patch_result result = patch_apply(type, m, document, patch, &out, &why);

	CHECK((result == PATCH_OK) == (out != NULL) && (result == PATCH_OK) == !why.n);
	if (out) {
		CHECK(json_is_object(out) && depth_of(out) <= JSON_DEPTH_MAX);
		check_paths(type, patch, document, out);
	}
	json_decref(out);
	after = json_dumps(document, JSON_ENCODE_ANY);
	CHECK(!strcmp(before, after));
	free(after);
	after = json_dumps(patch, JSON_ENCODE_ANY);
	CHECK(!strcmp(patch_before, after));
	free(after);
	free(before);
	free(patch_before);
	strbuf_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const messages[] = {
		"core.v1.Node", "core.v1.Pod", "core.v1.PersistentVolumeClaim",
	};
	json_t *document, *patch = NULL;
	struct str input;
	ptrdiff_t end;

	if (!size)
		return 0;
	input = str_make((const char *)data + 1, size - 1);
	end = str_find(input, '\n', 0);
	if (end < 0)
		return 0;
	if (json_read(str_slice(input, 0, (size_t)end), &document, NULL) < 0)
		return 0;
	if (json_is_object(document) &&
	    !json_read(str_skip(input, (size_t)end + 1), &patch, NULL))
		apply((enum patch_type)(data[0] % 3),
		      schema_message_find(messages[data[0] / 3 % array_size(messages)]), document,
		      patch);
	json_decref(document);
	json_decref(patch);
	return 0;
}
