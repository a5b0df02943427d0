/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/admission.h"

static bool is_connect(const struct attributes *a)
{
	if (a->api_group.n)
		return false;
	if (str_eq(a->resource, STR("pods")))
		return str_eq(a->subresource, STR("exec")) ||
		       str_eq(a->subresource, STR("attach")) ||
		       str_eq(a->subresource, STR("portforward")) ||
		       str_eq(a->subresource, STR("proxy"));
	return str_eq(a->subresource, STR("proxy")) &&
	       (str_eq(a->resource, STR("nodes")) || str_eq(a->resource, STR("services")));
}

/*
 * Methods are compared as they are: the upstream routes no other spelling, and nothing but these
 * four writes.
 */
enum admission_operation admission_operation(const struct attributes *a, struct str method)
{
	if (!a->is_resource)
		return ADMISSION_NONE;
	if (a->subresource.n && is_connect(a))
		return ADMISSION_CONNECT;
	if (str_eq(method, STR("POST")))
		return ADMISSION_CREATE;
	if (str_eq(method, STR("PUT")) || str_eq(method, STR("PATCH")))
		return ADMISSION_UPDATE;
	if (str_eq(method, STR("DELETE")))
		return ADMISSION_DELETE;
	return ADMISSION_NONE;
}

const char *admission_operation_name(enum admission_operation op)
{
	switch (op) {
	case ADMISSION_NONE: return "";
	case ADMISSION_CREATE: return "CREATE";
	case ADMISSION_UPDATE: return "UPDATE";
	case ADMISSION_DELETE: return "DELETE";
	case ADMISSION_CONNECT: return "CONNECT";
	}
	return "";
}
