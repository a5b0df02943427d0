/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control paths of the test API server, under /_test/ and only with --test-control: what
 * arrived, what is open, faults, big bodies.
 */
#ifndef TESTS_UPSTREAM_CONTROL_H
#define TESTS_UPSTREAM_CONTROL_H

#include "tests/upstream/server.h"

/* True for paths under /_test/ when they are switched on. */
bool control_owns(const struct call *c);
/* Keeps the request's head as it came, for /_test/last. */
void control_note_head(struct call *c);
/* At the head of a control request, before its body. */
void control_head(struct call *c);
/* True when the body bytes are held back (a slow sink); they are consumed later. */
bool control_take_body(struct call *c, size_t n);
/* Answers a control request. */
void control_call(struct call *c);

#endif
