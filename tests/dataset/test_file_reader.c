/* Reading with requests in flight, and without io_uring.
 *
 * io_uring_queue_init is this program's own, so that a test can refuse it. The process remembers a
 * refusal, hence one error a test: Check runs each test in a process of its own. */
#include "dataset/file_reader.h"

#include "dataset/opener.h"

#include <fcntl.h>
#include <unistd.h>

static int refusal, ring_calls;

int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
    ring_calls++;
    if (refusal)
        return -refusal;
    struct io_uring_params p = {.flags = flags};
    return io_uring_queue_init_params(entries, ring, &p);
}

/* A file of `size` bytes, each different from its neighbours and from those a chunk away. */
static uint8_t *put_numbers(size_t size)
{
    uint8_t *data = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 + i / 251 + i / FILE_READER_CHUNK_BYTES * 17);
    support_write(support_path("numbers"), data, size);
    return data;
}

static void read_and_compare(const uint8_t *data, size_t size, bool uring)
{
    int fd = open(support_path("numbers"), O_RDONLY | O_CLOEXEC);
    struct file_reader r;
    struct err e;
    size_t at = 0, n;
    const uint8_t *bytes;
    ck_assert_int_ge(file_reader_open(&r, fd, size, uring, &e), 0);
    do {
        ck_assert_int_eq(file_reader_next(&r, &bytes, &n, &e), 0);
        ck_assert_uint_le(at + n, size);
        if (n)
            ck_assert_mem_eq(bytes, data + at, n);
        at += n;
    } while (n);
    ck_assert_uint_eq(at, size);
    file_reader_close(&r);
    close(fd);
}

/* Sizes around a chunk and around all slots, through either way. */
START_TEST(file_reader_next__sizes_around_chunks__every_byte_in_order)
{
    const size_t c = FILE_READER_CHUNK_BYTES;
    const size_t sizes[] = {0, 1, c - 1, c, c + 1, 8 * c - 1, 8 * c, 8 * c + 1, 17 * c + 5};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *data = put_numbers(sizes[i]);
        read_and_compare(data, sizes[i], true);
        read_and_compare(data, sizes[i], false);
        free(data);
    }
}
END_TEST

/* The kernel must be done with the buffers before they are freed. */
START_TEST(file_reader_close__reads_in_flight__waits_for_them)
{
    free(put_numbers(9 * FILE_READER_CHUNK_BYTES));
    int fd = open(support_path("numbers"), O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 50; i++) {
        struct file_reader r;
        struct err e;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        ck_assert_int_ge(file_reader_open(&r, fd, 9 * FILE_READER_CHUNK_BYTES, true, &e), 0);
        file_reader_close(&r);
    }
    close(fd);
}
END_TEST

/* A file that shrinks must be an error, not a short or repeated piece. */
START_TEST(file_reader_next__file_becomes_shorter__einval)
{
    for (int uring = 0; uring < 2; uring++) {
        free(put_numbers(20 * FILE_READER_CHUNK_BYTES));
        int fd = open(support_path("numbers"), O_RDWR | O_CLOEXEC);
        struct file_reader r;
        struct err e;
        const uint8_t *bytes;
        size_t n;
        ck_assert_int_ge(file_reader_open(&r, fd, 20 * FILE_READER_CHUNK_BYTES, uring, &e), 0);
        ck_assert_int_eq(ftruncate(fd, 10 * FILE_READER_CHUNK_BYTES + 7), 0);
        int rc, pieces = 0;
        while ((rc = file_reader_next(&r, &bytes, &n, &e)) == 0 && n)
            pieces++;
        ck_assert_int_eq(rc, -EINVAL);
        ck_assert_int_le(pieces, 10 + FILE_READER_DEPTH);
        ck_assert_text(e.text, "shorter");
        file_reader_close(&r);
        close(fd);
    }
}
END_TEST

/* Containers (EPERM), old kernels (ENOSYS) and small limits (ENOMEM): the same bytes, one note. */
START_TEST(dataset_open__io_uring_refused__same_bytes_and_one_note)
{
    static const int codes[] = {EPERM, ENOSYS, ENOMEM};
    put_gzip("train-images", idx_images(5000, 20, 20));
    put_file("train-labels", idx_labels(5000));
    struct dataset_source source = mine();
    struct dataset *with, *without;
    struct err e;
    ck_assert_int_eq(open_noted(&source, NULL, true, &with, &e), 0);
    refusal = codes[_i];
    ring_calls = 0;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(open_noted(&source, NULL, true, &without, &e), 0);
        ck_assert(!strstr(notes, "io_uring") == (i == 1));
        if (i == 0)
            ck_assert_text(notes, strerror(refusal));
        ck_assert_mem_eq(with->splits[0].digest, without->splits[0].digest, 16);
        ck_assert_mem_eq(with->splits[0].images, without->splits[0].images, 5000 * 400);
        dataset_close(without);
    }
    ck_assert_int_eq(ring_calls, 1); /* once refused, not asked again */
    dataset_close(with);
}
END_TEST

/* Told not to, it must not even try: the try itself is what some seccomp filters kill for. */
START_TEST(dataset_open__use_uring_false__never_asked)
{
    put_file("train-images", idx_images(5, 20, 20));
    put_file("train-labels", idx_labels(5));
    struct dataset_source source = mine();
    struct dataset *d;
    struct err e;
    ring_calls = 0;
    ck_assert_int_eq(open_noted(&source, NULL, false, &d, &e), 0);
    ck_assert_int_eq(ring_calls, 0);
    dataset_close(d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/reader");
    TCase *tc = tcase_create("reader");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, file_reader_next__sizes_around_chunks__every_byte_in_order);
    tcase_add_test(tc, file_reader_close__reads_in_flight__waits_for_them);
    tcase_add_test(tc, file_reader_next__file_becomes_shorter__einval);
    tcase_add_loop_test(tc, dataset_open__io_uring_refused__same_bytes_and_one_note, 0, 3);
    tcase_add_test(tc, dataset_open__use_uring_false__never_asked);
    suite_add_tcase(s, tc);
    return support_run(s);
}
