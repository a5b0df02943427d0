/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel, buffered per thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_LEN 36

void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* A random (version 4) UUID in lower case, NUL-terminated. */
void random_uuid(char out[UUID_TEXT_LEN + 1]);

#endif
