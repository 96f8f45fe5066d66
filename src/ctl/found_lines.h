/* SPDX-License-Identifier: MIT */
/* ctl/found_lines.h — the line that makes a copy of a dataset one that is served. Pure.
 *
 * Each is malloc'd, the caller's; NULL without memory. Paths are quoted where a shell or YAML wants
 * that. Threads: any.
 */
#ifndef CTL_FOUND_LINES_H
#define CTL_FOUND_LINES_H

/* `- {name: mnist, path: /data/MNIST/raw}`; name: NULL where the folder's dataset.yaml has it. */
char *found_entry(const char *name, const char *path);

/* `fmnistctl import /data/cifar-10-python.tar.gz --name cifar-10`; other: a second source, or NULL.
 */
char *found_import(const char *name, const char *path, const char *other);

/* Calls in Python, of what the framework calls `said`. */
char *found_tfds(const char *name, const char *said);
char *found_hugging_face(const char *name, const char *said);

#endif
