/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/user.h"
#include "base/mem.h"
#include "tests/tap.h"

#define GROUPS_MAX 4

/* Groups before and after the union, with | between them. */
struct union_case {
	const char *label;
	const char *name;
	const char *before;
	const char *after;
};

static const struct union_case union_cases[] = {
	{ "no groups", "jane", "", "system:authenticated" },
	{ "at the end", "jane", "a|b", "a|b|system:authenticated" },
	{ "duplicates stay", "jane", "a|a", "a|a|system:authenticated" },
	{ "already there", "jane", "system:authenticated|a", "system:authenticated|a" },
	{ "unauthenticated", "jane", "system:unauthenticated", "system:unauthenticated" },
	{ "anonymous by name", "system:anonymous", "a", "a" },
	{ "case matters", "System:Anonymous", "System:Authenticated",
	  "System:Authenticated|system:authenticated" },
};

static size_t split(const char *text, struct str *groups)
{
	struct str rest = str_from(text), piece;
	size_t n = 0;

	while (*text && str_next(&rest, '|', &piece))
		groups[n++] = piece;
	return n;
}

static void test_union(void)
{
	for (size_t i = 0; i < array_size(union_cases); i++) {
		const struct union_case *c = &union_cases[i];
		struct str before[GROUPS_MAX], after[GROUPS_MAX];
		struct user u = { .name = str_from(c->name), .groups = before };
		size_t n = split(c->after, after);
		struct arena a;

		tap_row(c->label);
		arena_init(&a);
		u.group_count = split(c->before, before);
		user_add_authenticated(&u, &a);
		int_is(u.group_count, n);
		for (size_t g = 0; g < n && g < u.group_count; g++)
			str_is(u.groups[g], after[g]);
		arena_fini(&a);
	}
}

static struct user sample(void)
{
	static char name[] = "jane", group[] = "dev", value[] = "v\0w";
	static struct str groups[2], values[2];
	static struct user_extra extra[2];

	groups[0] = str_make(group, 3);
	groups[1] = STR_NULL;
	values[0] = str_make(value, 3);
	values[1] = STR_NULL;
	extra[0] = (struct user_extra){ STR("k"), values, 2 };
	extra[1] = (struct user_extra){ STR("none"), NULL, 0 };
	return (struct user){ str_make(name, 4), STR("u1"), groups, 2, extra, 2 };
}

static void check_sample(const struct user *u)
{
	str_is(u->name, STR("jane"));
	str_is(u->uid, STR("u1"));
	int_is(u->group_count, 2);
	str_is(u->groups[0], STR("dev"));
	str_is(u->groups[1], STR(""));
	int_is(u->extra_count, 2);
	str_is(u->extra[0].key, STR("k"));
	int_is(u->extra[0].value_count, 2);
	str_is(u->extra[0].values[0], STR("v\0w"));
	str_is(u->extra[0].values[1], STR(""));
	str_is(u->extra[1].key, STR("none"));
	int_is(u->extra[1].value_count, 0);
}

/* The original is overwritten, so that anything still borrowed shows. */
static void test_copies_are_deep(void)
{
	struct user u = sample(), copy;
	struct user *dup;
	struct arena a;

	arena_init(&a);
	user_copy(&copy, &u, &a);
	dup = user_dup(&u);
	memset((char *)u.name.p, '#', u.name.n);
	memset((char *)u.groups[0].p, '#', u.groups[0].n);
	memset((char *)u.extra[0].values[0].p, '#', 3);
	memset((struct str *)u.groups, 0, 2 * sizeof(struct str));
	memset((struct user_extra *)u.extra, 0, 2 * sizeof(struct user_extra));
	check_sample(&copy);
	check_sample(dup);
	user_free(dup);
	user_free(NULL);
	arena_fini(&a);
}

static void test_copy_of_nothing(void)
{
	struct user none = { .name = STR_NULL }, copy;
	struct arena a;

	arena_init(&a);
	user_copy(&copy, &none, &a);
	int_is(copy.name.n, 0);
	int_is(copy.group_count, 0);
	int_is(copy.extra_count, 0);
	arena_fini(&a);
}

static void test_has_group(void)
{
	struct user u = sample();

	ok(!user_has_group(&u, STR("de")));
	ok(!user_has_group(&u, STR("devs")));
	ok(user_has_group(&u, STR("")));
	u.group_count = 1;
	ok(!user_has_group(&u, STR("")));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_union),
		TAP(test_has_group),
		TAP(test_copies_are_deep),
		TAP(test_copy_of_nothing),
		TAP_END,
	};

	return tap_main(tests);
}
