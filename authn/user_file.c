/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/user_file.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "authn/csv.h"
#include "authn/front_proxy.h"
#include "base/err.h"
#include "base/mem.h"
#include "obs/log.h"

#define COLUMNS_MIN 3

void user_record_free(struct user_record *r)
{
	if (!r)
		return;
	secret_wipe((char *)r->secret.p, r->secret.n);
	free((char *)r->secret.p);
	user_free(r->user);
	free(r);
}

bool user_record_matches(const struct user_record *r, struct str secret)
{
	return r->secret.n == secret.n && !CRYPTO_memcmp(r->secret.p, secret.p, secret.n);
}

/* The fourth column is split at commas, nothing trimmed: an empty one gives one empty group. */
static size_t split_groups(struct str column, struct str **groups, struct arena *a)
{
	struct str piece;
	size_t n = 0;

	*groups = arena_alloc(a, (column.n + 1) * sizeof(**groups));
	while (str_next(&column, ',', &piece))
		(*groups)[n++] = piece;
	return n;
}

static struct user_record *record_new(const struct csv_record *row)
{
	struct user_record *r = xmalloc(sizeof(*r));
	struct user u = { .name = row->fields[1], .uid = row->fields[2] };
	struct str *groups;
	struct arena a;

	arena_init(&a);
	if (row->field_count > COLUMNS_MIN) {
		u.group_count = split_groups(row->fields[3], &groups, &a);
		u.groups = groups;
	}
	r->secret = str_make(xmemdup0(row->fields[0].p, row->fields[0].n), row->fields[0].n);
	r->user = user_dup(&u);
	arena_fini(&a);
	return r;
}

static void add_row(const struct user_file_kind *kind, const char *path,
		    const struct csv_record *row, size_t number, struct problems *p, void *file)
{
	struct user_record *r;
	const char *why;

	if (row->field_count < COLUMNS_MIN) {
		problems_add(p, path, row->line, kind->flag,
			     "%s file '%s' must have at least %d columns (%s), found %zu",
			     kind->noun, path, COLUMNS_MIN, kind->columns, row->field_count);
		return;
	}
	if (kind->skip_empty_secret && !row->fields[0].n) {
		log_warning("empty %s has been found in %s file '%s', record number '%zu'",
			    kind->noun, kind->noun, path, number);
		return;
	}
	r = record_new(row);
	if (!front_proxy_can_carry(r->user, &why)) {
		problems_add(p, path, row->line, kind->flag,
			     "%s: the upstream cannot be told of this user", why);
		user_record_free(r);
		return;
	}
	kind->add(file, r, path, number);
}

void user_file_parse(const struct user_file_kind *kind, const char *path, struct str text,
		     struct problems *p, void *file)
{
	struct csv_reader reader;
	struct csv_record row;
	size_t number = 0;
	int err;

	csv_reader_init(&reader, text);
	while (!(err = csv_read(&reader, &row)))
		add_row(kind, path, &row, ++number, p, file);
	if (err == ERR_SYNTAX)
		problems_add(p, path, row.line, kind->flag, "%s", reader.error);
	csv_reader_fini(&reader);
}
