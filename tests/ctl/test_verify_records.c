/* SPDX-License-Identifier: MIT */
/* verify of ledgers of a few records: what they say is told, or refused, and never taken
 * for a whole run. */
#include "ctl/verified.h"
#include "ledger/record.h"
#include "ledger/sum.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One epoch of 20 images in their order, as batches of 5. */
enum { COUNT = 20, BATCH = 5, STEPS = 4 };

static uint8_t bytes[16384];
static size_t size;
static struct ledger_record start, open_record;

static void setup(void)
{
    support_setup();
    size = 0;
    start = (struct ledger_record){.type = LEDGER_START, .start = {.boot = 7, .time_ms = 1}};
    memset(&open_record, 0, sizeof open_record);
    open_record.type = LEDGER_OPEN;
    open_record.open = (struct ledger_open){
        .session = 1, .uid = 1000, .pid = 42, .time_ms = 2, .images = COUNT, .program = "trainer"};
    struct spec *spec = &open_record.open.spec;
    spec_init(spec);
    strcpy(spec->dataset, "tiny");
    strcpy(spec->split, "train");
    spec->batch_size = BATCH;
    spec->order = FMNIST_ORDER_SEQUENTIAL;
    spec->pad = FMNIST_PAD_NONE;
    spec->epochs = 1;
}

static void put(const struct ledger_record *r)
{
    size += ledger_encode(r, bytes + size);
}

/* Batches that the session acknowledged, with the sum of their images. */
static void put_run(uint32_t session, uint64_t first, uint32_t count)
{
    struct ledger_record r = {.type = LEDGER_RUN,
                              .run = {.session = session, .first = first, .count = count}};
    for (uint64_t n = first; n < first + count; n++) {
        uint32_t indices[BATCH];
        for (uint32_t i = 0; i < BATCH; i++)
            indices[i] = (uint32_t)(n % STEPS) * BATCH + i;
        r.run.sum += ledger_batch_sum(n, indices, BATCH);
    }
    put(&r);
}

static void put_end(uint32_t session, uint64_t told)
{
    put(&(struct ledger_record){.type = LEDGER_END,
                                .end = {.session = session, .told = told, .handed = told}});
}

static void check_ledger(int status, const char *text)
{
    const char *const file = support_path("ledger");
    const struct invocation in = {.words = &file, .word_count = 1};
    support_write(file, bytes, size);
    check_verify(&in, status, text);
}

START_TEST(verify__one_whole_epoch__complete)
{
    put(&start);
    put(&open_record);
    put_run(1, 0, STEPS);
    put_end(1, STEPS);
    check_ledger(0, "run 1: tiny train, order sequential, seed 0, batches of 5; uid 1000, trainer, "
                    "1 session from pid 42 on\n");
    check_ledger(0, "20 of 20, each once\n");
    check_ledger(0, "complete: 1 run, each sample once\n");
}
END_TEST

START_TEST(verify__program_without_a_name__told_as_such)
{
    memset(open_record.open.program, 0, sizeof open_record.open.program);
    put(&start);
    put(&open_record);
    put_run(1, 0, STEPS);
    put_end(1, STEPS);
    check_ledger(0, "; uid 1000, a program without a name, 1 session");
}
END_TEST

/* Runs out of their order, with a hole: what lacks is named, and what came later is not lost. */
START_TEST(verify__runs_apart__the_step_between)
{
    put(&start);
    put(&open_record);
    put_run(1, 3, 1);
    put_run(1, 0, 2);
    put_end(1, STEPS);
    check_ledger(1, "15 of 20; 5 missed\n");
    check_ledger(1, "missed: step 2, samples 10, 11, 12, 13, 14\n");
    check_ledger(1, "not complete: 5 samples missed, 0 repeated, 0 not known, ");
}
END_TEST

/* Batches of a session that nothing is known of are no proof of anything. */
START_TEST(verify__batches_without_a_session__not_complete)
{
    put(&start);
    put(&open_record);
    put_run(1, 0, STEPS);
    put_end(1, STEPS);
    put_run(9, 0, 3);
    put_end(9, 3);
    check_ledger(1, "3 batches are of sessions whose beginning is not in here\n");
}
END_TEST

START_TEST(verify__gap__told_with_its_batches)
{
    put(&start);
    put(&open_record);
    put_run(1, 0, 1);
    put(&(struct ledger_record){.type = LEDGER_GAP,
                                .gap = {.sessions = 1, .batches = 3, .time_ms = 5}});
    put_end(1, STEPS);
    check_ledger(1, "the ledger lacks 3 batches that it could not be told: its disk was full\n");
    check_ledger(1, "15 missed");
}
END_TEST

/* Of the same moment, files go by their number. */
START_TEST(verify__files_of_one_millisecond__by_their_number)
{
    char paths[2][512];
    const char *const files[] = {paths[0], paths[1]};
    const struct invocation in = {.words = files, .word_count = 2};
    snprintf(paths[0], sizeof paths[0], "%s", support_path("b"));
    snprintf(paths[1], sizeof paths[1], "%s", support_path("a"));
    put(&start);
    put(&open_record);
    put_run(1, 0, 2);
    support_write(paths[1], bytes, size);
    size = 0;
    start.start.goes_on = true;
    start.start.file = 1;
    put(&start);
    put_run(1, 2, 2);
    put_end(1, STEPS);
    put(&(struct ledger_record){.type = LEDGER_STOP, .stop = {.boot = 7, .time_ms = 9}});
    support_write(paths[0], bytes, size);
    check_verify(&in, 0, "complete: 1 run, each sample once\n");
    check_verify(&in, 0, ", 1 session from pid 42 on\n");
}
END_TEST

START_TEST(verify__same_file_twice__read_once)
{
    const char *const files[] = {support_path("ledger"), support_path("ledger")};
    const struct invocation in = {.words = files, .word_count = 2};
    put(&start);
    put(&open_record);
    put_run(1, 0, STEPS);
    put_end(1, STEPS);
    support_write(files[0], bytes, size);
    check_verify(&in, 0, "complete: 1 run, each sample once\n");
}
END_TEST

/* ---- what no daemon says ------------------------------------------------------------------- */

START_TEST(verify__number_beyond_all_epochs__refused)
{
    put(&start);
    put(&open_record);
    put_run(1, (SPEC_EPOCH_MAX + 1) * STEPS, 1);
    check_ledger(2, "verify: session 1: a batch of number 17179869185 is none\n");
}
END_TEST

START_TEST(verify__pad_that_was_not_decided__refused)
{
    open_record.open.spec.pad = FMNIST_PAD_AUTO;
    put(&start);
    put(&open_record);
    put_run(1, 0, 1);
    check_ledger(2, "verify: session 1: a spec with pad auto is none that was served\n");
}
END_TEST

START_TEST(verify__no_regular_file__refused)
{
    const char *const file = support_path("pipe");
    const struct invocation in = {.words = &file, .word_count = 1};
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    check_verify(&in, 2, "/pipe: that is no regular file; want a delivery ledger\n");
}
END_TEST

START_TEST(verify__list_that_is_no_list__refused)
{
    const char *const file = support_path("ledger");
    const struct invocation in = {
        .words = &file, .word_count = 1, .indices = support_path("numbers")};
    put(&start);
    support_write(file, bytes, size);
    support_write(in.indices, "1 2 three", 9);
    check_verify(&in, 2, "verify: --indices: ");
    check_verify(&in, 2, "/numbers:1: \"three\": want whole numbers from 0 to 4294967295\n");
}
END_TEST

/* ---- for programs -------------------------------------------------------------------------- */

START_TEST(verify__json__stretches_with_other_images)
{
    const char *const file = support_path("ledger");
    const struct invocation in = {.words = &file, .word_count = 1, .json = true};
    json_int_t session, first_epoch, first, last, count, lost, orphans, damaged;
    int complete;
    put(&start);
    put(&open_record);
    put_run(1, 0, 2);
    put_run(1, 2, 2);
    bytes[size - 1] ^= 1; /* damaged: as if it had not been written */
    put(&(struct ledger_record){.type = LEDGER_RUN,
                                .run = {.session = 1, .first = 2, .count = 2, .sum = 4711}});
    put_end(1, STEPS);
    put(&(struct ledger_record){.type = LEDGER_GAP, .gap = {.sessions = 1, .batches = 6}});
    put_run(8, 0, 2);
    support_write(file, bytes, size);
    check_verify(&in, 2, "\"complete\":false");
    json_t *all = json_loads(said, 0, NULL);
    ck_assert_msg(all, "%s", said);
    json_error_t bad;
    ck_assert_msg(
        !json_unpack_ex(
            all, &bad, 0, "{s:b, s:I, s:I, s:I, s:I, s:[{s:[{s:I, s:{s:I, s:I}, s:{s:I}}]}]}",
            "complete", &complete, "wrong", &count, "lost_batches", &lost, "orphan_batches",
            &orphans, "damaged_bytes", &damaged, "runs", "wrong", "session", &session, "first",
            "epoch", &first_epoch, "step", &first, "last", "step", &last),
        "%s: %s", bad.text, said);
    ck_assert(!complete && session == 1 && first_epoch == 0 && first == 0 && last == 3);
    ck_assert(count == 1 && lost == 6 && orphans == 2 && damaged == 32);
    json_decref(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/verify_records");
    TCase *tc = tcase_create("verify");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_add_test(tc, verify__one_whole_epoch__complete);
    tcase_add_test(tc, verify__program_without_a_name__told_as_such);
    tcase_add_test(tc, verify__runs_apart__the_step_between);
    tcase_add_test(tc, verify__batches_without_a_session__not_complete);
    tcase_add_test(tc, verify__gap__told_with_its_batches);
    tcase_add_test(tc, verify__files_of_one_millisecond__by_their_number);
    tcase_add_test(tc, verify__same_file_twice__read_once);
    tcase_add_test(tc, verify__number_beyond_all_epochs__refused);
    tcase_add_test(tc, verify__pad_that_was_not_decided__refused);
    tcase_add_test(tc, verify__no_regular_file__refused);
    tcase_add_test(tc, verify__list_that_is_no_list__refused);
    tcase_add_test(tc, verify__json__stretches_with_other_images);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
