/* SPDX-License-Identifier: Apache-2.0 */
/* conf/options_list.h as an array, for the parser and the texts; private to conf/. */
#ifndef CONF_OPTIONS_TABLE_H
#define CONF_OPTIONS_TABLE_H

#include <stddef.h>
#include <stdbool.h>

enum option_group {
	GROUP_SERVING, GROUP_AUTHENTICATION, GROUP_AUTHORIZATION, GROUP_UPSTREAM, GROUP_PROCESS,
	GROUP_IGNORED,
};

enum option_type {
	OPTION_BOOL, OPTION_INT, OPTION_FLOAT, OPTION_DURATION, OPTION_IP, OPTION_STRING,
	OPTION_STRINGS,		/* CSV, repeatable */
	OPTION_ARRAY,		/* repeatable, each use one value */
	OPTION_SNI,		/* as ARRAY */
	OPTION_MAP,
	OPTION_VERSION,		/* true, false, raw or a version */
};

#define OPTION_NO_MEMBER ((size_t)-1)

struct option_def {
	enum option_group group;
	const char *name;
	enum option_type type;
	size_t offset;		/* in struct options, or OPTION_NO_MEMBER */
	const char *preset;	/* the default as a flag's value, NULL: none */
	const char *value_name;
	const char *help;
};

extern const struct option_def option_table[];
extern const size_t option_count;

#endif
