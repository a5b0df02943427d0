/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of the test API server: TLS, listener, connections, first objects. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "cache/manifests.h"
#include "conf/file.h"
#include "net/stream.h"
#include "tests/upstream/policy.h"
#include "tests/upstream/rest.h"
#include "tests/upstream/start.h"

/* Connections. */

static void connection_gone(void *arg, struct h1_server *h1)
{
	struct connection *conn = arg;
	struct list *node, *safe;

	(void)h1;
	list_for_each(node, safe, &conn->server->calls) {
		struct call *c = container_of(node, struct call, node);

		if (c->connection == conn)
			c->connection = NULL;
	}
	list_del(&conn->node);
	conn->server->connections_open--;
	loop_bury(conn->server->loop, conn, free);
}

static void on_accept(void *arg, int fd, const struct address *peer)
{
	struct server *s = arg;
	struct connection *conn = xcalloc(1, sizeof(*conn));

	*conn = (struct connection){ .server = s, .number = ++s->connections_accepted };
	conn->settings = (struct h1_server_settings){ .accept = call_accept, .arg = conn,
						      .on_gone = connection_gone };
	list_add_tail(&s->connections, &conn->node);
	s->connections_open++;
	conn->stream = stream_accept(s->loop, fd, peer, s->tls, NULL, NULL);
	conn->h1 = h1_server_new(s->loop, conn->stream, &conn->settings);
}

/* First objects. */

static int add_manifest(void *arg, const struct manifest_object *o, struct problems *p)
{
	struct server *s = arg;
	const struct kind *k = kind_by_object(o->api_version, o->kind);
	struct user nobody = { 0 };
	json_t *object;

	if (!k || (k->flags & KIND_CREATE_ONLY)) {
		problems_add(p, o->file, o->line, "manifests", "%.*s is not served",
			     STR_ARG(o->kind));
		return ERR_UNSUPPORTED;
	}
	object = json_pack("{s:s, s:s}", "kind", k->kind, "apiVersion", kind_api_version(k));
	json_object_update_missing_new(object, json_deep_copy(o->json));
	if (kind_is_namespaced(k) && !object_text(object, "metadata.namespace").n)
		json_object_set_new(object_metadata(object), "namespace", json_string("default"));
	rest_prepare(s, k, object, &nobody);
	rest_add(s, k, object);
	return 0;
}

static void add_namespaces(struct server *s)
{
	static const char *const names[] = { "default", "kube-node-lease", "kube-public",
					     "kube-system" };
	const struct kind *k = kind_by_resource(STR(""), STR("v1"), STR("namespaces"));

	for (size_t i = 0; i < array_size(names); i++) {
		json_t *ns = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:[s]}}", "kind",
			"Namespace", "apiVersion", "v1", "metadata", "name", names[i], "labels",
			"kubernetes.io/metadata.name", names[i], "spec", "finalizers",
			"kubernetes");

		rest_prepare(s, k, ns, NULL);
		rest_add(s, k, ns);
	}
}

static void add_service(struct server *s)
{
	const struct kind *k = kind_by_resource(STR(""), STR("v1"), STR("services"));
	json_t *service = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:[{s:s, s:i}]}}", "kind",
		"Service", "apiVersion", "v1", "metadata", "name", "kubernetes", "namespace",
		"default", "spec", "clusterIP", "10.96.0.1", "ports", "name", "https", "port", 443);

	s->services = 1;
	rest_prepare(s, k, service, NULL);
	rest_add(s, k, service);
}

static int add_manifests(struct server *s)
{
	struct problems p = PROBLEMS_INIT;
	int rc = 0;

	for (size_t i = 0; i < s->options.manifest_count; i++) {
		int one = manifests_read(s->options.manifests[i], "manifests", add_manifest, s, &p);

		rc = rc ? rc : one;
	}
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

/* TLS and listening. */

/* Both CA files: clients choose their certificate by the names that are offered. */
static int read_cas(const struct identity_options *id, struct strbuf *out)
{
	const char *files[] = { id->requestheader_ca_file, id->client_ca_file };
	int rc = 0;

	for (size_t i = 0; i < array_size(files) && !rc; i++) {
		struct str text = STR_NULL;

		if (!files[i])
			continue;
		rc = file_read(files[i], &text);
		strbuf_add_str(out, text);
		strbuf_add_char(out, '\n');
		file_text_free(text);
	}
	return rc;
}

static int open_tls(struct server *s)
{
	struct tls_server_settings t = { .min_version = TLS1_2_VERSION };
	struct str cert = STR_NULL, key = STR_NULL;
	struct strbuf cas = STRBUF_INIT;
	char *reason = NULL;
	int rc = file_read(s->options.cert_file, &cert);

	if (!rc)
		rc = file_read(s->options.key_file, &key);
	if (!rc)
		rc = read_cas(&s->options.identity, &cas);
	if (rc) {
		fprintf(stderr, "certificate files: %s\n", strerror(errno));
		goto out;
	}
	t.default_pair.cert_pem = cert;
	t.default_pair.key_pem = key;
	t.client_ca_pem = strbuf_str(&cas);
	rc = tls_server_context_new(&t, &s->tls, &reason);
	if (rc)
		fprintf(stderr, "TLS: %s\n", reason ? reason : err_text(rc));
	free(reason);
out:
	file_text_free(cert);
	file_text_free(key);
	strbuf_fini(&cas);
	return rc;
}

static int write_port(const char *file, unsigned port)
{
	struct strbuf temporary = STRBUF_INIT;
	FILE *f;
	int rc = ERR_IO;

	strbuf_addf(&temporary, "%s.new", file);
	f = fopen(temporary.p, "we");
	if (f) {
		fprintf(f, "%u\n", port);
		if (!fclose(f) && !rename(temporary.p, file))
			rc = 0;
	}
	strbuf_fini(&temporary);
	return rc;
}

static int open_listener(struct server *s)
{
	struct address a, bound;
	int fd, rc = address_from_text(str_from(s->options.bind_address),
				       (uint16_t)s->options.port, &a);

	if (!rc)
		rc = listener_open(&a, &fd, &bound);
	if (rc) {
		fprintf(stderr, "%s:%u: %s\n", s->options.bind_address, s->options.port,
			rc == ERR_IO ? strerror(errno) : err_text(rc));
		return rc;
	}
	s->listener = listener_new(s->loop, fd, on_accept, s);
	printf("listening on port %u\n", address_port(&bound));
	fflush(stdout);
	if (s->options.port_file)
		rc = write_port(s->options.port_file, address_port(&bound));
	if (rc)
		fprintf(stderr, "%s: %s\n", s->options.port_file, strerror(errno));
	return rc;
}

static int open_identity(struct server *s)
{
	char *reason = NULL;
	int rc = identity_new(&s->options.identity, &s->identity, &reason);

	if (rc)
		fprintf(stderr, "%s\n", reason ? reason : err_text(rc));
	free(reason);
	return rc;
}

int server_start(struct server *s)
{
	int rc;

	s->loop = loop_new(NULL);
	list_init(&s->connections);
	list_init(&s->calls);
	list_init(&s->watches);
	store_init(&s->store, loop_clock(s->loop), s->options.ring_size);
	add_namespaces(s);
	add_service(s);
	rc = add_manifests(s);
	if (!rc)
		rc = open_identity(s);
	if (!rc)
		rc = open_tls(s);
	if (rc)
		return rc;
	if (s->options.rbac)
		s->policy = policy_new(s);
	return open_listener(s);
}

static void free_seen(struct map *m)
{
	const struct map_entry *e;
	size_t at = 0;

	while ((e = map_next(m, &at))) {
		struct seen *one = e->value;

		free((char *)one->key.p);
		free(one);
	}
	map_fini(m);
	*m = MAP_INIT;
}

void server_forget_seen(struct server *s)
{
	free_seen(&s->seen);
}

void server_stop(struct server *s)
{
	struct list *node, *safe;

	listener_free(s->listener);
	s->listener = NULL;
	list_for_each(node, safe, &s->connections)
		h1_server_abort(container_of(node, struct connection, node)->h1, ERR_CANCELED);
	loop_turn(s->loop, 0);
	loop_turn(s->loop, 0);
	policy_free(s->policy);
	identity_free(s->identity);
	if (s->tls)
		snapshot_release(tls_server_context_snapshot(s->tls));
	faults_clear(&s->faults);
	free_seen(&s->seen);
	free(s->last_head);
	store_fini(&s->store);
	loop_free(s->loop);
	arena_thread_fini();
}
