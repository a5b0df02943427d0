/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/exchange.h"

#include <stdlib.h>

#include "authn/front_proxy.h"
#include "authz/node.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/options.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "proxy/admit.h"
#include "proxy/connection.h"
#include "proxy/object_source.h"

#define EXCHANGE_MAGIC 0x45584348u	/* "EXCH" */

static enum step_result step_receive(struct exchange *x);
static enum step_result step_request_info(struct exchange *x);
static enum step_result step_shutdown(struct exchange *x);
static enum step_result step_deadline(struct exchange *x);
static enum step_result step_authenticate(struct exchange *x);
static enum step_result step_impersonate(struct exchange *x);
static enum step_result step_authorize(struct exchange *x);
static enum step_result step_local(struct exchange *x);

/* The life of a request (spec 00 section 11). Forward ends in the relay, which ends in finish. */
static const struct {
	const char *name;
	enum step_result (*run)(struct exchange *x);
} steps[] = {
	{ "receive", step_receive },
	{ "request info", step_request_info },
	{ "shutdown", step_shutdown },
	{ "deadline", step_deadline },
	{ "authenticate", step_authenticate },
	{ "impersonate", step_impersonate },
	{ "authorize", step_authorize },
	{ "local", step_local },
	{ "guard", exchange_guard },
	{ "admit", exchange_admit },
	{ "forward", exchange_forward },
};

static void run_steps(struct exchange *x)
{
	while (x->step < array_size(steps) && steps[x->step].run(x) == STEP_NEXT)
		x->step++;
}

void exchange_resume(struct exchange *x)
{
	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	if (!x->head_sent)	/* else the deadline answered meanwhile */
		run_steps(x);
}

/* Admission stands right before forwarding, where the exchange is. */
void exchange_readmit(struct exchange *x)
{
	CHECK(steps[x->step].run == exchange_forward);
	x->step--;
	exchange_admit_again(x);
	run_steps(x);
}

static void resume_callback(void *arg)
{
	exchange_resume(arg);
}

/* The audit id is the client's, whole and unchecked, or a random one (spec 07 section 1). */
static enum step_result step_receive(struct exchange *x)
{
	const struct str *given = http_field_get(&x->request->headers, HTTP_AUDIT_ID);

	metric_add(METRIC_REQUESTS, 1);
	if (given && given->n) {
		x->audit_id = *given;
		return STEP_NEXT;
	}
	random_uuid(x->audit_text);
	x->audit_id = str_from(x->audit_text);
	return STEP_NEXT;
}

static struct str query_of(struct str target)
{
	ptrdiff_t at = str_find(target, '?', 0);

	return at < 0 ? STR_NULL : str_skip(target, (size_t)at + 1);
}

static enum step_result step_request_info(struct exchange *x)
{
	struct http_message *m = x->request;
	struct strbuf body = STRBUF_INIT;
	struct strbuf why = STRBUF_INIT;
	enum step_result result;
	int rc = request_info_resolve(m->method, m->target, x->client->arena, &x->info);

	x->raw_query = query_of(m->target);
	if (!rc)
		return STEP_NEXT;
	if (rc != ERR_UNSUPPORTED) {
		x->client->ops->close_after(x->client);
		return exchange_answer_text(x, 400, STR("400 Bad Request"), false);
	}
	strbuf_add_cstr(&why, "failed to create RequestInfo: unable to determine kind and "
			"namespace from url, ");
	strbuf_add_str(&why, m->target);
	status_internal_error_text(&body, m->target, strbuf_str(&why));
	result = exchange_answer_text(x, 500, strbuf_str(&body), false);
	strbuf_fini(&body);
	strbuf_fini(&why);
	return result;
}

/* While draining, what still comes on open connections is refused (spec 00 row 12). */
static enum step_result step_shutdown(struct exchange *x)
{
	static const struct status shutting_down = {
		.code = 503,
		.message = STR("apiserver is shutting down"),
		.reason = STR("ServiceUnavailable"),
	};

	if (!atomic_load_explicit(&x->worker->server->draining, memory_order_relaxed) ||
	    health_owns_path(x->info.attributes.path))
		return STEP_NEXT;
	x->client->ops->close_after(x->client);
	return exchange_answer_status(x, &shutting_down, true, 1);
}

static void on_deadline(struct loop_timer *t)
{
	struct exchange *x = container_of(t, struct exchange, deadline);

	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	x->decision = "timeout";
	exchange_drop_upstream(x, ERR_TIMEOUT);
	exchange_admit_stop(x);
	node_wait_cancel(&x->node_wait);
	if (x->head_sent)
		exchange_abort(x, ERR_TIMEOUT);
	else
		exchange_answer_timeout(x);
}

static enum step_result refuse_timeout(struct exchange *x, const char *why)
{
	struct str message = arena_printf(x->client->arena,
		"invalid timeout specified in the request URL - %s", why);
	struct status s = { .code = 400, .message = message, .reason = STR("BadRequest") };

	return exchange_answer_status(x, &s, false, 0);
}

/* The shorter of --request-timeout and ?timeout= (spec 00 section 4); long-running: none. */
static enum step_result step_deadline(struct exchange *x)
{
	int64_t limit_ms = x->worker->server->options->request_timeout_ms;
	const char *why;
	struct str text;
	int64_t us;

	if (x->info.long_running)
		return STEP_NEXT;
	if (request_query_get(x->raw_query, STR("timeout"), x->client->arena, &text) && text.n) {
		if (duration_parse(text, &us, &why))
			return refuse_timeout(x, why);
		if (us > 0 && us / 1000 < limit_ms)
			limit_ms = us / 1000 ? us / 1000 : 1;
	}
	loop_timer_arm(&x->deadline, limit_ms);
	return STEP_NEXT;
}

static void begin_authentication(struct exchange *x)
{
	authn_request_init(&x->authn, worker_authn(x->worker), x->client->arena);
	x->authn.clock = x->worker->server->clock;
	x->authn.connection = x->client->connection;
	x->authn.headers = &x->request->headers;
	x->authn.path = x->info.attributes.path;
	x->authn.source = object_source_authn(x->worker->object_source);
	x->authn.tokens = x->worker->tokens;
	x->authn.resume = resume_callback;
	x->authn.resume_arg = x;
	x->counted_authn = true;
}

/* While an answer is waited for, the snapshot that it will be judged by must stay. */
static enum step_result wait_holding(struct exchange *x, const struct snapshot *s)
{
	if (!x->held)
		x->held = snapshot_acquire((struct snapshot *)s);
	return STEP_WAIT;
}

static void release_held(struct exchange *x)
{
	snapshot_release(x->held);
	x->held = NULL;
}

static enum step_result step_authenticate(struct exchange *x)
{
	enum authn_result result;

	if (!x->counted_authn)
		begin_authentication(x);
	result = authn_chain_run(&x->authn);
	if (result == AUTHN_PENDING)
		return wait_holding(x, &x->authn.config->snapshot);
	if (result != AUTHN_ACCEPT) {
		if (x->authn.errors.n && log_is_verbose(1))
			log_write(LOG_ERROR, __FILE__, __LINE__,
				  "Unable to authenticate the request", (struct log_field[]){
				  LOG_STR("err", strbuf_str(&x->authn.errors)) }, 1);
		return exchange_answer_unauthorized(x);
	}
	release_held(x);
	if (!user_has_group(&x->authn.user, STR(GROUP_UNAUTHENTICATED)))
		connection_authenticated(x->client->connection);
	x->user = x->authn.user;
	x->info.attributes.user = &x->user;
	authn_strip_credentials(&x->request->headers);
	return STEP_NEXT;
}

/* What the client asked for is taken off before anybody else could take it for ours. */
static int begin_impersonation(struct exchange *x, struct str *message)
{
	bool is_gated = !x->worker->server->options->gates.no_constrained_impersonation;
	struct arena *a = x->client->arena;
	struct user wanted;
	int rc = impersonation_read(&x->request->headers, a, &wanted);

	http_field_remove(&x->request->headers, HTTP_BIT(HTTP_IMPERSONATE));
	if (rc)
		*message = impersonation_nameless_message(&wanted, is_gated, a);
	if (rc || !wanted.name.n)
		return rc;
	x->impersonation = arena_alloc(a, sizeof(*x->impersonation));
	impersonation_init(x->impersonation, worker_policy(x->worker), &x->info.attributes,
			   &wanted, is_gated, a, resume_callback, x);
	return 0;
}

static enum step_result refuse_nameless(struct exchange *x, struct str message)
{
	struct status s = { .code = 400, .message = message, .reason = STR("BadRequest") };

	x->decision = "forbid";
	x->reason = message;
	return exchange_answer_status(x, &s, true, 0);
}

/* From here on the request is the other user's; nothing of the requester goes with it. */
static enum step_result step_impersonate(struct exchange *x)
{
	struct str message = STR_NULL;
	enum authz_decision d;

	if (!x->impersonation && http_field_has(&x->request->headers, HTTP_IMPERSONATE) &&
	    begin_impersonation(x, &message))
		return refuse_nameless(x, message);
	if (!x->impersonation)
		return STEP_NEXT;
	d = impersonation_run(x->impersonation);
	if (d == AUTHZ_PENDING)
		return wait_holding(x, &x->impersonation->authz.policy->snapshot);
	release_held(x);
	if (d != AUTHZ_ALLOW)
		return exchange_answer_refusal(x, &x->impersonation->refusal);
	x->user = x->impersonation->user;
	return STEP_NEXT;
}

static void begin_authorization(struct exchange *x)
{
	x->authz = (struct authz_request){
		.policy = worker_policy(x->worker),
		.attributes = &x->info.attributes,
		.arena = x->client->arena,
		.want_reason = log_is_verbose(2),
		.resume = resume_callback,
		.resume_arg = x,
	};
}

static enum step_result answer_authorizer_error(struct exchange *x)
{
	struct strbuf body = STRBUF_INIT;
	enum step_result result;

	x->decision = "error";
	status_internal_error_text(&body, x->request->target, x->authz.error);
	result = exchange_answer_text(x, 500, strbuf_str(&body), true);
	strbuf_fini(&body);
	return result;
}

static void on_node_wait_over(struct node_wait *n)
{
	exchange_resume(container_of(n, struct exchange, node_wait));
}

/*
 * The pod that relates the object to the node may have been bound a moment ago, and our watch be
 * behind the kubelet's: wait for it, without the policy of now.  Of the request's time half at
 * most goes into that, so that a refusal stays one.
 */
static bool wait_for_graph(struct exchange *x)
{
	struct worker *w = x->worker;
	int64_t ms = w->server->options->node_authorizer_wait_ms;

	if (!x->authz.node_missed || x->node_waited || !w->node_waits)
		return false;
	if (x->deadline.armed) {
		int64_t half_ms = (x->deadline.due_us - loop_now_us(w->loop)) / 2000;

		ms = ms < half_ms ? ms : half_ms;
	}
	if (ms <= 0 || !node_waits_add(w->node_waits, &x->node_wait, &x->authz.node_question, ms,
				       on_node_wait_over))
		return false;
	x->node_waited = true;
	x->authz.policy = NULL;
	release_held(x);
	return true;
}

static enum step_result step_authorize(struct exchange *x)
{
	enum authz_decision d;

	if (!x->authz.policy)
		begin_authorization(x);
	d = authz_chain_run(&x->authz);
	if (d == AUTHZ_PENDING)
		return wait_holding(x, &x->authz.policy->snapshot);
	if (d != AUTHZ_ALLOW && wait_for_graph(x))
		return STEP_WAIT;
	release_held(x);
	if (x->authz.node_refused && log_is_verbose(2))
		node_log_denial(&x->info.attributes);
	x->reason = x->authz.reason;
	if (d == AUTHZ_ALLOW) {
		if (x->node_waited)
			metric_add(METRIC_NODE_WAITS_ALLOWED, 1);
		x->decision = "allow";
		return STEP_NEXT;
	}
	if (x->authz.error.n)
		return answer_authorizer_error(x);
	return exchange_answer_forbidden(x, x->authz.reason);
}

/* What the proxy answers itself: its own health. */
static enum step_result step_local(struct exchange *x)
{
	struct strbuf body = STRBUF_INIT;
	enum step_result result;
	int code;

	if (x->info.attributes.is_resource || !health_owns_path(x->info.attributes.path))
		return STEP_NEXT;
	code = health_answer(&x->worker->server->health, x->info.attributes.path, x->raw_query,
			     x->client->arena, &body);
	result = exchange_answer_text(x, code, strbuf_str(&body), true);
	strbuf_fini(&body);
	return result;
}

/* One line per request at --v=2: who it is from and, after impersonation, who it was made as. */
static void log_exchange(const struct exchange *x)
{
	struct http_connection *c = x->client->connection;
	const struct impersonation *im = x->impersonation;
	bool is_other = im && im->user.name.n;
	char peer[ADDRESS_TEXT_MAX];
	struct log_field fields[] = {
		LOG_STR("verb", x->info.attributes.verb),
		LOG_STR("URI", x->request->target),
		LOG_STR("user", im ? im->requester.name : x->user.name),
		LOG_STR("decision", str_from(x->decision)),
		LOG_STR("reason", x->reason),
		LOG_INT("status", x->status),
		LOG_INT("latencyMicroseconds",
			clock_monotonic_us(x->worker->server->clock) - x->started_us),
		LOG_STR("srcIP", str_from(address_ip_text(&c->peer, peer))),
		LOG_STR("auditID", str_slice(x->audit_id, 0, 64)),
		LOG_STR("impersonatedUser", is_other ? im->user.name : STR_NULL),
		LOG_STR("impersonationConstraint", str_from(is_other ? im->constraint : NULL)),
	};
	size_t n = array_size(fields);

	if (!is_other)
		n -= 2;
	else if (!im->constraint)
		n--;
	log_write(LOG_INFO, __FILE__, __LINE__, "HTTP", fields, n);
}

static void exchange_free(void *arg)
{
	free(arg);
}

/* The end of every exchange: both streams are let go of, the struct dies with the turn. */
static void finish(struct exchange *x)
{
	if (log_is_verbose(2))
		log_exchange(x);
	exchange_drop_upstream(x, ERR_CANCELED);
	exchange_admit_stop(x);
	node_wait_cancel(&x->node_wait);
	loop_timer_fini(&x->deadline);
	if (x->counted_authn)
		authn_request_fini(&x->authn);
	release_held(x);
	strbuf_fini(&x->early_body);
	list_del(&x->node);
	x->client->ops->release(x->client);
	x->client = NULL;
	x->magic = 0;
	atomic_fetch_sub_explicit(&x->worker->server->exchanges, 1, memory_order_relaxed);
	metric_add(METRIC_EXCHANGES, -1);
	loop_bury(x->worker->loop, x, exchange_free);
}

void exchange_abort(struct exchange *x, int err)
{
	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	x->client->ops->reset(x->client, err);
	finish(x);
}

/* The client's stream, seen from the exchange. */

static void client_on_body(void *user, const void *p, size_t n)
{
	struct exchange *x = user;

	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	exchange_request_body(x, p, n);
}

static void client_on_end(void *user, const struct http_headers *trailers)
{
	struct exchange *x = user;

	(void)trailers;	/* request trailers are dropped */
	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	exchange_request_end(x);
}

static void client_on_sent(void *user, size_t n)
{
	struct exchange *x = user;

	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	exchange_client_sent(x, n);
}

/* ERR_OK: the response is out. Anything else: the client is gone. */
static void client_on_closed(void *user, int err)
{
	struct exchange *x = user;

	CHECK_MAGIC(x, EXCHANGE_MAGIC);
	if (err && !x->decision)
		x->decision = "client gone";
	finish(x);
}

static const struct http_stream_handler client_handler = {
	.on_body = client_on_body,
	.on_end = client_on_end,
	.on_sent = client_on_sent,
	.on_closed = client_on_closed,
};

void exchange_accept(void *arg, struct http_stream *s, struct http_message *request, bool end)
{
	struct worker *w = arg;
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->magic = EXCHANGE_MAGIC;
	x->worker = w;
	x->client = s;
	x->request = request;
	x->request_ended = end;
	x->started_us = clock_monotonic_us(w->server->clock);
	loop_timer_init(&x->deadline, w->loop, on_deadline);
	list_add_tail(&w->exchanges, &x->node);
	s->handler = &client_handler;
	s->user = x;
	atomic_fetch_add_explicit(&w->server->exchanges, 1, memory_order_relaxed);
	metric_add(METRIC_EXCHANGES, 1);
	run_steps(x);
}
