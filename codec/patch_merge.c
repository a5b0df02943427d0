/* SPDX-License-Identifier: Apache-2.0 */
/* JSON merge patches (RFC 7386) as kube-apiserver reads them. */
#include "config.h"

#include "codec/patch_run.h"

/* Without the null members of its objects; the nulls of its lists stay.  Owned by the caller. */
static json_t *without_nulls(json_t *v)
{
	json_t *out, *one;
	const char *key;
	size_t i;

	if (json_is_object(v)) {
		out = json_object();
		json_object_foreach(v, key, one)
			if (!json_is_null(one))
				json_object_set_new_nocheck(out, key, without_nulls(one));
		return out;
	}
	if (!json_is_array(v))
		return json_incref(v);
	out = json_array();
	json_array_foreach(v, i, one)
		json_array_append_new(out, without_nulls(one));
	return out;
}

static json_t *merge(json_t *object, json_t *patch)
{
	json_t *out = json_copy(object), *value;
	const char *key;

	json_object_foreach(patch, key, value) {
		json_t *have = json_object_get(object, key);

		if (json_is_null(value))
			json_object_del(out, key);
		else if (!json_is_object(have))
			json_object_set_new_nocheck(out, key, without_nulls(value));
		else if (json_is_object(value))
			json_object_set_new_nocheck(out, key, merge(have, value));
		else
			json_object_set_nocheck(out, key, value);
	}
	return out;
}

json_t *patch_merge_apply(struct patch_run *run, json_t *document, json_t *patch)
{
	if (json_is_null(patch))
		return patch_fail(run, PATCH_BAD_REQUEST, "Invalid JSON Patch");
	if (!json_is_object(patch))
		return patch_fail(run, PATCH_BAD_REQUEST, "error decoding patch: json: cannot "
				  "unmarshal %s into Go value of type map[string]interface {}",
				  patch_type_name(patch));
	if (!json_is_object(document))
		return patch_fail(run, PATCH_INTERNAL, "Invalid JSON Document");
	return merge(document, patch);
}
