/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/date.h"

#include <time.h>

/* Made once per second and thread. */
struct str http_date(const struct clock *clock)
{
	static _Thread_local char text[32];
	static _Thread_local time_t made;
	time_t now = (time_t)(clock_wall_us(clock) / 1000000);
	struct tm tm;

	if (now != made || !text[0]) {
		gmtime_r(&now, &tm);
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		made = now;
	}
	return str_from(text);
}
