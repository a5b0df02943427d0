/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/object_manifests.h"
#include "proxy/object_source.h"
#include "tests/fake_files.h"
#include "tests/proxy_fakes.h"

#define POD "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"uid\":\"u1\"}}"

static const struct str own_groups[] = { STR("system:masters") };
static struct authn_source *source;
static int told;

static void on_done(struct authn_lookup *l)
{
	ok(l->state != AUTHN_LOOKUP_WANTED);
	told++;
}

static void begin(void)
{
	fake_proxy_start();
	fake.server.own = (struct user){
		.name = STR("system:kube-authproxy"), .groups = own_groups, .group_count = 1,
	};
	source = object_source_authn(fake.worker->object_source);
	told = 0;
}

static struct authn_lookup ask_for(enum authn_object_kind kind, struct str namespace,
				   struct str name, struct str uid)
{
	return (struct authn_lookup){ .kind = kind, .namespace = namespace, .name = name,
				      .uid = uid, .done = on_done };
}

static void ask_for_pod(struct authn_lookup *l, struct str uid)
{
	*l = ask_for(AUTHN_POD, STR("ns"), STR("p"), uid);
	source->start(source, l);
}

/* The API server answers the read that is open. */
static void reply(int code, const char *body)
{
	struct fake_stream *up = fake_client_give();

	str_is(up->head.method, STR("GET"));
	str_is(fake_field(up, "X-Remote-User"), STR("system:kube-authproxy"));
	fake_stream_head(up, code, NULL, false);
	fake_stream_body(up, body);
	fake_stream_end(up, NULL);
	fake_stream_free(up);
}

static void fill(void)
{
	struct authn_lookup l;

	ask_for_pod(&l, STR("u1"));
	int_is(l.state, AUTHN_LOOKUP_WANTED);
	reply(200, POD);
	int_is(l.state, AUTHN_LOOKUP_FOUND);
	authn_lookup_fini(&l);
}

static void test_found_for_a_while(void)
{
	struct authn_lookup l;

	begin();
	fill();
	int_is(told, 1);
	fake_proxy_pass(OBJECT_TTL_MS - 1);
	ask_for_pod(&l, STR("u1"));
	int_is(l.state, AUTHN_LOOKUP_FOUND);
	str_is(l.object->uid, STR("u1"));
	int_is(fake_client.opened, 1);
	int_is(told, 1);
	authn_lookup_fini(&l);
	fake_proxy_pass(1);
	fill();
	int_is(fake_client.opened, 2);
	fake_proxy_stop();
}

/* Who wants another uid, or any, is not answered from memory: the object may be a new one. */
static void test_another_uid_is_read_again(void)
{
	static const struct str wanted[] = { STR("u2"), STR("") };
	struct authn_lookup l;

	for (size_t i = 0; i < array_size(wanted); i++) {
		begin();
		fill();
		ask_for_pod(&l, wanted[i]);
		int_is(l.state, AUTHN_LOOKUP_WANTED);
		reply(200, "{\"metadata\":{\"uid\":\"u2\"}}");
		int_is(l.state, AUTHN_LOOKUP_FOUND);
		str_is(l.object->uid, STR("u2"));
		authn_lookup_fini(&l);
		fake_proxy_stop();
	}
}

static void test_what_is_not_found_is_forgotten(void)
{
	static const struct {
		int code;
		const char *body;
		enum authn_lookup_state state;
		const char *error;
	} cases[] = {
		{ 404, "{}", AUTHN_LOOKUP_MISSING, NULL },
		{ 403, "{}", AUTHN_LOOKUP_FAILED, "the API server answered 403" },
		{ 503, "", AUTHN_LOOKUP_FAILED, "the API server answered 503" },
		{ 200, "{}", AUTHN_LOOKUP_FAILED, "the API server's answer is not such an object" },
		{ 200, "[]", AUTHN_LOOKUP_FAILED, "the API server's answer is not such an object" },
		{ 200, "{", AUTHN_LOOKUP_FAILED, "the API server's answer is not such an object" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct authn_lookup l;

		begin();
		ask_for_pod(&l, STR("u1"));
		reply(cases[i].code, cases[i].body);
		int_is(l.state, cases[i].state);
		ok(!l.object);
		cstr_is(l.error, cases[i].error);
		authn_lookup_fini(&l);
		fill();
		int_is(fake_client.opened, 2);
		fake_proxy_stop();
	}
}

static void test_no_answer(void)
{
	struct authn_lookup l;

	begin();
	ask_for_pod(&l, STR("u1"));
	fake_client_fail(ERR_UNAVAILABLE, "nobody is there");
	fake_proxy_pass(0);
	int_is(l.state, AUTHN_LOOKUP_FAILED);
	cstr_is(l.error, "the API server cannot be reached: nobody is there");
	authn_lookup_fini(&l);
	fake_proxy_stop();
}

static void test_several_wait_for_one_read(void)
{
	struct authn_lookup l[3];

	begin();
	for (int i = 0; i < 3; i++)
		ask_for_pod(&l[i], STR("u1"));
	int_is(fake_client.opened, 1);
	source->cancel(source, &l[1]);
	reply(200, POD);
	int_is(told, 2);
	int_is(l[0].state, AUTHN_LOOKUP_FOUND);
	int_is(l[1].state, AUTHN_LOOKUP_WANTED);
	ok(l[2].object == l[0].object);
	for (int i = 0; i < 3; i++)
		authn_lookup_fini(&l[i]);
	fake_proxy_stop();
}

/* One that is told cancels another that waits, and asks anew. */
static struct authn_lookup first, second, third;

static void on_first(struct authn_lookup *l)
{
	(void)l;
	source->cancel(source, &second);
	third = ask_for(AUTHN_POD, STR("ns"), STR("p"), STR("u1"));
	source->start(source, &third);
}

static void test_who_is_told_may_do_anything(void)
{
	begin();
	first = ask_for(AUTHN_POD, STR("ns"), STR("p"), STR("u1"));
	first.done = on_first;
	source->start(source, &first);
	ask_for_pod(&second, STR("u1"));
	reply(404, "");
	int_is(first.state, AUTHN_LOOKUP_MISSING);
	int_is(second.state, AUTHN_LOOKUP_WANTED);
	int_is(told, 0);
	int_is(third.state, AUTHN_LOOKUP_WANTED);
	reply(200, POD);
	int_is(third.state, AUTHN_LOOKUP_FOUND);
	authn_lookup_fini(&third);
	fake_proxy_stop();
}

static void test_the_worker_ends_while_somebody_waits(void)
{
	struct authn_lookup l;

	begin();
	ask_for_pod(&l, STR("u1"));
	source->cancel(source, &l);
	fake_proxy_stop();
	int_is(told, 0);
	int_is(fake_client.cancelled, 1);
}

/* What no path can address is missing, and nobody is asked. */
static void test_names(void)
{
	static const char *const bad[] = {
		"", ".", "..", "../secrets/s", "a/b", "a%2fb", "A", "a b", "a?b", "a#b", "\xc3\xa4",
	};
	char long_name[300];
	struct authn_lookup l;

	begin();
	for (size_t i = 0; i < array_size(bad); i++) {
		tap_row(bad[i]);
		l = ask_for(AUTHN_POD, STR("ns"), str_from(bad[i]), STR("u"));
		source->start(source, &l);
		int_is(l.state, AUTHN_LOOKUP_MISSING);
		l = ask_for(AUTHN_POD, str_from(bad[i]), STR("p"), STR("u"));
		source->start(source, &l);
		int_is(l.state, AUTHN_LOOKUP_MISSING);
	}
	tap_row(NULL);
	memset(long_name, 'a', sizeof(long_name));
	l = ask_for(AUTHN_NODE, STR_NULL, str_make(long_name, 254), STR("u"));
	source->start(source, &l);
	int_is(l.state, AUTHN_LOOKUP_MISSING);
	int_is(fake_client.opened, 0);
	fake_proxy_stop();
}

static void test_paths(void)
{
	static const struct {
		enum authn_object_kind kind;
		const char *want;
	} cases[] = {
		{ AUTHN_SERVICE_ACCOUNT, "/api/v1/namespaces/ns/serviceaccounts/a-b.c1" },
		{ AUTHN_SECRET, "/api/v1/namespaces/ns/secrets/a-b.c1" },
		{ AUTHN_POD, "/api/v1/namespaces/ns/pods/a-b.c1" },
		{ AUTHN_NODE, "/api/v1/nodes/a-b.c1" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct strbuf path = STRBUF_INIT;

		ok(object_path(&path, cases[i].kind, STR("ns"), STR("a-b.c1")));
		str_is(strbuf_str(&path), str_from(cases[i].want));
		strbuf_fini(&path);
	}
}

/* What was found makes room, what is being read does not. */
static void test_bounded(void)
{
	static struct fake_stream *streams[OBJECT_SOURCE_MAX];
	struct authn_lookup l;
	char name[16];

	begin();
	fill();
	fake_client.answer = FAKE_AT_ONCE;
	for (int i = 0; i < OBJECT_SOURCE_MAX; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		l = ask_for(AUTHN_POD, STR("ns"), str_from(name), STR("u1"));
		source->start(source, &l);
		int_is(l.state, AUTHN_LOOKUP_WANTED);
		source->cancel(source, &l);
		streams[i] = fake_client.stream;
	}
	ask_for_pod(&l, STR("u1"));
	int_is(l.state, AUTHN_LOOKUP_FAILED);
	cstr_is(l.error, "too many objects are being looked up");
	authn_lookup_fini(&l);
	fake_proxy_stop();
	for (int i = 0; i < OBJECT_SOURCE_MAX; i++)
		fake_stream_free(streams[i]);
}

/* --- Manifests --- */

static void test_manifests(void)
{
	struct problems p = PROBLEMS_INIT;
	struct object_source *s;
	struct authn_lookup l;

	fake_files_start();
	begin();
	fake.options.cluster_state = fake_files_write("state.yaml",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: old}\n---\n"
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: u1}\n---\n"
		"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, uid: u2}\n---\n"
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: ns}\n");
	s = object_source_new(fake.worker);
	source = object_source_authn(s);
	ask_for_pod(&l, STR("u1"));
	int_is(l.state, AUTHN_LOOKUP_MISSING);
	snapshot_slot_publish(&fake.server.objects_slot, object_manifests_snapshot(
			      object_manifests_read(fake.options.cluster_state, &p)));
	ask_for_pod(&l, STR("u1"));
	int_is(l.state, AUTHN_LOOKUP_FOUND);
	str_is(l.object->uid, STR("u1"));
	authn_lookup_fini(&l);
	l = ask_for(AUTHN_SERVICE_ACCOUNT, STR("default"), STR("a"), STR("u2"));
	source->start(source, &l);
	int_is(l.state, AUTHN_LOOKUP_FOUND);
	authn_lookup_fini(&l);
	l = ask_for(AUTHN_SECRET, STR("ns"), STR("p"), STR("u1"));
	source->start(source, &l);
	int_is(l.state, AUTHN_LOOKUP_MISSING);
	int_is(fake_client.opened, 0);
	int_is(p.count, 0);
	object_source_free(s);
	fake_proxy_stop();
	snapshot_slot_fini(&fake.server.objects_slot);
	problems_fini(&p);
	fake_files_stop();
}

static void test_manifests_that_cannot_be_read(void)
{
	struct problems p = PROBLEMS_INIT;

	fake_files_start();
	ok(!object_manifests_read(fake_files_write("state.yaml",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: \"!\"}\n---\n"
		"apiVersion: v1\nkind: Pod\nmetadata: {name: Upper}\n"), &p));
	int_is(p.count, 2);
	ok(str_find_str(strbuf_str(&p.text),
			STR("--cluster-state: this Secret cannot be read")) > 0);
	ok(str_find_str(strbuf_str(&p.text), STR("--cluster-state: this Pod cannot be read")) > 0);
	problems_fini(&p);
	fake_files_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_found_for_a_while),
		TAP(test_another_uid_is_read_again),
		TAP(test_what_is_not_found_is_forgotten),
		TAP(test_no_answer),
		TAP(test_several_wait_for_one_read),
		TAP(test_who_is_told_may_do_anything),
		TAP(test_the_worker_ends_while_somebody_waits),
		TAP(test_names),
		TAP(test_paths),
		TAP(test_bounded),
		TAP(test_manifests),
		TAP(test_manifests_that_cannot_be_read),
		TAP_END
	};

	return tap_main(tests);
}
