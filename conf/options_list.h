/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of options.  No include guard.
 *
 * OPTION(group, name, TYPE, member of struct options, default or NULL, value's name, help)
 * IGNORED(name, TYPE): a flag of kube-apiserver without effect here; the type tells whether a
 * value follows (spec 09 sections 3 to 11).
 */

/* Serving */
OPTION(SERVING, "bind-address", IP, bind_address, "0.0.0.0", "ip",
       "The address to listen on. An unspecified address (0.0.0.0 or ::) means all addresses of "
       "both families.")
OPTION(SERVING, "secure-port", INT, secure_port, "6443", "int",
       "The port on which to serve HTTPS. It cannot be switched off with 0.")
OPTION(SERVING, "tls-cert-file", STRING, tls_cert_file, NULL, "file",
       "The serving certificate, PEM, followed by its chain. Required. Re-read when it changes.")
OPTION(SERVING, "tls-private-key-file", STRING, tls_private_key_file, NULL, "file",
       "The private key of --tls-cert-file, PEM, without a password. Required. Re-read when it "
       "changes.")
OPTION(SERVING, "tls-sni-cert-key", SNI, tls_sni_cert_key, NULL, "cert,key[:names]",
       "A further certificate and key file, with the comma separated server names or wildcard "
       "names it is for; without names those of the certificate. May be repeated; explicit names "
       "win over those of certificates, earlier flags over later ones.")
OPTION(SERVING, "tls-min-version", STRING, tls_min_version, NULL, "version",
       "The lowest TLS version: VersionTLS10, VersionTLS11, VersionTLS12 (the default) or "
       "VersionTLS13.")
OPTION(SERVING, "tls-cipher-suites", STRINGS, tls_cipher_suites, NULL, "names",
       "The cipher suites for TLS 1.2, comma separated IANA names. Without it kube-apiserver's "
       "default set. The suites of TLS 1.3 are always offered.")
OPTION(SERVING, "http2-max-streams-per-connection", INT, http2_max_streams, "0", "int",
       "How many requests an HTTP/2 connection may have open at once; 0 means 100.")
OPTION(SERVING, "disable-http2-serving", BOOL, disable_http2, "false", "bool",
       "Offer HTTP/1.1 only.")
OPTION(SERVING, "health-bind-address", STRING, health_bind_address, NULL, "ip:port",
       "A loopback address and port on which /livez, /readyz and /healthz are answered over plain "
       "HTTP, for probes. Off by default.")
OPTION(SERVING, "request-timeout", DURATION, request_timeout_ms, "1m0s", "duration",
       "How long a request may take that is not long-running; then it is answered 504.")
OPTION(SERVING, "shutdown-delay-duration", DURATION, shutdown_delay_ms, "0s", "duration",
       "How long requests are served as before after a termination signal, while /readyz already "
       "fails.")
OPTION(SERVING, "max-connections", INT, max_connections, "20000", "int",
       "How many client connections may be open. Further ones are closed at once.")
OPTION(SERVING, "max-handshakes", INT, max_handshakes, "2000", "int",
       "How many TLS handshakes may be in flight. Further connections are closed at once.")
OPTION(SERVING, "workers", INT, workers, "0", "int",
       "How many worker threads serve connections; 0 means one per processor.")

/* Authentication */
OPTION(AUTHENTICATION, "client-ca-file", STRING, client_ca_file, NULL, "file",
       "The certificate authorities for client certificates, PEM. The user is the common name, "
       "the groups are the organizations. Re-read when it changes.")
OPTION(AUTHENTICATION, "token-auth-file", STRING, token_auth_file, NULL, "file",
       "Bearer tokens, CSV: token,user,uid[,\"group1,group2\"]. Re-read when it changes.")
OPTION(AUTHENTICATION, "basic-auth-file", STRING, basic_auth_file, NULL, "file",
       "Passwords, CSV: password,user,uid[,\"group1,group2\"]. kube-apiserver had this flag up to "
       "1.18. Re-read when it changes.")
OPTION(AUTHENTICATION, "anonymous-auth", BOOL, anonymous_auth, "true", "bool",
       "Let requests without credentials in as system:anonymous of the group "
       "system:unauthenticated. Switched off by the authorization mode AlwaysAllow.")
OPTION(AUTHENTICATION, "service-account-key-file", ARRAY, service_account_key_file, NULL, "file",
       "Keys that verify tokens of service accounts: PEM public keys, private keys or "
       "certificates, RSA or ECDSA, several per file. May be repeated. Without it such tokens are "
       "not accepted. Re-read when it changes.")
OPTION(AUTHENTICATION, "service-account-issuer", ARRAY, service_account_issuer, NULL, "issuer",
       "The issuer of service account tokens. May be repeated: the first one issues them "
       "upstream, all are accepted. Required with --service-account-key-file.")
OPTION(AUTHENTICATION, "service-account-lookup", BOOL, service_account_lookup, "true", "bool",
       "Compare legacy service account tokens with their Secret. That what a bound token is bound "
       "to still exists is always checked.")
OPTION(AUTHENTICATION, "api-audiences", STRINGS, api_audiences, NULL, "names",
       "The audiences of which a service account token must name one, comma separated. Without "
       "it the issuers.")

/* Authorization and admission */
OPTION(AUTHORIZATION, "authorization-mode", STRINGS, authorization_mode, NULL, "modes",
       "The authorizers, in order and comma separated: AlwaysAllow, AlwaysDeny, Node, RBAC. "
       "Required. ABAC and Webhook are not supported by this version and refused.")
OPTION(AUTHORIZATION, "node-authorizer-wait", DURATION, node_authorizer_wait_ms, "250ms",
       "duration",
       "How long a node's request is held at most when the mode Node finds no relation to an "
       "object that a pod bound a moment ago may use: it is answered as soon as the watch brings "
       "the pod. 0 turns it off; at most 10s.")
OPTION(AUTHORIZATION, "enable-admission-plugins", STRINGS, enable_admission_plugins, NULL, "names",
       "Admission plugins to switch on. The proxy runs NodeRestriction; the names of all others of "
       "kube-apiserver are accepted and left to the upstream.")
OPTION(AUTHORIZATION, "disable-admission-plugins", STRINGS, disable_admission_plugins, NULL,
       "names", "Admission plugins to switch off. NodeRestriction is off unless it is enabled; all "
       "others are left to the upstream.")
OPTION(AUTHORIZATION, "admission-control", STRINGS, admission_control, NULL, "names",
       "The old name of --enable-admission-plugins; excludes it.")
OPTION(AUTHORIZATION, "feature-gates", ARRAY, feature_gates, NULL, "gate=bool,...",
       "Feature gates of kube-apiserver. PodCertificateRequest (off by default), "
       "ClusterTrustBundle (off) and KubeletServiceAccountTokenForCredentialProviders (on) change "
       "what nodes may, ConstrainedImpersonation (on) gives impersonation its finer verbs; others "
       "are accepted and named in one warning. May be repeated.")
OPTION(AUTHORIZATION, "cluster-state", STRING, cluster_state, "upstream", "upstream|path",
       "Where the objects come from that the authorizers read: \"upstream\" lists and watches "
       "them there; a file or folder of manifests, one folder deep, stands for all of them and is "
       "re-read when it changes.")

/* Upstream */
OPTION(UPSTREAM, "upstream-servers", STRINGS, upstream_servers, NULL, "urls",
       "The kube-apiservers to forward to, comma separated URLs: https://host[:port]. Required.")
OPTION(UPSTREAM, "upstream-ca-file", STRING, upstream_ca_file, NULL, "file",
       "The certificate authorities for the upstream's serving certificate, PEM. Required. "
       "Re-read when it changes.")
OPTION(UPSTREAM, "upstream-tls-server-name", STRING, upstream_tls_server_name, NULL, "name",
       "The name that the upstream's certificate must be for; by default the host of the URL.")
OPTION(UPSTREAM, "upstream-authorization", STRING, upstream_authorization_text, "enforcing",
       "enforcing|none",
       "What the upstream itself authorizes: \"enforcing\" when it runs with Node,RBAC (the only "
       "recommended arrangement), \"none\" when it runs with AlwaysAllow; then requests whose "
       "checks only the upstream could make are refused.")
OPTION(UPSTREAM, "proxy-client-cert-file", STRING, proxy_client_cert_file, NULL, "file",
       "The front-proxy client certificate shown to the upstream, which must trust it with "
       "--requestheader-client-ca-file. Required. Re-read when it changes.")
OPTION(UPSTREAM, "proxy-client-key-file", STRING, proxy_client_key_file, NULL, "file",
       "The private key of --proxy-client-cert-file. Required. Re-read when it changes.")
OPTION(UPSTREAM, "upstream-user", STRING, upstream_user, "system:kube-authproxy", "name",
       "The user as whom the proxy itself lists and watches at the upstream.")
OPTION(UPSTREAM, "upstream-groups", STRINGS, upstream_groups, "system:masters", "names",
       "The groups of --upstream-user.")
OPTION(UPSTREAM, "upstream-max-connections", INT, upstream_max_connections, "20000", "int",
       "How many connections a worker keeps to one upstream server at most.")

/* Process */
OPTION(PROCESS, "v", INT, verbosity, "0", "int",
       "The log level; with 2 every request is a line.")
OPTION(PROCESS, "logging-format", STRING, logging_format, "text", "text|json",
       "How log lines look.")
OPTION(PROCESS, "check", BOOL, check, NULL, "bool",
       "Check the flags and all files they name, report all problems, and exit.")
OPTION(PROCESS, "help", BOOL, help, NULL, "bool", "Show this text and exit.")
OPTION(PROCESS, "version", VERSION, version, NULL, "true|raw",
       "Show the version and exit; \"raw\" shows how it was built.")

/* Secure serving */
IGNORED("advertise-address", IP)
IGNORED("external-hostname", STRING)
IGNORED("cert-dir", STRING)
IGNORED("tls-curve-preferences", STRINGS)
IGNORED("permit-port-sharing", BOOL)
IGNORED("permit-address-sharing", BOOL)
IGNORED("strict-transport-security-directives", STRINGS)
IGNORED("cors-allowed-origins", STRINGS)
IGNORED("goaway-chance", FLOAT)

/* Limits and time */
IGNORED("min-request-timeout", INT)
IGNORED("max-requests-inflight", INT)
IGNORED("max-mutating-requests-inflight", INT)
IGNORED("enable-priority-and-fairness", BOOL)
IGNORED("max-connection-bytes-per-sec", INT)
IGNORED("shutdown-send-retry-after", BOOL)
IGNORED("shutdown-watch-termination-grace-period", DURATION)
IGNORED("livez-grace-period", DURATION)

/* Authentication */
IGNORED("authentication-config", STRING)
IGNORED("requestheader-client-ca-file", STRING)
IGNORED("requestheader-allowed-names", STRINGS)
IGNORED("requestheader-username-headers", STRINGS)
IGNORED("requestheader-uid-headers", STRINGS)
IGNORED("requestheader-group-headers", STRINGS)
IGNORED("requestheader-extra-headers-prefix", STRINGS)
IGNORED("enable-bootstrap-token-auth", BOOL)
IGNORED("service-account-signing-key-file", STRING)
IGNORED("service-account-signing-endpoint", STRING)
IGNORED("service-account-jwks-uri", STRING)
IGNORED("service-account-max-token-expiration", DURATION)
IGNORED("service-account-extend-token-expiration", BOOL)
IGNORED("oidc-issuer-url", STRING)
IGNORED("oidc-client-id", STRING)
IGNORED("oidc-username-claim", STRING)
IGNORED("oidc-username-prefix", STRING)
IGNORED("oidc-groups-claim", STRING)
IGNORED("oidc-groups-prefix", STRING)
IGNORED("oidc-ca-file", STRING)
IGNORED("oidc-signing-algs", STRINGS)
IGNORED("oidc-required-claim", MAP)
IGNORED("authentication-token-webhook-config-file", STRING)
IGNORED("authentication-token-webhook-version", STRING)
IGNORED("authentication-token-webhook-cache-ttl", DURATION)

/* Authorization and admission */
IGNORED("authorization-config", STRING)
IGNORED("authorization-policy-file", STRING)
IGNORED("authorization-webhook-config-file", STRING)
IGNORED("authorization-webhook-version", STRING)
IGNORED("authorization-webhook-cache-authorized-ttl", DURATION)
IGNORED("authorization-webhook-cache-unauthorized-ttl", DURATION)
IGNORED("admission-control-config-file", STRING)

/* Audit */
IGNORED("audit-policy-file", STRING)
IGNORED("audit-log-path", STRING)
IGNORED("audit-log-format", STRING)
IGNORED("audit-log-mode", STRING)
IGNORED("audit-log-version", STRING)
IGNORED("audit-log-maxage", INT)
IGNORED("audit-log-maxbackup", INT)
IGNORED("audit-log-maxsize", INT)
IGNORED("audit-log-compress", BOOL)
IGNORED("audit-log-batch-buffer-size", INT)
IGNORED("audit-log-batch-max-size", INT)
IGNORED("audit-log-batch-max-wait", DURATION)
IGNORED("audit-log-batch-throttle-enable", BOOL)
IGNORED("audit-log-batch-throttle-qps", FLOAT)
IGNORED("audit-log-batch-throttle-burst", INT)
IGNORED("audit-log-truncate-enabled", BOOL)
IGNORED("audit-log-truncate-max-batch-size", INT)
IGNORED("audit-log-truncate-max-event-size", INT)
IGNORED("audit-webhook-config-file", STRING)
IGNORED("audit-webhook-mode", STRING)
IGNORED("audit-webhook-version", STRING)
IGNORED("audit-webhook-initial-backoff", DURATION)
IGNORED("audit-webhook-batch-initial-backoff", DURATION)
IGNORED("audit-webhook-batch-buffer-size", INT)
IGNORED("audit-webhook-batch-max-size", INT)
IGNORED("audit-webhook-batch-max-wait", DURATION)
IGNORED("audit-webhook-batch-throttle-enable", BOOL)
IGNORED("audit-webhook-batch-throttle-qps", FLOAT)
IGNORED("audit-webhook-batch-throttle-burst", INT)
IGNORED("audit-webhook-truncate-enabled", BOOL)
IGNORED("audit-webhook-truncate-max-batch-size", INT)
IGNORED("audit-webhook-truncate-max-event-size", INT)

/* Others with a meaning for clients */
IGNORED("emulated-version", STRINGS)
IGNORED("min-compatibility-version", STRINGS)
IGNORED("emulation-forward-compatible", BOOL)
IGNORED("runtime-config-emulation-forward-compatible", BOOL)
IGNORED("profiling", BOOL)
IGNORED("contention-profiling", BOOL)
IGNORED("debug-socket-path", STRING)
IGNORED("tracing-config-file", STRING)
IGNORED("vmodule", STRING)
IGNORED("log-flush-frequency", DURATION)
IGNORED("log-json-split-stream", BOOL)
IGNORED("log-text-split-stream", BOOL)
IGNORED("log-json-info-buffer-size", STRING)
IGNORED("log-text-info-buffer-size", STRING)

/* Storage, controllers, calls that the upstream makes */
IGNORED("aggregator-reject-forwarding-redirect", BOOL)
IGNORED("allow-privileged", BOOL)
IGNORED("enable-aggregator-routing", BOOL)
IGNORED("enable-garbage-collector", BOOL)
IGNORED("enable-logs-handler", BOOL)
IGNORED("encryption-provider-config-automatic-reload", BOOL)
IGNORED("watch-cache", BOOL)
IGNORED("apiserver-count", INT)
IGNORED("default-not-ready-toleration-seconds", INT)
IGNORED("default-unreachable-toleration-seconds", INT)
IGNORED("default-watch-cache-size", INT)
IGNORED("delete-collection-workers", INT)
IGNORED("kubelet-port", INT)
IGNORED("kubelet-read-only-port", INT)
IGNORED("kubernetes-service-node-port", INT)
IGNORED("lease-reuse-duration-seconds", INT)
IGNORED("coordinated-leadership-lease-duration", DURATION)
IGNORED("coordinated-leadership-renew-deadline", DURATION)
IGNORED("coordinated-leadership-retry-period", DURATION)
IGNORED("etcd-compaction-interval", DURATION)
IGNORED("etcd-count-metric-poll-period", DURATION)
IGNORED("etcd-db-metric-poll-interval", DURATION)
IGNORED("etcd-healthcheck-timeout", DURATION)
IGNORED("etcd-readycheck-timeout", DURATION)
IGNORED("event-ttl", DURATION)
IGNORED("kubelet-timeout", DURATION)
IGNORED("storage-initialization-timeout", DURATION)
IGNORED("allow-metric-labels", STRING)
IGNORED("allow-metric-labels-manifest", STRING)
IGNORED("egress-selector-config-file", STRING)
IGNORED("encryption-provider-config", STRING)
IGNORED("endpoint-reconciler-type", STRING)
IGNORED("etcd-cafile", STRING)
IGNORED("etcd-certfile", STRING)
IGNORED("etcd-keyfile", STRING)
IGNORED("etcd-prefix", STRING)
IGNORED("kubelet-certificate-authority", STRING)
IGNORED("kubelet-client-certificate", STRING)
IGNORED("kubelet-client-key", STRING)
IGNORED("peer-advertise-ip", STRING)
IGNORED("peer-advertise-port", STRING)
IGNORED("peer-ca-file", STRING)
IGNORED("service-cluster-ip-range", STRING)
IGNORED("service-node-port-range", STRING)
IGNORED("show-hidden-metrics-for-version", STRING)
IGNORED("storage-backend", STRING)
IGNORED("storage-media-type", STRING)
IGNORED("disabled-metrics", STRINGS)
IGNORED("etcd-servers", STRINGS)
IGNORED("etcd-servers-overrides", STRINGS)
IGNORED("kubelet-preferred-address-types", STRINGS)
IGNORED("watch-cache-sizes", STRINGS)
IGNORED("runtime-config", MAP)
