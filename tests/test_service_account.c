/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "authn/authn.h"
#include "authn/authn_config.h"
#include "authn/service_account.h"
#include "authn/token_cache.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tests/token_maker.h"

#define US INT64_C(1000000)
#define NOW_S 1700000000
#define ISS "\"iss\":\"https://k\""
#define SA "\"serviceaccount\":{\"name\":\"app\",\"uid\":\"sa-uid\"}"
#define K8S(more) "\"kubernetes.io\":{\"namespace\":\"ns\"," SA more "}"
#define GOOD ISS "," K8S("")
#define LEGACY "\"kubernetes.io/serviceaccount/"

/* --- The cluster --- */

/* Objects of the namespace ns; what is not here is missing. */
static struct {
	const char *account, *secret, *pod, *node;	/* JSON */
	bool later;		/* answers come with answer_all */
	const char *error;	/* every lookup fails */
	struct authn_lookup *waiting[8];
	size_t n;
	int asked, cancelled;
} cluster;

static const char *json_of(const struct authn_lookup *l)
{
	if (l->kind == AUTHN_NODE)
		return str_eq(l->name, STR("n")) && !l->namespace.n ? cluster.node : NULL;
	if (!str_eq(l->namespace, STR("ns")))
		return NULL;
	switch (l->kind) {
	case AUTHN_SERVICE_ACCOUNT:
		return str_eq(l->name, STR("app")) ? cluster.account : NULL;
	case AUTHN_SECRET:
		return str_eq(l->name, STR("s")) ? cluster.secret : NULL;
	case AUTHN_POD:
		return str_eq(l->name, STR("p")) ? cluster.pod : NULL;
	case AUTHN_NODE:
		break;
	}
	return NULL;
}

static void answer(struct authn_lookup *l)
{
	const char *text = json_of(l);
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	l->state = AUTHN_LOOKUP_MISSING;
	if (cluster.error) {
		l->state = AUTHN_LOOKUP_FAILED;
		l->error = xstrdup(cluster.error);
	} else if (text) {
		l->object = authn_object_read(l->kind, json);
		l->state = l->object ? AUTHN_LOOKUP_FOUND : AUTHN_LOOKUP_FAILED;
	}
	json_decref(json);
}

static void start(struct authn_source *s, struct authn_lookup *l)
{
	(void)s;
	cluster.asked++;
	if (cluster.later)
		cluster.waiting[cluster.n++] = l;
	else
		answer(l);
}

static void cancel(struct authn_source *s, struct authn_lookup *l)
{
	(void)s;
	ok(l->state == AUTHN_LOOKUP_WANTED);
	cluster.cancelled++;
}

static struct authn_source source = { start, cancel };

static void answer_all(void)
{
	for (size_t i = 0; i < cluster.n; i++) {
		answer(cluster.waiting[i]);
		cluster.waiting[i]->done(cluster.waiting[i]);
	}
	cluster.n = 0;
}

#define META(uid) "{\"metadata\":{\"uid\":\"" uid "\"}}"

static void fill_cluster(void)
{
	memset(&cluster, 0, sizeof(cluster));
	cluster.account = META("sa-uid");
	cluster.secret = META("s-uid");
	cluster.pod = META("p-uid");
	cluster.node = META("n-uid");
}

/* --- A request --- */

static EVP_PKEY *key, *second, *stranger;
static struct clock_fake fake;
static struct authn_config config;
static struct option_list issuers, audiences;
static bool with_source = true;

static void add_keys(struct service_accounts *s, EVP_PKEY *k)
{
	struct problems p = PROBLEMS_INIT;
	char *pem = token_public_pem(k);

	service_accounts_add_keys(s, "sa.pub", str_from(pem), &p);
	int_is(p.count, 0);
	problems_fini(&p);
	free(pem);
}

static void configure(bool lookup)
{
	service_accounts_free(config.service_accounts);
	config.service_accounts = service_accounts_new(&issuers, &audiences, lookup);
	config.generation++;
	add_keys(config.service_accounts, key);
	add_keys(config.service_accounts, second);
}

struct world {
	struct arena arena;
	struct authn_request r;
	int resumed;
};

static void on_resume(void *arg)
{
	struct world *w = arg;

	w->resumed++;
}

static void world_init(struct world *w, struct token_cache *cache)
{
	*w = (struct world){ .resumed = 0 };
	arena_init(&w->arena);
	authn_request_init(&w->r, &config, &w->arena);
	w->r.clock = &fake.clock;
	w->r.source = with_source ? &source : NULL;
	w->r.tokens = cache;
	w->r.resume = on_resume;
	w->r.resume_arg = w;
}

static void world_fini(struct world *w)
{
	authn_request_fini(&w->r);
	arena_fini(&w->arena);
}

static void describe(const struct user *u, struct strbuf *out)
{
	strbuf_addf(out, "%.*s %.*s", STR_ARG(u->name), STR_ARG(u->uid));
	for (size_t i = 0; i < u->group_count; i++)
		strbuf_addf(out, " %.*s", STR_ARG(u->groups[i]));
	for (size_t i = 0; i < u->extra_count; i++)
		strbuf_addf(out, " %.*s=%.*s", STR_ARG(u->extra[i].key),
			    STR_ARG(u->extra[i].values[0]));
}

/* The user, the errors (one after the other), "-" or "...". */
static void outcome(struct world *w, enum authn_result result, struct strbuf *out)
{
	switch (result) {
	case AUTHN_ACCEPT:
		describe(&w->r.user, out);
		break;
	case AUTHN_ERROR:
		for (size_t i = 0; i < w->r.errors.n; i++)
			strbuf_add_char(out, w->r.errors.p[i] ? w->r.errors.p[i] : ';');
		break;
	case AUTHN_NONE:
		strbuf_add_char(out, '-');
		break;
	case AUTHN_PENDING:
		strbuf_add_cstr(out, "...");
		break;
	}
}

static void token_gives(const char *token, const char *want)
{
	struct strbuf got = STRBUF_INIT;
	struct world w;

	world_init(&w, NULL);
	outcome(&w, service_account_authenticate(&w.r, str_from(token)), &got);
	str_is(strbuf_str(&got), str_from(want));
	strbuf_fini(&got);
	world_fini(&w);
}

static char *token_of(const char *claims)
{
	struct strbuf text = STRBUF_INIT;
	char *token;

	strbuf_addf(&text, "{%s}", claims);
	token = token_make(key, "ES256", text.p);
	strbuf_fini(&text);
	return token;
}

static void claims_give(const char *claims, const char *want)
{
	char *token = token_of(claims);

	token_gives(token, want);
	free(token);
}

static void begin(void)
{
	if (!key) {
		key = token_key("P-256");
		second = token_key("P-256");
		stranger = token_key("P-256");
		option_list_add(&issuers, STR("https://k"));
		option_list_add(&issuers, STR("https://old"));
	}
	clock_fake_init(&fake, 1, NOW_S * US);
	with_source = true;
	option_list_fini(&audiences);
	fill_cluster();
	configure(true);
}

#define USER "system:serviceaccount:ns:app sa-uid system:serviceaccounts system:serviceaccounts:ns"
#define EXTRA(key, value) " authentication.kubernetes.io/" key "=" value

/* --- Cases --- */

struct claims_case {
	const char *label, *claims, *want;
};

static void run_cases(const struct claims_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tap_row(cases[i].label);
		claims_give(cases[i].claims, cases[i].want);
	}
	tap_row(NULL);
}

static void test_users(void)
{
	static const struct claims_case cases[] = {
		{ "plain", GOOD, USER },
		{ "second issuer", "\"iss\":\"https://old\"," K8S(""), USER },
		{ "another subject does not count", GOOD ",\"sub\":\"root\"", USER },
		{ "id", GOOD ",\"jti\":\"j1\"", USER EXTRA("credential-id", "JTI=j1") },
		{ "empty id", GOOD ",\"jti\":\"\"", USER },
		{ "pod", ISS "," K8S(",\"pod\":{\"name\":\"p\",\"uid\":\"p-uid\"}"),
		  USER EXTRA("pod-name", "p") EXTRA("pod-uid", "p-uid") },
		{ "pod and node, which is only copied", ISS "," K8S(
		  ",\"pod\":{\"name\":\"p\",\"uid\":\"p-uid\"},\"node\":{\"name\":\"gone\","
		  "\"uid\":\"x\"}"), USER EXTRA("pod-name", "p") EXTRA("pod-uid", "p-uid")
		  EXTRA("node-name", "gone") EXTRA("node-uid", "x") },
		{ "node", ISS "," K8S(",\"node\":{\"name\":\"n\",\"uid\":\"n-uid\"}"),
		  USER EXTRA("node-name", "n") EXTRA("node-uid", "n-uid") },
		{ "secret", ISS "," K8S(",\"secret\":{\"name\":\"s\",\"uid\":\"s-uid\"}"), USER },
		{ "null claims", ISS "," K8S(",\"pod\":null,\"warnafter\":null") ",\"exp\":null",
		  USER },
		{ "warnafter in the past", ISS "," K8S(",\"warnafter\":1"), USER },
	};

	begin();
	run_cases(cases, array_size(cases));
}

static void test_not_ours(void)
{
	static const struct claims_case cases[] = {
		{ "another issuer", "\"iss\":\"https://other\"," K8S(""), "-" },
		{ "no issuer", K8S(""), "-" },
		{ "issuer by case", "\"ISS\":\"https://k\"," K8S(""), "-" },
		{ "issuer of another type", "\"iss\":7," K8S(""), "-" },
		{ "issuer with a slash", "\"iss\":\"https://k/\"," K8S(""), "-" },
	};

	begin();
	run_cases(cases, array_size(cases));
	token_gives("", "-");
	token_gives("opaque", "-");
	token_gives("a.b.c", "-");
	service_accounts_free(config.service_accounts);
	config.service_accounts = NULL;
	claims_give(GOOD, "-");
}

static void test_claims_of_the_wrong_type(void)
{
	static const char *const claims[] = {
		ISS ",\"kubernetes.io\":7", ISS ",\"kubernetes.io\":{\"namespace\":7," SA "}",
		ISS ",\"kubernetes.io\":{\"namespace\":\"ns\",\"serviceaccount\":\"app\"}",
		ISS "," K8S(",\"pod\":[]"), ISS "," K8S(",\"node\":{\"name\":1}"),
		ISS "," K8S(",\"secret\":true"), ISS "," K8S(",\"warnafter\":\"1\""),
		GOOD ",\"exp\":\"1\"", GOOD ",\"nbf\":[]", GOOD ",\"iat\":{}", GOOD ",\"aud\":7",
		GOOD ",\"aud\":[7]", GOOD ",\"jti\":7", GOOD ",\"sub\":7",
		ISS ",\"kubernetes.io\":{\"namespace\":\"ns\",\"serviceaccount\":"
		"{\"name\":\"app\\u0000x\",\"uid\":\"sa-uid\"}}",
	};

	begin();
	for (size_t i = 0; i < array_size(claims); i++) {
		tap_row(claims[i]);
		claims_give(claims[i], "service account token has claims of the wrong type;");
	}
	tap_row(NULL);
}

/* The leeway of a minute on both sides. */
static void test_times(void)
{
	static const struct {
		const char *claim;
		int64_t at;		/* seconds from now */
		const char *want;
	} cases[] = {
		{ "exp", -60, USER }, { "exp", 5, USER },
		{ "exp", -61, "service account token has expired;" },
		{ "exp", -NOW_S, "service account token has expired;" },
		{ "nbf", 60, USER }, { "nbf", -5, USER },
		{ "nbf", 61, "service account token is not valid yet;" },
		{ "iat", 60, USER },
		{ "iat", 61, "service account token is issued in the future;" },
	};

	begin();
	for (size_t i = 0; i < array_size(cases); i++) {
		char claims[256];

		tap_row(cases[i].claim);
		snprintf(claims, sizeof(claims), GOOD ",\"%s\":%lld", cases[i].claim,
			 (long long)(NOW_S + cases[i].at));
		claims_give(claims, cases[i].want);
	}
	tap_row("a microsecond more");
	fake.wall_us += 1;
	claims_give(GOOD ",\"exp\":1699999940", "service account token has expired;");
	tap_row(NULL);
}

static void test_audiences(void)
{
	static const struct claims_case of_issuers[] = {
		{ "none", GOOD ",\"aud\":[]", USER },
		{ "one", GOOD ",\"aud\":\"https://k\"", USER },
		{ "of the second issuer", GOOD ",\"aud\":[\"x\",\"https://old\"]", USER },
		{ "other", GOOD ",\"aud\":[\"a\",\"b\"]", "token audiences [\"a\" \"b\"] is "
		  "invalid for the target audiences [\"https://k\" \"https://old\"];" },
	};
	static const struct claims_case of_flag[] = {
		{ "the flag's", GOOD ",\"aud\":\"api\"", USER },
		{ "the issuer is none now", GOOD ",\"aud\":\"https://k\"", "token audiences "
		  "[\"https://k\"] is invalid for the target audiences [\"api\"];" },
		{ "none", GOOD, USER },
	};

	begin();
	run_cases(of_issuers, array_size(of_issuers));
	option_list_add(&audiences, STR("api"));
	configure(true);
	run_cases(of_flag, array_size(of_flag));
}

static void test_keys(void)
{
	char *token;

	begin();
	token = token_make(second, "ES256", "{" GOOD "}");
	token_gives(token, USER);
	free(token);
	token = token_make(stranger, "ES256", "{" GOOD "}");
	token_gives(token, "go-jose/go-jose: error in cryptographic primitive;");
	free(token);
	token = token_sign(key, "ES256", "{\"alg\":\"ES256\",\"kid\":\"x\"}", "{" GOOD "}");
	token_gives(token, "invalid signature, no keys found;");
	free(token);
	token = token_sign(key, "HS256", "{\"alg\":\"HS256\"}", "{" GOOD "}");
	token_gives(token, "-");
	free(token);
}

static void test_key_file_without_keys(void)
{
	struct service_accounts *s = service_accounts_new(&issuers, NULL, true);
	struct problems p = PROBLEMS_INIT;

	service_accounts_add_keys(s, "sa.pub", STR("nothing"), &p);
	str_is(strbuf_str(&p.text), STR("sa.pub: --service-account-key-file: data does not contain "
					"any valid RSA or ECDSA public keys\n"));
	problems_fini(&p);
	service_accounts_free(s);
}

/* --- What it is bound to --- */

#define INVALIDATED "service account token has been invalidated;"
#define GONE_LONG "{\"metadata\":{\"uid\":\"%s\"," \
	"\"deletionTimestamp\":\"2023-11-14T22:12:19Z\"}}"
#define GONE_NOW "{\"metadata\":{\"uid\":\"sa-uid\"," \
	"\"deletionTimestamp\":\"2023-11-14T22:12:20Z\"}}"

/* NOW_S is 2023-11-14T22:13:20Z. */
static void try_object(const char **slot, const char *uid, const char *claims,
		       const char *missing, const char *other_uid, const char *deleted)
{
	char text[128];

	*slot = NULL;
	claims_give(claims, missing);
	*slot = META("other");
	claims_give(claims, other_uid);
	snprintf(text, sizeof(text), GONE_LONG, uid);
	*slot = text;
	claims_give(claims, deleted);
	fill_cluster();
}

static void test_service_account_is_gone(void)
{
	begin();
	try_object(&cluster.account, "sa-uid", GOOD, "serviceaccounts \"app\" not found;",
		   "service account UID (other) does not match claim (sa-uid);",
		   "service account ns/app has been deleted;");
	/* The leeway is for deletions, too. */
	cluster.account = GONE_NOW;
	claims_give(GOOD, USER);
}

static void test_bound_objects_are_gone(void)
{
	begin();
	try_object(&cluster.pod, "p-uid",
		   ISS "," K8S(",\"pod\":{\"name\":\"p\",\"uid\":\"p-uid\"}"), INVALIDATED,
		   "pod UID (other) does not match service account pod ref claim "
		   "(p-uid);", INVALIDATED);
	try_object(&cluster.node, "n-uid",
		   ISS "," K8S(",\"node\":{\"name\":\"n\",\"uid\":\"n-uid\"}"), INVALIDATED,
		   "node UID (other) does not match service account node ref claim (n-uid);",
		   INVALIDATED);
	try_object(&cluster.secret, "s-uid",
		   ISS "," K8S(",\"secret\":{\"name\":\"s\",\"uid\":\"s-uid\"}"), INVALIDATED,
		   "secret UID (other) does not match service account secret ref claim (s-uid);",
		   INVALIDATED);
}

/* --service-account-lookup concerns legacy tokens only. */
static void test_bound_tokens_are_always_looked_up(void)
{
	begin();
	configure(false);
	cluster.account = NULL;
	claims_give(GOOD, "serviceaccounts \"app\" not found;");
}

static void test_lookups_that_fail(void)
{
	begin();
	cluster.error = "the API server answered 503";
	claims_give(GOOD, "service account ns/app cannot be looked up: the API server answered "
		    "503;");
	with_source = false;
	claims_give(GOOD, "service account ns/app cannot be looked up: there is nothing to look it "
		    "up in;");
}

/* --- Legacy tokens --- */

#define LEGACY_BUT(sub, ns, secret, name, uid) \
	"\"iss\":\"kubernetes/serviceaccount\"" sub ns secret name uid
#define L_SUB ",\"sub\":\"system:serviceaccount:ns:app\""
#define L_NS "," LEGACY "namespace\":\"ns\""
#define L_SECRET "," LEGACY "secret.name\":\"s\""
#define L_NAME "," LEGACY "service-account.name\":\"app\""
#define L_UID "," LEGACY "service-account.uid\":\"sa-uid\""
#define LEGACY_GOOD LEGACY_BUT(L_SUB, L_NS, L_SECRET, L_NAME, L_UID)

/* The Secret that has this token, and more members before its data. */
static char *secret_of(const char *token, const char *metadata)
{
	struct strbuf text = STRBUF_INIT;
	size_t n = strlen(token);
	unsigned char *encoded = xmalloc(4 * ((n + 2) / 3) + 1);

	EVP_EncodeBlock(encoded, (const unsigned char *)token, (int)n);
	strbuf_addf(&text, "{\"metadata\":{\"uid\":\"s-uid\"%s},\"data\":{\"token\":\"%s\"}}",
		    metadata, encoded);
	free(encoded);
	return strbuf_detach(&text);
}

static void test_legacy_claims(void)
{
	static const struct claims_case cases[] = {
		{ "good", LEGACY_GOOD, USER },
		{ "expiry does not count", LEGACY_GOOD ",\"exp\":1", USER },
		{ "no sub", LEGACY_BUT("", L_NS, L_SECRET, L_NAME, L_UID),
		  "sub claim is missing;" },
		{ "no namespace", LEGACY_BUT(L_SUB, "", L_SECRET, L_NAME, L_UID),
		  "namespace claim is missing;" },
		{ "no secret", LEGACY_BUT(L_SUB, L_NS, "", L_NAME, L_UID),
		  "secretName claim is missing;" },
		{ "no name", LEGACY_BUT(L_SUB, L_NS, L_SECRET, "", L_UID),
		  "serviceAccountName claim is missing;" },
		{ "no uid", LEGACY_BUT(L_SUB, L_NS, L_SECRET, L_NAME, ""),
		  "serviceAccountUID claim is missing;" },
		{ "another sub", LEGACY_BUT(",\"sub\":\"system:serviceaccount:ns:other\"", L_NS,
					    L_SECRET, L_NAME, L_UID), "sub claim is invalid;" },
		{ "sub of one part more", LEGACY_BUT(",\"sub\":\"system:serviceaccount:ns:app:x\"",
						     L_NS, L_SECRET, L_NAME, L_UID),
		  "sub claim is invalid;" },
		{ "no prefix", LEGACY_BUT(",\"sub\":\"ns:app\"", L_NS, L_SECRET, L_NAME, L_UID),
		  "sub claim is invalid;" },
		{ "audience", LEGACY_GOOD ",\"aud\":\"x\"", "token audiences [\"x\"] is invalid "
		  "for the target audiences [\"https://k\" \"https://old\"];" },
	};

	begin();
	configure(false);
	cluster.account = cluster.secret = NULL;
	run_cases(cases, array_size(cases));
	int_is(cluster.asked, 0);
}

static void with_secret(char *token, const char *in_secret, const char *metadata,
			const char *want)
{
	char *secret = secret_of(in_secret, metadata);

	cluster.secret = secret;
	token_gives(token, want);
	free(secret);
	cluster.secret = NULL;
}

static void test_legacy_secret(void)
{
	char *token;

	begin();
	token = token_of(LEGACY_GOOD);
	with_secret(token, token, "", USER);
	with_secret(token, "another", "", "token does not match server's copy;");
	with_secret(token, token, ",\"deletionTimestamp\":\"2023-11-14T22:13:20Z\"",
		    "token has been invalidated;");
	with_secret(token, token, ",\"labels\":{\"kubernetes.io/legacy-token-invalid-since\":"
		    "\"2023-01-01\"}", "the token in secret ns/s for service account ns/app has "
		    "been marked invalid. Use tokens from the TokenRequest API or manually created "
		    "secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' "
		    "label from the secret to temporarily allow use of this token;");
	token_gives(token, "token has been invalidated;");
	cluster.account = NULL;
	with_secret(token, token, "", "serviceaccounts \"app\" not found;");
	cluster.account = META("other");
	with_secret(token, token, "",
		    "ServiceAccount UID (other) does not match claim (sa-uid);");
	cluster.account = "{\"metadata\":{\"uid\":\"sa-uid\",\"deletionTimestamp\":"
			  "\"2023-11-14T22:13:20Z\"}}";
	with_secret(token, token, "", "service account ns/app has been deleted;");
	free(token);
}

static void test_legacy_warning(void)
{
	char *token, *secret;
	struct world w;

	begin();
	token = token_of(LEGACY_GOOD);
	secret = secret_of(token, "");
	cluster.secret = secret;
	cluster.account = "{\"metadata\":{\"uid\":\"sa-uid\"},\"secrets\":[{\"name\":\"s2\"},"
			  "{\"name\":\"s\"}]}";
	world_init(&w, NULL);
	int_is(service_account_authenticate(&w.r, str_from(token)), AUTHN_ACCEPT);
	str_is(w.r.warning, STR("299 - \"Use tokens from the TokenRequest API or manually created "
				"secret-based tokens instead of auto-generated secret-based "
				"tokens.\""));
	world_fini(&w);
	cluster.account = "{\"metadata\":{\"uid\":\"sa-uid\"},\"secrets\":[{\"name\":\"s2\"}]}";
	world_init(&w, NULL);
	int_is(service_account_authenticate(&w.r, str_from(token)), AUTHN_ACCEPT);
	int_is(w.r.warning.n, 0);
	world_fini(&w);
	free(secret);
	free(token);
}

/* The legacy issuer may be configured as an issuer of bound tokens, too. */
static void test_one_issuer_of_both_forms(void)
{
	begin();
	option_list_add(&issuers, STR("kubernetes/serviceaccount"));
	claims_give("\"iss\":\"kubernetes/serviceaccount\"," K8S(""), USER);
	cluster.account = NULL;
	claims_give("\"iss\":\"kubernetes/serviceaccount\"," K8S(""), "sub claim is missing;"
		    "serviceaccounts \"app\" not found;");
	free(issuers.v[--issuers.n]);
}

/* --- Waiting --- */

#define POD_CLAIMS ISS "," K8S(",\"pod\":{\"name\":\"p\",\"uid\":\"p-uid\"}")

static void test_waiting(void)
{
	struct strbuf got = STRBUF_INIT;
	struct world w;
	char *token;

	begin();
	token = token_of(POD_CLAIMS);
	cluster.later = true;
	world_init(&w, NULL);
	int_is(service_account_authenticate(&w.r, str_from(token)), AUTHN_PENDING);
	int_is(cluster.asked, 2);
	int_is(w.resumed, 0);
	answer_all();
	int_is(w.resumed, 1);
	outcome(&w, service_account_authenticate(&w.r, str_from(token)), &got);
	str_is(strbuf_str(&got), STR(USER EXTRA("pod-name", "p") EXTRA("pod-uid", "p-uid")));
	ok(!w.r.pending && !w.r.pending_cancel);
	world_fini(&w);
	int_is(cluster.cancelled, 0);
	strbuf_fini(&got);
	free(token);
}

static void test_request_that_ends_while_waiting(void)
{
	struct world w;
	char *token;

	begin();
	token = token_of(POD_CLAIMS);
	cluster.later = true;
	world_init(&w, NULL);
	int_is(service_account_authenticate(&w.r, str_from(token)), AUTHN_PENDING);
	answer(cluster.waiting[0]);
	cluster.waiting[0]->done(cluster.waiting[0]);
	int_is(w.resumed, 0);
	world_fini(&w);
	int_is(cluster.cancelled, 1);
	free(token);
}

/* --- The cache --- */

static enum authn_result ask(struct token_cache *cache, const char *token, struct str *warning)
{
	enum authn_result result;
	struct world w;

	world_init(&w, cache);
	result = service_account_authenticate(&w.r, str_from(token));
	if (result == AUTHN_ACCEPT)
		str_is(w.r.user.name, STR("system:serviceaccount:ns:app"));
	*warning = w.r.warning;
	world_fini(&w);
	return result;
}

static void test_accepted_tokens_are_remembered(void)
{
	struct token_cache *cache = token_cache_new();
	struct str warning;
	char *token, *other;

	begin();
	token = token_of(GOOD);
	other = token_of(GOOD ",\"jti\":\"2\"");
	int_is(ask(cache, token, &warning), AUTHN_ACCEPT);
	int_is(cluster.asked, 1);
	cluster.account = NULL;
	clock_fake_advance(&fake, TOKEN_CACHE_TTL_US - 1);
	int_is(ask(cache, token, &warning), AUTHN_ACCEPT);
	int_is(ask(cache, other, &warning), AUTHN_ERROR);
	int_is(cluster.asked, 2);
	clock_fake_advance(&fake, 1);
	int_is(ask(cache, token, &warning), AUTHN_ERROR);
	int_is(token_cache_count(cache), 0);
	/* A rejection is not remembered. */
	fill_cluster();
	int_is(ask(cache, token, &warning), AUTHN_ACCEPT);
	/* What was read anew judges anew. */
	cluster.account = NULL;
	configure(true);
	int_is(ask(cache, token, &warning), AUTHN_ERROR);
	token_cache_free(cache);
	free(token);
	free(other);
}

static void test_warnings_are_remembered(void)
{
	struct token_cache *cache = token_cache_new();
	char *token, *secret;
	struct str warning;

	begin();
	token = token_of(LEGACY_GOOD);
	secret = secret_of(token, "");
	cluster.secret = secret;
	cluster.account = "{\"metadata\":{\"uid\":\"sa-uid\"},\"secrets\":[{\"name\":\"s\"}]}";
	for (int i = 0; i < 2; i++) {
		int_is(ask(cache, token, &warning), AUTHN_ACCEPT);
		ok(warning.n);
	}
	int_is(cluster.asked, 2);
	token_cache_free(cache);
	free(secret);
	free(token);
}

static void test_cache_is_bounded(void)
{
	struct user u = { .name = STR("u") };
	struct token_cache *cache = token_cache_new();
	struct str warning;
	char text[32];

	for (int i = 0; i < TOKEN_CACHE_MAX + 10; i++) {
		snprintf(text, sizeof(text), "t%d", i);
		token_cache_put(cache, 1, str_from(text), &u, STR_NULL, i);
	}
	int_is(token_cache_count(cache), TOKEN_CACHE_MAX);
	ok(!token_cache_get(cache, 1, STR("t9"), 20, &warning));
	ok(token_cache_get(cache, 1, STR("t10"), 20, &warning) != NULL);
	ok(!token_cache_get(cache, 2, STR("t10"), 20, &warning));
	/* The same token again takes no further place. */
	token_cache_put(cache, 1, STR("t10"), &u, STR_NULL, 5000);
	int_is(token_cache_count(cache), TOKEN_CACHE_MAX);
	token_cache_free(cache);
	token_cache_free(NULL);
}

/* --- Objects --- */

static void test_objects_that_cannot_be_read(void)
{
	static const char *const bad[] = {
		"{}", "{\"metadata\":[]}", "{\"metadata\":{\"uid\":7}}",
		"{\"metadata\":{\"deletionTimestamp\":\"soon\"}}",
		"{\"metadata\":{\"deletionTimestamp\":7}}",
		"{\"metadata\":{},\"data\":{\"token\":\"!\"}}",
		"{\"metadata\":{},\"data\":{\"token\":7}}",
	};

	for (size_t i = 0; i < array_size(bad); i++) {
		json_t *json = json_loads(bad[i], 0, NULL);

		tap_row(bad[i]);
		ok(!authn_object_read(AUTHN_SECRET, json));
		json_decref(json);
	}
	tap_row(NULL);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_users),
		TAP(test_not_ours),
		TAP(test_claims_of_the_wrong_type),
		TAP(test_times),
		TAP(test_audiences),
		TAP(test_keys),
		TAP(test_key_file_without_keys),
		TAP(test_service_account_is_gone),
		TAP(test_bound_objects_are_gone),
		TAP(test_bound_tokens_are_always_looked_up),
		TAP(test_lookups_that_fail),
		TAP(test_legacy_claims),
		TAP(test_legacy_secret),
		TAP(test_legacy_warning),
		TAP(test_one_issuer_of_both_forms),
		TAP(test_waiting),
		TAP(test_request_that_ends_while_waiting),
		TAP(test_accepted_tokens_are_remembered),
		TAP(test_warnings_are_remembered),
		TAP(test_cache_is_bounded),
		TAP(test_objects_that_cannot_be_read),
		TAP_END
	};
	int rc = tap_main(tests);

	service_accounts_free(config.service_accounts);
	option_list_fini(&issuers);
	option_list_fini(&audiences);
	EVP_PKEY_free(key);
	EVP_PKEY_free(second);
	EVP_PKEY_free(stranger);
	return rc;
}
