/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"

#define MAP_FIRST_CAP 8

static uint64_t key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	random_bytes(key, sizeof(key));
}

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), as hash tables of several languages use it. */
uint64_t map_hash(struct str s)
{
	uint64_t v[4], word;
	size_t i = 0;

	pthread_once(&key_once, make_key);
	v[0] = key[0] ^ 0x736f6d6570736575u;
	v[1] = key[1] ^ 0x646f72616e646f6du;
	v[2] = key[0] ^ 0x6c7967656e657261u;
	v[3] = key[1] ^ 0x7465646279746573u;
	for (; s.n - i >= 8; i += 8) {
		memcpy(&word, s.p + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	if (i < s.n)
		memcpy(&word, s.p + i, s.n - i);
	word |= (uint64_t)s.n << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_fini(struct map *m)
{
	free(m->slots);
	*m = MAP_INIT;
}

/* The slot of k, or the free slot where it would go; the table is never full. */
static struct map_entry *find(const struct map *m, struct str k, uint64_t hash)
{
	size_t at = hash & (m->cap - 1);

	while (m->slots[at].value &&
	       (m->slots[at].hash != hash || !str_eq(m->slots[at].key, k)))
		at = (at + 1) & (m->cap - 1);
	return &m->slots[at];
}

void *map_get(const struct map *m, struct str k)
{
	return m->used ? find(m, k, map_hash(k))->value : NULL;
}

static void resize(struct map *m, size_t cap)
{
	struct map old = *m;

	m->slots = xcalloc(cap, sizeof(*m->slots));
	m->cap = cap;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value)
			*find(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
	free(old.slots);
}

void *map_set(struct map *m, struct str k, void *value)
{
	uint64_t hash = map_hash(k);
	struct map_entry *e;
	void *old;

	CHECK(value);
	if ((m->used + 1) * 4 > m->cap * 3)
		resize(m, m->cap ? m->cap * 2 : MAP_FIRST_CAP);
	e = find(m, k, hash);
	old = e->value;
	if (!old) {
		e->key = k;
		e->hash = hash;
		m->used++;
	}
	e->value = value;
	return old;
}

/* Closes the gap at `free`: entries behind it that it cut off from their home move up. */
static void close_gap(struct map *m, size_t gap)
{
	size_t mask = m->cap - 1;

	for (size_t at = (gap + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
		size_t home = m->slots[at].hash & mask;

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		m->slots[gap] = m->slots[at];
		gap = at;
	}
	m->slots[gap] = (struct map_entry){ .value = NULL };
}

void *map_del(struct map *m, struct str k)
{
	struct map_entry *e = m->used ? find(m, k, map_hash(k)) : NULL;
	void *old = e ? e->value : NULL;

	if (!old)
		return NULL;
	close_gap(m, (size_t)(e - m->slots));
	m->used--;
	return old;
}

const struct map_entry *map_next(const struct map *m, size_t *pos)
{
	while (*pos < m->cap) {
		const struct map_entry *e = &m->slots[(*pos)++];

		if (e->value)
			return e;
	}
	return NULL;
}
