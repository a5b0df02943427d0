/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/clock.h"

#include <time.h>

#include "base/mem.h"

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t system_monotonic_us(const struct clock *c)
{
	(void)c;
	return read_us(CLOCK_MONOTONIC);
}

static int64_t system_wall_us(const struct clock *c)
{
	(void)c;
	return read_us(CLOCK_REALTIME);
}

const struct clock clock_system = {
	.monotonic_us = system_monotonic_us,
	.wall_us = system_wall_us,
};

static int64_t fake_monotonic_us(const struct clock *c)
{
	return ((const struct clock_fake *)(const void *)c)->monotonic_us;
}

static int64_t fake_wall_us(const struct clock *c)
{
	return ((const struct clock_fake *)(const void *)c)->wall_us;
}

void clock_fake_init(struct clock_fake *fake, int64_t monotonic_us, int64_t wall_us)
{
	*fake = (struct clock_fake){
		.clock = { fake_monotonic_us, fake_wall_us },
		.monotonic_us = monotonic_us,
		.wall_us = wall_us,
	};
}

void clock_fake_advance(struct clock_fake *fake, int64_t us)
{
	fake->monotonic_us += us;
	fake->wall_us += us;
}
