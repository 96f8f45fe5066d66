/* SPDX-License-Identifier: MIT */
/* Programs of other headers than the library's: an older one as it was built, and structs of every
 * size on a real stream. */
#include "e2e/harness.h"

#include "e2e/first/layout.h"
#include "e2e/program.h"
#include "pixels/guarded.h"

#include <stddef.h>

static struct daemon d;
static struct images all;

static void setup(void)
{
    support_setup();
    images_make(&all, 101, 6, 4, 1);
    serve_tiny(&d, "");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* What the program of the first header says with these arguments. */
static void run_first(struct said *s, const char *arguments)
{
    char words[1024];
    const char *build = getenv("BUILD");
    snprintf(words, sizeof words, "%s/tests/e2e/first/reader %s", build ? build : "build",
             arguments);
    run_words(s, words);
    ck_assert_msg(s->status == 0, "status %d: %s", s->status, s->text);
}

/* Line by line: the first one that differs is told. */
static void must_be_equal(const char *seen, const char *want)
{
    while (*seen || *want) {
        int n = (int)strcspn(seen, "\n"), m = (int)strcspn(want, "\n");
        ck_assert_msg(n == m && !strncmp(seen, want, (size_t)n), "\"%.*s\", want \"%.*s\"", n, seen,
                      m, want);
        seen += n + (seen[n] == '\n');
        want += m + (want[m] == '\n');
    }
}

static const char *const transports[] = {[FMNIST_SHM] = "shm", [FMNIST_INLINE] = "inline"};

/* Two epochs as the program of the first header reads them. */
static void say_epochs(FILE *out, uint32_t transport)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    spec.batch_size = 8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 5;
    spec.transport = transport;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_stream_info info = info_of(stream);
    fprintf(out, "stream of 101 in 13: 1x6x4, dtype %d\n", FMNIST_FLOAT32);
    for (int epoch = 0; epoch < 2;) {
        struct fmnist_batch b;
        if (fmnist_next(stream, &b) == FMNIST_OK) {
            say_batch(out, &info, &b);
            must(fmnist_release(stream, &b));
        } else {
            epoch++;
        }
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
}

/* What was compiled years ago goes on, without being compiled again, and reads the same bytes. */
START_TEST(first_program__either_transport__goes_on)
{
    uint32_t transport = (uint32_t)_i;
    char arguments[600], *want;
    size_t size;
    snprintf(arguments, sizeof arguments, "%s %s", d.socket, transports[transport]);
    run_first(&said, arguments);
    FILE *out = open_memstream(&want, &size);
    fputs("library " FMNIST_VERSION "\n"
          "dataset tiny train: 101 of 6x4x1, nine\n"
          "reload: nothing changed\n",
          out);
    /* From the other transport than the program's: it makes the same batches of it. */
    say_epochs(out, transport == FMNIST_SHM ? FMNIST_INLINE : FMNIST_SHM);
    fclose(out);
    must_be_equal(said.text, want);
    free(want);
}
END_TEST

/* A field that moved, or a number that changed, shows here also where no program would notice. */
START_TEST(first_header__fields_and_numbers__where_they_were)
{
    char *now;
    size_t size;
    FILE *out = open_memstream(&now, &size);
    say_layout(out);
    fclose(out);
    run_first(&said, "layout");
    must_be_equal(said.text, now);
    free(now);
}
END_TEST

/* ---- sizes on a stream ----------------------------------------------------------------------- */

/* Bytes of a struct that ended with this field in the first header. */
#define UP_TO(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/* A struct of that size against an unmapped page. */
static void *sized(struct guarded *g, size_t size)
{
    *g = guarded_new(size, GUARD_BEHIND);
    memset(g->data, 0, size);
    memcpy(g->data, &size, sizeof size);
    return g->data;
}

/* Behind an older program's struct lies its stack; behind ours in a later one's, what it may read.
 */
START_TEST(stream_info__every_size__what_fits_and_zeros)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_stream_info whole = info_of(stream);
    for (size_t size = sizeof size; size < sizeof whole + 128; size += sizeof size) {
        struct guarded g;
        struct fmnist_stream_info *info = sized(&g, size);
        memset(g.data + sizeof size, 0xa5, size - sizeof size);
        bool known = size >= UP_TO(struct fmnist_stream_info, digest);
        ck_assert_int_eq(fmnist_stream_info(stream, info), known ? FMNIST_OK : FMNIST_EINVAL);
        ck_assert_uint_eq(info->size, size);
        if (known) {
            ck_assert_uint_eq(info->steps, whole.steps);
            ck_assert_mem_eq(info->digest, whole.digest, sizeof whole.digest);
        }
        for (size_t i = known ? sizeof whole : sizeof size; i < size; i++)
            ck_assert_uint_eq(g.data[i], known ? 0 : 0xa5);
        guarded_free(&g);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
}
END_TEST

/* A refused struct must not cost a batch. */
START_TEST(next_into__every_size__read_or_refused_and_nothing_lost)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    spec.batch_size = 1;
    struct fmnist_stream *stream = open_stream(client, &spec);
    uint64_t step = 0;
    for (size_t size = sizeof size; size < sizeof(struct fmnist_into) + 128; size += sizeof size) {
        struct guarded g;
        struct fmnist_into *into = sized(&g, size);
        struct fmnist_batch b;
        int64_t index = -1;
        bool known = size >= UP_TO(struct fmnist_into, indices_bytes);
        if (known) {
            into->indices = &index;
            into->indices_bytes = sizeof index;
        }
        ck_assert_int_eq(fmnist_next_into(stream, into, &b), known ? FMNIST_OK : FMNIST_EINVAL);
        if (known) {
            ck_assert_uint_eq(b.step, step++);
            ck_assert_int_eq(index, (int64_t)b.step);
        }
        if (size > sizeof *into) {
            g.data[size - 1] = 1;
            ck_assert_int_eq(fmnist_next_into(stream, into, &b), FMNIST_EINVAL);
            ck_assert_msg(strstr(fmnist_error(), "into.size"), "%s", fmnist_error());
        }
        guarded_free(&g);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
}
END_TEST

/* A later program that leaves its new fields at their defaults is served as any other. */
START_TEST(open__spec_of_a_later_header__by_what_it_asks)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream;
    for (size_t more = 0; more <= 128; more += sizeof more) {
        struct guarded g;
        size_t size = sizeof(struct fmnist_spec) + more;
        struct fmnist_spec *spec = sized(&g, size);
        fmnist_spec_init_sized(spec, size);
        spec->dataset = "tiny";
        must(fmnist_open(client, spec, NULL, &stream));
        fmnist_close(stream);
        if (more) {
            g.data[size - sizeof more] = 1;
            ck_assert_int_eq(fmnist_open(client, spec, NULL, &stream), FMNIST_EINVAL);
            ck_assert_msg(strstr(fmnist_error(), "spec.size"), "%s", fmnist_error());
        }
        guarded_free(&g);
    }
    fmnist_disconnect(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("versions");
    TCase *tc = tcase_create("versions");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, first_program__either_transport__goes_on, FMNIST_SHM,
                        FMNIST_INLINE + 1);
    tcase_add_test(tc, first_header__fields_and_numbers__where_they_were);
    tcase_add_test(tc, stream_info__every_size__what_fits_and_zeros);
    tcase_add_test(tc, next_into__every_size__read_or_refused_and_nothing_lost);
    tcase_add_test(tc, open__spec_of_a_later_header__by_what_it_asks);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
