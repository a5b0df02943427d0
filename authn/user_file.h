/* SPDX-License-Identifier: Apache-2.0 */
/* What token and password files have in common: CSV records of a secret and a user. */
#ifndef AUTHN_USER_FILE_H
#define AUTHN_USER_FILE_H

#include "authn/user.h"
#include "conf/problems.h"

struct user_record {
	struct str secret;	/* owned, wiped when freed: token or password */
	struct user *user;	/* owned */
};

void user_record_free(struct user_record *r);		/* NULL is allowed */
/* True if the secrets are equal; takes the same time wherever they differ. */
bool user_record_matches(const struct user_record *r, struct str secret);

/*
 * One kind of file.  `add` takes over the record and puts it into the file's table; number counts
 * records from 1, for warnings.
 */
struct user_file_kind {
	const char *flag;		/* "token-auth-file" */
	const char *noun;		/* "token" */
	const char *columns;		/* "token, user name, user uid" */
	bool skip_empty_secret;
	void (*add)(void *file, struct user_record *r, const char *path, size_t number);
};

/*
 * Reads all records of text.  Problems: what is not CSV (ends the reading), a record with fewer
 * than three fields, and a user whom the upstream's headers cannot carry (spec 06, Traps).
 */
void user_file_parse(const struct user_file_kind *kind, const char *path, struct str text,
		     struct problems *p, void *file);

#endif
