/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration problems, collected so that all are reported at once, each as
 * `file:line: --flag: reason` (parts that do not apply are left out).
 */
#ifndef CONF_PROBLEMS_H
#define CONF_PROBLEMS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/strbuf.h"

struct problems {
	struct strbuf text;	/* one line per problem, once if of a file */
	size_t count;		/* of problems_add */
};

#define PROBLEMS_INIT ((struct problems){ STRBUF_INIT, 0 })

/* file may be NULL, line 0 (unknown), flag NULL ("client-ca-file", without dashes). */
void problems_add(struct problems *p, const char *file, int line, const char *flag,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void problems_print(const struct problems *p, FILE *out);
void problems_log(const struct problems *p);	/* each as an error of its own */
void problems_fini(struct problems *p);

#endif
