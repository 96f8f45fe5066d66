/* SPDX-License-Identifier: MIT */
/* Sequential reads, kept ahead of the consumer. Does not open or check files. */
#include "dataset/file_reader.h"

#include "base/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What passes is waited for a tenth of a second. */
enum { TRIES = 50, NAP_NS = 2000000 };

/* Containers refuse io_uring by seccomp, old kernels lack it, a memory limit may forbid it: none of
 * this changes while we run, so one refusal is enough. */
static atomic_bool uring_refused;

static size_t chunk_bytes(const struct file_reader *r, uint64_t chunk)
{
    uint64_t left = r->size - chunk * FILE_READER_CHUNK_BYTES;
    return left < FILE_READER_CHUNK_BYTES ? (size_t)left : FILE_READER_CHUNK_BYTES;
}

static uint8_t *slot_buffer(const struct file_reader *r, unsigned slot)
{
    return r->buffers + (size_t)slot * FILE_READER_CHUNK_BYTES;
}

/* Asks for the chunks whose slots are free. The chunk in the caller's hands keeps its slot. */
static void arm(struct file_reader *r, uint64_t free_before)
{
    for (; r->armed < r->chunks && r->armed < free_before + r->slots; r->armed++) {
        unsigned i = (unsigned)(r->armed % r->slots);
        r->slot[i].done = 0;
        struct io_uring_sqe *sqe = r->uring ? io_uring_get_sqe(&r->ring) : NULL;
        if (!sqe)
            continue; /* file_reader_next reads it */
        io_uring_prep_read(sqe, r->fd, slot_buffer(r, i), (unsigned)chunk_bytes(r, r->armed),
                           r->armed * FILE_READER_CHUNK_BYTES);
        sqe->user_data = i;
        r->slot[i].flying = true;
        r->in_flight++;
    }
    /* What a busy kernel does not take now is submitted again by the wait. */
    if (r->uring)
        io_uring_submit(&r->ring);
}

/* Returns how many there were. */
static unsigned take_completions(struct file_reader *r)
{
    struct io_uring_cqe *cqe;
    unsigned n = 0;
    for (; io_uring_peek_cqe(&r->ring, &cqe) == 0; n++) {
        assert(cqe->user_data < r->slots && r->slot[cqe->user_data].flying);
        r->slot[cqe->user_data].done = cqe->res > 0 ? (size_t)cqe->res : 0;
        r->slot[cqe->user_data].flying = false;
        r->in_flight--;
        io_uring_cqe_seen(&r->ring, cqe);
    }
    return n;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

/* Returns 0 when something has completed, or why the ring is of no use any more. */
static int wait_completion(struct file_reader *r)
{
    int rc = 0;
    for (int i = 0; i < TRIES; i++) {
        rc = io_uring_submit_and_wait(&r->ring, 1);
        if (take_completions(r))
            return 0;
        if (rc == -EAGAIN || rc == -EBUSY)
            nap(); /* the kernel is short of something */
        else if (rc < 0 && rc != -EINTR)
            break;
    }
    return rc < 0 ? rc : -EINTR;
}

/* What the kernel has not taken of the queue it will never read. It took the oldest. */
static void forget_unsent(struct file_reader *r)
{
    unsigned unsent = io_uring_sq_ready(&r->ring);
    for (uint64_t chunk = r->armed; unsent && chunk > r->given; chunk--) {
        unsigned i = (unsigned)((chunk - 1) % r->slots);
        if (!r->slot[i].flying)
            continue;
        r->slot[i].flying = false;
        r->in_flight--;
        unsent--;
    }
}

/* Goes on without the ring. Completions come without a call, too; if they do not, the buffers are
 * the kernel's for good: kept, at most once for each file that is being read. */
static void close_ring(struct file_reader *r)
{
    forget_unsent(r);
    for (int i = 0; i < TRIES && r->in_flight; i++)
        if (!take_completions(r))
            nap();
    io_uring_queue_exit(&r->ring);
    r->uring = false;
    if (!r->in_flight)
        return;
    r->buffers = NULL;
    r->in_flight = 0;
    memset(r->slot, 0, sizeof r->slot);
}

static int give_ring_up(struct file_reader *r, int why, struct err *e)
{
    close_ring(r);
    if (!r->buffers)
        r->buffers = malloc((size_t)r->slots * FILE_READER_CHUNK_BYTES);
    if (!r->buffers)
        return err_set(e, -ENOMEM, "no memory for read buffers");
    if (atomic_exchange(&uring_refused, true))
        return 0;
    return err_set(e, FILE_READER_NO_URING, "io_uring failed (%s), going on with pread",
                   strerror(-why));
}

static int open_ring(struct file_reader *r, struct err *e)
{
    if (atomic_load(&uring_refused))
        return 0;
    int rc = io_uring_queue_init(FILE_READER_DEPTH, &r->ring, 0);
    r->uring = rc == 0;
    if (rc == 0 || atomic_exchange(&uring_refused, true))
        return 0;
    return err_set(e, FILE_READER_NO_URING, "io_uring is not available (%s), reading with pread",
                   strerror(-rc));
}

int file_reader_open(struct file_reader *r, int fd, uint64_t size, bool use_uring, struct err *e)
{
    memset(r, 0, sizeof *r);
    r->fd = fd;
    r->size = size;
    r->chunks = size / FILE_READER_CHUNK_BYTES + (size % FILE_READER_CHUNK_BYTES != 0);
    int rc = use_uring ? open_ring(r, e) : 0;
    r->slots = !r->uring                       ? 1
               : r->chunks < FILE_READER_DEPTH ? (unsigned)r->chunks
                                               : FILE_READER_DEPTH;
    if (r->slots == 0)
        r->slots = 1;
    r->buffers = malloc((size_t)r->slots * FILE_READER_CHUNK_BYTES);
    if (!r->buffers) {
        file_reader_close(r);
        return err_set(e, -ENOMEM, "no memory for read buffers");
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    arm(r, 0);
    return rc;
}

/* What io_uring did not bring. */
static int read_rest(struct file_reader *r, uint64_t chunk, unsigned i, struct err *e)
{
    size_t want = chunk_bytes(r, chunk);
    uint64_t at = chunk * FILE_READER_CHUNK_BYTES + r->slot[i].done;
    ssize_t n = pread_full(r->fd, slot_buffer(r, i) + r->slot[i].done, want - r->slot[i].done, at);
    if (n < 0)
        return err_sys(e, (int)n, "reading at byte %" PRIu64, at);
    r->slot[i].done += (size_t)n;
    if (r->slot[i].done < want)
        return err_set(e, -EINVAL,
                       "the file has become shorter while it was read: ends at byte %" PRIu64
                       ", was %" PRIu64 " bytes",
                       at + (uint64_t)n, r->size);
    return 0;
}

int file_reader_next(struct file_reader *r, const uint8_t **bytes, size_t *size, struct err *e)
{
    *size = 0;
    arm(r, r->given);
    if (r->given == r->chunks)
        return 0;
    unsigned i = (unsigned)(r->given % r->slots);
    int said = 0;
    while (r->slot[i].flying && said == 0) {
        int rc = wait_completion(r);
        if (rc < 0)
            said = give_ring_up(r, rc, e);
    }
    int rc = said < 0 ? said : 0;
    if (rc == 0 && r->slot[i].done < chunk_bytes(r, r->given))
        rc = read_rest(r, r->given, i, e);
    if (rc < 0)
        return rc;
    *bytes = slot_buffer(r, i);
    *size = chunk_bytes(r, r->given);
    r->given++;
    return said;
}

void file_reader_close(struct file_reader *r)
{
    /* A buffer is freed only when the kernel cannot write into it any more. */
    while (r->in_flight && wait_completion(r) == 0)
        continue;
    if (r->uring)
        close_ring(r);
    free(r->buffers);
    memset(r, 0, sizeof *r);
}
