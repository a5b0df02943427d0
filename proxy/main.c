/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "conf/options.h"
#include "obs/log.h"
#include "proxy/server.h"

static void notify(const char *state)
{
#ifdef HAVE_SYSTEMD
	sd_notify(0, state);
#else
	(void)state;
#endif
}

/* A request may hold two descriptors: take what the hard limit gives, and say if it is short. */
static void raise_descriptor_limit(const struct options *o)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max / 2 < (rlim_t)o->max_connections)
		log_warning("The limit of %llu descriptors is short of two for each of "
			    "--max-connections=%lld", (unsigned long long)limit.rlim_max,
			    (long long)o->max_connections);
}

/* Threads start with these blocked; main waits for them alone. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A second SIGTERM or SIGINT ends the process at once (spec 09 section 2). */
static void *second_signal_main(void *arg)
{
	int sig;

	do {
		sigwait(arg, &sig);
	} while (sig == SIGHUP);
	_exit(1);
}

static void wait_for_end(struct server *s, sigset_t *set)
{
	pthread_t impatient;
	int sig;

	for (;;) {
		sigwait(set, &sig);
		if (sig != SIGHUP)
			break;
		log_info("SIGHUP: looking at every file");
		server_reload(s);
	}
	log_info("%s: draining", strsignal(sig));
	notify("STOPPING=1");
	if (!pthread_create(&impatient, NULL, second_signal_main, set))
		pthread_detach(impatient);
	server_drain(s);
}

static int report(struct problems *p)
{
	problems_print(p, stderr);
	problems_fini(p);
	return 1;
}

static int serve(const struct options *o, struct problems *p)
{
	sigset_t signals;
	struct server *s;

	block_signals(&signals);
	s = server_new(o, p);
	if (!s)
		return report(p);
	if (o->check) {
		server_free(s);
		return 0;
	}
	options_log_ignored(o);
	if (server_start(s, p)) {
		server_free(s);
		return report(p);
	}
	raise_descriptor_limit(o);
	log_info("Serving securely on %s port %u with %zu workers", o->bind_address,
		 (unsigned)server_port(s), s->worker_count);
	notify("READY=1");
	wait_for_end(s, &signals);
	server_free(s);
	log_info("Ended");
	return 0;
}

int main(int argc, char **argv)
{
	struct problems p = PROBLEMS_INIT;
	struct options o;
	char *error;
	int rc;

	if (options_parse(argc, argv, &o, &error)) {
		fprintf(stderr, "Error: %s\n", error);
		free(error);
		options_fini(&o);
		return 1;
	}
	if (o.help || o.version) {
		if (o.help)
			options_print_help(stdout);
		else
			printf("kube-authproxy %s\n%s\n", PACKAGE_VERSION, BUILD_SUMMARY);
		options_fini(&o);
		return 0;
	}
	log_configure((int)o.verbosity, o.logging_format && !strcmp(o.logging_format, "json"));
	options_validate(&o, &p);
	rc = serve(&o, &p);
	options_fini(&o);
	return rc;
}
