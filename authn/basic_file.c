/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/basic_file.h"

#include <stdlib.h>

#include "authn/secret_base64.h"
#include "authn/authn_config.h"
#include "authn/members.h"
#include "authn/user_file.h"
#include "base/map.h"
#include "base/mem.h"
#include "obs/log.h"

struct basic_file {
	struct map by_name;	/* user name (in the record's user) to struct user_record, owned */
};

static void add_password(void *arg, struct user_record *r, const char *path, size_t number)
{
	struct basic_file *f = arg;
	struct user_record *old = map_del(&f->by_name, r->user->name);

	if (old)
		log_warning("duplicate username has been found in password file '%s', "
			    "record number '%zu'", path, number);
	user_record_free(old);
	map_set(&f->by_name, r->user->name, r);
}

static const struct user_file_kind basic_kind = {
	.flag = "basic-auth-file",
	.noun = "password",
	.columns = "password, user name, user uid",
	.add = add_password,
};

struct basic_file *basic_file_parse(const char *path, struct str text, struct problems *p)
{
	struct basic_file *f = xcalloc(1, sizeof(*f));

	user_file_parse(&basic_kind, path, text, p, f);
	return f;
}

void basic_file_free(struct basic_file *f)
{
	const struct map_entry *e;
	size_t pos = 0;

	if (!f)
		return;
	while ((e = map_next(&f->by_name, &pos)))
		user_record_free(e->value);
	map_fini(&f->by_name);
	free(f);
}

const struct user *basic_file_find(const struct basic_file *f, struct str name,
				   struct str password)
{
	const struct user_record *r = map_get(&f->by_name, name);

	return r && user_record_matches(r, password) ? r->user : NULL;
}

bool basic_parse_header(struct str value, struct strbuf *decoded, struct str *name,
			struct str *password)
{
	struct str prefix = STR("Basic "), text;
	ptrdiff_t colon;

	if (!str_has_prefix_nocase(value, prefix) ||
	    secret_base64_decode(str_skip(value, prefix.n), BASE64_STANDARD, decoded))
		return false;
	text = strbuf_str(decoded);
	colon = str_find(text, ':', 0);
	if (colon < 0)
		return false;
	*name = str_slice(text, 0, (size_t)colon);
	*password = str_skip(text, (size_t)colon + 1);
	return true;
}

static bool is_configured(const struct authn_config *c)
{
	return c->passwords != NULL;
}

static enum authn_result authenticate(struct authn_request *r)
{
	const struct str *value = http_field_get(r->headers, HTTP_AUTHORIZATION);
	struct strbuf decoded = STRBUF_INIT;
	enum authn_result result = AUTHN_NONE;
	struct str name, password;
	const struct user *u;

	if (!value || !basic_parse_header(*value, &decoded, &name, &password))
		goto out;
	u = basic_file_find(r->config->passwords, name, password);
	if (u) {
		user_copy(&r->user, u, r->arena);
		result = AUTHN_ACCEPT;
	} else {
		authn_add_error(r, "invalid username/password combination");
		result = AUTHN_ERROR;
	}
out:
	strbuf_fini_secret(&decoded);
	return result;
}

const struct authn_ops authn_basic = { "basic", is_configured, authenticate };
