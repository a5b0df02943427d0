/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf formats; codec/split_json.c has the others. */
#include "config.h"

#include "codec/split.h"

#include "base/err.h"
#include "codec/fields.h"
#include "codec/object.h"
#include "codec/split_json.h"
#include "codec/wire.h"

/*
 * A list: the magic, then fields of Unknown up to the end, then within raw the fields of the list.
 * Frames: length and item in turn.
 */
enum state {
	AT_MAGIC,
	AT_TAG,			/* of Unknown, or within raw of the list */
	AT_VARINT_VALUE,	/* of a field that is skipped */
	AT_LENGTH,		/* of the field whose number is in `left` */
	AT_SKIP,
	AT_ITEM,
	AT_FRAME_LENGTH,
};

void split_init(struct split *s, enum split_format format, size_t item_max,
		const struct split_handler *handler, void *arg)
{
	*s = (struct split){
		.format = format,
		.handler = handler,
		.arg = arg,
		.item_max = item_max,
		.state = format == SPLIT_PROTOBUF_FRAMES ? AT_FRAME_LENGTH : AT_MAGIC,
		.is_item = format == SPLIT_PROTOBUF_FRAMES,
	};
}

void split_fini(struct split *s)
{
	strbuf_fini(&s->held);
}

size_t split_held(const struct split *s)
{
	return s->held.n;
}

static void to_state(struct split *s, enum state state)
{
	s->state = (int)state;
	s->value = 0;
	s->shift = 0;
}

/* Behind a field or item. */
static void to_next(struct split *s)
{
	if (s->in_raw && !s->raw_left)
		s->in_raw = false;
	to_state(s, s->format == SPLIT_PROTOBUF_FRAMES ? AT_FRAME_LENGTH : AT_TAG);
}

/* Takes one byte of a varint: 1 when it is complete. */
static int take_varint(struct split *s, uint8_t byte)
{
	if (s->shift >= 64)
		return ERR_SYNTAX;
	s->value |= (uint64_t)(byte & 0x7f) << s->shift;
	s->shift += 7;
	return byte < 0x80;
}

static int take_magic(struct split *s, uint8_t byte)
{
	if (byte != (uint8_t)OBJECT_MAGIC.p[s->shift])
		return ERR_SYNTAX;
	if (++s->shift == OBJECT_MAGIC.n)
		to_next(s);
	return 0;
}

static int on_tag(struct split *s)
{
	uint64_t number = s->value >> 3;

	switch (s->value & 7) {
	case WIRE_VARINT:
		to_state(s, AT_VARINT_VALUE);
		return 0;
	case WIRE_FIXED64:
	case WIRE_FIXED32:
		s->left = (s->value & 7) == WIRE_FIXED64 ? 8 : 4;
		to_state(s, AT_SKIP);
		return 0;
	case WIRE_BYTES:
		s->left = number;
		to_state(s, AT_LENGTH);
		return 0;
	}
	return ERR_SYNTAX;
}

/* A length of the field `left`: in Unknown raw is entered, in the list its two fields are kept. */
static int on_length(struct split *s)
{
	uint64_t number = s->left, n = s->value;

	s->left = n;
	if (!s->in_raw && number == UNKNOWN_RAW) {
		if (s->has_raw)
			return ERR_SYNTAX;
		s->has_raw = true;
		s->in_raw = n > 0;
		s->raw_left = n;
		to_next(s);
		return 0;
	}
	if (s->in_raw && n > s->raw_left)
		return ERR_SYNTAX;
	if (!s->in_raw || (number != LIST_METADATA && number != LIST_ITEMS)) {
		to_state(s, AT_SKIP);
		return 0;
	}
	s->is_item = number == LIST_ITEMS;
	to_state(s, AT_ITEM);
	return n > s->item_max ? ERR_LIMIT : 0;
}

static int take_frame_length(struct split *s, uint8_t byte)
{
	s->value = s->value << 8 | byte;
	s->shift += 8;
	if (s->shift < 32)
		return 0;
	s->left = s->value;
	to_state(s, AT_ITEM);
	return s->left > s->item_max ? ERR_LIMIT : 0;
}

/* One byte of a tag, length or the magic. */
static int take_byte(struct split *s, uint8_t byte)
{
	int rc;

	if (s->state == AT_MAGIC)
		return take_magic(s, byte);
	if (s->state == AT_FRAME_LENGTH)
		return take_frame_length(s, byte);
	if (s->in_raw && !s->raw_left)
		return ERR_SYNTAX;
	s->raw_left -= s->in_raw;
	rc = take_varint(s, byte);
	if (rc <= 0)
		return rc;
	if (s->state == AT_TAG)
		return on_tag(s);
	if (s->state == AT_LENGTH)
		return on_length(s);
	to_next(s);
	return 0;
}

static int64_t take_one(struct split *s, uint8_t byte)
{
	int rc = take_byte(s, byte);

	return rc < 0 ? rc : 1;
}

static int hand_out(struct split *s, struct str item)
{
	return s->is_item ? s->handler->item(s->arg, item) : s->handler->metadata(s->arg, item);
}

/* Bytes of an item, n of them being there: how many were taken, or an error. */
static int64_t take_item(struct split *s, const char *p, size_t n)
{
	size_t take = n < s->left ? n : (size_t)s->left;
	bool is_whole = !s->held.n;
	int rc;

	s->left -= take;
	if (s->in_raw)
		s->raw_left -= take;
	if (!is_whole || s->left)
		strbuf_add(&s->held, p, take);
	if (s->left)
		return (int64_t)take;
	to_next(s);
	rc = hand_out(s, is_whole ? str_make(p, take) : strbuf_str(&s->held));
	strbuf_clear(&s->held);
	return rc < 0 ? rc : (int64_t)take;
}

static int64_t take_skipped(struct split *s, size_t n)
{
	size_t take = n < s->left ? n : (size_t)s->left;

	if (s->in_raw && s->left > s->raw_left)
		return ERR_SYNTAX;
	s->left -= take;
	if (s->in_raw)
		s->raw_left -= take;
	if (!s->left)
		to_next(s);
	return (int64_t)take;
}

static int feed_protobuf(struct split *s, const char *p, size_t n)
{
	/* An empty item needs no byte, so that it is complete at the end of the pieces, too. */
	for (size_t i = 0; i < n || (s->state >= AT_SKIP && s->state <= AT_ITEM && !s->left);) {
		int64_t took;

		if (s->state == AT_SKIP)
			took = take_skipped(s, n - i);
		else if (s->state == AT_ITEM)
			took = take_item(s, p + i, n - i);
		else
			took = take_one(s, (uint8_t)p[i]);
		if (took < 0)
			return (int)took;
		i += (size_t)took;
	}
	return 0;
}

int split_feed(struct split *s, const void *p, size_t n)
{
	if (s->err)
		return s->err;
	switch (s->format) {
	case SPLIT_PROTOBUF_LIST:
	case SPLIT_PROTOBUF_FRAMES:
		s->err = feed_protobuf(s, p, n);
		break;
	case SPLIT_JSON_LIST:
	case SPLIT_JSON_VALUES:
		s->err = split_json_feed(s, p, n);
		break;
	}
	return s->err;
}

static bool is_complete(const struct split *s)
{
	switch (s->format) {
	case SPLIT_PROTOBUF_LIST:
		return s->state == AT_TAG && !s->shift && !s->in_raw;
	case SPLIT_PROTOBUF_FRAMES:
		return s->state == AT_FRAME_LENGTH && !s->shift;
	case SPLIT_JSON_LIST:
	case SPLIT_JSON_VALUES:
		break;
	}
	return split_json_is_complete(s);
}

int split_end(struct split *s)
{
	if (!s->err && !is_complete(s))
		s->err = ERR_SYNTAX;
	return s->err;
}
