/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/tap.h"

static char folder[] = "test_file_XXXXXX";

/* Paths in the test's folder; a few may be in use at a time. */
static const char *path(const char *name)
{
	static char buffers[4][256];
	static unsigned next;
	char *p = buffers[next++ % array_size(buffers)];

	snprintf(p, sizeof(buffers[0]), "%s/%s", folder, name);
	return p;
}

/* Modification times are set by hand, so that nothing hangs on the granularity of the clock. */
static void write_file(const char *name, struct str text, long mtime_ns)
{
	const struct timespec times[2] = { { 1000, 0 }, { 1000, mtime_ns } };
	FILE *f = fopen(path(name), "w");

	if (!ok(f != NULL))
		return;
	fwrite(text.p, 1, text.n, f);
	fclose(f);
	ok(!utimensat(AT_FDCWD, path(name), times, 0));
}

static void test_read(void)
{
	struct str text = STR_NULL;

	write_file("a", STR("one\0two\n"), 0);
	int_is(file_read(path("a"), &text), 0);
	str_is(text, STR("one\0two\n"));
	ok(text.p[text.n] == '\0');
	file_text_free(text);
	write_file("a", STR(""), 0);
	int_is(file_read(path("a"), &text), 0);
	ok(text.p && !text.n && !*text.p);
	file_text_free(text);
	file_text_free(STR_NULL);
	unlink(path("a"));
}

static void test_read_big(void)
{
	struct str text = STR_NULL;
	size_t size = 300000, wrong = 0;
	char *big = xmalloc(size);

	for (size_t i = 0; i < size; i++)
		big[i] = (char)(i * 7);
	write_file("a", str_make(big, size), 0);
	int_is(file_read(path("a"), &text), 0);
	int_is(text.n, size);
	for (size_t i = 0; i < size && i < text.n; i++)
		wrong += text.p[i] != big[i];
	int_is(wrong, 0);
	file_text_free(text);
	free(big);
	unlink(path("a"));
}

static void test_read_refuses(void)
{
	struct str text = STR_NULL;

	int_is(file_read(path("missing"), &text), ERR_IO);
	int_is(errno, ENOENT);
	int_is(file_read(folder, &text), ERR_IO);
	int_is(errno, EISDIR);
	int_is(file_read("/dev/null", &text), ERR_IO);
	int_is(errno, EINVAL);
	write_file("sparse", STR("x"), 0);
	ok(!truncate(path("sparse"), FILE_SIZE_MAX + 1));
	int_is(file_read(path("sparse"), &text), ERR_LIMIT);
	unlink(path("sparse"));
	ok(!text.p);
}

/* What a shell's process substitution gives. */
static void test_read_fifo(void)
{
	struct str text = STR_NULL;
	char name[64];
	int ends[2];

	ok(!pipe(ends));
	int_is(write(ends[1], "from a pipe", 11), 11);
	close(ends[1]);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
	int_is(file_read(name, &text), 0);
	str_is(text, STR("from a pipe"));
	file_text_free(text);
	close(ends[0]);
}

static int changes;

static void on_change(void *arg)
{
	changes += *(int *)arg;
}

static int one = 1, hundred = 100;

/* Looks, and tells how often the callback ran. */
static int look(struct file_watch *w)
{
	changes = 0;
	file_watch_check_now(w);
	return changes;
}

static void test_watch_file(void)
{
	struct loop *l = loop_new(NULL);
	struct file_watch *w = file_watch_new(l);

	write_file("f", STR("one"), 1);
	write_file("g", STR("one"), 1);
	file_watch_add(w, path("f"), on_change, &one);
	file_watch_add(w, path("g"), on_change, &hundred);
	int_is(look(w), 0);
	write_file("f", STR("two"), 2);
	int_is(look(w), 1);
	int_is(look(w), 0);
	write_file("f", STR("three"), 2);
	int_is(look(w), 1);
	write_file("g", STR("x"), 3);
	write_file("f", STR("x"), 3);
	int_is(look(w), 101);
	/* The same text, size and time in another file: renamed over it. */
	write_file("other", STR("x"), 3);
	ok(!rename(path("other"), path("f")));
	int_is(look(w), 1);
	unlink(path("f"));
	int_is(look(w), 1);
	int_is(look(w), 0);
	write_file("f", STR("x"), 3);
	int_is(look(w), 1);
	file_watch_free(w);
	loop_free(l);
	unlink(path("f"));
	unlink(path("g"));
}

/* A mounted Secret: file -> ..data/file, ..data -> a folder per version. */
static void test_watch_follows_swapped_links(void)
{
	struct loop *l = loop_new(NULL);
	struct file_watch *w = file_watch_new(l);

	mkdir(path("v1"), 0700);
	mkdir(path("v2"), 0700);
	write_file("v1/key", STR("same"), 5);
	write_file("v2/key", STR("same"), 5);
	ok(!symlink("v1", path("data")) && !symlink("data/key", path("key")));
	file_watch_add(w, path("key"), on_change, &one);
	int_is(look(w), 0);
	ok(!symlink("v2", path("new")) && !rename(path("new"), path("data")));
	int_is(look(w), 1);
	int_is(look(w), 0);
	file_watch_free(w);
	loop_free(l);
	unlink(path("key"));
	unlink(path("data"));
	unlink(path("v1/key"));
	unlink(path("v2/key"));
	rmdir(path("v1"));
	rmdir(path("v2"));
}

static void test_watch_folder(void)
{
	struct loop *l = loop_new(NULL);
	struct file_watch *w = file_watch_new(l);

	mkdir(path("d"), 0700);
	write_file("d/a", STR("1"), 1);
	write_file("d/b", STR("1"), 1);
	file_watch_add(w, path("d"), on_change, &one);
	int_is(look(w), 0);
	write_file("d/a", STR("2"), 2);
	int_is(look(w), 1);
	write_file("beside", STR("1"), 1);
	int_is(look(w), 0);
	unlink(path("beside"));
	write_file("d/c", STR("1"), 1);
	int_is(look(w), 1);
	ok(!rename(path("d/c"), path("d/e")));
	int_is(look(w), 1);
	unlink(path("d/e"));
	int_is(look(w), 1);
	ok(!symlink("nowhere", path("d/x")));
	int_is(look(w), 1);
	int_is(look(w), 0);
	unlink(path("d/x"));
	unlink(path("d/a"));
	unlink(path("d/b"));
	rmdir(path("d"));
	int_is(look(w), 1);
	file_watch_free(w);
	file_watch_free(NULL);
	loop_free(l);
}

static struct loop *stopped_by_change;

static void stop(void *arg)
{
	(void)arg;
	loop_stop(stopped_by_change);
}

/* The loop's timer looks by itself; this test waits for one poll. */
static void test_watch_polls(void)
{
	struct loop *l = stopped_by_change = loop_new(NULL);
	struct file_watch *w = file_watch_new(l);

	write_file("f", STR("one"), 1);
	file_watch_add(w, path("f"), stop, NULL);
	write_file("f", STR("two"), 2);
	alarm(30);	/* ends the program if the poll never comes */
	loop_run(l);
	alarm(0);
	ok(true);
	file_watch_free(w);
	loop_free(l);
	unlink(path("f"));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_read),
		TAP(test_read_big),
		TAP(test_read_refuses),
		TAP(test_read_fifo),
		TAP(test_watch_file),
		TAP(test_watch_follows_swapped_links),
		TAP(test_watch_folder),
		TAP(test_watch_polls),
		TAP_END
	};
	int status;

	if (!mkdtemp(folder))
		return 99;
	status = tap_main(tests);
	rmdir(folder);
	return status;
}
