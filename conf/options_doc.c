/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the texts made from the options table; the build makes the man page with it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "conf/options.h"

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "--help"))
		options_print_help(stdout);
	else if (!strcmp(what, "--man"))
		options_print_man(stdout);
	else if (!strcmp(what, "--names"))
		options_print_names(stdout);
	else
		return fprintf(stderr, "usage: options-doc --help | --man | --names\n"), 2;
	return fflush(stdout) ? 1 : 0;
}
