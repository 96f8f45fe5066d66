/* Data that is not what its name or its config says: what the daemon does, and says about it. */
#include "e2e/harness.h"

static struct daemon d;
static struct images all;

static void setup(void)
{
    support_setup();
    images_make(&all, 12, 5, 4, 1);
}

static void teardown(void)
{
    images_free(&all);
    support_teardown();
}

/* How often the log says it. */
static unsigned count_in_log(const char *words)
{
    unsigned n = 0;
    for (const char *at = d.log; (at = strstr(at, words)); at++)
        n++;
    return n;
}

/* A daemon that is expected not to serve this; returns its exit status. */
static int run_with(const char *datasets)
{
    const char *config = support_path("refused.yaml");
    char text[1024];
    snprintf(text, sizeof text, "socket: fmnistd.sock\ncache: none\ndatasets:\n%s", datasets);
    support_write(config, text, strlen(text));
    return daemon_run(&d, config);
}

#define MUST_LOG(words) ck_assert_msg(strstr(d.log, (words)), "the log has no \"%s\":\n%s", words, d.log)

/* Tests, subsets and synthetic sets use known names: they are served, and it is said once. */
START_TEST(known_name__content_never_published__served_with_one_warning)
{
    daemon_start(&d, "cache: none\ndatasets:\n  - {name: mnist, path: .}\n");
    ck_assert_uint_eq(count_in_log(" warning: "), 1);
    MUST_LOG(" warning: dataset \"mnist\": train is not the published data; served as it is");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("mnist");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch batch;
    must(fmnist_next(stream, &batch));
    ck_assert_uint_eq(batch.count, 12);
    check_bytes(&all, &batch);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
}
END_TEST

START_TEST(known_name__content_of_another_known_set__refused_with_its_name)
{
    static const char real[] = "/usr/share/datasets/fashion-mnist";
    if (access(real, R_OK) < 0) {
        fprintf(stderr, "skipped: %s is not there (Debian's dataset-fashion-mnist)\n", real);
        return;
    }
    ck_assert_int_eq(run_with("  - {name: mnist, path: /usr/share/datasets/fashion-mnist}\n"), 1);
    MUST_LOG("holds the published train split of \"fashion-mnist\", not of \"mnist\": name it "
             "\"fashion-mnist\", or set the path to the folder of \"mnist\"");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *tc = tcase_create("data");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, known_name__content_never_published__served_with_one_warning);
    tcase_add_test(tc, known_name__content_of_another_known_set__refused_with_its_name);
    return support_run(suite);
}
