/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a worker's authenticators see objects of the cluster (authn/object.h): by a read at the
 * upstream as the proxy's own user, or in the manifests of --cluster-state.
 *
 * A read is live, so that what is not there is not there; kube-apiserver looks into its caches
 * first, and there, too, asks for what they lack.  What was found counts for OBJECT_TTL_MS, for who
 * wants it with that uid; that something is missing or could not be read is forgotten with the
 * answer.  However many requests want an object, one read is under way for it.
 */
#ifndef PROXY_OBJECT_SOURCE_H
#define PROXY_OBJECT_SOURCE_H

#include "authn/object.h"
#include "proxy/worker.h"

#define OBJECT_TTL_MS 2000
#define OBJECT_SOURCE_MAX 4096	/* objects per worker, found ones and those being read */

struct object_source;

struct object_source *object_source_new(struct worker *w);
/* On the worker's thread, before its pool ends, or without that thread; nobody waits any more. */
void object_source_free(struct object_source *s);	/* NULL is allowed */
struct authn_source *object_source_authn(struct object_source *s);

#endif
