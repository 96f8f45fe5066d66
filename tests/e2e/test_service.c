/* What a service manager and its journal have of a daemon. */
#include "e2e/harness.h"
#include "faults/started.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct images images;
static struct daemon d;

/* What libc keeps of a changed environment is no leak of a test. */
static void setup(void)
{
    setenv("JOURNAL_STREAM", "", 1);
    unsetenv("JOURNAL_STREAM");
    support_setup();
    memset(&d, 0, sizeof d);
    images_make(&images, 100, 8, 8, 1);
}

static void teardown(void)
{
    images_free(&images);
    unsetenv("JOURNAL_STREAM");
    support_teardown();
}

static void refused(struct fmnist_client *client, const struct fmnist_spec *spec, int want)
{
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, spec, NULL, &stream), want, "open", __FILE__, __LINE__);
}

/* `journalctl -p warning` is what an administrator looks at: limits, and no client's mistakes. */
START_TEST(log__client_refused__limits_are_warnings_and_mistakes_are_not)
{
    serve_tiny(&d, "ring: 64KiB\nlimits: {ring_bytes: 64KiB}\n");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec large = spec_of("tiny"), wrong = spec_of("mars");
    large.height = large.width = 64;
    refused(client, &large, FMNIST_ELIMIT);
    refused(client, &wrong, FMNIST_ENOENT);
    fmnist_disconnect(client);
    daemon_stop(&d);
    const char *limit = strstr(d.log, "limits.ring_bytes allows");
    const char *mistake = strstr(d.log, "no dataset \"mars\"");
    const char *warning = strstr(d.log, " warning: client "),
               *info = strstr(d.log, " info: client ");
    ck_assert_msg(limit && mistake && warning && info, "%s", d.log);
    ck_assert_msg(warning < limit && limit < info && info < mistake, "%s", d.log);
    ck_assert_msg(!strstr(limit, " warning: "), "%s", d.log);
}
END_TEST

/* What is said before there is a log was told to the journal as any service's chatter. */
START_TEST(log__config_is_wrong__the_journal_has_an_error)
{
    static char stream[64]; /* setenv(3) would keep a copy for ever */
    const char *config = support_path("wrong.yaml"), *journal = support_path("journal");
    struct stat st;
    char want[256], *said;
    support_write(config, "datasets: 5\n", 12);
    int fd = open(journal, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert(fd >= 0 && fstat(fd, &st) == 0);
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        snprintf(stream, sizeof stream, "JOURNAL_STREAM=%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino + (unsigned)by_hand);
        putenv(stream);
        ck_assert(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        int status = end_of(start_daemon(config, fd));
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 78, "%#x", (unsigned)status);
        said = support_read(journal, NULL);
        snprintf(want, sizeof want, "%s%s:1: datasets is", by_hand ? "fmnistd: " : "<3>", config);
        ck_assert_msg(strncmp(said, want, strlen(want)) == 0, "\"%s\", want \"%s\"", said, want);
        free(said);
    }
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("service");
    TCase *tc = tcase_create("service");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, log__client_refused__limits_are_warnings_and_mistakes_are_not);
    tcase_add_test(tc, log__config_is_wrong__the_journal_has_an_error);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
