/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response: from the client's stream through the steps to the upstream's
 * stream and back.  An exchange belongs to its worker's thread.
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "authn/authn.h"
#include "authz/authz.h"
#include "base/random.h"
#include "http/client.h"
#include "http/status.h"
#include "proxy/impersonate.h"
#include "proxy/node_wait.h"
#include "proxy/request_info.h"
#include "proxy/worker.h"

enum step_result {
	STEP_NEXT,	/* go on with the next step */
	STEP_WAIT,	/* somebody will call exchange_resume */
	STEP_DONE,	/* the answer is under way; the relay or the client's side finishes */
};

struct exchange {
	unsigned magic;
	struct list node;		/* worker's exchanges */
	struct worker *worker;		/* borrowed */
	size_t step;			/* index into the table of steps */

	/* the client's side */
	struct http_stream *client;	/* ours until released; NULL then */
	struct http_message *request;	/* in the client stream's arena; forward.c makes it ours */
	bool request_ended;		/* the whole request body has been received */
	bool discard_body;		/* the request body goes nowhere */
	struct admit *admit;		/* owned; NULL: admission has no part in this request */
	bool head_sent, response_ended;	/* toward the client */
	int status;			/* that was sent, 0 before */

	/* what was found out */
	struct str audit_id;
	char audit_text[UUID_TEXT_LEN + 1];
	struct request_info info;
	struct str raw_query;		/* also when the target could not be resolved */
	struct authn_request authn;
	struct user user;	/* in effect: after impersonation not authn.user any more */
	struct impersonation *impersonation;	/* in the arena; NULL: none was asked for */
	struct authz_request authz;
	struct node_wait node_wait;	/* for an edge of the Node graph */
	bool node_waited;		/* once per request */
	bool counted_authn;
	const char *decision;		/* for the log: "allow", "deny", ... */
	struct str reason;		/* of the decision, for the log */
	int64_t started_us;
	struct loop_timer deadline;

	/* the upstream's side */
	struct http_client_ticket *ticket;	/* waiting for a stream */
	struct http_stream *upstream;		/* ours until released */
	/* body that came before the stream was there; <= HTTP_WINDOW */
	struct strbuf early_body;
	/*
	 * A body that admission has collected: sent by the credit of the upstream, while the
	 * client's was given back already.  Borrowed from admit.
	 */
	bool body_is_whole;
	struct str whole_body;
	size_t body_given;		/* of it, to the transport */
	bool prepared;			/* the head is as the upstream gets it */
	bool retracted;			/* the upstream's answer is read off for nobody */
	bool upstream_head;		/* the final response head has come */
	bool upstream_ended;		/* the whole response has come */
	bool request_sent_whole;	/* send_end was called, or there was no body */
	bool is_tunnel;			/* 101 was relayed */
	bool retried;
	struct snapshot *held;		/* a snapshot kept over a wait */
};

/* An http_accept_fn for worker w (arg). */
http_accept_fn exchange_accept;
/* Goes on after a WAIT; the only way back into the steps. */
void exchange_resume(struct exchange *x);
/* Back to the admit step, from the forward step. */
void exchange_readmit(struct exchange *x);
/* Ends it from outside: the client sees a broken or failed response. */
void exchange_abort(struct exchange *x, int err);

/* The forward and relay steps (forward.c). */
enum step_result exchange_forward(struct exchange *x);
/* The upstream's side is let go of: reset if unfinished, waiting cancelled. */
void exchange_drop_upstream(struct exchange *x, int err);
/* Request body bytes from the client go to the upstream or nowhere. */
void exchange_request_body(struct exchange *x, const void *p, size_t n);
void exchange_request_end(struct exchange *x);
void exchange_client_sent(struct exchange *x, size_t n);

/* Answers of the proxy itself (answer.c); each returns STEP_DONE. */
enum step_result exchange_answer_status(struct exchange *x, const struct status *s, bool nosniff,
					int retry_after_s);
enum step_result exchange_answer_text(struct exchange *x, int code, struct str body,
				      bool cache_control);
enum step_result exchange_answer_unauthorized(struct exchange *x);
enum step_result exchange_answer_forbidden(struct exchange *x, struct str reason);
/* The same about something else than the request as it stands. */
enum step_result exchange_answer_refusal(struct exchange *x, const struct forbidden *f);
/* A body that the upstream gave us, JSON. */
enum step_result exchange_answer_json(struct exchange *x, int code, struct str body);
/* 429, to come again in a second. */
enum step_result exchange_answer_busy(struct exchange *x);
/* 503 with our own message; retry: the request was surely not processed. */
enum step_result exchange_answer_unavailable(struct exchange *x, struct str message, bool retry);
enum step_result exchange_answer_timeout(struct exchange *x);

/* What an AlwaysAllow upstream would lose (guard.c; spec 24). */
enum step_result exchange_guard(struct exchange *x);

#endif
