/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/control.h"

#include <stdlib.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "authn/authn_config.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/file.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "proxy/cluster_state.h"
#include "proxy/material.h"
#include "proxy/upstream_check.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

/* What a changed file belongs to. */
enum part { PART_SERVING, PART_AUTHN, PART_UPSTREAM, PART_MANIFESTS, PARTS };

struct control {
	struct server *server;			/* borrowed */
	struct loop *loop;			/* owned */
	pthread_t thread;
	bool started;
	struct upstream_pool *pool;		/* owned */
	struct file_watch *watch;		/* owned */
	struct cluster_state *state;		/* owned */
	struct upstream_check *check;		/* owned */
	struct loop_timer tick, reload;
	int64_t warned_s;			/* when the end of our certificate was announced */
	int64_t pinged_us;			/* monotonic: when the workers were last pinged */
	bool changed[PARTS];
};

static void reload_failed(const char *what, const struct problems *p)
{
	metric_add(METRIC_RELOAD_FAILURES, 1);
	problems_log(p);
	log_error("The changed %s is refused and the old content stays", what);
}

static void reloaded(const char *what)
{
	metric_add(METRIC_RELOADS, 1);
	log_info("Read the changed %s", what);
}

static void reload_serving(struct control *c)
{
	struct problems p = PROBLEMS_INIT;
	struct tls_server_context *t = material_server_context(c->server->options, &p);

	if (t) {
		snapshot_slot_publish(&c->server->tls_slot, tls_server_context_snapshot(t));
		reloaded("serving certificate");
	} else {
		reload_failed("serving certificate", &p);
	}
	problems_fini(&p);
}

static void reload_authn(struct control *c)
{
	struct problems p = PROBLEMS_INIT;
	struct authn_sources sources = server_authn_sources(c->server->options);
	struct authn_config *a = authn_config_load(&sources, &p);

	if (a) {
		snapshot_slot_publish(&c->server->authn_slot, &a->snapshot);
		reloaded("authentication files");
	} else {
		reload_failed("authentication files", &p);
	}
	problems_fini(&p);
}

static void reload_upstream(struct control *c)
{
	struct problems p = PROBLEMS_INIT;
	struct tls_client_context *t = material_client_context(c->server->options, &p);

	if (t) {
		snapshot_slot_publish(&c->server->upstreams->tls_slot,
				      tls_client_context_snapshot(t));
		upstream_check_again(c->check);
		c->warned_s = 0;
		reloaded("front-proxy certificate");
	} else {
		reload_failed("front-proxy certificate", &p);
	}
	problems_fini(&p);
}

/* Of manifests that are refused cluster_state_reload has said so. */
static void reload_manifests(struct control *c)
{
	struct problems p = PROBLEMS_INIT;

	cluster_state_reload(c->state);
	server_load_objects(c->server, &p);
	problems_fini(&p);
}

static void on_reload(struct loop_timer *t)
{
	struct control *c = container_of(t, struct control, reload);

	/* The client CA is part of both the serving context and authentication. */
	if (c->changed[PART_SERVING])
		reload_serving(c);
	if (c->changed[PART_AUTHN])
		reload_authn(c);
	if (c->changed[PART_UPSTREAM])
		reload_upstream(c);
	if (c->changed[PART_MANIFESTS])
		reload_manifests(c);
	memset(c->changed, 0, sizeof(c->changed));
}

static void mark(struct control *c, enum part part)
{
	c->changed[part] = true;
	loop_timer_arm(&c->reload, RELOAD_PAUSE_MS);
}

static void on_serving_file(void *arg)
{
	mark(arg, PART_SERVING);
}

static void on_authn_file(void *arg)
{
	mark(arg, PART_AUTHN);
}

static void on_client_ca(void *arg)
{
	mark(arg, PART_SERVING);
	mark(arg, PART_AUTHN);
}

static void on_upstream_file(void *arg)
{
	mark(arg, PART_UPSTREAM);
}

static void on_manifest(void *arg)
{
	mark(arg, PART_MANIFESTS);
}

static void watch_file(struct control *c, const char *path, void (*fn)(void *))
{
	if (path)
		file_watch_add(c->watch, path, fn, c);
}

static void watch_sni(struct control *c)
{
	const struct options *o = c->server->options;
	struct flag_sni v;
	const char *why;

	for (size_t i = 0; i < o->tls_sni_cert_key.n; i++) {
		if (!flag_sni_parse(str_from(o->tls_sni_cert_key.v[i]), &v, &why)) {
			watch_file(c, v.cert_file, on_serving_file);
			watch_file(c, v.key_file, on_serving_file);
		}
		flag_sni_fini(&v);
	}
}

static void watch_files(struct control *c)
{
	const struct options *o = c->server->options;

	watch_file(c, o->tls_cert_file, on_serving_file);
	watch_file(c, o->tls_private_key_file, on_serving_file);
	watch_sni(c);
	watch_file(c, o->client_ca_file, on_client_ca);
	watch_file(c, o->token_auth_file, on_authn_file);
	watch_file(c, o->basic_auth_file, on_authn_file);
	for (size_t i = 0; i < o->service_account_key_file.n; i++)
		watch_file(c, o->service_account_key_file.v[i], on_authn_file);
	watch_file(c, o->upstream_ca_file, on_upstream_file);
	watch_file(c, o->proxy_client_cert_file, on_upstream_file);
	watch_file(c, o->proxy_client_key_file, on_upstream_file);
	if (strcmp(o->cluster_state, "upstream"))
		watch_file(c, o->cluster_state, on_manifest);
}

/*
 * True when every worker answered the last ping or one lately before it: how long ago that was says
 * nothing, since this thread may have been busy, or the process stopped.
 */
static bool workers_are_alive(struct control *c)
{
	struct server *s = c->server;
	int64_t oldest = c->pinged_us - WORKER_STUCK_MS * INT64_C(1000);

	for (size_t i = 0; i < s->worker_count; i++)
		if (atomic_load(&s->workers[i]->heartbeat_us) < oldest)
			return false;
	return true;
}

/* When it ends every user gets 401 upstream (peers, trap 4): say so in time, now and then. */
static void warn_of_expiry(struct control *c)
{
	struct snapshot_slot *slot = &c->server->upstreams->tls_slot;
	int64_t now = clock_wall_us(c->server->clock) / 1000000, left;
	struct snapshot_reader r;

	if (now - c->warned_s < EXPIRY_REPEAT_S)
		return;
	c->warned_s = now;
	snapshot_reader_init(&r, slot);
	left = tls_client_context_not_after(
		(struct tls_client_context *)(void *)snapshot_reader_get(&r)) - now;
	snapshot_reader_fini(&r);
	if (left < EXPIRY_WARNING_S)
		log_warning("The certificate of --proxy-client-cert-file ends in %lld hours",
			    (long long)(left / 3600));
}

static void on_tick(struct loop_timer *t)
{
	struct control *c = container_of(t, struct control, tick);
	struct server *s = c->server;
	bool alive = workers_are_alive(c);

	health_set(&s->health, HEALTH_WORKERS, alive);
	c->pinged_us = clock_monotonic_us(s->clock);
	for (size_t i = 0; i < s->worker_count; i++)
		worker_ping(s->workers[i]);
#ifdef HAVE_SYSTEMD
	if (alive)
		sd_notify(0, "WATCHDOG=1");
#endif
	warn_of_expiry(c);
	loop_timer_arm(t, CONTROL_TICK_MS);
}

static void *control_main(void *arg)
{
	struct control *c = arg;
	struct server *s = c->server;
	struct http_client *client = upstream_pool_client(c->pool);

	loop_timer_arm(&c->tick, CONTROL_TICK_MS);
	c->watch = file_watch_new(c->loop);
	watch_files(c);
	c->state = cluster_state_new(s, c->loop, client, &s->own);
	c->check = upstream_check_new(c->loop, s->upstreams, &s->health, &s->own);
	loop_run(c->loop);
	arena_thread_fini();
	return NULL;
}

struct control *control_new(struct server *s)
{
	struct control *c = xcalloc(1, sizeof(*c));

	c->server = s;
	c->pinged_us = clock_monotonic_us(s->clock);
	c->loop = loop_new(s->clock);
	c->pool = upstream_pool_new(c->loop, s->upstreams, 64, false);
	loop_timer_init(&c->tick, c->loop, on_tick);
	loop_timer_init(&c->reload, c->loop, on_reload);
	return c;
}

int control_start(struct control *c)
{
	c->started = !pthread_create(&c->thread, NULL, control_main, c);
	return c->started ? 0 : ERR_IO;
}

static void check_files(void *arg)
{
	struct control *c = arg;

	file_watch_check_now(c->watch);
}

void control_reload(struct control *c)
{
	loop_post(c->loop, check_files, c);
}

static void stop(void *arg)
{
	struct control *c = arg;

	upstream_check_free(c->check);
	cluster_state_free(c->state);
	file_watch_free(c->watch);
	loop_timer_fini(&c->tick);
	loop_timer_fini(&c->reload);
	upstream_pool_free(c->pool);
	c->pool = NULL;
	loop_stop(c->loop);
}

void control_free(struct control *c)
{
	if (!c)
		return;
	if (c->started) {
		loop_post(c->loop, stop, c);
		pthread_join(c->thread, NULL);
	} else {
		upstream_pool_free(c->pool);
	}
	loop_free(c->loop);
	free(c);
}
