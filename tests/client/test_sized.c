/* SPDX-License-Identifier: MIT */
/* Structs of every size that a program's header can have given them. Each lies against an unmapped
 * page: one byte read or written behind its size ends the test with a signal. */
#include "client/sized.h"

#include "fmnist.h"
#include "pixels/guarded.h"
#include "support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FIRST = 24, KNOWN = 40, FAR = SIZED_MAX + 64 };

static const struct sized_kind kind = {"thing", "use thing_init", FIRST, KNOWN};

static bool is_fine(size_t size)
{
    return size >= FIRST && size <= SIZED_MAX;
}

/* A program's struct: its size, then `fill`; with a wild size, no more than that lies there. */
static struct guarded struct_of(size_t size, uint8_t fill)
{
    size_t bytes = size > SIZED_MAX || size < sizeof size ? sizeof size : size;
    struct guarded g = guarded_new(bytes, GUARD_BEHIND);
    memset(g.data, fill, bytes);
    memcpy(g.data, &size, sizeof size);
    return g;
}

static bool all_are(const uint8_t *bytes, size_t from, size_t to, uint8_t value)
{
    while (from < to && bytes[from] == value)
        from++;
    return from >= to;
}

static void must_be_refused(int rc, size_t size)
{
    char said[96];
    snprintf(said, sizeof said, "thing.size is %zu", size);
    ck_assert_int_eq(rc, FMNIST_EINVAL);
    ck_assert_msg(strstr(fmnist_error(), said) &&
                      strstr(fmnist_error(), "want 40 (use thing_init)"),
                  "%s", fmnist_error());
}

/* ---- sized_take ---------------------------------------------------------------------------- */

/* A program of an older header must not hand us what happens to lie behind its struct. */
START_TEST(take__every_size__what_is_there_and_zeros_behind)
{
    for (size_t size = 0; size <= FAR; size++) {
        struct guarded theirs = struct_of(size, size > KNOWN ? 0 : 7);
        struct guarded ours = guarded_new(KNOWN, GUARD_BEHIND);
        int rc = sized_take(&kind, ours.data, theirs.data);
        if (is_fine(size)) {
            size_t common = size < KNOWN ? size : KNOWN;
            ck_assert_int_eq(rc, FMNIST_OK);
            ck_assert_mem_eq(ours.data, theirs.data, common);
            ck_assert(all_are(ours.data, common, KNOWN, 0));
        } else {
            must_be_refused(rc, size);
        }
        guarded_free(&theirs);
        guarded_free(&ours);
    }
}
END_TEST

/* A later program's field that we do not know may not be passed over: it would change something. */
START_TEST(take__a_byte_behind_what_is_known__refused_with_its_place)
{
    static const size_t sizes[] = {KNOWN + 1, KNOWN + 8, KNOWN + 9, KNOWN + 64, SIZED_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct guarded theirs = struct_of(sizes[i], 0);
        uint8_t ours[KNOWN];
        for (size_t at = KNOWN; at < sizes[i]; at++) {
            char said[96];
            theirs.data[at] = 1;
            snprintf(said, sizeof said, "thing.size is %zu, and byte %zu is set", sizes[i], at);
            ck_assert_int_eq(sized_take(&kind, ours, theirs.data), FMNIST_EINVAL);
            ck_assert_msg(strstr(fmnist_error(), said) && strstr(fmnist_error(), FMNIST_VERSION) &&
                              strstr(fmnist_error(), "the first 40 bytes"),
                          "%s", fmnist_error());
            theirs.data[at] = 0;
        }
        ck_assert_int_eq(sized_take(&kind, ours, theirs.data), FMNIST_OK);
        guarded_free(&theirs);
    }
}
END_TEST

/* ---- sized_give, sized_give_back ----------------------------------------------------------- */

/* An older program's stack lies behind its struct. */
START_TEST(give__every_size__what_fits_and_zeros_behind)
{
    uint8_t ours[KNOWN];
    memset(ours, 9, sizeof ours);
    for (size_t size = 0; size <= FAR; size++) {
        struct guarded theirs = struct_of(size, 7);
        int rc = sized_give(&kind, theirs.data, ours);
        size_t now;
        memcpy(&now, theirs.data, sizeof now);
        ck_assert_uint_eq(now, size);
        if (is_fine(size)) {
            size_t common = size < KNOWN ? size : KNOWN;
            ck_assert_int_eq(rc, FMNIST_OK);
            ck_assert(all_are(theirs.data, sizeof size, common, 9));
            ck_assert(all_are(theirs.data, common, size, 0));
        } else {
            must_be_refused(rc, size);
        }
        guarded_free(&theirs);
    }
}
END_TEST

START_TEST(give_back__something_that_has_no_room__refused_and_nothing_written)
{
    for (size_t size = FIRST; size <= KNOWN + 8; size++)
        for (size_t set = sizeof size; set < KNOWN; set++) {
            uint8_t ours[KNOWN] = {0};
            ours[set] = 9;
            struct guarded theirs = struct_of(size, 7);
            int rc = sized_give_back(&kind, theirs.data, ours);
            ck_assert_int_eq(rc, set < size ? FMNIST_OK : FMNIST_EINVAL);
            if (rc)
                ck_assert(all_are(theirs.data, sizeof size, size, 7));
            else
                ck_assert_uint_eq(theirs.data[set], 9);
            guarded_free(&theirs);
        }
}
END_TEST

/* ---- the library's own --------------------------------------------------------------------- */

/* What a later program sees as the defaults of fields that this library does not have is 0. */
START_TEST(spec_init_sized__every_size__defaults_and_zeros_in_its_bytes_alone)
{
    struct fmnist_spec whole;
    memset(&whole, 0, sizeof whole);
    fmnist_spec_init(&whole);
    for (size_t size = 0; size <= FAR; size += sizeof size) {
        struct guarded g = guarded_new(size, GUARD_BEHIND);
        struct fmnist_spec *spec = (struct fmnist_spec *)g.data;
        bool known = size >= SIZED_UP_TO(struct fmnist_spec, list_batch_count) && size <= SIZED_MAX;
        size_t end = !known ? sizeof size : size < sizeof whole ? size : sizeof whole;
        fmnist_spec_init_sized(spec, size);
        ck_assert(!memcmp(g.data + sizeof size, (char *)&whole + sizeof size, end - sizeof size));
        ck_assert(all_are(g.data, end, size, 0));
        if (size) {
            ck_assert_uint_eq(spec->size, size);
            ck_assert_int_eq(fmnist_spec_set(spec, "seed", "11"),
                             known ? FMNIST_OK : FMNIST_EINVAL);
            ck_assert(!known || spec->seed == 11);
        }
        guarded_free(&g);
    }
}
END_TEST

/* 0.1 had no reconnect_ms: its programs' structs end before it. */
START_TEST(connect__options_of_every_size__known_or_refused)
{
    size_t first = SIZED_UP_TO(struct fmnist_connect_options, timeout_ms);
    struct fmnist_client *client;
    for (size_t size = sizeof size; size <= FAR; size += sizeof size) {
        struct guarded g = struct_of(size, 0);
        struct fmnist_connect_options *o = (struct fmnist_connect_options *)g.data;
        bool known = size >= first && size <= SIZED_MAX;
        if (known)
            o->socket = "/nonexistent/s";
        ck_assert_int_eq(fmnist_connect(o, &client), known ? FMNIST_ECONNECT : FMNIST_EINVAL);
        ck_assert(known || strstr(fmnist_error(), "sizeof(struct fmnist_connect_options)"));
        if (known && size > sizeof *o) {
            g.data[size - 1] = 1;
            ck_assert_int_eq(fmnist_connect(o, &client), FMNIST_EINVAL);
            ck_assert_ptr_nonnull(strstr(fmnist_error(), "options.size"));
        }
        guarded_free(&g);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client/sized");
    TCase *tc = tcase_create("sized");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, take__every_size__what_is_there_and_zeros_behind);
    tcase_add_test(tc, take__a_byte_behind_what_is_known__refused_with_its_place);
    tcase_add_test(tc, give__every_size__what_fits_and_zeros_behind);
    tcase_add_test(tc, give_back__something_that_has_no_room__refused_and_nothing_written);
    tcase_add_test(tc, spec_init_sized__every_size__defaults_and_zeros_in_its_bytes_alone);
    tcase_add_test(tc, connect__options_of_every_size__known_or_refused);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
