/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --basic-auth-file (spec 02 section 6, kube-apiserver up to 1.18): CSV records
 * password,user,uid[,"group1,group2"].  Immutable after parsing; readers need no lock.
 */
#ifndef AUTHN_BASIC_FILE_H
#define AUTHN_BASIC_FILE_H

#include "authn/user.h"
#include "base/strbuf.h"
#include "conf/problems.h"

struct basic_file;

/* Never NULL; problems of any record are added to p.  path is for messages. */
struct basic_file *basic_file_parse(const char *path, struct str text, struct problems *p);
void basic_file_free(struct basic_file *f);	/* NULL is allowed; wipes the passwords */
/* The user, borrowed from f, or NULL when the name is unknown or the password wrong. */
const struct user *basic_file_find(const struct basic_file *f, struct str name,
				   struct str password);

/*
 * Reads the value of an Authorization header: true, with name and password inside *decoded (end
 * it with strbuf_fini_secret), if it is of the shape `Basic <base64 of name:password>`.
 */
bool basic_parse_header(struct str value, struct strbuf *decoded, struct str *name,
			struct str *password);

#endif
