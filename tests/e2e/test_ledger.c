/* SPDX-License-Identifier: MIT */
/* The delivery ledger of real clients, read by fmnistctl verify: what is complete, and what was
 * missed or repeated, by name. */
#include "e2e/ledger.h"

#include <sys/stat.h>

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

/* The same for programs, with all the samples. */
START_TEST(verify__json__the_same_in_numbers)
{
    struct fmnist_spec spec = make_spec(FMNIST_SHM);
    struct fmnist_token behind = token_at(&spec, 0, 11);
    run_session(&spec, NULL, 10);
    run_session(&spec, &behind, STEPS - 11);
    daemon_stop(&d);
    run_ctl(&said, "verify --json %s", support_path("ledger"));
    ck_assert_int_eq(said.status, 1);
    json_t *all_of_it = said_json(said.status), *samples;
    json_int_t missed, repeated, uid, due, got, first, last;
    const char *what;
    int complete;
    ck_assert_int_eq(json_unpack(all_of_it,
                                 "{s:b, s:I, s:I, s:[{s:I, s:[{s:I, s:I, s:[{s:s, s:I, s:I, s:o}]}]"
                                 "}]}",
                                 "complete", &complete, "missed", &missed, "repeated", &repeated,
                                 "runs", "uid", &uid, "epochs", "samples", &due, "acknowledged",
                                 &got, "finds", "what", &what, "first_step", &first, "last_step",
                                 &last, "samples", &samples),
                     0);
    ck_assert(!complete && missed == BATCH && repeated == 0 && uid == getuid());
    ck_assert(due == COUNT && got == COUNT - BATCH && first == 10 && last == 10);
    ck_assert_str_eq(what, "missed");
    ck_assert_uint_eq(json_array_size(samples), BATCH);
    json_decref(all_of_it);
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
    tcase_add_test(tc, verify__json__the_same_in_numbers);
    tcase_add_test(tc, verify__client_that_resumes_from_an_old_token__repeats_by_name);
    tcase_add_test(tc, verify__inline_skips_and_repeats__by_name);
    tcase_add_test(tc, verify__rank_that_lacks__its_steps_by_name);
    tcase_add_test(tc, verify__ends_before_what_was_asked_for__missed);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
