/* SPDX-License-Identifier: Apache-2.0 */
/* The chain's members; authn/chain.c has their order. */
#ifndef AUTHN_MEMBERS_H
#define AUTHN_MEMBERS_H

#include "authn/authn.h"

extern const struct authn_ops authn_basic;
extern const struct authn_ops authn_x509;
extern const struct authn_ops authn_loopback;
extern const struct authn_ops authn_bearer;
extern const struct authn_ops authn_websocket_bearer;
extern const struct authn_ops authn_anonymous;

#endif
