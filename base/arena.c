/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#endif
#ifdef ARENA_POISON
/* Blocks are reused, so the sanitizer is told what is free. */
#include <sanitizer/asan_interface.h>
#define poison(p, n) __asan_poison_memory_region(p, n)
#define unpoison(p, n) __asan_unpoison_memory_region(p, n)
#else
#define poison(p, n) ((void)(p), (void)(n))
#define unpoison(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_BLOCK_SIZE 4096
/* Free blocks that a thread keeps; a burst of requests gives the rest back. */
#define ARENA_CACHE_MAX 512
#define ARENA_ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size;		/* with this head */
	alignas(max_align_t) char data[];
};

struct arena_cleanup {
	struct arena_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

static __thread struct arena_block *cache;
static __thread size_t cached;

static struct arena_block *block_new(size_t size)
{
	struct arena_block *b = cache;

	if (size == ARENA_BLOCK_SIZE && b) {
		cache = b->next;
		cached--;
		return b;
	}
	b = xmalloc(size);
	b->size = size;
	poison(b->data, size - sizeof(*b));
	return b;
}

static void block_free(struct arena_block *b)
{
	if (b->size == ARENA_BLOCK_SIZE && cached < ARENA_CACHE_MAX) {
		poison(b->data, b->size - sizeof(*b));
		b->next = cache;
		cache = b;
		cached++;
		return;
	}
	unpoison(b->data, b->size - sizeof(*b));
	free(b);
}

void arena_thread_fini(void)
{
	while (cache) {
		struct arena_block *b = cache;

		cache = b->next;
		unpoison(b->data, b->size - sizeof(*b));
		free(b);
	}
	cached = 0;
}

void arena_init(struct arena *a)
{
	*a = (struct arena){ .blocks = NULL };
}

void arena_fini(struct arena *a)
{
	while (a->cleanups) {
		struct arena_cleanup *c = a->cleanups;

		a->cleanups = c->next;
		c->fn(c->arg);
	}
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		block_free(b);
	}
	arena_init(a);
}

/* A block of its own goes behind the newest one, whose free space stays in use. */
static void *alloc_big(struct arena *a, size_t size)
{
	bool fits = size <= ARENA_BLOCK_SIZE - sizeof(struct arena_block);
	struct arena_block *b = block_new(fits ? ARENA_BLOCK_SIZE : sizeof(*b) + size);

	if (a->blocks) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = NULL;
		a->blocks = b;
		a->at = a->end = (char *)b + b->size;
	}
	unpoison(b->data, size);
	return b->data;
}

static void add_block(struct arena *a)
{
	struct arena_block *b = block_new(ARENA_BLOCK_SIZE);

	b->next = a->blocks;
	a->blocks = b;
	a->at = b->data;
	a->end = (char *)b + ARENA_BLOCK_SIZE;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t room = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	void *p;

	CHECK(size < SIZE_MAX / 2);
	if (!room)
		room = ARENA_ALIGN;
	if (room > (size_t)(a->end - a->at)) {
		if (room > ARENA_BLOCK_SIZE / 4)
			return alloc_big(a, room);
		add_block(a);
	}
	p = a->at;
	a->at += room;
	unpoison(p, size);
	return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *copy = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
	return str_make(arena_cstr(a, s), s.n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return str_make(p, (size_t)n);
}

void arena_on_fini(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct arena_cleanup *c = arena_alloc(a, sizeof(*c));

	*c = (struct arena_cleanup){ a->cleanups, fn, arg };
	a->cleanups = c;
}

size_t arena_size(const struct arena *a)
{
	size_t total = 0;

	for (const struct arena_block *b = a->blocks; b; b = b->next)
		total += b->size;
	return total;
}
