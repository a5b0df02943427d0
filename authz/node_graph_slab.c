/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authz/node_graph_slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/rcu.h"

#define CHUNK_SIZE 65536u	/* bytes, and alignment */
#define CHUNK_MAGIC 0x6b6e7568u
#define LARGE_MAGIC 0x6567726cu

#if defined(__SANITIZE_ADDRESS__)
#define SMALL_MAX 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SMALL_MAX 0u
#endif
#endif
#ifndef SMALL_MAX
#define SMALL_MAX NODE_SLAB_MAX
#endif

struct node_slab_chunk {
	uint32_t magic;
	uint32_t size;			/* bytes of a piece */
	uint32_t used;			/* pieces handed out */
	uint32_t fresh;			/* offset of what was never handed out */
	void *freed;			/* pieces given back, linked through their first word */
	struct node_slab *slab;		/* borrowed */
	struct list all, room;
};

struct large {
	uint32_t magic;
	size_t size;
	struct node_slab *slab;		/* borrowed */
	struct list all;
	uint64_t data[];
};

void node_slab_init(struct node_slab *s)
{
	list_init(&s->chunks);
	list_init(&s->large);
	for (size_t i = 0; i < array_size(s->room); i++)
		list_init(&s->room[i]);
	s->spare = NULL;
	s->bytes = 0;
}

/* The mapping is made twice as long as needed and cut to where a chunk may begin. */
static struct node_slab_chunk *chunk_map(void)
{
	char *p = mmap(NULL, 2 * CHUNK_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	CHECK(p != MAP_FAILED);
	before = -(uintptr_t)p % CHUNK_SIZE;
	if (before)
		munmap(p, before);
	munmap(p + before + CHUNK_SIZE, CHUNK_SIZE - before);
	return (struct node_slab_chunk *)(void *)(p + before);
}

static struct node_slab_chunk *chunk_new(struct node_slab *s, uint32_t size)
{
	struct node_slab_chunk *c = s->spare;

	s->spare = NULL;
	if (!c) {
		c = chunk_map();
		c->magic = CHUNK_MAGIC;
		c->slab = s;
		list_add_tail(&s->chunks, &c->all);
		s->bytes += CHUNK_SIZE;
	}
	c->size = size;
	c->used = 0;
	c->fresh = (uint32_t)sizeof(*c);
	c->freed = NULL;
	list_add_head(&s->room[size / NODE_SLAB_STEP - 1], &c->room);
	return c;
}

static void chunk_unmap(struct node_slab_chunk *c)
{
	c->slab->bytes -= CHUNK_SIZE;
	list_del(&c->all);
	munmap(c, CHUNK_SIZE);
}

static bool chunk_is_full(const struct node_slab_chunk *c)
{
	return !c->freed && c->fresh + c->size > CHUNK_SIZE;
}

static void *small_alloc(struct node_slab *s, uint32_t size)
{
	struct list *room = &s->room[size / NODE_SLAB_STEP - 1];
	struct node_slab_chunk *c;
	void *p;

	c = list_is_empty(room) ? chunk_new(s, size)
		: container_of(room->next, struct node_slab_chunk, room);
	p = c->freed;
	if (p) {
		c->freed = *(void **)p;
	} else {
		p = (char *)c + c->fresh;
		c->fresh += size;
	}
	c->used++;
	if (chunk_is_full(c))
		list_del(&c->room);
	return p;
}

static void small_free(void *p)
{
	struct node_slab_chunk *c = (void *)((uintptr_t)p & ~(uintptr_t)(CHUNK_SIZE - 1));
	struct node_slab *s = c->slab;

	CHECK_MAGIC(c, CHUNK_MAGIC);
	if (chunk_is_full(c))
		list_add_tail(&s->room[c->size / NODE_SLAB_STEP - 1], &c->room);
	*(void **)p = c->freed;
	c->freed = p;
	if (--c->used)
		return;
	list_del(&c->room);
	if (s->spare)
		chunk_unmap(c);
	else
		s->spare = c;
}

static void *large_alloc(struct node_slab *s, size_t n)
{
	struct large *l = xmalloc(sizeof(*l) + n);

	l->magic = LARGE_MAGIC;
	l->size = n;
	l->slab = s;
	list_add_tail(&s->large, &l->all);
	s->bytes += n;
	return l->data;
}

static void large_free(void *p)
{
	struct large *l = container_of(p, struct large, data);

	CHECK_MAGIC(l, LARGE_MAGIC);
	l->slab->bytes -= l->size;
	l->magic = 0;
	list_del(&l->all);
	free(l);
}

void node_slab_fini(struct node_slab *s)
{
	struct list *node;

	while ((node = list_pop(&s->large)))
		free(container_of(node, struct large, all));
	while (!list_is_empty(&s->chunks))
		chunk_unmap(container_of(s->chunks.next, struct node_slab_chunk, all));
	node_slab_init(s);
}

static size_t rounded(size_t n)
{
	return (n + NODE_SLAB_STEP - 1) / NODE_SLAB_STEP * NODE_SLAB_STEP;
}

void *node_slab_alloc(struct node_slab *s, size_t n)
{
	CHECK(n);
	n = rounded(n);
	return n <= SMALL_MAX ? small_alloc(s, (uint32_t)n) : large_alloc(s, n);
}

void node_slab_free(void *p, size_t n)
{
	if (rounded(n) <= SMALL_MAX)
		small_free(p);
	else
		large_free(p);
}

void node_slab_retire(void *p, size_t n)
{
	rcu_retire(p, rounded(n) <= SMALL_MAX ? small_free : large_free);
}
