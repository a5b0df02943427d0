/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control thread: files that change, cluster state, upstream checks, the workers' heartbeats
 * and the systemd watchdog.  The one writer of every snapshot after the start.
 */
#ifndef PROXY_CONTROL_H
#define PROXY_CONTROL_H

#include "proxy/server.h"

#define CONTROL_TICK_MS 1000
#define WORKER_STUCK_MS 10000	/* without a heartbeat: the workers check fails */
#define EXPIRY_WARNING_S (7 * 24 * 3600)	/* before the front-proxy certificate ends */
#define EXPIRY_REPEAT_S 3600
#define RELOAD_PAUSE_MS 200	/* files that belong together change one after the other */

struct control *control_new(struct server *s);
int control_start(struct control *c);
/* Looks at every file now. Any thread. */
void control_reload(struct control *c);
/* Stops, joins and frees. */
void control_free(struct control *c);

#endif
