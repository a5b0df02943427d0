/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "authn/authn.h"
#include "authn/authn_config.h"
#include "authn/bearer.h"
#include "authn/x509.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tests/x509_maker.h"

#define US 1000000
#define DAY (24 * 3600)

#define CA "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign"
#define CLIENT "extendedKeyUsage=clientAuth"
#define TOKENS "good,tom,t1,\"a,b\"\nj\xc3\xb6rg,joe,,\n"
#define PASSWORDS "pw,bob,b1,staff\n"
#define BASIC_GOOD "Basic Ym9iOnB3"	/* bob:pw */
#define BASIC_BAD "Basic Ym9iOng="	/* bob:x */
#define EXTRA_SPACE "299 - \"the provided Authorization header contains extra space before the " \
	"bearer token, and is ignored\""

enum certificate { NO_CERT, GOOD_CERT, OTHER_CA, NO_NAME, TWO_UIDS, CERTS };

static EVP_PKEY *key;
static X509 *certs[CERTS], *ca, *other_ca;
static struct clock_fake fake;

/* A file in the working folder with this text; the caller unlinks and frees. */
static char *write_file(const char *text)
{
	char *path = xstrdup("authn-test.XXXXXX");
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	fputs(text, f);
	fclose(f);
	return path;
}

static void drop_file(char *path)
{
	if (path)
		unlink(path);
	free(path);
}

/* Any text may be NULL. */
static struct authn_config *load(const char *ca_pem, const char *tokens, const char *passwords,
				 struct problems *p)
{
	char *ca_file = ca_pem ? write_file(ca_pem) : NULL;
	char *token_file = tokens ? write_file(tokens) : NULL;
	char *password_file = passwords ? write_file(passwords) : NULL;
	struct authn_sources s = {
		.client_ca_file = ca_file, .token_auth_file = token_file,
		.basic_auth_file = password_file, .anonymous = true,
	};
	struct authn_config *c = authn_config_load(&s, p);

	drop_file(ca_file);
	drop_file(token_file);
	drop_file(password_file);
	return c;
}

static struct authn_config *load_all(X509 *anchor)
{
	struct problems p = PROBLEMS_INIT;
	char *pem = maker_pem(anchor, NULL);
	struct authn_config *c = load(pem, TOKENS, PASSWORDS, &p);

	int_is(p.count, 0);
	free(pem);
	problems_fini(&p);
	return c;
}

/* "name;uid;group|group| method" or "none" or "error: text". */
static void describe(enum authn_result result, const struct authn_request *r, struct strbuf *out)
{
	if (result == AUTHN_NONE)
		strbuf_add_cstr(out, "none");
	if (result == AUTHN_ERROR)
		strbuf_addf(out, "error: %s", r->errors.p);
	if (result == AUTHN_PENDING)
		strbuf_add_cstr(out, "pending");
	if (result != AUTHN_ACCEPT)
		return;
	strbuf_addf(out, "%.*s;%.*s;", STR_ARG(r->user.name), STR_ARG(r->user.uid));
	for (size_t i = 0; i < r->user.group_count; i++)
		strbuf_addf(out, "%.*s|", STR_ARG(r->user.groups[i]));
	strbuf_addf(out, " %s", r->method);
}

/* A request on a connection, from start to end. */
struct world {
	struct arena arena;
	struct http_headers headers;
	struct tls_peer peer;
	struct http_connection connection;
	struct authn_request request;
};

static void world_init(struct world *w, const struct authn_config *c, X509 *cert)
{
	*w = (struct world){ .peer = { .leaf = cert } };
	arena_init(&w->arena);
	http_headers_init(&w->headers, &w->arena);
	w->connection.tls = cert ? &w->peer : NULL;
	authn_request_init(&w->request, c, &w->arena);
	w->request.clock = &fake.clock;
	w->request.connection = &w->connection;
	w->request.headers = &w->headers;
	w->request.path = STR("/api");
}

/* The next request on the same connection. */
static void world_next(struct world *w, const struct authn_config *c)
{
	authn_request_fini(&w->request);
	authn_request_init(&w->request, c, &w->arena);
	w->request.clock = &fake.clock;
	w->request.connection = &w->connection;
	w->request.headers = &w->headers;
	w->request.path = STR("/api");
}

static void world_fini(struct world *w)
{
	authn_request_fini(&w->request);
	if (w->connection.auth_cache)
		w->connection.auth_cache_free(w->connection.auth_cache);
	arena_fini(&w->arena);
}

/* `Name: value` per line. */
static void add_fields(struct http_headers *h, const char *lines)
{
	struct str rest = str_from(lines), line;

	while (*lines && str_next(&rest, '\n', &line)) {
		ptrdiff_t colon = str_find(line, ':', 0);

		http_headers_add(h, str_slice(line, 0, (size_t)colon),
				 str_trim(str_skip(line, (size_t)colon + 1)));
	}
}

struct chain_case {
	const char *label;
	enum certificate cert;
	const char *fields;
	const char *want;		/* a prefix */
	const char *warning;
};

#define ANON "system:anonymous;;system:unauthenticated| anonymous"
#define JANE "jane;;dev|system:authenticated| x509"
#define TOM(how) "tom;t1;a|b|system:authenticated| " how
#define BOB "bob;b1;staff|system:authenticated| basic"
#define REFUSED "verifying certificate SN=1, SKID=, AKID= failed: x509: certificate signed by " \
	"unknown authority"
#define WS "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Protocol: "
#define WS_PREFIX "base64url.bearer.authorization.k8s.io."
#define WS_GOOD WS_PREFIX "Z29vZA"
#define WS_BAD WS_PREFIX "YmFk"
#define INVALID "error: invalid bearer token"

static const struct chain_case chain_cases[] = {
	/* The table of spec 02 section 1. */
	{ "nothing presented", NO_CERT, "", ANON, NULL },
	{ "certificate and invalid token", GOOD_CERT, "Authorization: Bearer bad", JANE, NULL },
	{ "certificate and valid token", GOOD_CERT, "Authorization: Bearer good", JANE, NULL },
	{ "invalid certificate and valid token", OTHER_CA, "Authorization: Bearer good",
	  TOM("bearer"), NULL },
	{ "invalid certificate alone", OTHER_CA, "", "error: " REFUSED, NULL },
	{ "invalid token alone", NO_CERT, "Authorization: Bearer bad", INVALID, NULL },
	{ "scheme without token", NO_CERT, "Authorization: Bearer", ANON, NULL },
	{ "two blanks", NO_CERT, "Authorization: Bearer  good", ANON, EXTRA_SPACE },
	{ "tab", NO_CERT, "Authorization: Bearer\tgood", ANON, NULL },
	{ "certificate without a name", NO_NAME, "", ANON, NULL },
	{ "certificate without a name and a token", NO_NAME, "Authorization: Bearer good",
	  TOM("bearer"), NULL },
	{ "invalid certificate and invalid token", OTHER_CA, "Authorization: Bearer bad",
	  "error: [" REFUSED " (possibly because of \"x509: signature does not verify\"), "
	  "invalid bearer token]", NULL },
	{ "certificate with two uids", TWO_UIDS, "",
	  "error: expected 1 UID, but found multiple: [x y]", NULL },
	{ "certificate with two uids and a token", TWO_UIDS, "Authorization: Bearer good",
	  TOM("bearer"), NULL },

	/* Bearer, section 4. */
	{ "token", NO_CERT, "Authorization: Bearer good", TOM("bearer"), NULL },
	{ "any case of the scheme", NO_CERT, "authorization: bEARER good", TOM("bearer"), NULL },
	{ "text behind the token", NO_CERT, "Authorization: Bearer good and more", TOM("bearer"),
	  NULL },
	{ "another case of the token", NO_CERT, "Authorization: Bearer Good", INVALID, NULL },
	{ "only the first line counts", NO_CERT,
	  "Authorization: Bearer bad\nAuthorization: Bearer good", INVALID, NULL },
	{ "the first line counts", NO_CERT,
	  "Authorization: Bearer good\nAuthorization: Bearer bad", TOM("bearer"), NULL },
	{ "first line is something else", NO_CERT,
	  "Authorization: Digest x\nAuthorization: Bearer good", ANON, NULL },
	{ "no scheme", NO_CERT, "Authorization: good", ANON, NULL },
	{ "empty", NO_CERT, "Authorization:", ANON, NULL },
	{ "empty group of the file stays, and is last but one", NO_CERT,
	  "Authorization: Bearer j\xc3\xb6rg", "joe;;|system:authenticated| bearer", NULL },
	{ "token in the query or elsewhere is nothing", NO_CERT, "X-Authorization: Bearer good",
	  ANON, NULL },

	/* Basic, section 6. */
	{ "password", NO_CERT, "Authorization: " BASIC_GOOD, BOB, NULL },
	{ "password before certificate", GOOD_CERT, "Authorization: " BASIC_GOOD, BOB, NULL },
	{ "wrong password, certificate", GOOD_CERT, "Authorization: " BASIC_BAD, JANE, NULL },
	{ "wrong password", NO_CERT, "Authorization: " BASIC_BAD,
	  "error: invalid username/password combination", NULL },
	{ "not base64", NO_CERT, "Authorization: Basic ###", ANON, NULL },

	/* WebSocket, section 4. */
	{ "websocket", NO_CERT, WS WS_GOOD ", v4.channel.k8s.io", TOM("websocket-bearer"), NULL },
	{ "websocket, second line", NO_CERT, WS "a\nSec-WebSocket-Protocol: " WS_GOOD,
	  TOM("websocket-bearer"), NULL },
	{ "websocket, an empty element is another protocol", NO_CERT, WS WS_GOOD ",",
	  TOM("websocket-bearer"), NULL },
	{ "websocket, unknown token", NO_CERT, WS WS_BAD ",a", INVALID, NULL },
	{ "websocket, two tokens", NO_CERT, WS WS_GOOD "," WS_GOOD ",a",
	  "error: multiple base64.bearer.authorization tokens specified", NULL },
	{ "websocket, bad encoding", NO_CERT, WS WS_PREFIX "Z29vZA==,a",
	  "error: invalid base64.bearer.authorization token encoding", NULL },
	{ "websocket, not UTF-8", NO_CERT, WS WS_PREFIX "_w,a",
	  "error: invalid base64.bearer.authorization token", NULL },
	{ "websocket, alone", NO_CERT, WS WS_GOOD, "error: missing additional subprotocol", NULL },
	{ "websocket, empty token", NO_CERT, WS WS_PREFIX ",a", ANON, NULL },
	{ "websocket, empty token alone", NO_CERT, WS WS_PREFIX, ANON, NULL },
	{ "websocket, the prefix has one case", NO_CERT, WS "BASE64url.bearer.authorization.k8s.io."
	  "YmFk,a", ANON, NULL },
	{ "websocket in any case", NO_CERT, "upgrade: WebSocket\nconnection: keep-alive, upgrade\n"
	  "sec-websocket-protocol: " WS_GOOD ",a", TOM("websocket-bearer"), NULL },
	{ "no Upgrade", NO_CERT, "Connection: Upgrade\nSec-WebSocket-Protocol: " WS_BAD ",a", ANON,
	  NULL },
	{ "another upgrade", NO_CERT, "Upgrade: SPDY/3.1\nConnection: Upgrade\n"
	  "Sec-WebSocket-Protocol: " WS_BAD ",a", ANON, NULL },
	{ "no Connection", NO_CERT, "Upgrade: websocket\nSec-WebSocket-Protocol: " WS_BAD ",a",
	  ANON, NULL },
	{ "bearer before websocket", NO_CERT, WS WS_GOOD ",a\nAuthorization: Bearer good",
	  TOM("bearer"), NULL },
	{ "bad bearer, good websocket", NO_CERT, WS WS_GOOD ",a\nAuthorization: Bearer bad",
	  TOM("websocket-bearer"), NULL },
	{ "one text for two equal errors", NO_CERT, WS WS_BAD ",a\nAuthorization: Bearer bad",
	  INVALID, NULL },
};

static void test_chain(void)
{
	struct authn_config *c = load_all(ca);

	for (size_t i = 0; i < array_size(chain_cases); i++) {
		const struct chain_case *t = &chain_cases[i];
		struct strbuf got = STRBUF_INIT;
		struct world w;

		tap_row(t->label);
		world_init(&w, c, certs[t->cert]);
		add_fields(&w.headers, t->fields);
		describe(authn_chain_run(&w.request), &w.request, &got);
		str_is(str_slice(strbuf_str(&got), 0, strlen(t->want)), str_from(t->want));
		if (strncmp(t->want, "error: verifying", 16) && !strstr(t->want, "failed: "))
			int_is(got.n, strlen(t->want));
		str_is(w.request.warning, str_from(t->warning));
		if (*t->want != 'e')
			int_is(w.request.errors.n, 0);
		strbuf_fini(&got);
		world_fini(&w);
	}
	snapshot_release(&c->snapshot);
}

/* What is not configured is not looked at; a bearer token always is. */
static void test_unconfigured(void)
{
	static const struct chain_case cases[] = {
		{ "certificate", OTHER_CA, "", ANON, NULL },
		{ "basic", NO_CERT, "Authorization: " BASIC_BAD, ANON, NULL },
		{ "token", NO_CERT, "Authorization: Bearer x", INVALID, NULL },
	};
	struct problems p = PROBLEMS_INIT;
	struct authn_config *c = load(NULL, NULL, NULL, &p);

	for (size_t i = 0; i < array_size(cases); i++) {
		struct strbuf got = STRBUF_INIT;
		struct world w;

		tap_row(cases[i].label);
		world_init(&w, c, certs[cases[i].cert]);
		add_fields(&w.headers, cases[i].fields);
		describe(authn_chain_run(&w.request), &w.request, &got);
		str_is(strbuf_str(&got), str_from(cases[i].want));
		strbuf_fini(&got);
		world_fini(&w);
	}
	ok(!authn_config_challenges_basic(c));
	snapshot_release(&c->snapshot);
	c = load(NULL, NULL, PASSWORDS, &p);
	ok(authn_config_challenges_basic(c));
	snapshot_release(&c->snapshot);
	problems_fini(&p);
}

static enum authn_result run_path(const struct authn_config *c, const char *path)
{
	enum authn_result result;
	struct world w;

	world_init(&w, c, NULL);
	w.request.path = str_from(path);
	result = authn_chain_run(&w.request);
	world_fini(&w);
	return result;
}

static void test_anonymous_conditions(void)
{
	struct problems p = PROBLEMS_INIT;
	struct authn_config *c = load(NULL, NULL, NULL, &p);

	c->anonymous_paths = xcalloc(2, sizeof(*c->anonymous_paths));
	c->anonymous_paths[0] = STR("/livez");
	c->anonymous_paths[1] = STR("/readyz");
	c->anonymous_path_count = 2;
	int_is(run_path(c, "/readyz"), AUTHN_ACCEPT);
	int_is(run_path(c, "/readyz/"), AUTHN_NONE);
	int_is(run_path(c, "/readyz/ping"), AUTHN_NONE);
	int_is(run_path(c, "/api"), AUTHN_NONE);
	c->anonymous_path_count = 0;
	int_is(run_path(c, "/livez"), AUTHN_NONE);
	c->anonymous = false;
	free(c->anonymous_paths);
	c->anonymous_paths = NULL;
	int_is(run_path(c, "/livez"), AUTHN_NONE);
	snapshot_release(&c->snapshot);
	problems_fini(&p);
}

/* Authenticators with scripted answers. */
static enum authn_result script[4];
static unsigned asked[4], cancelled;

static bool always(const struct authn_config *c)
{
	(void)c;
	return true;
}

static bool never(const struct authn_config *c)
{
	(void)c;
	return false;
}

static void on_cancel(void *pending)
{
	cancelled += pending == &script[1];
}

static enum authn_result answer(struct authn_request *r, int i)
{
	asked[i]++;
	if (script[i] == AUTHN_ACCEPT)
		r->user = (struct user){ .name = STR("scripted") };
	if (script[i] == AUTHN_ERROR && i != 3)
		authn_add_error(r, "error %d", i % 2);
	if (script[i] == AUTHN_PENDING) {
		r->pending = &script[i];
		r->pending_cancel = on_cancel;
	}
	return script[i];
}

static enum authn_result answer_0(struct authn_request *r) { return answer(r, 0); }
static enum authn_result answer_1(struct authn_request *r) { return answer(r, 1); }
static enum authn_result answer_2(struct authn_request *r) { return answer(r, 2); }
static enum authn_result answer_3(struct authn_request *r) { return answer(r, 3); }

static const struct authn_ops ops[] = {
	{ "zero", always, answer_0 }, { "one", always, answer_1 }, { "two", always, answer_2 },
	{ "three", always, answer_3 }, { "off", never, answer_0 },
};
static const struct authn_ops *const scripted[] = {
	&ops[4], &ops[0], &ops[1], &ops[2], &ops[3], NULL,
};

struct script_case {
	const char *label;
	enum authn_result script[4];
	const char *want;
	unsigned asked;		/* how many were */
};

static const struct script_case scripts[] = {
	{ "none of all", { AUTHN_NONE, AUTHN_NONE, AUTHN_NONE, AUTHN_NONE }, ANON, 4 },
	{ "the first user wins", { AUTHN_NONE, AUTHN_ACCEPT, AUTHN_ACCEPT, AUTHN_ERROR },
	  "scripted;;system:authenticated| one", 2 },
	{ "earlier errors are forgotten", { AUTHN_ERROR, AUTHN_ERROR, AUTHN_ACCEPT, AUTHN_NONE },
	  "scripted;;system:authenticated| two", 3 },
	{ "one error", { AUTHN_NONE, AUTHN_ERROR, AUTHN_NONE, AUTHN_NONE }, "error: error 1", 4 },
	{ "two errors", { AUTHN_ERROR, AUTHN_ERROR, AUTHN_NONE, AUTHN_NONE },
	  "error: [error 0, error 1]", 4 },
	{ "equal errors count once", { AUTHN_ERROR, AUTHN_NONE, AUTHN_ERROR, AUTHN_NONE },
	  "error: error 0", 4 },
	{ "an error without text is one", { AUTHN_NONE, AUTHN_NONE, AUTHN_NONE, AUTHN_ERROR },
	  "error: three: failed", 4 },
};

static void test_union(void)
{
	struct authn_config *c = load_all(ca);

	for (size_t i = 0; i < array_size(scripts); i++) {
		struct strbuf got = STRBUF_INIT;
		struct world w;

		tap_row(scripts[i].label);
		memcpy(script, scripts[i].script, sizeof(script));
		memset(asked, 0, sizeof(asked));
		world_init(&w, c, NULL);
		describe(authn_chain_run_list(&w.request, scripted), &w.request, &got);
		str_is(strbuf_str(&got), str_from(scripts[i].want));
		int_is(asked[0] + asked[1] + asked[2] + asked[3], scripts[i].asked);
		strbuf_fini(&got);
		world_fini(&w);
	}
	snapshot_release(&c->snapshot);
}

static void test_waiting(void)
{
	static const enum authn_result waits[4] = {
		AUTHN_ERROR, AUTHN_PENDING, AUTHN_ERROR, AUTHN_NONE,
	};
	struct authn_config *c = load_all(ca);
	struct strbuf got = STRBUF_INIT;
	struct world w;

	memcpy(script, waits, sizeof(script));
	memset(asked, 0, sizeof(asked));
	cancelled = 0;
	world_init(&w, c, NULL);
	int_is(authn_chain_run_list(&w.request, scripted), AUTHN_PENDING);
	int_is(authn_chain_run_list(&w.request, scripted), AUTHN_PENDING);
	int_is(asked[0], 1);
	int_is(asked[1], 2);
	int_is(asked[2], 0);
	ok(w.request.pending == &script[1]);
	script[1] = AUTHN_ERROR;
	describe(authn_chain_run_list(&w.request, scripted), &w.request, &got);
	cstr_is(got.p, "error: [error 0, error 1]");
	ok(!w.request.pending);
	int_is(asked[0], 1);
	int_is(asked[2], 1);
	world_fini(&w);
	int_is(cancelled, 0);

	script[1] = AUTHN_PENDING;
	world_init(&w, c, NULL);
	int_is(authn_chain_run_list(&w.request, scripted), AUTHN_PENDING);
	world_fini(&w);
	int_is(cancelled, 1);
	strbuf_fini(&got);
	snapshot_release(&c->snapshot);
}

static enum authn_result next_result(struct world *w, const struct authn_config *c)
{
	world_next(w, c);
	return authn_chain_run(&w->request);
}

/* One verification per connection; time and a new CA file are judged on each request. */
static void test_verdict_is_kept(void)
{
	struct authn_config *c = load_all(ca), *same = load_all(ca), *other = load_all(other_ca);
	uint64_t before;
	struct world w, second;

	x509_thread_fini();
	before = x509_thread_verifications();
	world_init(&w, c, certs[GOOD_CERT]);
	for (int i = 0; i < 3; i++)
		int_is(next_result(&w, c), AUTHN_ACCEPT);
	int_is(x509_thread_verifications() - before, 1);
	/* Another connection with the same certificate. */
	world_init(&second, c, certs[GOOD_CERT]);
	int_is(next_result(&second, c), AUTHN_ACCEPT);
	int_is(x509_thread_verifications() - before, 1);
	/* The same CA, read again. */
	int_is(next_result(&w, same), AUTHN_ACCEPT);
	int_is(x509_thread_verifications() - before, 2);
	/* Another CA: the open connection is refused, and again on the next request. */
	int_is(next_result(&w, other), AUTHN_ERROR);
	int_is(next_result(&w, other), AUTHN_ERROR);
	int_is(x509_thread_verifications() - before, 3);
	/* A refusal is not kept for other connections, and not for long. */
	int_is(next_result(&second, other), AUTHN_ERROR);
	int_is(x509_thread_verifications() - before, 4);
	clock_fake_advance(&fake, X509_REFUSAL_TTL_US + 1);
	int_is(next_result(&w, other), AUTHN_ERROR);
	int_is(x509_thread_verifications() - before, 5);
	int_is(next_result(&w, c), AUTHN_ACCEPT);
	world_fini(&w);
	world_fini(&second);
	snapshot_release(&c->snapshot);
	snapshot_release(&same->snapshot);
	snapshot_release(&other->snapshot);
}

static void test_certificate_expires_on_an_open_connection(void)
{
	struct authn_config *c = load_all(ca);
	struct world w, second;

	world_init(&w, c, certs[GOOD_CERT]);
	int_is(next_result(&w, c), AUTHN_ACCEPT);
	clock_fake_init(&fake, 0, (int64_t)(MAKER_NOW + DAY) * US);
	int_is(next_result(&w, c), AUTHN_ACCEPT);
	clock_fake_advance(&fake, US);
	int_is(next_result(&w, c), AUTHN_ERROR);
	/* The thread's cache does not keep it alive either. */
	world_init(&second, c, certs[GOOD_CERT]);
	int_is(next_result(&second, c), AUTHN_ERROR);
	clock_fake_init(&fake, 0, (int64_t)(MAKER_NOW - DAY) * US);
	int_is(next_result(&w, c), AUTHN_ERROR);
	clock_fake_init(&fake, 0, (int64_t)MAKER_NOW * US);
	int_is(next_result(&w, c), AUTHN_ACCEPT);
	world_fini(&w);
	world_fini(&second);
	snapshot_release(&c->snapshot);
}

/* What came along is part of the key: without its intermediate the same leaf is another matter. */
static void test_chain_is_part_of_the_verdict(void)
{
	EVP_PKEY *sub_key = maker_key();
	struct maker_spec middle = { .cn = "sub", .key = sub_key, .extensions = CA };
	struct maker_spec leaf = { .cn = "jane", .key = key, .extensions = CLIENT };
	X509 *sub = maker_cert(&middle, ca, key), *jane = maker_cert(&leaf, sub, sub_key);
	struct authn_config *c = load_all(ca);
	struct world w, without;

	world_init(&w, c, jane);
	w.peer.chain = sk_X509_new_null();
	sk_X509_push(w.peer.chain, jane);
	sk_X509_push(w.peer.chain, sub);
	int_is(next_result(&w, c), AUTHN_ACCEPT);
	world_init(&without, c, jane);
	int_is(next_result(&without, c), AUTHN_ERROR);
	sk_X509_free(w.peer.chain);
	world_fini(&w);
	world_fini(&without);
	X509_free(sub);
	X509_free(jane);
	EVP_PKEY_free(sub_key);
	snapshot_release(&c->snapshot);
}

static X509 *make_user(int i)
{
	struct maker_spec spec = { .key = key, .extensions = CLIENT };
	char name[32];

	snprintf(name, sizeof(name), "user-%d", i);
	spec.cn = name;
	return maker_cert(&spec, ca, key);
}

/* True if the certificate had to be verified on a new connection. */
static bool was_verified(const struct authn_config *c, X509 *x)
{
	uint64_t before = x509_thread_verifications();
	struct world w;

	world_init(&w, c, x);
	int_is(next_result(&w, c), AUTHN_ACCEPT);
	world_fini(&w);
	return x509_thread_verifications() > before;
}

/* The verdict that was used least recently makes room. */
static void test_thread_cache_is_bounded(void)
{
	struct authn_config *c = load_all(ca);
	X509 *first = make_user(0), *second = make_user(1);

	x509_thread_fini();
	ok(was_verified(c, first));
	ok(was_verified(c, second));
	for (int i = 2; i < X509_VERDICTS_MAX + 1; i++) {
		X509 *x = make_user(i);

		if (i == X509_VERDICTS_MAX)
			ok(!was_verified(c, first));
		ok(was_verified(c, x));
		X509_free(x);
	}
	ok(!was_verified(c, first));
	ok(was_verified(c, second));
	X509_free(first);
	X509_free(second);
	x509_thread_fini();
	snapshot_release(&c->snapshot);
}

struct reader {
	pthread_t thread;
	const struct authn_config *config;
	unsigned wrong;
};

static void *read_snapshot(void *arg)
{
	struct reader *r = arg;

	for (int i = 0; i < 100; i++) {
		X509 *x = X509_dup(certs[i % 2 ? GOOD_CERT : OTHER_CA]);
		struct world w;

		if (i % 10 == 0)
			x509_thread_fini();
		world_init(&w, r->config, x);
		add_fields(&w.headers, "Authorization: Bearer good");
		r->wrong += authn_chain_run(&w.request) != AUTHN_ACCEPT ||
			    !str_eq(w.request.user.name, i % 2 ? STR("jane") : STR("tom"));
		world_fini(&w);
		X509_free(x);
	}
	x509_thread_fini();
	arena_thread_fini();
	return NULL;
}

/* One configuration is read by all workers at once. */
static void test_threads_share_a_configuration(void)
{
	struct authn_config *c = load_all(ca);
	struct reader readers[4];

	for (size_t i = 0; i < array_size(readers); i++) {
		readers[i] = (struct reader){ .config = c };
		int_is(pthread_create(&readers[i].thread, NULL, read_snapshot, &readers[i]), 0);
	}
	for (size_t i = 0; i < array_size(readers); i++) {
		pthread_join(readers[i].thread, NULL);
		int_is(readers[i].wrong, 0);
	}
	snapshot_release(&c->snapshot);
}

static void test_load_problems(void)
{
	struct authn_sources s = {
		.client_ca_file = "missing-ca.crt", .token_auth_file = "missing-tokens",
		.basic_auth_file = "missing-passwords", .anonymous = true,
	};
	struct problems p = PROBLEMS_INIT;
	static const char want[] =
		"missing-ca.crt: --client-ca-file: No such file or directory\n"
		"missing-tokens: --token-auth-file: No such file or directory\n"
		"missing-passwords: --basic-auth-file: No such file or directory\n";

	ok(!authn_config_load(&s, &p));
	str_is(strbuf_str(&p.text), str_from(want));
	problems_fini(&p);
	p = PROBLEMS_INIT;
	ok(!load("no certificate", "a,b\n", "p,u,1\nq\n", &p));
	int_is(p.count, 3);
	/* Problems of others do not fail the next load. */
	{
		struct authn_config *c = load(NULL, TOKENS, NULL, &p);

		ok(c != NULL);
		if (c)
			snapshot_release(&c->snapshot);
	}
	problems_fini(&p);
}

struct strip_case {
	const char *label;
	const char *before;
	const char *after;
};

static const struct strip_case strip_cases[] = {
	{ "credentials", "Accept: a\nAuthorization: Bearer x\nauthorization: y\nHost: h",
	  "Accept: a\nHost: h\n" },
	{ "front-proxy headers in any case", "X-Remote-User: a\nx-remote-user: b\nX-REMOTE-UID: c\n"
	  "X-Remote-Group: d\nx-remote-group: e\nHost: h", "Host: h\n" },
	{ "every extra", "X-Remote-Extra-: a\nx-remote-extra-scopes: b\nX-REMOTE-EXTRA-a%2fb: c",
	  "" },
	{ "underscores are another name",
	  "X_Remote_User: a\nX-Remote_Group: b\nX_REMOTE_EXTRA_A: c",
	  "X_Remote_User: a\nX-Remote_Group: b\nX_REMOTE_EXTRA_A: c\n" },
	{ "longer and shorter names stay", "X-Remote-Users: a\nX-Remote-Extra: b\nX-Remote: c\n"
	  "X-Authorization: d", "X-Remote-Users: a\nX-Remote-Extra: b\nX-Remote: c\n"
	  "X-Authorization: d\n" },
	{ "impersonation is not its business", "Impersonate-User: a", "Impersonate-User: a\n" },
	{ "websocket element", WS WS_GOOD ", v5.channel.k8s.io , v4.channel.k8s.io",
	  "Upgrade: websocket\nConnection: Upgrade\n"
	  "Sec-WebSocket-Protocol: v5.channel.k8s.io,v4.channel.k8s.io\n" },
	{ "several lines become one", "sec-websocket-protocol: a\nHost: h\n"
	  "Sec-WebSocket-Protocol: " WS_GOOD ",b", "Host: h\nSec-WebSocket-Protocol: a,b\n" },
	{ "several elements", "Sec-WebSocket-Protocol: " WS_GOOD "," WS_BAD ",b",
	  "Sec-WebSocket-Protocol: b\n" },
	{ "nothing else in it", "Sec-WebSocket-Protocol: " WS_GOOD "\nHost: h", "Host: h\n" },
	{ "without an element the lines stay", "Sec-WebSocket-Protocol: a , b\n"
	  "Sec-WebSocket-Protocol: c", "Sec-WebSocket-Protocol: a , b\n"
	  "Sec-WebSocket-Protocol: c\n" },
};

static void test_strip(void)
{
	for (size_t i = 0; i < array_size(strip_cases); i++) {
		struct strbuf got = STRBUF_INIT;
		struct http_headers h;
		struct arena a;

		tap_row(strip_cases[i].label);
		arena_init(&a);
		http_headers_init(&h, &a);
		add_fields(&h, strip_cases[i].before);
		authn_strip_credentials(&h);
		for (size_t f = 0; f < h.n; f++)
			strbuf_addf(&got, "%.*s: %.*s\n", STR_ARG(h.v[f].name),
				    STR_ARG(h.v[f].value));
		str_is(strbuf_str(&got), str_from(strip_cases[i].after));
		strbuf_fini(&got);
		arena_fini(&a);
	}
}

struct bearer_case {
	const char *value;
	const char *token;
	bool extra_space;
};

static const struct bearer_case bearer_cases[] = {
	{ "Bearer abc", "abc", false },
	{ "bearer abc def ghi", "abc", false },
	{ "  Bearer abc \t", "abc", false },
	{ "\xc2\xa0" "Bearer abc\xe3\x80\x80\xc2\x85", "abc", false },
	{ "Bearer abc\xc2\xa9", "abc\xc2\xa9", false },
	{ "Bearer \xa0", "\xa0", false },
	{ "Bearer  abc", "", true },
	{ "Bearer  ", "", false },
	{ "Bearer", "", false },
	{ "Bearer:abc", "", false },
	{ "Bearerabc def", "", false },
	{ "Bearer\tabc", "", false },
	{ "Bearer\tabc def", "", false },
	{ "Bearer a\tb", "a\tb", false },
	{ "Basic abc", "", false },
	{ "", "", false },
	{ " ", "", false },
};

static void test_bearer_header(void)
{
	for (size_t i = 0; i < array_size(bearer_cases); i++) {
		bool extra_space;
		struct str token;

		tap_row(bearer_cases[i].value);
		token = bearer_token_from_header(str_from(bearer_cases[i].value), &extra_space);
		str_is(token, str_from(bearer_cases[i].token));
		int_is(extra_space, bearer_cases[i].extra_space);
	}
}

static void make_certs(void)
{
	static const struct maker_attribute jane[] = {
		{ "O", V_ASN1_UTF8STRING, "dev", -1, false },
		{ "CN", V_ASN1_UTF8STRING, "jane", -1, false }, { NULL, 0, NULL, 0, false },
	};
	static const struct maker_attribute nobody[] = {
		{ "O", V_ASN1_UTF8STRING, "dev", -1, false }, { NULL, 0, NULL, 0, false },
	};
	static const struct maker_attribute twice[] = {
		{ "CN", V_ASN1_UTF8STRING, "jane", -1, false },
		{ "1.3.6.1.4.1.57683.2", V_ASN1_UTF8STRING, "x", -1, false },
		{ "1.3.6.1.4.1.57683.2", V_ASN1_UTF8STRING, "y", -1, false },
		{ NULL, 0, NULL, 0, false },
	};
	EVP_PKEY *other = maker_key();
	struct maker_spec spec = { .cn = "ca", .key = key, .extensions = CA,
		.not_before = MAKER_NOW - 10 * DAY, .not_after = MAKER_NOW + 10 * DAY };
	struct maker_spec leaf = { .key = key, .extensions = CLIENT, .attributes = jane };

	ca = maker_cert(&spec, NULL, NULL);
	spec.key = other;
	other_ca = maker_cert(&spec, NULL, NULL);
	certs[GOOD_CERT] = maker_cert(&leaf, ca, key);
	certs[OTHER_CA] = maker_cert(&leaf, other_ca, other);
	leaf.attributes = nobody;
	certs[NO_NAME] = maker_cert(&leaf, ca, key);
	leaf.attributes = twice;
	certs[TWO_UIDS] = maker_cert(&leaf, ca, key);
	EVP_PKEY_free(other);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_chain),
		TAP(test_unconfigured),
		TAP(test_anonymous_conditions),
		TAP(test_union),
		TAP(test_waiting),
		TAP(test_verdict_is_kept),
		TAP(test_certificate_expires_on_an_open_connection),
		TAP(test_chain_is_part_of_the_verdict),
		TAP(test_thread_cache_is_bounded),
		TAP(test_threads_share_a_configuration),
		TAP(test_load_problems),
		TAP(test_strip),
		TAP(test_bearer_header),
		TAP_END,
	};
	int status;

	key = maker_key();
	clock_fake_init(&fake, 0, (int64_t)MAKER_NOW * US);
	make_certs();
	status = tap_main(tests);
	x509_thread_fini();
	for (size_t i = 0; i < CERTS; i++)
		X509_free(certs[i]);
	X509_free(ca);
	X509_free(other_ca);
	EVP_PKEY_free(key);
	return status;
}
