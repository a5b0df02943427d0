/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain HTTP port for probes (--health-bind-address, loopback only): /livez, /readyz, /healthz
 * and the proxy's own /metrics, without authentication; anything else is 404.
 */
#ifndef PROXY_HEALTH_PORT_H
#define PROXY_HEALTH_PORT_H

#include "http/transport.h"

/* arg is the struct worker. */
http_accept_fn health_port_accept;

#endif
