/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/token_file.h"

#include <stdlib.h>

#include "authn/user_file.h"
#include "base/map.h"
#include "base/mem.h"
#include "obs/log.h"

/*
 * Tokens sorted by their keyed hash: the search compares only hashes, whose key nobody outside
 * knows, and the token itself is compared in constant time.
 */
struct token_entry {
	uint64_t hash;
	struct user_record *record;	/* owned */
};

struct token_file {
	struct token_entry *entries;	/* owned */
	size_t n;
	size_t cap;
	struct map by_token;		/* while parsing: token to record */
};

/* The later record of a token wins. */
static void replace_user(struct user_record *old, struct user_record *by)
{
	struct user *user = old->user;

	old->user = by->user;
	by->user = user;
	user_record_free(by);
}

static void add_token(void *arg, struct user_record *r, const char *path, size_t number)
{
	struct token_file *f = arg;
	struct user_record *old = map_get(&f->by_token, r->secret);

	if (old) {
		log_warning("duplicate token has been found in token file '%s', "
			    "record number '%zu'", path, number);
		replace_user(old, r);
		return;
	}
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		f->entries = xreallocarray(f->entries, f->cap, sizeof(*f->entries));
	}
	f->entries[f->n++] = (struct token_entry){ map_hash(r->secret), r };
	map_set(&f->by_token, r->secret, r);
}

static const struct user_file_kind token_kind = {
	.flag = "token-auth-file",
	.noun = "token",
	.columns = "token, user name, user uid",
	.skip_empty_secret = true,
	.add = add_token,
};

static int compare(const void *a, const void *b)
{
	const struct token_entry *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

struct token_file *token_file_parse(const char *path, struct str text, struct problems *p)
{
	struct token_file *f = xcalloc(1, sizeof(*f));

	user_file_parse(&token_kind, path, text, p, f);
	map_fini(&f->by_token);
	if (f->n)
		qsort(f->entries, f->n, sizeof(*f->entries), compare);
	return f;
}

void token_file_free(struct token_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		user_record_free(f->entries[i].record);
	free(f->entries);
	free(f);
}

/* The first entry whose hash is not below `hash`. */
static size_t lower_bound(const struct token_file *f, uint64_t hash)
{
	size_t from = 0, to = f->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (f->entries[middle].hash < hash)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

const struct user *token_file_find(const struct token_file *f, struct str token)
{
	uint64_t hash = map_hash(token);

	for (size_t i = lower_bound(f, hash); i < f->n && f->entries[i].hash == hash; i++)
		if (user_record_matches(f->entries[i].record, token))
			return f->entries[i].record->user;
	return NULL;
}
