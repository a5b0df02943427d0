/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impersonation, spec 04 line by line: what headers ask for, which questions are put to the
 * authorizers in which order, what a refusal says and who the request is from afterwards.
 */
#include "config.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proxy/impersonate.h"
#include "tests/tap.h"

#define ON(mode) "impersonate-on:" mode ":list /pods default\n"
#define B_NAME(mode, name) "impersonate:" mode " authentication.k8s.io/users " name "\n"

static struct arena arena;

/* ---- the scripted authorizer ---- */

static struct {
	const char *rules;	/* allowed questions, a line each; "*\n": all */
	const char *reason, *error;
	bool is_ungated;	/* the gate ConstrainedImpersonation is off */
	int pending;		/* so often it waits before each answer */
	int waited;
	struct strbuf asked;	/* every question, a line each */
	const struct authz_policy *policy;	/* of all questions */
	struct user asker;	/* of the latest question */
	struct attributes first, latest;
	int resumed;
} script;

enum authz_decision __wrap_authz_chain_run(struct authz_request *r);

/* "verb group/resource/subresource [namespace] name", "verb path". */
static void describe(struct strbuf *b, const struct attributes *a)
{
	strbuf_addf(b, "%.*s ", STR_ARG(a->verb));
	if (!a->is_resource) {
		strbuf_add_str(b, a->path);
		strbuf_add_char(b, '\n');
		return;
	}
	strbuf_addf(b, "%.*s/%.*s", STR_ARG(a->api_group), STR_ARG(a->resource));
	if (a->subresource.n)
		strbuf_addf(b, "/%.*s", STR_ARG(a->subresource));
	if (a->namespace.n)
		strbuf_addf(b, " %.*s", STR_ARG(a->namespace));
	if (a->name.n)
		strbuf_addf(b, " %.*s", STR_ARG(a->name));
	strbuf_add_char(b, '\n');
}

static bool has_line(const char *lines, struct str line)
{
	for (const char *p = lines; *p; p = strchr(p, '\n') + 1)
		if (!strncmp(p, line.p, line.n))
			return true;
	return false;
}

enum authz_decision __wrap_authz_chain_run(struct authz_request *r)
{
	struct strbuf what = STRBUF_INIT;
	bool allowed;

	if (script.waited < script.pending) {
		script.waited++;
		return AUTHZ_PENDING;
	}
	script.waited = 0;
	/* Each question is a fresh one, about the same policy. */
	ok(!r->step && !r->reason.n && !r->error.n && r->arena == &arena);
	ok(r->policy == script.policy);
	script.asker = *r->attributes->user;
	script.latest = *r->attributes;
	if (!script.asked.n)
		script.first = script.latest;
	describe(&what, r->attributes);
	strbuf_add_str(&script.asked, strbuf_str(&what));
	allowed = !strcmp(script.rules, "*\n") || has_line(script.rules, strbuf_str(&what));
	strbuf_fini(&what);
	r->reason = str_from(script.reason);
	r->error = str_from(script.error);
	return allowed ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}

/* ---- reading ---- */

/* Lines "Name: value\n" become fields. */
static void add_fields(struct http_headers *h, const char *fields)
{
	http_headers_init(h, &arena);
	while (*fields) {
		const char *colon = strchr(fields, ':'), *end = strchr(fields, '\n');
		struct str value = str_make(colon + 1, (size_t)(end - colon - 1));

		http_headers_add(h, str_make(fields, (size_t)(colon - fields)), str_trim(value));
		fields = end + 1;
	}
}

static void add_list(struct strbuf *b, const struct str *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(b, "%s%.*s", i ? "," : "", STR_ARG(v[i]));
	strbuf_add_char(b, ']');
}

/* "name uid [group,group] key=[value,value]". */
static struct str user_text(const struct user *u)
{
	struct strbuf b = STRBUF_INIT;
	struct str s;

	strbuf_addf(&b, "%.*s %.*s [", STR_ARG(u->name), STR_ARG(u->uid));
	add_list(&b, u->groups, u->group_count);
	for (size_t i = 0; i < u->extra_count; i++) {
		strbuf_addf(&b, " %.*s=[", STR_ARG(u->extra[i].key));
		add_list(&b, u->extra[i].values, u->extra[i].value_count);
	}
	s = arena_str(&arena, strbuf_str(&b));
	strbuf_fini(&b);
	return s;
}

static void test_headers(void)
{
	static const struct {
		const char *fields, *user;
	} rows[] = {
		{ "", "  []" },
		{ "Accept: x\n", "  []" },
		{ "Impersonate-User: bob\n", "bob  []" },
		/* names have no case, values do */
		{ "impersonate-USER: Bob\nIMPERSONATE-group: G\nimpersonate-uid: U\n",
		  "Bob U [G]" },
		/* of user and uid the first line counts, also an empty one */
		{ "Impersonate-User: a\nImpersonate-User: b\n", "a  []" },
		{ "Impersonate-User:\nImpersonate-User: b\n", "  []" },
		{ "Impersonate-User: a\nImpersonate-Uid:\nImpersonate-Uid: 2\n", "a  []" },
		/* every line is a group: empty ones too, and commas are text */
		{ "Impersonate-User: a\nImpersonate-Group: x,y\nImpersonate-Group:\n"
		  "Impersonate-Group: x,y\n", "a  [x,y,,x,y]" },
		{ "Impersonate-User: a, b\n", "a, b  []" },
		/* extra: lower case, then decoded, merged by key */
		{ "Impersonate-User: a\nImpersonate-Extra-Example.COM%2FScopes: v\n"
		  "impersonate-extra-other: o\nimpersonate-extra-example.com%2fscopes:\n",
		  "a  [] example.com/scopes=[v,] other=[o]" },
		{ "Impersonate-User: a\nImpersonate-Extra-%41b: v\nImpersonate-Extra-ab: w\n",
		  "a  [] Ab=[v] ab=[w]" },
		/* what is no escape leaves the whole key as it is */
		{ "Impersonate-User: a\nImpersonate-Extra-A%2Fb%zz: v\n", "a  [] a%2fb%zz=[v]" },
		{ "Impersonate-User: a\nImpersonate-Extra-A%: v\n", "a  [] a%=[v]" },
		{ "Impersonate-User: a\nImpersonate-Extra-a%252Fb: v\n", "a  [] a%2fb=[v]" },
		{ "Impersonate-User: a\nImpersonate-Extra-a+b: v\n", "a  [] a+b=[v]" },
		{ "Impersonate-User: a\nImpersonate-Extra-: v\n", "a  [] =[v]" },
		/* other names are other headers */
		{ "Impersonate_User: a\nImpersonate-Users: a\nImpersonate-: a\nImpersonate: a\n"
		  "Impersonate-Extra: a\nImpersonate-Groups: a\nX-Impersonate-User: a\n", "  []" },
		{ "Impersonate-User: \xff\xc3\xa9\n", "\xff\xc3\xa9  []" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct http_headers h;
		struct user u;

		tap_row(rows[i].fields);
		add_fields(&h, rows[i].fields);
		int_is(impersonation_read(&h, &arena, &u), 0);
		str_is(user_text(&u), str_from(rows[i].user));
	}
	tap_row(NULL);
}

#define NO_GROUPS "Groups:[]string(nil), "
#define NO_EXTRA "Extra:map[string][]string(nil)"

static void test_nameless(void)
{
	static const struct {
		const char *fields, *what;
	} rows[] = {
		{ "Impersonate-Group: g1\n", "UID:\"\", Groups:[]string{\"g1\"}, " NO_EXTRA },
		{ "Impersonate-Group:\n", "UID:\"\", Groups:[]string{\"\"}, " NO_EXTRA },
		{ "Impersonate-Uid: 7\n", "UID:\"7\", " NO_GROUPS NO_EXTRA },
		{ "Impersonate-User:\nImpersonate-Uid: a\"b\n", "UID:\"a\\\"b\", " NO_GROUPS
		  NO_EXTRA },
		{ "Impersonate-Extra-k: v\n",
		  "UID:\"\", " NO_GROUPS "Extra:map[string][]string{\"k\":[]string{\"v\"}}" },
		{ "Impersonate-Extra-:\n",
		  "UID:\"\", " NO_GROUPS "Extra:map[string][]string{\"\":[]string{\"\"}}" },
		/* maps are printed in the order of their keys, shorter ones first */
		{ "Impersonate-Extra-z: 1\nImpersonate-Extra-a%2Fb: 2\nImpersonate-Extra-a: 3\n"
		  "Impersonate-Extra-Z: 4\nImpersonate-Group: g\nImpersonate-Group: h\n",
		  "UID:\"\", Groups:[]string{\"g\", \"h\"}, Extra:map[string][]string{"
		  "\"a\":[]string{\"3\"}, \"a/b\":[]string{\"2\"}, \"z\":[]string{\"1\", \"4\"}}" },
		{ "Impersonate-Group: \xff\n", "UID:\"\", Groups:[]string{\"\\xff\"}, " NO_EXTRA },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct http_headers h;
		struct str message;
		struct user u;

		tap_row(rows[i].fields);
		add_fields(&h, rows[i].fields);
		int_is(impersonation_read(&h, &arena, &u), ERR_SYNTAX);
		message = impersonation_nameless_message(&u, true, &arena);
		str_is(message, arena_printf(&arena, "requested &user.DefaultInfo{Name:\"\", %s} "
					     "without impersonating a user name", rows[i].what));
	}
	tap_row(NULL);
}

/* Nothing was asked for: not an error. */
static void test_nothing_asked(void)
{
	static const char *const rows[] = { "Impersonate-User:\n", "Impersonate-Uid:\n",
					    "Impersonate-User:\nImpersonate-Uid:\n",
					    "Impersonate-Foo: x\n" };

	for (size_t i = 0; i < array_size(rows); i++) {
		struct http_headers h;
		struct user u;

		tap_row(rows[i]);
		add_fields(&h, rows[i]);
		int_is(impersonation_read(&h, &arena, &u), 0);
		int_is(u.name.n, 0);
	}
	tap_row(NULL);
}

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define X240 X60 X60 X60 X60

static void test_names(void)
{
	static const struct {
		const char *user;
		enum impersonated_kind kind;
		const char *namespace, *name;
	} rows[] = {
		{ "bob", IMPERSONATED_OTHER, "", "bob" },
		{ "", IMPERSONATED_OTHER, "", "" },
		{ "system:node:n1", IMPERSONATED_NODE, "", "n1" },
		{ "system:node:a.b-c.1", IMPERSONATED_NODE, "", "a.b-c.1" },
		{ "system:node:" X240 X10 "xxx", IMPERSONATED_NODE, "", X240 X10 "xxx" },
		{ "system:node:" X240 X10 "xxxx", IMPERSONATED_OTHER, "",
		  "system:node:" X240 X10 "xxxx" },
		{ "system:node:", IMPERSONATED_OTHER, "", "system:node:" },
		{ "system:node:N1", IMPERSONATED_OTHER, "", "system:node:N1" },
		{ "system:node:a..b", IMPERSONATED_OTHER, "", "system:node:a..b" },
		{ "system:node:a.", IMPERSONATED_OTHER, "", "system:node:a." },
		{ "system:node:-a", IMPERSONATED_OTHER, "", "system:node:-a" },
		{ "system:node:a_b", IMPERSONATED_OTHER, "", "system:node:a_b" },
		{ "system:nodes:n1", IMPERSONATED_OTHER, "", "system:nodes:n1" },
		{ "system:serviceaccount:ns:sa", IMPERSONATED_SERVICE_ACCOUNT, "ns", "sa" },
		{ "system:serviceaccount:ns:s.a", IMPERSONATED_SERVICE_ACCOUNT, "ns", "s.a" },
		{ "system:serviceaccount:n.s:sa", IMPERSONATED_OTHER, "",
		  "system:serviceaccount:n.s:sa" },
		{ "system:serviceaccount:" X60 "xxx:a", IMPERSONATED_SERVICE_ACCOUNT, X60 "xxx",
		  "a" },
		{ "system:serviceaccount:" X60 "xxxx:a", IMPERSONATED_OTHER, "",
		  "system:serviceaccount:" X60 "xxxx:a" },
		{ "system:serviceaccount:ns", IMPERSONATED_OTHER, "", "system:serviceaccount:ns" },
		{ "system:serviceaccount:ns:", IMPERSONATED_OTHER, "",
		  "system:serviceaccount:ns:" },
		{ "system:serviceaccount::sa", IMPERSONATED_OTHER, "",
		  "system:serviceaccount::sa" },
		{ "system:serviceaccount:a:b:c", IMPERSONATED_OTHER, "",
		  "system:serviceaccount:a:b:c" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct impersonated_name n = impersonation_name(str_from(rows[i].user));

		tap_row(rows[i].user);
		int_is(n.kind, rows[i].kind);
		str_is(n.namespace, str_from(rows[i].namespace));
		str_is(n.name, str_from(rows[i].name));
	}
	tap_row(NULL);
}

/* ---- the modes ---- */

static const struct user alice = { .name = STR("alice"), .uid = STR("1") };

static const struct str agent_pod = STR("p"), agent_nodes[] = { STR("n1"), STR("n1") };
static const struct user_extra agent_extra[] = {
	{ STR("authentication.kubernetes.io/pod-name"), &agent_pod, 1 },
	{ STR("authentication.kubernetes.io/node-name"), agent_nodes, 1 },
};
static const struct user agent = {
	.name = STR("system:serviceaccount:kube-system:agent"),
	.extra = agent_extra, .extra_count = 2,
};

static const struct attributes list_pods = {
	.verb = STR("list"), .is_resource = true, .namespace = STR("default"),
	.api_version = STR("v1"), .resource = STR("pods"),
	.path = STR("/api/v1/namespaces/default/pods"),
};

static struct str refusal_text(const struct forbidden *f)
{
	struct strbuf b = STRBUF_INIT;
	struct status s;
	struct str message;

	status_forbidden(&s, &b, f);
	message = arena_str(&arena, strbuf_str(&b));
	strbuf_fini(&b);
	return message;
}

static void count_resumed(void *arg)
{
	(void)arg;
	script.resumed++;
}

/* What comes of it: the user, or the text of the refusal. */
static struct str impersonate(struct impersonation *im, const struct user *requester,
			      const struct attributes *request, const char *fields)
{
	static char policy;
	struct attributes a = *request;
	struct http_headers h;
	struct user wanted;
	enum authz_decision d;

	strbuf_clear(&script.asked);
	a.user = requester;
	add_fields(&h, fields);
	int_is(impersonation_read(&h, &arena, &wanted), 0);
	script.policy = (const struct authz_policy *)(const void *)&policy;
	impersonation_init(im, script.policy, &a, &wanted, !script.is_ungated, &arena,
			   count_resumed, NULL);
	while ((d = impersonation_run(im)) == AUTHZ_PENDING)
		im->authz.resume(im->authz.resume_arg);
	return d == AUTHZ_ALLOW ? user_text(&im->user) : refusal_text(&im->refusal);
}

struct mode_row {
	const char *label;
	const struct user *requester;
	const char *fields, *rules;
	const char *asked, *result, *constraint;
};

static void check_modes(const struct mode_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct mode_row *r = &rows[i];
		struct impersonation im;
		struct str result;

		tap_row(r->label);
		script.rules = r->rules;
		result = impersonate(&im, r->requester, &list_pods, r->fields);
		str_is(result, str_from(r->result));
		str_is(strbuf_str(&script.asked), str_from(r->asked));
		cstr_is(im.constraint, r->constraint);
	}
	tap_row(NULL);
}

#define BOB "Impersonate-User: bob\n"
#define FULL BOB "Impersonate-Uid: u\nImpersonate-Group: g1\nImpersonate-Group: g2\n" \
	"Impersonate-Extra-a.b%2Fc: v\nImpersonate-Extra-a.b%2Fc: w\n"
#define B_FULL B_NAME("user-info", "bob") \
	"impersonate:user-info authentication.k8s.io/uids u\n" \
	"impersonate:user-info authentication.k8s.io/groups g1\n" \
	"impersonate:user-info authentication.k8s.io/groups g2\n" \
	"impersonate:user-info authentication.k8s.io/userextras/a.b/c v\n" \
	"impersonate:user-info authentication.k8s.io/userextras/a.b/c w\n"
#define L_FULL "impersonate /users bob\nimpersonate authentication.k8s.io/uids u\n" \
	"impersonate /groups g1\nimpersonate /groups g2\n" \
	"impersonate authentication.k8s.io/userextras/a.b/c v\n" \
	"impersonate authentication.k8s.io/userextras/a.b/c w\n"
#define FULL_USER "bob u [g1,g2,system:authenticated] a.b/c=[v,w]"

static void test_user_info(void)
{
	static const struct mode_row rows[] = {
		{ "no right: the first mode's first question", &alice, BOB, "",
		  ON("user-info") "impersonate /users bob\n",
		  "pods is forbidden: User \"alice\" cannot impersonate-on:user-info:list resource "
		  "\"pods\" in API group \"\" in the namespace \"default\"", NULL },
		{ "the request but not the identity", &alice, BOB, ON("user-info"),
		  ON("user-info") B_NAME("user-info", "bob") "impersonate /users bob\n",
		  "users.authentication.k8s.io \"bob\" is forbidden: User \"alice\" cannot "
		  "impersonate:user-info resource \"users\" in API group "
		  "\"authentication.k8s.io\" at "
		  "the cluster scope", NULL },
		{ "the identity but not the request", &alice, BOB, B_NAME("user-info", "bob"),
		  ON("user-info") "impersonate /users bob\n",
		  "pods is forbidden: User \"alice\" cannot impersonate-on:user-info:list resource "
		  "\"pods\" in API group \"\" in the namespace \"default\"", NULL },
		{ "both", &alice, BOB, ON("user-info") B_NAME("user-info", "bob"),
		  ON("user-info") B_NAME("user-info", "bob"), "bob  [system:authenticated]",
		  "impersonate:user-info" },
		{ "everything of a user", &alice, FULL, ON("user-info") B_FULL,
		  ON("user-info") B_FULL, FULL_USER, "impersonate:user-info" },
		{ "the old right is enough", &alice, FULL, L_FULL, ON("user-info") L_FULL,
		  FULL_USER,
		  NULL },
		{ "one group is missing", &alice, BOB "Impersonate-Group: a\nImpersonate-Group: "
		  "b\n",
		  ON("user-info") B_NAME("user-info", "bob")
		  "impersonate:user-info authentication.k8s.io/groups a\n",
		  ON("user-info") B_NAME("user-info", "bob")
		  "impersonate:user-info authentication.k8s.io/groups a\n"
		  "impersonate:user-info authentication.k8s.io/groups b\nimpersonate /users bob\n",
		  "groups.authentication.k8s.io \"b\" is forbidden: User \"alice\" cannot "
		  "impersonate:user-info resource \"groups\" in API group "
		  "\"authentication.k8s.io\" at "
		  "the cluster scope", NULL },
		{ "the uid is missing", &alice, BOB "Impersonate-Uid: u\nImpersonate-Group: a\n",
		  ON("user-info") B_NAME("user-info", "bob"),
		  ON("user-info") B_NAME("user-info", "bob")
		  "impersonate:user-info authentication.k8s.io/uids u\nimpersonate /users bob\n",
		  "uids.authentication.k8s.io \"u\" is forbidden: User \"alice\" cannot "
		  "impersonate:user-info resource \"uids\" in API group "
		  "\"authentication.k8s.io\" at "
		  "the cluster scope", NULL },
		{ "a value is missing", &alice, BOB "Impersonate-Extra-a.b%2Fc: v\n",
		  ON("user-info") B_NAME("user-info", "bob"),
		  ON("user-info") B_NAME("user-info", "bob")
		  "impersonate:user-info authentication.k8s.io/userextras/a.b/c v\n"
		  "impersonate /users bob\n",
		  "userextras.authentication.k8s.io \"v\" is forbidden: User \"alice\" cannot "
		  "impersonate:user-info resource \"userextras/a.b/c\" in API group "
		  "\"authentication.k8s.io\" at the cluster scope", NULL },
	};

	check_modes(rows, array_size(rows));
}

#define MANY "Impersonate-Group: a\nImpersonate-Group: b\nImpersonate-Group: " \
	"c\nImpersonate-Group: d\n"
#define B_GROUP(g) "impersonate:user-info authentication.k8s.io/groups " g "\n"
#define B_EXTRA(k) "impersonate:user-info authentication.k8s.io/userextras/" k "\n"

/* With four or more, all at once is asked first; its refusal decides nothing. */
static void test_many(void)
{
	static const struct mode_row rows[] = {
		{ "three groups", &alice, BOB "Impersonate-Group: a\nImpersonate-Group: b\n"
		  "Impersonate-Group: c\n",
		  "*\n", ON("user-info") B_NAME("user-info", "bob") B_GROUP("a") B_GROUP("b")
		  B_GROUP("c"),
		  "bob  [a,b,c,system:authenticated]", "impersonate:user-info" },
		{ "four groups at once", &alice, BOB MANY, "*\n",
		  ON("user-info") B_NAME("user-info", "bob") B_GROUP("*"),
		  "bob  [a,b,c,d,system:authenticated]", "impersonate:user-info" },
		{ "four groups, each", &alice, BOB MANY, ON("user-info") B_NAME("user-info", "bob")
		  B_GROUP("a") B_GROUP("b") B_GROUP("c") B_GROUP("d"),
		  ON("user-info") B_NAME("user-info", "bob") B_GROUP("*") B_GROUP("a") B_GROUP("b")
		  B_GROUP("c") B_GROUP("d"),
		  "bob  [a,b,c,d,system:authenticated]", "impersonate:user-info" },
		{ "four groups, one refused", &alice, BOB MANY,
		  ON("user-info") B_NAME("user-info", "bob") B_GROUP("a"),
		  ON("user-info") B_NAME("user-info", "bob") B_GROUP("*") B_GROUP("a") B_GROUP("b")
		  "impersonate /users bob\n",
		  "groups.authentication.k8s.io \"b\" is forbidden: User \"alice\" cannot "
		  "impersonate:user-info resource \"groups\" in API group "
		  "\"authentication.k8s.io\" at "
		  "the cluster scope", NULL },
		{ "legacy asks for each", &alice, BOB MANY, "impersonate /users bob\nimpersonate "
		  "/groups a\n"
		  "impersonate /groups b\nimpersonate /groups c\nimpersonate /groups d\n",
		  ON("user-info") "impersonate /users bob\nimpersonate /groups a\n"
		  "impersonate /groups b\nimpersonate /groups c\nimpersonate /groups d\n",
		  "bob  [a,b,c,d,system:authenticated]", NULL },
		{ "four values at once", &alice, BOB "Impersonate-Extra-x%2Fy: 1\n"
		  "Impersonate-Extra-x%2Fy: 2\nImpersonate-Extra-x%2Fy: "
		  "3\nImpersonate-Extra-x%2Fz: 4\n",
		  "*\n", ON("user-info") B_NAME("user-info", "bob") B_EXTRA("* *"),
		  "bob  [system:authenticated] x/y=[1,2,3] x/z=[4]", "impersonate:user-info" },
		{ "three values, each", &alice, BOB "Impersonate-Extra-x%2Fy: 1\n"
		  "Impersonate-Extra-x%2Fy: 2\nImpersonate-Extra-x%2Fz: 4\n",
		  "*\n", ON("user-info") B_NAME("user-info", "bob") B_EXTRA("x/y 1")
		  B_EXTRA("x/y 2")
		  B_EXTRA("x/z 4"),
		  "bob  [system:authenticated] x/y=[1,2] x/z=[4]", "impersonate:user-info" },
		{ "four keys, each", &alice, BOB "Impersonate-Extra-x%2F1: "
		  "v\nImpersonate-Extra-x%2F2: v\n"
		  "Impersonate-Extra-x%2F3: v\nImpersonate-Extra-x%2F4: v\n",
		  ON("user-info") B_NAME("user-info", "bob") B_EXTRA("x/1 v") B_EXTRA("x/2 v")
		  B_EXTRA("x/3 v") B_EXTRA("x/4 v"),
		  ON("user-info") B_NAME("user-info", "bob") B_EXTRA("* *") B_EXTRA("x/1 v")
		  B_EXTRA("x/2 v")
		  B_EXTRA("x/3 v") B_EXTRA("x/4 v"),
		  "bob  [system:authenticated] x/1=[v] x/2=[v] x/3=[v] x/4=[v]",
		  "impersonate:user-info" },
	};

	check_modes(rows, array_size(rows));
}

#define CONSTRAINED_ALL(more) ON("user-info") B_NAME("user-info", "bob") more
#define GROUPS_REFUSED(object) "groups.authentication.k8s.io " object "is forbidden: User " \
	"\"alice\" " \
	"cannot impersonate:user-info resource \"groups\" in API group " \
	"\"authentication.k8s.io\" at the " \
	"cluster scope: "
#define EXTRA_REFUSED "userextras.authentication.k8s.io is forbidden: User \"alice\" cannot " \
	"impersonate:user-info resource \"userextras\" in API group \"authentication.k8s.io\" " \
	"at the " \
	"cluster scope: "
#define INVALID_KEY EXTRA_REFUSED "impersonating an invalid key in extra is not allowed: "
#define HOST_FAULT(host) "extra.key: Invalid value: \"" host "\": a lowercase RFC 1123 " \
	"subdomain must " \
	"consist of lower case alphanumeric characters, '-' or '.', and must start and end " \
	"with an " \
	"alphanumeric character (e.g. 'example.com', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define PATH_FAULT(path) "extra.key: Invalid value: \"" path "\": Invalid path (regex used for " \
	"validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"

/* What the constrained modes never allow; all else is allowed but the old right to the name. */
static void test_never_constrained(void)
{
	static const struct {
		const char *fields, *result;
	} rows[] = {
		{ "Impersonate-Group:\n", GROUPS_REFUSED("")
		  "impersonating the empty string group is not allowed" },
		{ "Impersonate-Group: system:masters\n", GROUPS_REFUSED("\"system:masters\" ")
		  "impersonating the system:masters group is not allowed" },
		{ "Impersonate-Group: system:masters\nImpersonate-Group:\n", GROUPS_REFUSED("")
		  "impersonating the empty string group is not allowed" },
		{ "Impersonate-Extra-: v\n", EXTRA_REFUSED
		  "impersonating the empty string key in extra is not allowed" },
		{ "Impersonate-Extra-scopes: v\n", INVALID_KEY "extra.key: Invalid value: "
		  "\"scopes\": must be "
		  "a domain-prefixed path (such as \"acme.io/foo\")" },
		{ "Impersonate-Extra-%2Fx: v\n", INVALID_KEY "extra.key: Invalid value: \"/x\": "
		  "must be "
		  "a domain-prefixed path (such as \"acme.io/foo\")" },
		{ "Impersonate-Extra-x%2F: v\n", INVALID_KEY "extra.key: Invalid value: \"x/\": "
		  "must be "
		  "a domain-prefixed path (such as \"acme.io/foo\")" },
		{ "Impersonate-Extra-x_y%2Fz: v\n", INVALID_KEY HOST_FAULT("x_y") },
		{ "Impersonate-Extra-x%2Fa%20b: v\n", INVALID_KEY PATH_FAULT("a b") },
		{ "Impersonate-Extra-x%2Fa%00b: v\n", INVALID_KEY PATH_FAULT("a\\x00b") },
		{ "Impersonate-Extra-x_y%2F%3F: v\n", INVALID_KEY "[" HOST_FAULT("x_y") ", "
		  PATH_FAULT("?") "]" },
		{ "Impersonate-Extra-" X240 X10 "xxxx%2Fz: v\n", INVALID_KEY "extra.key: Invalid "
		  "value: \""
		  X240 X10 "xxxx\": must be no more than 253 characters" },
		{ "Impersonate-Extra-x%2F%41: v\n", EXTRA_REFUSED
		  "impersonating a non-lowercase key in extra is not allowed: \"x/A\"" },
		{ "Impersonate-Extra-x%2Fy:\n", EXTRA_REFUSED
		  "impersonating the empty string value in extra is not allowed" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct impersonation im;
		struct str fields = arena_printf(&arena, BOB "%s", rows[i].fields);

		tap_row(rows[i].fields);
		script.rules = CONSTRAINED_ALL("");
		str_is(impersonate(&im, &alice, &list_pods, fields.p), str_from(rows[i].result));
		str_is(strbuf_str(&script.asked),
		       STR(CONSTRAINED_ALL("impersonate /users bob\n")));
		/* The legacy mode has no such limits. */
		script.rules = "*\n";
		impersonate(&im, &alice, &list_pods, fields.p);
		ok(im.user.name.n && !im.constraint);
	}
	tap_row(NULL);
}

#define NODE "Impersonate-User: system:node:n1\n"
#define B_NODE(mode, name) "impersonate:" mode " authentication.k8s.io/nodes " name "\n"

static void test_nodes(void)
{
	static const struct user unbound = { .name = STR("system:serviceaccount:a:b") };
	static const struct user_extra two[] = {
		{ STR("authentication.kubernetes.io/node-name"), agent_nodes, 2 },
	};
	static const struct user twice = { .name = STR("system:serviceaccount:a:b"), .extra = two,
					   .extra_count = 1 };
	static const struct user person = { .name = STR("person"), .extra = agent_extra,
					    .extra_count = 2 };
	static const struct mode_row rows[] = {
		{ "no right", &alice, NODE, "", ON("arbitrary-node") "impersonate /users "
		  "system:node:n1\n",
		  "pods is forbidden: User \"alice\" cannot impersonate-on:arbitrary-node:list "
		  "resource "
		  "\"pods\" in API group \"\" in the namespace \"default\"", NULL },
		{ "a node", &alice, NODE, ON("arbitrary-node") B_NODE("arbitrary-node", "n1"),
		  ON("arbitrary-node") B_NODE("arbitrary-node", "n1"),
		  "system:node:n1  [system:nodes,system:authenticated]",
		  "impersonate:arbitrary-node" },
		{ "in the legacy mode it is a user like others", &alice, NODE,
		  "impersonate /users system:node:n1\n",
		  ON("arbitrary-node") "impersonate /users system:node:n1\n",
		  "system:node:n1  [system:authenticated]", NULL },
		{ "with its group only legacy applies", &alice, NODE "Impersonate-Group: "
		  "system:nodes\n",
		  "*\n", "impersonate /users system:node:n1\nimpersonate /groups system:nodes\n",
		  "system:node:n1  [system:nodes,system:authenticated]", NULL },
		{ "with a uid too", &alice, NODE "Impersonate-Uid: 1\n", "",
		  "impersonate /users system:node:n1\n",
		  "users \"system:node:n1\" is forbidden: User \"alice\" cannot impersonate "
		  "resource "
		  "\"users\" in API group \"\" at the cluster scope", NULL },
		{ "with extra too", &alice, NODE "Impersonate-Extra-x%2Fy: 1\n", "",
		  "impersonate /users system:node:n1\n",
		  "users \"system:node:n1\" is forbidden: User \"alice\" cannot impersonate "
		  "resource "
		  "\"users\" in API group \"\" at the cluster scope", NULL },
		{ "no node's name", &alice, "Impersonate-User: system:node:N\n", "*\n",
		  ON("user-info") B_NAME("user-info", "system:node:N"),
		  "system:node:N  [system:authenticated]", "impersonate:user-info" },
		{ "an agent's own node", &agent, NODE,
		  ON("associated-node") B_NODE("associated-node", "*"),
		  ON("associated-node") B_NODE("associated-node", "*"),
		  "system:node:n1  [system:nodes,system:authenticated]",
		  "impersonate:associated-node" },
		{ "its refusal comes first", &agent, NODE, ON("associated-node"),
		  ON("associated-node") B_NODE("associated-node", "*") ON("arbitrary-node")
		  "impersonate /users system:node:n1\n",
		  "nodes.authentication.k8s.io \"*\" is forbidden: User "
		  "\"system:serviceaccount:kube-system:agent\" cannot "
		  "impersonate:associated-node resource "
		  "\"nodes\" in API group \"authentication.k8s.io\" at the cluster scope", NULL },
		{ "another node is not associated", &agent, "Impersonate-User: system:node:n2\n",
		  ON("associated-node") B_NODE("associated-node", "*"),
		  ON("arbitrary-node") "impersonate /users system:node:n2\n",
		  "pods is forbidden: User \"system:serviceaccount:kube-system:agent\" cannot "
		  "impersonate-on:arbitrary-node:list resource \"pods\" in API group \"\" in the "
		  "namespace "
		  "\"default\"", NULL },
		{ "nor for whom has no node", &unbound, NODE, "*\n",
		  ON("arbitrary-node") B_NODE("arbitrary-node", "n1"),
		  "system:node:n1  [system:nodes,system:authenticated]",
		  "impersonate:arbitrary-node" },
		{ "nor two", &twice, NODE, "*\n", ON("arbitrary-node") B_NODE("arbitrary-node",
		  "n1"),
		  "system:node:n1  [system:nodes,system:authenticated]",
		  "impersonate:arbitrary-node" },
		{ "nor is no service account", &person, NODE, "*\n",
		  ON("arbitrary-node") B_NODE("arbitrary-node", "n1"),
		  "system:node:n1  [system:nodes,system:authenticated]",
		  "impersonate:arbitrary-node" },
	};

	check_modes(rows, array_size(rows));
}

/* Authorizers see the names of an agent's extra keys, in the modes that follow all of it. */
static void test_associate(void)
{
	struct impersonation im;

	script.rules = ON("associated-node") B_NODE("associated-node", "*");
	impersonate(&im, &agent, &list_pods, NODE);
	str_is(user_text(&script.asker),
	       STR("system:serviceaccount:kube-system:agent  [] "
		   "authentication.kubernetes.io/associated-node-keys="
		   "[authentication.kubernetes.io/node-name,"
		   "authentication.kubernetes.io/pod-name]"));
	script.rules = ON("arbitrary-node") B_NODE("arbitrary-node", "n1");
	impersonate(&im, &agent, &list_pods, NODE);
	str_is(user_text(&script.asker), user_text(&agent));
	script.rules = "impersonate /users system:node:n1\n";
	impersonate(&im, &agent, &list_pods, NODE);
	str_is(user_text(&script.asker), user_text(&agent));
}

#define SA "Impersonate-User: system:serviceaccount:ns:sa\n"
#define B_SA "impersonate:serviceaccount authentication.k8s.io/serviceaccounts ns sa\n"
#define L_SA "impersonate /serviceaccounts ns sa\n"

static void test_service_accounts(void)
{
	static const struct mode_row rows[] = {
		{ "no right", &alice, SA, "", ON("serviceaccount") L_SA,
		  "pods is forbidden: User \"alice\" cannot impersonate-on:serviceaccount:list "
		  "resource "
		  "\"pods\" in API group \"\" in the namespace \"default\"", NULL },
		{ "the request alone", &alice, SA, ON("serviceaccount"), ON("serviceaccount") B_SA
		  L_SA,
		  "serviceaccounts.authentication.k8s.io \"sa\" is forbidden: User \"alice\" "
		  "cannot "
		  "impersonate:serviceaccount resource \"serviceaccounts\" in API group "
		  "\"authentication.k8s.io\" in the namespace \"ns\"", NULL },
		{ "its groups come with it", &alice, SA, ON("serviceaccount") B_SA,
		  ON("serviceaccount") B_SA,
		  "system:serviceaccount:ns:sa  [system:serviceaccounts,system:serviceaccounts:ns,"
		  "system:authenticated]", "impersonate:serviceaccount" },
		{ "in the legacy mode too", &alice, SA, L_SA, ON("serviceaccount") L_SA,
		  "system:serviceaccount:ns:sa  [system:serviceaccounts,system:serviceaccounts:ns,"
		  "system:authenticated]", NULL },
		{ "a uid leaves the groups", &alice, SA "Impersonate-Uid: 1\n", "*\n",
		  L_SA "impersonate authentication.k8s.io/uids 1\n",
		  "system:serviceaccount:ns:sa 1 [system:serviceaccounts,system:serviceaccounts:ns,"
		  "system:authenticated]", NULL },
		{ "groups are taken literally", &alice, SA "Impersonate-Group: g\n", "*\n",
		  L_SA "impersonate /groups g\n",
		  "system:serviceaccount:ns:sa  [g,system:authenticated]", NULL },
		{ "with groups only legacy applies", &alice, SA "Impersonate-Group: g\n", "", L_SA,
		  "serviceaccounts \"sa\" is forbidden: User \"alice\" cannot impersonate resource "
		  "\"serviceaccounts\" in API group \"\" in the namespace \"ns\"", NULL },
	};

	check_modes(rows, array_size(rows));
}

static void test_groups_at_the_end(void)
{
	static const struct {
		const char *fields, *groups;
	} rows[] = {
		{ BOB, "[system:authenticated]" },
		{ BOB "Impersonate-Group: system:authenticated\nImpersonate-Group: x\n",
		  "[system:authenticated,x]" },
		{ BOB "Impersonate-Group: system:unauthenticated\n", "[system:unauthenticated]" },
		{ "Impersonate-User: system:anonymous\n", "[system:unauthenticated]" },
		{ "Impersonate-User: system:anonymous\nImpersonate-Group: x\n",
		  "[x,system:unauthenticated]" },
		{ "Impersonate-User: system:anonymous\nImpersonate-Group: system:authenticated\n",
		  "[system:authenticated,system:unauthenticated]" },
		{ "Impersonate-User: system:anonymous\nImpersonate-Group: system:unauthenticated\n",
		  "[system:unauthenticated]" },
		{ BOB "Impersonate-Group: system:masters\n",
		  "[system:masters,system:authenticated]" },
		{ BOB "Impersonate-Group:\n", "[,system:authenticated]" },
	};

	script.rules = "*\n";
	for (size_t i = 0; i < array_size(rows); i++) {
		struct impersonation im;
		struct str text;

		tap_row(rows[i].fields);
		text = impersonate(&im, &alice, &list_pods, rows[i].fields);
		ok(str_has_suffix(text, str_from(rows[i].groups)));
		ok(str_eq(str_skip(text, (size_t)str_find(text, '[', 0)),
			str_from(rows[i].groups)));
	}
	tap_row(NULL);
}

/* Everything of the real request but the verb stays, selectors too; other questions have none. */
static void test_the_real_request(void)
{
	static const struct selector_requirement named = { .key = STR("metadata.name") };
	static const struct attributes scale = {
		.verb = STR("deletecollection"), .is_resource = true, .namespace = STR("n"),
		.api_group = STR("apps"), .api_version = STR("v1beta1"), .resource =
		STR("deployments"),
		.subresource = STR("scale"), .name = STR("d"), .path = STR("/apis"),
		.field_selector = { .raw = STR("metadata.name=d"), .v = &named, .n = 1 },
		.label_selector = { .raw = STR("a=b"), .unparsable = true },
	};
	struct impersonation im;

	script.rules = "";
	str_is(impersonate(&im, &alice, &scale, BOB),
	       STR("deployments.apps \"d\" is forbidden: User \"alice\" cannot "
		   "impersonate-on:user-info:deletecollection resource \"deployments/scale\" in "
		   "API "
		   "group \"apps\" in the namespace \"n\""));
	str_is(script.first.api_version, STR("v1beta1"));
	str_is(script.first.path, STR("/apis"));
	str_is(script.first.field_selector.raw, STR("metadata.name=d"));
	ok(script.first.field_selector.v == &named && script.first.field_selector.n == 1);
	ok(script.first.label_selector.unparsable);
	str_is(script.latest.verb, STR("impersonate"));
	str_is(script.latest.api_version, STR("v1"));
	ok(!script.latest.path.n && !script.latest.field_selector.raw.n);
	ok(!script.latest.field_selector.n && !script.latest.label_selector.unparsable);
}

static void test_paths(void)
{
	static const struct attributes healthz = { .verb = STR("get"), .path = STR("/healthz") };
	struct impersonation im;

	script.rules = "";
	str_is(impersonate(&im, &alice, &healthz, BOB),
	       STR("forbidden: User \"alice\" cannot impersonate-on:user-info:get path "
	       "\"/healthz\""));
	script.rules = "impersonate-on:user-info:get /healthz\n" B_NAME("user-info", "bob");
	str_is(impersonate(&im, &alice, &healthz, BOB), STR("bob  [system:authenticated]"));
}

/* An error is no 500 here: it is the reason of the refusal. */
static void test_reasons(void)
{
	static const struct {
		const char *reason, *error, *tail;
	} rows[] = {
		{ NULL, NULL, "" },
		{ "because", NULL, ": because" },
		{ NULL, "broken", ": broken" },
		{ "because", "broken <x>", ": broken <x>: because" },
	};
	struct impersonation im;

	script.rules = "";
	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].tail);
		script.reason = rows[i].reason;
		script.error = rows[i].error;
		str_is(impersonate(&im, &alice, &list_pods, BOB),
		       arena_printf(&arena, "pods is forbidden: User \"alice\" cannot "
				    "impersonate-on:user-info:list resource \"pods\" in API "
				    "group \"\" "
				    "in the namespace \"default\"%s", rows[i].tail));
	}
	tap_row(NULL);
	/* What allows may have complained as well. */
	script.rules = "*\n";
	str_is(impersonate(&im, &alice, &list_pods, BOB), STR("bob  [system:authenticated]"));
	script.reason = script.error = NULL;
}

/* Authorizers that wait before every answer change nothing. */
static void test_waiting(void)
{
	struct impersonation im;

	script.pending = 2;
	script.resumed = 0;
	script.rules = L_FULL;
	str_is(impersonate(&im, &alice, &list_pods, FULL), STR(FULL_USER));
	str_is(strbuf_str(&script.asked), STR(ON("user-info") L_FULL));
	int_is(script.resumed, 2 * 7);
	script.rules = ON("user-info") B_NAME("user-info", "bob") B_GROUP("a") B_GROUP("b")
	B_GROUP("c")
		B_GROUP("d");
	str_is(impersonate(&im, &alice, &list_pods, BOB MANY),
	       STR("bob  [a,b,c,d,system:authenticated]"));
	script.pending = 0;
}

/* Nothing of the requester is inherited. */
static void test_nothing_inherited(void)
{
	static const struct str groups[] = { STR("system:masters"), STR("ops") };
	struct user rich = agent;
	struct impersonation im;

	rich.uid = STR("77");
	rich.groups = groups;
	rich.group_count = 2;
	script.rules = "*\n";
	str_is(impersonate(&im, &rich, &list_pods, BOB), STR("bob  [system:authenticated]"));
	str_is(im.requester.uid, STR("77"));
}

/* Without the gate: one mode, another order, and nothing of what was added. */
static void test_without_the_gate(void)
{
	static const struct mode_row rows[] = {
		{ "no right", &alice, BOB, "", "impersonate /users bob\n",
		  "users \"bob\" is forbidden: User \"alice\" cannot impersonate resource "
		  "\"users\" in API group \"\" at the cluster scope: because", NULL },
		{ "constrained rights count for nothing", &alice, FULL, ON("user-info") B_FULL,
		  "impersonate /users bob\n",
		  "users \"bob\" is forbidden: User \"alice\" cannot impersonate resource "
		  "\"users\" in API group \"\" at the cluster scope: because", NULL },
		{ "the uid is asked for last", &alice, FULL, "*\n",
		  "impersonate /users bob\nimpersonate /groups g1\nimpersonate /groups g2\n"
		  "impersonate authentication.k8s.io/userextras/a.b/c v\n"
		  "impersonate authentication.k8s.io/userextras/a.b/c w\n"
		  "impersonate authentication.k8s.io/uids u\n", FULL_USER, NULL },
		{ "a node is a user", &alice, NODE, "*\n", "impersonate /users system:node:n1\n",
		  "system:node:n1  [system:authenticated]", NULL },
		{ "a service account has its groups", &alice, SA, "*\n", L_SA,
		  "system:serviceaccount:ns:sa  [system:serviceaccounts,"
		  "system:serviceaccounts:ns,system:authenticated]", NULL },
	};

	script.is_ungated = true;
	script.reason = "because";
	script.error = "broken";
	check_modes(rows, array_size(rows));
	script.reason = script.error = NULL;
	script.is_ungated = false;
}

static void test_nameless_without_the_gate(void)
{
	static const struct {
		const char *fields, *what;
	} rows[] = {
		{ "Impersonate-Group: g1\n", "{Group  g1    }" },
		{ "Impersonate-Group:\nImpersonate-Group: h\n", "{Group      } {Group  h    }" },
		{ "Impersonate-Uid: u\nImpersonate-Group: g\nImpersonate-Extra-K: v\n",
		  "{Group  g    } {UserExtra  v  authentication.k8s.io/v1  k} "
		  "{UID  u  authentication.k8s.io/v1  }" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct http_headers h;
		struct user u;

		tap_row(rows[i].fields);
		add_fields(&h, rows[i].fields);
		int_is(impersonation_read(&h, &arena, &u), ERR_SYNTAX);
		str_is(impersonation_nameless_message(&u, false, &arena),
		       arena_printf(&arena, "requested [%s] without impersonating a user",
				    rows[i].what));
	}
	tap_row(NULL);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_headers),
		TAP(test_nameless),
		TAP(test_nothing_asked),
		TAP(test_names),
		TAP(test_user_info),
		TAP(test_many),
		TAP(test_never_constrained),
		TAP(test_nodes),
		TAP(test_associate),
		TAP(test_service_accounts),
		TAP(test_groups_at_the_end),
		TAP(test_the_real_request),
		TAP(test_paths),
		TAP(test_reasons),
		TAP(test_waiting),
		TAP(test_nothing_inherited),
		TAP(test_without_the_gate),
		TAP(test_nameless_without_the_gate),
		TAP_END
	};
	int rc;

	script.asked = STRBUF_INIT;
	rc = tap_main(tests);
	strbuf_fini(&script.asked);
	arena_fini(&arena);
	return rc;
}
