/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cache/manifests.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/json.h"
#include "conf/file.h"

#define LIST_DEPTH_MAX 4	/* Lists within Lists */

struct reading {
	const char *flag;
	const char *file;
	int (*fn)(void *arg, const struct manifest_object *o, struct problems *p);
	void *arg;
	struct problems *problems;
	int err;		/* the first one */
};

static void keep_first(struct reading *r, int err)
{
	if (!r->err)
		r->err = err;
}

static struct str member_text(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	return str_make(json_string_value(v), json_string_length(v));
}

static bool is_list(struct str kind, const json_t *object)
{
	return str_has_suffix(kind, STR("List")) && json_object_get(object, "items");
}

static void on_object(struct reading *r, json_t *object, int line, struct str list_version,
		      struct str list_kind, int depth);

/* Items of a typed list (RoleList) need not repeat what they are. */
static void on_list(struct reading *r, json_t *list, int line, struct str version,
		    struct str kind, int depth)
{
	json_t *items = json_object_get(list, "items"), *item;
	size_t i;

	if (!json_is_array(items) && !json_is_null(items)) {
		problems_add(r->problems, r->file, line, r->flag, "items of a %.*s must be a list",
			     STR_ARG(kind));
		keep_first(r, ERR_SYNTAX);
		return;
	}
	if (depth == LIST_DEPTH_MAX) {
		problems_add(r->problems, r->file, line, r->flag, "too many lists within lists");
		keep_first(r, ERR_LIMIT);
		return;
	}
	kind.n -= STR("List").n;
	json_array_foreach(items, i, item)
		on_object(r, item, line, kind.n ? version : STR_NULL, kind, depth + 1);
}

static void on_object(struct reading *r, json_t *object, int line, struct str list_version,
		      struct str list_kind, int depth)
{
	struct manifest_object o = {
		.api_version = member_text(object, "apiVersion"),
		.kind = member_text(object, "kind"),
		.json = object,
		.file = r->file,
		.line = line,
	};
	int rc;

	if (!o.kind.n && !o.api_version.n) {
		o.api_version = list_version;
		o.kind = list_kind;
	}
	if (!json_is_object(object) || !o.kind.n || !o.api_version.n) {
		problems_add(r->problems, r->file, line, r->flag,
			     "not a Kubernetes object: it needs apiVersion and kind");
		keep_first(r, ERR_SYNTAX);
		return;
	}
	if (is_list(o.kind, object)) {
		on_list(r, object, line, o.api_version, o.kind, depth);
		return;
	}
	o.message = schema_kind_find(o.api_version, o.kind);
	rc = r->fn(r->arg, &o, r->problems);
	if (rc < 0)
		keep_first(r, rc);
}

static int on_document(void *arg, json_t *doc, int line)
{
	on_object(arg, doc, line, STR_NULL, STR_NULL, 0);
	return 0;
}

static void read_file(struct reading *r, const char *path)
{
	const char *reason = NULL;
	struct str text;
	int line = 0, rc = file_read(path, &text);

	r->file = path;
	if (rc < 0) {
		problems_add(r->problems, path, 0, r->flag, "%s",
			     rc == ERR_IO ? strerror(errno) : err_text(rc));
		keep_first(r, rc);
		return;
	}
	rc = yaml_read(text, on_document, r, &line, &reason);
	if (rc < 0) {
		problems_add(r->problems, path, line, r->flag, "%s",
			     reason ? reason : err_text(rc));
		keep_first(r, rc);
	}
	file_text_free(text);
}

/* Names that start with a dot are editors' and volumes' own. */
static int is_manifest(const struct dirent *d)
{
	struct str name = str_from(d->d_name);

	return name.n && name.p[0] != '.' &&
	       (str_has_suffix(name, STR(".yaml")) || str_has_suffix(name, STR(".yml")) ||
		str_has_suffix(name, STR(".json")));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file of the folder; one that names a folder itself is passed over. */
static void read_entry(struct reading *r, const char *folder, const char *name)
{
	struct strbuf path = STRBUF_INIT;
	struct stat st;

	strbuf_addf(&path, "%s/%s", folder, name);
	if (stat(path.p, &st) != 0 || !S_ISDIR(st.st_mode))
		read_file(r, path.p);
	strbuf_fini(&path);
}

static void read_folder(struct reading *r, const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, is_manifest, by_name);

	if (n < 0) {
		problems_add(r->problems, folder, 0, r->flag, "%s", strerror(errno));
		keep_first(r, ERR_IO);
		return;
	}
	for (int i = 0; i < n; i++) {
		read_entry(r, folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

int manifests_read(const char *path, const char *flag,
		   int (*fn)(void *arg, const struct manifest_object *o, struct problems *p),
		   void *arg, struct problems *p)
{
	struct reading r = { .flag = flag, .fn = fn, .arg = arg, .problems = p };
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		read_folder(&r, path);
	else
		read_file(&r, path);
	return r.err;
}
