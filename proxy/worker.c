/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "authn/token_cache.h"
#include "authn/x509.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "net/listener.h"
#include "proxy/connection.h"
#include "proxy/exchange.h"
#include "proxy/health_port.h"
#include "proxy/node_wait.h"
#include "proxy/object_source.h"

const struct authn_config *worker_authn(struct worker *w)
{
	return (const struct authn_config *)(void *)snapshot_reader_get(&w->authn);
}

const struct authz_policy *worker_policy(struct worker *w)
{
	return (const struct authz_policy *)(void *)snapshot_reader_get(&w->policy);
}

struct object_manifests *worker_objects(struct worker *w)
{
	return (struct object_manifests *)(void *)snapshot_reader_get(&w->objects);
}

static void on_client(void *arg, int fd, const struct address *peer)
{
	connection_accept(arg, fd, peer, true, exchange_accept);
}

static void on_probe(void *arg, int fd, const struct address *peer)
{
	connection_accept(arg, fd, peer, false, health_port_accept);
}

/* Only a graph that a watch feeds is worth waiting for. */
static void make_node_waits(struct worker *w)
{
	const struct options *o = w->server->options;

	if (w->server->graph && o->node_authorizer_wait_ms && !strcmp(o->cluster_state, "upstream"))
		w->node_waits = node_waits_new(w->loop, w->server->graph);
}

struct worker *worker_new(struct server *s, int listen_fd, int health_fd)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->server = s;
	w->loop = loop_new(s->clock);
	w->listen_fd = listen_fd;
	w->health_fd = health_fd;
	w->pool = upstream_pool_new(w->loop, s->upstreams,
				    (size_t)s->options->upstream_max_connections, true);
	snapshot_reader_init(&w->tls, &s->tls_slot);
	snapshot_reader_init(&w->authn, &s->authn_slot);
	snapshot_reader_init(&w->policy, &s->policy_slot);
	snapshot_reader_init(&w->objects, &s->objects_slot);
	w->object_source = object_source_new(w);
	w->tokens = token_cache_new();
	make_node_waits(w);
	list_init(&w->connections);
	list_init(&w->exchanges);
	atomic_store(&w->heartbeat_us, clock_monotonic_us(s->clock));
	return w;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	rcu_reader_register();
	w->listener = listener_new(w->loop, w->listen_fd, on_client, w);
	if (w->health_fd >= 0)
		w->health_listener = listener_new(w->loop, w->health_fd, on_probe, w);
	loop_run(w->loop);
	rcu_reader_unregister();
	x509_thread_fini();
	arena_thread_fini();
	return NULL;
}

int worker_start(struct worker *w)
{
	w->started = !pthread_create(&w->thread, NULL, worker_main, w);
	return w->started ? 0 : ERR_IO;
}

/* An idle worker, too, lets go of snapshots that were replaced. */
static void heartbeat(void *arg)
{
	struct worker *w = arg;

	worker_authn(w);
	worker_policy(w);
	worker_objects(w);
	snapshot_reader_get(&w->tls);
	atomic_store_explicit(&w->heartbeat_us, clock_monotonic_us(w->server->clock),
			      memory_order_relaxed);
}

void worker_ping(struct worker *w)
{
	loop_post(w->loop, heartbeat, w);
}

static void close_listeners(void *arg)
{
	struct worker *w = arg;

	listener_free(w->listener);
	w->listener = NULL;
	if (w->node_waits)
		node_waits_end(w->node_waits);
}

static void drain(void *arg)
{
	connections_drain(arg);
}

void worker_drain(struct worker *w)
{
	loop_post(w->loop, drain, w);
}

void worker_close_listeners(struct worker *w)
{
	loop_post(w->loop, close_listeners, w);
}

static void stop(void *arg)
{
	struct worker *w = arg;

	listener_free(w->listener);
	listener_free(w->health_listener);
	w->listener = w->health_listener = NULL;
	connections_abort(w);
	object_source_free(w->object_source);
	w->object_source = NULL;
	upstream_pool_free(w->pool);
	w->pool = NULL;
	loop_stop(w->loop);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->started) {
		loop_post(w->loop, stop, w);
		pthread_join(w->thread, NULL);
	} else {
		if (w->listen_fd >= 0)
			close(w->listen_fd);
		if (w->health_fd >= 0)
			close(w->health_fd);
		object_source_free(w->object_source);
		upstream_pool_free(w->pool);
	}
	token_cache_free(w->tokens);
	node_waits_free(w->node_waits);
	snapshot_reader_fini(&w->tls);
	snapshot_reader_fini(&w->authn);
	snapshot_reader_fini(&w->policy);
	snapshot_reader_fini(&w->objects);
	loop_free(w->loop);
	free(w);
}
