/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for a test's files, below the working folder. */
#ifndef TESTS_FAKE_FILES_H
#define TESTS_FAKE_FILES_H

void fake_files_start(void);
/* Removes the files that were written, and the folder. */
void fake_files_stop(void);
/* The path of a name in it; owned by the folder, the same for the same name. */
char *fake_files_path(const char *name);
/* Writes it anew, always with another modification time; returns its path. */
char *fake_files_write(const char *name, const char *text);
void fake_files_remove(const char *name);

#endif
