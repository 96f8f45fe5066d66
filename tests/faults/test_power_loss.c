/* SPDX-License-Identifier: MIT */
/* The machine stops at any moment of a cache file's building, and loses what was not synced: each
 * state that a disk may then have is opened, and gives the data whole. */
#include "dataset/opener.h"
#include "faults/disk.h"
#include "faults/faults.h"

enum { COUNT = 300, SIDE = 20 };
static const char *open_in(const char *folder, uint8_t digest[16])
{
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    int rc = open_noted(&source, folder, true, &d, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
    memcpy(digest, d->splits[0].digest, 16);
    check_idx(d, COUNT, SIDE);
    dataset_close(d);
    return notes;
}

static void put_mine(void)
{
    put_file("train-images", idx_images(COUNT, SIDE, SIDE));
    put_file("train-labels", idx_labels(COUNT));
}

/* Builds once, in a folder that is empty, or has the cache file of what the sources were before.
 * *before and *after are the folder's. */
static void record_build(bool unnamed, bool old, struct disk *before, struct disk *after)
{
    uint8_t digest[16];
    char folder[512];
    snprintf(folder, sizeof folder, "%s/recorded", support_dir());
    put_mine();
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    if (old) {
        open_in(folder, digest);
        put_mine(); /* the same bytes in a file that has changed */
    }
    disk_read(before, folder);
    record.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    record.refuse_unnamed = !unnamed;
    record.on = true;
    ck_assert_text(open_in(folder, digest), "built in the cache");
    record.on = false;
    close(record.folder);
    disk_read(after, folder);
    remove_folder(folder);
}

static bool same_file(const struct disk_file *a, const struct disk_file *b)
{
    return a && b && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Nothing was done that was not recorded. */
static void check_record(const struct disk *before, const struct disk *after)
{
    struct disk all;
    disk_copy(&all, before);
    for (unsigned i = 0; i < record.count; i++)
        apply(&all, &record.ops[i], NULL);
    ck_assert_uint_eq(all.name_count, after->name_count);
    for (unsigned i = 0; i < after->name_count; i++)
        ck_assert(same_file(named_file(&all, after->names[i].name),
                            named_file(after, after->names[i].name)));
    disk_free(&all);
}

/* Opens the state: exact, nothing left over, and never a file that has the name and is not whole.
 */
static void check_state(const struct disk *state, const struct disk *before,
                        const struct disk *after)
{
    static const char *const name = "mine-train.cache";
    uint8_t digest[16];
    char folder[512];
    const struct disk_file *f = named_file(state, name), *old = named_file(before, name);
    ck_assert(!f || same_file(f, named_file(after, name)) || same_file(f, old));
    snprintf(folder, sizeof folder, "%s/state", support_dir());
    disk_write(state, folder);
    bool built = strstr(open_in(folder, digest), "built in the cache") != NULL;
    ck_assert(built != same_file(f, named_file(after, name)));
    ck_assert_ptr_null(strstr(notes, "damaged"));
    ck_assert(!built || access(support_path("state/mine-train.tmp"), F_OK) < 0);
    ck_assert_str_eq(open_in(folder, digest), "");
    remove_folder(folder);
}

static void forget_record(void)
{
    for (unsigned i = 0; i < record.count; i++)
        free(record.ops[i].bytes);
    record.count = 0;
}

/* Each way of building, with and without a file to replace; a quarter of the states each. */
START_TEST(dataset_open__power_lost_while_the_cache_was_built__whole_or_built_again)
{
    static const char *const ways[] = {"with a temporary name", "without a name"};
    unsigned states = fault_times(500, 50000) / 4, made = 0;
    uint64_t random = 20261127 + (uint64_t)_i;
    struct disk before, after, state;
    record_build(_i / 2, _i % 2, &before, &after);
    check_record(&before, &after);
    no_sync = true;
    for (; made < states; made++) {
        make_state(&state, &before, (unsigned)(next(&random) % (record.count + 1)), &random);
        check_state(&state, &before, &after);
        disk_free(&state);
    }
    no_sync = false;
    char what[128];
    snprintf(what, sizeof what, "power loss while a cache file is built %s, %s", ways[_i / 2],
             _i % 2 ? "in the place of another" : "as the first");
    fault_held(what, made,
               "of %u recorded operations, in any legal order; each state on disk opens with exact "
               "data, and never did a file have the name that was not whole",
               record.count);
    forget_record();
    disk_free(&before);
    disk_free(&after);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("faults/power_loss");
    TCase *tc = tcase_create("dataset_open");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 3600);
    tcase_add_loop_test(
        tc, dataset_open__power_lost_while_the_cache_was_built__whole_or_built_again, 0, 4);
    suite_add_tcase(s, tc);
    return support_run(s);
}
