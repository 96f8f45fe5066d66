/* The delivery ledger, written by a real daemon and read by fmnistctl verify: what is complete, and
 * every way in which it is not, by name. */
#include "base/bytes.h"
#include "base/crc32.h"
#include "e2e/harness.h"
#include "e2e/program.h"

#include <sys/resource.h>
#include <sys/stat.h>

enum { COUNT = 103, BATCH = 5, STEPS = 21, RECORD_RUN = 3, RECORD_END = 4 };

static struct daemon d;
static struct images all;
static struct said said;

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, 5, 4, 1);
    serve_tiny(&d, "workers: 2\nledger: {path: ./ledger}\n");
}

static void teardown(void)
{
    images_free(&all);
    support_teardown();
}

static struct fmnist_spec make_spec(uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 7;
    spec.batch_size = BATCH;
    spec.transport = transport;
    return spec;
}

static void verify(void)
{
    run_ctl(&said, "verify %s", support_path("ledger"));
}

static void check_said(int status, const char *text)
{
    ck_assert_msg(said.status == status && strstr(said.text, text),
                  "exit status %d, want %d and \"%s\":\n%.2000s", said.status, status, text,
                  said.text);
}

/* Takes so many batches, over the ends of epochs; UINT64_MAX: to the stream's end. */
static uint64_t take(struct fmnist_stream *stream, uint64_t batches)
{
    uint64_t taken = 0;
    while (taken < batches) {
        struct fmnist_batch b;
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_STREAM)
            break;
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        must(rc);
        must(fmnist_release(stream, &b));
        taken++;
    }
    return taken;
}

static struct fmnist_token token_of(const struct fmnist_stream *stream)
{
    struct fmnist_token token;
    must(fmnist_stream_token(stream, &token));
    return token;
}

/* One session: from the token (NULL: the beginning), so many batches. Returns where it ended. */
static struct fmnist_token run_session(const struct fmnist_spec *spec,
                                       const struct fmnist_token *token, uint64_t batches)
{
    struct fmnist_stream *stream;
    struct fmnist_client *client = connect_to(&d);
    must(fmnist_open(client, spec, token, &stream));
    take(stream, batches);
    struct fmnist_token end = token_of(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return end;
}

static struct fmnist_token token_at(const struct fmnist_spec *spec, uint64_t epoch, uint64_t step)
{
    struct fmnist_token token;
    struct fmnist_spec other = *spec;
    other.transport = FMNIST_SHM; /* whose sessions that take nothing are known to */
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_stream(client, &other);
    must(fmnist_stream_token_at(stream, epoch, step, &token));
    fmnist_close(stream);
    fmnist_disconnect(client);
    return token;
}

/* ---- complete ------------------------------------------------------------------------------ */

static const uint32_t transports[] = {FMNIST_SHM, FMNIST_INLINE};

START_TEST(verify__whole_epochs__each_once)
{
    struct fmnist_spec spec = make_spec(transports[_i]);
    spec.epochs = 3;
    run_session(&spec, NULL, UINT64_MAX);
    daemon_stop(&d);
    verify();
    check_said(0, "tiny train, order shuffle, seed 7, batches of 5; uid ");
    check_said(0, "\n  epochs 0 to 2: 103 of 103, each once\ncomplete: 1 run, each sample once\n");
    struct stat st;
    ck_assert_int_eq(stat(support_path("ledger"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* Every order, pad and world, with batches of every kind at the end, and views that are held. */
START_TEST(verify__any_order_world_and_pad__each_once)
{
    unsigned runs = 0;
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order < FMNIST_ORDER_LIST; order++)
        for (uint32_t pad = FMNIST_PAD_WRAP; pad <= FMNIST_PAD_NONE; pad++, runs++)
            for (uint32_t rank = 0; rank < 4; rank++) {
                struct fmnist_spec spec = make_spec(transports[order % 2]);
                spec.order = order;
                spec.pad = pad;
                spec.rank = rank;
                spec.world_size = 4;
                spec.epochs = 2;
                spec.drop_last = pad == FMNIST_PAD_DROP;
                run_session(&spec, NULL, UINT64_MAX);
            }
    daemon_stop(&d);
    verify();
    char want[64];
    snprintf(want, sizeof want, "complete: %u runs, each sample once\n", runs);
    check_said(0, want);
    check_said(0, "epochs 0 to 1: 103 of 103, each once (1 more by pad)\n");
    check_said(0, "epochs 0 to 1: 100 of 100, each once (3 left out by drop_last or pad)\n");
    check_said(0, "epochs 0 to 1: 103 of 103, each once\n");
}
END_TEST

/* Four ranks over kills of the daemon and of nobody, resumed each time, on two worlds: one run. */
START_TEST(verify__ranks_daemon_killed_and_resumed__complete)
{
    enum { RANKS = 4 };
    struct fmnist_spec spec = make_spec(transports[_i]);
    struct fmnist_token tokens[RANKS];
    spec.world_size = RANKS;
    spec.epochs = 250;
    spec.batch_size = 4;
    for (unsigned kills = 0; kills < 4; kills++) {
        struct fmnist_client *clients[RANKS];
        struct fmnist_stream *streams[RANKS];
        for (uint32_t rank = 0; rank < RANKS; rank++) {
            spec.rank = rank;
            clients[rank] = connect_to(&d);
            must(fmnist_open(clients[rank], &spec, kills ? &tokens[rank] : NULL, &streams[rank]));
        }
        for (unsigned i = 0; i < 150 * (kills + 1); i++)
            for (uint32_t rank = 0; rank < RANKS; rank++)
                ck_assert_uint_eq(take(streams[rank], 1), 1);
        for (uint32_t rank = 0; rank < RANKS; rank++)
            tokens[rank] = token_of(streams[rank]);
        daemon_kill(&d);
        for (uint32_t rank = 0; rank < RANKS; rank++) {
            fmnist_close(streams[rank]);
            fmnist_disconnect(clients[rank]);
        }
        daemon_restart(&d);
    }
    spec.world_size = 2; /* the same global batch */
    spec.batch_size = 8;
    for (uint32_t rank = 0; rank < 2; rank++) {
        spec.rank = rank;
        run_session(&spec, &tokens[0], UINT64_MAX);
    }
    daemon_stop(&d);
    verify();
    check_said(0, "complete: 1 run, each sample once\n");
    check_said(0, "249: 103 of 103, each once");
}
END_TEST

/* A trainer that is killed holds batches that were handed over and never given back: its successor
 * begins where its token says, and nothing of it is a repeat or missed. */
START_TEST(verify__views_held_at_the_end__the_tokens_word_counts)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    spec.dtype = FMNIST_UINT8;
    spec.epochs = 1;
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch b;
    take(stream, 7);
    for (int i = 0; i < 3; i++)
        must(fmnist_next(stream, &b));
    struct fmnist_token token = token_of(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
    run_session(&spec, &token, UINT64_MAX);
    daemon_stop(&d);
    verify();
    check_said(0, "103 of 103, each once (15 by a token alone)\n");
}
END_TEST

/* A sweep: trainers with the same spec at the same time are runs of their own. */
START_TEST(verify__two_trainers_of_one_spec__two_runs)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    struct fmnist_client *a = connect_to(&d), *b = connect_to(&d);
    struct fmnist_stream *x = open_stream(a, &spec), *y = open_stream(b, &spec);
    for (int i = 0; i < 2 * STEPS; i++) {
        take(x, 1);
        take(y, 1);
    }
    fmnist_disconnect((fmnist_close(x), a));
    fmnist_disconnect((fmnist_close(y), b));
    run_session(&spec, NULL, STEPS); /* and one afterwards, from the beginning */
    daemon_stop(&d);
    verify();
    check_said(0, "complete: 3 runs, each sample once\n");
}
END_TEST

/* A stream without an end may end anywhere, and one epoch after the other is one run, too. */
START_TEST(verify__endless_and_by_epochs__so_far_and_one_run)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    run_session(&spec, NULL, STEPS + 4);
    spec.seed = 8;
    spec.epochs = 1;
    for (spec.epoch = 0; spec.epoch < 3; spec.epoch++)
        run_session(&spec, NULL, UINT64_MAX);
    daemon_stop(&d);
    verify();
    check_said(0, "  epoch 0: 103 of 103, each once\n  epoch 1: 20 of 103 so far, each once\n");
    check_said(0, "seed 8, batches of 5;");
    check_said(0, "  epochs 0 to 2: 103 of 103, each once\ncomplete: 2 runs");
}
END_TEST

static const uint32_t chosen[] = {5, 9, 99, 0, 17, 17, 3};

/* Of a list the places are counted, and with the list its images. */
START_TEST(verify__lists__by_place_or_with_the_list)
{
    static const uint32_t lengths[] = {3, 1, 3};
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    spec.order = FMNIST_ORDER_LIST;
    spec.list = chosen;
    spec.list_count = 7;
    spec.batch_size = 2;
    spec.epochs = 2;
    run_session(&spec, NULL, UINT64_MAX);
    spec.list_batches = lengths;
    spec.list_batch_count = 3;
    run_session(&spec, NULL, 2);
    daemon_stop(&d);
    support_write(support_path("list"), "5 9 99 0 17 17 3", 16);
    verify();
    check_said(1, "epochs 0 to 1: 7 of 7 places of the list, each once\n");
    check_said(1, "epoch 0: 2 of 3 batches of the list; 1 missed\n    missed: step 2, batches of "
                  "the list 2\n");
    check_said(1, "1 more epochs were asked for");
    run_ctl(&said, "verify --indices %s %s", support_path("list"), support_path("ledger"));
    check_said(1, "epochs 0 to 1: 7 of 7, each once\n");
}
END_TEST

/* ---- losses and repeats -------------------------------------------------------------------- */

/* The samples of a step, as the client has them. */
static void samples_of(const struct fmnist_spec *spec, uint64_t step, char text[256])
{
    struct fmnist_token token = token_at(spec, 0, step);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream;
    struct fmnist_batch b;
    struct fmnist_spec other = *spec;
    must(fmnist_open(client, &other, &token, &stream));
    must(fmnist_next(stream, &b));
    text[0] = 0;
    for (uint64_t i = 0; i < b.count; i++)
        snprintf(text + strlen(text), 256 - strlen(text), "%s%lld", i ? ", " : "",
                 (long long)b.indices[i]);
    fmnist_close(stream);
    fmnist_disconnect(client);
}

START_TEST(verify__client_that_skips__the_steps_and_samples_by_name)
{
    static char before[sizeof said.text];
    char samples[256], want[600];
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    struct fmnist_token behind = token_at(&spec, 0, 11);
    run_session(&spec, NULL, 10);
    run_session(&spec, &behind, STEPS - 11);
    daemon_stop(&d);
    verify();
    check_said(1, "opened at epoch 0 step 11, behind where session ");
    check_said(1, "  epoch 0: 98 of 103; 5 missed\n    missed: step 10, samples ");
    check_said(1, "not complete: 5 samples missed, 0 repeated");
    snprintf(before, sizeof before, "%s", said.text);
    daemon_restart(&d);
    samples_of(&spec, 10, samples);
    daemon_stop(&d);
    snprintf(want, sizeof want, "missed: step 10, samples %s\n", samples);
    ck_assert_msg(strstr(before, want), "want %s in\n%s", want, before);
}
END_TEST

START_TEST(verify__client_that_resumes_from_an_old_token__repeats_by_name)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    struct fmnist_token old = run_session(&spec, NULL, 10);
    run_session(&spec, &old, 3);
    run_session(&spec, &old, STEPS - 10);
    daemon_stop(&d);
    verify();
    check_said(1, "opened at epoch 0 step 10, before where session 2 ended: epoch 0 step 13\n");
    check_said(1, "  epoch 0: 103 of 103; 15 repeated\n    repeated: steps 10 to 12, samples ");
    check_said(1, "; by sessions 2 and 3\n");
}
END_TEST

/* Inline, what was taken off a socket is known where all of it was. */
START_TEST(verify__inline_skips_and_repeats__by_name)
{
    struct fmnist_spec spec = make_spec(FMNIST_INLINE);
    spec.epochs = 1;
    run_session(&spec, NULL, UINT64_MAX);
    struct fmnist_token old = token_at(&spec, 0, 18), ahead = token_at(&spec, 1, 2);
    run_session(&spec, &old, UINT64_MAX);
    spec.epochs = 2;
    run_session(&spec, &ahead, UINT64_MAX);
    daemon_stop(&d);
    verify();
    check_said(1, "    repeated: steps 18 to 20, samples ");
    check_said(1, "    missed: steps 0 to 1, samples ");
    check_said(1, "not complete: 10 samples missed, 13 repeated");
}
END_TEST

/* One rank of two that stays behind, or never came. */
START_TEST(verify__rank_that_lacks__its_steps_by_name)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    spec.world_size = 2;
    spec.epochs = 1;
    run_session(&spec, NULL, UINT64_MAX);
    spec.rank = 1;
    run_session(&spec, NULL, 4);
    spec.seed = 8;
    run_session(&spec, NULL, UINT64_MAX);
    daemon_stop(&d);
    verify();
    check_said(1, "missed: rank 1 of 2, steps 4 to 10, samples ");
    check_said(1, "missed: rank 0 of 2, steps 0 to 10, samples ");
}
END_TEST

/* A stream that was asked for three epochs and ended in the second. */
START_TEST(verify__ends_before_what_was_asked_for__missed)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    spec.epochs = 3;
    run_session(&spec, NULL, STEPS + 1);
    daemon_stop(&d);
    verify();
    check_said(1, "  epoch 1: 5 of 103; 98 missed\n    missed: steps 1 to 20, samples ");
    check_said(1, "1 more epochs were asked for: nothing of them\n");
}
END_TEST

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

/* One session with several RUNs: reads of which each is seen before the next. */
static void make_runs(void)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_stream(client, &spec);
    for (int i = 0; i < 3; i++) {
        take(stream, STEPS / 3);
        usleep(250000); /* two looks of the daemon: 100 ms each */
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
    struct stat st;
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
    do {
        usleep(10000);
        ck_assert_int_eq(stat(support_path("ledger"), &st), 0);
    } while (st.st_size < (READERS + 1) * 400);
    daemon_stop(&d);
    ck_assert_msg(strstr(d.log, "ledger: File too large: records wait"), "%s", d.log);
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
    Suite *suite = suite_create("ledger");
    TCase *tc = tcase_create("ledger");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, verify__whole_epochs__each_once, 0, 2);
    tcase_add_test(tc, verify__any_order_world_and_pad__each_once);
    tcase_add_loop_test(tc, verify__ranks_daemon_killed_and_resumed__complete, 0, 2);
    tcase_add_test(tc, verify__views_held_at_the_end__the_tokens_word_counts);
    tcase_add_test(tc, verify__two_trainers_of_one_spec__two_runs);
    tcase_add_test(tc, verify__endless_and_by_epochs__so_far_and_one_run);
    tcase_add_test(tc, verify__lists__by_place_or_with_the_list);
    tcase_add_test(tc, verify__client_that_skips__the_steps_and_samples_by_name);
    tcase_add_test(tc, verify__client_that_resumes_from_an_old_token__repeats_by_name);
    tcase_add_test(tc, verify__inline_skips_and_repeats__by_name);
    tcase_add_test(tc, verify__rank_that_lacks__its_steps_by_name);
    tcase_add_test(tc, verify__ends_before_what_was_asked_for__missed);
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
