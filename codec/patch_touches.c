/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fields a patch could write, by looking at the patch alone.  The answer false lets a request
 * pass without a look at the object: whatever is not understood is true.
 */
#include "config.h"

#include "base/err.h"
#include "codec/patch_run.h"

/* Cuts the first component off a dotted path. */
static struct str next_component(const char **path)
{
	size_t n = strcspn(*path, ".");
	struct str name = str_make(*path, n);

	*path += n + ((*path)[n] == '.');
	return name;
}

/*
 * Could a member that begins with a dollar write the member `name` beside it?  Directives that
 * name another one could not.
 */
static bool directive_touches(const char *key, struct str name)
{
	const char *field = patch_prefixed_field(key, PATCH_DELETE_FROM_LIST);

	if (!field)
		field = patch_prefixed_field(key, PATCH_SET_ORDER);
	return !field || !*field || str_eq(str_from(field), name);
}

/*
 * One level: 1 when the path is touched here, 0 when it is not at all, and with *next set when
 * that is for the member of that name to say.
 */
static int level_touches(json_t *patch, struct str name, bool strategic, json_t **next)
{
	const char *key;
	json_t *value;

	*next = NULL;
	if (!json_is_object(patch))
		return 1;
	json_object_foreach(patch, key, value) {
		if (strategic && *key == '$' && directive_touches(key, name))
			return 1;
		if (str_eq(str_from(key), name))
			*next = value;
	}
	return 0;
}

static bool merge_touches(json_t *patch, const char *path, bool strategic)
{
	while (*path) {
		if (level_touches(patch, next_component(&path), strategic, &patch))
			return true;
		if (!patch)
			return false;
	}
	return true;
}

/* Is the reference token `piece`, unescaped, the name? */
static bool token_is(struct str piece, struct str name)
{
	size_t n = 0;

	for (size_t i = 0; i < piece.n; i++, n++) {
		char c = piece.p[i];

		if (c == '~' && i + 1 < piece.n && (piece.p[i + 1] == '0' || piece.p[i + 1] == '1'))
			c = piece.p[++i] == '0' ? '~' : '/';
		if (n >= name.n || name.p[n] != c)
			return false;
	}
	return n == name.n;
}

/* Is what the pointer names at the path, above or below it?  Text before the first slash is not
 * read. */
static bool pointer_touches(json_t *pointer, const char *path)
{
	struct str rest = str_make(json_string_value(pointer), json_string_length(pointer)), piece;

	if (!json_is_string(pointer) || str_find(rest, '/', 0) < 0)
		return true;
	rest = str_skip(rest, (size_t)str_find(rest, '/', 0) + 1);
	while (*path && str_next(&rest, '/', &piece))
		if (!token_is(piece, next_component(&path)))
			return false;
	return true;
}

static bool operation_touches(json_t *operation, const char *path)
{
	const char *op = json_string_value(json_object_get(operation, "op"));
	json_t *to = json_object_get(operation, "path");

	if (!op)
		return true;
	if (!strcmp(op, "test"))
		return !json_is_string(to);
	if (!strcmp(op, "add") || !strcmp(op, "remove") || !strcmp(op, "replace") ||
	    !strcmp(op, "copy"))
		return pointer_touches(to, path);
	if (!strcmp(op, "move"))
		return pointer_touches(to, path) ||
		       pointer_touches(json_object_get(operation, "from"), path);
	return true;
}

static bool operations_touch(json_t *patch, const char *path)
{
	json_t *operation;
	size_t i;

	if (!json_is_array(patch) || json_array_size(patch) > PATCH_OPERATIONS_MAX)
		return true;
	json_array_foreach(patch, i, operation)
		if (operation_touches(operation, path))
			return true;
	return false;
}

bool patch_touches(enum patch_type type, json_t *patch, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool touched = type == PATCH_JSON ? operations_touch(patch, paths[i]) :
			       merge_touches(patch, paths[i], type == PATCH_STRATEGIC);

		if (touched)
			return true;
	}
	return !json_is_array(patch) && type == PATCH_JSON;
}
