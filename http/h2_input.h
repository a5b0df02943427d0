/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an HTTP/2 client, cut at frames before nghttp2 sees them: what it does not tell
 * (frames on closed streams, heads that never end) is judged here, and what carries nothing is
 * counted.
 */
#ifndef HTTP_H2_INPUT_H
#define HTTP_H2_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H2_FRAME_HEAD 9
#define H2_RESETS_KEPT 128	/* streams that we reset and whose peer may not know it yet */

struct h2_frame {
	uint32_t length;
	uint8_t type, flags;
	int32_t id;
};

struct h2_input {
	uint8_t head[H2_FRAME_HEAD];	/* of the next frame, as far as it came */
	uint8_t have;
	size_t left;			/* of the preface or of the payload */
	bool in_head;			/* a HEADERS frame came, and no END_HEADERS */
	bool ends_head;			/* with the frame that is being read */
	unsigned continuations;		/* of the head that is being read */
	int64_t earned_us;		/* up to when the tokens below were given */
	int32_t tokens;
	int32_t *resets;		/* owned; NULL until there was one */
	unsigned reset_count;
};

void h2_input_init(struct h2_input *in, int64_t now_us);
void h2_input_fini(struct h2_input *in);
/*
 * How many of the n (> 0) bytes at p may be given to nghttp2 together: up to the end of the frame
 * that they begin with.  *begins: they contain the head of a frame, which is *f; it is to be judged
 * first.
 */
size_t h2_input_piece(struct h2_input *in, const uint8_t *p, size_t n, struct h2_frame *f,
		      bool *begins);
/* The piece was read: whether a head is still incomplete. */
bool h2_input_is_in_head(const struct h2_input *in);
/* Takes a token for a frame that costs us more than its sender; false when none is left. */
bool h2_input_spend(struct h2_input *in, int64_t now_us);
/* We reset the stream, or are about to. */
void h2_input_note_reset(struct h2_input *in, int32_t id);
bool h2_input_was_reset(const struct h2_input *in, int32_t id);
/* The peer knows it. */
void h2_input_forget_reset(struct h2_input *in, int32_t id);

#endif
