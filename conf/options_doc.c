/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the texts made from the options table; the build makes the man page with it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "conf/options.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *flag;
		void (*print)(FILE *out);
	} texts[] = {
		{ "--help", options_print_help },
		{ "--man", options_print_man },
		{ "--names", options_print_names },
	};

	for (size_t i = 0; argc == 2 && i < array_size(texts); i++) {
		if (!strcmp(argv[1], texts[i].flag)) {
			texts[i].print(stdout);
			return fflush(stdout) ? 1 : 0;
		}
	}
	fputs("usage: options-doc --help | --man | --names\n", stderr);
	return 2;
}
