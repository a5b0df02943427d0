/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADMISSION_YAML_PLAIN_H
#define ADMISSION_YAML_PLAIN_H

#include <stdbool.h>

#include "base/str.h"

/*
 * Does the first document of a YAML text do without what its readers understand differently:
 * anchors and aliases, tags, merge keys (kube-apiserver's override members that stand before them)?
 * And without what takes its readers a time that grows with the square of its length: directives,
 * deep nesting.  *why is static.  A text that cannot be parsed is left to the reader: true.
 */
bool yaml_is_plain(struct str text, const char **why);

#endif
