/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/impersonation.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define EXTRA_PREFIX STR("Impersonate-Extra-")
#define NODE_PREFIX STR("system:node:")
#define SERVICE_ACCOUNT_PREFIX STR("system:serviceaccount:")
#define GROUP_NODES "system:nodes"
#define GROUP_SERVICE_ACCOUNTS "system:serviceaccounts"
#define DNS_LABEL_MAX 63
#define DNS_SUBDOMAIN_MAX 253
#define DNS_SUBDOMAIN_REGEX "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
#define PATH_REGEX "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"

/* ---- names ---- */

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_label_of_any_length(struct str s)
{
	if (!s.n || !is_lower_alnum(s.p[0]) || !is_lower_alnum(s.p[s.n - 1]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_lower_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

/* Labels between dots; Kubernetes bounds their sum, not each. */
static bool is_subdomain_of_any_length(struct str s)
{
	struct str piece;

	while (str_next(&s, '.', &piece))
		if (!is_label_of_any_length(piece))
			return false;
	return true;
}

static bool is_subdomain(struct str s)
{
	return s.n <= DNS_SUBDOMAIN_MAX && is_subdomain_of_any_length(s);
}

struct impersonated_name impersonation_name(struct str user)
{
	struct impersonated_name other = { .kind = IMPERSONATED_OTHER, .name = user };
	struct impersonated_name found = other;
	ptrdiff_t colon;

	if (str_has_prefix(user, NODE_PREFIX)) {
		found.kind = IMPERSONATED_NODE;
		found.name = str_skip(user, NODE_PREFIX.n);
		return is_subdomain(found.name) ? found : other;
	}
	if (!str_has_prefix(user, SERVICE_ACCOUNT_PREFIX))
		return other;
	user = str_skip(user, SERVICE_ACCOUNT_PREFIX.n);
	colon = str_find(user, ':', 0);
	if (colon < 0)
		return other;
	found.kind = IMPERSONATED_SERVICE_ACCOUNT;
	found.namespace = str_slice(user, 0, (size_t)colon);
	found.name = str_skip(user, (size_t)colon + 1);
	return found.namespace.n <= DNS_LABEL_MAX && is_label_of_any_length(found.namespace) &&
	       is_subdomain(found.name) ? found : other;
}

/* ---- headers ---- */

static bool is_named(const struct http_header *h, const char *name)
{
	return h->field == HTTP_IMPERSONATE && str_eq_nocase(h->name, str_from(name));
}

static bool is_extra(const struct http_header *h)
{
	return h->field == HTTP_IMPERSONATE && str_has_prefix_nocase(h->name, EXTRA_PREFIX);
}

static struct str first_value(const struct http_headers *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (is_named(&h->v[i], name))
			return h->v[i].value;
	return STR_NULL;
}

/* One line is one group, also an empty one. */
static void read_groups(const struct http_headers *h, struct arena *a, struct user *wanted)
{
	struct str *groups;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += is_named(&h->v[i], "Impersonate-Group");
	if (!n)
		return;
	wanted->groups = groups = arena_alloc(a, n * sizeof(*groups));
	for (size_t i = 0; i < h->n; i++)
		if (is_named(&h->v[i], "Impersonate-Group"))
			groups[wanted->group_count++] = h->v[i].value;
}

/* Lower case first, then the escapes; all of them or, when one is none, as it stands. */
static struct str extra_key(struct str name, struct arena *a)
{
	struct str raw = str_skip(name, EXTRA_PREFIX.n);
	char *lower = arena_alloc(a, raw.n + 1), *key = arena_alloc(a, raw.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++)
		lower[i] = is_upper(raw.p[i]) ? (char)(raw.p[i] | 0x20) : raw.p[i];
	raw.p = lower;
	for (size_t i = 0; i < raw.n; i++) {
		int byte;

		if (raw.p[i] != '%') {
			key[n++] = raw.p[i];
			continue;
		}
		byte = str_percent_byte(raw, i);
		if (byte < 0)
			return raw;
		key[n++] = (char)byte;
		i += 2;
	}
	return str_make(key, n);
}

/* The values of each key, in the order of lines; lines[i] is the key of the i-th extra line. */
static void read_values(const struct http_headers *h, struct arena *a, struct user_extra *extra,
			size_t keys, struct user_extra *const *lines, size_t n)
{
	struct str *values = arena_alloc(a, n * sizeof(*values));
	size_t used = 0, line = 0;

	for (size_t k = 0; k < keys; k++) {
		extra[k].values = values + used;
		used += extra[k].value_count;
		extra[k].value_count = 0;
	}
	for (size_t i = 0; i < h->n; i++) {
		struct user_extra *e;

		if (!is_extra(&h->v[i]))
			continue;
		e = lines[line++];
		values[e->values - values + (ptrdiff_t)e->value_count++] = h->v[i].value;
	}
}

static void read_extra(const struct http_headers *h, struct arena *a, struct user *wanted)
{
	struct map seen = MAP_INIT;
	struct user_extra *extra, **lines;
	size_t n = 0, keys = 0, line = 0;

	for (size_t i = 0; i < h->n; i++)
		n += is_extra(&h->v[i]);
	if (!n)
		return;
	extra = arena_zalloc(a, n * sizeof(*extra));
	lines = arena_alloc(a, n * sizeof(*lines));
	for (size_t i = 0; i < h->n; i++) {
		struct user_extra *e;
		struct str key;

		if (!is_extra(&h->v[i]))
			continue;
		key = extra_key(h->v[i].name, a);
		e = map_get(&seen, key);
		if (!e) {
			e = &extra[keys++];
			e->key = key;
			map_set(&seen, e->key, e);
		}
		e->value_count++;
		lines[line++] = e;
	}
	map_fini(&seen);
	read_values(h, a, extra, keys, lines, n);
	wanted->extra = extra;
	wanted->extra_count = keys;
}

/* ---- the answer to those who name nobody: what they asked for as Go prints it ---- */

static void add_list(struct strbuf *b, const struct str *v, size_t n)
{
	strbuf_add_cstr(b, "[]string{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_cstr(b, ", ");
		strbuf_add_go_quoted(b, v[i]);
	}
	strbuf_add_char(b, '}');
}

static int compare_keys(const void *a, const void *b)
{
	const struct user_extra *x = a, *y = b;

	return str_cmp(x->key, y->key);
}

/* Go prints maps in the order of their keys. */
static void add_extra(struct strbuf *b, const struct user *u, struct arena *a)
{
	struct user_extra *sorted = arena_memdup(a, u->extra, u->extra_count * sizeof(*sorted));

	qsort(sorted, u->extra_count, sizeof(*sorted), compare_keys);
	strbuf_add_cstr(b, "map[string][]string{");
	for (size_t i = 0; i < u->extra_count; i++) {
		if (i)
			strbuf_add_cstr(b, ", ");
		strbuf_add_go_quoted(b, sorted[i].key);
		strbuf_add_char(b, ':');
		add_list(b, sorted[i].values, sorted[i].value_count);
	}
	strbuf_add_char(b, '}');
}

static void add_user(struct strbuf *b, const struct user *u, struct arena *a)
{
	strbuf_add_cstr(b, "&user.DefaultInfo{Name:\"\", UID:");
	strbuf_add_go_quoted(b, u->uid);
	strbuf_add_cstr(b, ", Groups:");
	if (u->group_count)
		add_list(b, u->groups, u->group_count);
	else
		strbuf_add_cstr(b, "[]string(nil)");
	strbuf_add_cstr(b, ", Extra:");
	if (u->extra_count)
		add_extra(b, u, a);
	else
		strbuf_add_cstr(b, "map[string][]string(nil)");
	strbuf_add_cstr(b, "} without impersonating a user name");
}

/* {Kind Namespace Name UID APIVersion ResourceVersion FieldPath} */
static void add_reference(struct strbuf *b, const char *kind, struct str name,
			  const char *version, struct str field)
{
	if (b->p[b->n - 1] == '}')
		strbuf_add_char(b, ' ');
	strbuf_addf(b, "{%s  ", kind);
	strbuf_add_str(b, name);
	strbuf_addf(b, "  %s  ", version);
	strbuf_add_str(b, field);
	strbuf_add_char(b, '}');
}

static void add_references(struct strbuf *b, const struct user *u)
{
	static const char version[] = "authentication.k8s.io/v1";

	strbuf_add_char(b, '[');
	for (size_t i = 0; i < u->group_count; i++)
		add_reference(b, "Group", u->groups[i], "", STR_NULL);
	for (size_t i = 0; i < u->extra_count; i++)
		for (size_t j = 0; j < u->extra[i].value_count; j++)
			add_reference(b, "UserExtra", u->extra[i].values[j], version,
				      u->extra[i].key);
	if (u->uid.n)
		add_reference(b, "UID", u->uid, version, STR_NULL);
	strbuf_add_cstr(b, "] without impersonating a user");
}

struct str impersonation_nameless_message(const struct user *wanted, bool is_gated,
					  struct arena *a)
{
	struct strbuf b = STRBUF_INIT;
	struct str message;

	strbuf_add_cstr(&b, "requested ");
	if (is_gated)
		add_user(&b, wanted, a);
	else
		add_references(&b, wanted);
	message = arena_str(a, strbuf_str(&b));
	strbuf_fini(&b);
	return message;
}

int impersonation_read(const struct http_headers *h, struct arena *a, struct user *wanted)
{
	*wanted = (struct user){
		.name = first_value(h, "Impersonate-User"),
		.uid = first_value(h, "Impersonate-Uid"),
	};
	read_groups(h, a, wanted);
	read_extra(h, a, wanted);
	if (wanted->name.n || !(wanted->uid.n || wanted->group_count || wanted->extra_count))
		return 0;
	return ERR_SYNTAX;
}

/* ---- what the constrained modes never allow ---- */

struct str impersonation_groups_problem(const struct user *wanted, struct str *name)
{
	*name = STR_NULL;
	if (user_has_group(wanted, STR_NULL))
		return STR("impersonating the empty string group is not allowed");
	if (!user_has_group(wanted, STR(GROUP_MASTERS)))
		return STR_NULL;
	*name = STR(GROUP_MASTERS);
	return STR("impersonating the system:masters group is not allowed");
}

static void add_invalid(struct strbuf *b, struct str value, const char *why)
{
	strbuf_add_cstr(b, b->n ? ", " : "");
	strbuf_add_cstr(b, "extra.key: Invalid value: ");
	strbuf_add_go_quoted(b, value);
	strbuf_add_cstr(b, ": ");
	strbuf_add_cstr(b, why);
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_upper(s.p[i]))
			return true;
	return false;
}

static bool is_path(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_lower_alnum(s.p[i]) && !is_upper(s.p[i]) &&
		    (!s.p[i] || !strchr("/-._~%!$&'()*+,;=:", s.p[i])))
			return false;
	return true;
}

/* Every fault of a key that should be a domain, a slash and a path; returns their number. */
static int add_key_faults(struct strbuf *b, struct str key)
{
	ptrdiff_t slash = str_find(key, '/', 0);
	struct str host, path;
	int n = 0;

	if (slash <= 0 || (size_t)slash + 1 == key.n) {
		add_invalid(b, key, "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return 1;
	}
	host = str_slice(key, 0, (size_t)slash);
	path = str_skip(key, (size_t)slash + 1);
	if (host.n > DNS_SUBDOMAIN_MAX && ++n)
		add_invalid(b, host, "must be no more than 253 characters");
	if (!is_subdomain_of_any_length(host) && ++n)
		add_invalid(b, host, "a lowercase RFC 1123 subdomain must consist of lower case "
			    "alphanumeric characters, '-' or '.', and must start and end with an "
			    "alphanumeric character (e.g. 'example.com', regex used for validation "
			    "is '" DNS_SUBDOMAIN_REGEX "')");
	if (!is_path(path) && ++n)
		add_invalid(b, path, "Invalid path (regex used for validation is "
			    "'" PATH_REGEX "')");
	return n;
}

static struct str key_problem(struct str key, struct arena *a)
{
	struct strbuf b = STRBUF_INIT;
	struct str text = STR_NULL;
	int n = add_key_faults(&b, key);

	if (n) {
		text = arena_printf(a, "impersonating an invalid key in extra is not allowed: "
				    "%s%.*s%s", n > 1 ? "[" : "", STR_ARG(strbuf_str(&b)),
				    n > 1 ? "]" : "");
	} else if (has_upper(key)) {
		strbuf_add_go_quoted(&b, key);
		text = arena_printf(a, "impersonating a non-lowercase key in extra is not allowed: "
				    "%.*s", STR_ARG(strbuf_str(&b)));
	}
	strbuf_fini(&b);
	return text;
}

struct str impersonation_extra_problem(const struct user *wanted, struct arena *a)
{
	for (size_t i = 0; i < wanted->extra_count; i++) {
		const struct user_extra *e = &wanted->extra[i];
		struct str problem;

		if (!e->key.n)
			return STR("impersonating the empty string key in extra is not allowed");
		problem = key_problem(e->key, a);
		if (problem.n)
			return problem;
		for (size_t j = 0; j < e->value_count; j++)
			if (!e->values[j].n)
				return STR("impersonating the empty string value in extra is not "
					   "allowed");
	}
	return STR_NULL;
}

/* ---- the resulting user ---- */

static void set_groups(struct user *u, struct arena *a, const struct str *v, size_t n)
{
	u->groups = arena_memdup(a, v, n * sizeof(*v));
	u->group_count = n;
}

static void add_unauthenticated(struct user *u, struct arena *a)
{
	struct str *groups;

	if (user_has_group(u, STR(GROUP_UNAUTHENTICATED)))
		return;
	groups = arena_alloc(a, (u->group_count + 1) * sizeof(*groups));
	if (u->group_count)
		memcpy(groups, u->groups, u->group_count * sizeof(*groups));
	groups[u->group_count++] = STR(GROUP_UNAUTHENTICATED);
	u->groups = groups;
}

void impersonation_complete(struct user *u, bool is_constrained, struct arena *a)
{
	struct impersonated_name n = impersonation_name(u->name);

	if (n.kind == IMPERSONATED_NODE && is_constrained)
		set_groups(u, a, &STR(GROUP_NODES), 1);
	if (n.kind == IMPERSONATED_SERVICE_ACCOUNT && !u->group_count) {
		struct str groups[] = {
			STR(GROUP_SERVICE_ACCOUNTS),
			arena_printf(a, GROUP_SERVICE_ACCOUNTS ":%.*s", STR_ARG(n.namespace)),
		};

		set_groups(u, a, groups, 2);
	}
	if (str_eq(u->name, STR(USER_ANONYMOUS)))
		add_unauthenticated(u, a);
	else
		user_add_authenticated(u, a);
}
