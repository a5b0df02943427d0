/* SPDX-License-Identifier: Apache-2.0 */
/* --cluster-state=PATH: objects from YAML or JSON manifests, Lists, folders one level deep. */
#ifndef CACHE_MANIFESTS_H
#define CACHE_MANIFESTS_H

#include "codec/object.h"
#include "conf/problems.h"

/*
 * Reads a file, or every *.yaml, *.yml and *.json of a folder in the order of their names (not
 * those that start with a dot), and calls fn with each object (items of a List one by one).  Kinds
 * that the schema tables do not know are passed with message == NULL.  Blocking.  Problems are
 * added with file and line (of the document); reading goes on behind them, and behind an error of
 * fn, which adds its problem itself; the return value is 0 or the first error.
 */
struct manifest_object {
	struct str api_version, kind;
	const struct schema_message *message;	/* NULL: unknown kind */
	json_t *json;				/* borrowed */
	const char *file;			/* borrowed */
	int line;				/* where the document starts */
};
int manifests_read(const char *path, const char *flag,
		   int (*fn)(void *arg, const struct manifest_object *o, struct problems *p),
		   void *arg, struct problems *p);

#endif
