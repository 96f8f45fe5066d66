/* SPDX-License-Identifier: MIT */
/* tests of config/config without memory: each allocation of a load fails once.
 *
 * malloc is replaced for this program, which a sanitizer does itself; there no allocation fails.
 */
#include "config/config.h"

#include "support/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static long countdown = -1; /* allocations that still succeed; -1: all */
static int refused;

#if !SANITIZED
#define EXPORTED __attribute__((visibility("default"))) /* for the shared libraries too */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static int refuse_now(void)
{
    if (countdown < 0 || countdown-- > 0)
        return 0;
    refused = 1;
    errno = ENOMEM;
    return 1;
}

EXPORTED void *malloc(size_t size)
{
    return refuse_now() ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    return refuse_now() ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *old, size_t size)
{
    return refuse_now() ? NULL : __libc_realloc(old, size);
}
#endif

static const char text[] = "socket: s\ncache: c\nworkers: 2\nlimits: {clients: 3}\n"
                           "datasets:\n  - name: mine\n    path: d\n"
                           "    splits: {train: {images: a, labels: b}}\n"
                           "    classes: [cat, dog]\n    transpose: true\n"
                           "  - {name: mnist, path: /m}\n";

/* Out of memory taken for a fault of the file, a leak on the way out, or use of what is not there.
 * (A refusal that the callee gets over by itself may also end in success.) */
START_TEST(config_load__each_allocation_fails__enomem_and_nothing_left)
{
    static struct config zero;
    struct config c;
    struct err e;
    const char *path = support_path("c.yaml");
    support_write(path, text, strlen(text));
    long n = 0;
    do {
        refused = 0;
        countdown = n++;
        int rc = config_load(&c, path, &e);
        countdown = -1;
        if (rc) {
            ck_assert_msg(rc == -ENOMEM, "allocation %ld: %d %s", n, rc, e.text);
            ck_assert_mem_eq(&c, &zero, sizeof c);
        } else {
            ck_assert_uint_eq(c.dataset_count, 2);
            ck_assert_str_eq(c.datasets[0].classes[1], "dog");
            config_free(&c);
        }
    } while (refused);
    ck_assert_int_ge(n, SANITIZED ? 1 : 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_memory");
    TCase *tc = tcase_create("config_memory");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, config_load__each_allocation_fails__enomem_and_nothing_left);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
