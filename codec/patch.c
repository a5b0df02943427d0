/* SPDX-License-Identifier: Apache-2.0 */
/* What the three types of patches have in common: their errors, limits and texts. */
#include "config.h"

#include "codec/patch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/patch_run.h"

enum patch_result patch_apply(enum patch_type type, const struct schema_message *m,
			      json_t *document, json_t *patch, json_t **out, struct strbuf *why)
{
	struct patch_run run = { .why = why, .result = PATCH_OK };

	*out = NULL;
	switch (type) {
	case PATCH_JSON:
		*out = patch_json_apply(&run, document, patch);
		break;
	case PATCH_MERGE:
		*out = patch_merge_apply(&run, document, patch);
		break;
	case PATCH_STRATEGIC:
		*out = patch_strategic_apply(&run, m, document, patch);
		break;
	}
	return run.result;
}

json_t *patch_fail(struct patch_run *run, enum patch_result result, const char *fmt, ...)
{
	va_list args;
	char *text;

	if (run->result != PATCH_OK)
		return NULL;
	run->result = result;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text)
		strbuf_add_cstr(run->why, text);
	free(text);
	return NULL;
}

json_t *patch_fail_panic(struct patch_run *run)
{
	return patch_fail(run, PATCH_INTERNAL, "This request caused apiserver to panic. "
			  "Look in the logs for details.");
}

bool patch_step(struct patch_run *run, size_t n)
{
	run->steps += n;
	if (run->steps > PATCH_STEPS_MAX)
		patch_fail(run, PATCH_REFUSED, "the patch takes more than %d steps",
			   PATCH_STEPS_MAX);
	return run->result == PATCH_OK;
}

const char *patch_prefixed_field(const char *member, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(member, prefix, n) && member[n] == '/' ? member + n + 1 : NULL;
}

static const struct {
	const char *json, *go;
} type_names[] = {
	[JSON_OBJECT] = { "object", "map[string]interface {}" },
	[JSON_ARRAY] = { "array", "[]interface {}" },
	[JSON_STRING] = { "string", "string" },
	[JSON_INTEGER] = { "number", "int64" },
	[JSON_REAL] = { "number", "float64" },
	[JSON_TRUE] = { "bool", "bool" },
	[JSON_FALSE] = { "bool", "bool" },
	[JSON_NULL] = { "null", "%!s(<nil>)" },
};

const char *patch_type_name(const json_t *v)
{
	return type_names[json_typeof(v)].json;
}

const char *patch_go_type(const json_t *v)
{
	return type_names[json_typeof(v)].go;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Go prints maps in the order of their keys. */
static void print_object(struct strbuf *out, json_t *v)
{
	const char **keys = xreallocarray(NULL, json_object_size(v) + 1, sizeof(*keys)), *key;
	size_t n = 0;
	json_t *value;

	json_object_foreach(v, key, value)
		keys[n++] = key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	strbuf_add_cstr(out, "map[");
	for (size_t i = 0; i < n && out->n <= PATCH_PRINT_MAX; i++) {
		strbuf_addf(out, i ? " %s:" : "%s:", keys[i]);
		patch_print(out, json_object_get(v, keys[i]));
	}
	strbuf_add_char(out, ']');
	free(keys);
}

static void print_array(struct strbuf *out, json_t *v)
{
	json_t *one;
	size_t i;

	strbuf_add_char(out, '[');
	json_array_foreach(v, i, one) {
		if (out->n > PATCH_PRINT_MAX)
			break;
		if (i)
			strbuf_add_char(out, ' ');
		patch_print(out, one);
	}
	strbuf_add_char(out, ']');
}

/* The shortest text that reads as the same number. */
static void print_real(struct strbuf *out, double v)
{
	char text[40];

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	strbuf_add_cstr(out, text);
}

void patch_print(struct strbuf *out, json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		print_object(out, v);
		break;
	case JSON_ARRAY:
		print_array(out, v);
		break;
	case JSON_STRING:
		strbuf_add(out, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		strbuf_addf(out, "%" PRId64, (int64_t)json_integer_value(v));
		break;
	case JSON_REAL:
		print_real(out, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		strbuf_add_cstr(out, json_is_true(v) ? "true" : "false");
		break;
	case JSON_NULL:
		strbuf_add_cstr(out, "<nil>");
		break;
	}
}
