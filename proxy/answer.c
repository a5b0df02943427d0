/* SPDX-License-Identifier: Apache-2.0 */
/* The answers the proxy gives itself (spec 00 section 2, headers by answer kind; spec 03). */
#include "config.h"

#include "http/date.h"
#include "obs/metrics.h"
#include "proxy/exchange.h"

static void begin(struct exchange *x, struct http_message *m, int code, struct str content_type)
{
	*m = (struct http_message){ .status = code, .content_length = -1 };
	http_headers_init(&m->headers, x->client->arena);
	if (x->audit_id.n)
		http_headers_add(&m->headers, STR("Audit-Id"), x->audit_id);
	http_headers_add(&m->headers, STR("Content-Type"), content_type);
	http_headers_add(&m->headers, STR("Date"), http_date(x->worker->server->clock));
	if (x->authn.warning.n)
		http_headers_add(&m->headers, STR("Warning"), x->authn.warning);
}

/* Sends the head and the body, and lets whatever is left of the request go nowhere. */
static enum step_result send_answer(struct exchange *x, struct http_message *m, struct str body)
{
	bool head = str_eq(x->request->method, STR("HEAD"));

	loop_timer_cancel(&x->deadline);
	x->discard_body = true;
	x->head_sent = x->response_ended = true;
	x->status = m->status;
	m->content_length = (int64_t)body.n;
	m->has_body = body.n && !head;
	if (m->status == 503 || m->status == 504 || m->status == 502)
		metric_add(METRIC_REQUESTS_UNAVAILABLE, 1);
	x->client->ops->send_head(x->client, m, !m->has_body);
	if (m->has_body) {
		x->client->ops->send_body(x->client, body.p, body.n);
		x->client->ops->send_end(x->client, NULL);
	}
	return STEP_DONE;
}

enum step_result exchange_answer_status(struct exchange *x, const struct status *s, bool nosniff,
					int retry_after_s)
{
	struct media_choice how = negotiate_error(&x->request->headers, x->raw_query);
	struct strbuf body = STRBUF_INIT;
	struct http_message m;
	enum step_result result;

	begin(x, &m, s->code, media_content_type(how.format));
	http_headers_add(&m.headers, STR("Cache-Control"), STR("no-cache, private"));
	if (nosniff)
		http_headers_add(&m.headers, STR("X-Content-Type-Options"), STR("nosniff"));
	if (retry_after_s)
		http_headers_add(&m.headers, STR("Retry-After"),
				 arena_printf(x->client->arena, "%d", retry_after_s));
	if (s->code == 401 && authn_config_challenges_basic(x->authn.config))
		http_headers_add(&m.headers, STR("WWW-Authenticate"),
				 STR("Basic realm=\"kubernetes-master\""));
	status_encode(&body, s, how);
	result = send_answer(x, &m, strbuf_str(&body));
	strbuf_fini(&body);
	return result;
}

enum step_result exchange_answer_text(struct exchange *x, int code, struct str body,
				      bool cache_control)
{
	struct http_message m;

	begin(x, &m, code, STR("text/plain; charset=utf-8"));
	if (cache_control)
		http_headers_add(&m.headers, STR("Cache-Control"), STR("no-cache, private"));
	http_headers_add(&m.headers, STR("X-Content-Type-Options"), STR("nosniff"));
	return send_answer(x, &m, body);
}

enum step_result exchange_answer_json(struct exchange *x, int code, struct str body)
{
	struct http_message m;

	begin(x, &m, code, STR("application/json"));
	http_headers_add(&m.headers, STR("Cache-Control"), STR("no-cache, private"));
	return send_answer(x, &m, body);
}

enum step_result exchange_answer_busy(struct exchange *x)
{
	struct http_message m;

	begin(x, &m, 429, STR("text/plain; charset=utf-8"));
	http_headers_add(&m.headers, STR("Cache-Control"), STR("no-cache, private"));
	http_headers_add(&m.headers, STR("X-Content-Type-Options"), STR("nosniff"));
	http_headers_add(&m.headers, STR("Retry-After"), STR("1"));
	return send_answer(x, &m, STR("Too many requests, please try again later.\n"));
}

enum step_result exchange_answer_unauthorized(struct exchange *x)
{
	static const struct status unauthorized = {
		.code = 401,
		.message = STR("Unauthorized"),
		.reason = STR("Unauthorized"),
	};

	metric_add(METRIC_REQUESTS_DENIED, 1);
	x->decision = "unauthorized";
	return exchange_answer_status(x, &unauthorized, false, 0);
}

enum step_result exchange_answer_refusal(struct exchange *x, const struct forbidden *f)
{
	struct strbuf message = STRBUF_INIT;
	enum step_result result;
	struct status s;

	metric_add(METRIC_REQUESTS_DENIED, 1);
	x->decision = "forbid";
	x->reason = f->reason;
	status_forbidden(&s, &message, f);
	result = exchange_answer_status(x, &s, true, 0);
	strbuf_fini(&message);
	return result;
}

enum step_result exchange_answer_forbidden(struct exchange *x, struct str reason)
{
	const struct attributes *a = &x->info.attributes;
	struct forbidden f = {
		.user = x->user.name, .verb = a->verb, .path = a->path,
		.is_resource = a->is_resource, .namespace = a->namespace,
		.group = a->api_group, .resource = a->resource,
		.subresource = a->subresource, .name = a->name, .reason = reason,
	};

	return exchange_answer_refusal(x, &f);
}

enum step_result exchange_answer_unavailable(struct exchange *x, struct str message, bool retry)
{
	struct status s = {
		.code = retry ? 503 : 502,
		.message = message,
		.reason = retry ? STR("ServiceUnavailable") : STR("BadGateway"),
	};

	return exchange_answer_status(x, &s, true, retry ? 1 : 0);
}

/* The body's type comes from Go's sniffing: text, though it is JSON (spec 03 section 12). */
enum step_result exchange_answer_timeout(struct exchange *x)
{
	struct http_message m;

	begin(x, &m, 504, STR("text/plain; charset=utf-8"));
	http_headers_add(&m.headers, STR("Cache-Control"), STR("no-cache, private"));
	return send_answer(x, &m, status_timeout_body());
}
