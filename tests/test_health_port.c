/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/health_port.h"

#include "base/err.h"
#include "obs/metrics.h"
#include "tests/proxy_fakes.h"

static struct http_message request;

/* A request on the health port, answered at once. */
static struct fake_stream *ask(const char *method, const char *target)
{
	struct fake_stream *f = fake_stream_new(&fake.connection);

	request = (struct http_message){ .method = str_from(method), .target = str_from(target) };
	http_headers_init(&request.headers, &f->arena);
	health_port_accept(fake.worker, &f->stream, &request, true);
	int_is(f->heads, 1);
	ok(f->ended);
	str_is(fake_field(f, "Content-Type"), STR("text/plain; charset=utf-8"));
	str_is(fake_field(f, "Date"), STR("Tue, 14 Nov 2023 22:13:20 GMT"));
	return f;
}

static void done(struct fake_stream *f)
{
	fake_stream_closed(f, ERR_OK);
	fake_stream_free(f);
}

static void test_health(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = ask("GET", "/livez");
	int_is(f->head.status, 200);
	str_is(strbuf_str(&f->body), STR("ok"));
	done(f);
	f = ask("GET", "/readyz");
	int_is(f->head.status, 500);
	ok(fake_body_has(f, "[-]upstream failed"));
	done(f);
	f = ask("GET", "/livez?verbose&exclude=workers");
	int_is(f->head.status, 200);
	ok(fake_body_has(f, "[+]ping ok\n"));
	ok(fake_body_has(f, "[+]workers excluded"));
	done(f);
	fake_proxy_stop();
}

static void test_metrics(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = ask("GET", "/metrics?x");
	int_is(f->head.status, 200);
	ok(fake_body_has(f, "kube_authproxy_requests_total"));
	int_is(f->head.content_length, f->body.n);
	done(f);
	fake_proxy_stop();
}

/* Without authentication nothing else is served, and nothing is forwarded. */
static void test_anything_else(void)
{
	static const char *const targets[] = {
		"/", "/api/v1/secrets", "/metrics/", "/livezz", "livez", "*",
		"http://h/api", "/../metrics", "/readyz/etcd/x",
	};

	fake_proxy_start();
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct fake_stream *f = ask("GET", targets[i]);

		tap_row(targets[i]);
		int_is(f->head.status, 404);
		str_is(strbuf_str(&f->body), STR("404 page not found\n"));
		done(f);
	}
	int_is(fake_client.opened, 0);
	fake_proxy_stop();
}

static void test_head(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = ask("HEAD", "/livez");
	int_is(f->head.status, 200);
	int_is(f->head.content_length, 2);
	ok(f->head_end && !f->body.n);
	done(f);
	fake_proxy_stop();
}

static void test_body_goes_nowhere(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = ask("POST", "/livez");
	fake_stream_body(f, "hello");
	int_is(f->consumed, 5);
	fake_stream_end(f, NULL);
	fake_stream_sent(f, f->body.n);
	done(f);
	fake_proxy_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_health),
		TAP(test_metrics),
		TAP(test_anything_else),
		TAP(test_head),
		TAP(test_body_goes_nowhere),
		TAP_END
	};

	return tap_main(tests);
}
