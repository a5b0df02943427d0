/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares patching with kube-apiserver's: reads lines of JSON that tests/apiserver/patches makes,
 * each with a document, a patch and what became of it there, and says "N passed, N failed".  With
 * the argument -keys it prints the table of merge keys as `apiserver-tools patches -keys` does.
 *
 * Whatever kube-apiserver makes of a patch, a field that patch_touches() says is not touched must
 * be as it was: that is what lets requests pass unseen.
 *
 * Refusing is always safe, but a test that refuses everything shows nothing: of the patches that
 * have one answer there, at most REFUSED_MAX in a hundred may be refused.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "codec/json.h"
#include "codec/patch_run.h"

#define REFUSED_MAX 5
#define SHOWN_MAX 20		/* failures, in full */

static unsigned passed, failed, refused, defined, untouched;

static bool same(json_t *a, json_t *b);

static bool same_object(json_t *a, json_t *b)
{
	const char *key;
	json_t *one;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(a, key, one) {
		json_t *other = json_object_get(b, key);

		if (!other || !same(one, other))
			return false;
	}
	return true;
}

static bool same_array(json_t *a, json_t *b)
{
	json_t *one;
	size_t i;

	if (json_array_size(a) != json_array_size(b))
		return false;
	json_array_foreach(a, i, one)
		if (!same(one, json_array_get(b, i)))
			return false;
	return true;
}

/* Go writes 1.0 as 1: numbers are compared by value. */
static bool same(json_t *a, json_t *b)
{
	if (json_is_object(a) && json_is_object(b))
		return same_object(a, b);
	if (json_is_array(a) && json_is_array(b))
		return same_array(a, b);
	if (json_is_number(a) && json_is_number(b))
		return !(json_number_value(a) < json_number_value(b)) &&
		       !(json_number_value(a) > json_number_value(b));
	return json_equal(a, b);
}

static enum patch_type type_of(const char *name)
{
	if (!strcmp(name, "json"))
		return PATCH_JSON;
	return !strcmp(name, "merge") ? PATCH_MERGE : PATCH_STRATEGIC;
}

static int status_of(enum patch_result result)
{
	switch (result) {
	case PATCH_OK:
		return 200;
	case PATCH_BAD_REQUEST:
		return 400;
	case PATCH_TOO_LARGE:
		return 413;
	case PATCH_INVALID:
		return 422;
	case PATCH_INTERNAL:
		return 500;
	case PATCH_REFUSED:
		break;
	}
	return 400;
}

static const char *text_member(json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

/* After a panic there (status 0) any error will do. */
static bool answer_fits(json_t *answer, enum patch_result result, json_t *out, const char *why)
{
	int status = (int)json_integer_value(json_object_get(answer, "status"));

	if (!status)
		return result != PATCH_OK;
	if (status != status_of(result))
		return false;
	if (result == PATCH_OK)
		return same(out, json_object_get(answer, "result"));
	return !*text_member(answer, "text") || !strcmp(why, text_member(answer, "text"));
}

/* An answer that is not always the same: an error must be one here, anything else be refused. */
static bool is_error_always(json_t *answers)
{
	json_t *one;
	size_t i;

	json_array_foreach(answers, i, one)
		if (json_integer_value(json_object_get(one, "status")) == 200)
			return false;
	return true;
}

static json_t *at_path(json_t *v, const char *path)
{
	char name[64];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		v = json_object_get(v, name);
		path += n + (path[n] == '.');
	}
	return v;
}

/* Did a patch of kube-apiserver's write a field that it was said not to touch? */
static bool wrote_unseen(json_t *line, json_t *patch, json_t *result)
{
	static const char *const paths[] = {
		"metadata.labels", "metadata.ownerReferences", "metadata.finalizers", "spec",
		"spec.taints", "spec.podCIDRs", "status.conditions", "status.capacity",
		"status.resourceClaimStatuses",
	};
	json_t *document = json_object_get(line, "document");

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		json_t *before = at_path(document, paths[i]), *after = at_path(result, paths[i]);

		if (patch_touches(type_of(text_member(line, "type")), patch, &paths[i], 1))
			continue;
		untouched++;
		if (before ? !after || !same(before, after) : after != NULL) {
			printf("FAIL %s was written unseen\n", paths[i]);
			return true;
		}
	}
	return false;
}

static bool any_wrote_unseen(json_t *line, json_t *patch)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(line, "answers"), i, one)
		if (json_integer_value(json_object_get(one, "status")) == 200 &&
		    wrote_unseen(line, patch, json_object_get(one, "result")))
			return true;
	return false;
}

static void show(json_t *line, json_t *out, enum patch_result result, const char *why)
{
	char *text = json_dumps(line, JSON_COMPACT);
	char *got = out ? json_dumps(out, JSON_COMPACT) : NULL;

	if (failed <= SHOWN_MAX)
		printf("FAIL %s\n  got %d %s%s\n", text ? text : "", (int)result, why,
		       got ? got : "");
	free(text);
	free(got);
}

static enum patch_result apply(json_t *line, json_t *patch, json_t **out, struct strbuf *why)
{
	enum patch_type type = type_of(text_member(line, "type"));
	struct str text = str_from(text_member(line, "patch"));

	*out = NULL;
	if (patch_check_text(type, patch, text, why) != PATCH_OK)
		return PATCH_REFUSED;
	return patch_apply(type, schema_message_find(text_member(line, "message")),
			   json_object_get(line, "document"), patch, out, why);
}

static void judge(json_t *line, json_t *patch)
{
	json_t *answers = json_object_get(line, "answers"), *out;
	struct strbuf why = STRBUF_INIT;
	enum patch_result result = apply(line, patch, &out, &why);
	bool one = json_array_size(answers) == 1, fits;

	if (result == PATCH_REFUSED)
		fits = true;
	else if (one)
		fits = answer_fits(json_array_get(answers, 0), result, out,
				   why.p ? why.p : "");
	else
		fits = is_error_always(answers) && result != PATCH_OK;
	fits = fits && !any_wrote_unseen(line, patch);
	defined += one;
	refused += one && result == PATCH_REFUSED;
	passed += fits;
	failed += !fits;
	if (one && result == PATCH_REFUSED)
		printf("# refused: %s\n", why.p ? why.p : "");
	if (!fits)
		show(line, out, result, why.p ? why.p : "");
	json_decref(out);
	strbuf_fini(&why);
}

static void read_line(const char *text, size_t n)
{
	json_t *line = NULL, *patch = NULL;

	if (json_read(str_make(text, n), &line, NULL) ||
	    json_read(str_from(text_member(line, "patch")), &patch, NULL)) {
		printf("FAIL not understood: %.*s\n", (int)n, text);
		failed++;
	} else {
		judge(line, patch);
	}
	json_decref(line);
	json_decref(patch);
}

static void print_keys(void)
{
	const char *message, *field, *key;

	for (size_t i = 0; patch_merge_key_row(i, &message, &field, &key); i++)
		printf("%s %s key=%s\n", message, field, key ? key : "");
}

int main(int argc, char **argv)
{
	char *text = NULL;
	size_t cap = 0;
	ssize_t n;

	if (argc > 1 && !strcmp(argv[1], "-keys")) {
		print_keys();
		return 0;
	}
	while ((n = getline(&text, &cap, stdin)) > 0)
		read_line(text, (size_t)n);
	free(text);
	if (defined && refused * 100 <= defined * REFUSED_MAX)
		passed++;
	else
		failed++;
	printf("# %u of %u patches with one answer were refused\n", refused, defined);
	printf("# %u fields were said not to be touched, and were not\n", untouched);
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
