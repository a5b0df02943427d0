/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other part of llhttp's sources (see llhttp_sources.c), which declares the callbacks with
 * other types of pointers than the state machine does and cannot be in one unit with it.
 */
#include "config.h"

#ifdef LLHTTP_FROM_SOURCES

#define LLHTTP_STRICT_MODE 1

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-label"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#pragma GCC diagnostic ignored "-Wincompatible-pointer-types"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"

#include "api.c"
#include "http.c"

#endif
