/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/fake_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define FILES_MAX 32

static char folder[64];
static char *paths[FILES_MAX];
static long writes;	/* the modification time: nothing hangs on the granularity of the clock */

void fake_files_start(void)
{
	strcpy(folder, "fake_files_XXXXXX");
	CHECK(mkdtemp(folder));
}

void fake_files_stop(void)
{
	for (int i = 0; i < FILES_MAX && paths[i]; i++) {
		unlink(paths[i]);
		free(paths[i]);
		paths[i] = NULL;
	}
	rmdir(folder);
}

char *fake_files_path(const char *name)
{
	size_t skip = strlen(folder) + 1;
	int i = 0;

	while (i < FILES_MAX && paths[i] && strcmp(paths[i] + skip, name))
		i++;
	CHECK(i < FILES_MAX);
	if (!paths[i])
		CHECK(asprintf(&paths[i], "%s/%s", folder, name) > 0);
	return paths[i];
}

char *fake_files_write(const char *name, const char *text)
{
	const struct timespec times[2] = { { 1000, 0 }, { 1000 + writes, 0 } };
	char *path = fake_files_path(name);
	FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
	CHECK(!utimensat(AT_FDCWD, path, times, 0));
	writes++;
	return path;
}

void fake_files_remove(const char *name)
{
	unlink(fake_files_path(name));
}
