/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where llhttp is no library (Debian ships its C sources in node-llhttp), they are compiled here
 * and in llhttp_api.c; see llhttp_build.h.
 */
#include "config.h"

#ifdef LLHTTP_FROM_SOURCES

#include "http/llhttp_build.h"

#include "llhttp.c"

#endif
