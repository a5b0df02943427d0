/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/json.h"

#include "base/err.h"
#include "codec/json_check.h"

/* The position behind the string that starts before `i`. */
static size_t skip_string(struct str s, size_t i)
{
	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i + 1;
}

int json_check_limits(struct str text)
{
	return json_check_values(text, JSON_VALUES_MAX);
}

int json_check_values(struct str text, size_t values_max)
{
	size_t depth = 0, values = 1;

	if (text.n > JSON_SIZE_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < text.n;) {
		char c = text.p[i++];

		if (c == '"')
			i = skip_string(text, i);
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth)
			depth--;
		values += c == ',' || c == '{' || c == '[';
		if (depth > JSON_DEPTH_MAX || values > values_max)
			return ERR_LIMIT;
	}
	return 0;
}

int json_read(struct str text, json_t **out, int *line)
{
	int rc = json_check_limits(text);
	json_error_t error;

	if (line)
		*line = 1;
	*out = NULL;
	if (rc < 0)
		return rc;
	*out = json_loadb(text.p ? text.p : "", text.n,
			  JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (*out)
		return 0;
	/* An integer beyond 64 bits: once more with all of them as reals. */
	if (json_error_code(&error) == json_error_numeric_overflow)
		*out = json_loadb(text.p, text.n,
				  JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
				  &error);
	if (line && error.line > 0)
		*line = error.line;
	return *out ? 0 : ERR_SYNTAX;
}
