/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation.  These functions never return NULL: a process that cannot have a few hundred bytes
 * cannot serve and ends.  What a peer sizes is bounded by a named limit before it gets here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);	/* dies when count * size overflows */
void *xrealloc(void *p, size_t size);
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s);
char *xmemdup0(const void *p, size_t n);	/* n bytes and a NUL behind them */

/* Overwrites n bytes so that the compiler cannot leave it out; for keys, tokens, passwords. */
void secret_wipe(void *p, size_t n);
/* Wipes and frees a string that held a secret; NULL is allowed. */
void secret_free(char *s);

#define array_size(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
