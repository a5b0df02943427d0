/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "authn/authn.h"
#include "authn/authn_config.h"
#include "authn/members.h"

/* The order of spec 02 section 1; the first user wins. */
static const struct authn_ops *const members[] = {
	&authn_loopback,
	&authn_basic,
	&authn_x509,
	&authn_bearer,
	&authn_websocket_bearer,
	NULL,
};

void authn_request_init(struct authn_request *r, const struct authn_config *c, struct arena *a)
{
	*r = (struct authn_request){ .config = c, .arena = a };
}

static void end_pending(struct authn_request *r)
{
	r->pending = NULL;
	r->pending_cancel = NULL;
}

void authn_request_fini(struct authn_request *r)
{
	if (r->pending_cancel)
		r->pending_cancel(r->pending);
	end_pending(r);
	strbuf_fini(&r->errors);
}

/* While the chain runs, r->errors has the texts one after the other, a NUL behind each. */
static bool has_error(const struct authn_request *r, struct str text)
{
	struct str rest = strbuf_str(&r->errors), one;

	while (r->errors.n && str_next(&rest, '\0', &one))
		if (str_eq(one, text))
			return true;
	return false;
}

void authn_add_error(struct authn_request *r, const char *fmt, ...)
{
	struct str text;
	char *formatted;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&formatted, fmt, ap) < 0)
		formatted = NULL;
	va_end(ap);
	text = str_from(formatted ? formatted : "authentication failed");
	if (!has_error(r, text)) {
		strbuf_add_str(&r->errors, text);
		strbuf_add_char(&r->errors, '\0');
	}
	free(formatted);
}

/* One text stays as it is, several become `[a, b]`. */
static void join_errors(struct authn_request *r)
{
	struct str rest = str_make(r->errors.p, r->errors.n - 1), one;
	struct strbuf joined = STRBUF_INIT;
	size_t n = 0;

	while (str_next(&rest, '\0', &one)) {
		strbuf_add_cstr(&joined, n++ ? ", " : "[");
		strbuf_add_str(&joined, one);
	}
	strbuf_add_char(&joined, ']');
	strbuf_clear(&r->errors);
	strbuf_add_str(&r->errors, n > 1 ? strbuf_str(&joined) :
		       str_slice(strbuf_str(&joined), 1, joined.n - 1));
	strbuf_fini(&joined);
}

static enum authn_result ask(struct authn_request *r, const struct authn_ops *ops)
{
	enum authn_result result = AUTHN_NONE;

	if (ops->is_configured(r->config))
		result = ops->authenticate(r);
	if (result != AUTHN_PENDING)
		end_pending(r);
	if (result == AUTHN_ACCEPT)
		r->method = ops->name;
	return result;
}

static enum authn_result accept_user(struct authn_request *r)
{
	strbuf_clear(&r->errors);
	user_add_authenticated(&r->user, r->arena);
	return AUTHN_ACCEPT;
}

enum authn_result authn_chain_run_list(struct authn_request *r,
				       const struct authn_ops *const *list)
{
	for (; list[r->step]; r->step++) {
		switch (ask(r, list[r->step])) {
		case AUTHN_ACCEPT:
			return accept_user(r);
		case AUTHN_PENDING:
			return AUTHN_PENDING;
		case AUTHN_ERROR:
			if (!r->errors.n)
				authn_add_error(r, "%s: failed", list[r->step]->name);
			break;
		case AUTHN_NONE:
			break;
		}
	}
	/* Anonymous is for those who presented nothing, not for those whose credential is bad. */
	if (!r->errors.n)
		return ask(r, &authn_anonymous);
	join_errors(r);
	return AUTHN_ERROR;
}

enum authn_result authn_chain_run(struct authn_request *r)
{
	return authn_chain_run_list(r, members);
}
