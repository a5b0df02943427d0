/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream over TLS on loopback, in the loop of the test, which counts connections and
 * requests and answers what it is told.
 */
#ifndef TESTS_FAKE_UPSTREAM_H
#define TESTS_FAKE_UPSTREAM_H

#include "base/strbuf.h"
#include "http/h1.h"
#include "proxy/upstream_set.h"
#include "tests/certs.h"

struct fake_upstream {
	struct loop *loop;
	int reserved_fd;		/* keeps the port while nobody listens on it */
	uint16_t port;
	struct listener *listener;	/* NULL: connections are refused */
	struct list connections;
	/* what came */
	int accepted, open, resumed, requests;
	int failed_handshakes;
	char cn[64];			/* of the latest client's certificate */
	struct strbuf asked;		/* "GET /readyz tom\n": who is X-Remote-User */
	/* what it answers: 200 and "ok", or what this says */
	void (*answer)(const struct http_message *m, int *status, const char **body);
	bool silent;			/* takes requests and does not answer */
};

/* Certificates of all upstreams and of their clients: two contexts, and one from a strange CA. */
extern struct fake_certs {
	struct certs_pair *ca, *server, *strange_ca, *one, *two;
} fake_certs;
void fake_certs_make(void);
void fake_certs_free(void);
/* A context of the client `pair` that trusts ca. Owned reference. */
struct snapshot *fake_client_context(const struct certs_pair *pair, const struct certs_pair *ca);
/* The context that the upstreams serve with. Owned reference. */
struct snapshot *fake_server_context(void);

/* A port is taken; listens from fake_upstream_listen on. */
void fake_upstream_init(struct fake_upstream *u, struct loop *l);
void fake_upstream_listen(struct fake_upstream *u);
/* Stops listening; open connections go on. */
void fake_upstream_deafen(struct fake_upstream *u);
/* Ends its open connections. */
void fake_upstream_hang_up(struct fake_upstream *u);
void fake_upstream_fini(struct fake_upstream *u);
/* A set of these servers, each resolved; the caller frees it with upstream_set_free. */
struct upstream_set *fake_upstream_set(struct fake_upstream *u, size_t n, const struct clock *c);

/* The answer to a SelfSubjectReview by which identity passes whole. */
#define FAKE_REVIEW \
	"{\"status\":{\"userInfo\":{\"username\":\"kube-authproxy:self-test\"," \
	"\"uid\":\"kube-authproxy-self-test-uid\"," \
	"\"groups\":[\"kube-authproxy:self-test-1\",\"kube-authproxy:self-test-2\"," \
	"\"system:authenticated\"]," \
	"\"extra\":{\"kube-authproxy/self-test\":[\"one\",\"two words\"]}}}}"

#endif
