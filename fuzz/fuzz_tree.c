/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical trees: the first byte names a message, the rest is one as strict JSON or as strict
 * protobuf.  What gives a tree gives the same tree when that tree is read again, and what the
 * strict protobuf reader accepts the object reader can read.
 */
#include "config.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct schema_message *m, json_t *tree)
{
	struct object_cursor c;
	json_t *again;

	object_cursor_json(&c, m, tree);
	CHECK(!object_tree(&c, &again));
	CHECK(json_equal(tree, again));
	json_decref(again);
}

static void read_json(const struct schema_message *m, struct str text)
{
	struct object_cursor c;
	json_t *v, *tree;
	const char *why;

	if (json_read_strict(text, &v, &why) < 0)
		return;
	object_cursor_json(&c, m, v);
	if (!object_tree(&c, &tree)) {
		check_again(m, tree);
		json_decref(tree);
	}
	json_decref(v);
}

static void read_protobuf(const struct schema_message *m, struct str bytes)
{
	bool strict;
	struct object_cursor c;
	struct object_field f;
	json_t *tree;
	const char *why;
	int rc;

	strict = !protobuf_check_strict(m, bytes.p, bytes.n, &why);
	CHECK(strict == !why);
	object_cursor_protobuf(&c, m, bytes.p, bytes.n);
	while ((rc = object_next(&c, &f)) > 0)
		;
	CHECK(!strict || !rc);
	object_cursor_protobuf(&c, m, bytes.p, bytes.n);
	if (object_tree(&c, &tree))
		return;
	check_again(m, tree);
	json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"core.v1.Pod", "core.v1.Node", "core.v1.PersistentVolumeClaim", "core.v1.Service",
		"meta.v1.DeleteOptions", "policy.v1.Eviction", "resource.v1.ResourceSlice",
		"authentication.v1.TokenRequest", "certificates.v1.CertificateSigningRequest",
		"coordination.v1.Lease", "core.v1.PersistentVolume", "runtime.Unknown",
	};
	const struct schema_message *m;
	struct str input;

	if (!size)
		return 0;
	input = str_make((const char *)data + 1, size - 1);
	m = schema_message_find(names[data[0] % array_size(names)]);
	CHECK(m);
	read_json(m, input);
	read_protobuf(m, input);
	return 0;
}
