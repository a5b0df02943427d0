/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manifests of --cluster-state have of the objects that authenticators look at
 * (authn/object.h): an immutable snapshot, made by the control thread, read by the workers.
 */
#ifndef PROXY_OBJECT_MANIFESTS_H
#define PROXY_OBJECT_MANIFESTS_H

#include "authn/object.h"
#include "base/snapshot.h"
#include "base/strbuf.h"
#include "conf/problems.h"

struct object_manifests;

/* One reference; NULL with problems. Blocking. */
struct object_manifests *object_manifests_read(const char *path, struct problems *p);
struct snapshot *object_manifests_snapshot(struct object_manifests *m);
/* By object_path; borrowed, or NULL. */
struct authn_object *object_manifests_find(const struct object_manifests *m, struct str path);

/*
 * Adds "/api/v1/namespaces/ns/pods/name"; false when nothing can be called so, or addressed by a
 * path.
 */
bool object_path(struct strbuf *out, enum authn_object_kind kind, struct str namespace,
		 struct str name);

#endif
