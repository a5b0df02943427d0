/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/h1_check.h"

#include "base/err.h"
#include "base/mem.h"

/* ---- the line scanner ---- */

static enum h1_fault value_fault(struct str value)
{
	if (http_is_field_value(value))
		return H1_FAULT_NONE;
	return str_find(value, '\r', 0) >= 0 ? H1_FAULT_BARE_CR : H1_FAULT_VALUE;
}

static enum h1_fault field_fault(struct str line)
{
	ptrdiff_t colon;
	struct str name;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return H1_FAULT_OBS_FOLD;
	colon = str_find(line, ':', 0);
	if (colon < 0)
		return str_find(line, '\r', 0) >= 0 ? H1_FAULT_BARE_CR : H1_FAULT_NO_COLON;
	if (colon == 0)
		return H1_FAULT_EMPTY_NAME;
	name = str_slice(line, 0, (size_t)colon);
	if (!http_is_token(name)) {
		if (str_find(name, '\r', 0) >= 0)
			return H1_FAULT_BARE_CR;
		return str_trim(name).n < name.n ? H1_FAULT_BLANK_BEFORE_COLON : H1_FAULT_NAME;
	}
	return value_fault(str_skip(line, (size_t)colon + 1));
}

enum h1_fault h1_lines_scan(struct h1_lines *s, const char *p, size_t n, size_t *end)
{
	const char *lf;

	*end = 0;
	while (s->seen < n && (lf = memchr(p + s->seen, '\n', n - s->seen))) {
		struct str line = str_make(p + s->at, (size_t)(lf - (p + s->at)));
		bool is_start = s->at == 0 && s->has_start_line;
		enum h1_fault fault;

		if (!line.n || line.p[line.n - 1] != '\r')
			return H1_FAULT_BARE_LF;
		line.n--;
		s->at = s->seen = (size_t)(lf - p) + 1;
		if (!line.n && !is_start) {
			*end = s->at;
			return H1_FAULT_NONE;
		}
		fault = is_start ? value_fault(line) : field_fault(line);
		if (fault)
			return is_start && fault == H1_FAULT_VALUE ? H1_FAULT_PARSER : fault;
	}
	s->seen = n;
	return H1_FAULT_NONE;
}

bool h1_head_split(struct h1_head *head)
{
	ptrdiff_t first = str_find(head->line, ' ', 0);
	ptrdiff_t second = first < 0 ? -1 : str_find(head->line, ' ', (size_t)first + 1);

	head->method = head->target = head->version = STR_NULL;
	if (second < 0)
		return false;
	head->method = str_slice(head->line, 0, (size_t)first);
	head->target = str_slice(head->line, (size_t)first + 1, (size_t)second);
	head->version = str_skip(head->line, (size_t)second + 1);
	return head->method.n && head->target.n && head->version.n &&
	       str_find(head->version, ' ', 0) < 0;
}

/* ---- the refusals ---- */

int64_t h1_content_length(const struct http_headers *h)
{
	const struct str *value = http_field_get(h, HTTP_CONTENT_LENGTH);
	uint64_t n;

	if (!value)
		return -1;
	if (http_field_count(h, HTTP_CONTENT_LENGTH) > 1 || str_to_u64(*value, &n) ||
	    n > INT64_MAX)
		return -2;
	return (int64_t)n;
}

static bool bad_request_line(const struct h1_head *head)
{
	return !head->method.n || !head->target.n || !head->version.n ||
	       str_find(head->version, ' ', 0) >= 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* HTTP/d.d, the only form of a version. */
static bool is_version(struct str v)
{
	return v.n == 8 && str_has_prefix(v, STR("HTTP/")) && is_digit(v.p[5]) && v.p[6] == '.' &&
	       is_digit(v.p[7]);
}

static bool bad_version(const struct h1_head *head)
{
	return !is_version(head->version);
}

static bool other_version(const struct h1_head *head)
{
	return !str_eq(head->version, STR("HTTP/1.1")) && !str_eq(head->version, STR("HTTP/1.0"));
}

static bool bad_method(const struct h1_head *head)
{
	return !http_is_token(head->method);
}

static bool is_connect(const struct h1_head *head)
{
	return str_eq(head->method, STR("CONNECT"));
}

/* Visible ASCII only: a documented difference for bytes from 0x80 on. */
static bool bad_target_byte(const struct h1_head *head)
{
	for (size_t i = 0; i < head->target.n; i++) {
		unsigned char c = (unsigned char)head->target.p[i];

		if (c < 0x21 || c >= 0x7f)
			return true;
	}
	return false;
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* `scheme://host`, with a host that is not empty. */
static bool is_absolute_form(struct str t)
{
	ptrdiff_t at = str_find_str(t, STR("://"));
	size_t host;

	if (at <= 0)
		return false;
	for (size_t i = 0; i < (size_t)at; i++)
		if (!is_alpha(t.p[i]))
			return false;
	host = (size_t)at + 3;
	return host < t.n && !strchr("/?#", t.p[host]);
}

static bool bad_target_form(const struct h1_head *head)
{
	if (str_eq(head->target, STR("*")))
		return !str_eq(head->method, STR("OPTIONS"));
	return !head->target.n || (head->target.p[0] != '/' && !is_absolute_form(head->target));
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* In the path: an invalid escape of the query only makes its parameter disappear. */
static bool bad_escape(const struct h1_head *head)
{
	ptrdiff_t query = str_find(head->target, '?', 0);
	struct str path = query < 0 ? head->target : str_slice(head->target, 0, (size_t)query);

	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '%' &&
		    (i + 2 >= path.n || !is_hex(path.p[i + 1]) || !is_hex(path.p[i + 2])))
			return true;
	return false;
}

static bool several_hosts(const struct h1_head *head)
{
	return http_field_count(head->headers, HTTP_HOST) > 1;
}

static bool missing_host(const struct h1_head *head)
{
	return str_eq(head->version, STR("HTTP/1.1")) &&
	       !http_field_has(head->headers, HTTP_HOST);
}

/* The bytes that Go's net/http allows; an empty one is allowed. */
static bool bad_host(const struct h1_head *head)
{
	const struct str *host = http_field_get(head->headers, HTTP_HOST);

	for (size_t i = 0; host && i < host->n; i++) {
		char c = host->p[i];

		if (!is_alpha(c) && !is_digit(c) && !(c && strchr("!$%&'()*+,-.:;=[]_~", c)))
			return true;
	}
	return false;
}

static bool both_lengths(const struct h1_head *head)
{
	return http_field_has(head->headers, HTTP_TRANSFER_ENCODING) &&
	       http_field_has(head->headers, HTTP_CONTENT_LENGTH);
}

static bool bad_length(const struct h1_head *head)
{
	return h1_content_length(head->headers) == -2;
}

/* HTTP/1.0 has no codings: whoever stands in front may have read the body otherwise. */
static bool coding_in_10(const struct h1_head *head)
{
	return str_eq(head->version, STR("HTTP/1.0")) &&
	       http_field_has(head->headers, HTTP_TRANSFER_ENCODING);
}

static bool other_coding(const struct h1_head *head)
{
	const struct str *te = http_field_get(head->headers, HTTP_TRANSFER_ENCODING);

	return te && (http_field_count(head->headers, HTTP_TRANSFER_ENCODING) > 1 ||
		      !str_eq_nocase(*te, STR("chunked")));
}

static bool other_expectation(const struct h1_head *head)
{
	const struct str *expect = http_field_get(head->headers, HTTP_EXPECT);

	return expect && expect->n &&
	       !http_field_has_token(head->headers, HTTP_EXPECT, STR("100-continue"));
}

static bool long_connection(const struct h1_head *head)
{
	size_t n = 0;

	for (size_t i = 0; i < head->headers->n; i++)
		if (head->headers->v[i].field == HTTP_CONNECTION)
			n += head->headers->v[i].value.n;
	return n > H1_CONNECTION_MAX;
}

/* In order: what is wrong with the bytes, with the request line, with the fields. */
static const struct h1_refusal refusals[] = {
	{ "head too large", H1_FAULT_HEAD_TOO_LARGE, NULL, 431, NULL, NULL, true },
	{ "too many fields", H1_FAULT_TOO_MANY_FIELDS, NULL, 431, NULL, NULL, true },
	{ "bare LF", H1_FAULT_BARE_LF, NULL, 400, NULL, NULL, false },
	{ "bare CR", H1_FAULT_BARE_CR, NULL, 400, NULL, NULL, false },
	{ "folded line", H1_FAULT_OBS_FOLD, NULL, 400, NULL, NULL, false },
	{ "line without colon", H1_FAULT_NO_COLON, NULL, 400, NULL, NULL, false },
	{ "empty field name", H1_FAULT_EMPTY_NAME, NULL, 400, NULL, NULL, false },
	{ "blank before colon", H1_FAULT_BLANK_BEFORE_COLON, NULL, 400, NULL, NULL, false },
	{ "illegal field name", H1_FAULT_NAME, NULL, 400, "invalid header name", NULL, true },
	{ "illegal field value", H1_FAULT_VALUE, NULL, 400, "invalid header value", NULL, true },
	{ "chunk framing", H1_FAULT_CHUNK, NULL, 400, NULL, NULL, false },
	{ "trailers too large", H1_FAULT_TRAILERS_TOO_LARGE, NULL, 431, NULL, NULL, false },
	{ "request line", H1_FAULT_NONE, bad_request_line, 400, NULL, NULL, false },
	{ "malformed version", H1_FAULT_NONE, bad_version, 400, NULL, NULL, false },
	{ "other version", H1_FAULT_NONE, other_version, 505, "unsupported protocol version", NULL,
	  false },
	{ "malformed method", H1_FAULT_NONE, bad_method, 400, NULL, NULL, true },
	{ "CONNECT", H1_FAULT_NONE, is_connect, 400, NULL, NULL, true },
	{ "target byte", H1_FAULT_NONE, bad_target_byte, 400, NULL, NULL, true },
	{ "target form", H1_FAULT_NONE, bad_target_form, 400, NULL, NULL, true },
	{ "target escape", H1_FAULT_NONE, bad_escape, 400, NULL, NULL, true },
	{ "parser: transfer coding", H1_FAULT_TRANSFER_CODING, NULL, 501, NULL,
	  "Unsupported transfer encoding", false },
	{ "parser: version", H1_FAULT_VERSION, NULL, 505, "unsupported protocol version", NULL,
	  false },
	{ "parser", H1_FAULT_PARSER, NULL, 400, NULL, NULL, false },
	{ "several hosts", H1_FAULT_NONE, several_hosts, 400, NULL, NULL, true },
	{ "missing host", H1_FAULT_NONE, missing_host, 400, "missing required Host header", NULL,
	  false },
	{ "illegal host", H1_FAULT_NONE, bad_host, 400, "malformed Host header", NULL, true },
	{ "both lengths", H1_FAULT_NONE, both_lengths, 400, NULL, NULL, true },
	{ "malformed length", H1_FAULT_NONE, bad_length, 400, NULL, NULL, true },
	{ "coding in HTTP/1.0", H1_FAULT_NONE, coding_in_10, 400, NULL, NULL, false },
	{ "other coding", H1_FAULT_NONE, other_coding, 501, NULL, "Unsupported transfer encoding",
	  false },
	{ "other expectation", H1_FAULT_NONE, other_expectation, 417, NULL, "", true },
	{ "long connection field", H1_FAULT_NONE, long_connection, 431, NULL, NULL, false },
};

const struct h1_refusal *h1_refuse(const struct h1_head *head, bool http2)
{
	for (size_t i = 0; i < array_size(refusals); i++) {
		const struct h1_refusal *r = &refusals[i];

		if (http2 && !r->http2)
			continue;
		if (r->applies ? r->applies(head) : r->fault == head->fault)
			return r;
	}
	return NULL;
}
