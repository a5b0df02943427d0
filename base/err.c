/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/err.h"

const char *err_text(int err)
{
	switch ((enum err)err) {
	case ERR_OK: return "no error";
	case ERR_AGAIN: return "not ready yet";
	case ERR_CLOSED: return "closed by the peer";
	case ERR_RESET: return "connection broken";
	case ERR_TLS: return "TLS failure";
	case ERR_IO: return "input/output error";
	case ERR_TIMEOUT: return "timed out";
	case ERR_CANCELED: return "canceled";
	case ERR_SYNTAX: return "malformed input";
	case ERR_LIMIT: return "limit exceeded";
	case ERR_UNSUPPORTED: return "not supported";
	case ERR_NOT_FOUND: return "not found";
	case ERR_EXISTS: return "already exists";
	case ERR_REFUSED: return "refused";
	case ERR_UNAVAILABLE: return "no upstream available";
	case ERR_EXPIRED: return "too old resource version";
	}
	return "unknown error";
}
