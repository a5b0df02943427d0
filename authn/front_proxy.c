/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/front_proxy.h"

#include "base/err.h"
#include "base/map.h"

#define EXTRA_PREFIX "X-Remote-Extra-"

/*
 * Why a value cannot be carried, NULL when it can.  A receiver answers 400 to most control bytes
 * and trims blanks at both ends, which would turn one identity into another (spec 06, Traps).
 */
struct value_reasons {
	const char *control;
	const char *blank;
};

static const struct value_reasons name_reasons = {
	"the user name has control bytes",
	"the user name begins or ends with a blank",
};
static const struct value_reasons uid_reasons = {
	"the uid has control bytes",
	"the uid begins or ends with a blank",
};
static const struct value_reasons group_reasons = {
	"a group has control bytes",
	"a group begins or ends with a blank",
};
static const struct value_reasons extra_reasons = {
	"an extra value has control bytes",
	"an extra value begins or ends with a blank",
};

static const char *check_value(struct str s, const struct value_reasons *why)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return why->control;
	if (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))
		return why->blank;
	return NULL;
}

/* The receiver lower-cases keys, so upper-case letters would not arrive. */
static const char *check_key(struct str key)
{
	if (!key.n)
		return "an extra key is empty";
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] >= 'A' && key.p[i] <= 'Z')
			return "an extra key has upper-case letters";
	return NULL;
}

/* Escaping is one to one, so only equal keys merge on the way. */
static bool has_equal_keys(const struct user *u)
{
	struct map seen = MAP_INIT;
	bool equal = false;

	if (u->extra_count < 2)
		return false;
	for (size_t i = 0; i < u->extra_count && !equal; i++)
		equal = map_set(&seen, u->extra[i].key, (void *)&u->extra[i]) != NULL;
	map_fini(&seen);
	return equal;
}

static const char *check_extra(const struct user *u)
{
	const char *why;

	for (size_t i = 0; i < u->extra_count; i++) {
		const struct user_extra *e = &u->extra[i];

		why = check_key(e->key);
		for (size_t j = 0; j < e->value_count && !why; j++)
			why = check_value(e->values[j], &extra_reasons);
		if (why)
			return why;
	}
	return has_equal_keys(u) ? "two extra keys are equal" : NULL;
}

static const char *check_user(const struct user *u)
{
	const char *why = NULL;

	if (!u->name.n)
		return "the user name is empty";
	why = check_value(u->name, &name_reasons);
	if (!why)
		why = check_value(u->uid, &uid_reasons);
	for (size_t i = 0; i < u->group_count && !why; i++)
		why = check_value(u->groups[i], &group_reasons);
	return why ? why : check_extra(u);
}

bool front_proxy_can_carry(const struct user *u, const char **why)
{
	const char *reason = check_user(u);

	if (reason)
		*why = reason;
	return !reason;
}

static bool key_byte_is_plain(char c)
{
	return c != '%' && http_is_token(str_make(&c, 1));
}

/* X-Remote-Extra-<key>, everything but token characters as %XX (spec 06 section 2). */
static struct str extra_name(struct arena *a, struct str key)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = sizeof(EXTRA_PREFIX) - 1;
	char *name = arena_alloc(a, n + 3 * key.n);

	memcpy(name, EXTRA_PREFIX, n);
	for (size_t i = 0; i < key.n; i++) {
		unsigned char c = (unsigned char)key.p[i];

		if (key_byte_is_plain((char)c)) {
			name[n++] = (char)c;
			continue;
		}
		name[n++] = '%';
		name[n++] = hex[c >> 4];
		name[n++] = hex[c & 15];
	}
	return str_make(name, n);
}

static void add(struct http_headers *h, struct str name, struct str value)
{
	http_headers_add(h, name, arena_str(h->arena, value));
}

int front_proxy_stamp(struct http_headers *h, const struct user *u, const char **why)
{
	if (!front_proxy_can_carry(u, why))
		return ERR_REFUSED;
	add(h, STR("X-Remote-User"), u->name);
	if (u->uid.n)
		add(h, STR("X-Remote-Uid"), u->uid);
	for (size_t i = 0; i < u->group_count; i++)
		if (u->groups[i].n)
			add(h, STR("X-Remote-Group"), u->groups[i]);
	for (size_t i = 0; i < u->extra_count; i++) {
		const struct user_extra *e = &u->extra[i];
		struct str name = extra_name(h->arena, e->key);

		for (size_t j = 0; j < e->value_count; j++)
			add(h, name, e->values[j]);
	}
	return 0;
}
