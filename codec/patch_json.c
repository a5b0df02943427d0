/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Patch (RFC 6902) as kube-apiserver applies it.  The operations change one deep copy of the
 * document; what they put into it is copied from the patch, so that a later operation may change
 * it.  Pointers and indices that two readers could take differently are refused.
 */
#include "config.h"

#include "base/err.h"
#include "codec/json.h"
#include "codec/patch_run.h"

struct editor {
	struct patch_run *run;		/* borrowed */
	json_t *root;			/* owned */
	struct strbuf token;		/* the last one of the pointer that was read, unescaped */
	size_t copied;			/* bytes that the copies added */
	size_t depth;			/* of what the pointer names: its tokens */
};

static json_t *fail(struct editor *e)
{
	return patch_fail(e->run, PATCH_INVALID, PATCH_NOT_PROCESSED);
}

static int refuse(struct editor *e, const char *text)
{
	patch_fail(e->run, PATCH_REFUSED, "%s", text);
	return -1;
}

/* Unescapes ~0 and ~1 in one pass; any other ~ is an ordinary character. */
static void set_token(struct strbuf *to, struct str piece)
{
	strbuf_clear(to);
	strbuf_reserve(to, piece.n);
	for (size_t i = 0; i < piece.n; i++) {
		char c = piece.p[i];

		if (c == '~' && i + 1 < piece.n && (piece.p[i + 1] == '0' || piece.p[i + 1] == '1'))
			c = piece.p[++i] == '0' ? '~' : '/';
		strbuf_add_char(to, c);
	}
}

static const char *token(const struct editor *e)
{
	return e->token.p ? e->token.p : "";
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* The token as an index below `end`. */
static int array_index(struct editor *e, size_t end, size_t *out)
{
	struct str s = strbuf_str(&e->token);
	uint64_t at;

	if (s.n > 1 && (s.p[0] == '-' || s.p[0] == '+') && all_digits(str_skip(s, 1)))
		return refuse(e, "array index with a sign");
	if (s.n > 1 && s.p[0] == '0' && all_digits(s))
		return refuse(e, "array index with a leading zero");
	if (str_to_u64(s, &at) || at >= end) {
		fail(e);
		return -1;
	}
	*out = (size_t)at;
	return 0;
}

/* What the token names, borrowed; NULL for a missing member, and with an error for an element. */
static json_t *look_up(struct editor *e, json_t *in)
{
	size_t at;

	if (json_is_object(in))
		return json_object_get(in, token(e));
	return array_index(e, json_array_size(in), &at) ? NULL : json_array_get(in, at);
}

/* The container of what the pointer names, with e->token set; NULL: an error was noted. */
static json_t *container(struct editor *e, struct str pointer)
{
	json_t *v = e->root;
	struct str rest, piece;

	if (str_find(pointer, '/', 0) < 0)
		return fail(e);
	if (pointer.p[0] != '/' || memchr(pointer.p, 0, pointer.n)) {
		refuse(e, "JSON pointer that does not begin with a slash or has U+0000");
		return NULL;
	}
	e->depth = 0;
	rest = str_skip(pointer, 1);
	while (str_next(&rest, '/', &piece)) {
		if (e->depth++)
			v = look_up(e, v);
		if (!json_is_object(v) && !json_is_array(v))
			return fail(e);
		set_token(&e->token, piece);
	}
	return v;
}

static size_t depth_of(struct editor *e, json_t *v)
{
	size_t most = 0, i;
	const char *key;
	json_t *one;

	if (!patch_step(e->run, 1) || (!json_is_object(v) && !json_is_array(v)))
		return 0;
	json_object_foreach(v, key, one) {
		size_t depth = depth_of(e, one);

		most = depth > most ? depth : most;
	}
	json_array_foreach(v, i, one) {
		size_t depth = depth_of(e, one);

		most = depth > most ? depth : most;
	}
	return most + 1;
}

/* Moving the elements behind a place counts: a step is some sixteen of them. */
static bool array_step(struct editor *e, json_t *array, size_t at)
{
	return patch_step(e->run, (json_array_size(array) - at) / 16 + 1);
}

static void put_into_array(struct editor *e, json_t *array, json_t *value, bool replace)
{
	size_t n = json_array_size(array), at = n;
	bool at_end = !replace && str_eq(strbuf_str(&e->token), STR("-"));

	if (!at_end && array_index(e, replace ? n : n + 1, &at))
		return;
	if (replace)
		json_array_set(array, at, value);
	else if (array_step(e, array, at))
		json_array_insert(array, at, value);
}

/* Takes value over, which nothing else may hold. */
static void put(struct editor *e, json_t *to, json_t *value, bool replace)
{
	if (e->depth + depth_of(e, value) > JSON_DEPTH_MAX)
		refuse(e, "the patched object is nested too deeply");
	else if (json_is_array(to))
		put_into_array(e, to, value, replace);
	else
		json_object_set_nocheck(to, token(e), value);
	json_decref(value);
}

/* Takes what the token names out of its container. */
static void take_out(struct editor *e, json_t *from)
{
	size_t at;

	if (json_is_object(from)) {
		if (json_object_del(from, token(e)))
			fail(e);
	} else if (!array_index(e, json_array_size(from), &at) && array_step(e, from, at)) {
		json_array_remove(from, at);
	}
}

/* The members that an operation must have are there only as strings: see check_operation(). */
static struct str text_member(json_t *operation, const char *name)
{
	json_t *v = json_object_get(operation, name);

	return str_make(json_string_value(v), json_string_length(v));
}

static json_t *member_container(struct editor *e, json_t *operation, const char *name)
{
	if (!json_is_string(json_object_get(operation, name)))
		return fail(e);
	return container(e, text_member(operation, name));
}

static json_t *value_copy(json_t *operation)
{
	json_t *value = json_object_get(operation, "value");

	return value ? json_deep_copy(value) : json_null();
}

static void op_add(struct editor *e, json_t *operation)
{
	json_t *to = member_container(e, operation, "path");

	if (to)
		put(e, to, value_copy(operation), false);
}

static void op_remove(struct editor *e, json_t *operation)
{
	json_t *from = member_container(e, operation, "path");

	if (from)
		take_out(e, from);
}

static bool names_root(json_t *operation)
{
	json_t *path = json_object_get(operation, "path");

	return json_is_string(path) && !json_string_length(path);
}

static void op_replace(struct editor *e, json_t *operation)
{
	json_t *value = json_object_get(operation, "value"), *to;

	if (!names_root(operation)) {
		to = member_container(e, operation, "path");
		if (to)
			put(e, to, value_copy(operation), true);
		return;
	}
	if (!json_is_object(value) && !json_is_array(value)) {
		fail(e);
		return;
	}
	json_decref(e->root);
	e->root = json_deep_copy(value);
}

static void op_move(struct editor *e, json_t *operation)
{
	json_t *in = member_container(e, operation, "from"), *value;

	if (!in)
		return;
	value = json_incref(look_up(e, in));
	take_out(e, in);
	in = e->run->result == PATCH_OK ? member_container(e, operation, "path") : NULL;
	if (in)
		put(e, in, value, false);
	else
		json_decref(value);
}

/* A member that is missing is copied as null. */
static void op_copy(struct editor *e, json_t *operation)
{
	json_t *in = member_container(e, operation, "from"), *value, *to;

	if (!in)
		return;
	value = look_up(e, in);
	to = e->run->result == PATCH_OK ? member_container(e, operation, "path") : NULL;
	if (!to)
		return;
	if (value)
		e->copied += json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	if (e->copied > PATCH_COPIED_MAX) {
		fail(e);
		return;
	}
	put(e, to, value ? json_deep_copy(value) : json_null(), false);
}

static bool same(struct editor *e, json_t *a, json_t *b);

static bool same_members(struct editor *e, json_t *a, json_t *b)
{
	const char *key;
	json_t *one;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(a, key, one) {
		json_t *other = json_object_get(b, key);

		if (!other || !same(e, one, other))
			return false;
	}
	return true;
}

/* kube-apiserver does not survive nulls in lists here. */
static bool same_elements(struct editor *e, json_t *a, json_t *b)
{
	json_t *one;
	size_t i;

	if (json_array_size(a) != json_array_size(b))
		return false;
	json_array_foreach(a, i, one) {
		json_t *other = json_array_get(b, i);

		if (json_is_null(one) || json_is_null(other)) {
			patch_fail_panic(e->run);
			return false;
		}
		if (!same(e, one, other))
			return false;
	}
	return true;
}

/*
 * Scalars by value: where their texts differ too (patch_check_text()), kube-apiserver's test fails
 * and nothing is written.
 */
static bool same(struct editor *e, json_t *a, json_t *b)
{
	if (json_is_object(a) && json_is_object(b))
		return same_members(e, a, b);
	if (json_is_array(a) && json_is_array(b))
		return same_elements(e, a, b);
	return json_equal(a, b);
}

static void op_test(struct editor *e, json_t *operation)
{
	json_t *want = json_object_get(operation, "value"), *have = e->root, *in;
	bool holds;

	if (!names_root(operation)) {
		in = member_container(e, operation, "path");
		if (!in)
			return;
		have = look_up(e, in);
		if (e->run->result != PATCH_OK)
			return;
	}
	if (!have || json_is_null(have))
		holds = !want || json_is_null(want);
	else
		holds = want && same(e, have, want);
	if (!holds)
		fail(e);
}

static void apply_operation(struct editor *e, json_t *operation)
{
	static const struct {
		const char *name;
		void (*fn)(struct editor *e, json_t *operation);
	} operations[] = {
		{ "add", op_add }, { "remove", op_remove }, { "replace", op_replace },
		{ "move", op_move }, { "copy", op_copy }, { "test", op_test },
	};
	struct str op = text_member(operation, "op");

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (str_eq(op, str_from(operations[i].name))) {
			operations[i].fn(e, operation);
			return;
		}
	}
	fail(e);
}

/* Null elements and members are like missing ones: they are found when they are needed. */
static bool check_operation(struct patch_run *run, json_t *operation)
{
	static const char *const texts[] = { "op", "path", "from" };

	if (!json_is_object(operation) && !json_is_null(operation)) {
		patch_fail(run, PATCH_BAD_REQUEST, "error decoding patch: json: cannot unmarshal "
			   "%s into Go value of type handlers.jsonPatchOp",
			   patch_type_name(operation));
		return false;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *v = json_object_get(operation, texts[i]);

		if (!v || json_is_string(v) || json_is_null(v))
			continue;
		patch_fail(run, PATCH_BAD_REQUEST, "error decoding patch: json: cannot unmarshal "
			   "%s into Go struct field jsonPatchOp.%s of type string",
			   patch_type_name(v), texts[i]);
		return false;
	}
	return true;
}

static bool check_operations(struct patch_run *run, json_t *patch)
{
	json_t *operation;
	size_t i;

	if (json_is_null(patch))
		return true;
	if (!json_is_array(patch)) {
		patch_fail(run, PATCH_BAD_REQUEST, "error decoding patch: json: cannot unmarshal "
			   "%s into Go value of type []handlers.jsonPatchOp",
			   patch_type_name(patch));
		return false;
	}
	json_array_foreach(patch, i, operation)
		if (!check_operation(run, operation))
			return false;
	if (json_array_size(patch) > PATCH_OPERATIONS_MAX) {
		patch_fail(run, PATCH_TOO_LARGE, "Request entity too large: The allowed maximum "
			   "operations in a JSON patch is %d, got %zu", PATCH_OPERATIONS_MAX,
			   json_array_size(patch));
		return false;
	}
	return true;
}

json_t *patch_json_apply(struct patch_run *run, json_t *document, json_t *patch)
{
	struct editor e = { .run = run };
	json_t *operation, *out = NULL;
	size_t i;

	if (!check_operations(run, patch))
		return NULL;
	e.root = json_deep_copy(document);
	json_array_foreach(patch, i, operation) {
		apply_operation(&e, operation);
		if (run->result != PATCH_OK)
			break;
	}
	/* Nothing but an object can be decoded as one. */
	if (run->result == PATCH_OK && !json_is_object(e.root))
		fail(&e);
	if (run->result == PATCH_OK)
		out = json_incref(e.root);
	json_decref(e.root);
	strbuf_fini(&e.token);
	return out;
}
