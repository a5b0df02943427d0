/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists in strategic merge patches.  Elements are found by looking at one after the other, as
 * kube-apiserver does; PATCH_STEPS_MAX bounds how often.
 *
 * Where kube-apiserver's result depends on how its memory was allocated (a list of scalars that
 * has one twice) or on how its sorting goes about elements without a place, the patch is refused.
 */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "codec/patch_strategic.h"

#define NOWHERE SIZE_MAX

/* What identifies an element: a member, or itself. */
static json_t *identity(json_t *element, const char *key)
{
	return key ? json_object_get(element, key) : element;
}

/* Go's == on two decoded values: it does not survive two objects or two lists. */
static bool equal(struct patch_run *run, json_t *a, json_t *b)
{
	if (!a || !b)
		return a == b;
	if (!patch_same_type(a, b))
		return false;
	if (json_is_object(a) || json_is_array(a)) {
		patch_fail_panic(run);
		return false;
	}
	return json_equal(a, b);
}

/* The first of n elements that has this identity, which must not be NULL. */
static size_t find_in(struct patch_run *run, json_t *list, size_t n, const char *key, json_t *id)
{
	for (size_t i = 0; i < n; i++) {
		json_t *one = json_array_get(list, i);

		if (!patch_step(run, 1))
			break;
		if (key && !json_is_object(one)) {
			patch_fail(run, PATCH_INTERNAL, "value for key %zu is not a map", i);
			break;
		}
		if (identity(one, key) && equal(run, identity(one, key), id))
			return i;
	}
	return NOWHERE;
}

static size_t find(struct patch_run *run, json_t *list, const char *key, json_t *id)
{
	return find_in(run, list, json_array_size(list), key, id);
}

static void fail_without_key(struct patch_run *run, json_t *element, const char *key)
{
	struct strbuf map = STRBUF_INIT;

	patch_print(&map, element);
	patch_fail(run, PATCH_INTERNAL, "map: %s does not contain declared merge key: %s", map.p,
		   key);
	strbuf_fini(&map);
}

/* An element that can be identified; false: an error was noted. */
static bool check_element(struct patch_run *run, json_t *element, const char *key)
{
	bool is_object = json_is_object(element);

	if (!key) {
		if (is_object || json_is_array(element))
			patch_fail_panic(run);
	} else if (!is_object) {
		patch_fail(run, PATCH_INTERNAL, "expected a map[string]interface {}, but received "
			   "a %s", patch_go_type(element));
	} else if (!json_object_get(element, key)) {
		fail_without_key(run, element, key);
	}
	return run->result == PATCH_OK;
}

static bool check_elements(struct patch_run *run, json_t *list, const char *key)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!check_element(run, one, key))
			return false;
	return true;
}

static bool have_type(const json_t *list, const json_t *of)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!patch_same_type(of, one))
			return false;
	return true;
}

static void print_list(struct strbuf *out, json_t *list)
{
	if (list)
		patch_print(out, list);
	else
		strbuf_add_cstr(out, "[]");
}

/*
 * An element of two lists (or NULL) whose elements must all be of one type, which may not be list.
 * NULL: there is none, or an error was noted.
 */
static json_t *element_of(struct patch_run *run, json_t *list, json_t *patch)
{
	json_t *first = json_array_get(json_array_size(list) ? list : patch, 0);
	struct strbuf text = STRBUF_INIT;

	if (!first)
		return NULL;
	if (json_is_null(first))
		return patch_fail_panic(run);
	if (json_is_array(first))
		return patch_fail(run, PATCH_INVALID, PATCH_NOT_PROCESSED);
	if (have_type(list, first) && have_type(patch, first))
		return first;
	print_list(&text, list);
	strbuf_add_char(&text, ' ');
	print_list(&text, patch);
	patch_fail(run, PATCH_INTERNAL, "list element types are not identical: [%s]", text.p);
	strbuf_fini(&text);
	return NULL;
}

struct place {
	size_t wanted, at;	/* in the list that gives the order, in the one that is sorted */
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->wanted != y->wanted)
		return x->wanted < y->wanted ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* The elements of list in the order in which `order` has them first; takes list over. */
static json_t *sort_by(struct patch_run *run, json_t *list, json_t *order, const char *key)
{
	size_t n = json_array_size(list), i;
	struct place *places = xreallocarray(NULL, n + 1, sizeof(*places));
	json_t *out = json_array(), *one;

	json_array_foreach(list, i, one) {
		places[i] = (struct place){ find(run, order, key, identity(one, key)), i };
		if (places[i].wanted == NOWHERE && n > 1)
			patch_fail(run, PATCH_REFUSED, "the order of a list is not defined");
		if (run->result != PATCH_OK)
			goto out;
	}
	qsort(places, n, sizeof(*places), compare_places);
	for (i = 0; i < n; i++)
		json_array_append(out, json_array_get(list, places[i].at));
out:
	free(places);
	json_decref(list);
	return out;
}

/* Does the server's list have l in front of r? */
static bool is_before(struct patch_run *run, json_t *server, const char *key, json_t *l, json_t *r)
{
	size_t at_l = find(run, server, key, identity(l, key));
	size_t at_r = at_l == NOWHERE ? NOWHERE : find(run, server, key, identity(r, key));

	return at_r != NOWHERE && at_l < at_r;
}

static json_t *interleave(struct patch_run *run, json_t *left, json_t *right, json_t *server,
			  const char *key)
{
	size_t i = 0, j = 0, n = json_array_size(left), m = json_array_size(right);
	json_t *out = json_array();

	while ((i < n || j < m) && run->result == PATCH_OK) {
		json_t *l = json_array_get(left, i), *r = json_array_get(right, j);

		if (!r || (l && is_before(run, server, key, l, r))) {
			json_array_append(out, l);
			i++;
		} else {
			json_array_append(out, r);
			j++;
		}
	}
	return out;
}

/*
 * Elements of merged that `order` names, in its order, and the others in that of the server's list
 * and before those that they preceded there.  Takes merged over.
 */
static json_t *arrange(struct patch_run *run, json_t *merged, json_t *order, json_t *server,
		       const char *key)
{
	json_t *named = json_array(), *others = json_array(), *out = NULL, *one;
	size_t i;

	json_array_foreach(merged, i, one) {
		size_t at;

		if (!check_element(run, one, key))
			break;
		at = find(run, order, key, identity(one, key));
		json_array_append(at == NOWHERE ? others : named, one);
	}
	if (run->result == PATCH_OK && (!key || (check_elements(run, order, key) &&
						 check_elements(run, server, key)))) {
		named = sort_by(run, named, order, key);
		others = sort_by(run, others, server, key);
		out = interleave(run, others, named, server, key);
	}
	json_decref(merged);
	json_decref(named);
	json_decref(others);
	if (run->result == PATCH_OK)
		return out;
	json_decref(out);
	return NULL;
}

static json_t *delete_scalars(struct patch_run *run, json_t *list, json_t *doomed)
{
	json_t *out = json_array(), *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (find(run, doomed, NULL, one) == NOWHERE)
			json_array_append(out, one);
	return out;
}

static json_t *unite_scalars(struct patch_run *run, json_t *list, json_t *patch, const char *key)
{
	json_t *merged = json_array(), *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (find(run, merged, NULL, one) != NOWHERE)
			patch_fail(run, PATCH_REFUSED, "the stored list has a value twice");
		json_array_append(merged, one);
	}
	json_array_foreach(patch, i, one)
		if (find(run, merged, NULL, one) == NOWHERE)
			json_array_append(merged, one);
	return arrange(run, merged, patch, list, key);
}

/* All elements with that key value go. */
static void delete_elements(struct patch_run *run, json_t *list, const char *key, json_t *element)
{
	json_t *id = json_object_get(element, key);
	size_t at;

	if (!id)
		fail_without_key(run, element, key);
	while (run->result == PATCH_OK && (at = find(run, list, key, id)) != NOWHERE)
		if (patch_step(run, (json_array_size(list) - at) / 16 + 1))
			json_array_remove(list, at);
}

/*
 * Elements with a directive: $patch: delete takes elements out of list, the others go to plain.
 * True when plain replaces the list.
 */
static bool apply_directives(struct patch_run *run, json_t *list, json_t *patch, const char *key,
			     json_t *plain)
{
	bool replace = false;
	json_t *one;
	size_t i;

	json_array_foreach(patch, i, one) {
		json_t *directive = json_object_get(one, "$patch");
		const char *text = json_string_value(directive);

		if (!directive)
			json_array_append(plain, one);
		else if (text && !strcmp(text, "delete"))
			delete_elements(run, list, key, one);
		else if (text && !strcmp(text, "replace"))
			replace = true;
		else if (text && !strcmp(text, "merge"))
			patch_fail(run, PATCH_INTERNAL,
				   "merging lists cannot yet be specified in the patch");
		else
			patch_fail_directive(run, directive, one);
		if (run->result != PATCH_OK)
			break;
	}
	return replace;
}

/* One element of the patch into the first with its key value, or as it is. */
static void merge_element(struct patch_run *run, const struct patch_field *f, json_t *merged,
			  json_t *element)
{
	json_t *id = json_object_get(element, f->key), *new;
	size_t at;

	if (!id) {
		fail_without_key(run, element, f->key);
		return;
	}
	at = find(run, merged, f->key, id);
	if (run->result != PATCH_OK)
		return;
	if (at == NOWHERE) {
		json_array_append(merged, element);
		return;
	}
	new = patch_object_merge(run, f->shape, json_array_get(merged, at), element);
	if (new)
		json_array_set_new(merged, at, new);
}

static json_t *merge_objects(struct patch_run *run, const struct patch_field *f, json_t *list,
			     json_t *patch)
{
	json_t *server = json_copy(list), *plain = json_array(), *merged, *one, *out;
	size_t i;

	if (apply_directives(run, server, patch, f->key, plain)) {
		json_decref(server);
		server = plain;
		plain = json_array();
	}
	merged = json_copy(server);
	json_array_foreach(plain, i, one) {
		merge_element(run, f, merged, one);
		if (run->result != PATCH_OK)
			break;
	}
	out = arrange(run, merged, plain, server, f->key);
	json_decref(server);
	json_decref(plain);
	return out;
}

json_t *patch_list_merge(struct patch_run *run, const struct patch_field *f, json_t *list,
			 json_t *patch, bool deleting)
{
	json_t *element;

	if (!f->merges && !deleting)
		return json_incref(patch);
	if (!json_array_size(list) && !json_array_size(patch))
		return json_incref(list);
	element = element_of(run, list, patch);
	if (!element || !patch_step(run, json_array_size(list) + json_array_size(patch)))
		return NULL;
	if (json_is_object(element)) {
		if (!f->key)
			return patch_fail(run, PATCH_INTERNAL,
					  "cannot merge lists without merge key for struct");
		return merge_objects(run, f, list, patch);
	}
	if (deleting)
		return delete_scalars(run, list, patch);
	return unite_scalars(run, list, patch, f->key);
}

static bool is_directive(const json_t *element, const char *directive)
{
	const json_t *v = json_object_get(element, "$patch");

	return directive ? v && json_is_string(v) && !strcmp(json_string_value(v), directive) :
			   v != NULL;
}

static void fail_order(struct patch_run *run, json_t *patch, json_t *order)
{
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

	patch_print(&a, patch);
	patch_print(&b, order);
	patch_fail(run, PATCH_INTERNAL, "The order in patch list:\n%s\n doesn't match "
		   PATCH_SET_ORDER " list:\n%s\n", a.p, b.p);
	strbuf_fini(&a);
	strbuf_fini(&b);
}

/* The elements of the patch, but deleted ones, must stand in `order` in the same sequence. */
static void check_order(struct patch_run *run, json_t *patch, json_t *order, const char *key)
{
	size_t n = json_array_size(patch), m = json_array_size(order), i = 0, j = 0;

	if (!n || !m)
		return;
	while (i < n && j < m && run->result == PATCH_OK) {
		json_t *one = json_array_get(patch, i), *other = json_array_get(order, j);

		if (is_directive(one, NULL)) {
			i++;
			continue;
		}
		if (key && (!check_element(run, one, key) || !check_element(run, other, key)))
			return;
		if (equal(run, identity(one, key), identity(other, key)))
			i++;
		j++;
	}
	while (key && i < n && is_directive(json_array_get(patch, i), "delete"))
		i++;
	if (i < n)
		fail_order(run, patch, order);
}

/* One of the first *live elements goes; the last of those stays where it was, too. */
static void shift_out(json_t *memory, size_t at, size_t *live)
{
	json_t *last = json_incref(json_array_get(memory, --*live));

	json_array_remove(memory, at);
	json_array_insert_new(memory, *live, last);
}

/*
 * What the memory of the server's list holds after a merge, which goes on to give the order:
 * deletions moved elements to the front in it, and new elements went where there was room.
 */
static json_t *list_memory(struct patch_run *run, const struct patch_field *f, json_t *list,
			   json_t *patch)
{
	json_t *memory = json_copy(list), *one;
	size_t n = json_array_size(list), live = n, i, at;
	bool replaced = false;

	json_array_foreach(patch, i, one) {
		replaced = replaced || is_directive(one, "replace");
		if (!is_directive(one, "delete"))
			continue;
		while ((at = find_in(run, memory, live, f->key, identity(one, f->key))) != NOWHERE)
			shift_out(memory, at, &live);
	}
	json_array_foreach(patch, i, one) {
		if (live >= n || replaced)
			break;
		if (!is_directive(one, NULL) &&
		    find_in(run, memory, live, f->key, identity(one, f->key)) == NOWHERE)
			json_array_set(memory, live++, one);
	}
	return memory;
}

json_t *patch_list_in_order(struct patch_run *run, const struct patch_field *f, json_t *list,
			    json_t *patch, json_t *order)
{
	json_t *merged, *server, *element, *out = NULL;

	check_order(run, patch, order, f->key);
	if (run->result != PATCH_OK || (!list && !patch))
		return NULL;
	if (list && patch)
		merged = patch_list_merge(run, f, list, patch, false);
	else
		merged = list ? json_incref(list) : patch_without_directives(patch, true);
	if (merged && list && patch && f->merges && f->key)
		server = list_memory(run, f, list, patch);
	else
		server = list ? json_incref(list) : json_array();
	if (!f->key && !check_elements(run, merged, NULL))
		goto out;
	if (!f->key && !check_elements(run, order, NULL))
		goto out;
	element = element_of(run, list, patch);
	if (!element)
		patch_fail(run, PATCH_INTERNAL, "no elements in any of the given slices");
	/* The key of objects without one is the empty name. */
	if (!f->key && json_is_object(element) && check_elements(run, order, ""))
		check_elements(run, server, "");
	if (run->result == PATCH_OK)
		out = arrange(run, json_incref(merged), order, server, f->key);
out:
	json_decref(merged);
	json_decref(server);
	return out;
}
