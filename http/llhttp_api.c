/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other part of llhttp's sources (see llhttp_sources.c), which declares the callbacks with
 * other types of pointers than the state machine does and cannot be in one unit with it.
 */
#include "config.h"

#ifdef LLHTTP_FROM_SOURCES

#include "http/llhttp_build.h"

#include "api.c"
#include "http.c"

#endif
