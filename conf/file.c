/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define FILE_READ_CHUNK (64 * 1024)

/* Devices and sockets are not configuration; a FIFO may be a shell's process substitution. */
static int check_type(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return ERR_IO;
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return ERR_IO;
	}
	if (st.st_size > FILE_SIZE_MAX)
		return ERR_LIMIT;
	*size = (size_t)st.st_size;
	return 0;
}

static int read_all(int fd, struct strbuf *b)
{
	for (;;) {
		ssize_t n;

		if (b->n > FILE_SIZE_MAX)
			return ERR_LIMIT;
		strbuf_reserve(b, FILE_READ_CHUNK);
		n = read(fd, b->p + b->n, FILE_READ_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (!n)
			return 0;
		b->n += (size_t)n;
		b->p[b->n] = '\0';
	}
}

int file_read(const char *path, struct str *text)
{
	struct strbuf b = STRBUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err, kept_errno;
	size_t size;

	if (fd < 0)
		return ERR_IO;
	err = check_type(fd, &size);
	if (!err) {
		strbuf_reserve(&b, size + FILE_READ_CHUNK);
		err = read_all(fd, &b);
	}
	kept_errno = errno;
	close(fd);
	if (err) {
		strbuf_fini_secret(&b);
		errno = kept_errno;
		return err;
	}
	*text = str_make(b.p, b.n);
	return 0;
}

void file_text_free(struct str text)
{
	char *p = (char *)(uintptr_t)text.p;

	if (p)
		secret_wipe(p, text.n);
	free(p);
}

struct watched {
	char *path;		/* owned */
	struct strbuf mark;	/* what identifies the content that was last seen */
	void (*fn)(void *arg);
	void *arg;
};

struct file_watch {
	struct loop_timer timer;
	struct watched **v;	/* owned, both levels */
	size_t n;
};

static void add_stat(struct strbuf *mark, const struct stat *st)
{
	strbuf_addf(mark, "%ju %ju %jd %jd.%09ld\n", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino,
		    (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static int is_entry(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Entries are followed through symbolic links: mounted Secrets swap a link. */
static void add_folder(struct strbuf *mark, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_entry, by_bytes);
	struct strbuf name = STRBUF_INIT;

	for (int i = 0; i < n; i++) {
		struct stat st;

		strbuf_clear(&name);
		strbuf_addf(&name, "%s/%s", path, entries[i]->d_name);
		strbuf_add_json_string(mark, str_from(entries[i]->d_name));
		strbuf_add_char(mark, ' ');
		if (stat(name.p, &st))
			strbuf_add_cstr(mark, "unreadable\n");
		else
			add_stat(mark, &st);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	strbuf_fini(&name);
}

static void take_mark(struct strbuf *mark, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		strbuf_addf(mark, "error %d\n", errno);
		return;
	}
	add_stat(mark, &st);
	if (S_ISDIR(st.st_mode))
		add_folder(mark, path);
}

/* The mark is renewed before the callback reads the file: a change in between shows next time. */
static void check_one(struct watched *w)
{
	struct strbuf mark = STRBUF_INIT;
	bool same;

	take_mark(&mark, w->path);
	same = str_eq(strbuf_str(&mark), strbuf_str(&w->mark));
	strbuf_fini(&w->mark);
	w->mark = mark;
	if (!same)
		w->fn(w->arg);
}

void file_watch_check_now(struct file_watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		check_one(w->v[i]);
}

static void on_timer(struct loop_timer *t)
{
	struct file_watch *w = container_of(t, struct file_watch, timer);

	file_watch_check_now(w);
	loop_timer_arm(&w->timer, FILE_POLL_MS);
}

struct file_watch *file_watch_new(struct loop *l)
{
	struct file_watch *w = xcalloc(1, sizeof(*w));

	loop_timer_init(&w->timer, l, on_timer);
	loop_timer_arm(&w->timer, FILE_POLL_MS);
	return w;
}

void file_watch_add(struct file_watch *w, const char *path, void (*fn)(void *arg), void *arg)
{
	struct watched *one = xcalloc(1, sizeof(*one));

	*one = (struct watched){ xstrdup(path), STRBUF_INIT, fn, arg };
	take_mark(&one->mark, path);
	w->v = xreallocarray(w->v, w->n + 1, sizeof(*w->v));
	w->v[w->n++] = one;
}

void file_watch_free(struct file_watch *w)
{
	if (!w)
		return;
	loop_timer_fini(&w->timer);
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i]->path);
		strbuf_fini(&w->v[i]->mark);
		free(w->v[i]);
	}
	free(w->v);
	free(w);
}
