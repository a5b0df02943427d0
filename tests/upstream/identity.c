/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/identity.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/upstream/server.h"

struct identity {
	const struct identity_options *options;	/* borrowed */
	X509_STORE *client_ca;			/* owned; NULL: none */
	X509_STORE *requestheader_ca;		/* owned; NULL: none */
};

static int load_store(const char *file, X509_STORE **out, char **reason)
{
	FILE *f = fopen(file, "re");
	X509_STORE *store = NULL;
	X509 *x;
	size_t n = 0;

	if (!f) {
		if (asprintf(reason, "%s: %s", file, strerror(errno)) < 0)
			*reason = NULL;
		return ERR_IO;
	}
	store = X509_STORE_new();
	while ((x = PEM_read_X509(f, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	ERR_clear_error();
	fclose(f);
	if (n) {
		*out = store;
		return 0;
	}
	X509_STORE_free(store);
	if (asprintf(reason, "%s: no certificate", file) < 0)
		*reason = NULL;
	return ERR_SYNTAX;
}

int identity_new(const struct identity_options *o, struct identity **out, char **reason)
{
	struct identity *id = xcalloc(1, sizeof(*id));
	int rc = 0;

	id->options = o;
	if (o->client_ca_file)
		rc = load_store(o->client_ca_file, &id->client_ca, reason);
	if (!rc && o->requestheader_ca_file)
		rc = load_store(o->requestheader_ca_file, &id->requestheader_ca, reason);
	if (rc) {
		identity_free(id);
		return rc;
	}
	*out = id;
	return 0;
}

void identity_free(struct identity *id)
{
	if (!id)
		return;
	X509_STORE_free(id->client_ca);
	X509_STORE_free(id->requestheader_ca);
	free(id);
}

/* Certificates without extendedKeyUsage, or with clientAuth or any, may be used by clients. */
static bool may_be_client(X509 *leaf)
{
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
	bool may = !usage;

	for (int i = 0; usage && i < sk_ASN1_OBJECT_num(usage); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));

		may = may || nid == NID_client_auth || nid == NID_anyExtendedKeyUsage;
	}
	EXTENDED_KEY_USAGE_free(usage);
	return may;
}

static bool is_signed_by(X509_STORE *store, const struct tls_peer *peer)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good = false;

	if (ctx && X509_STORE_CTX_init(ctx, store, peer->leaf, peer->chain)) {
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
		good = X509_verify_cert(ctx) == 1 && may_be_client(peer->leaf);
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* Which CAs vouch for a connection's certificate; kept with the connection. */
struct verdict {
	bool front_proxy, client;
};

static const struct verdict *judge(const struct identity *id, struct http_connection *connection)
{
	struct verdict *v = connection->auth_cache;

	if (v)
		return v;
	v = xcalloc(1, sizeof(*v));
	v->front_proxy = id->requestheader_ca &&
			 is_signed_by(id->requestheader_ca, connection->tls);
	v->client = id->client_ca && is_signed_by(id->client_ca, connection->tls);
	connection->auth_cache = v;
	connection->auth_cache_free = free;
	return v;
}

static struct str entry_text(X509_NAME *name, int at, struct arena *a)
{
	ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, value);
	struct str out = n > 0 ? arena_str(a, str_make((char *)utf8, (size_t)n)) : STR_NULL;

	OPENSSL_free(utf8);
	return out;
}

static struct str common_name(X509 *leaf, struct arena *a)
{
	X509_NAME *name = X509_get_subject_name(leaf);
	int at = -1, last = -1;

	while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
		last = at;
	return last < 0 ? STR_NULL : entry_text(name, last, a);
}

static bool is_listed(const struct identity_names *names, struct str s)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(s, str_from(names->v[i])))
			return true;
	return false;
}

/* The first header of the list, in its order, whose first line is not empty. */
static struct str first_of(const struct identity_names *names, const struct http_headers *h)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct str *v = http_headers_get(h, str_from(names->v[i]));

		if (v && v->n)
			return *v;
	}
	return STR_NULL;
}

static void read_groups(const struct identity_names *names, const struct http_headers *h,
			struct arena *a, struct user *u)
{
	struct str *groups = arena_alloc(a, (h->n * names->n + 1) * sizeof(*groups));
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++)
		for (size_t j = 0; j < h->n; j++)
			if (h->v[j].value.n &&
			    str_eq_nocase(h->v[j].name, str_from(names->v[i])))
				groups[n++] = h->v[j].value;
	u->groups = groups;
	u->group_count = n;
}

/* The rest of an extra header's name: lower case, then decoded; as it is when undecodable. */
static struct str extra_key(struct str name, struct arena *a)
{
	struct str lower = arena_str(a, name), out;

	for (size_t i = 0; i < lower.n; i++)
		if (lower.p[i] >= 'A' && lower.p[i] <= 'Z')
			((char *)lower.p)[i] |= 0x20;
	return percent_decode(a, lower, false, &out) ? out : lower;
}

static void add_extra(struct user_extra *list, size_t *n, struct str key, struct str value,
		      struct arena *a)
{
	struct user_extra *e = list;
	struct str *values;

	while (e < list + *n && !str_eq(e->key, key))
		e++;
	if (e == list + *n)
		list[(*n)++] = (struct user_extra){ .key = key };
	values = arena_alloc(a, (e->value_count + 1) * sizeof(*values));
	if (e->value_count)
		memcpy(values, e->values, e->value_count * sizeof(*values));
	values[e->value_count++] = value;
	e->values = values;
}

static void read_extra(const struct identity_names *prefixes, const struct http_headers *h,
		       struct arena *a, struct user *u)
{
	struct user_extra *list = arena_alloc(a, (h->n + 1) * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < prefixes->n; i++) {
		struct str prefix = str_from(prefixes->v[i]);

		for (size_t j = 0; j < h->n; j++) {
			if (!str_has_prefix_nocase(h->v[j].name, prefix))
				continue;
			add_extra(list, &n, extra_key(str_skip(h->v[j].name, prefix.n), a),
				  h->v[j].value, a);
		}
	}
	u->extra = list;
	u->extra_count = n;
}

static void remove_if(struct http_headers *h, struct str name,
		      bool (*matches)(struct str field, struct str name))
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++)
		if (!matches(h->v[i].name, name))
			h->v[kept++] = h->v[i];
	h->n = kept;
}

static void remove_used(const struct identity_options *o, struct http_headers *h)
{
	static const size_t lists[] = { offsetof(struct identity_options, username_headers),
					offsetof(struct identity_options, uid_headers),
					offsetof(struct identity_options, group_headers) };

	for (size_t i = 0; i < array_size(lists); i++) {
		const struct identity_names *names = (const void *)((const char *)o + lists[i]);

		for (size_t j = 0; j < names->n; j++)
			remove_if(h, str_from(names->v[j]), str_eq_nocase);
	}
	for (size_t i = 0; i < o->extra_prefixes.n; i++)
		remove_if(h, str_from(o->extra_prefixes.v[i]), str_has_prefix_nocase);
}

/* 1: accepted; 0: no opinion; ERR_REFUSED: an error. */
static int from_headers(const struct identity *id, struct http_connection *connection,
			const struct http_headers *h, struct arena *a, struct user *u)
{
	const struct identity_options *o = id->options;
	X509 *leaf = connection->tls->leaf;

	if (!id->requestheader_ca)
		return 0;
	if (!judge(id, connection)->front_proxy)
		return ERR_REFUSED;
	if (o->allowed_names.n && !is_listed(&o->allowed_names, common_name(leaf, a)))
		return ERR_REFUSED;
	u->name = first_of(&o->username_headers, h);
	if (!u->name.n)
		return 0;
	u->uid = first_of(&o->uid_headers, h);
	read_groups(&o->group_headers, h, a, u);
	read_extra(&o->extra_prefixes, h, a, u);
	return 1;
}

static void add_credential_id(X509 *leaf, struct arena *a, struct user *u)
{
	struct user_extra *extra = arena_zalloc(a, sizeof(*extra));
	struct str *value = arena_alloc(a, sizeof(*value));
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char text[2 * EVP_MAX_MD_SIZE + 1];

	X509_digest(leaf, EVP_sha256(), digest, &n);
	for (unsigned i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	*value = arena_printf(a, "X509SHA256=%s", text);
	extra->key = STR("authentication.kubernetes.io/credential-id");
	extra->values = value;
	extra->value_count = 1;
	u->extra = extra;
	u->extra_count = 1;
}

static int from_certificate(const struct identity *id, struct http_connection *connection,
			    struct arena *a, struct user *u)
{
	X509 *leaf = connection->tls->leaf;
	X509_NAME *name = X509_get_subject_name(leaf);
	struct str *groups;
	int at = -1;
	size_t n = 0;

	if (!id->client_ca)
		return 0;
	if (!judge(id, connection)->client)
		return ERR_REFUSED;
	u->name = common_name(leaf, a);
	if (!u->name.n)
		return 0;
	groups = arena_alloc(a, ((size_t)X509_NAME_entry_count(name) + 1) * sizeof(*groups));
	while ((at = X509_NAME_get_index_by_NID(name, NID_organizationName, at)) >= 0)
		groups[n++] = entry_text(name, at, a);
	u->groups = groups;
	u->group_count = n;
	add_credential_id(leaf, a, u);
	return 1;
}

int identity_of(const struct identity *id, struct http_connection *connection,
		struct http_headers *headers, struct arena *a, struct user *user)
{
	static const struct str unauthenticated = { GROUP_UNAUTHENTICATED,
						    sizeof(GROUP_UNAUTHENTICATED) - 1 };
	const struct tls_peer *peer = connection->tls;
	int by_headers = 0, by_certificate = 0;

	*user = (struct user){ 0 };
	if (peer && peer->leaf) {
		by_headers = from_headers(id, connection, headers, a, user);
		if (by_headers <= 0)
			by_certificate = from_certificate(id, connection, a, user);
	}
	remove_used(id->options, headers);
	if (by_headers > 0 || by_certificate > 0) {
		user_add_authenticated(user, a);
		return 0;
	}
	if (by_headers < 0 || by_certificate < 0 || !id->options->anonymous)
		return ERR_REFUSED;
	*user = (struct user){ .name = STR(USER_ANONYMOUS), .groups = &unauthenticated,
			       .group_count = 1 };
	return 0;
}
