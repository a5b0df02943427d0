/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The splitter: the first byte names format and size of pieces.  In pieces the items are those of
 * the whole; items of the JSON formats are read as objects.
 */
#include "config.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/object.h"
#include "codec/split.h"

#define ITEM_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint64_t hash;
	size_t items;
	bool failed;
};

static void walk(struct object_cursor *c)
{
	struct object_field f;
	struct object_cursor sub;

	while (object_next(c, &f) > 0) {
		if (f.type != OBJECT_MESSAGE)
			continue;
		object_enter(&f, &sub);
		walk(&sub);
	}
}

static void read_item(struct str item)
{
	struct object_cursor c;
	json_t *v;

	if (json_read(item, &v, NULL) < 0)
		return;
	object_cursor_json(&c, schema_message_find("core.v1.Pod"), v);
	walk(&c);
	json_decref(v);
}

static int on_item(void *arg, struct str item)
{
	struct outcome *o = arg;

	CHECK(item.n <= ITEM_MAX);
	o->items++;
	o->hash = o->hash * 31 + str_hash(item);
	if (item.n && item.p[0] == '{')
		read_item(item);
	return 0;
}

static int on_metadata(void *arg, struct str text)
{
	struct outcome *o = arg;

	o->hash = o->hash * 37 + str_hash(text);
	return 0;
}

static struct outcome split(enum split_format format, struct str text, size_t piece)
{
	static const struct split_handler handler = { on_metadata, on_item };
	struct outcome o = { 0 };
	struct split s;
	int rc = 0;

	split_init(&s, format, ITEM_MAX, &handler, &o);
	for (size_t at = 0; !rc && at < text.n; at += piece) {
		struct str part = str_slice(text, at, at + piece);

		rc = split_feed(&s, part.p, part.n);
		CHECK(split_held(&s) <= ITEM_MAX);
	}
	CHECK(!rc || split_end(&s) == rc);
	o.failed = split_end(&s) < 0;
	split_fini(&s);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;
	enum split_format format;
	struct str text;

	if (!size)
		return 0;
	text = str_make((const char *)data + 1, size - 1);
	format = (enum split_format)(data[0] & 3);
	whole = split(format, text, size);
	pieces = split(format, text, (size_t)(data[0] >> 2) + 1);
	CHECK(whole.hash == pieces.hash && whole.items == pieces.items);
	CHECK(whole.failed == pieces.failed);
	return 0;
}
