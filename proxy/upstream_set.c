/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/upstream_set.h"

#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/log.h"

struct upstream_set *upstream_set_new(const struct options *o, const struct clock *clock)
{
	struct upstream_set *s = xcalloc(1, sizeof(*s));
	bool good = true;

	s->clock = clock;
	s->servers = xcalloc(o->upstream_servers.n, sizeof(*s->servers));
	s->count = o->upstream_servers.n;
	snapshot_slot_init(&s->tls_slot);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	for (size_t i = 0; i < s->count; i++) {
		struct upstream_server *u = &s->servers[i];

		u->url = xstrdup(o->upstream_servers.v[i]);
		good = !options_upstream_parse(str_from(u->url), &u->host, &u->port) && good;
		if (u->host)
			u->tls_name = xstrdup(o->upstream_tls_server_name ?
					      o->upstream_tls_server_name : u->host);
	}
	if (good)
		return s;
	upstream_set_free(s);
	return NULL;
}

/* One look-up, outside the lock; an answer that fails keeps the old addresses. */
static void resolve(struct upstream_set *s, struct upstream_server *u)
{
	struct address found[UPSTREAM_ADDRESSES_MAX];
	size_t n = 0;
	int rc = address_resolve(str_from(u->host), u->port, found, UPSTREAM_ADDRESSES_MAX, &n);

	if (rc || !n) {
		log_warning("upstream %s: the name %s does not resolve", u->url, u->host);
		return;
	}
	pthread_mutex_lock(&s->lock);
	memcpy(u->addresses, found, n * sizeof(found[0]));
	u->address_count = n;
	pthread_mutex_unlock(&s->lock);
}

static void resolve_all(struct upstream_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		resolve(s, &s->servers[i]);
}

static void *resolver_main(void *arg)
{
	struct upstream_set *s = arg;
	struct timespec until;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += UPSTREAM_RESOLVE_MS / 1000;
		pthread_cond_timedwait(&s->wake, &s->lock, &until);
		if (s->stopping)
			break;
		pthread_mutex_unlock(&s->lock);
		resolve_all(s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static bool has_names(const struct upstream_set *s)
{
	struct address a;

	for (size_t i = 0; i < s->count; i++)
		if (address_from_text(str_from(s->servers[i].host), 1, &a))
			return true;
	return false;
}

void upstream_set_start(struct upstream_set *s)
{
	resolve_all(s);
	if (has_names(s))
		s->resolver_runs = !pthread_create(&s->resolver, NULL, resolver_main, s);
}

void upstream_set_free(struct upstream_set *s)
{
	if (!s)
		return;
	if (s->resolver_runs) {
		pthread_mutex_lock(&s->lock);
		s->stopping = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->resolver, NULL);
	}
	for (size_t i = 0; i < s->count; i++) {
		free(s->servers[i].url);
		free(s->servers[i].host);
		free(s->servers[i].tls_name);
	}
	snapshot_slot_fini(&s->tls_slot);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s->servers);
	free(s);
}

int upstream_server_address(struct upstream_set *s, struct upstream_server *u, struct address *out)
{
	size_t turn = atomic_fetch_add_explicit(&u->next_address, 1, memory_order_relaxed);
	int rc = ERR_UNAVAILABLE;

	pthread_mutex_lock(&s->lock);
	if (u->address_count) {
		*out = u->addresses[turn % u->address_count];
		rc = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

bool upstream_server_is_up(const struct upstream_server *u, int64_t now_us)
{
	return atomic_load_explicit(&u->down_until_us, memory_order_relaxed) <= now_us &&
	       !atomic_load_explicit(&u->not_ready, memory_order_relaxed);
}

bool upstream_server_is_trusted(const struct upstream_server *u)
{
	return atomic_load_explicit(&u->trust, memory_order_relaxed) == UPSTREAM_TRUSTED;
}

void upstream_server_failed(struct upstream_server *u, int64_t now_us, const char *why)
{
	int failures = atomic_fetch_add(&u->failures, 1);
	int64_t pause_ms = UPSTREAM_DOWN_MIN_MS << (failures < 6 ? failures : 6);

	if (pause_ms > UPSTREAM_DOWN_MAX_MS)
		pause_ms = UPSTREAM_DOWN_MAX_MS;
	atomic_store(&u->down_until_us, now_us + pause_ms * 1000);
	if (!failures)
		log_error("upstream %s is down: %s", u->url, why);
}

void upstream_server_worked(struct upstream_server *u)
{
	if (!atomic_load_explicit(&u->failures, memory_order_relaxed))
		return;
	if (atomic_exchange(&u->failures, 0))
		log_info("upstream %s is up again", u->url);
	atomic_store(&u->down_until_us, 0);
}

bool upstream_set_has_up(const struct upstream_set *s, int64_t now_us)
{
	for (size_t i = 0; i < s->count; i++)
		if (upstream_server_is_up(&s->servers[i], now_us) &&
		    !atomic_load(&s->servers[i].failures))
			return true;
	return false;
}
