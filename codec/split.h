/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a list or a watch apart while its bytes arrive, in any pieces, so that no more than one
 * item is ever held.  Items that lie whole within a piece are not copied.
 *
 * A splitter finds where items start and end and checks no more than that needs; what it hands out
 * is read (and judged) by json_read or the object reader.
 */
#ifndef CODEC_SPLIT_H
#define CODEC_SPLIT_H

#include <stdbool.h>

#include "base/strbuf.h"

enum split_format {
	SPLIT_PROTOBUF_LIST,	/* k8s\0, Unknown, in raw a <Kind>List: {1 metadata, 2 items} */
	SPLIT_PROTOBUF_FRAMES,	/* length (4 bytes, big-endian) and message, repeated */
	SPLIT_JSON_LIST,	/* {"metadata": {...}, "items": [...]} */
	SPLIT_JSON_VALUES,	/* objects one after the other; blanks between them */
};

struct split_handler {
	/* The list's metadata (lists only): a ListMeta message, or its JSON object. */
	int (*metadata)(void *arg, struct str text);
	/* One item; borrowed during the call. A negative return ends the splitting with it. */
	int (*item)(void *arg, struct str item);
};

struct split {
	enum split_format format;
	const struct split_handler *handler;	/* borrowed */
	void *arg;
	size_t item_max;		/* bytes of one item (or of the metadata) */
	int err;			/* sticky */
	/* private */
	struct strbuf held;		/* the part of an item that came in earlier pieces */
	int state;
	uint64_t value;			/* varint or length being read */
	unsigned shift;
	uint64_t left;			/* bytes to skip or of the item still to come */
	uint64_t raw_left;		/* bytes to come of the list message */
	bool in_raw, has_raw, is_item;
	/* private: JSON */
	unsigned depth, item_depth;
	bool in_string, escaped, capturing, key_is_open, in_items, has_value;
	char key[12];
	unsigned key_len;
};

/* handler is borrowed. */
void split_init(struct split *s, enum split_format format, size_t item_max,
		const struct split_handler *handler, void *arg);
void split_fini(struct split *s);
/* 0, ERR_SYNTAX, ERR_LIMIT (item_max, JSON_DEPTH_MAX), or what the handler returned. */
int split_feed(struct split *s, const void *p, size_t n);
/* The bytes have ended: ERR_SYNTAX when that is in the middle of something. */
int split_end(struct split *s);
/* Bytes held back for an item that is not complete. */
size_t split_held(const struct split *s);

#endif
