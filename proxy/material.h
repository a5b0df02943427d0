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

/* The parts of "cert,key[:name,...]" (spec 09 section 4); all owned by the caller. */
struct sni_value {
	char *cert_file, *key_file;
	char **names;
	size_t name_count;
};
/* ERR_SYNTAX with kube-apiserver's text in *why (static). */
int sni_value_parse(const char *text, struct sni_value *out, const char **why);
void sni_value_fini(struct sni_value *v);

#endif
