/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/admit.h"

#include <malloc.h>
#include <stdlib.h>

#include "admission/admission.h"
#include "authz/node_graph.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
#include "obs/metrics.h"
#include "proxy/fetch.h"
#include "proxy/query.h"

#define REASON_MAX 1024		/* bytes of a refusal's text in the log */

struct admit {
	struct exchange *x;		/* borrowed */
	struct admission_request r;
	struct strbuf body;		/* owned: collected; r.body borrows it */
	bool collecting;
	struct fetch *fetch;		/* ours until it is done */
	bool deciding;			/* authz has the last question */
	struct authz_request authz;
	struct snapshot *held;		/* its policy, while it waits */
	struct str target, content_type;	/* as they came */
	unsigned tries;
	size_t charged;
	ptrdiff_t tree_bytes;		/* what the trees in r hold */
};

/* --- What the trees hold --- */

/*
 * A text of 3 MiB may become a tree of a hundred times that.  No run is interrupted for it, but
 * what stays while an answer is waited for is charged.
 */
static _Thread_local ptrdiff_t tree_bytes;

static void *counted_malloc(size_t n)
{
	void *p = malloc(n);

	tree_bytes += (ptrdiff_t)malloc_usable_size(p);
	return p;
}

static void counted_free(void *p)
{
	tree_bytes -= (ptrdiff_t)malloc_usable_size(p);
	free(p);
}

void admit_init(void)
{
	json_set_alloc_funcs(counted_malloc, counted_free);
}

static size_t *share_of_user(struct exchange *x)
{
	return &x->worker->admit_user_bytes[str_hash(x->user.name) % WORKER_ADMIT_USERS];
}

static void charge_exactly(struct admit *a, size_t n)
{
	metric_add(METRIC_ADMISSION_BYTES, (int64_t)n - (int64_t)a->charged);
	*share_of_user(a->x) += n - a->charged;
	a->x->worker->admit_bytes += n - a->charged;
	a->charged = n;
}

/*
 * Brings the books up to date; false when the worker or the user holds too much.  A user's only
 * request may be a large one: to come again would not help.
 */
static bool charge(struct admit *a)
{
	size_t *share = share_of_user(a->x);
	size_t trees = a->tree_bytes > 0 ? (size_t)a->tree_bytes : 0;

	charge_exactly(a, sizeof(*a) + a->body.cap + a->r.new_body.cap + trees +
			  arena_size(a->x->client->arena));
	return a->x->worker->admit_bytes <= ADMIT_BUFFERED_MAX &&
	       (*share <= ADMIT_USER_MAX || *share == a->charged);
}

static enum step_result refuse_busy(struct exchange *x)
{
	x->decision = "busy";
	x->reason = STR("admission holds too many bytes");
	exchange_admit_stop(x);
	return exchange_answer_busy(x);
}

/* --- The body --- */

static void body_is_there(struct admit *a)
{
	a->collecting = false;
	a->r.body_there = true;
	a->r.body = strbuf_str(&a->body);
}

static void body_is_too_large(struct admit *a)
{
	a->collecting = false;
	a->r.body_too_large = true;
	strbuf_fini(&a->body);
}

/* The client waits with its body until it hears that it is wanted (RFC 9110 section 10.1.1). */
static void ask_for_body(struct exchange *x)
{
	struct http_message m = { .status = 100, .content_length = -1 };

	http_headers_init(&m.headers, x->client->arena);
	x->client->ops->send_head(x->client, &m, false);
}

/* What is collected is ours to bound, so its credit goes back to the client at once. */
static void take_early_body(struct admit *a)
{
	struct exchange *x = a->x;

	strbuf_fini(&a->body);
	a->body = x->early_body;
	x->early_body = STRBUF_INIT;
	if (a->body.n)
		x->client->ops->consume(x->client, a->body.n);
}

static enum step_result collect(struct admit *a)
{
	struct exchange *x = a->x;

	CHECK(!a->r.body_there && !a->r.body_too_large);
	if (x->request->content_length > ADMISSION_BODY_MAX) {
		body_is_too_large(a);
		return STEP_NEXT;
	}
	take_early_body(a);
	if (x->request_ended) {
		body_is_there(a);
		return STEP_NEXT;
	}
	a->collecting = true;
	if (x->request->expect_continue && !a->body.n)
		ask_for_body(x);
	return STEP_WAIT;
}

bool exchange_admit_body(struct exchange *x, const void *p, size_t n)
{
	struct admit *a = x->admit;

	if (!a || !a->collecting)
		return false;
	x->client->ops->consume(x->client, n);
	if (n > ADMISSION_BODY_MAX - a->body.n) {
		body_is_too_large(a);
		exchange_resume(x);
		return true;
	}
	strbuf_add(&a->body, p, n);
	if (!charge(a))
		refuse_busy(x);
	return true;
}

bool exchange_admit_body_end(struct exchange *x)
{
	if (!x->admit || !x->admit->collecting)
		return false;
	body_is_there(x->admit);
	exchange_resume(x);
	return true;
}

/* --- Objects --- */

/* A tree of the answer; NULL: it is no object. */
static json_t *read_object(struct admit *a, struct str body)
{
	ptrdiff_t before = tree_bytes;
	json_t *object = NULL;

	if (!json_read(body, &object, NULL) && !json_is_object(object)) {
		json_decref(object);
		object = NULL;
	}
	a->tree_bytes += tree_bytes - before;
	return object;
}

static void fail_lookup(struct admission_lookup *l, struct str error)
{
	l->state = ADMISSION_FAILED;
	l->error = error;
}

static void take_answer(struct admit *a, const struct fetch_answer *f)
{
	struct admission_lookup *l = &a->r.lookups[a->r.lookup_count - 1];
	struct arena *arena = a->r.arena;

	l->code = f->code;
	if (!f->code) {
		fail_lookup(l, arena_str(arena, f->error));
	} else if (f->code == 200 || f->code == 201) {
		l->object = read_object(a, f->body);
		l->state = ADMISSION_FOUND;
		if (!l->object)
			fail_lookup(l, STR("the API server's answer is not an object"));
	} else if (l->dry_run) {
		fail_lookup(l, arena_str(arena, f->body));
	} else if (f->code == 404) {
		l->state = ADMISSION_MISSING;
	} else {
		fail_lookup(l, arena_printf(arena, "the API server answered %d to the read of %.*s "
			"\"%.*s\"", f->code, STR_ARG(l->key.resource), STR_ARG(l->key.name)));
	}
}

static void on_fetched(void *arg, const struct fetch_answer *answer)
{
	struct exchange *x = arg;
	struct admit *a = x->admit;

	a->fetch = NULL;
	take_answer(a, answer);
	exchange_resume(x);
}

/* Kubernetes has no object of such a name, and a path could not address it. */
static bool is_path_segment(struct str s)
{
	return s.n && !str_eq(s, STR(".")) && !str_eq(s, STR("..")) && str_find(s, '/', 0) < 0 &&
	       str_find(s, '%', 0) < 0;
}

static void add_escaped(struct strbuf *b, struct str s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] && strchr(plain, s.p[i]))
			strbuf_add_char(b, s.p[i]);
		else
			strbuf_addf(b, "%%%02X", (unsigned char)s.p[i]);
	}
}

static void add_segment(struct strbuf *b, struct str s)
{
	strbuf_add_char(b, '/');
	add_escaped(b, s);
}

/* The collection is read with the field selector that the request itself has. */
static struct str path_of(const struct admission_key *k, struct str selector, struct arena *arena)
{
	struct strbuf b = STRBUF_INIT;
	struct str path;

	strbuf_add_cstr(&b, k->api_group.n ? "/apis" : "/api");
	if (k->api_group.n)
		add_segment(&b, k->api_group);
	add_segment(&b, k->api_version);
	if (k->namespace.n) {
		strbuf_add_cstr(&b, "/namespaces");
		add_segment(&b, k->namespace);
	}
	add_segment(&b, k->resource);
	if (k->name.n) {
		add_segment(&b, k->name);
	} else {
		strbuf_add_cstr(&b, "?fieldSelector=");
		add_escaped(&b, selector);
	}
	path = arena_str(arena, strbuf_str(&b));
	strbuf_fini(&b);
	return path;
}

/* Is it the collection that a narrowed request is about? */
static bool is_collection(const struct admission_key *k, const struct attributes *at)
{
	return !k->name.n && !at->name.n && at->field_selector.n &&
	       str_eq(k->resource, at->resource) && str_eq(k->api_group, at->api_group);
}

static enum step_result start_fetch(struct admit *a, const struct fetch_request *q)
{
	a->fetch = fetch_start(a->x->worker, q, on_fetched, a->x);
	return STEP_WAIT;
}

/* Without a resourceVersion it is the newest: a decision must not be about an older object. */
static enum step_result look_up(struct admit *a)
{
	struct admission_lookup *l = &a->r.lookups[a->r.lookup_count - 1];
	const struct attributes *at = a->r.attributes;
	struct fetch_request q = { .method = STR("GET"), .user = &a->x->worker->server->own };

	if (!(is_path_segment(l->key.name) || is_collection(&l->key, at)) ||
	    (l->key.namespace.n && !is_path_segment(l->key.namespace))) {
		l->state = ADMISSION_MISSING;
		return STEP_NEXT;
	}
	q.target = path_of(&l->key, at->field_selector.raw, a->r.arena);
	return start_fetch(a, &q);
}

static size_t count_pieces(struct str query)
{
	size_t n = 1;

	for (size_t i = 0; i < query.n; i++)
		n += query.p[i] == '&';
	return n;
}

static struct str path_part(struct str target)
{
	ptrdiff_t at = str_find(target, '?', 0);

	return at < 0 ? target : str_slice(target, 0, (size_t)at);
}

/*
 * Nothing may be stored by it, so it is made only where the query surely counts: a DELETE with a
 * body has its options there, and of too many parameters the upstream reads none.
 */
static enum step_result try_dry(struct admit *a)
{
	struct admission_lookup *l = &a->r.lookups[a->r.lookup_count - 1];
	struct http_message *m = a->x->request;
	struct fetch_request q = { .method = m->method, .user = &a->x->user,
				   .content_type = a->content_type, .body = a->r.body };

	/* What is tried is what will be sent. */
	if (a->r.body_replaced)
		q.body = strbuf_str(&a->r.new_body);
	if ((!str_eq(m->method, STR("PATCH")) && !str_eq(m->method, STR("PUT"))) ||
	    count_pieces(a->r.query) + 1 >= QUERY_PIECES_MAX) {
		fail_lookup(l, STR("the request cannot be tried without effect"));
		return STEP_NEXT;
	}
	q.target = arena_printf(a->r.arena, "%.*s?%.*s%sdryRun=All", STR_ARG(path_part(a->target)),
				STR_ARG(a->r.query), a->r.query.n ? "&" : "");
	return start_fetch(a, &q);
}

/* --- Decisions of the authorizers --- */

static void on_decision(void *arg)
{
	exchange_resume(arg);
}

static void begin_decision(struct admit *a)
{
	struct admission_question *q = &a->r.questions[a->r.question_count - 1];

	if (!q->attributes.user)
		q->attributes.user = &a->x->user;
	a->deciding = true;
	a->authz = (struct authz_request){
		.policy = worker_policy(a->x->worker),
		.attributes = &q->attributes,
		.arena = a->r.arena,
		.resume = on_decision,
		.resume_arg = a->x,
	};
}

static void release_held(struct admit *a)
{
	snapshot_release(a->held);
	a->held = NULL;
}

static enum step_result decide(struct admit *a)
{
	struct admission_question *q = &a->r.questions[a->r.question_count - 1];
	enum authz_decision d = authz_chain_run(&a->authz);

	if (d == AUTHZ_PENDING) {
		if (!a->held)
			a->held = snapshot_acquire((struct snapshot *)&a->authz.policy->snapshot);
		return STEP_WAIT;
	}
	release_held(a);
	a->deciding = false;
	q->answered = true;
	q->allowed = d == AUTHZ_ALLOW;
	q->error = a->authz.error;
	return STEP_NEXT;
}

static enum step_result satisfy(struct admit *a)
{
	switch (a->r.need) {
	case ADMISSION_NEEDS_BODY:
		return collect(a);
	case ADMISSION_NEEDS_OBJECT:
		return look_up(a);
	case ADMISSION_NEEDS_DRY_RUN:
		return try_dry(a);
	case ADMISSION_NEEDS_DECISION:
		begin_decision(a);
		return decide(a);
	}
	CHECK(false);
	return STEP_WAIT;
}

/* --- The verdict --- */

static enum step_result refuse(struct admit *a)
{
	struct exchange *x = a->x;
	struct status s = a->r.status;
	int code = a->r.raw_answer ? a->r.raw_code : s.code;
	enum step_result result;

	if (code == 401 || code == 403)
		metric_add(METRIC_REQUESTS_DENIED, 1);
	x->decision = "admission";
	if (a->r.raw_answer) {
		x->reason = STR("the API server refused it in a dry run");
		result = exchange_answer_json(x, a->r.raw_code, a->r.raw_body);
	} else {
		/* A message may quote much of a body. */
		x->reason = arena_str(a->r.arena, str_slice(s.message, 0, REASON_MAX));
		result = exchange_answer_status(x, &s, false, 0);
	}
	exchange_admit_stop(x);
	return result;
}

/* Hands the request's new head and body to the forward step. */
static void replace(struct admit *a)
{
	struct exchange *x = a->x;
	struct http_message *m = x->request;
	struct str body = a->r.body_replaced ? strbuf_str(&a->r.new_body) : a->r.body;

	if (a->r.query_replaced)
		m->target = arena_printf(a->r.arena, "%.*s%s%.*s", STR_ARG(path_part(a->target)),
					 a->r.new_query.n ? "?" : "", STR_ARG(a->r.new_query));
	if (a->r.body_replaced && a->r.new_content_type.n)
		http_field_set(&m->headers, HTTP_CONTENT_TYPE, a->r.new_content_type);
	if (!a->r.body_there && !a->r.body_replaced)
		return;
	x->body_is_whole = true;
	x->whole_body = body;
	m->content_length = (int64_t)body.n;
	m->has_body = body.n > 0;
	m->expect_continue = false;
	http_field_remove(&m->headers, HTTP_BIT(HTTP_EXPECT));
	http_field_set(&m->headers, HTTP_CONTENT_LENGTH,
			 arena_printf(a->r.arena, "%zu", body.n));
}

/* What only another decision would need goes now; the bytes to send stay. */
static void keep_only_body(struct admit *a)
{
	if (a->r.body_replaced) {
		strbuf_fini(&a->body);
		a->body = a->r.new_body;
		a->r.new_body = STRBUF_INIT;
	}
	admission_request_fini(&a->r);
	a->r = (struct admission_request){ .body_there = true };
	a->tree_bytes = 0;
	charge(a);
}

static enum step_result allow(struct admit *a)
{
	struct exchange *x = a->x;

	CHECK(!a->r.body_too_large);
	CHECK(!a->r.body_replaced || a->r.body_there || !a->r.has_body);
	replace(a);
	if (a->r.again_on_conflict)
		return charge(a) ? STEP_NEXT : refuse_busy(x);
	if (x->body_is_whole)
		keep_only_body(a);
	else
		exchange_admit_stop(x);
	return STEP_NEXT;
}

static enum admission_result run_chain(struct admit *a)
{
	ptrdiff_t before = tree_bytes;
	enum admission_result result = admission_run(&a->r);

	a->tree_bytes += tree_bytes - before;
	return result;
}

static enum step_result run(struct admit *a)
{
	for (;;) {
		enum step_result step = STEP_NEXT;

		if (a->deciding) {
			step = decide(a);
		} else {
			switch (run_chain(a)) {
			case ADMISSION_ALLOW:
				return allow(a);
			case ADMISSION_DENY:
				return refuse(a);
			case ADMISSION_NEED:
				step = satisfy(a);
				break;
			}
		}
		if (!charge(a))
			return refuse_busy(a->x);
		if (step != STEP_NEXT)
			return step;
	}
}

/* A pod's node and uid never change while it lives, so what the graph knows can be relied on. */
static bool pod_node(void *arg, struct str namespace, struct str name, struct str *node,
		     struct str *uid)
{
	struct exchange *x = arg;
	const struct node_graph *graph = worker_policy(x->worker)->graph;
	char node_text[254], uid_text[NODE_UID_MAX + 1];

	if (!graph || !node_graph_pod(graph, namespace, name, node_text, uid_text) || !*uid_text)
		return false;
	*node = arena_str(x->client->arena, str_from(node_text));
	*uid = arena_str(x->client->arena, str_from(uid_text));
	return true;
}

static void begin(struct exchange *x)
{
	struct admit *a = xcalloc(1, sizeof(*a));
	const struct str *type;

	/* What the client's Connection field nominates will not be there for the upstream. */
	http_headers_remove_hop_by_hop(&x->request->headers);
	type = http_field_get(&x->request->headers, HTTP_CONTENT_TYPE);
	a->x = x;
	a->tries = 1;
	a->target = x->request->target;
	a->content_type = type ? *type : STR_NULL;
	a->r.chain = &x->worker->server->admission;
	a->r.attributes = &x->info.attributes;
	a->r.method = x->request->method;
	a->r.query = x->raw_query;
	a->r.headers = &x->request->headers;
	a->r.arena = x->client->arena;
	a->r.has_body = x->request->has_body;
	/* A graph from manifests does not say what is stored now. */
	if (!strcmp(x->worker->server->options->cluster_state, "upstream"))
		a->r.pod_node = pod_node;
	a->r.pod_node_arg = x;
	x->admit = a;
}

enum step_result exchange_admit(struct exchange *x)
{
	const struct admission_chain *chain = &x->worker->server->admission;

	if (!x->admit) {
		if (!admission_is_concerned(chain, &x->info.attributes, x->request->method))
			return STEP_NEXT;
		begin(x);
		if (!charge(x->admit))
			return refuse_busy(x);
	}
	if (x->admit->collecting || x->admit->fetch)
		return STEP_WAIT;
	return run(x->admit);
}

bool exchange_admit_retries(const struct exchange *x)
{
	return x->admit && x->admit->r.again_on_conflict && x->admit->tries < ADMISSION_TRIES_MAX;
}

void exchange_admit_again(struct exchange *x)
{
	struct admit *a = x->admit;
	ptrdiff_t before = tree_bytes;

	a->tries++;
	x->body_is_whole = false;
	x->request->target = a->target;
	http_field_remove(&x->request->headers, HTTP_BIT(HTTP_CONTENT_TYPE));
	if (a->content_type.n)
		http_headers_add(&x->request->headers, STR("Content-Type"), a->content_type);
	admission_again(&a->r);
	a->tree_bytes += tree_bytes - before;
}

void exchange_admit_stop(struct exchange *x)
{
	struct admit *a = x->admit;

	if (!a)
		return;
	x->admit = NULL;
	if (a->fetch)
		fetch_cancel(a->fetch);
	release_held(a);
	charge_exactly(a, 0);
	admission_request_fini(&a->r);
	strbuf_fini(&a->body);
	free(a);
}
