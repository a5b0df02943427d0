/* SPDX-License-Identifier: Apache-2.0 */
/* Input: the method, a newline, the request target. */
#include "config.h"

#include "base/check.h"
#include "proxy/request_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is sent must be decided as what was received was. */
static void check_again(struct str method, const struct request_info *first, struct arena *a)
{
	const struct attributes *x = &first->attributes, *y;
	struct request_info second;

	CHECK(request_info_resolve(method, first->origin_form, a, &second) == 0);
	y = &second.attributes;
	CHECK(x->is_resource == y->is_resource && first->long_running == second.long_running);
	CHECK(str_eq(first->origin_form, second.origin_form));
	CHECK(str_eq(x->path, y->path) && str_eq(x->verb, y->verb));
	CHECK(str_eq(x->namespace, y->namespace) && str_eq(x->resource, y->resource));
	CHECK(str_eq(x->subresource, y->subresource) && str_eq(x->name, y->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size), method, target, value;
	struct request_info info;
	struct arena a;

	if (!str_next(&rest, '\n', &method) || rest.n == SIZE_MAX)
		return 0;
	target = rest;
	arena_init(&a);
	if (request_info_resolve(method, target, &a, &info) == 0) {
		CHECK(info.attributes.is_resource || !info.attributes.resource.n);
		if (info.origin_form.n && info.origin_form.p[0] == '/')
			check_again(method, &info, &a);
		request_query_get(info.raw_query, STR("timeout"), &a, &value);
	}
	arena_fini(&a);
	return 0;
}
