/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/upstream_pool.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "obs/metrics.h"

#define POOL_MAGIC 0x504f4f4cu		/* "POOL" */
#define CONN_MAGIC 0x55434f4eu		/* "UCON" */
#define TICKET_MAGIC 0x54494b54u	/* "TIKT" */
#define POOL_CLASSES 2
#define POOL_TEXT_MAX 256

struct pool_server {
	struct upstream_server *upstream;	/* borrowed */
	struct list idle[POOL_CLASSES];		/* struct conn, most recently used first */
	size_t idle_count[POOL_CLASSES];
	size_t open;				/* connections, all classes and states */
	SSL_SESSION *session;			/* owned: offered for resumption */
	struct snapshot *session_tls;		/* owned reference: the context it was made with */
};

struct upstream_pool {
	struct http_client client;		/* first member */
	unsigned magic;
	struct upstream_set *set;		/* borrowed */
	struct snapshot_reader tls;
	struct pool_server *servers;		/* owned */
	size_t next;				/* round robin */
	size_t max;
	bool carries_users;
	struct list conns;			/* every struct conn */
	struct loop_timer sweep;
};

struct http_client_ticket {
	unsigned magic;
	struct upstream_pool *pool;
	const struct http_client_waiter *waiter;
	void *user;
	enum http_client_class class;
	/* servers: where the round began, how many were looked at */
	size_t first, looked_at;
	struct conn *conn;			/* being opened for this ticket */
	char text[POOL_TEXT_MAX];		/* why the last server failed */
	bool was_tried[];			/* per server */
};

struct conn {
	unsigned magic;
	struct list node;			/* pool->conns */
	struct list idle_node;
	bool is_idle;
	struct upstream_pool *pool;
	struct pool_server *server;
	enum http_client_class class;
	struct stream *stream;			/* owned while connecting */
	struct h1_client *h1;			/* owned afterwards */
	struct snapshot *tls;			/* owned reference: the context it was made with */
	struct http_client_ticket *ticket;	/* who waits for it, or NULL */
	bool kept_session;			/* the pool has its TLS session */
};

static struct snapshot *current_tls(struct upstream_pool *p)
{
	return snapshot_reader_get(&p->tls);
}

static void conn_free(void *arg)
{
	struct conn *c = arg;

	snapshot_release(c->tls);
	free(c);
}

/*
 * Resumption skips verification, so a session is only good for the context (certificate and CA)
 * it was made with.  With TLS 1.3 it is there once something was read.
 */
static void keep_session(struct conn *c)
{
	struct pool_server *s = c->server;
	SSL_SESSION *session = c->kept_session ? NULL : h1_client_session(c->h1);

	if (!session)
		return;
	c->kept_session = true;
	SSL_SESSION_free(s->session);
	snapshot_release(s->session_tls);
	s->session = session;
	s->session_tls = snapshot_acquire(c->tls);
}

static SSL_SESSION *session_for(const struct pool_server *s, const struct snapshot *tls)
{
	return s->session_tls == tls ? s->session : NULL;
}

static void set_idle(struct conn *c, bool idle)
{
	struct pool_server *s = c->server;

	if (c->is_idle == idle)
		return;
	c->is_idle = idle;
	if (idle) {
		list_add_head(&s->idle[c->class], &c->idle_node);
		s->idle_count[c->class]++;
	} else {
		list_del(&c->idle_node);
		s->idle_count[c->class]--;
	}
}

/* Takes a connection out of the pool's books; its stream or h1 client is dealt with already. */
static void forget(struct conn *c)
{
	set_idle(c, false);
	list_del(&c->node);
	c->server->open--;
	metric_add(METRIC_UPSTREAM_CONNECTIONS, -1);
	c->magic = 0;
	loop_bury(c->pool->client.loop, c, conn_free);
}

static void drop(struct conn *c)
{
	if (c->h1)
		h1_client_close(c->h1);
	else if (c->stream)
		stream_close(c->stream);
	forget(c);
}

static void on_idle(void *user, struct h1_client *h1)
{
	struct conn *c = user;

	(void)h1;
	CHECK_MAGIC(c, CONN_MAGIC);
	keep_session(c);
	if (c->tls != current_tls(c->pool) || c->server->idle_count[c->class] >= POOL_IDLE_MAX)
		drop(c);
	else
		set_idle(c, true);
}

static void on_gone(void *user, struct h1_client *h1, int err)
{
	struct conn *c = user;

	(void)h1;
	(void)err;
	CHECK_MAGIC(c, CONN_MAGIC);
	forget(c);
}

static const struct h1_client_settings h1_settings = {
	.on_idle = on_idle,
	.on_gone = on_gone,
};

static bool try_next_server(struct http_client_ticket *t);

/* Gives the connection's next stream to the ticket's waiter; the ticket ends. */
static void serve(struct http_client_ticket *t, struct conn *c)
{
	const struct http_client_waiter *w = t->waiter;
	void *user = t->user;
	struct http_stream *s = h1_client_open(c->h1);

	CHECK(s);
	set_idle(c, false);
	free(t);
	w->on_open(user, s);
}

static void fail(struct http_client_ticket *t, int err)
{
	t->waiter->on_failed(t->user, err, t->text);
	free(t);
}

static void on_connected(void *user)
{
	struct conn *c = user;
	struct http_client_ticket *t = c->ticket;
	struct pool_server *s = c->server;

	CHECK_MAGIC(c, CONN_MAGIC);
	upstream_server_worked(s->upstream);
	c->h1 = h1_client_new(c->pool->client.loop, c->stream, &h1_settings, c);
	c->stream = NULL;
	c->ticket = NULL;
	if (t)
		serve(t, c);
	else
		set_idle(c, true);
}

static void on_connect_failed(void *user, int err)
{
	struct conn *c = user;
	struct http_client_ticket *t = c->ticket;
	struct upstream_pool *p = c->pool;
	char text[POOL_TEXT_MAX];

	CHECK_MAGIC(c, CONN_MAGIC);
	metric_add(METRIC_UPSTREAM_FAILURES, 1);
	snprintf(text, sizeof(text), "%s: %s", c->server->upstream->url,
		 err == ERR_TIMEOUT ? "connecting timed out" : stream_error_text(c->stream));
	upstream_server_failed(c->server->upstream, loop_now_us(p->client.loop), text);
	drop(c);
	if (!t)
		return;
	t->conn = NULL;
	memcpy(t->text, text, sizeof(t->text));
	try_next_server(t);
}

static const struct stream_handler connect_handler = {
	.on_open = on_connected,
	.on_close = on_connect_failed,
};

/* Whether one more may be opened; an idle connection, of the other class perhaps, makes way. */
static bool make_room(struct upstream_pool *p, struct pool_server *s)
{
	for (int class = 0; s->open >= p->max && class < POOL_CLASSES; class++)
		if (!list_is_empty(&s->idle[class]))
			drop(container_of(s->idle[class].prev, struct conn, idle_node));
	return s->open < p->max;
}

static int connect_to(struct upstream_pool *p, struct pool_server *s, struct http_client_ticket *t)
{
	struct tls_client_context *tls = (struct tls_client_context *)(void *)current_tls(p);
	struct address a;
	struct conn *c;

	if (!make_room(p, s)) {
		snprintf(t->text, sizeof(t->text), "%s: too many connections", s->upstream->url);
		return ERR_LIMIT;
	}
	if (upstream_server_address(p->set, s->upstream, &a)) {
		snprintf(t->text, sizeof(t->text), "%s: the name does not resolve",
			 s->upstream->url);
		return ERR_UNAVAILABLE;
	}
	c = xcalloc(1, sizeof(*c));
	c->magic = CONN_MAGIC;
	c->pool = p;
	c->server = s;
	c->class = t->class;
	c->ticket = t;
	c->tls = snapshot_acquire(current_tls(p));
	list_init(&c->idle_node);
	list_add_tail(&p->conns, &c->node);
	s->open++;
	t->conn = c;
	metric_add(METRIC_UPSTREAM_CONNECTIONS, 1);
	metric_add(METRIC_UPSTREAM_CONNECTS, 1);
	c->stream = stream_connect(p->client.loop, &a, tls, s->upstream->tls_name,
				   session_for(s, c->tls),
				   &connect_handler, c);
	return 0;
}

/* A user's request goes nowhere but to a server that is known to take it for that user's. */
static bool may_use(struct http_client_ticket *t, const struct pool_server *s)
{
	if (!t->pool->carries_users || upstream_server_is_trusted(s->upstream))
		return true;
	snprintf(t->text, sizeof(t->text), "%s: %s", s->upstream->url,
		 atomic_load(&s->upstream->trust) == UPSTREAM_REFUSED ?
		 "it does not take over the identity of users" : "it has not answered yet");
	return false;
}

/*
 * Servers that are up come first; when none is, each is tried all the same, once.  False: none is
 * left, the waiter was told and the ticket is gone.
 */
static bool try_next_server(struct http_client_ticket *t)
{
	struct upstream_pool *p = t->pool;
	size_t n = p->set->count;
	int64_t now = loop_now_us(p->client.loop);

	while (t->looked_at < 2 * n) {
		size_t at = t->looked_at++, i = (t->first + at) % n;
		struct pool_server *s = &p->servers[i];
		bool is_turn = at >= n || upstream_server_is_up(s->upstream, now);

		if (t->was_tried[i] || !is_turn || !may_use(t, s))
			continue;
		t->was_tried[i] = true;
		if (!connect_to(p, s, t))
			return true;
	}
	fail(t, ERR_UNAVAILABLE);
	return false;
}

/* An idle connection of the server whose turn it is; one that is down or full passes on. */
static struct conn *find_idle(struct upstream_pool *p, enum http_client_class class, size_t first)
{
	int64_t now = loop_now_us(p->client.loop);

	for (size_t i = 0; i < p->set->count; i++) {
		struct pool_server *s = &p->servers[(first + i) % p->set->count];

		if (!upstream_server_is_up(s->upstream, now) ||
		    (p->carries_users && !upstream_server_is_trusted(s->upstream)))
			continue;
		while (!list_is_empty(&s->idle[class])) {
			struct conn *c = container_of(s->idle[class].next, struct conn, idle_node);

			if (c->tls == current_tls(p) && h1_client_is_usable(c->h1))
				return c;
			drop(c);
		}
		if (s->open < p->max)
			return NULL;
	}
	return NULL;
}

static void pool_open(struct http_client *client, enum http_client_class class, bool fresh,
		      const struct http_client_waiter *w, void *user,
		      struct http_client_ticket **ticket)
{
	struct upstream_pool *p = (struct upstream_pool *)(void *)client;
	struct http_client_ticket *t = xcalloc(1, sizeof(*t) + p->set->count);
	struct conn *c;

	CHECK_MAGIC(p, POOL_MAGIC);
	*ticket = NULL;
	t->magic = TICKET_MAGIC;
	t->pool = p;
	t->waiter = w;
	t->user = user;
	t->class = class;
	t->first = p->next++ % p->set->count;
	c = fresh ? NULL : find_idle(p, class, t->first);
	if (c) {
		serve(t, c);
		return;
	}
	if (try_next_server(t))
		*ticket = t;
}

static void pool_cancel(struct http_client *client, struct http_client_ticket *t)
{
	(void)client;
	CHECK_MAGIC(t, TICKET_MAGIC);
	if (t->conn)
		t->conn->ticket = NULL;	/* it becomes an idle connection */
	free(t);
}

static void sweep_list(struct list *idle, int64_t oldest_us)
{
	struct list *node, *safe;

	list_for_each(node, safe, idle) {
		struct conn *c = container_of(node, struct conn, idle_node);

		if (h1_client_idle_since(c->h1) < oldest_us || c->tls != current_tls(c->pool))
			drop(c);
	}
}

static void on_sweep(struct loop_timer *timer)
{
	struct upstream_pool *p = container_of(timer, struct upstream_pool, sweep);
	int64_t oldest = loop_now_us(p->client.loop) - POOL_IDLE_MS * INT64_C(1000);

	for (size_t i = 0; i < p->set->count; i++)
		for (int class = 0; class < POOL_CLASSES; class++)
			sweep_list(&p->servers[i].idle[class], oldest);
	loop_timer_arm(timer, POOL_SWEEP_MS);
}

struct upstream_pool *upstream_pool_new(struct loop *l, struct upstream_set *set, size_t max,
					bool carries_users)
{
	struct upstream_pool *p = xcalloc(1, sizeof(*p));

	p->magic = POOL_MAGIC;
	p->client = (struct http_client){ .open = pool_open, .cancel = pool_cancel, .loop = l };
	p->set = set;
	p->max = max;
	p->carries_users = carries_users;
	snapshot_reader_init(&p->tls, &set->tls_slot);
	p->servers = xcalloc(set->count, sizeof(*p->servers));
	for (size_t i = 0; i < set->count; i++) {
		p->servers[i].upstream = &set->servers[i];
		for (int class = 0; class < POOL_CLASSES; class++)
			list_init(&p->servers[i].idle[class]);
	}
	list_init(&p->conns);
	loop_timer_init(&p->sweep, l, on_sweep);
	loop_timer_arm(&p->sweep, POOL_SWEEP_MS);
	return p;
}

struct http_client *upstream_pool_client(struct upstream_pool *p)
{
	return &p->client;
}

enum http_client_class upstream_class_of(const struct user *u)
{
	return str_eq(u->name, STR(USER_ANONYMOUS)) ||
	       user_has_group(u, STR(GROUP_UNAUTHENTICATED)) ?
		HTTP_CLIENT_ANONYMOUS : HTTP_CLIENT_IDENTIFIED;
}

void upstream_pool_free(struct upstream_pool *p)
{
	struct list *node, *safe;

	if (!p)
		return;
	list_for_each(node, safe, &p->conns) {
		struct conn *c = container_of(node, struct conn, node);

		if (c->ticket)
			c->ticket->conn = NULL;
		drop(c);
	}
	loop_timer_fini(&p->sweep);
	snapshot_reader_fini(&p->tls);
	for (size_t i = 0; i < p->set->count; i++) {
		SSL_SESSION_free(p->servers[i].session);
		snapshot_release(p->servers[i].session_tls);
	}
	free(p->servers);
	free(p);
}
