/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/listener.h"
#include "obs/log.h"
#include "proxy/admit.h"
#include "proxy/cluster_state.h"
#include "proxy/control.h"
#include "proxy/material.h"
#include "proxy/object_manifests.h"
#include "proxy/worker.h"

struct authn_sources server_authn_sources(const struct options *o)
{
	return (struct authn_sources){
		.client_ca_file = o->client_ca_file,
		.token_auth_file = o->token_auth_file,
		.basic_auth_file = o->basic_auth_file,
		.anonymous = o->anonymous_auth,
		.service_account_key_files = &o->service_account_key_file,
		.service_account_issuers = &o->service_account_issuer,
		.api_audiences = &o->api_audiences,
		.service_account_lookup = o->service_account_lookup,
	};
}

/* Before the first sync nobody but system:masters is let through, and readyz says so. */
static void load_policy(struct server *s, struct problems *p)
{
	struct authz_policy *policy = strcmp(s->options->cluster_state, "upstream") ?
		cluster_state_from_manifests(s->options, s->graph, p) :
		cluster_state_empty_policy(s->options, s->graph);

	if (policy)
		snapshot_slot_publish(&s->policy_slot, &policy->snapshot);
}

void server_load_objects(struct server *s, struct problems *p)
{
	const struct options *o = s->options;
	struct object_manifests *m;

	if (!o->service_account_key_file.n || !strcmp(o->cluster_state, "upstream"))
		return;
	m = object_manifests_read(o->cluster_state, p);
	if (m)
		snapshot_slot_publish(&s->objects_slot, object_manifests_snapshot(m));
}

static void load(struct server *s, struct problems *p)
{
	struct authn_sources sources = server_authn_sources(s->options);
	struct tls_server_context *serving = material_server_context(s->options, p);
	struct tls_client_context *client = material_client_context(s->options, p);
	struct authn_config *authn = authn_config_load(&sources, p);

	s->upstreams = upstream_set_new(s->options, s->clock);
	if (serving)
		snapshot_slot_publish(&s->tls_slot, tls_server_context_snapshot(serving));
	if (authn)
		snapshot_slot_publish(&s->authn_slot, &authn->snapshot);
	if (client && s->upstreams)
		snapshot_slot_publish(&s->upstreams->tls_slot, tls_client_context_snapshot(client));
	else if (client)
		snapshot_release(tls_client_context_snapshot(client));
	load_policy(s, p);
	server_load_objects(s, p);
}

static void set_own_user(struct server *s)
{
	const struct option_list *groups = &s->options->upstream_groups;

	s->own_groups = xcalloc(groups->n + 1, sizeof(struct str));
	for (size_t i = 0; i < groups->n; i++)
		s->own_groups[i] = str_from(groups->v[i]);
	s->own_groups[groups->n] = STR(GROUP_AUTHENTICATED);
	s->own = (struct user){
		.name = str_from(s->options->upstream_user),
		.groups = s->own_groups,
		.group_count = groups->n + 1,
	};
}

struct server *server_new(const struct options *o, struct problems *p)
{
	struct server *s = xcalloc(1, sizeof(*s));

	s->options = o;
	s->clock = &clock_system;
	snapshot_slot_init(&s->tls_slot);
	snapshot_slot_init(&s->authn_slot);
	snapshot_slot_init(&s->policy_slot);
	snapshot_slot_init(&s->objects_slot);
	health_init(&s->health);
	if (options_has_mode(o, MODE_NODE))
		s->graph = node_graph_new();
	set_own_user(s);
	admit_init();
	admission_chain_init(&s->admission, o);
	load(s, p);
	if (!p->count)
		return s;
	server_free(s);
	return NULL;
}

static int open_socket(const char *host, uint16_t port, const char *flag, struct problems *p,
		       int *fd, struct address *bound)
{
	struct address a;
	int rc = address_from_text(str_from(host), port, &a);

	if (rc)
		problems_add(p, NULL, 0, flag, "\"%s\" is not an IP address", host);
	else if ((rc = listener_open(&a, fd, bound)))
		problems_add(p, NULL, 0, flag, "cannot listen on %s port %u: %s", host,
			     (unsigned)port, strerror(errno));
	return rc;
}

/* SO_REUSEPORT would share the port with another process without a word. */
static int probe_port(const char *host, uint16_t port, const char *flag, struct problems *p)
{
	struct address a;

	if (address_from_text(str_from(host), port, &a) || !listener_probe(&a))
		return 0;
	problems_add(p, NULL, 0, flag, "cannot listen on %s port %u: %s", host, (unsigned)port,
		     strerror(errno));
	return ERR_IO;
}

static int open_health_socket(const struct options *o, struct problems *p, int *fd)
{
	struct address bound;
	uint16_t port;
	char *host;
	int rc = options_host_port_parse(str_from(o->health_bind_address), &host, &port);

	if (rc)
		return rc;
	rc = probe_port(host, port, "health-bind-address", p);
	if (!rc)
		rc = open_socket(host, port, "health-bind-address", p, fd, &bound);
	free(host);
	return rc;
}

/* One listening socket per worker on the same port; the first may choose it. */
static int open_workers(struct server *s, struct problems *p)
{
	const struct options *o = s->options;
	uint16_t port = (uint16_t)o->secure_port;
	int health_fd = -1, fd, rc;

	rc = probe_port(o->bind_address, port, "secure-port", p);
	if (!rc && o->health_bind_address)
		rc = open_health_socket(o, p, &health_fd);
	if (rc)
		return rc;
	s->workers = xcalloc((size_t)o->workers, sizeof(*s->workers));
	for (size_t i = 0; i < (size_t)o->workers; i++) {
		rc = open_socket(o->bind_address, port, "secure-port", p, &fd, &s->bound);
		if (rc)
			return rc;
		port = address_port(&s->bound);
		s->workers[s->worker_count++] = worker_new(s, fd, i ? -1 : health_fd);
	}
	return 0;
}

static void add_name(struct strbuf *b, const char *name)
{
	strbuf_addf(b, "%s%s", b->n ? "," : "", name);
}

/* What runs here, worded as kube-apiserver does. */
static void log_loaded_plugins(const struct admission_chain *chain)
{
	struct strbuf names = STRBUF_INIT;

	for (size_t i = 0; i < chain->n; i++)
		add_name(&names, chain->v[i]->name);
	if (chain->n)
		log_info("Loaded %zu mutating admission controller(s) successfully in the "
			 "following order: %s.", chain->n, names.p);
	strbuf_fini(&names);
}

static void add_foreign(struct strbuf *names, const struct option_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!admission_plugin_is_ours(str_from(l->v[i])))
			add_name(names, l->v[i]);
}

static void log_foreign_plugins(const struct options *o)
{
	struct strbuf names = STRBUF_INIT;

	add_foreign(&names, &o->enable_admission_plugins);
	add_foreign(&names, &o->admission_control);
	if (names.n)
		log_info("Admission plugins that are the upstream's, where they have to be "
			 "enabled: %s", names.p);
	strbuf_fini(&names);
}

static bool has_node_restriction(const struct server *s)
{
	for (size_t i = 0; i < s->admission.n; i++)
		if (s->admission.v[i] == &node_restriction_plugin)
			return true;
	return false;
}

/* The Node authorizer leaves the narrowing of writes to that plugin (spec 12 section 3). */
static void log_admission(const struct server *s)
{
	log_loaded_plugins(&s->admission);
	log_foreign_plugins(s->options);
	for (size_t i = 0; i < s->options->mode_count; i++)
		if (s->options->modes[i] == MODE_NODE && !has_node_restriction(s))
			log_warning("The Node authorizer without the admission plugin "
				    "NodeRestriction lets every kubelet delete every pod and "
				    "change every node: set --enable-admission-plugins="
				    "NodeRestriction, here or at the upstream");
}

int server_start(struct server *s, struct problems *p)
{
	int rc = open_workers(s, p);

	if (rc)
		return rc;
	log_admission(s);
	upstream_set_start(s->upstreams);
	s->control = control_new(s);
	for (size_t i = 0; !rc && i < s->worker_count; i++)
		rc = worker_start(s->workers[i]);
	if (!rc)
		rc = control_start(s->control);
	if (rc)
		problems_add(p, NULL, 0, NULL, "cannot start a thread");
	return rc;
}

uint16_t server_port(const struct server *s)
{
	return address_port(&s->bound);
}

void server_reload(struct server *s)
{
	control_reload(s->control);
}

static void sleep_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

void server_drain(struct server *s)
{
	int64_t until;

	health_set(&s->health, HEALTH_SHUTDOWN, false);
	sleep_ms(s->options->shutdown_delay_ms);
	for (size_t i = 0; i < s->worker_count; i++)
		worker_close_listeners(s->workers[i]);
	atomic_store(&s->draining, true);
	for (size_t i = 0; i < s->worker_count; i++)
		worker_drain(s->workers[i]);
	until = clock_monotonic_us(s->clock) + s->options->request_timeout_ms * INT64_C(1000);
	while (atomic_load(&s->exchanges) && clock_monotonic_us(s->clock) < until)
		sleep_ms(20);
}

void server_free(struct server *s)
{
	if (!s)
		return;
	control_free(s->control);
	for (size_t i = 0; i < s->worker_count; i++)
		worker_free(s->workers[i]);
	free(s->workers);
	upstream_set_free(s->upstreams);
	snapshot_slot_fini(&s->tls_slot);
	snapshot_slot_fini(&s->authn_slot);
	snapshot_slot_fini(&s->policy_slot);
	snapshot_slot_fini(&s->objects_slot);
	node_graph_free(s->graph);
	free(s->own_groups);
	free(s);
}
