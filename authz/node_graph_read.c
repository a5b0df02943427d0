/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: the relation's lists of references; the first volume source that is present counts. */
#include "config.h"

#include "authz/node_graph_read.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/fields.h"

struct node_claim_pair {
	struct str name, claim;
	bool has_claim;
};

/* All kinds of objects have their metadata there. */
#define METADATA 1
#define SPEC 2
/* LocalObjectReference, and what has it inline or a name of its own in its place. */
#define NAME 1

/* Reads a message's inside of which only some fields matter. */
#define FIELD(number) (1ull << (number))

static void enter(const struct object_field *field, struct object_cursor *c, uint64_t fields)
{
	object_enter(field, c);
	object_want(c, fields);
}

void node_draft_fini(struct node_draft *d)
{
	free(d->refs);
	free(d->ephemeral);
	free(d->templates);
	free(d->statuses);
	strbuf_fini(&d->joined);
	*d = (struct node_draft){ 0 };
}

static void draft_clear(struct node_draft *d)
{
	d->namespace = d->name = d->uid = d->node = d->claim_namespace = d->claim = STR_NULL;
	d->is_mirror = false;
	d->ref_count = d->ephemeral_count = d->template_count = d->status_count = 0;
}

/* Room for one more in an array that grows by doubling. */
static void *grown(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 16;
	return xreallocarray(array, *cap, size);
}

static void add_ref_in(struct node_draft *d, enum node_object kind, struct str namespace,
		       struct str name)
{
	if (!name.n || name.n > NODE_NAME_MAX || namespace.n > NODE_NAME_MAX)
		return;
	d->refs = grown(d->refs, d->ref_count, &d->ref_cap, sizeof(*d->refs));
	d->refs[d->ref_count++] = (struct node_ref){ kind, namespace, name };
}

/* Of a pod: the namespace is the pod's and filled in by whoever resolves it. */
static void add_ref(struct node_draft *d, enum node_object kind, struct str name)
{
	add_ref_in(d, kind, STR_NULL, name);
}

static void add_pair(struct node_claim_pair **pairs, size_t *n, size_t *cap,
		     const struct node_claim_pair *p)
{
	*pairs = grown(*pairs, *n, cap, sizeof(**pairs));
	(*pairs)[(*n)++] = *p;
}

/* --- Names --- */

/* The name of a reference, plain or inlined one message deeper. */
static int read_name(const struct object_field *field, struct str *name)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(NAME));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != NAME)
			continue;
		if (f.type == OBJECT_STRING)
			*name = f.text;
		else if ((rc = read_name(&f, name)) < 0)
			return rc;
	}
	return rc;
}

static int add_named(struct node_draft *d, enum node_object kind, const struct object_field *field)
{
	struct str name = STR_NULL;
	int rc = read_name(field, &name);

	add_ref(d, kind, name);
	return rc;
}

static int read_metadata(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(OBJECTMETA_NAME) | FIELD(OBJECTMETA_NAMESPACE) |
	      FIELD(OBJECTMETA_UID) | FIELD(OBJECTMETA_ANNOTATIONS));
	while ((rc = object_next(&c, &f)) > 0) {
		switch (f.number) {
		case OBJECTMETA_NAME:
			d->name = f.text;
			break;
		case OBJECTMETA_NAMESPACE:
			d->namespace = f.text;
			break;
		case OBJECTMETA_UID:
			d->uid = f.text;
			break;
		case OBJECTMETA_ANNOTATIONS:
			if (str_eq(f.key, STR("kubernetes.io/config.mirror")))
				d->is_mirror = true;
			break;
		}
	}
	return rc;
}

/* --- Sources of volumes --- */

/* In the order in which the upstream looks at them: the first that is present is the only one. */
struct source {
	uint32_t number;
	uint32_t reference;	/* field of the message with the name; 0: the source itself */
};

static const struct source secret_sources[] = {
	{ VOLUMESOURCE_AZURE_FILE, 0 },
	{ VOLUMESOURCE_CEPHFS, CEPHFSVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_CINDER, CINDERVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_FLEX_VOLUME, FLEXVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_PROJECTED, 0 },
	{ VOLUMESOURCE_RBD, RBDVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_SECRET, 0 },
	{ VOLUMESOURCE_SCALEIO, SCALEIOVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_ISCSI, ISCSIVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_STORAGEOS, STORAGEOSVOLUMESOURCE_SECRET_REF },
	{ VOLUMESOURCE_CSI, CSIVOLUMESOURCE_NODE_PUBLISH_SECRET_REF },
};
static const struct source config_map_sources[] = {
	{ VOLUMESOURCE_PROJECTED, 0 }, { VOLUMESOURCE_CONFIG_MAP, 0 },
};
static const struct source claim_sources[] = {
	{ VOLUMESOURCE_CLAIM, 0 }, { VOLUMESOURCE_EPHEMERAL, 0 },
};
static const struct source persistent_sources[] = {
	{ PVSOURCE_AZURE_FILE, 0 },
	{ PVSOURCE_CEPHFS, CEPHFSVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_CINDER, CINDERVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_FLEX_VOLUME, FLEXVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_RBD, RBDVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_SCALEIO, SCALEIOVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_ISCSI, ISCSIVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_STORAGEOS, STORAGEOSVOLUMESOURCE_SECRET_REF },
	{ PVSOURCE_CSI, 0 },
};

/* Numbers of sources are below 64. */
static uint64_t presence_of(uint32_t number)
{
	return number < 64 ? FIELD(number) : 0;
}

/* Which fields a message has. */
static int read_presence(const struct object_field *field, uint64_t *present)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	*present = 0;
	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0)
		*present |= presence_of(f.number);
	return rc;
}

static struct source first_present(const struct source *sources, size_t n, uint64_t present)
{
	for (size_t i = 0; i < n; i++)
		if (present & 1ull << sources[i].number)
			return sources[i];
	return (struct source){ 0, 0 };
}

#define FIRST_PRESENT(sources, present) first_present(sources, array_size(sources), present)

/* The name behind `reference` of a source. */
static int add_source(struct node_draft *d, enum node_object kind, uint32_t reference,
		      const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	if (!reference)
		return add_named(d, kind, field);
	enter(field, &c, FIELD(reference));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != reference)
			continue;
		rc = add_named(d, kind, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_projection(struct node_draft *d, enum node_object kind,
			   const struct object_field *field)
{
	uint32_t want = kind == NODE_SECRET ? VOLUMEPROJECTION_SECRET : VOLUMEPROJECTION_CONFIG_MAP;
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(want));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != want)
			continue;
		rc = add_named(d, kind, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_projected(struct node_draft *d, enum node_object kind,
			  const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(PROJECTEDVOLUMESOURCE_SOURCES));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != PROJECTEDVOLUMESOURCE_SOURCES)
			continue;
		rc = read_projection(d, kind, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* What one source gives that is the first of its list. */
static int read_first(struct node_draft *d, enum node_object kind, struct source first,
		      const struct object_field *f)
{
	if (f->number != first.number)
		return 0;
	if (f->number == VOLUMESOURCE_PROJECTED)
		return read_projected(d, kind, f);
	return add_source(d, kind, first.reference, f);
}

/* What of a volume's sources counts. */
struct chosen {
	struct source secret, config_map, claim;
};

static struct chosen choose(uint64_t present)
{
	return (struct chosen){
		.secret = FIRST_PRESENT(secret_sources, present),
		.config_map = FIRST_PRESENT(config_map_sources, present),
		.claim = FIRST_PRESENT(claim_sources, present),
	};
}

static int read_chosen(struct node_draft *d, const struct chosen *which,
		       const struct object_field *f)
{
	int rc = read_first(d, NODE_SECRET, which->secret, f);

	if (rc == 0)
		rc = read_first(d, NODE_CONFIG_MAP, which->config_map, f);
	if (rc == 0 && which->claim.number != VOLUMESOURCE_EPHEMERAL)
		rc = read_first(d, NODE_CLAIM, which->claim, f);
	return rc;
}

/* A source of its own kind is all that a volume that was validated has. */
static int read_volume_source(struct node_draft *d, const struct object_field *field,
			      bool *is_ephemeral)
{
	struct object_field f, other;
	struct object_cursor c;
	struct chosen which;
	uint64_t present;
	int rc;

	object_enter(field, &c);
	rc = object_next(&c, &f);
	if (rc <= 0)
		return rc;
	rc = object_next(&c, &other);
	if (rc == 0) {
		which = choose(presence_of(f.number));
		*is_ephemeral = which.claim.number == VOLUMESOURCE_EPHEMERAL;
		return read_chosen(d, &which, &f);
	}
	rc = read_presence(field, &present);
	which = choose(present);
	*is_ephemeral = which.claim.number == VOLUMESOURCE_EPHEMERAL;
	if (rc < 0)
		return rc;
	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		rc = read_chosen(d, &which, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_volume(struct node_draft *d, const struct object_field *field)
{
	struct str name = STR_NULL;
	bool is_ephemeral = false;
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(VOLUME_NAME) | FIELD(VOLUME_SOURCE));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == VOLUME_NAME)
			name = f.text;
		else if (f.number == VOLUME_SOURCE &&
			 (rc = read_volume_source(d, &f, &is_ephemeral)) < 0)
			return rc;
	}
	if (is_ephemeral) {
		d->ephemeral = grown(d->ephemeral, d->ephemeral_count, &d->ephemeral_cap,
				     sizeof(*d->ephemeral));
		d->ephemeral[d->ephemeral_count++] = name;
	}
	return rc;
}

/* --- Containers --- */

/* EnvVarSource and EnvFromSource: one field for config maps, one for secrets. */
static int read_env_source(struct node_draft *d, const struct object_field *field,
			   uint32_t config_map, uint32_t secret)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(config_map) | FIELD(secret));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == config_map)
			rc = add_named(d, NODE_CONFIG_MAP, &f);
		else if (f.number == secret)
			rc = add_named(d, NODE_SECRET, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_env(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(ENVVAR_VALUE_FROM));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != ENVVAR_VALUE_FROM)
			continue;
		rc = read_env_source(d, &f, ENVVARSOURCE_CONFIG_MAP_KEY_REF,
				     ENVVARSOURCE_SECRET_KEY_REF);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_container(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(CONTAINER_ENV) | FIELD(CONTAINER_ENV_FROM));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == CONTAINER_ENV)
			rc = read_env(d, &f);
		else if (f.number == CONTAINER_ENV_FROM)
			rc = read_env_source(d, &f, ENVFROMSOURCE_CONFIG_MAP_REF,
					     ENVFROMSOURCE_SECRET_REF);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_ephemeral_container(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(EPHEMERALCONTAINER_COMMON));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != EPHEMERALCONTAINER_COMMON)
			continue;
		rc = read_container(d, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* --- Resource claims --- */

/* A claim that is set, be it to nothing, is the claim; else one is made from the template. */
static int read_resource_claim(struct node_draft *d, const struct object_field *field)
{
	struct node_claim_pair p = { 0 };
	bool has_template = false;
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		switch (f.number) {
		case PODRESOURCECLAIM_NAME:
			p.name = f.text;
			break;
		case PODRESOURCECLAIM_CLAIM_NAME:
			p.claim = f.text;
			p.has_claim = true;
			break;
		case PODRESOURCECLAIM_TEMPLATE_NAME:
			has_template = true;
			break;
		}
	}
	if (p.has_claim)
		add_ref(d, NODE_RESOURCE_CLAIM, p.claim);
	else if (has_template)
		add_pair(&d->templates, &d->template_count, &d->template_cap, &p);
	return rc;
}

static int read_claim_status(struct node_draft *d, const struct object_field *field)
{
	struct node_claim_pair p = { 0 };
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == PODRESOURCECLAIMSTATUS_NAME) {
			p.name = f.text;
		} else if (f.number == PODRESOURCECLAIMSTATUS_CLAIM_NAME) {
			p.claim = f.text;
			p.has_claim = true;
		}
	}
	add_pair(&d->statuses, &d->status_count, &d->status_cap, &p);
	return rc;
}

static int read_extended_claim(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(PODEXTENDEDCLAIMSTATUS_NAME));
	while ((rc = object_next(&c, &f)) > 0)
		if (f.number == PODEXTENDEDCLAIMSTATUS_NAME)
			add_ref(d, NODE_RESOURCE_CLAIM, f.text);
	return rc;
}

/* Templates find their claims by name; the first status of a name is the one. */
static void join_claims(struct node_draft *d)
{
	struct map by_name = MAP_INIT;

	if (!d->template_count || !d->status_count)
		return;
	for (size_t i = d->status_count; i-- > 0;) {
		map_del(&by_name, d->statuses[i].name);
		map_set(&by_name, d->statuses[i].name, &d->statuses[i]);
	}
	for (size_t i = 0; i < d->template_count; i++) {
		const struct node_claim_pair *p = map_get(&by_name, d->templates[i].name);

		if (p)
			add_ref(d, NODE_RESOURCE_CLAIM, p->claim);
	}
	map_fini(&by_name);
}

/* The claim of an ephemeral volume is called as the pod and the volume. */
static void join_ephemeral(struct node_draft *d)
{
	size_t at = 0;

	d->joined.n = 0;
	for (size_t i = 0; i < d->ephemeral_count; i++) {
		strbuf_add_str(&d->joined, d->name);
		strbuf_add_char(&d->joined, '-');
		strbuf_add_str(&d->joined, d->ephemeral[i]);
	}
	for (size_t i = 0; i < d->ephemeral_count; i++) {
		size_t n = d->name.n + 1 + d->ephemeral[i].n;

		add_ref(d, NODE_CLAIM, str_make(d->joined.p + at, n));
		at += n;
	}
}

/* --- Pods --- */

static int read_pod_spec_field(struct node_draft *d, const struct object_field *f)
{
	switch (f->number) {
	case PODSPEC_VOLUMES:
		return read_volume(d, f);
	case PODSPEC_CONTAINERS:
	case PODSPEC_INIT_CONTAINERS:
		return read_container(d, f);
	case PODSPEC_EPHEMERAL_CONTAINERS:
		return read_ephemeral_container(d, f);
	case PODSPEC_IMAGE_PULL_SECRETS:
		return add_named(d, NODE_SECRET, f);
	case PODSPEC_RESOURCE_CLAIMS:
		return read_resource_claim(d, f);
	case PODSPEC_NODE_NAME:
		d->node = f->text;
		break;
	}
	return 0;
}

static int read_pod_spec(struct node_draft *d, const struct object_field *field)
{
	struct str service_account = STR_NULL;
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(PODSPEC_VOLUMES) | FIELD(PODSPEC_CONTAINERS) |
	      FIELD(PODSPEC_INIT_CONTAINERS) | FIELD(PODSPEC_EPHEMERAL_CONTAINERS) |
	      FIELD(PODSPEC_IMAGE_PULL_SECRETS) | FIELD(PODSPEC_RESOURCE_CLAIMS) |
	      FIELD(PODSPEC_NODE_NAME) | FIELD(PODSPEC_SERVICE_ACCOUNT_NAME));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == PODSPEC_SERVICE_ACCOUNT_NAME)
			service_account = f.text;
		else if ((rc = read_pod_spec_field(d, &f)) < 0)
			return rc;
	}
	add_ref(d, NODE_SERVICE_ACCOUNT, service_account);
	return rc;
}

static int read_pod_status(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(PODSTATUS_RESOURCE_CLAIM_STATUSES) |
	      FIELD(PODSTATUS_EXTENDED_RESOURCE_CLAIM_STATUS));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == PODSTATUS_RESOURCE_CLAIM_STATUSES)
			rc = read_claim_status(d, &f);
		else if (f.number == PODSTATUS_EXTENDED_RESOURCE_CLAIM_STATUS)
			rc = read_extended_claim(d, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* --- Volumes --- */

/* A reference with a namespace; default_namespace for one that says none. */
static int add_secret_reference(struct node_draft *d, const struct object_field *field,
				uint32_t name_field, struct str default_namespace)
{
	struct str namespace = STR_NULL, name = STR_NULL;
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == name_field)
			name = f.text;
		else if (f.number == SECRETREFERENCE_NAMESPACE)
			namespace = f.text;
	}
	if (!namespace.n)
		namespace = default_namespace;
	if (namespace.n)
		add_ref_in(d, NODE_SECRET, namespace, name);
	return rc;
}

static int read_azure_file(struct node_draft *d, const struct object_field *field)
{
	struct str namespace = STR_NULL, name = STR_NULL;
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == AZUREFILEPVSOURCE_SECRET_NAME)
			name = f.text;
		else if (f.number == AZUREFILEPVSOURCE_SECRET_NAMESPACE)
			namespace = f.text;
	}
	if (!namespace.n)
		namespace = d->claim_namespace;
	if (namespace.n)
		add_ref_in(d, NODE_SECRET, namespace, name);
	return rc;
}

/* What the controllers use (publish, expand) is none of a node's business. */
static bool is_node_reference(uint32_t source, uint32_t reference, uint32_t number)
{
	if (source != PVSOURCE_CSI)
		return number == reference;
	return number == CSIPVSOURCE_NODE_STAGE_SECRET_REF ||
	       number == CSIPVSOURCE_NODE_PUBLISH_SECRET_REF ||
	       number == CSIPVSOURCE_NODE_EXPAND_SECRET_REF;
}

static int read_persistent_source(struct node_draft *d, struct source source,
				  const struct object_field *field)
{
	bool has_default = source.number != PVSOURCE_CINDER &&
			   source.number != PVSOURCE_STORAGEOS && source.number != PVSOURCE_CSI;
	uint32_t name = source.number == PVSOURCE_STORAGEOS ? OBJECTREFERENCE_NAME
		: SECRETREFERENCE_NAME;
	struct object_cursor c;
	struct object_field f;
	int rc;

	if (source.number == PVSOURCE_AZURE_FILE)
		return read_azure_file(d, field);
	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (!is_node_reference(source.number, source.reference, f.number))
			continue;
		rc = add_secret_reference(d, &f, name,
					  has_default ? d->claim_namespace : STR_NULL);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_persistent_sources(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	struct source first;
	uint64_t present;
	int rc = read_presence(field, &present);

	first = FIRST_PRESENT(persistent_sources, present);
	if (rc < 0 || !first.number)
		return rc;
	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != first.number)
			continue;
		rc = read_persistent_source(d, first, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_claim_ref(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(OBJECTREFERENCE_NAME) | FIELD(OBJECTREFERENCE_NAMESPACE));
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == OBJECTREFERENCE_NAME)
			d->claim = f.text;
		else if (f.number == OBJECTREFERENCE_NAMESPACE)
			d->claim_namespace = f.text;
	}
	return rc;
}

/* The claim comes first, since its namespace is what secrets' default to. */
static int read_volume_spec(struct node_draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(PVSPEC_CLAIM_REF));
	while ((rc = object_next(&c, &f)) > 0)
		if (f.number == PVSPEC_CLAIM_REF && (rc = read_claim_ref(d, &f)) < 0)
			return rc;
	if (rc < 0)
		return rc;
	enter(field, &c, FIELD(PVSPEC_SOURCE));
	while ((rc = object_next(&c, &f)) > 0)
		if (f.number == PVSPEC_SOURCE && (rc = read_persistent_sources(d, &f)) < 0)
			return rc;
	return rc;
}

/* --- Objects --- */

static int read_node_name(struct node_draft *d, const struct object_field *field, uint32_t number)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	enter(field, &c, FIELD(number));
	while ((rc = object_next(&c, &f)) > 0)
		if (f.number == number)
			d->node = f.text;
	return rc;
}

static int read_spec(struct node_draft *d, enum node_source s, const struct object_field *f)
{
	switch (s) {
	case NODE_SOURCE_PODS:
		return read_pod_spec(d, f);
	case NODE_SOURCE_VOLUMES:
		return read_volume_spec(d, f);
	case NODE_SOURCE_VOLUME_ATTACHMENTS:
		return read_node_name(d, f, VOLUMEATTACHMENTSPEC_NODE_NAME);
	case NODE_SOURCE_RESOURCE_SLICES:
		return read_node_name(d, f, RESOURCESLICESPEC_NODE_NAME);
	case NODE_SOURCE_POD_CERTIFICATE_REQUESTS:
		return read_node_name(d, f, PODCERTIFICATEREQUESTSPEC_NODE_NAME);
	case NODE_SOURCES:
		break;
	}
	return 0;
}

/* An object's own name must be one that the graph can hold. */
static int check_names(struct node_draft *d, enum node_source s)
{
	bool is_namespaced = s == NODE_SOURCE_PODS || s == NODE_SOURCE_POD_CERTIFICATE_REQUESTS;

	if (!is_namespaced)
		d->namespace = STR_NULL;
	if (!d->name.n || (is_namespaced && !d->namespace.n))
		return ERR_SYNTAX;
	if (d->name.n > NODE_NAME_MAX || d->namespace.n > NODE_NAME_MAX ||
	    d->node.n > NODE_NAME_MAX || d->claim.n > NODE_NAME_MAX ||
	    d->claim_namespace.n > NODE_NAME_MAX)
		return ERR_LIMIT;
	return 0;
}

int node_draft_read(struct node_draft *d, enum node_source s, struct object_cursor *c)
{
	struct object_field f;
	int rc;

	draft_clear(d);
	while ((rc = object_next(c, &f)) > 0) {
		if (f.number == METADATA)
			rc = read_metadata(d, &f);
		else if (f.number == SPEC)
			rc = read_spec(d, s, &f);
		else if (s == NODE_SOURCE_PODS && f.number == POD_STATUS)
			rc = read_pod_status(d, &f);
		if (rc < 0)
			return rc;
	}
	rc = rc < 0 ? rc : check_names(d, s);
	if (rc < 0)
		return rc;
	if (d->is_mirror)
		d->ref_count = d->ephemeral_count = d->template_count = 0;
	join_claims(d);
	join_ephemeral(d);
	return 0;
}

int node_draft_read_name(struct node_draft *d, enum node_source s, struct object_cursor *c)
{
	struct object_field f;
	int rc;

	draft_clear(d);
	object_want(c, FIELD(METADATA));
	while ((rc = object_next(c, &f)) > 0)
		if (f.number == METADATA && (rc = read_metadata(d, &f)) < 0)
			return rc;
	return rc < 0 ? rc : check_names(d, s);
}
