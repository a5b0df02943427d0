/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "codec/json.h"
#include "conf/file.h"
#include "tests/tap.h"

static struct str read_data(const char *name)
{
	struct str text;

	if (file_read(tap_data(name), &text) == 0)
		return text;
	fprintf(stderr, "%s cannot be read\n", tap_data(name));
	exit(99);
}

json_t *policy_load_json(const char *name)
{
	struct str text = read_data(name);
	json_t *v = NULL;

	if (json_read(text, &v, NULL) < 0) {
		fprintf(stderr, "%s is not JSON\n", name);
		exit(99);
	}
	file_text_free(text);
	return v;
}

struct str policy_text(json_t *object, const char *member)
{
	json_t *v = json_object_get(object, member);

	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

struct str *policy_texts(json_t *list, struct arena *a, size_t *n)
{
	struct str *v = arena_alloc(a, json_array_size(list) * sizeof(*v));

	*n = json_array_size(list);
	for (size_t i = 0; i < *n; i++) {
		json_t *item = json_array_get(list, i);

		v[i] = str_make(json_string_value(item), json_string_length(item));
	}
	return v;
}

struct user policy_user(json_t *user, struct arena *a)
{
	struct user u = { .name = policy_text(user, "name") };

	u.groups = policy_texts(json_object_get(user, "groups"), a, &u.group_count);
	return u;
}

static int rbac_kind(struct str kind)
{
	static const struct str kinds[RBAC_KINDS] = {
		[RBAC_ROLE] = STR("Role"),
		[RBAC_CLUSTER_ROLE] = STR("ClusterRole"),
		[RBAC_ROLE_BINDING] = STR("RoleBinding"),
		[RBAC_CLUSTER_ROLE_BINDING] = STR("ClusterRoleBinding"),
	};

	for (int i = 0; i < RBAC_KINDS; i++)
		if (str_eq(kind, kinds[i]))
			return i;
	return ERR_UNSUPPORTED;
}

int policy_apply(struct rbac_store *s, json_t *object)
{
	struct str kind_text = policy_text(object, "kind");
	const struct schema_message *m;
	struct object_cursor c;
	int kind, rc = 0;

	if (str_eq(kind_text, STR("List"))) {
		json_t *items = json_object_get(object, "items");

		for (size_t i = 0; !rc && i < json_array_size(items); i++)
			rc = policy_apply(s, json_array_get(items, i));
		return rc;
	}
	kind = rbac_kind(kind_text);
	m = schema_kind_find(policy_text(object, "apiVersion"), kind_text);
	if (kind < 0 || !m)
		return ERR_UNSUPPORTED;
	object_cursor_json(&c, m, object);
	return rbac_store_apply(s, (enum rbac_kind)kind, &c);
}

static int apply_document(void *arg, json_t *doc, int line)
{
	(void)line;
	return policy_apply(arg, doc);
}

void policy_apply_bootstrap(struct rbac_store *s)
{
	struct str text = read_data("bootstrap-rbac.yaml");
	const char *reason = NULL;
	int line = 0;

	if (yaml_read(text, apply_document, s, &line, &reason) < 0) {
		fprintf(stderr, "bootstrap-rbac.yaml:%d: %s\n", line, reason ? reason : "refused");
		exit(99);
	}
	file_text_free(text);
}

void policy_apply_sets(struct rbac_store *s, json_t *fixtures, json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		json_t *set = json_object_get(fixtures, name);

		if (!strcmp(name, "bootstrap"))
			policy_apply_bootstrap(s);
		for (size_t j = 0; j < json_array_size(set); j++)
			policy_apply(s, json_array_get(set, j));
	}
}
