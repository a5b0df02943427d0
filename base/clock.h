/* SPDX-License-Identifier: Apache-2.0 */
/* Time, injected so that tests move it by hand. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*monotonic_us)(const struct clock *c);	/* microseconds, never goes back */
	int64_t (*wall_us)(const struct clock *c);	/* microseconds since the epoch, UTC */
};

/* The system's clocks. */
extern const struct clock clock_system;

/* A clock for tests: both functions return the members. */
struct clock_fake {
	struct clock clock;	/* pass &fake.clock */
	int64_t monotonic_us;
	int64_t wall_us;
};
void clock_fake_init(struct clock_fake *fake, int64_t monotonic_us, int64_t wall_us);
void clock_fake_advance(struct clock_fake *fake, int64_t us);

static inline int64_t clock_monotonic_us(const struct clock *c)
{
	return c->monotonic_us(c);
}

static inline int64_t clock_wall_us(const struct clock *c)
{
	return c->wall_us(c);
}

#endif
