/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON side of the object reader, for codec/object.c alone. */
#ifndef CODEC_OBJECT_JSON_H
#define CODEC_OBJECT_JSON_H

#include "codec/object.h"

int object_json_next(struct object_cursor *c, struct object_field *f);
/* Everything but the depth. */
void object_json_enter(const struct object_field *f, struct object_cursor *sub);

#endif
