/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS material from files: the serving context and the front-proxy identity.  Each is read as a
 * whole; a problem anywhere gives no new context, so that a reload keeps the old one.  Blocking:
 * for the start and the control thread.
 */
#ifndef PROXY_MATERIAL_H
#define PROXY_MATERIAL_H

#include "conf/options.h"
#include "net/tls.h"

/* NULL with problems in p. */
struct tls_server_context *material_server_context(const struct options *o, struct problems *p);
struct tls_client_context *material_client_context(const struct options *o, struct problems *p);

#endif
