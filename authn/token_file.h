/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --token-auth-file (spec 02 section 5): CSV records token,user,uid[,"group1,group2"].  As in
 * kube-apiserver a record may name any user and group, system:masters included.
 * Immutable after parsing; readers need no lock.
 */
#ifndef AUTHN_TOKEN_FILE_H
#define AUTHN_TOKEN_FILE_H

#include "authn/user.h"
#include "conf/problems.h"

struct token_file;

/* Never NULL; problems of any record are added to p.  path is for messages. */
struct token_file *token_file_parse(const char *path, struct str text, struct problems *p);
void token_file_free(struct token_file *f);	/* NULL is allowed; wipes the tokens */
/* The user of exactly this token, borrowed from f, or NULL. */
const struct user *token_file_find(const struct token_file *f, struct str token);

#endif
