/* SPDX-License-Identifier: MIT */
/* Reading with requests in flight, and without io_uring.
 *
 * io_uring_queue_init and what submits are this program's own, so that a test can refuse them. The
 * process remembers a refusal, hence one error a test: Check runs each test in a process of its
 * own. */
#include "dataset/file_reader.h"

#include "dataset/opener.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
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

/* Calls of io_uring_enter fail from one on, so many of them. */
static struct {
    int code;
    unsigned from, times, calls;
} enter;

static int enter_fails(void)
{
    unsigned call = enter.calls++;
    return call >= enter.from && call - enter.from < enter.times ? -enter.code : 0;
}

int io_uring_submit(struct io_uring *ring)
{
    int (*real)(struct io_uring *) = dlsym(RTLD_NEXT, "io_uring_submit");
    int rc = enter_fails();
    return rc ? rc : real(ring);
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
    int (*real)(struct io_uring *, unsigned) = dlsym(RTLD_NEXT, "io_uring_submit_and_wait");
    int rc = enter_fails();
    return rc ? rc : real(ring, count);
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

/* Returns how often the reader said that it goes on without io_uring. */
static unsigned read_and_compare(const uint8_t *data, size_t size, bool uring)
{
    unsigned said = 0;
    int fd = open(support_path("numbers"), O_RDONLY | O_CLOEXEC);
    struct file_reader r;
    struct err e;
    size_t at = 0, n;
    const uint8_t *bytes;
    ck_assert_int_ge(file_reader_open(&r, fd, size, uring, &e), 0);
    do {
        int rc = file_reader_next(&r, &bytes, &n, &e);
        ck_assert_int_ge(rc, 0);
        said += rc == FILE_READER_NO_URING;
        ck_assert_uint_le(at + n, size);
        if (n)
            ck_assert_mem_eq(bytes, data + at, n);
        at += n;
    } while (n);
    ck_assert_uint_eq(at, size);
    file_reader_close(&r);
    close(fd);
    return said;
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

enum { ENTER_BYTES = 12 * FILE_READER_CHUNK_BYTES + 77, ENTER_CALLS = 6 };

/* The kernel takes io_uring away in mid-file (a seccomp filter, a limit, a closed descriptor), or
 * never recovers from being short of something: the same bytes, said once, whatever was under way.
 */
START_TEST(file_reader_next__enter_fails_for_good__same_bytes_and_said_once)
{
    static const int codes[] = {EPERM, ENOMEM, EBADF, EIO, EAGAIN, EBUSY, EINTR, ENXIO};
    uint8_t *data = put_numbers(ENTER_BYTES);
    enter.code = codes[_i / ENTER_CALLS];
    enter.from = (unsigned)(_i % ENTER_CALLS);
    enter.times = UINT32_MAX;
    ck_assert_uint_eq(read_and_compare(data, ENTER_BYTES, true), 1);
    unsigned calls = enter.calls;
    ck_assert_uint_eq(read_and_compare(data, ENTER_BYTES, true), 0);
    ck_assert_uint_eq(enter.calls, calls); /* it is not asked again */
    free(data);
}
END_TEST

/* What passes is waited for, and io_uring goes on. */
START_TEST(file_reader_next__enter_fails_a_while__goes_on_with_io_uring)
{
    static const int codes[] = {EAGAIN, EBUSY, EINTR};
    uint8_t *data = put_numbers(ENTER_BYTES);
    enter.code = codes[_i / ENTER_CALLS];
    enter.from = (unsigned)(_i % ENTER_CALLS);
    enter.times = 10;
    ck_assert_uint_eq(read_and_compare(data, ENTER_BYTES, true), 0);
    unsigned calls = enter.calls;
    ck_assert_uint_eq(read_and_compare(data, ENTER_BYTES, true), 0);
    ck_assert_uint_gt(enter.calls, calls);
    free(data);
}
END_TEST

/* Reads a pipe that never has anything, through io_uring and, as that fails, in vain. Returns 0
 * where the buffers that the kernel has are not freed: they take what comes later. */
static int read_what_never_comes(void)
{
    int ends[2];
    struct file_reader r;
    struct err e;
    const uint8_t *bytes;
    size_t n;
    if (pipe(ends) || file_reader_open(&r, ends[0], 1000, true, &e) < 0 || !r.uring)
        return 1;
    uint8_t *buffer = r.buffers;
    memset(buffer, 7, 1000);
    enter = (typeof(enter)){.code = EPERM, .times = UINT32_MAX};
    if (file_reader_next(&r, &bytes, &n, &e) != -ESPIPE)
        return 2;
    file_reader_close(&r);
    for (int i = 0; i < 100; i++)
        free(malloc(FILE_READER_CHUNK_BYTES));
    for (int i = 0; i < 1000; i++)
        if (buffer[i] != 7)
            return 3;
    return 0;
}

/* A read that does not end keeps its memory. */
START_TEST(file_reader_close__reads_that_never_end__their_buffers_stay)
{
    int status;
    pid_t pid = fork(); /* what is kept is a leak */
    if (pid == 0)
        _exit(read_what_never_comes());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* One line in the log, whatever the number of files. */
START_TEST(dataset_open__io_uring_fails_in_mid_file__same_bytes_and_one_note)
{
    put_file("train-images", idx_images(5000, 20, 20));
    put_file("train-labels", idx_labels(5000));
    struct dataset_source source = mine();
    struct dataset *with, *without;
    struct err e;
    ck_assert_int_eq(open_noted(&source, NULL, true, &with, &e), 0);
    enter = (typeof(enter)){.code = EPERM, .from = 2, .times = UINT32_MAX};
    ck_assert_int_eq(open_noted(&source, NULL, true, &without, &e), 0);
    ck_assert_text(notes, "io_uring failed (Operation not permitted), going on with pread");
    ck_assert_ptr_null(strstr(strstr(notes, "io_uring") + 1, "io_uring"));
    ck_assert_mem_eq(with->splits[0].digest, without->splits[0].digest, 16);
    dataset_close(without);
    dataset_close(with);
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
    tcase_add_loop_test(tc, file_reader_next__enter_fails_for_good__same_bytes_and_said_once, 0,
                        8 * ENTER_CALLS);
    tcase_add_loop_test(tc, file_reader_next__enter_fails_a_while__goes_on_with_io_uring, 0,
                        3 * ENTER_CALLS);
    tcase_add_test(tc, file_reader_close__reads_that_never_end__their_buffers_stay);
    tcase_add_test(tc, dataset_open__io_uring_fails_in_mid_file__same_bytes_and_one_note);
    tcase_add_loop_test(tc, dataset_open__io_uring_refused__same_bytes_and_one_note, 0, 3);
    tcase_add_test(tc, dataset_open__use_uring_false__never_asked);
    suite_add_tcase(s, tc);
    return support_run(s);
}
