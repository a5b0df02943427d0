/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/request_info.h"

#include "base/err.h"
#include "proxy/query.h"

/* apis, group, version, watch, namespaces, <namespace>, resource, name, subresource. */
#define SEGMENTS_MAX 9

struct path_segments {
	struct str v[SEGMENTS_MAX];	/* further segments are of no interest */
	size_t n;
};

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

bool request_query_get(struct str raw_query, struct str key, struct arena *a, struct str *value)
{
	struct query q;
	struct str k;

	query_init(&q, raw_query, a);
	while (query_next(&q, &k, value))
		if (str_eq(k, key))
			return true;
	return false;
}

struct list_parameter {
	struct str value;
	bool is_present;
};

/* The query parameters that decide anything, first values. */
struct list_parameters {
	struct list_parameter watch, limit, timeout_seconds, field_selector, label_selector;
};

static struct list_parameter *list_parameter_find(struct list_parameters *p, struct str key)
{
	switch (key.n) {
	case 5:
		return str_eq(key, STR("watch")) ? &p->watch
			: str_eq(key, STR("limit")) ? &p->limit : NULL;
	case 13:
		return str_eq(key, STR("fieldSelector")) ? &p->field_selector
			: str_eq(key, STR("labelSelector")) ? &p->label_selector : NULL;
	case 14:
		return str_eq(key, STR("timeoutSeconds")) ? &p->timeout_seconds : NULL;
	}
	return NULL;
}

static void list_parameters_read(struct str raw_query, struct arena *a, struct list_parameters *p)
{
	struct query q;
	struct str key, value;

	*p = (struct list_parameters){ 0 };
	query_init(&q, raw_query, a);
	while (query_next(&q, &key, &value)) {
		struct list_parameter *to = list_parameter_find(p, key);

		if (to && !to->is_present)
			*to = (struct list_parameter){ value, true };
	}
}

/* A decimal signed 64-bit integer, as strconv.ParseInt reads it. */
static bool is_int64(struct str s)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t v;

	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_skip(s, 1);
	return str_to_u64(s, &v) == 0 && v <= (uint64_t)INT64_MAX + negative;
}

/*
 * Go compares with strings.EqualFold, for which the long s (U+017F) is an s too, where all
 * parameters parse, and with strings.ToLower, for which it is none, where they do not.
 */
static bool asks_for_watch(const struct list_parameter *watch, bool parsed)
{
	struct str v = watch->value;

	if (parsed && v.n == 6 && str_eq(str_slice(v, 3, 5), STR("\xc5\xbf")))
		return !str_eq_nocase(str_slice(v, 0, 3), STR("fal")) || (v.p[5] | 0x20) != 'e';
	return watch->is_present && !str_eq(v, STR("0")) && !str_eq_nocase(v, STR("false"));
}

/* IsValidPathSegmentName of apimachinery. */
static bool is_path_segment_name(struct str s)
{
	return !str_eq(s, STR(".")) && !str_eq(s, STR("..")) &&
		(!s.n || (!memchr(s.p, '/', s.n) && !memchr(s.p, '%', s.n)));
}

/* Spec 01 section 6; requirements are sorted, the first equality term counts. */
static void name_from_field_selector(struct attributes *at, const struct selector *fields)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct selector_requirement *r = &fields->v[i];

		if (r->op != SELECTOR_EQUALS || !str_eq(r->key, STR("metadata.name")))
			continue;
		if (is_path_segment_name(r->values[0]))
			at->name = r->values[0];
		return;
	}
}

/* Spec 01 sections 5 and 6, for a get without a name. */
static void resolve_list(struct attributes *at, const struct list_parameters *p,
			 const struct selector *fields, const struct selector *labels)
{
	bool parsed = !fields->unparsable && !labels->unparsable &&
		(!p->limit.is_present || is_int64(p->limit.value)) &&
		(!p->timeout_seconds.is_present || is_int64(p->timeout_seconds.value));

	at->verb = asks_for_watch(&p->watch, parsed) ? STR("watch") : STR("list");
	if (parsed)
		name_from_field_selector(at, fields);
}

/* Steps 5 to 7 of spec 01 section 4, for verbs that came from the method. */
static void resolve_collection(struct attributes *at, struct str raw_query, struct arena *a)
{
	bool is_get = str_eq(at->verb, STR("get"));
	struct list_parameters p;

	if (at->name.n || (!is_get && !str_eq(at->verb, STR("delete"))))
		return;
	list_parameters_read(raw_query, a, &p);
	selector_parse_fields(p.field_selector.value, a, &at->field_selector);
	selector_parse_labels(p.label_selector.value, a, &at->label_selector);
	if (is_get)
		resolve_list(at, &p, &at->field_selector, &at->label_selector);
	else
		at->verb = STR("deletecollection");
}

static struct str verb_of_method(struct str method)
{
	static const struct {
		struct str method, verb;
	} table[] = {
		{ STR("GET"), STR("get") }, { STR("POST"), STR("create") },
		{ STR("PUT"), STR("update") }, { STR("PATCH"), STR("patch") },
		{ STR("DELETE"), STR("delete") }, { STR("HEAD"), STR("get") },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (str_eq(method, table[i].method))
			return table[i].verb;
	return STR("");
}

static struct str lower_case(struct str s, struct arena *a)
{
	char *to;

	if (str_eq(s, STR("GET")))
		return STR("get");
	to = arena_alloc(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	return str_make(to, s.n);
}

/* Spec 01 section 2. */
static void path_split(struct str path, struct path_segments *out)
{
	struct str rest = path;

	out->n = 0;
	while (rest.n && rest.p[0] == '/')
		rest = str_skip(rest, 1);
	while (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (!rest.n)
		return;
	while (out->n < SEGMENTS_MAX && str_next(&rest, '/', &out->v[out->n]))
		out->n++;
}

/* Spec 01 section 4, steps 3 and 4; v holds what is behind the version, without a path verb. */
static void resolve_object(struct attributes *at, const struct str *v, size_t n, bool is_proxy)
{
	if (n > 1 && str_eq(v[0], STR("namespaces"))) {
		at->namespace = v[1];
		if (n > 2 && !str_eq(v[2], STR("status")) && !str_eq(v[2], STR("finalize"))) {
			v += 2;
			n -= 2;
		}
	}
	at->resource = v[0];
	if (n > 1)
		at->name = v[1];
	if (n > 2 && !is_proxy)
		at->subresource = v[2];
}

/* Spec 01 section 4; `at` segments are prefix, group and version. */
static int resolve_resource(const struct path_segments *s, size_t prefix, struct str method,
			    struct arena *a, struct request_info *out)
{
	struct attributes *at = &out->attributes;
	const struct str *v = &s->v[prefix];
	size_t n = s->n - prefix;
	bool is_watch = str_eq(v[0], STR("watch")), is_proxy = str_eq(v[0], STR("proxy"));

	at->is_resource = true;
	at->api_group = prefix == 3 ? s->v[1] : STR("");
	at->api_version = s->v[prefix - 1];
	if (is_watch || is_proxy) {
		if (n == 1)
			return ERR_UNSUPPORTED;
		at->verb = v[0];
		resolve_object(at, v + 1, n - 1, is_proxy);
		return 0;
	}
	at->verb = verb_of_method(method);
	resolve_object(at, v, n, false);
	resolve_collection(at, out->raw_query, a);
	return 0;
}

/* Spec 00 section 3. */
static bool is_long_running(const struct attributes *at)
{
	static const struct str subresources[] = {
		STR("attach"), STR("exec"), STR("proxy"), STR("log"), STR("portforward"),
	};

	if (str_eq(at->verb, STR("watch")) || str_eq(at->verb, STR("proxy")))
		return true;
	if (!at->is_resource)
		return str_has_prefix(at->path, STR("/debug/pprof/"));
	for (size_t i = 0; at->subresource.n && i < sizeof(subresources) / sizeof(subresources[0]);
	     i++)
		if (str_eq(at->subresource, subresources[i]))
			return true;
	return false;
}

/* The length of `scheme:` at the start of s, or 0. */
static size_t scheme_length(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], l = (char)(c | 0x20);

		if (c == ':')
			return i ? i + 1 : 0;
		if (!(l >= 'a' && l <= 'z') &&
		    (!i || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
			return 0;
	}
	return 0;
}

/* A host with an optional port.  User information is an error (RFC 9110 section 4.2.4). */
static bool is_authority(struct str s)
{
	size_t host_n = s.n;

	for (size_t i = 0; i < s.n; i++) {
		char l = (char)(s.p[i] | 0x20);

		if (!(l >= 'a' && l <= 'z') && !memchr("0123456789-._~:[]", s.p[i], 17))
			return false;
	}
	while (host_n && s.p[host_n - 1] >= '0' && s.p[host_n - 1] <= '9')
		host_n--;
	if (host_n && s.p[host_n - 1] == ':')
		host_n--;
	else
		host_n = s.n;
	/* Brackets hold an IPv6 address; elsewhere a colon begins the port. */
	s.n = host_n;
	if (s.n && s.p[0] == '[')
		return str_find(s, ']', 0) == (ptrdiff_t)s.n - 1;
	return str_find(s, ':', 0) < 0 && str_find(s, '[', 0) < 0 && str_find(s, ']', 0) < 0;
}

/*
 * Absolute form: `target` without scheme and host.  An empty path stays empty, as in
 * kube-apiserver: what is decided on is what is sent.
 */
static int strip_scheme(struct str target, struct str *out)
{
	size_t scheme = scheme_length(target), end;
	struct str rest = str_skip(target, scheme);

	if (!scheme || !rest.n || rest.p[0] != '/')
		return ERR_SYNTAX;
	*out = rest;
	if (!str_has_prefix(rest, STR("//")))
		return 0;
	rest = str_skip(rest, 2);
	for (end = 0; end < rest.n && rest.p[end] != '/' && rest.p[end] != '?';)
		end++;
	if (!is_authority(str_slice(rest, 0, end)))
		return ERR_SYNTAX;
	*out = str_skip(rest, end);
	return 0;
}

/* Spec 01 section 1.1: the forms of a target. */
static int target_to_origin_form(struct str method, struct str target, struct str *out)
{
	*out = target;
	for (size_t i = 0; i < target.n; i++)
		if (is_control((unsigned char)target.p[i]))
			return ERR_SYNTAX;
	if (target.n && target.p[0] == '/')
		return 0;
	if (str_eq(method, STR("CONNECT"))) {
		*out = STR("");
		return target.n && is_authority(target) ? 0 : ERR_SYNTAX;
	}
	if (str_eq(method, STR("OPTIONS")) && str_eq(target, STR("*")))
		return 0;
	return strip_scheme(target, out);
}

int request_info_resolve(struct str method, struct str target, struct arena *a,
			 struct request_info *out)
{
	struct attributes *at = &out->attributes;
	struct path_segments s;
	ptrdiff_t question;
	struct str path;
	size_t prefix = 0;
	int rc;

	*out = (struct request_info){ 0 };
	rc = target_to_origin_form(method, target, &out->origin_form);
	if (rc < 0)
		return rc;
	path = out->origin_form;
	question = str_find(path, '?', 0);
	if (question >= 0) {
		out->raw_query = str_skip(path, (size_t)question + 1);
		path.n = (size_t)question;
	}
	if (!query_decode(a, path, true, &at->path))
		return ERR_SYNTAX;
	path_split(at->path, &s);
	if (s.n >= 3 && str_eq(s.v[0], STR("api")))
		prefix = 2;
	else if (s.n >= 4 && str_eq(s.v[0], STR("apis")))
		prefix = 3;
	if (prefix)
		rc = resolve_resource(&s, prefix, method, a, out);
	else
		at->verb = lower_case(method, a);
	out->long_running = is_long_running(at);
	return rc;
}
