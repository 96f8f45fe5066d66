/* SPDX-License-Identifier: MIT */
/* verify over ledgers that no daemon has written, or that a client had it write: the largest
 * numbers that a record holds. What daemons write in order is tests/e2e's. */
#include "ctl/verified.h"
#include "ledger/record.h"
#include "ledger/sum.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Of the dataset, and of an epoch of one rank. */
enum { COUNT = 103, BATCH = 5, STEPS = 21 };

#define LAST_EPOCH UINT64_C(0xffffffff)

static FILE *ledger;
static struct spec spec;

static void put(const struct ledger_record *r)
{
    uint8_t bytes[LEDGER_RECORD_MAX];
    size_t size = ledger_encode(r, bytes);
    ck_assert_uint_eq(fwrite(bytes, size, 1, ledger), 1);
}

static void setup(void)
{
    support_setup();
    ledger = fopen(support_path("ledger"), "we");
    ck_assert_ptr_nonnull(ledger);
    put(&(struct ledger_record){.type = LEDGER_START, .start = {.boot = 1, .time_ms = 1}});
    spec_init(&spec);
    strcpy(spec.dataset, "tiny");
    spec.batch_size = BATCH;
    spec.pad = FMNIST_PAD_NONE;
}

static void put_open(uint32_t session, uint64_t first)
{
    struct ledger_record r = {.type = LEDGER_OPEN,
                              .open = {.session = session,
                                       .at_token = first > 0,
                                       .first = first,
                                       .images = COUNT,
                                       .program = "trainer",
                                       .spec = spec}};
    put(&r);
}

static void put_end(uint32_t session, uint64_t told)
{
    put(&(struct ledger_record){.type = LEDGER_END,
                                .end = {.session = session, .told = told, .handed = told}});
}

/* Batches of a stream in the split's order, of one rank. */
static void put_run(uint32_t session, uint64_t first, uint32_t count)
{
    struct ledger_record r = {.type = LEDGER_RUN,
                              .run = {.session = session, .count = count, .first = first}};
    for (uint64_t n = first; n < first + count; n++) {
        uint32_t indices[BATCH], size = 0;
        uint64_t at = n % STEPS * BATCH;
        for (; size < BATCH && at + size < COUNT; size++)
            indices[size] = (uint32_t)at + size;
        r.run.sum += ledger_batch_sum(n, indices, size);
    }
    put(&r);
}

static void check(int status, bool json, const char *text)
{
    const char *path = support_path("ledger");
    const struct invocation in = {.json = json, .words = &path, .word_count = 1};
    check_verify(&in, status, text);
}

static void end_ledger(void)
{
    put(&(struct ledger_record){.type = LEDGER_STOP, .stop = {.boot = 1}});
    fclose(ledger);
    ledger = NULL;
}

/* No stream has so many, and no client's request: the record is damage. */
START_TEST(world__more_ranks_than_there_can_be__damage)
{
    spec.pad = FMNIST_PAD_WRAP;
    spec.world_size = UINT32_MAX;
    put_open(1, 0);
    put_run(1, 0, 1);
    end_ledger();
    check(2, false, "1 batches are of sessions whose beginning is not in here\n");
    check(2, false, " bytes are damaged: what they said is not known\n");
}
END_TEST

/* Each rank that never came was a line, and a client says how many there are. */
START_TEST(world__of_many_ranks_that_never_came__some_named_and_all_counted)
{
    spec.pad = FMNIST_PAD_WRAP;
    spec.world_size = SPEC_WORLD_MAX;
    put_open(1, 0);
    for (uint32_t n = 0; n < 2; n++) {
        const uint32_t index = 0;
        put(&(struct ledger_record){
            .type = LEDGER_RUN,
            .run = {.session = 1, .count = 1, .first = n, .sum = ledger_batch_sum(n, &index, 1)}});
    }
    put_end(1, 2);
    end_ledger();
    check(1, false, "    missed: rank 1000 of 65536, step 0, samples 73\n    and 64,535 more\n");
    check(1, true, "\"unnamed\":64535");
    ck_assert_ptr_nonnull(strstr(said, "\"missed\":65535,"));
}
END_TEST

/* Two sessions of one client, and verify went through each of the 4,294,967,294 epochs between. */
START_TEST(epochs__to_the_last__those_without_anything_told_as_one)
{
    put_open(1, 0);
    put_run(1, 0, STEPS);
    put_end(1, STEPS);
    put_open(2, LAST_EPOCH * STEPS);
    put_run(2, LAST_EPOCH * STEPS, 3);
    put_end(2, LAST_EPOCH * STEPS + 3);
    end_ledger();
    check(1, false,
          "  epoch 0: 103 of 103, each once\n"
          "  epochs 1 to 4294967294: 0 of 103; 103 missed\n"
          "  epoch 4294967295: 15 of 103 so far, each once\n"
          "not complete: 442,381,631,282 samples missed");
    check(1, true, "\"last_epoch\":4294967294");
    ck_assert_ptr_nonnull(strstr(said, "\"missed\":442381631282,"));
}
END_TEST

/* The same where a token says that all of it had come. */
START_TEST(epochs__by_a_token_alone__told_as_one)
{
    put_open(1, 0);
    put_run(1, 0, STEPS);
    put_open(2, LAST_EPOCH * STEPS);
    put_run(2, LAST_EPOCH * STEPS, STEPS);
    put_end(2, (LAST_EPOCH + 1) * STEPS);
    end_ledger();
    check(0, false, "  epochs 1 to 4294967294: 103 of 103, each once (103 by a token alone)\n");
}
END_TEST

/* What is alike is told as one only where there is much of it. */
START_TEST(epochs__a_few_without_anything__each_with_its_samples)
{
    put_open(1, 0);
    put_run(1, 0, STEPS);
    put_end(1, STEPS);
    put_open(2, 4 * STEPS);
    put_run(2, 4 * STEPS, STEPS);
    put_end(2, 5 * STEPS);
    end_ledger();
    check(1, false, "  epoch 3: 0 of 103; 103 missed\n    missed: steps 0 to 20, samples 0, 1,");
    check(1, false, "not complete: 309 samples missed");
}
END_TEST

/* Thousands of epochs of one session, the last of them cut. */
START_TEST(epochs__many_alike__the_same_sums)
{
    const uint32_t epochs = 1000;
    put_open(1, 0);
    put_run(1, 0, STEPS * epochs + 1);
    put_end(1, STEPS * epochs + 1);
    end_ledger();
    check(0, false,
          "  epochs 0 to 999: 103 of 103, each once\n"
          "  epoch 1000: 5 of 103 so far, each once\n");
    check(0, true, "\"last_epoch\":999");
}
END_TEST

/* A number of a batch that is none was divided, and its epoch gone to. */
START_TEST(session__ends_or_begins_behind_all_epochs__refused)
{
    put_open(1, 0);
    put_run(1, 0, 1);
    put_end(1, UINT64_MAX);
    check(2, false, "verify: session 1: a batch of number 18446744073709551615 is none\n");
    put_open(2, (LAST_EPOCH + 1) * STEPS + 1);
    put_end(1, 1);
    check(2, false, "verify: session 2: a batch of number 90194313217 is none\n");
    end_ledger();
}
END_TEST

/* Jansson's integers end before; it printed -1. */
START_TEST(json__numbers_above_2_63__unsigned)
{
    static const uint64_t seeds[] = {UINT64_C(1) << 63, UINT64_MAX, INT64_MAX, 0};
    for (uint32_t i = 0; i < 4; i++) {
        spec.seed = seeds[i];
        put_open(i + 1, 0);
        put_run(i + 1, 0, 1);
        put_end(i + 1, 1);
        put(&(struct ledger_record){.type = LEDGER_GAP,
                                    .gap = {.sessions = 1, .batches = UINT64_MAX - 1}});
    }
    end_ledger();
    check(0, true, "\"lost_batches\":18446744073709551615,");
    ck_assert_ptr_nonnull(strstr(said, "\"seed\":9223372036854775808,"));
    ck_assert_ptr_nonnull(strstr(said, "\"seed\":18446744073709551615,"));
    ck_assert_ptr_nonnull(strstr(said, "\"seed\":9223372036854775807,"));
    ck_assert_ptr_nonnull(strstr(said, "\"seed\":0,"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *tc = tcase_create("forged");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_add_test(tc, world__more_ranks_than_there_can_be__damage);
    tcase_add_test(tc, world__of_many_ranks_that_never_came__some_named_and_all_counted);
    tcase_add_test(tc, epochs__to_the_last__those_without_anything_told_as_one);
    tcase_add_test(tc, epochs__by_a_token_alone__told_as_one);
    tcase_add_test(tc, epochs__a_few_without_anything__each_with_its_samples);
    tcase_add_test(tc, epochs__many_alike__the_same_sums);
    tcase_add_test(tc, session__ends_or_begins_behind_all_epochs__refused);
    tcase_add_test(tc, json__numbers_above_2_63__unsigned);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
