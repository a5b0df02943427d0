/* SPDX-License-Identifier: Apache-2.0 */
/* Which audiences a pod's volumes ask for: projected tokens, and drivers that want tokens. */
#include "config.h"

#include "admission/node_restriction.h"

#include "base/mem.h"

struct search {
	struct admission_request *r;
	json_t *pod;
	struct str audience;
	struct str errors[ADMISSION_LOOKUPS_MAX];	/* each text once */
	size_t error_count;
};

/* Volumes of these in-tree kinds are served by these drivers. */
static const struct {
	const char *member, *driver;
} migrated[] = {
	{ "awsElasticBlockStore", "ebs.csi.aws.com" },
	{ "gcePersistentDisk", "pd.csi.storage.gke.io" },
	{ "cinder", "cinder.csi.openstack.org" },
	{ "azureDisk", "disk.csi.azure.com" },
	{ "azureFile", "file.csi.azure.com" },
	{ "vsphereVolume", "csi.vsphere.vmware.com" },
	{ "portworxVolume", "pxd.portworx.com" },
};

static bool is_listed(json_t *list, const char *path, struct str audience)
{
	json_t *v, *holder;
	size_t i;

	json_array_foreach(list, i, v) {
		holder = *path ? json_object_get(v, path) : v;
		if (holder && str_eq(tree_text(holder, "audience"), audience))
			return true;
	}
	return false;
}

static void add_error(struct search *s, struct str text)
{
	for (size_t i = 0; i < s->error_count; i++)
		if (str_eq(s->errors[i], text))
			return;
	if (s->error_count < array_size(s->errors))
		s->errors[s->error_count++] = text;
}

/* As Go joins them: one by itself, several in brackets. */
static struct str join_errors(const struct search *s)
{
	struct strbuf b = STRBUF_INIT;
	struct str joined;

	if (s->error_count == 1)
		return s->errors[0];
	for (size_t i = 0; i < s->error_count; i++) {
		strbuf_add_cstr(&b, i ? ", " : "[");
		strbuf_add_str(&b, s->errors[i]);
	}
	if (s->error_count)
		strbuf_add_char(&b, ']');
	joined = arena_str(s->r->arena, strbuf_str(&b));
	strbuf_fini(&b);
	return joined;
}

/* An object of that kind (as errors name it); NULL with the error noted when there is none. */
static enum admission_result find(struct search *s, struct admission_key key, const char *kind,
				  json_t **out)
{
	struct str error = STR_NULL;
	enum admission_result result = ADMISSION_ALLOW;

	*out = NULL;
	if (node_restriction_is_name(key.name))
		result = admission_lookup(s->r, &key, out, &error);
	if (result != ADMISSION_ALLOW || *out)
		return result;
	if (!error.n)
		error = arena_printf(s->r->arena, "%s %.*s not found", kind,
				     STR_ARG(admission_quote(s->r->arena, key.name)));
	add_error(s, error);
	return result;
}

/* The driver of a volume's or a PersistentVolume's source; empty: none. */
static struct str source_driver(json_t *source)
{
	struct str driver = tree_text(source, "csi.driver");

	for (size_t i = 0; i < array_size(migrated) && !driver.n; i++)
		if (json_object_get(source, migrated[i].member))
			driver = str_from(migrated[i].driver);
	return driver;
}

static enum admission_result claim_driver(struct search *s, struct str name, struct str *driver)
{
	struct admission_key claim = {
		.api_version = STR("v1"), .resource = STR("persistentvolumeclaims"),
		.namespace = s->r->attributes->namespace, .name = name,
	}, volume = { .api_version = STR("v1"), .resource = STR("persistentvolumes") };
	enum admission_result result;
	json_t *object;

	result = find(s, claim, "persistentvolumeclaim", &object);
	if (result != ADMISSION_ALLOW || !object)
		return result;
	volume.name = tree_text(object, "spec.volumeName");
	result = find(s, volume, "persistentvolume", &object);
	if (result == ADMISSION_ALLOW && object)
		*driver = source_driver(tree_at(object, "spec"));
	return result;
}

static enum admission_result volume_driver(struct search *s, json_t *volume, struct str *driver)
{
	struct str claim = tree_text(volume, "persistentVolumeClaim.claimName");

	*driver = STR_NULL;
	if (tree_at(volume, "ephemeral.volumeClaimTemplate"))
		claim = arena_printf(s->r->arena, "%.*s-%.*s",
				     STR_ARG(tree_text(s->pod, "metadata.name")),
				     STR_ARG(tree_text(volume, "name")));
	if (claim.n || tree_at(volume, "persistentVolumeClaim"))
		return claim_driver(s, claim, driver);
	*driver = source_driver(volume);
	return ADMISSION_ALLOW;
}

static enum admission_result search_volume(struct search *s, json_t *volume, bool *found)
{
	struct admission_key key = { .api_group = STR("storage.k8s.io"), .api_version = STR("v1"),
				     .resource = STR("csidrivers") };
	enum admission_result result;
	json_t *driver;

	*found = is_listed(tree_at(volume, "projected.sources"), "serviceAccountToken",
			   s->audience);
	if (*found)
		return ADMISSION_ALLOW;
	result = volume_driver(s, volume, &key.name);
	if (result != ADMISSION_ALLOW || !key.name.n)
		return result;
	result = find(s, key, "csidriver.storage.k8s.io", &driver);
	if (result == ADMISSION_ALLOW && driver)
		*found = is_listed(tree_at(driver, "spec.tokenRequests"), "", s->audience);
	return result;
}

enum admission_result node_restriction_audience(struct admission_request *r, json_t *pod,
						struct str audience, bool *found,
						struct str *errors)
{
	struct search s = { .r = r, .pod = pod, .audience = audience };
	enum admission_result result;
	json_t *volume;
	size_t i;

	*found = false;
	json_array_foreach(tree_at(pod, "spec.volumes"), i, volume) {
		result = search_volume(&s, volume, found);
		if (result != ADMISSION_ALLOW || *found)
			return result;
	}
	*errors = join_errors(&s);
	return ADMISSION_ALLOW;
}
