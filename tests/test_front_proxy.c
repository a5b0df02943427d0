/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "authn/front_proxy.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/tap.h"

#define USERS 20000
#define LIST_MAX 4
#define S(literal) { literal, sizeof(literal) - 1 }

/* All fields as `name: value` lines. */
static void dump(const struct http_headers *h, struct strbuf *out)
{
	for (size_t i = 0; i < h->n; i++) {
		strbuf_add_str(out, h->v[i].name);
		strbuf_add_cstr(out, ": ");
		strbuf_add_str(out, h->v[i].value);
		strbuf_add_char(out, '\n');
	}
}

static void test_order_and_escaping(void)
{
	static const struct str groups[] = {
		S("system:serviceaccounts"), S("a,b"), S(""), S("system:authenticated"), S("a,b"),
	};
	static const struct str ids[] = { S("JTI=ea28") }, values[] = { S("x"), S(""), S("x") };
	static const struct user_extra extra[] = {
		{ S("authentication.kubernetes.io/credential-id"), ids, 1 },
		{ S("50% of\xc3\xa9(z)"), values, 3 },
		{ S("none"), NULL, 0 },
		{ S("!#$&'*+-.^_`|~09az"), ids, 1 },
	};
	struct user u = { STR("system:serviceaccount:ns1:sa1"), STR("14ee"), groups, 5, extra, 4 };
	struct strbuf got = STRBUF_INIT;
	struct http_headers h;
	const char *why = NULL;
	struct arena a;

	arena_init(&a);
	http_headers_init(&h, &a);
	http_headers_add(&h, STR("Accept"), STR("*/*"));
	int_is(front_proxy_stamp(&h, &u, &why), 0);
	dump(&h, &got);
	cstr_is(got.p,
		"Accept: */*\n"
		"X-Remote-User: system:serviceaccount:ns1:sa1\n"
		"X-Remote-Uid: 14ee\n"
		"X-Remote-Group: system:serviceaccounts\n"
		"X-Remote-Group: a,b\n"
		"X-Remote-Group: system:authenticated\n"
		"X-Remote-Group: a,b\n"
		"X-Remote-Extra-authentication.kubernetes.io%2Fcredential-id: JTI=ea28\n"
		"X-Remote-Extra-50%25%20of%C3%A9%28z%29: x\n"
		"X-Remote-Extra-50%25%20of%C3%A9%28z%29: \n"
		"X-Remote-Extra-50%25%20of%C3%A9%28z%29: x\n"
		"X-Remote-Extra-!#$&'*+-.^_`|~09az: JTI=ea28\n");
	strbuf_fini(&got);
	arena_fini(&a);
}

static void test_no_uid_line_when_empty(void)
{
	struct user u = { .name = STR("jane") };
	struct strbuf got = STRBUF_INIT;
	struct http_headers h;
	const char *why;
	struct arena a;

	arena_init(&a);
	http_headers_init(&h, &a);
	int_is(front_proxy_stamp(&h, &u, &why), 0);
	dump(&h, &got);
	cstr_is(got.p, "X-Remote-User: jane\n");
	strbuf_fini(&got);
	arena_fini(&a);
}

/* One user with everything in one place; a row changes one part. */
struct refusal_case {
	const char *label;
	struct str name, uid, group, key, value;
	bool twice;		/* the key stands in two extras */
	const char *why;	/* NULL: carried */
};

static const struct refusal_case refusals[] = {
	{ "fine", S("n"), S("u"), S("g"), S("k"), S("v"), false, NULL },
	{ "blanks inside", S("a b"), S("a b"), S("a b"), S("a b"), S("a b"), false, NULL },
	{ "bytes above 0x7f", S("\xc3\xa9"), S("\xff"), S("\x80"), S("\xc3\x89"), S("\xa0"), false,
	  NULL },
	{ "what may be empty", S("n"), S(""), S(""), S("k"), S(""), false, NULL },
	{ "empty name", S(""), S("u"), S("g"), S("k"), S("v"), false, "the user name is empty" },
	{ "name: leading blank", S(" n"), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name begins or ends with a blank" },
	{ "name: trailing blank", S("n "), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name begins or ends with a blank" },
	{ "name: one blank", S(" "), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name begins or ends with a blank" },
	{ "name: NUL", S("a\0b"), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name has control bytes" },
	{ "name: CR", S("a\rb"), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name has control bytes" },
	{ "name: LF", S("a\nX-Remote-Group: system:masters"), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name has control bytes" },
	{ "name: DEL", S("a\x7f"), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name has control bytes" },
	{ "name: tab at the end", S("a\t"), S("u"), S("g"), S("k"), S("v"), false,
	  "the user name has control bytes" },
	{ "uid: leading blank", S("n"), S(" u"), S("g"), S("k"), S("v"), false,
	  "the uid begins or ends with a blank" },
	{ "uid: control", S("n"), S("u\x1f"), S("g"), S("k"), S("v"), false,
	  "the uid has control bytes" },
	{ "group: the escalation", S("n"), S("u"), S(" system:masters"), S("k"), S("v"), false,
	  "a group begins or ends with a blank" },
	{ "group: tab in front", S("n"), S("u"), S("\tsystem:masters"), S("k"), S("v"), false,
	  "a group has control bytes" },
	{ "group: control", S("n"), S("u"), S("g\x01"), S("k"), S("v"), false,
	  "a group has control bytes" },
	{ "extra value: trailing blank", S("n"), S("u"), S("g"), S("k"), S("v "), false,
	  "an extra value begins or ends with a blank" },
	{ "extra value: control", S("n"), S("u"), S("g"), S("k"), S("\x0b"), false,
	  "an extra value has control bytes" },
	{ "extra key: empty", S("n"), S("u"), S("g"), S(""), S("v"), false,
	  "an extra key is empty" },
	{ "extra key: upper case", S("n"), S("u"), S("g"), S("kEy"), S("v"), false,
	  "an extra key has upper-case letters" },
	{ "extra key: control bytes are escaped", S("n"), S("u"), S("g"), S("k\n\0"), S("v"), false,
	  NULL },
	{ "extra key: twice", S("n"), S("u"), S("g"), S("k"), S("v"), true,
	  "two extra keys are equal" },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < array_size(refusals); i++) {
		const struct refusal_case *c = &refusals[i];
		struct user_extra extra[] = {
			{ STR("first"), &c->value, 1 }, { c->key, &c->value, 1 },
		};
		struct user u = { c->name, c->uid, &c->group, 1, extra, 2 };
		struct http_headers h;
		const char *why = NULL;
		struct arena a;

		tap_row(c->label);
		if (c->twice)
			extra[0].key = c->key;
		arena_init(&a);
		http_headers_init(&h, &a);
		http_headers_add(&h, STR("Accept"), STR("*/*"));
		int_is(front_proxy_stamp(&h, &u, &why), c->why ? ERR_REFUSED : 0);
		cstr_is(why, c->why);
		if (c->why)
			int_is(h.n, 1);
		int_is(front_proxy_can_carry(&u, &why), !c->why);
		arena_fini(&a);
	}
}

/* A random number below n; the seed is fixed, so a failure repeats. */
static unsigned below(unsigned n)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* Mostly ordinary bytes, now and then one that means something to somebody. */
static struct str random_str(struct arena *a)
{
	static const char odd[] = " \t%%AaZz,/:\"\\\r\n\0\x7f\x80\xc3\xa9\xff()=";
	size_t n = below(6);
	char *p = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = below(4) ? (char)('a' + below(26)) : odd[below(sizeof(odd) - 1)];
	return str_make(p, n);
}

static const struct str *random_list(struct arena *a, size_t *n)
{
	struct str *v = arena_alloc(a, LIST_MAX * sizeof(*v));

	*n = below(LIST_MAX);
	for (size_t i = 0; i < *n; i++)
		v[i] = random_str(a);
	return v;
}

static struct user random_user(struct arena *a)
{
	struct user_extra *extra = arena_alloc(a, LIST_MAX * sizeof(*extra));
	struct user u = { .name = random_str(a), .extra = extra };

	u.uid = random_str(a);
	u.groups = random_list(a, &u.group_count);
	u.extra_count = below(LIST_MAX);
	for (size_t i = 0; i < u.extra_count; i++) {
		extra[i].key = random_str(a);
		extra[i].values = random_list(a, &extra[i].value_count);
	}
	return u;
}

/* What kube-apiserver makes of the fields (spec 06 section 2, spec 02 section 3). */
struct decoded {
	struct str name, uid;
	struct str groups[64];
	size_t group_count;
	struct str keys[64], values[64];	/* one pair per line */
	size_t pair_count;
	bool bad_request;
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lower-cases, then decodes once; a key that does not decode stays as it is. */
static struct str decode_key(struct arena *a, struct str name)
{
	char *lower = arena_cstr(a, name), *out = arena_alloc(a, name.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] + 'a' - 'A');
	for (size_t i = 0; i < name.n; i++) {
		if (lower[i] != '%') {
			out[n++] = lower[i];
			continue;
		}
		if (i + 2 >= name.n || hex(lower[i + 1]) < 0 || hex(lower[i + 2]) < 0)
			return str_make(lower, name.n);
		out[n++] = (char)(hex(lower[i + 1]) << 4 | hex(lower[i + 2]));
		i += 2;
	}
	return str_make(out, n);
}

static void decode(const struct http_headers *h, struct arena *a, struct decoded *d)
{
	struct str prefix = STR("x-remote-extra-");

	*d = (struct decoded){ .name = STR_NULL };
	for (size_t i = 0; i < h->n; i++) {
		struct str name = h->v[i].name, value = str_trim(h->v[i].value);

		if (!http_is_token(name) || !http_is_field_value(value))
			d->bad_request = true;
		if (str_eq_nocase(name, STR("x-remote-user"))) {
			if (!d->name.n)
				d->name = value;
		} else if (str_eq_nocase(name, STR("x-remote-uid"))) {
			if (!d->uid.n)
				d->uid = value;
		} else if (str_eq_nocase(name, STR("x-remote-group"))) {
			if (value.n)
				d->groups[d->group_count++] = value;
		} else if (str_has_prefix_nocase(name, prefix)) {
			d->keys[d->pair_count] = decode_key(a, str_skip(name, prefix.n));
			d->values[d->pair_count++] = value;
		}
	}
}

static bool same_extra(const struct decoded *d, const struct user *u)
{
	size_t at = 0;

	for (size_t i = 0; i < u->extra_count; i++)
		for (size_t j = 0; j < u->extra[i].value_count; j++, at++)
			if (at >= d->pair_count || !str_eq(d->keys[at], u->extra[i].key) ||
			    !str_eq(d->values[at], u->extra[i].values[j]))
				return false;
	return at == d->pair_count;
}

static bool same_user(const struct decoded *d, const struct user *u)
{
	size_t n = 0;

	for (size_t i = 0; i < u->group_count; i++)
		if (u->groups[i].n && (n >= d->group_count ||
				       !str_eq(d->groups[n++], u->groups[i])))
			return false;
	return n == d->group_count && !d->bad_request && str_eq(d->name, u->name) &&
	       str_eq(d->uid, u->uid) && same_extra(d, u);
}

/* Whatever is stamped is understood as exactly that user; enough of both must come up. */
static void test_what_is_stamped_is_what_arrives(void)
{
	unsigned stamped = 0, refused = 0, wrong = 0;

	for (unsigned i = 0; i < USERS; i++) {
		struct http_headers h;
		struct decoded d;
		const char *why;
		struct arena a;
		struct user u;

		arena_init(&a);
		u = random_user(&a);
		http_headers_init(&h, &a);
		if (front_proxy_stamp(&h, &u, &why)) {
			refused++;
		} else {
			stamped++;
			decode(&h, &a, &d);
			wrong += !same_user(&d, &u);
		}
		arena_fini(&a);
	}
	int_is(wrong, 0);
	ok(stamped > USERS / 100);
	ok(refused > USERS / 100);
	tap_note("%u stamped, %u refused", stamped, refused);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_order_and_escaping),
		TAP(test_no_uid_line_when_empty),
		TAP(test_refusals),
		TAP(test_what_is_stamped_is_what_arrives),
		TAP_END,
	};

	return tap_main(tests);
}
