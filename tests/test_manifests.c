/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cache/manifests.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/fields.h"
#include "tests/tap.h"

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	if (!ok(f != NULL))
		return;
	fputs(text, f);
	fclose(f);
}

/* "version/kind:name@line" of each object, a + where the tables know the kind. */
static int on_object(void *arg, const struct manifest_object *o, struct problems *p)
{
	json_t *name = json_object_get(json_object_get(o->json, "metadata"), "name");

	strbuf_addf(arg, "%.*s %.*s:%s@%d%s ", STR_ARG(o->api_version), STR_ARG(o->kind),
		    json_is_string(name) ? json_string_value(name) : "", o->line,
		    o->message ? "+" : "");
	if (!json_is_string(name))
		return 0;
	if (strcmp(json_string_value(name), "bad"))
		return 0;
	problems_add(p, o->file, o->line, "cluster-state", "bad object");
	return ERR_REFUSED;
}

struct outcome {
	struct strbuf objects;
	struct problems problems;
	int rc;
};

static void read_path(const char *path, struct outcome *o)
{
	*o = (struct outcome){ .problems = PROBLEMS_INIT };
	strbuf_add_cstr(&o->objects, "");
	strbuf_add_cstr(&o->problems.text, "");
	o->rc = manifests_read(path, "cluster-state", on_object, &o->objects, &o->problems);
}

static void outcome_fini(struct outcome *o)
{
	strbuf_fini(&o->objects);
	problems_fini(&o->problems);
}

/* A file with that text: the objects and, behind the file's name, the problems. */
static void check_file(const char *text, int rc, const char *objects, const char *problems)
{
	struct outcome o;
	struct strbuf want = STRBUF_INIT;
	struct str rest = str_from(problems), line;

	tap_row(text);
	put("one.yaml", text);
	read_path(path_of("one.yaml"), &o);
	strbuf_add_cstr(&want, "");
	while (*problems && str_next(&rest, '\n', &line))
		strbuf_addf(&want, "%s:%.*s\n", path_of("one.yaml"), STR_ARG(line));
	int_is(o.rc, rc);
	cstr_is(o.objects.p, objects);
	cstr_is(o.problems.text.p, want.p);
	outcome_fini(&o);
	strbuf_fini(&want);
	unlink(path_of("one.yaml"));
	tap_row(NULL);
}

static void test_objects(void)
{
	check_file("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n---\n"
		   "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n---\n"
		   "apiVersion: example.org/v1\nkind: Thing\n", 0,
		   "v1 Pod:p@1+ rbac.authorization.k8s.io/v1 Role:@5+ "
		   "example.org/v1 Thing:@8 ", "");
	check_file("", 0, "", "");
	check_file("{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}\n", 0, "v1 Pod:@1+ ", "");
}

static void test_lists(void)
{
	check_file("apiVersion: v1\nkind: List\nitems:\n"
		   "- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
		   "- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Node}]}\n",
		   0, "v1 Pod:a@1+ v1 Node:@1+ ", "");
	check_file("apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleList\nitems:\n"
		   "- metadata: {name: a}\n", 0, "rbac.authorization.k8s.io/v1 Role:a@1+ ", "");
	check_file("apiVersion: v1\nkind: List\nitems: null\n", 0, "", "");
	check_file("apiVersion: v1\nkind: List\nitems:\n- {}\n- {apiVersion: v1, kind: Pod}\n",
		   ERR_SYNTAX, "v1 Pod:@1+ ",
		   "1: --cluster-state: not a Kubernetes object: it needs apiVersion and kind");
	check_file("apiVersion: v1\nkind: List\nitems: 5\n", ERR_SYNTAX, "",
		   "1: --cluster-state: items of a List must be a list");
}

static void test_lists_within_lists(void)
{
	struct strbuf text = STRBUF_INIT;

	for (int i = 0; i < 6; i++)
		strbuf_add_cstr(&text, "{apiVersion: v1, kind: List, items: [");
	for (int i = 0; i < 6; i++)
		strbuf_add_cstr(&text, "]}");
	check_file(text.p, ERR_LIMIT, "", "1: --cluster-state: too many lists within lists");
	strbuf_fini(&text);
}

static void test_problems(void)
{
	/* All problems at once, and what is good is read. */
	check_file("kind: Pod\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: bad}\n---\n"
		   "- a\n---\napiVersion: v1\nkind: Pod\n", ERR_SYNTAX, "v1 Pod:bad@3+ v1 Pod:@9+ ",
		   "1: --cluster-state: not a Kubernetes object: it needs apiVersion and kind\n"
		   "3: --cluster-state: bad object\n"
		   "7: --cluster-state: not a Kubernetes object: it needs apiVersion and kind");
	check_file("apiVersion: v1\nkind: Pod\n---\na: 1\na: 2\n", ERR_SYNTAX, "v1 Pod:@1+ ",
		   "5: --cluster-state: duplicate key");
	check_file("apiVersion: v1\nkind: [Pod]\n", ERR_SYNTAX, "",
		   "1: --cluster-state: not a Kubernetes object: it needs apiVersion and kind");
}

static void test_missing_file(void)
{
	struct outcome o;

	read_path(path_of("absent"), &o);
	int_is(o.rc, ERR_IO);
	ok(str_has_suffix(strbuf_str(&o.problems.text),
			  STR("absent: --cluster-state: No such file or directory\n")));
	outcome_fini(&o);
}

static void test_folder(void)
{
	static const char *const names[] = { "b.yaml", "a.yml", "c.json", "d.txt", ".e.yaml" };
	struct outcome o;

	for (size_t i = 0; i < array_size(names); i++) {
		char text[100];

		snprintf(text, sizeof(text), "{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
			 "\"metadata\":{\"name\":\"%s\"}}", names[i]);
		put(names[i], text);
	}
	mkdir(path_of("f.yaml"), 0700);
	put("f.yaml/deeper.yaml", "kind: nothing\n");
	ok(symlink("nowhere", path_of("g.yaml")) == 0);
	read_path(folder, &o);
	int_is(o.rc, ERR_IO);
	cstr_is(o.objects.p, "v1 Pod:a.yml@1+ v1 Pod:b.yaml@1+ v1 Pod:c.json@1+ ");
	int_is(o.problems.count, 1);
	outcome_fini(&o);
	for (size_t i = 0; i < array_size(names); i++)
		unlink(path_of(names[i]));
	unlink(path_of("g.yaml"));
	unlink(path_of("f.yaml/deeper.yaml"));
	rmdir(path_of("f.yaml"));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_objects), TAP(test_lists), TAP(test_lists_within_lists),
		TAP(test_problems), TAP(test_missing_file), TAP(test_folder), TAP_END
	};
	int rc;

	strcpy(folder, "/tmp/manifests-XXXXXX");
	if (!mkdtemp(folder))
		return 99;
	rc = tap_main(tests);
	rmdir(folder);
	return rc;
}
