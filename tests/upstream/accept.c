/* SPDX-License-Identifier: Apache-2.0 */
/* The Accept header, with Kubernetes' transformations (as=Table, as=PartialObjectMetadata). */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "tests/upstream/reply.h"

#define ACCEPT_CLAUSES_MAX 32

struct clause {
	struct str type;
	struct str as, group, version;
	double q;
	bool pretty;
};

static void read_parameter(struct clause *out, struct str text)
{
	struct str key, value;
	ptrdiff_t eq = str_find(text, '=', 0);

	if (eq < 0)
		return;
	key = str_trim(str_slice(text, 0, (size_t)eq));
	value = str_trim(str_skip(text, (size_t)eq + 1));
	if (str_eq_nocase(key, STR("as")))
		out->as = value;
	else if (str_eq_nocase(key, STR("g")))
		out->group = value;
	else if (str_eq_nocase(key, STR("v")))
		out->version = value;
	else if (str_eq_nocase(key, STR("pretty")))
		out->pretty = str_eq(value, STR("1"));
	else if (str_eq_nocase(key, STR("q")))
		out->q = value.n && value.p[0] == '0' ? strtod(value.p, NULL) : 1;
}

static struct clause read_clause(struct str text)
{
	struct clause out = { .q = 1 };
	struct str piece;

	if (str_next(&text, ';', &piece))
		out.type = str_trim(piece);
	while (str_next(&text, ';', &piece))
		read_parameter(&out, piece);
	return out;
}

/* Clauses in the order of preference: higher q first, else as written. */
static size_t read_clauses(struct str header, struct clause *v)
{
	struct str piece;
	size_t n = 0;

	while (n < ACCEPT_CLAUSES_MAX && str_next(&header, ',', &piece)) {
		struct clause c = read_clause(piece);
		size_t at = n++;

		for (; at > 0 && v[at - 1].q < c.q; at--)
			v[at] = v[at - 1];
		v[at] = c;
	}
	return n;
}

static bool clause_media(const struct clause *c, bool has_protobuf, enum media_format *out)
{
	if (str_eq_nocase(c->type, STR("application/json")) || str_eq(c->type, STR("*/*")) ||
	    str_eq(c->type, STR("application/*"))) {
		*out = MEDIA_JSON;
		return true;
	}
	/* JSON is YAML, so the one encoder serves both. */
	if (str_eq_nocase(c->type, STR("application/yaml"))) {
		*out = MEDIA_YAML;
		return true;
	}
	*out = MEDIA_PROTOBUF;
	return has_protobuf &&
	       str_eq_nocase(c->type, STR("application/vnd.kubernetes.protobuf"));
}

static bool clause_as(const struct clause *c, bool may_shape, enum reply_as *out)
{
	*out = REPLY_PLAIN;
	if (!c->as.n)
		return true;
	if (!may_shape || !str_eq(c->group, STR("meta.k8s.io")))
		return false;
	*out = str_eq(c->as, STR("Table")) ? REPLY_TABLE : REPLY_METADATA;
	return *out == REPLY_TABLE || str_has_prefix(c->as, STR("PartialObjectMetadata"));
}

bool reply_is_pretty(const struct call *c)
{
	const struct str *agent = http_field_get(&c->request.headers, HTTP_USER_AGENT);
	struct http_headers h;

	http_headers_init(&h, c->arena);
	if (agent)
		http_headers_add(&h, STR("User-Agent"), *agent);
	return negotiate_error(&h, c->query).pretty;
}

int reply_negotiate(const struct call *c, bool has_protobuf, bool may_table,
		    struct reply_format *out)
{
	struct clause v[ACCEPT_CLAUSES_MAX];
	size_t n = read_clauses(call_header(c, "Accept"), v);

	out->pretty = reply_is_pretty(c);
	if (!call_header(c, "Accept").n) {
		out->media = MEDIA_JSON;
		out->as = REPLY_PLAIN;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!clause_as(&v[i], may_table, &out->as))
			continue;
		/* Every object has its metadata as protobuf; no Table has. */
		if (!clause_media(&v[i], (has_protobuf || out->as == REPLY_METADATA) &&
				  out->as != REPLY_TABLE, &out->media))
			continue;
		out->pretty = out->pretty || v[i].pretty;
		return 0;
	}
	return ERR_UNSUPPORTED;
}
