/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-apiserver: an in-memory Kubernetes API server for quickstart and the tests.  It keeps
 * kube-apiserver's flag names where it has the same thing.
 */
#include "config.h"

#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/upstream/start.h"

enum flag {
	FLAG_BIND_ADDRESS = 256, FLAG_SECURE_PORT, FLAG_PORT_FILE, FLAG_CERT, FLAG_KEY,
	FLAG_CLIENT_CA, FLAG_RH_CA, FLAG_RH_ALLOWED, FLAG_RH_USER, FLAG_RH_UID, FLAG_RH_GROUP,
	FLAG_RH_EXTRA, FLAG_ANONYMOUS, FLAG_AUTHORIZATION, FLAG_MANIFESTS, FLAG_FAULT,
	FLAG_TEST_CONTROL, FLAG_RING, FLAG_BOOKMARK, FLAG_HELP,
};

static const struct option flags[] = {
	{ "bind-address", required_argument, NULL, FLAG_BIND_ADDRESS },
	{ "secure-port", required_argument, NULL, FLAG_SECURE_PORT },
	{ "port-file", required_argument, NULL, FLAG_PORT_FILE },
	{ "tls-cert-file", required_argument, NULL, FLAG_CERT },
	{ "tls-private-key-file", required_argument, NULL, FLAG_KEY },
	{ "client-ca-file", required_argument, NULL, FLAG_CLIENT_CA },
	{ "requestheader-client-ca-file", required_argument, NULL, FLAG_RH_CA },
	{ "requestheader-allowed-names", required_argument, NULL, FLAG_RH_ALLOWED },
	{ "requestheader-username-headers", required_argument, NULL, FLAG_RH_USER },
	{ "requestheader-uid-headers", required_argument, NULL, FLAG_RH_UID },
	{ "requestheader-group-headers", required_argument, NULL, FLAG_RH_GROUP },
	{ "requestheader-extra-headers-prefix", required_argument, NULL, FLAG_RH_EXTRA },
	{ "anonymous-auth", required_argument, NULL, FLAG_ANONYMOUS },
	{ "authorization", required_argument, NULL, FLAG_AUTHORIZATION },
	{ "manifests", required_argument, NULL, FLAG_MANIFESTS },
	{ "fault", required_argument, NULL, FLAG_FAULT },
	{ "test-control", no_argument, NULL, FLAG_TEST_CONTROL },
	{ "watch-cache-size", required_argument, NULL, FLAG_RING },
	{ "bookmark-interval-ms", required_argument, NULL, FLAG_BOOKMARK },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Cuts a comma list in place; the text is a program argument. */
static void read_names(struct identity_names *out, char *text)
{
	char *save = NULL;

	for (char *one = strtok_r(text, ",", &save); one && out->n < IDENTITY_NAMES_MAX;
	     one = strtok_r(NULL, ",", &save))
		out->v[out->n++] = one;
}

static int read_fault(struct server *s, const char *text)
{
	const char *why;

	if (!faults_add(&s->faults, str_from(text), STR_NULL, &why))
		return 0;
	fprintf(stderr, "--fault: %s: %s\n", text, why);
	return -1;
}

static int read_identity_flag(struct identity_options *o, int flag, char *value)
{
	switch (flag) {
	case FLAG_CLIENT_CA:
		o->client_ca_file = value;
		break;
	case FLAG_RH_CA:
		o->requestheader_ca_file = value;
		break;
	case FLAG_RH_ALLOWED:
		read_names(&o->allowed_names, value);
		break;
	case FLAG_RH_USER:
		read_names(&o->username_headers, value);
		break;
	case FLAG_RH_UID:
		read_names(&o->uid_headers, value);
		break;
	case FLAG_RH_GROUP:
		read_names(&o->group_headers, value);
		break;
	case FLAG_RH_EXTRA:
		read_names(&o->extra_prefixes, value);
		break;
	case FLAG_ANONYMOUS:
		o->anonymous = strcmp(value, "false") != 0;
		break;
	default:
		return -1;
	}
	return 0;
}

static int read_flag(struct server *s, int flag, char *value)
{
	struct server_options *o = &s->options;

	switch (flag) {
	case FLAG_BIND_ADDRESS:
		o->bind_address = value;
		break;
	case FLAG_SECURE_PORT:
		o->port = (unsigned)strtoul(value, NULL, 10);
		break;
	case FLAG_PORT_FILE:
		o->port_file = value;
		break;
	case FLAG_CERT:
		o->cert_file = value;
		break;
	case FLAG_KEY:
		o->key_file = value;
		break;
	case FLAG_AUTHORIZATION:
		o->node = !strcmp(value, "node,rbac");
		o->rbac = o->node || !strcmp(value, "rbac");
		return o->rbac || !strcmp(value, "none") ? 0 : -1;
	case FLAG_MANIFESTS:
		if (o->manifest_count == array_size(o->manifests))
			return -1;
		o->manifests[o->manifest_count++] = value;
		break;
	case FLAG_FAULT:
		return read_fault(s, value);
	case FLAG_TEST_CONTROL:
		o->test_control = true;
		break;
	case FLAG_RING:
		o->ring_size = (unsigned)strtoul(value, NULL, 10);
		return o->ring_size ? 0 : -1;
	case FLAG_BOOKMARK:
		o->bookmark_ms = (unsigned)strtoul(value, NULL, 10);
		return o->bookmark_ms ? 0 : -1;
	default:
		return read_identity_flag(&o->identity, flag, value);
	}
	return 0;
}

static void usage(FILE *out)
{
	fputs("usage: test-apiserver --tls-cert-file FILE --tls-private-key-file FILE [flags]\n",
	      out);
	for (const struct option *o = flags; o->name; o++)
		fprintf(out, "  --%s%s\n", o->name, o->has_arg ? " VALUE" : "");
}

static int read_flags(struct server *s, int argc, char **argv)
{
	int flag;

	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		if (flag == FLAG_HELP) {
			usage(stdout);
			exit(0);
		}
		if (flag == '?' || read_flag(s, flag, optarg))
			return -1;
	}
	return optind == argc && s->options.cert_file && s->options.key_file ? 0 : -1;
}

static void on_signal(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_stop(arg);
}

static void run(struct server *s)
{
	struct event *term = event_new(loop_base(s->loop), SIGTERM, EV_SIGNAL | EV_PERSIST,
				       on_signal, s->loop);
	struct event *interrupt = event_new(loop_base(s->loop), SIGINT, EV_SIGNAL | EV_PERSIST,
					    on_signal, s->loop);

	event_add(term, NULL);
	event_add(interrupt, NULL);
	loop_run(s->loop);
	event_free(term);
	event_free(interrupt);
}

int main(int argc, char **argv)
{
	static struct server s = { .options = { .bind_address = "127.0.0.1",
						.ring_size = STORE_RING_DEFAULT,
						.bookmark_ms = 60000,
						.identity = { .anonymous = true } } };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	faults_init(&s.faults);
	if (read_flags(&s, argc, argv)) {
		usage(stderr);
		return 2;
	}
	rc = server_start(&s);
	if (!rc)
		run(&s);
	server_stop(&s);
	return rc ? 1 : 0;
}
