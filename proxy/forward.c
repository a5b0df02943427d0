/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwarding and relaying: the request goes to an upstream stream with our identity headers, the
 * response comes back, each side paced by what the other one has sent.
 */
#include "config.h"

#include "authn/front_proxy.h"
#include "base/check.h"
#include "base/err.h"
#include "http/date.h"
#include "obs/metrics.h"
#include "proxy/admit.h"

static const struct http_stream_handler upstream_handler;

/* `<old>, <peer>` (spec 06 section 4): several lines of the client's become one. */
static void append_forwarded_for(struct exchange *x, struct http_headers *h)
{
	struct arena *a = x->client->arena;
	char text[ADDRESS_TEXT_MAX];
	struct str peer = str_from(address_ip_text(&x->client->connection->peer, text));
	struct strbuf list = STRBUF_INIT;

	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].field != HTTP_X_FORWARDED_FOR)
			continue;
		strbuf_add_str(&list, h->v[i].value);
		strbuf_add_cstr(&list, ", ");
	}
	strbuf_add_str(&list, peer);
	http_field_set(h, HTTP_X_FORWARDED_FOR, arena_str(a, strbuf_str(&list)));
	strbuf_fini(&list);
}

/*
 * The protocol of the tunnel that is asked for: one of those that kube-apiserver and kubelets
 * speak, and nothing else (peers section 2.2).  Of several Upgrade fields the first counts.
 */
static struct str tunnel_protocol(const struct http_message *m)
{
	const struct str *upgrade = m->is_upgrade ? http_field_get(&m->headers, HTTP_UPGRADE)
		: NULL;

	if (upgrade && (str_eq_nocase(*upgrade, STR("websocket")) ||
			str_eq_nocase(*upgrade, STR("SPDY/3.1"))))
		return *upgrade;
	return STR_NULL;
}

/*
 * Turns the request's head into the one for the upstream.  What the client's Connection header
 * nominates goes first, then everything that could be taken for an identity, and ours is stamped
 * last (peers, trap 1).
 */
static int prepare_request(struct exchange *x, const char **why)
{
	struct http_message *m = x->request;

	m->upgrade = tunnel_protocol(m);
	http_headers_remove_hop_by_hop(&m->headers);
	authn_strip_credentials(&m->headers);
	http_field_remove(&m->headers, HTTP_BIT(HTTP_IMPERSONATE));
	http_field_set(&m->headers, HTTP_AUDIT_ID, x->audit_id);
	append_forwarded_for(x, &m->headers);
	if (!http_field_has(&m->headers, HTTP_HOST))
		http_field_add(&m->headers, HTTP_HOST, STR("kube-apiserver"));
	return front_proxy_stamp(&m->headers, &x->user, why);
}

static enum step_result refuse_identity(struct exchange *x, const char *why)
{
	struct status s = {
		.code = 403,
		.message = arena_printf(x->client->arena,
			"the user cannot be told to the API server: %s", why),
		.reason = STR("Forbidden"),
	};

	x->decision = "forbid";
	x->reason = s.message;
	metric_add(METRIC_REQUESTS_DENIED, 1);
	return exchange_answer_status(x, &s, true, 0);
}

/* The next piece of a body that is all here: so much as has left, at most a window is queued. */
static void send_piece(struct exchange *x, size_t credit)
{
	const struct http_stream_ops *ops = x->upstream->ops;
	size_t left = x->whole_body.n - x->body_given, n = left < credit ? left : credit;

	if (x->request_sent_whole)
		return;
	ops->send_body(x->upstream, x->whole_body.p + x->body_given, n);
	x->body_given += n;
	if (x->body_given < x->whole_body.n)
		return;
	x->request_sent_whole = true;
	ops->send_end(x->upstream, NULL);
}

static void send_whole_request(struct exchange *x)
{
	x->body_given = 0;
	x->request_sent_whole = !x->whole_body.n;
	x->upstream->ops->send_head(x->upstream, x->request, !x->whole_body.n);
	send_piece(x, HTTP_WINDOW);
}

static void send_request(struct exchange *x)
{
	const struct http_stream_ops *ops = x->upstream->ops;
	bool whole = x->request_ended && !x->early_body.n;

	metric_add(METRIC_REQUESTS_FORWARDED, 1);
	if (x->body_is_whole) {
		send_whole_request(x);
		return;
	}
	ops->send_head(x->upstream, x->request, whole);
	x->request_sent_whole = whole;
	if (whole || !x->upstream)
		return;
	if (x->early_body.n) {
		ops->send_body(x->upstream, x->early_body.p, x->early_body.n);
		strbuf_fini(&x->early_body);
		x->early_body = STRBUF_INIT;
	}
	if (x->request_ended && x->upstream) {
		x->request_sent_whole = true;
		ops->send_end(x->upstream, NULL);
	}
}

static void on_open(void *user, struct http_stream *s)
{
	struct exchange *x = user;

	x->ticket = NULL;
	x->upstream = s;
	s->handler = &upstream_handler;
	s->user = x;
	send_request(x);
}

static void on_open_failed(void *user, int err, const char *text)
{
	struct exchange *x = user;

	(void)err;
	x->ticket = NULL;
	exchange_answer_unavailable(x, arena_printf(x->client->arena,
		"the API server cannot be reached: %s", text), true);
}

static const struct http_client_waiter waiter = {
	.on_open = on_open,
	.on_failed = on_open_failed,
};

static void open_upstream(struct exchange *x, bool fresh)
{
	struct http_client *c = upstream_pool_client(x->worker->pool);
	struct http_client_ticket *ticket = NULL;

	c->open(c, upstream_class_of(&x->user), fresh, &waiter, x, &ticket);
	if (ticket)
		x->ticket = ticket;
}

enum step_result exchange_forward(struct exchange *x)
{
	const char *why;

	if (!x->prepared && prepare_request(x, &why))
		return refuse_identity(x, why);
	x->prepared = true;
	/* A tunnel begins on a connection of its own. */
	open_upstream(x, x->request->upgrade.n);
	return STEP_DONE;
}

void exchange_drop_upstream(struct exchange *x, int err)
{
	struct http_client *c = upstream_pool_client(x->worker->pool);
	struct http_stream *s = x->upstream;

	if (x->ticket) {
		c->cancel(c, x->ticket);
		x->ticket = NULL;
	}
	if (!s)
		return;
	x->upstream = NULL;
	if (!x->upstream_ended || !x->request_sent_whole)
		s->ops->reset(s, err);
	s->ops->release(s);
}

/* From the client to the upstream. */

void exchange_request_body(struct exchange *x, const void *p, size_t n)
{
	if (exchange_admit_body(x, p, n))
		return;
	if (x->discard_body || x->upstream_ended) {
		x->client->ops->consume(x->client, n);
	} else if (x->upstream) {
		x->upstream->ops->send_body(x->upstream, p, n);
	} else {
		CHECK(x->early_body.n + n <= HTTP_WINDOW);
		strbuf_add(&x->early_body, p, n);
	}
}

void exchange_request_end(struct exchange *x)
{
	x->request_ended = true;
	if (exchange_admit_body_end(x))
		return;
	if (!x->upstream || x->discard_body || x->upstream_ended ||
	    (x->request_sent_whole && !x->is_tunnel))
		return;
	x->request_sent_whole = true;
	x->upstream->ops->send_end(x->upstream, NULL);
}

static void upstream_on_sent(void *user, size_t n)
{
	struct exchange *x = user;

	if (x->body_is_whole)
		send_piece(x, n);
	else
		x->client->ops->consume(x->client, n);
}

/* From the upstream to the client. */

/*
 * A conflict says that the object is not the one that admission has judged: of its answer nothing
 * is relayed, and the whole is done again with what is stored now (spec 22 section 10).
 */
static void conflict_is_read(struct exchange *x, bool complete)
{
	x->upstream_ended = complete;
	exchange_drop_upstream(x, ERR_CANCELED);
	x->retracted = x->upstream_ended = x->request_sent_whole = false;
	exchange_readmit(x);
}

/* One Audit-Id, the one of this request; Date if there is none (spec 06 section 4). */
static void tidy_response(struct exchange *x, struct http_message *m)
{
	http_headers_remove_hop_by_hop(&m->headers);
	http_field_set(&m->headers, HTTP_AUDIT_ID, x->audit_id);
	if (!http_field_has(&m->headers, HTTP_DATE))
		http_field_add(&m->headers, HTTP_DATE, http_date(x->worker->server->clock));
	if (x->authn.warning.n)
		http_field_add(&m->headers, HTTP_WARNING, x->authn.warning);
}

static void relay_informational(struct exchange *x, struct http_message *m)
{
	if (x->request->is_http10 || m->status == 101)
		return;
	http_headers_remove_hop_by_hop(&m->headers);
	x->client->ops->send_head(x->client, m, false);
}

/*
 * From here on both sides send bytes, for as long as they like; the first end is the end of both.
 * The request has left as a whole, so that nothing of it is needed any more.
 */
static void relay_switch(struct exchange *x, struct http_message *m)
{
	x->is_tunnel = x->upstream_head = x->head_sent = true;
	x->status = m->status;
	x->body_is_whole = false;
	exchange_admit_stop(x);
	loop_timer_cancel(&x->deadline);
	http_headers_remove_hop_by_hop(&m->headers);
	x->client->ops->send_head(x->client, m, false);
}

static void upstream_finished(struct exchange *x)
{
	x->upstream_ended = true;
	x->response_ended = true;
	x->discard_body = true;
	loop_timer_cancel(&x->deadline);
	exchange_drop_upstream(x, ERR_CANCELED);
}

static void upstream_on_head(void *user, struct http_message *m, bool end)
{
	struct exchange *x = user;

	if (m->status == 101 && x->request->upgrade.n) {
		relay_switch(x, m);
		return;
	}
	if (m->status < 200) {
		relay_informational(x, m);
		return;
	}
	/* What the client sent behind it was meant for the tunnel. */
	if (x->request->upgrade.n && m->status >= 400)
		x->client->ops->close_after(x->client);
	if (m->status == 409 && exchange_admit_retries(x)) {
		x->retracted = true;
		if (end)
			conflict_is_read(x, true);
		return;
	}
	/* A client that reads its answer slowly does not hold the body any more. */
	if (x->request_sent_whole)
		exchange_admit_stop(x);
	x->upstream_head = true;
	x->head_sent = true;
	x->status = m->status;
	tidy_response(x, m);
	x->client->ops->send_head(x->client, m, end);
	if (!end)
		return;
	/* A HEAD of what streams: the server may serve it on, and would let the next one wait. */
	if (x->info.long_running)
		x->upstream->ops->close_after(x->upstream);
	upstream_finished(x);
}

static void upstream_on_body(void *user, const void *p, size_t n)
{
	struct exchange *x = user;

	if (x->retracted)
		x->upstream->ops->consume(x->upstream, n);
	else
		x->client->ops->send_body(x->client, p, n);
}

static void upstream_on_end(void *user, const struct http_headers *trailers)
{
	struct exchange *x = user;

	if (x->retracted) {
		conflict_is_read(x, true);
		return;
	}
	x->client->ops->send_end(x->client, trailers);
	upstream_finished(x);
}

/* A body-less GET or HEAD may go once more if a reused connection closed before any answer. */
static bool may_retry(const struct exchange *x)
{
	return !x->retried && x->upstream->reused && x->upstream->unprocessed &&
	       !x->request->has_body &&
	       (str_eq(x->request->method, STR("GET")) || str_eq(x->request->method, STR("HEAD")));
}

static void upstream_on_closed(void *user, int err)
{
	struct exchange *x = user;
	bool retry = may_retry(x);
	bool unprocessed = x->upstream->unprocessed && !x->upstream->reused;

	if (x->retracted) {
		conflict_is_read(x, false);
		return;
	}
	exchange_drop_upstream(x, err);
	if (x->upstream_head) {
		/* A stream that breaks looks broken to the client. */
		exchange_abort(x, err);
	} else if (retry) {
		x->retried = true;
		open_upstream(x, true);
	} else {
		exchange_answer_unavailable(x, arena_printf(x->client->arena,
			"the API server ended the connection without an answer: %s",
			err_text(err)), unprocessed);
	}
}

void exchange_client_sent(struct exchange *x, size_t n)
{
	if (x->upstream)
		x->upstream->ops->consume(x->upstream, n);
}

static const struct http_stream_handler upstream_handler = {
	.on_head = upstream_on_head,
	.on_body = upstream_on_body,
	.on_end = upstream_on_end,
	.on_sent = upstream_on_sent,
	.on_closed = upstream_on_closed,
};
