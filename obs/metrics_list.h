/* SPDX-License-Identifier: Apache-2.0 */
/* The table of metrics: METRIC(id, COUNTER | GAUGE | HISTOGRAM, name, help).  No include guard. */
METRIC(REQUESTS, COUNTER, "kube_authproxy_requests_total",
       "Requests received.")
METRIC(REQUESTS_DENIED, COUNTER, "kube_authproxy_requests_denied_total",
       "Requests answered 401 or 403 by the proxy.")
METRIC(REQUESTS_FORWARDED, COUNTER, "kube_authproxy_requests_forwarded_total",
       "Requests sent to an upstream.")
METRIC(REQUESTS_UNAVAILABLE, COUNTER, "kube_authproxy_requests_unavailable_total",
       "Requests answered 503 or 504 by the proxy.")
METRIC(ADMISSION_BYTES, GAUGE, "kube_authproxy_admission_bytes",
       "Bytes that admission holds: bodies, objects that were read.")
METRIC(EXCHANGES, GAUGE, "kube_authproxy_exchanges",
       "Requests being served.")
METRIC(CONNECTIONS, GAUGE, "kube_authproxy_connections",
       "Open client connections.")
METRIC(CONNECTIONS_REFUSED, COUNTER, "kube_authproxy_connections_refused_total",
       "Connections closed because a cap was reached.")
METRIC(HANDSHAKES_FAILED, COUNTER, "kube_authproxy_handshakes_failed_total",
       "TLS handshakes that failed.")
METRIC(UPSTREAM_CONNECTIONS, GAUGE, "kube_authproxy_upstream_connections",
       "Open upstream connections.")
METRIC(UPSTREAM_CONNECTS, COUNTER, "kube_authproxy_upstream_connects_total",
       "Upstream connections attempted.")
METRIC(UPSTREAM_FAILURES, COUNTER, "kube_authproxy_upstream_connect_failures_total",
       "Upstream connections that failed.")
METRIC(REFLECTOR_RELISTS, COUNTER, "kube_authproxy_reflector_lists_total",
       "Lists started by the cluster-state reflectors.")
METRIC(REFLECTOR_EVENTS, COUNTER, "kube_authproxy_reflector_events_total",
       "Watch events received by the cluster-state reflectors.")
METRIC(POLICY_BUILDS, COUNTER, "kube_authproxy_policy_builds_total",
       "Compiled policy snapshots.")
METRIC(POLICY_LATENCY, HISTOGRAM, "kube_authproxy_policy_publication_seconds",
       "Time from the first event of a batch to the published policy.")
METRIC(NODE_GRAPH_PODS, GAUGE, "kube_authproxy_node_graph_pods",
       "Pods that the Node authorizer knows.")
METRIC(NODE_GRAPH_VOLUMES, GAUGE, "kube_authproxy_node_graph_volumes",
       "Persistent volumes that the Node authorizer knows.")
METRIC(NODE_GRAPH_BYTES, GAUGE, "kube_authproxy_node_graph_bytes",
       "Memory of the Node authorizer's graph.")
METRIC(NODE_WAITING, GAUGE, "kube_authproxy_node_waiting",
       "Requests of nodes that are held for an edge of the Node authorizer's graph.")
METRIC(NODE_WAITS, COUNTER, "kube_authproxy_node_waits_total",
       "Requests of nodes that were held for an edge of the Node authorizer's graph.")
METRIC(NODE_WAITS_ALLOWED, COUNTER, "kube_authproxy_node_waits_allowed_total",
       "Held requests of nodes that were allowed in the end.")
METRIC(RELOADS, COUNTER, "kube_authproxy_reloads_total",
       "Files that were re-read and taken over.")
METRIC(RELOAD_FAILURES, COUNTER, "kube_authproxy_reload_failures_total",
       "Changed files that were refused; the old content stays.")
