/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/faults.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/upstream/server.h"

static const struct {
	const char *name;
	enum fault_mode mode;
} modes[] = {
	{ "hang", FAULT_HANG }, { "close", FAULT_CLOSE }, { "reset", FAULT_RESET },
	{ "reset_body", FAULT_RESET_BODY }, { "truncate", FAULT_TRUNCATE }, { "slow", FAULT_SLOW },
	{ "delay", FAULT_DELAY }, { "error", FAULT_ERROR }, { "expired", FAULT_EXPIRED },
	{ "watch_end", FAULT_WATCH_END }, { "early", FAULT_EARLY }, { "inform", FAULT_INFORM },
	{ "last", FAULT_LAST }, { "edit", FAULT_EDIT }, { "raw", FAULT_RAW },
};

void faults_init(struct faults *f)
{
	list_init(&f->list);
	f->hits = 0;
}

static struct str own(struct str s)
{
	return str_make(xmemdup0(s.p, s.n), s.n);
}

static void fault_free(struct fault *f)
{
	free((char *)f->method.p);
	free((char *)f->prefix.p);
	free((char *)f->raw.p);
	free(f);
}

void fault_release(struct fault *f)
{
	if (f && !--f->refs && f->removed)
		fault_free(f);
}

static void fault_remove(struct fault *f)
{
	list_del(&f->node);
	f->removed = true;
	if (!f->refs)
		fault_free(f);
}

void faults_clear(struct faults *f)
{
	struct list *node;

	while ((node = f->list.next) != &f->list)
		fault_remove(container_of(node, struct fault, node));
}

static int set_mode(struct fault *f, struct str value)
{
	for (size_t i = 0; i < array_size(modes); i++) {
		if (str_eq(value, str_from(modes[i].name))) {
			f->mode = modes[i].mode;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

static void set_text(struct str *at, struct str value)
{
	free((char *)at->p);
	*at = own(value);
}

static int set_number(struct fault *f, struct str key, struct str value)
{
	long n = strtol(value.p, NULL, 10);

	if (str_eq(key, STR("count")))
		f->count = n;
	else if (str_eq(key, STR("skip")))
		f->skip = n;
	else if (str_eq(key, STR("bytes")))
		f->bytes = n > 0 ? (size_t)n : 0;
	else if (str_eq(key, STR("delay_ms")))
		f->delay_ms = n > 0 ? (unsigned)n : 0;
	else if (str_eq(key, STR("code")))
		f->code = (int)n;
	else if (str_eq(key, STR("retry_after")))
		f->retry_after = (int)n;
	else if (str_eq(key, STR("keep_open")))
		f->raw_keep_open = n != 0;
	else
		return ERR_SYNTAX;
	return 0;
}

static int set_one(struct fault *f, struct str key, struct str value)
{
	if (str_eq(key, STR("mode")))
		return set_mode(f, value);
	if (str_eq(key, STR("path")))
		set_text(&f->prefix, value);
	else if (str_eq(key, STR("method")))
		set_text(&f->method, value);
	else if (str_eq(key, STR("raw")))
		set_text(&f->raw, value);
	else
		return set_number(f, key, value);
	return 0;
}

int faults_add(struct faults *list, struct str text, struct str raw, const char **why)
{
	struct fault *f = xcalloc(1, sizeof(*f));
	struct str rest = text, piece, value;
	struct arena a;
	int rc = 0;

	*f = (struct fault){ .count = 1, .code = 503, .retry_after = -1, .mode = FAULT_ERROR };
	list_init(&f->node);
	f->method = own(STR_NULL);
	f->prefix = own(STR("/"));
	f->raw = own(raw);
	arena_init(&a);
	*why = "unknown or malformed parameter";
	while (!rc && str_next(&rest, '&', &piece)) {
		ptrdiff_t eq = str_find(piece, '=', 0);

		if (!piece.n)
			continue;
		if (eq < 0 || !percent_decode(&a, str_skip(piece, (size_t)eq + 1), true, &value))
			rc = ERR_SYNTAX;
		else
			rc = set_one(f, str_slice(piece, 0, (size_t)eq), value);
	}
	arena_fini(&a);
	if (rc)
		fault_free(f);
	else
		list_add_tail(&list->list, &f->node);
	return rc;
}

struct fault *faults_take(struct faults *list, struct str method, struct str path)
{
	struct list *node, *safe;

	list_for_each(node, safe, &list->list) {
		struct fault *f = container_of(node, struct fault, node);

		if ((f->method.n && !str_eq(f->method, method)) ||
		    !str_has_prefix(path, f->prefix))
			continue;
		if (f->skip > 0) {
			f->skip--;
			continue;
		}
		list->hits++;
		f->refs++;
		if (f->count > 0 && !--f->count)
			fault_remove(f);
		return f;
	}
	return NULL;
}
