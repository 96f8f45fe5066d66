/* SPDX-License-Identifier: MIT */
/* tests/support/support.h — what every test uses: a folder of its own, and proof that nothing
 * leaks.
 *
 * Use: tcase_add_checked_fixture(tc, support_setup, support_teardown). Set-up makes an empty
 * temporary folder and notes how many descriptors, mappings, threads and allocated bytes there
 * are; tear-down removes the folder and fails the test unless all are back at that baseline.
 * (Allocated bytes are counted only without a sanitizer; with one, LeakSanitizer does it.)
 * Threads: the test thread.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this build looks on: it takes malloc's place, and everything takes some times longer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

void support_setup(void);
void support_teardown(void);

/* The test's own folder; absolute, without a trailing slash. */
const char *support_dir(void);

/* "<folder>/<name>", formatted. Memory: one of 16 static buffers, used in turn. */
const char *support_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a whole file into the folder, or reads one (malloc'd; *size may be NULL). */
void support_write(const char *path, const void *data, size_t size);
void *support_read(const char *path, size_t *size);

/* The program under test: one of $FMNIST_PROGRAMS, a folder (an installation's), else of $BUILD,
 * else of build/. Memory: one of 4 static buffers. */
const char *support_program(const char *name);

/* A file of tests/golden, read whole: support_golden("open.bin", &size). malloc'd. The folder is
 * found beside the sources, or in $FMNIST_GOLDEN. */
void *support_golden(const char *name, size_t *size);

/* Runs the suite as main() should: returns the exit status. Check's own CK_* variables work. */
int support_run(Suite *suite);

#endif
