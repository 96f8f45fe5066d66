/* SPDX-License-Identifier: MIT */
/* The daemon's end while workers have jobs, and others wait for one. */
#include "faults/faults.h"
#include "faults/other_user.h"

enum { IMAGES = 250, SIDE = 256, OPENERS = 4, NAP_MS = 40 };

static struct daemon d;
static struct images all;

static void setup(void)
{
    support_setup();
    images_make(&all, IMAGES, 4, 4, 1);
    serve_tiny(&d, "workers: 1\n");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* Opens rings of 32 MB and closes them, until there is no daemon. */
static int open_and_close(const struct daemon *daemon, int to)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = daemon->socket};
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream;
    struct fmnist_client *client;
    spec.batch_size = IMAGES;
    spec.resize = FMNIST_RESIZE_PILLOW_BILINEAR;
    spec.height = spec.width = SIDE;
    if (fmnist_connect(&o, &client) || write(to, "", 1) != 1)
        return 1;
    for (spec.seed = (uint64_t)getpid() << 32; !fmnist_open(client, &spec, NULL, &stream);
         spec.seed++)
        fmnist_close(stream);
    return 0;
}

/* What had been asked for is given back by nobody but the end. */
START_TEST(sigterm__rings_are_made_and_opens_wait__in_order)
{
    unsigned times = fault_times(8, 1000);
    for (unsigned i = 0; i < times; i++) {
        struct other openers[OPENERS];
        char told;
        for (int k = 0; k < OPENERS; k++)
            other_start(&openers[k], geteuid(), &d, open_and_close);
        for (int k = 0; k < OPENERS; k++)
            other_tells(&openers[k], &told, 1);
        nanosleep(&(struct timespec){.tv_nsec = (1 + i % NAP_MS) * 1000000L}, NULL);
        daemon_stop(&d);
        for (int k = 0; k < OPENERS; k++)
            other_kill(&openers[k]);
        daemon_restart(&d);
    }
    fault_held("SIGTERM while rings of 32 MB are made and more opens wait", times,
               "an orderly end each time");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("the end");
    TCase *tc = tcase_create("the end");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 36000);
    tcase_add_test(tc, sigterm__rings_are_made_and_opens_wait__in_order);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
