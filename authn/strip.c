/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/authn.h"
#include "authn/bearer.h"

/* Names are compared without case and exactly: X_Remote_User is another header. */
void authn_strip_credentials(struct http_headers *h)
{
	http_headers_remove(h, STR("Authorization"));
	http_headers_remove(h, STR("X-Remote-User"));
	http_headers_remove(h, STR("X-Remote-Uid"));
	http_headers_remove(h, STR("X-Remote-Group"));
	http_headers_remove_prefix(h, STR("X-Remote-Extra-"));
	bearer_strip_protocols(h);
}
