/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/media.h"

#include "base/mem.h"

static const struct {
	struct str type;
	enum body_media media;
} objects[] = {
	{ { "application/json", 16 }, BODY_JSON },
	{ { "application/yaml", 16 }, BODY_YAML },
	{ { "application/vnd.kubernetes.protobuf", 35 }, BODY_PROTOBUF },
}, patches[] = {
	{ { "application/json-patch+json", 27 }, BODY_JSON_PATCH },
	{ { "application/merge-patch+json", 28 }, BODY_MERGE_PATCH },
	{ { "application/strategic-merge-patch+json", 38 }, BODY_STRATEGIC_PATCH },
	{ { "application/apply-patch+yaml", 28 }, BODY_APPLY },
};

static enum body_media find_patch(struct str type)
{
	for (size_t i = 0; i < array_size(patches); i++)
		if (str_eq(type, patches[i].type))
			return patches[i].media;
	return BODY_UNKNOWN;
}

/* go-restful routes by the pieces of a list, the handler then reads the whole value. */
static enum body_media patch_media(struct str value)
{
	struct str rest = value, piece;
	bool is_routed = false;
	ptrdiff_t at;

	while (!is_routed && str_next(&rest, ',', &piece)) {
		at = str_find(piece, ';', 0);
		piece = at < 0 ? piece : str_slice(piece, 0, (size_t)at);
		is_routed = find_patch(str_trim(piece)) != BODY_UNKNOWN;
	}
	if (!is_routed)
		return BODY_UNROUTED;
	at = str_find(value, ';', 0);
	return find_patch(at > 0 ? str_slice(value, 0, (size_t)at) : value);
}

/* RFC 2045's token, by Go's mime package. */
static size_t token_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] > 0x20 && s.p[n] < 0x7f && !strchr("()<>@,;:\\\"/[]?=", s.p[n]))
		n++;
	return n;
}

static struct str skip_blanks(struct str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	return s;
}

/* The length of a token or of a quoted string with its quotes; 0: it is neither. */
static size_t value_length(struct str s)
{
	if (!s.n || s.p[0] != '"')
		return token_length(s);
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		i += s.p[i] == '\\';
	}
	return 0;
}

/* Cuts one `; name=value` off *s. */
static bool next_parameter(struct str *s, struct str *name)
{
	size_t n;

	*s = skip_blanks(str_skip(*s, 1));
	n = token_length(*s);
	*name = str_slice(*s, 0, n);
	*s = skip_blanks(str_skip(*s, n));
	if (!n || !s->n || s->p[0] != '=')
		return false;
	*s = skip_blanks(str_skip(*s, 1));
	n = value_length(*s);
	*s = skip_blanks(str_skip(*s, n));
	return n > 0;
}

#define PARAMETERS_MAX 16

/* Well-formed, no name twice; what they say is of no consequence. */
static bool parameters_are_fine(struct str s)
{
	struct str names[PARAMETERS_MAX];

	s = skip_blanks(s);
	for (size_t n = 0; s.n && !str_eq(str_trim(s), STR(";")); n++) {
		if (n == PARAMETERS_MAX || s.p[0] != ';' || !next_parameter(&s, &names[n]))
			return false;
		for (size_t i = 0; i < n; i++)
			if (str_eq_nocase(names[i], names[n]))
				return false;
	}
	return true;
}

static enum body_media object_media(struct str value)
{
	ptrdiff_t at = str_find(value, ';', 0);
	struct str type = str_trim(at < 0 ? value : str_slice(value, 0, (size_t)at));

	if (!value.n)
		return BODY_JSON;
	if (at >= 0 && !parameters_are_fine(str_skip(value, (size_t)at)))
		return BODY_UNKNOWN;
	for (size_t i = 0; i < array_size(objects); i++)
		if (str_eq_nocase(type, objects[i].type))
			return objects[i].media;
	return BODY_UNKNOWN;
}

enum body_media body_media(const struct http_headers *headers, bool is_patch)
{
	const struct str *type = http_field_get(headers, HTTP_CONTENT_TYPE);
	const struct str *encoding = http_field_get(headers, HTTP_CONTENT_ENCODING);
	struct str value = type ? *type : STR_NULL;

	if (http_field_count(headers, HTTP_CONTENT_TYPE) > 1 ||
	    http_field_count(headers, HTTP_CONTENT_ENCODING) > 1 ||
	    (encoding && encoding->n && !str_eq_nocase(*encoding, STR("identity"))))
		return BODY_UNKNOWN;
	return is_patch ? patch_media(value) : object_media(value);
}

#define REFUSAL "the body of the request was in an unknown format - accepted media types include: "

struct str body_media_refusal(enum body_media m, bool is_patch)
{
	if (m == BODY_UNROUTED)
		return STR("415: Unsupported Media Type");
	if (is_patch)
		return STR(REFUSAL "application/json-patch+json, application/merge-patch+json, "
			   "application/strategic-merge-patch+json, application/apply-patch+yaml");
	return STR(REFUSAL "application/json, application/yaml, "
		   "application/vnd.kubernetes.protobuf");
}
