/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object reader over protobuf: the first byte names a message, the rest is one (or an envelope
 * around one).  What is handed out lies within the input, and a second walk sees the same.
 */
#include "config.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
	struct str input;
	uint64_t hash;
	int err;
};

static void check_inside(struct walk *w, struct str s)
{
	if (s.n)
		CHECK(s.p >= w->input.p && s.p + s.n <= w->input.p + w->input.n);
	w->hash = w->hash * 31 + str_hash(s);
}

static void walk(struct walk *w, struct object_cursor *c)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		struct object_cursor sub;

		CHECK(schema_field_by_number(c->message, f.number) == f.schema);
		w->hash = w->hash * 31 + f.number + (uint64_t)f.integer;
		check_inside(w, f.key);
		check_inside(w, f.text);
		if (f.type != OBJECT_MESSAGE &&
		    (f.type != OBJECT_MAP_ENTRY || f.schema->map_value != SCHEMA_MESSAGE))
			continue;
		object_enter(&f, &sub);
		walk(w, &sub);
	}
	CHECK(object_next(c, &f) == rc);
	w->err = w->err ? w->err : rc;
}

static struct walk walk_message(const struct schema_message *m, struct str input)
{
	struct walk w = { .input = input };
	struct object_cursor c;

	object_cursor_protobuf(&c, m, input.p, input.n);
	walk(&w, &c);
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"core.v1.Pod", "core.v1.Node", "rbac.v1.ClusterRole", "rbac.v1.RoleBinding",
		"meta.v1.WatchEvent", "meta.v1.Status", "resource.v1.ResourceSlice",
		"authentication.v1.TokenReview", "core.v1.Secret", "core.v1.PersistentVolume",
	};
	struct object_envelope env;
	struct walk first, second;
	const struct schema_message *m;
	struct str input;

	if (!size)
		return 0;
	input = str_make((const char *)data + 1, size - 1);
	m = schema_message_find(names[data[0] % array_size(names)]);
	if (!object_envelope_read(input, &env)) {
		first = (struct walk){ .input = input };
		check_inside(&first, env.raw);
		check_inside(&first, env.kind);
		input = env.raw;
	}
	first = walk_message(m, input);
	second = walk_message(m, input);
	CHECK(first.hash == second.hash && first.err == second.err);
	return 0;
}
