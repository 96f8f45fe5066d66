/* fmnistctl top as plain text, of a real daemon with one stream that nobody reads. */
#include "e2e/harness.h"

static char page[8192];

static void run_top(const struct daemon *d)
{
    const char *build = getenv("BUILD");
    char command[2048];
    snprintf(command, sizeof command, "%s/fmnistctl --socket %s top --once",
             build ? build : "build", d->socket);
    FILE *f = popen(command, "re");
    ck_assert_ptr_nonnull(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    ck_assert_int_eq(pclose(f), 0);
}

/* An idle stream must be named as idle, with its ring full, and not as a bottleneck. */
START_TEST(top__nobody_reads__says_so_and_ends_after_a_page)
{
    struct images images;
    struct daemon d;
    images_make(&images, 200, 28, 28, 1);
    serve_tiny(&d, "workers: 1\nring: 512KiB\n"); /* two slots: it becomes quite full */
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream = open_stream(client, &spec);
    ck_assert(daemon_wait_until(rings_are_full, client));
    run_top(&d);
    ck_assert_msg(strstr(page, "1 workers 0.0 % busy"), "%s", page);
    ck_assert_msg(strstr(page, "tiny") && strstr(page, "nobody takes batches"), "%s", page);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&images);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("top");
    TCase *tc = tcase_create("top");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, top__nobody_reads__says_so_and_ends_after_a_page);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
