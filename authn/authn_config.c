/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/authn_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authn/basic_file.h"
#include "authn/service_account.h"
#include "authn/token_file.h"
#include "authn/x509.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/file.h"

static void config_free(struct snapshot *s)
{
	struct authn_config *c = container_of(s, struct authn_config, snapshot);

	x509_trust_free(c->x509);
	token_file_free(c->tokens);
	basic_file_free(c->passwords);
	service_accounts_free(c->service_accounts);
	free(c->anonymous_paths);
	free(c);
}

/* Reads a file that a flag names; false, with the problem added, when that fails. */
static bool read_source(const char *path, const char *flag, struct problems *p, struct str *text)
{
	int err = file_read(path, text);

	if (!err)
		return true;
	problems_add(p, path, 0, flag, "%s", err == ERR_IO ? strerror(errno) : err_text(err));
	return false;
}

static void load_trust(struct authn_config *c, const char *path, struct problems *p)
{
	struct str text;

	if (!path || !read_source(path, "client-ca-file", p, &text))
		return;
	c->x509 = x509_trust_parse("client-ca-file", path, text, p);
	file_text_free(text);
}

static void load_tokens(struct authn_config *c, const char *path, struct problems *p)
{
	struct str text;

	if (!path || !read_source(path, "token-auth-file", p, &text))
		return;
	c->tokens = token_file_parse(path, text, p);
	file_text_free(text);
}

static void load_passwords(struct authn_config *c, const char *path, struct problems *p)
{
	struct str text;

	if (!path || !read_source(path, "basic-auth-file", p, &text))
		return;
	c->passwords = basic_file_parse(path, text, p);
	file_text_free(text);
}

static void load_service_accounts(struct authn_config *c, const struct authn_sources *s,
				  struct problems *p)
{
	const struct option_list *files = s->service_account_key_files;
	struct str text;

	if (!files || !files->n)
		return;
	c->service_accounts = service_accounts_new(s->service_account_issuers, s->api_audiences,
						   s->service_account_lookup);
	for (size_t i = 0; i < files->n; i++) {
		if (!read_source(files->v[i], "service-account-key-file", p, &text))
			continue;
		service_accounts_add_keys(c->service_accounts, files->v[i], text, p);
		file_text_free(text);
	}
}

struct authn_config *authn_config_load(const struct authn_sources *s, struct problems *p)
{
	static atomic_uint_fast64_t generations;
	struct authn_config *c = xcalloc(1, sizeof(*c));
	size_t before = p->count;

	snapshot_init(&c->snapshot, config_free);
	c->generation = atomic_fetch_add(&generations, 1) + 1;
	c->anonymous = s->anonymous;
	load_trust(c, s->client_ca_file, p);
	load_tokens(c, s->token_auth_file, p);
	load_passwords(c, s->basic_auth_file, p);
	load_service_accounts(c, s, p);
	if (p->count == before)
		return c;
	snapshot_release(&c->snapshot);
	return NULL;
}

bool authn_config_challenges_basic(const struct authn_config *c)
{
	return c->passwords != NULL;
}
