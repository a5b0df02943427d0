/* SPDX-License-Identifier: Apache-2.0 */
/* YAML and JSON files: no document is larger or deeper, walked in full, than the limits say. */
#include "config.h"

#include "base/check.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_nodes(const json_t *v, unsigned depth)
{
	size_t n = 1, i;
	const char *key;
	json_t *item;

	CHECK(depth <= JSON_DEPTH_MAX);
	json_array_foreach(v, i, item)
		n += count_nodes(item, depth + 1);
	json_object_foreach((json_t *)v, key, item)
		n += count_nodes(item, depth + 1);
	return n;
}

static int on_document(void *arg, json_t *doc, int line)
{
	int *last = arg;

	CHECK(count_nodes(doc, 0) <= YAML_NODES_MAX + JSON_VALUES_MAX);
	CHECK(line >= *last);
	*last = line;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	const char *reason;
	int line, last = 1, rc;
	json_t *v;

	rc = yaml_read(text, on_document, &last, &line, &reason);
	CHECK(rc <= 0);
	if (rc < 0)
		CHECK(reason && line >= 1);
	if (!json_read(text, &v, &line))
		CHECK(count_nodes(v, 0) <= JSON_VALUES_MAX);
	json_decref(v);
	return 0;
}
