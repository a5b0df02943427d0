/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/admit_plugin.h"

#include <stdlib.h>

#include "base/mem.h"

struct admit_plugin plugin;


static void see_lookup(const struct admission_lookup *l)
{
	plugin.state = l->state;
	plugin.code = l->code;
	strbuf_clear(&plugin.error);
	strbuf_add_str(&plugin.error, l->error);
}

static enum admission_result need_lookup(struct admission_request *r, bool dry_run)
{
	if (r->lookup_count) {
		see_lookup(&r->lookups[0]);
		return ADMISSION_ALLOW;
	}
	r->lookups = arena_zalloc(r->arena, sizeof(*r->lookups));
	r->lookups->key = plugin.key;
	r->lookups->dry_run = dry_run;
	r->lookup_count = r->lookup_cap = 1;
	r->need = dry_run ? ADMISSION_NEEDS_DRY_RUN : ADMISSION_NEEDS_OBJECT;
	return ADMISSION_NEED;
}

static enum admission_result need_decision(struct admission_request *r)
{
	if (r->question_count) {
		plugin.allowed = r->questions[0].answered && r->questions[0].allowed;
		plugin.asked_for = r->questions[0].attributes.user->name;
		return ADMISSION_ALLOW;
	}
	r->questions = arena_zalloc(r->arena, sizeof(*r->questions));
	r->questions->attributes = (struct attributes){
		.is_resource = true, .verb = STR("change"), .api_group = STR("g"),
		.resource = STR("things"),
	};
	r->question_count = r->question_cap = 1;
	r->need = ADMISSION_NEEDS_DECISION;
	return ADMISSION_NEED;
}

static enum admission_result too_large(struct admission_request *r)
{
	r->status = (struct status){ .code = 413, .message = STR("too large") };
	return ADMISSION_DENY;
}

static enum admission_result need_body(struct admission_request *r)
{
	if (r->body_too_large)
		return too_large(r);
	if (!r->body_there) {
		r->need = ADMISSION_NEEDS_BODY;
		return ADMISSION_NEED;
	}
	strbuf_clear(&plugin.body);
	strbuf_add_str(&plugin.body, r->body);
	return ADMISSION_ALLOW;
}

static enum admission_result gather(struct admission_request *r)
{
	enum admission_result rc = ADMISSION_ALLOW;

	if (plugin.wants_body)
		rc = need_body(r);
	if (rc == ADMISSION_ALLOW && plugin.wants_object)
		rc = need_lookup(r, false);
	if (rc == ADMISSION_ALLOW && plugin.wants_dry_run)
		rc = need_lookup(r, true);
	if (rc == ADMISSION_ALLOW && plugin.wants_decision)
		rc = need_decision(r);
	return rc;
}

static enum admission_result refuse(struct admission_request *r)
{
	r->status = (struct status){
		.code = 403, .reason = STR("Forbidden"), .has_details = true,
		.message = STR("nodes \"n1\" is forbidden: no"),
		.details = { .name = STR("n1"), .kind = STR("nodes") },
	};
	r->raw_answer = plugin.raw;
	r->raw_code = 422;
	r->raw_body = STR("{\"code\":422}");
	return ADMISSION_DENY;
}

static enum admission_result scripted(struct admission_request *r, enum admission_operation op)
{
	enum admission_result rc = gather(r);

	(void)op;
	plugin.runs++;
	plugin.types = http_field_count(r->headers, HTTP_CONTENT_TYPE);
	if (rc != ADMISSION_ALLOW)
		return rc;
	if (plugin.result == ADMISSION_DENY)
		return refuse(r);
	if (plugin.replaces) {
		r->body_replaced = true;
		strbuf_clear(&r->new_body);
		strbuf_addf(&r->new_body, "{\"run\":%d}", plugin.runs);
		r->new_content_type = STR("application/x-other");
	}
	if (plugin.new_query) {
		r->query_replaced = true;
		r->new_query = str_from(plugin.new_query);
	}
	r->again_on_conflict = plugin.again;
	return ADMISSION_ALLOW;
}

static bool handles(const struct admission_request *r, enum admission_operation op)
{
	(void)r;
	return op != ADMISSION_NONE;
}

static const struct admission_plugin scripted_plugin = { "Scripted", handles, scripted };

const struct user admit_own = { .name = STR("system:kube-authproxy") };

void admit_begin(void)
{
	strbuf_fini(&plugin.body);
	strbuf_fini(&plugin.error);
	memset(&plugin, 0, sizeof(plugin));
	plugin.key = (struct admission_key){ .api_version = STR("v1"), .resource = STR("nodes"),
					     .name = STR("n1") };
	fake_proxy_start();
	fake.server.own = admit_own;
	fake.server.admission = (struct admission_chain){ .v = { &scripted_plugin }, .n = 1 };
}

void admit_end(void)
{
	int_is(fake.worker->admit_bytes, 0);
	int_is(metric_value(METRIC_ADMISSION_BYTES), 0);
	for (size_t i = 0; i < WORKER_ADMIT_USERS; i++)
		int_is(fake.worker->admit_user_bytes[i], 0);
	strbuf_fini(&plugin.body);
	strbuf_fini(&plugin.error);
	fake_proxy_stop();
}

struct exchange *admit_exchange(const struct fake_stream *f)
{
	return f->stream.user;
}

struct fake_stream *admit_request(const char *method, const char *target, int64_t length,
				      bool expects)
{
	struct fake_stream *f = fake_stream_new(&fake.connection);
	struct http_message *m = arena_zalloc(&f->arena, sizeof(*m));

	m->method = arena_str(&f->arena, str_from(method));
	m->target = arena_str(&f->arena, str_from(target));
	m->content_length = length;
	m->has_body = true;
	m->expect_continue = expects;
	http_headers_init(&m->headers, &f->arena);
	fake_add_fields(&m->headers, &f->arena, TOM);
	fake_add_fields(&m->headers, &f->arena, !strcmp(method, "PATCH") ? PATCH_TYPE : JSON_TYPE);
	if (expects)
		fake_add_fields(&m->headers, &f->arena, "Expect: 100-continue\n");
	exchange_accept(fake.worker, &f->stream, m, false);
	return f;
}

struct fake_stream *admit_put(void)
{
	return admit_request("PUT", NODE, -1, false);
}

void admit_answer(struct fake_stream *up, int status)
{
	fake_stream_head(up, status, NULL, false);
	fake_stream_body(up, "answer");
	fake_stream_end(up, NULL);
}

void admit_finish(struct fake_stream *f, struct fake_stream *up)
{
	admit_answer(up, 200);
	int_is(f->head.status, 200);
	str_is(strbuf_str(&f->body), STR("answer"));
	fake_request_done(f);
	fake_stream_free(up);
}

void admit_finish_refused(struct fake_stream *f, int status)
{
	int_is(f->head.status, status);
	ok(!fake_client.waiter);
	ok(!admit_exchange(f)->admit);
	int_is(f->consumed, f->delivered);
	fake_request_done(f);
}
