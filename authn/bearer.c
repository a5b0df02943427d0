/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/bearer.h"

#include "authn/secret_base64.h"
#include "authn/authn_config.h"
#include "authn/members.h"
#include "authn/service_account.h"
#include "authn/token_file.h"
#include "base/err.h"
#include "base/utf8.h"

#define EXTRA_SPACE_WARNING \
	"299 - \"the provided Authorization header contains extra space before the bearer " \
	"token, and is ignored\""

/* White space as Go's strings.TrimSpace knows it (Unicode White_Space). */
static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/* The length of the white space character that s ends with, or 0. */
static size_t trailing_space(struct str s)
{
	uint32_t c;

	for (size_t n = 1; n <= 3 && n <= s.n; n++)
		if (utf8_decode(s.p + s.n - n, n, &c) == n)
			return is_space(c) ? n : 0;
	return 0;
}

static struct str trim_space(struct str s)
{
	uint32_t c;
	size_t n;

	while (s.n && (n = utf8_decode(s.p, s.n, &c)) && is_space(c))
		s = str_skip(s, n);
	while ((n = trailing_space(s)))
		s.n -= n;
	return s;
}

struct str bearer_token_from_header(struct str value, bool *extra_space)
{
	struct str rest = trim_space(value), scheme, token;

	*extra_space = false;
	if (!str_next(&rest, ' ', &scheme) || !str_eq_nocase(scheme, STR("bearer")) ||
	    !str_next(&rest, ' ', &token))
		return STR_NULL;
	/* Behind an empty token there is a third part: the value does not end with a blank. */
	*extra_space = !token.n;
	return token;
}

/* The chain of token authenticators; after PENDING it goes on where it waits. */
static enum authn_result authenticate_token(struct authn_request *r, struct str token)
{
	const struct token_file *f = r->config->tokens;
	const struct user *u = f && !r->pending ? token_file_find(f, token) : NULL;
	enum authn_result result;

	if (u) {
		user_copy(&r->user, u, r->arena);
		return AUTHN_ACCEPT;
	}
	result = service_account_authenticate(r, token);
	if (result != AUTHN_NONE)
		return result;
	authn_add_error(r, "invalid bearer token");
	return AUTHN_ERROR;
}

/*
 * Always: every kube-apiserver since 1.20 has token authenticators, for service accounts, so an
 * unknown token is never treated as if nothing had been presented.
 */
static bool is_configured(const struct authn_config *c)
{
	(void)c;
	return true;
}

static enum authn_result authenticate_header(struct authn_request *r)
{
	const struct str *value = http_field_get(r->headers, HTTP_AUTHORIZATION);
	struct str token;
	bool extra_space;

	if (!value)
		return AUTHN_NONE;
	token = bearer_token_from_header(*value, &extra_space);
	return token.n ? authenticate_token(r, token) : AUTHN_NONE;
}

/*
 * kube-apiserver looks for its own loopback token before everything else, so that it warns of the
 * extra space whoever is accepted afterwards.  There is no such token here.
 */
static enum authn_result look_at_header(struct authn_request *r)
{
	const struct str *value = http_field_get(r->headers, HTTP_AUTHORIZATION);
	bool extra_space = false;

	if (value)
		bearer_token_from_header(*value, &extra_space);
	if (extra_space)
		r->warning = STR(EXTRA_SPACE_WARNING);
	return AUTHN_NONE;
}

const struct authn_ops authn_loopback = { "loopback", is_configured, look_at_header };

const struct authn_ops authn_bearer = { "bearer", is_configured, authenticate_header };

static bool contains_upgrade(struct str s)
{
	for (; s.n >= 7; s = str_skip(s, 1))
		if (str_has_prefix_nocase(s, STR("upgrade")))
			return true;
	return false;
}

/* kube-apiserver's test: the first Upgrade field, and any Connection field. */
static bool is_websocket(const struct http_headers *h)
{
	const struct str *upgrade = http_field_get(h, HTTP_UPGRADE);

	if (!upgrade || !str_eq_nocase(*upgrade, STR("websocket")))
		return false;
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].field == HTTP_CONNECTION &&
		    contains_upgrade(h->v[i].value))
			return true;
	return false;
}

/* Walks the elements of all Sec-WebSocket-Protocol fields, trimmed. */
struct elements {
	const struct http_headers *h;
	size_t field;		/* the next field */
	bool inside;		/* rest belongs to a field that is being read */
	struct str rest;
};

static bool next_element(struct elements *e, struct str *element)
{
	for (;;) {
		if (e->inside && str_next(&e->rest, ',', element)) {
			*element = trim_space(*element);
			return true;
		}
		e->inside = false;
		while (e->field < e->h->n &&
		       e->h->v[e->field].field != HTTP_SEC_WEBSOCKET_PROTOCOL)
			e->field++;
		if (e->field == e->h->n)
			return false;
		e->rest = e->h->v[e->field++].value;
		e->inside = true;
	}
}

static bool is_bearer_element(struct str element)
{
	return str_has_prefix(element, STR(WEBSOCKET_BEARER_PREFIX));
}

static const char *decode_element(struct str element, struct strbuf *token)
{
	struct str encoded = str_skip(element, sizeof(WEBSOCKET_BEARER_PREFIX) - 1);

	if (secret_base64_decode(encoded, BASE64_URL_RAW, token))
		return "invalid base64.bearer.authorization token encoding";
	if (!str_is_utf8(strbuf_str(token)))
		return "invalid base64.bearer.authorization token";
	return NULL;
}

int bearer_token_from_protocols(const struct http_headers *h, struct strbuf *token,
				const char **why)
{
	struct elements e = { .h = h };
	size_t bearers = 0, others = 0;
	struct str element;

	if (!is_websocket(h))
		return 0;
	*why = NULL;
	while (!*why && next_element(&e, &element)) {
		if (!is_bearer_element(element))
			others++;
		else if (bearers++)
			*why = "multiple base64.bearer.authorization tokens specified";
		else
			*why = decode_element(element, token);
	}
	if (!*why && token->n && !others)
		*why = "missing additional subprotocol";
	return *why ? ERR_SYNTAX : 0;
}

static enum authn_result authenticate_protocols(struct authn_request *r)
{
	struct strbuf token = STRBUF_INIT;
	enum authn_result result = AUTHN_NONE;
	const char *why;

	if (bearer_token_from_protocols(r->headers, &token, &why)) {
		authn_add_error(r, "%s", why);
		result = AUTHN_ERROR;
	} else if (token.n) {
		result = authenticate_token(r, strbuf_str(&token));
	}
	strbuf_fini_secret(&token);
	return result;
}

const struct authn_ops authn_websocket_bearer = {
	"websocket-bearer", is_configured, authenticate_protocols,
};

void bearer_strip_protocols(struct http_headers *h)
{
	struct elements e = { .h = h };
	struct strbuf rest = STRBUF_INIT;
	size_t bearers = 0, others = 0;
	struct str element;

	while (next_element(&e, &element)) {
		if (is_bearer_element(element)) {
			bearers++;
			continue;
		}
		if (others++)
			strbuf_add_char(&rest, ',');
		strbuf_add_str(&rest, element);
	}
	if (bearers && others)
		http_field_set(h, HTTP_SEC_WEBSOCKET_PROTOCOL,
			       arena_str(h->arena, strbuf_str(&rest)));
	else if (bearers)
		http_field_remove(h, HTTP_BIT(HTTP_SEC_WEBSOCKET_PROTOCOL));
	strbuf_fini(&rest);
}
