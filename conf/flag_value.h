/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of flags, as pflag and Go's standard library read them.  Each function returns 0 or
 * ERR_SYNTAX with *error set to Go's text, in a thread-local buffer until the next call.
 */
#ifndef CONF_FLAG_VALUE_H
#define CONF_FLAG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct option_list {
	char **v;
	size_t n;
};

void option_list_add(struct option_list *l, struct str s);	/* copies s */
void option_list_fini(struct option_list *l);

/* 1 t T TRUE true True 0 f F FALSE false False. */
int flag_bool_parse(struct str s, bool *out, const char **error);
/* C notation: decimal, 0x, 0o, 0b, a leading 0 for octal, single underscores between digits. */
int flag_int_parse(struct str s, int64_t *out, const char **error);
/* Checks only. */
int flag_float_check(struct str s, const char **error);
int flag_ip_check(struct str s, const char **error);
int flag_map_check(struct str s, const char **error);
/* One CSV record; its fields are appended. An empty value has none. */
int flag_csv_parse(struct str s, struct option_list *out, const char **error);

/* One --tls-sni-cert-key: "cert,key" or "cert,key:name,name"; everything owned. */
struct flag_sni {
	char *cert_file, *key_file;
	struct option_list names;
};
int flag_sni_parse(struct str s, struct flag_sni *out, const char **error);
void flag_sni_fini(struct flag_sni *sni);

/*
 * Go's duration syntax ("1m30s", "1.5h", "0") in microseconds, rounded away from zero, so that
 * what is not zero stays so.
 */
int duration_parse(struct str s, int64_t *us, const char **error);

#endif
