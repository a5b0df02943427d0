/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects as YAML; apart because it alone needs libyaml's emitter. */
#ifndef HTTP_STATUS_YAML_H
#define HTTP_STATUS_YAML_H

#include "http/status.h"

/* Appends s as kube-apiserver's YAML serializer writes it: sorted keys, a newline at the end. */
void status_encode_yaml(struct strbuf *out, const struct status *s);

#endif
