/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: read whole, bounded, and watched for change.  The watcher belongs to the control thread
 * (reading blocks); it compares identity, size and times once per FILE_POLL_MS, which also sees
 * symlink swaps of mounted Secrets and files replaced by rename.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "base/str.h"
#include "net/loop.h"

#define FILE_SIZE_MAX (64 * 1024 * 1024)
#define FILE_POLL_MS 1000

/*
 * Reads path, a regular file or a FIFO; *text is owned (free with file_text_free), NUL behind it.
 * ERR_IO (errno tells), ERR_LIMIT beyond FILE_SIZE_MAX.
 */
int file_read(const char *path, struct str *text);
void file_text_free(struct str text);	/* wipes and frees */

struct file_watch;
struct file_watch *file_watch_new(struct loop *l);
/*
 * fn(arg) runs after `path` (a file, or a folder one level deep) changed, appeared or went; path is
 * copied.  Add before reading the file first, so that no change in between is missed.
 */
void file_watch_add(struct file_watch *w, const char *path, void (*fn)(void *arg), void *arg);
void file_watch_check_now(struct file_watch *w);	/* on SIGHUP and in tests */
void file_watch_free(struct file_watch *w);

#endif
