/* SPDX-License-Identifier: Apache-2.0 */
/* Input: `f` or `l`, then a field or a label selector. */
#include "config.h"

#include "authz/attributes.h"
#include "base/check.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_requirement(const struct selector_requirement *r)
{
	switch (r->op) {
	case SELECTOR_EXISTS:
	case SELECTOR_DOES_NOT_EXIST:
		CHECK(r->value_count == 0);
		break;
	case SELECTOR_EQUALS:
	case SELECTOR_NOT_EQUALS:
	case SELECTOR_GREATER:
	case SELECTOR_LESS:
		CHECK(r->value_count == 1);
		break;
	case SELECTOR_IN:
	case SELECTOR_NOT_IN:
		CHECK(r->value_count > 0);
		for (size_t i = 1; i < r->value_count; i++)
			CHECK(str_cmp(r->values[i - 1], r->values[i]) < 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct selector s;
	struct str text;
	struct arena a;
	int rc;

	if (!size)
		return 0;
	text = str_make((const char *)data + 1, size - 1);
	arena_init(&a);
	rc = data[0] == 'f' ? selector_parse_fields(text, &a, &s)
		: selector_parse_labels(text, &a, &s);
	CHECK(s.unparsable == (rc == ERR_SYNTAX));
	CHECK(rc == 0 || s.n == 0);
	for (size_t i = 0; i < s.n; i++)
		check_requirement(&s.v[i]);
	arena_fini(&a);
	return 0;
}
