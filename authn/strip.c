/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/authn.h"
#include "authn/bearer.h"

/* Names are compared without case and exactly: X_Remote_User is another header. */
void authn_strip_credentials(struct http_headers *h)
{
	http_field_remove(h, HTTP_BIT(HTTP_AUTHORIZATION) | HTTP_BIT(HTTP_X_REMOTE_USER) |
			  HTTP_BIT(HTTP_X_REMOTE_UID) | HTTP_BIT(HTTP_X_REMOTE_GROUP) |
			  HTTP_BIT(HTTP_X_REMOTE_EXTRA));
	bearer_strip_protocols(h);
}
