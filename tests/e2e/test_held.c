/* SPDX-License-Identifier: MIT */
/* Batches that are held, and handles that a fork copied. */
#include "e2e/harness.h"

#include <sys/wait.h>

static struct daemon d;
static struct images all;
static struct fmnist_client *client;

static void setup(void)
{
    support_setup();
    images_make(&all, 500, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 128KiB\n");
    client = connect_within(&d, 2000); /* a batch that never comes fails soon */
}

static void setup_auto(void)
{
    support_setup();
    images_make(&all, 500, 28, 28, 1);
    serve_tiny(&d, "workers: 2\n");
    client = connect_within(&d, 2000);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static struct fmnist_spec small_spec(uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.batch_size = 8;
    spec.transport = transport;
    return spec;
}

static int next_in_any_epoch(struct fmnist_stream *stream, struct fmnist_batch *b)
{
    int rc = fmnist_next(stream, b);
    return rc == FMNIST_END_OF_EPOCH ? fmnist_next(stream, b) : rc;
}

/* Each round: every slot is held, one more is refused, all are given back. */
static void hold_every_slot(struct fmnist_stream *stream, int rounds)
{
    uint32_t slots = info_of(stream).slot_count;
    ck_assert_uint_ge(slots, 2);
    struct fmnist_batch *held = calloc(slots, sizeof *held), b;
    for (int round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < slots; i++)
            must(next_in_any_epoch(stream, &held[i]));
        int rc = fmnist_next(stream, &b);
        if (rc != FMNIST_END_OF_EPOCH)
            must_be(rc, FMNIST_EBUSY, "next", __FILE__, __LINE__);
        for (uint32_t i = 0; i < slots; i++)
            check_bytes(&all, &held[i]);
        /* newest first, every other one first, oldest first */
        for (uint32_t i = 0; i < slots; i++) {
            uint32_t at = round % 3 == 0   ? slots - 1 - i
                          : round % 3 == 1 ? (2 * i < slots ? 2 * i : 2 * (i - (slots + 1) / 2) + 1)
                                           : i;
            must(fmnist_release(stream, &held[at]));
        }
    }
    free(held);
}

/* The ring's last slot can be held; one more is refused and costs nothing. */
START_TEST(held__every_slot__then_busy_then_on)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    hold_every_slot(stream, 20);
    fmnist_close(stream);
}
END_TEST

/* A ring that fits the cache goes round fewer slots once there is another; a client may hold all of
 * them as before. */
START_TEST(held__every_slot_beside_another_stream__as_alone)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM);
    struct fmnist_stream *first = open_stream(client, &spec);
    spec.seed++;
    struct fmnist_stream *second = open_stream(client, &spec);
    ck_assert_uint_lt(info_of(second).slot_count, info_of(first).slot_count);
    hold_every_slot(first, 2);
    hold_every_slot(second, 2);
    fmnist_close(second);
    hold_every_slot(first, 2);
    fmnist_close(first);
}
END_TEST

/* A window of held batches slides along, as where a device still copies from the older ones: any
 * width that leaves a slot free has to go on for ever. */
START_TEST(held__sliding_window_of_any_width__goes_on)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    uint32_t slots = info_of(stream).slot_count;
    fmnist_close(stream);
    struct fmnist_batch *held = calloc(slots, sizeof *held);
    for (uint32_t width = 1; width < slots; width++) {
        stream = open_stream(client, &spec);
        for (uint32_t i = 0; i < 4 * slots; i++) {
            if (i >= width)
                must(fmnist_release(stream, &held[i % width]));
            int rc = next_in_any_epoch(stream, &held[i % width]);
            if (rc)
                ck_abort_msg("%u of %u slots held, batch %u: %d, %s", width - 1, slots, i, rc,
                             fmnist_error());
            check_bytes(&all, &held[i % width]);
        }
        fmnist_close(stream);
    }
    free(held);
}
END_TEST

/* A view is the holder's: the daemon writes around it for many rounds of the ring. */
START_TEST(held__one_view_while_others_pass__unchanged)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    uint32_t slots = info_of(stream).slot_count;
    struct fmnist_batch kept, b;
    for (int round = 0; round < 10; round++) {
        must(next_in_any_epoch(stream, &kept));
        uint8_t *copy = malloc(kept.count * 784);
        memcpy(copy, kept.images, kept.count * 784);
        for (uint32_t i = 1; i < slots; i++) {
            must(next_in_any_epoch(stream, &b));
            must(fmnist_release(stream, &b));
        }
        ck_assert_mem_eq(copy, kept.images, kept.count * 784);
        check_bytes(&all, &kept);
        must(fmnist_release(stream, &kept));
        free(copy);
    }
    fmnist_close(stream);
}
END_TEST

/* A second release of the same batch must not free the slot of a later one. */
START_TEST(held__released_twice_or_never_held__refused)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch first, b;
    must(fmnist_next(stream, &first));
    must(fmnist_next(stream, &b));
    must(fmnist_release(stream, &first));
    ck_assert_int_eq(fmnist_release(stream, &first), FMNIST_EINVAL);
    struct fmnist_batch wild = b;
    wild.slot = 1u << 30;
    ck_assert_int_eq(fmnist_release(stream, &wild), FMNIST_EINVAL);
    wild.slot = b.slot + info_of(stream).slot_count;
    ck_assert_int_eq(fmnist_release(stream, &wild), FMNIST_EINVAL);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
}
END_TEST

/* In the child of a fork: which calls do not answer FMNIST_EFORK. */
static int calls_that_answer(struct fmnist_stream *stream, const struct fmnist_batch *held,
                             const struct fmnist_spec *spec)
{
    struct fmnist_batch b;
    struct fmnist_token token;
    struct fmnist_datasets *sets;
    struct fmnist_stream *more;
    struct fmnist_into into = {.size = sizeof into};
    char *text;
    int wrong = 0;
    wrong |= (fmnist_next(stream, &b) != FMNIST_EFORK) << 0;
    wrong |= (fmnist_next_into(stream, &into, &b) != FMNIST_EFORK) << 1;
    wrong |= (fmnist_release(stream, held) != FMNIST_EFORK) << 2;
    wrong |= (fmnist_stream_token(stream, &token) != FMNIST_EFORK) << 3;
    wrong |= (fmnist_status(client, &text) != FMNIST_EFORK) << 4;
    wrong |= (fmnist_datasets(client, &sets) != FMNIST_EFORK) << 5;
    wrong |= (fmnist_open(client, spec, NULL, &more) != FMNIST_EFORK) << 6;
    return wrong;
}

/* A forked DataLoader worker that inherits a stream cannot take the parent's batches. */
START_TEST(fork__child_uses_and_closes__parent_goes_on)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch held, b;
    must(fmnist_next(stream, &held));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int wrong = calls_that_answer(stream, &held, &spec);
        fmnist_close(stream);
        fmnist_disconnect(client);
        _exit(wrong);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "calls %#x of the child answered",
                  (unsigned)WEXITSTATUS(status));
    check_bytes(&all, &held);
    must(fmnist_release(stream, &held));
    for (uint64_t step = 1; step < 60; step++) {
        must(fmnist_next(stream, &b));
        ck_assert_uint_eq(b.step, step);
        check_bytes(&all, &b);
        must(fmnist_release(stream, &b));
    }
    ck_assert_uint_eq(counts_of(client).clients, 2);
    fmnist_close(stream);
}
END_TEST

/* A closed stream that a child still has open is closed for the daemon too. */
START_TEST(fork__parent_closes__the_daemon_sees_it)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(ends[1]);
        _exit(read(ends[0], &c, 1) != 0); /* until the parent closes its end */
    }
    close(ends[0]);
    fmnist_close(stream);
    wait_for_clients(client, 1);
    close(ends[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("held");
    TCase *tc = tcase_create("held");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, held__every_slot__then_busy_then_on, 0, 2);
    tcase_add_loop_test(tc, held__sliding_window_of_any_width__goes_on, 0, 2);
    tcase_add_loop_test(tc, held__one_view_while_others_pass__unchanged, 0, 2);
    tcase_add_test(tc, held__released_twice_or_never_held__refused);
    tcase_add_loop_test(tc, fork__child_uses_and_closes__parent_goes_on, 0, 2);
    tcase_add_test(tc, fork__parent_closes__the_daemon_sees_it);
    TCase *beside = tcase_create("beside others");
    suite_add_tcase(suite, beside);
    tcase_add_checked_fixture(beside, setup_auto, teardown);
    tcase_set_timeout(beside, 120);
    tcase_add_test(beside, held__every_slot_beside_another_stream__as_alone);
    return support_run(suite);
}
