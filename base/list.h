/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked lists.  A node that is in no list points to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev;
	struct list *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_add_head(struct list *head, struct list *node)
{
	list_add_tail(head->next, node);
}

/* Takes node out of whatever list it is in; harmless when it is in none. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* The first node, taken out, or NULL. */
static inline struct list *list_pop(struct list *head)
{
	struct list *first = head->next;

	if (first == head)
		return NULL;
	list_del(first);
	return first;
}

/* Walks the list; `safe` is a second cursor, so that node may be deleted. */
#define list_for_each(node, safe, head) \
	for ((node) = (head)->next, (safe) = (node)->next; (node) != (head); \
	     (node) = (safe), (safe) = (node)->next)

#endif
