/* SPDX-License-Identifier: MIT */
/* import/folder.h — the files below a folder, sorted bytewise at each level.
 *
 * Links to files and folders are followed, as every loader does; a folder that is met within itself
 * is an error. Names that begin with '.' are passed over. Memory: the names of one folder a level.
 * Threads: one.
 */
#ifndef IMPORT_FOLDER_H
#define IMPORT_FOLDER_H

#include "base/err.h"

#include <stdint.h>

struct folder_walk;

/* Errors: negative errno values. */
int folder_walk_open(struct folder_walk **walk, const char *path, struct err *e);
void folder_walk_close(struct folder_walk *walk); /* NULL: nothing */

/* The next file. Returns 1 with its name within the folder, valid until the next call; 0 behind
 * the last. Errors: -ELOOP, -ENAMETOOLONG, and those of reading a folder. */
int folder_walk_next(struct folder_walk *walk, const char **name, struct err *e);

/* Of that file, the path to open it by. */
const char *folder_walk_path(const struct folder_walk *walk);

/* The sizes of all files added up, as they lie there. */
uint64_t folder_size(const char *path);

#endif
