/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/cluster_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "tests/fake_files.h"
#include "tests/proxy_fakes.h"

#define RBAC "/apis/rbac.authorization.k8s.io/v1/"
#define STREAMS_MAX 64

#define ROLE(name) \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"11\"},\"rules\":[{" \
	"\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}"
#define BINDING(name, user) \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"12\"},\"subjects\":[{" \
	"\"kind\":\"User\",\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"" user "\"}]," \
	"\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\"," \
	"\"name\":\"readers\"}}"

static const char *const plurals[] = {
	"clusterroles", "roles", "clusterrolebindings", "rolebindings",
};
static const struct user own = { .name = STR("system:kube-authproxy") };

static struct cluster_state *state;
static FILE *log_file;

/* ---- an upstream that gives a stream to everybody who asks ---- */

static struct upstream {
	struct http_client client;
	struct fake_stream *streams[STREAMS_MAX];	/* in the order of opening */
	size_t n;
} upstream;

static void on_open(struct http_client *c, enum http_client_class class, bool fresh,
		    const struct http_client_waiter *w, void *user,
		    struct http_client_ticket **ticket)
{
	struct fake_stream *f = fake_stream_new(NULL);

	ok(c == &upstream.client && class == HTTP_CLIENT_IDENTIFIED && !fresh);
	ok(upstream.n < STREAMS_MAX);
	upstream.streams[upstream.n++] = f;
	*ticket = NULL;
	w->on_open(user, &f->stream);
}

static void on_cancel(struct http_client *c, struct http_client_ticket *ticket)
{
	(void)c;
	ok(!ticket);
}

/* The open list or watch of a resource, or NULL. */
static struct fake_stream *find(const char *plural, bool watch)
{
	char start[100];

	snprintf(start, sizeof(start), RBAC "%s?", plural);
	for (size_t i = upstream.n; i--;) {
		struct fake_stream *f = upstream.streams[i];
		struct str target = f->head.target;

		if (!f->released && str_has_prefix(target, str_from(start)) &&
		    (str_find_str(target, STR("watch=")) >= 0) == watch)
			return f;
	}
	return NULL;
}

static void answer_list(const char *plural, const char *items)
{
	struct fake_stream *f = find(plural, false);
	struct strbuf b = STRBUF_INIT;

	if (!ok(f != NULL))
		return;
	strbuf_addf(&b, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[%s]}", items);
	fake_stream_head(f, 200, "Content-Type: application/json\n", false);
	fake_stream_body(f, b.p);
	fake_stream_end(f, NULL);
	strbuf_fini(&b);
	fake_proxy_pass(0);
}

static void event(const char *plural, const char *type, const char *object)
{
	struct fake_stream *f = find(plural, true);
	struct strbuf b = STRBUF_INIT;

	if (!ok(f != NULL))
		return;
	strbuf_addf(&b, "{\"type\":\"%s\",\"object\":%s}\n", type, object);
	if (!f->delivered)
		fake_stream_head(f, 200, "Content-Type: application/json\n", false);
	fake_stream_body(f, b.p);
	strbuf_fini(&b);
}

/* ---- the world ---- */

static void start(enum authorization_mode mode)
{
	fake_proxy_start();
	fake.options.modes[0] = mode;
	log_file = fopen("/dev/null", "w");
	log_set_file(log_file);
	snapshot_slot_publish(&fake.server.policy_slot,
			      &cluster_state_empty_policy(&fake.options, NULL)->snapshot);
	upstream = (struct upstream){ .client = {
		.open = on_open, .cancel = on_cancel, .loop = fake.worker->loop } };
	state = cluster_state_new(&fake.server, fake.worker->loop, &upstream.client, &own);
	fake_proxy_pass(0);
}

static void stop(void)
{
	cluster_state_free(state);
	for (size_t i = 0; i < upstream.n; i++)
		fake_stream_free(upstream.streams[i]);
	fake_proxy_pass(10);
	fake_proxy_stop();
	log_set_file(NULL);
	fclose(log_file);
}

static enum authz_decision ask(const char *name, const char *group, const char *verb)
{
	struct str groups[] = { str_from(group) };
	struct user u = { .name = str_from(name), .groups = groups, .group_count = 1 };
	struct attributes a = {
		.user = &u, .verb = str_from(verb), .is_resource = true,
		.resource = STR("pods"), .api_version = STR("v1"), .namespace = STR("n"),
	};
	struct authz_request r = { .policy = worker_policy(fake.worker), .attributes = &a };
	enum authz_decision d;
	struct arena arena;

	arena_init(&arena);
	r.arena = &arena;
	d = authz_chain_run(&r);
	arena_fini(&arena);
	return d;
}

static bool may_read(const char *name)
{
	return ask(name, "g", "get") == AUTHZ_ALLOW;
}

static bool is_ready(void)
{
	return atomic_load(&fake.server.health.good[HEALTH_CLUSTER_STATE]);
}

/* Synced: tom may read pods, and the watches are open. */
static void start_synced(void)
{
	start(MODE_RBAC);
	answer_list("clusterroles", ROLE("readers"));
	answer_list("roles", "");
	answer_list("clusterrolebindings", BINDING("b", "tom"));
	answer_list("rolebindings", "");
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(is_ready() && may_read("tom"));
}

/* ---- from the upstream ---- */

static void test_requests(void)
{
	start(MODE_RBAC);
	int_is(upstream.n, array_size(plurals));
	for (size_t i = 0; i < array_size(plurals); i++) {
		struct fake_stream *f = find(plurals[i], false);

		if (!ok(f != NULL))
			continue;
		str_is(f->head.method, STR("GET"));
		str_is(fake_field(f, "X-Remote-User"), own.name);
		str_is(fake_field(f, "Host"), STR("kube-apiserver"));
	}
	stop();
}

/* Half of the objects would be another policy: nothing is published before all lists are there. */
static void test_first_sync(void)
{
	start(MODE_RBAC);
	answer_list("clusterroles", ROLE("readers"));
	answer_list("clusterrolebindings", BINDING("b", "tom"));
	answer_list("roles", "");
	fake_proxy_pass(10 * POLICY_PAUSE_MIN_MS);
	ok(!is_ready() && !may_read("tom"));
	answer_list("rolebindings", "");
	ok(!is_ready());
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(is_ready());
	ok(may_read("tom") && !may_read("eve"));
	int_is(ask("tom", "g", "delete"), AUTHZ_NO_OPINION);
	stop();
}

static void test_changes_are_coalesced(void)
{
	int64_t builds;

	start_synced();
	builds = metric_value(METRIC_POLICY_BUILDS);
	event("clusterrolebindings", "ADDED", BINDING("c", "eve"));
	event("clusterrolebindings", "ADDED", BINDING("d", "joe"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS - 1);
	ok(!may_read("eve"));
	/* Another change does not put it off. */
	event("clusterroles", "MODIFIED", ROLE("readers"));
	fake_proxy_pass(1);
	ok(may_read("tom") && may_read("eve") && may_read("joe"));
	int_is(metric_value(METRIC_POLICY_BUILDS) - builds, 1);
	/* Nothing changes, nothing is built. */
	fake_proxy_pass(POLICY_PAUSE_MAX_MS);
	int_is(metric_value(METRIC_POLICY_BUILDS) - builds, 1);
	stop();
}

static void test_taking_away(void)
{
	start_synced();
	event("clusterrolebindings", "DELETED", BINDING("b", "tom"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(!may_read("tom"));
	event("clusterrolebindings", "ADDED", BINDING("b", "tom"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(may_read("tom"));
	event("clusterrolebindings", "MODIFIED", BINDING("b", "eve"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(!may_read("tom") && may_read("eve"));
	/* The role goes, the binding stays. */
	event("clusterroles", "DELETED", ROLE("readers"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(!may_read("eve"));
	stop();
}

/* An event that cannot be read is not the end of those that can. */
static void test_broken_event(void)
{
	start_synced();
	event("clusterrolebindings", "ADDED",
	      "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"13\"},\"subjects\":7}");
	event("clusterrolebindings", "ADDED", BINDING("c", "eve"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(may_read("tom") && may_read("eve"));
	stop();
}

/* What an object is now cannot be told: what it gave before is over. */
static void test_broken_change(void)
{
	start_synced();
	event("clusterrolebindings", "ADDED", BINDING("c", "eve"));
	event("clusterrolebindings", "MODIFIED",
	      "{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"13\"},\"subjects\":7}");
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(!may_read("tom") && may_read("eve"));
	event("clusterrolebindings", "MODIFIED", BINDING("b", "tom"));
	event("clusterroles", "MODIFIED", "{\"metadata\":{\"name\":\"readers\","
	      "\"resourceVersion\":\"14\"},\"rules\":7}");
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(!may_read("tom") && !may_read("eve"));
	stop();
}

/* Not even whose change it was can be told: a list tells what is left. */
static void test_nameless_change(void)
{
	static const char *const types[] = { "MODIFIED", "DELETED" };

	for (size_t i = 0; i < array_size(types); i++) {
		tap_row(types[i]);
		start_synced();
		event("clusterrolebindings", types[i],
		      "{\"metadata\":{\"resourceVersion\":\"13\"}}");
		fake_proxy_pass(0);
		answer_list("clusterrolebindings", BINDING("c", "eve"));
		fake_proxy_pass(POLICY_PAUSE_MIN_MS);
		ok(!may_read("tom") && may_read("eve"));
		stop();
	}
	tap_row(NULL);
}

/* The watch is too old: everything is listed again. */
static void relist(void)
{
	struct fake_stream *f = find("clusterrolebindings", true);

	if (ok(f != NULL))
		fake_stream_head(f, 410, "Content-Type: application/json\n", true);
	fake_proxy_pass(0);
}

static void test_relist(void)
{
	start_synced();
	relist();
	ok(may_read("tom"));
	answer_list("clusterrolebindings", BINDING("c", "eve"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(may_read("eve") && !may_read("tom"));
	ok(is_ready());
	stop();
}

/* A list that breaks off takes nothing away, whatever else changes meanwhile. */
static void test_relist_that_breaks(void)
{
	struct fake_stream *f;

	start_synced();
	relist();
	f = find("clusterrolebindings", false);
	fake_stream_head(f, 200, "Content-Type: application/json\n", false);
	fake_stream_body(f, "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[");
	fake_stream_closed(f, ERR_RESET);
	event("clusterroles", "MODIFIED", ROLE("readers"));
	fake_proxy_pass(POLICY_PAUSE_MIN_MS);
	ok(may_read("tom") && is_ready());
	stop();
}

static void test_free_with_a_change_pending(void)
{
	start_synced();
	event("clusterrolebindings", "DELETED", BINDING("b", "tom"));
	cluster_state_free(state);
	state = NULL;
	fake_proxy_pass(POLICY_PAUSE_MAX_MS);
	ok(may_read("tom"));
	stop();
}

/* Manifests are not read again by a signal when the upstream is the source. */
static void test_reload_without_manifests(void)
{
	int64_t reloads = metric_value(METRIC_RELOADS);
	int64_t failures = metric_value(METRIC_RELOAD_FAILURES);

	start_synced();
	cluster_state_reload(state);
	int_is(metric_value(METRIC_RELOADS), reloads);
	int_is(metric_value(METRIC_RELOAD_FAILURES), failures);
	ok(may_read("tom"));
	stop();
}

/* ---- modes and manifests ---- */

static void test_modes_that_read_nothing(void)
{
	start(MODE_ALWAYS_DENY);
	int_is(upstream.n, 0);
	ok(is_ready());
	stop();
}

static void test_empty_policy(void)
{
	start(MODE_RBAC);
	int_is(ask("tom", "system:authenticated", "get"), AUTHZ_NO_OPINION);
	int_is(ask("root", "system:masters", "get"), AUTHZ_ALLOW);
	stop();
}

#define YAML_RBAC "apiVersion: rbac.authorization.k8s.io/v1\n"
#define YAML_ROLE \
	YAML_RBAC "kind: ClusterRole\nmetadata: {name: readers}\n" \
	"rules: [{verbs: [get], apiGroups: [\"\"], resources: [pods]}]\n"
#define YAML_BINDING(user) \
	"---\n" YAML_RBAC "kind: ClusterRoleBinding\nmetadata: {name: b}\n" \
	"subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: " user "}]\n" \
	"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: readers}\n"

static void test_manifests(void)
{
	struct problems p = PROBLEMS_INIT;
	struct authz_policy *policy;
	int64_t failures = metric_value(METRIC_RELOAD_FAILURES);
	struct options with_manifests;

	fake_files_start();
	start(MODE_RBAC);
	cluster_state_free(state);
	with_manifests = fake.options;
	with_manifests.cluster_state = fake_files_write("state.yaml",
							YAML_ROLE YAML_BINDING("tom"));
	fake.server.options = &with_manifests;
	policy = cluster_state_from_manifests(&with_manifests, NULL, &p);
	int_is(p.count, 0);
	snapshot_slot_publish(&fake.server.policy_slot, &policy->snapshot);
	ok(may_read("tom"));
	state = cluster_state_new(&fake.server, fake.worker->loop, &upstream.client, &own);
	ok(is_ready());
	fake_files_write("state.yaml", YAML_ROLE YAML_BINDING("eve"));
	cluster_state_reload(state);
	ok(may_read("eve") && !may_read("tom"));
	/* What is wrong anywhere changes nothing, not even to the better. */
	fake_files_write("state.yaml", YAML_ROLE YAML_BINDING("joe") "---\nkind: [\n");
	cluster_state_reload(state);
	ok(may_read("eve") && !may_read("joe"));
	fake_files_write("state.yaml", YAML_ROLE YAML_BINDING("[]"));
	cluster_state_reload(state);
	ok(may_read("eve"));
	fake_files_remove("state.yaml");
	cluster_state_reload(state);
	ok(may_read("eve"));
	int_is(metric_value(METRIC_RELOAD_FAILURES) - failures, 3);
	ok(!cluster_state_from_manifests(&with_manifests, NULL, &p));
	ok(p.count > 0);
	problems_fini(&p);
	stop();
	fake_files_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_requests),
		TAP(test_first_sync),
		TAP(test_changes_are_coalesced),
		TAP(test_taking_away),
		TAP(test_broken_event),
		TAP(test_broken_change),
		TAP(test_nameless_change),
		TAP(test_relist),
		TAP(test_relist_that_breaks),
		TAP(test_free_with_a_change_pending),
		TAP(test_reload_without_manifests),
		TAP(test_modes_that_read_nothing),
		TAP(test_empty_policy),
		TAP(test_manifests),
		TAP_END
	};

	return tap_main(tests);
}
