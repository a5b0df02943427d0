/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/user.h"

#include <stdlib.h>

#include "base/mem.h"

bool user_has_group(const struct user *u, struct str group)
{
	for (size_t i = 0; i < u->group_count; i++)
		if (str_eq(u->groups[i], group))
			return true;
	return false;
}

void user_add_authenticated(struct user *u, struct arena *a)
{
	struct str *groups;

	if (str_eq(u->name, STR(USER_ANONYMOUS)) ||
	    user_has_group(u, STR(GROUP_AUTHENTICATED)) ||
	    user_has_group(u, STR(GROUP_UNAUTHENTICATED)))
		return;
	groups = arena_alloc(a, (u->group_count + 1) * sizeof(*groups));
	if (u->group_count)
		memcpy(groups, u->groups, u->group_count * sizeof(*groups));
	groups[u->group_count++] = STR(GROUP_AUTHENTICATED);
	u->groups = groups;
}

/* The free parts of one block that receives a copy: extras, then strings, then bytes. */
struct packer {
	struct user_extra *extra;
	struct str *strs;
	char *bytes;
};

static size_t strs_bytes(const struct str *v, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i].n;
	return sum;
}

static size_t strs_needed(const struct user *u)
{
	size_t n = u->group_count;

	for (size_t i = 0; i < u->extra_count; i++)
		n += u->extra[i].value_count;
	return n;
}

/* The size of the block behind a copy of u. */
static size_t packed_size(const struct user *u)
{
	size_t size = u->extra_count * sizeof(*u->extra) + strs_needed(u) * sizeof(struct str) +
		      u->name.n + u->uid.n + strs_bytes(u->groups, u->group_count);

	for (size_t i = 0; i < u->extra_count; i++)
		size += u->extra[i].key.n +
			strs_bytes(u->extra[i].values, u->extra[i].value_count);
	return size;
}

static struct str pack_str(struct packer *p, struct str s)
{
	struct str copy = str_make(p->bytes, s.n);

	if (s.n)
		memcpy(p->bytes, s.p, s.n);
	p->bytes += s.n;
	return copy;
}

static const struct str *pack_strs(struct packer *p, const struct str *v, size_t n)
{
	struct str *copy = p->strs;

	p->strs += n;
	for (size_t i = 0; i < n; i++)
		copy[i] = pack_str(p, v[i]);
	return copy;
}

/* Copies in to out with everything it points to in block, which has packed_size(in) bytes. */
static void pack_user(struct user *out, const struct user *in, void *block)
{
	struct packer p = { .extra = block };
	struct user copy = { .group_count = in->group_count, .extra_count = in->extra_count };

	p.strs = (struct str *)(void *)(p.extra + in->extra_count);
	p.bytes = (char *)(p.strs + strs_needed(in));
	copy.extra = p.extra;
	copy.name = pack_str(&p, in->name);
	copy.uid = pack_str(&p, in->uid);
	copy.groups = pack_strs(&p, in->groups, in->group_count);
	for (size_t i = 0; i < in->extra_count; i++) {
		const struct user_extra *from = &in->extra[i];

		p.extra[i].key = pack_str(&p, from->key);
		p.extra[i].values = pack_strs(&p, from->values, from->value_count);
		p.extra[i].value_count = from->value_count;
	}
	*out = copy;
}

void user_copy(struct user *out, const struct user *in, struct arena *a)
{
	pack_user(out, in, arena_alloc(a, packed_size(in)));
}

struct user *user_dup(const struct user *in)
{
	struct user *copy = xmalloc(sizeof(*copy) + packed_size(in));

	pack_user(copy, in, copy + 1);
	return copy;
}

void user_free(struct user *u)
{
	free(u);
}
