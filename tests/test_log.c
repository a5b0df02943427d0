/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "obs/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/tap.h"

/* 2 January 2024, 03:04:05.678901 UTC */
#define MOMENT INT64_C(1704164645678901)

static struct clock_fake fake;
static char *lines;
static size_t lines_size;
static FILE *file;

static void begin(int verbosity, bool json)
{
	clock_fake_init(&fake, 0, MOMENT);
	file = open_memstream(&lines, &lines_size);
	log_configure(verbosity, json);
	log_set_clock(&fake.clock);
	log_set_file(file);
}

/* What was written; freed by the next begin's test through end(). */
static const char *written(void)
{
	fflush(file);
	return lines;
}

static void end(void)
{
	log_set_file(NULL);
	log_set_clock(NULL);
	log_configure(0, false);
	fclose(file);
	free(lines);
}

static void text_is(const char *got, const char *header, const char *rest)
{
	struct strbuf want = STRBUF_INIT;

	strbuf_addf(&want, header, (int)getpid());
	strbuf_add_cstr(&want, rest);
	cstr_is(got, want.p);
	strbuf_fini(&want);
}

static void test_text_header(void)
{
	begin(0, false);
	log_printf(LOG_INFO, "some/folder/file.go", 123, "text %d", 5);
	text_is(written(), "I0102 03:04:05.678901 %7d file.go:123] ", "text 5\n");
	end();
	begin(0, false);
	log_printf(LOG_WARNING, "w.c", 1, "w");
	text_is(written(), "W0102 03:04:05.678901 %7d w.c:1] ", "w\n");
	end();
	begin(0, false);
	fake.wall_us += 1000000 - 678901 + 7;
	log_error("e");
	ok(strstr(written(), "E0102 03:04:06.000007 ") == lines);
	ok(strstr(lines, " test_log.c:") != NULL);
	end();
}

static void test_text_fields(void)
{
	const struct log_field fields[] = {
		LOG_STR("user", STR("jane")),
		LOG_INT("status", -403),
		LOG_STR("path", STR("/a\" evil=\"1\nE0102 fake\x1b[2J\xff")),
		LOG_STR("empty", STR_NULL),
	};

	begin(0, false);
	log_write(LOG_INFO, "x/y.c", 9, "a message", fields, array_size(fields));
	text_is(written(), "I0102 03:04:05.678901 %7d y.c:9] ",
		"\"a message\" user=\"jane\" status=-403 "
		"path=\"/a\\\" evil=\\\"1\\nE0102 fake\\x1b[2J\\xff\" empty=\"\"\n");
	end();
}

static void test_json(void)
{
	const struct log_field fields[] = {
		LOG_STR("user", STR("ja\"ne\n\xff")), LOG_INT("status", 200),
	};

	begin(0, true);
	log_write(LOG_ERROR, "x/y.c", 9, "a \"message\"", fields, array_size(fields));
	cstr_is(written(), "{\"ts\":1704164645678.901,\"caller\":\"y.c:9\",\"level\":\"error\","
		"\"msg\":\"a \\\"message\\\"\",\"v\":0,\"user\":\"ja\\\"ne\\n\\ufffd\","
		"\"status\":200}\n");
	end();
	begin(0, true);
	log_printf(LOG_INFO, "y.c", 9, "%s", "two\nlines\"");
	cstr_is(written(), "{\"ts\":1704164645678.901,\"caller\":\"y.c:9\",\"level\":\"info\","
		"\"msg\":\"two\\nlines\\\"\",\"v\":0}\n");
	end();
}

static void test_free_text_stays_one_line(void)
{
	begin(0, false);
	log_printf(LOG_INFO, "f.c", 1, "a%sb\tc\x7f\xc3\xa9", "\nE0102 fake");
	text_is(written(), "I0102 03:04:05.678901 %7d f.c:1] ",
		"a\\x0aE0102 fakeb\\x09c\\x7f\xc3\xa9\n");
	end();
}

static void test_long_values_are_cut(void)
{
	struct log_field field = LOG_STR("path", STR_NULL);
	char *big = xmalloc(100000);

	memset(big, 'x', 100000);
	field.text = str_make(big, 1024);
	begin(0, false);
	log_write(LOG_INFO, "f.c", 1, "m", &field, 1);
	ok(strstr(written(), "x\"\n") && !strstr(lines, "..."));
	end();
	field.text.n = 100000;
	begin(0, false);
	log_write(LOG_INFO, "f.c", 1, "m", &field, 1);
	ok(strstr(written(), "x...\"\n") && lines_size < 1200);
	end();
	big[99999] = '\0';
	begin(0, false);
	log_printf(LOG_INFO, "f.c", 1, "%s", big);
	ok(strstr(written(), "x...\n") && lines_size < 9000);
	end();
	free(big);
}

static void test_verbosity(void)
{
	begin(2, false);
	ok(log_is_verbose(0) && log_is_verbose(2) && !log_is_verbose(3));
	end();
	ok(log_is_verbose(0) && !log_is_verbose(1));
}

static void *write_lines(void *arg)
{
	const struct log_field field = LOG_STR("thread", str_from(arg));

	for (int i = 0; i < 200; i++)
		log_write(LOG_INFO, "t.c", 1, "line", &field, 1);
	return NULL;
}

/* Without a file set, lines go to standard error, each whole. */
static void test_lines_of_threads_do_not_mix(void)
{
	char path[] = "test_log_XXXXXX", text[512], xxxx[101], yyyy[101];
	int fd = mkstemp(path), kept = dup(STDERR_FILENO), count = 0, broken = 0;
	pthread_t one, two;
	FILE *in;

	memset(xxxx, 'x', 100);
	memset(yyyy, 'y', 100);
	xxxx[100] = yyyy[100] = '\0';
	ok(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0 && fcntl(fd, F_SETFL, O_APPEND) >= 0);
	pthread_create(&one, NULL, write_lines, xxxx);
	pthread_create(&two, NULL, write_lines, yyyy);
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	dup2(kept, STDERR_FILENO);
	close(kept);
	lseek(fd, 0, SEEK_SET);
	in = fdopen(fd, "r");
	while (in && fgets(text, sizeof(text), in)) {
		count++;
		broken += text[0] != 'I' || !strstr(text, strchr(text, 'x') ? xxxx : yyyy) ||
			  !strstr(text, "\"\n");
	}
	int_is(count, 400);
	int_is(broken, 0);
	if (in)
		fclose(in);
	unlink(path);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_text_header),
		TAP(test_text_fields),
		TAP(test_json),
		TAP(test_free_text_stays_one_line),
		TAP(test_long_values_are_cut),
		TAP(test_verbosity),
		TAP(test_lines_of_threads_do_not_mix),
		TAP_END
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return tap_main(tests);
}
