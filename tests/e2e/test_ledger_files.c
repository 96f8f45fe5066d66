/* SPDX-License-Identifier: MIT */
/* The files of the delivery ledger: changed, damaged, full, turned, and their daemon. */
#include "base/bytes.h"
#include "base/crc32.h"
#include "e2e/ledger.h"

#include <sys/resource.h>
#include <sys/stat.h>

enum { RECORD_RUN = 3 };

/* ---- a ledger that was changed ------------------------------------------------------------- */

static uint8_t *ledger;
static size_t ledger_bytes;

/* The next record of that type from `at` on; SIZE_MAX: none. */
static size_t find_record(size_t at, uint8_t type)
{
    for (; at < ledger_bytes; at += get_le16(ledger + at + 4))
        if (ledger[at + 6] == type)
            return at;
    return SIZE_MAX;
}

static void write_ledger(void)
{
    support_write(support_path("ledger"), ledger, ledger_bytes);
}

static off_t ledger_size(void)
{
    struct stat st;
    ck_assert_int_eq(stat(support_path("ledger"), &st), 0);
    return st.st_size;
}

/* One session with several RUNs: reads of which each is seen before the next. */
static void make_runs(void)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_stream(client, &spec);
    for (int i = 0; i < 3; i++) {
        off_t before = ledger_size();
        take(stream, STEPS / 3);
        while (ledger_size() == before)
            usleep(10000);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    ledger = support_read(support_path("ledger"), &ledger_bytes);
}

START_TEST(verify__record_removed_or_doubled__missed_or_repeated)
{
    make_runs();
    verify();
    check_said(0, "complete: 1 run");
    unsigned runs = 0;
    for (size_t at = find_record(0, RECORD_RUN); at != SIZE_MAX;
         at = find_record(at + 32, RECORD_RUN), runs++) {
        uint8_t *whole = malloc(2 * ledger_bytes);
        size_t bytes = ledger_bytes;
        memcpy(whole, ledger, bytes);
        memcpy(ledger + at, whole + at + 32, bytes - at - 32);
        ledger_bytes -= 32;
        write_ledger();
        verify();
        check_said(1, " missed: ");
        check_said(1, ", 0 repeated");
        free(ledger);
        ledger = whole;
        ledger_bytes = bytes + 32;
        memmove(ledger + at + 32, ledger + at, bytes - at);
        write_ledger();
        verify();
        check_said(1, " repeated: ");
        check_said(1, "not complete: 0 samples missed");
        ledger_bytes = bytes;
        memmove(ledger + at, ledger + at + 32, bytes - at);
    }
    ck_assert_uint_ge(runs, 2);
    free(ledger);
}
END_TEST

/* Other images than those of the stream: what a daemon with a mistake would do. */
START_TEST(verify__sum_of_other_images__told)
{
    make_runs();
    size_t at = find_record(0, RECORD_RUN);
    ledger[at + 24] ^= 1;
    put_le32(ledger + at, crc32_of(ledger + at + 4, 28));
    write_ledger();
    verify();
    check_said(1, "had other images than the stream's somewhere from epoch 0 step 0 to epoch 0");
    free(ledger);
}
END_TEST

START_TEST(verify__damaged_torn_or_no_ledger__told)
{
    make_runs();
    uint8_t kept = ledger[find_record(0, RECORD_RUN) + 9];
    ledger[find_record(0, RECORD_RUN) + 9] ^= 1;
    write_ledger();
    verify();
    check_said(2, "32 bytes are damaged");
    ledger[find_record(0, RECORD_RUN) + 9] = kept;
    ledger_bytes -= 7;
    write_ledger();
    verify();
    check_said(0, "25 bytes at the end are no whole record: left out\n");
    support_write(support_path("ledger"), "a", 1);
    verify();
    check_said(2, "/ledger: that is no delivery ledger: it begins with 61, not with a whole START");
    support_write(support_path("ledger"), "", 0);
    verify();
    check_said(2, "/ledger: that is no delivery ledger: it is empty\n");
    run_ctl(&said, "verify %s", support_dir());
    check_said(2, ": that is a folder; want a delivery ledger\n");
    ck_assert_int_eq(unlink(support_path("ledger")), 0);
    verify();
    check_said(2, "/ledger: there is no such file\n");
    free(ledger);
}
END_TEST

/* ---- the daemon ---------------------------------------------------------------------------- */

/* Neighbours that nap are left alone at their rings, and each is moved to one of its own, with
 * views held over the move. */
START_TEST(verify__neighbours_nap_and_move__each_once)
{
    enum { READERS = 3 };
    struct fmnist_client *clients[READERS];
    struct fmnist_stream *streams[READERS];
    struct fmnist_batch held[READERS] = {{0}};
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    spec.dtype = FMNIST_UINT8;
    spec.epochs = 400;
    for (int i = 0; i < READERS; i++) {
        clients[i] = connect_to(&d);
        streams[i] = open_stream(clients[i], &spec);
    }
    for (int turn = 0, left = READERS; left; turn++)
        for (int i = 0; i < READERS; i++) {
            struct fmnist_batch b;
            int rc = FMNIST_OK;
            for (int k = 0; streams[i] && k < 700 * (i + 1) && rc >= FMNIST_OK; k++) {
                rc = fmnist_next(streams[i], &b);
                if (rc == FMNIST_END_OF_STREAM)
                    break;
                if (rc)
                    continue;
                if (held[i].images)
                    must(fmnist_release(streams[i], &held[i]));
                held[i] = b;
            }
            ck_assert_msg(rc >= FMNIST_OK, "%s", fmnist_error());
            if (rc != FMNIST_END_OF_STREAM)
                continue;
            must(fmnist_release(streams[i], &held[i]));
            fmnist_close(streams[i]);
            fmnist_disconnect(clients[i]);
            streams[i] = NULL;
            left--;
        }
    daemon_stop(&d);
    verify();
    check_said(0, "complete: 3 runs, each sample once\n");
}
END_TEST

static void limit_daemon_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};
    ck_assert_int_eq(prlimit(d.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* While the disk is full batches come as ever, and what was acknowledged is told later. */
START_TEST(daemon__disk_full__serves_and_tells_later)
{
    enum { READERS = 8 };
    struct fmnist_client *clients[READERS];
    struct fmnist_stream *streams[READERS];
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    spec.epochs = 100;
    for (int i = 0; i < READERS; i++) {
        clients[i] = connect_to(&d);
        spec.seed = 100 + (uint64_t)i; /* a ring of its own: none can be made later */
        streams[i] = open_stream(clients[i], &spec);
    }
    limit_daemon_files(100); /* of its file, which is longer */
    for (int i = 0; i < READERS; i++) {
        take(streams[i], UINT64_MAX);
        fmnist_close(streams[i]);
        fmnist_disconnect(clients[i]);
    }
    limit_daemon_files(RLIM_INFINITY);
    run_session(&spec, NULL, UINT64_MAX);
    while (ledger_size() < (READERS + 1) * 400)
        usleep(10000);
    daemon_stop(&d);
    ck_assert_msg(strstr(d.log, "ledger: File too large (RLIMIT_FSIZE is 100): records wait"), "%s",
                  d.log);
    ck_assert_msg(strstr(d.log, "ledger: is written again"), "%s", d.log);
    verify();
    check_said(0, "complete: 9 runs, each sample once\n");
}
END_TEST

/* More than the files may have: the oldest goes, and who reads all the time is judged from there
 * on.
 */
START_TEST(daemon__files_full__turn_and_a_long_run_is_judged)
{
    struct daemon small;
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    daemon_stop(&d);
    ck_assert_int_eq(unlink(support_path("ledger")), 0);
    serve_tiny(&small, "ledger: {path: ./ledger, max_bytes: 64KiB, files: 3}\n");
    d = small;
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_stream(client, &spec);
    spec.seed = 8;
    spec.epochs = 1;
    for (spec.epoch = 0; spec.epoch < 300; spec.epoch++) { /* some 420 bytes each */
        take(stream, STEPS + 3);
        run_session(&spec, NULL, UINT64_MAX);
    }
    take(stream, 6);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    struct stat st;
    off_t bytes = 0;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(stat(support_path(i ? "ledger.%d" : "ledger", i), &st), 0);
        bytes += st.st_size;
    }
    ck_assert_int_le(bytes, 64 << 10);
    verify();
    ck_assert_msg(!strstr(said.text, "epoch 0:") && !strstr(said.text, "epochs 0 to"), "%.2000s",
                  said.text);
    check_said(0, " to 299: 103 of 103, each once\ncomplete: 2 runs, each sample once\n");
}
END_TEST

static unsigned count_threads(void)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/task", (int)d.pid);
    ck_assert_int_eq(stat(path, &st), 0);
    return (unsigned)st.st_nlink - 2;
}

/* Without the key nothing is opened and no thread started. */
START_TEST(daemon__no_ledger__no_file_and_no_thread)
{
    unsigned descriptors = daemon_descriptors(&d), threads = count_threads();
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    daemon_stop(&d);
    ck_assert_int_eq(unlink(support_path("ledger")), 0);
    serve_tiny(&d, "workers: 2\n");
    ck_assert_uint_eq(daemon_descriptors(&d), descriptors - 1);
    ck_assert_uint_eq(count_threads(), threads - 1);
    run_session(&spec, NULL, STEPS);
    daemon_stop(&d);
    ck_assert_int_eq(access(support_path("ledger"), F_OK), -1);
}
END_TEST

/* A ledger that cannot be is told before anything is served. */
START_TEST(daemon__ledger_cannot_be_opened__says_so)
{
    daemon_stop(&d);
    ck_assert_int_eq(unlink(support_path("ledger")), 0);
    ck_assert_int_eq(mkdir(support_path("ledger"), 0700), 0);
    ck_assert_int_eq(daemon_run(&d, support_path("fmnistd.yaml")), 1);
    ck_assert_msg(strstr(d.log, "/ledger: opening it: Is a directory"), "%s", d.log);
    ck_assert_int_eq(rmdir(support_path("ledger")), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger files");
    TCase *tc = tcase_create("ledger");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, verify__record_removed_or_doubled__missed_or_repeated);
    tcase_add_test(tc, verify__sum_of_other_images__told);
    tcase_add_test(tc, verify__damaged_torn_or_no_ledger__told);
    tcase_add_test(tc, verify__neighbours_nap_and_move__each_once);
    tcase_add_test(tc, daemon__disk_full__serves_and_tells_later);
    tcase_add_test(tc, daemon__files_full__turn_and_a_long_run_is_judged);
    tcase_add_test(tc, daemon__no_ledger__no_file_and_no_thread);
    tcase_add_test(tc, daemon__ledger_cannot_be_opened__says_so);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
