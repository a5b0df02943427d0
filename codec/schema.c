/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/schema.h"

#include "codec/schema_tables.h"

static int compare(struct str wanted, const char *name)
{
	return str_cmp(wanted, str_from(name));
}

const struct schema_message *schema_message_find(const char *name)
{
	size_t lo = 0, hi = schema_message_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = compare(str_from(name), schema_messages[mid].name);

		if (!c)
			return &schema_messages[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* Is name "<api_version> <kind>"? */
static bool kind_is(const char *name, struct str api_version, struct str kind)
{
	struct str s = str_from(name);

	return s.n == api_version.n + 1 + kind.n && str_has_prefix(s, api_version) &&
	       s.p[api_version.n] == ' ' && str_has_suffix(s, kind);
}

const struct schema_message *schema_kind_find(struct str api_version, struct str kind)
{
	for (size_t i = 0; i < schema_kind_count; i++)
		if (kind_is(schema_kinds[i].name, api_version, kind))
			return schema_kinds[i].message;
	return NULL;
}

const struct schema_field *schema_field_by_name(const struct schema_message *m, struct str name)
{
	size_t lo = 0, hi = m->field_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct schema_field *f = &m->fields[m->by_name[mid]];
		int c = compare(name, f->name);

		if (!c)
			return f;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}
