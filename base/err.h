/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes.  Functions that can fail return 0 or one of these negative values; a result comes
 * back through the last pointer argument.  Predicates return bool and never an error.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_AGAIN = -1,		/* nothing to do now: wait for the event */
	ERR_CLOSED = -2,	/* the peer ended the connection or stream in an orderly way */
	ERR_RESET = -3,		/* the connection or stream broke */
	ERR_TLS = -4,		/* TLS failed: handshake, verification, record */
	ERR_IO = -5,		/* a system call failed; errno tells */
	ERR_TIMEOUT = -6,
	ERR_CANCELED = -7,	/* ended from our side */
	ERR_SYNTAX = -8,	/* malformed input */
	ERR_LIMIT = -9,		/* a named limit was exceeded */
	ERR_UNSUPPORTED = -10,	/* well formed, but not something we do */
	ERR_NOT_FOUND = -11,
	ERR_EXISTS = -12,
	ERR_REFUSED = -13,	/* policy says no */
	ERR_UNAVAILABLE = -14,	/* no upstream can be reached */
	ERR_EXPIRED = -15,	/* 410: the resource version or continue token is too old */
};

/* A short English text for err ("timed out"); never NULL. */
const char *err_text(int err);

#endif
