/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/h2_input.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/h2.h"

#define PREFACE_SIZE 24		/* RFC 9113 section 3.4; nghttp2 compares it */

void h2_input_init(struct h2_input *in, int64_t now_us)
{
	*in = (struct h2_input){
		.left = PREFACE_SIZE, .earned_us = now_us, .tokens = H2_EMPTY_BURST,
	};
}

void h2_input_fini(struct h2_input *in)
{
	free(in->resets);
	in->resets = NULL;
}

static struct h2_frame frame_of(const uint8_t *p)
{
	return (struct h2_frame){
		.length = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
		.type = p[3],
		.flags = p[4],
		.id = (int32_t)((p[5] & 0x7fu) << 24 | (uint32_t)p[6] << 16 |
				(uint32_t)p[7] << 8 | p[8]),
	};
}

static void note_head(struct h2_input *in, const struct h2_frame *f)
{
	in->in_head = f->type == NGHTTP2_HEADERS || f->type == NGHTTP2_CONTINUATION;
	in->ends_head = f->flags & NGHTTP2_FLAG_END_HEADERS;
	in->continuations = f->type == NGHTTP2_CONTINUATION ? in->continuations + 1 : 0;
}

size_t h2_input_piece(struct h2_input *in, const uint8_t *p, size_t n, struct h2_frame *f,
		      bool *begins)
{
	size_t taken = in->left < n ? in->left : n;

	*begins = false;
	in->left -= taken;
	if (taken)
		return taken;
	while (taken < n && in->have < H2_FRAME_HEAD)
		in->head[in->have++] = p[taken++];
	if (in->have < H2_FRAME_HEAD)
		return taken;
	*begins = true;
	*f = frame_of(in->head);
	note_head(in, f);
	in->have = 0;
	in->left = f->length;
	n -= taken;
	if (n > in->left)
		n = in->left;
	in->left -= n;
	return taken + n;
}

bool h2_input_is_in_head(const struct h2_input *in)
{
	return in->in_head && !(in->ends_head && !in->left);
}

bool h2_input_spend(struct h2_input *in, int64_t now_us)
{
	int64_t earned = (now_us - in->earned_us) * H2_EMPTY_PER_SECOND / 1000000;

	if (earned > 0) {
		in->earned_us = now_us;
		in->tokens = earned > H2_EMPTY_BURST - in->tokens ? H2_EMPTY_BURST :
			     in->tokens + (int32_t)earned;
	}
	if (!in->tokens)
		return false;
	in->tokens--;
	return true;
}

static int32_t *find_reset(const struct h2_input *in, int32_t id)
{
	for (size_t i = 0; in->resets && i < H2_RESETS_KEPT; i++)
		if (in->resets[i] == id)
			return &in->resets[i];
	return NULL;
}

void h2_input_note_reset(struct h2_input *in, int32_t id)
{
	if (!in->resets)
		in->resets = xcalloc(H2_RESETS_KEPT, sizeof(*in->resets));
	if (!find_reset(in, id))
		in->resets[in->reset_count++ % H2_RESETS_KEPT] = id;
}

bool h2_input_was_reset(const struct h2_input *in, int32_t id)
{
	return find_reset(in, id);
}

void h2_input_forget_reset(struct h2_input *in, int32_t id)
{
	int32_t *reset = find_reset(in, id);

	if (reset)
		*reset = 0;
}
