/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One arena per request: allocations live until the arena ends; nothing is freed by itself.
 * Blocks come from a per-thread cache, so that a request allocates nothing after warm-up.
 * Not thread-safe; an arena belongs to one thread.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;
struct arena_cleanup;

struct arena {
	struct arena_block *blocks;	/* owned */
	struct arena_cleanup *cleanups;	/* run by arena_fini, last one first */
	char *at;			/* free space in the newest block */
	char *end;
};

void arena_init(struct arena *a);		/* allocates nothing */
void arena_fini(struct arena *a);		/* frees all; the arena is empty and usable again */
void *arena_alloc(struct arena *a, size_t size);	/* aligned for any type, not zeroed */
void *arena_zalloc(struct arena *a, size_t size);
void *arena_memdup(struct arena *a, const void *p, size_t n);
struct str arena_str(struct arena *a, struct str s);	/* a copy, NUL behind it */
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Calls fn(arg) when the arena ends. */
void arena_on_fini(struct arena *a, void (*fn)(void *arg), void *arg);
/* Bytes held in blocks, for limits and tests. */
size_t arena_size(const struct arena *a);
/* Frees the calling thread's block cache (at thread end). */
void arena_thread_fini(void);

#endif
