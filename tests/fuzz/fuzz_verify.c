/* SPDX-License-Identifier: MIT */
/* What verify makes of a ledger of any bytes: its book, its runs, what each has had. The first byte
 * says whether the checksums are put right, so that what lies behind them is reached. */
#include "ctl/report.h"

#include "base/bytes.h"
#include "base/crc32.h"
#include "fmnist.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What takes time and memory by itself, and is a real ledger's right: batches whose sums are
 * checked, samples of a split, sessions of a run beside each other. */
enum { BATCHES_MAX = 20000, IMAGES_MAX = 2000, SESSIONS_MAX = 200 };

static FILE *nowhere;

static void put_checksums(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + 8 <= size;) {
        size_t said = get_le16(bytes + at + 4);
        if (said < 8 || said > size - at)
            return;
        put_le32(bytes + at, crc32_of(bytes + at + 4, said - 4));
        at += said;
    }
}

static bool is_small(const struct book *b)
{
    uint64_t batches = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct book_session *s = b->sessions[i];
        const struct spec *spec = &s->open.spec;
        for (size_t k = 0; k < s->run_count; k++)
            batches += s->runs[k].end - s->runs[k].first;
        /* These walk from epoch to epoch, for seconds to one that is far. */
        bool walks = spec->order == FMNIST_ORDER_TORCH_LOADER || spec->order == FMNIST_ORDER_NUMPY;
        if (walks && (s->open.first > BATCHES_MAX || book_session_end(s) > BATCHES_MAX))
            return false;
        if (batches > BATCHES_MAX || s->open.images > IMAGES_MAX || spec->list_count > IMAGES_MAX ||
            spec->list_batch_count > IMAGES_MAX || spec->world_size > IMAGES_MAX)
            return false;
    }
    return b->count <= SESSIONS_MAX;
}

struct seen {
    uint64_t epochs, next;
    uint64_t missed;
};

static void see_epoch(void *data, const struct coverage_epoch *e)
{
    struct seen *seen = data;
    assert(e->last >= e->epoch && (!seen->epochs || e->epoch == seen->next));
    assert(e->got <= e->samples && e->missed + e->open <= e->due);
    assert(e->due <= e->samples + e->padding);
    assert(e->before <= e->samples && e->left_out <= e->samples);
    assert(e->find_count <= COVERAGE_FINDS_MAX);
    seen->epochs++;
    seen->next = e->last + 1;
    json_t *all = report_json_epoch(e);
    assert(all && report_json_print(all, nowhere));
    json_decref(all);
    coverage_add(&seen->missed, e->last - e->epoch + 1, e->missed);
}

static void see_wrong(void *data, const struct coverage_wrong *w)
{
    json_t *all = report_json_wrong(w);
    assert(all && w->run->end > w->run->first);
    json_decref(all);
}

static void see_passed(void *data, uint64_t batches)
{
}

static void check(const struct lineage_run *run)
{
    struct seen seen = {0};
    const struct coverage_told told = {
        .epoch = see_epoch, .wrong = see_wrong, .passed = see_passed, .data = &seen};
    struct coverage_sum sum;
    struct err e;
    if (!coverage_has_any(run))
        return;
    int rc = coverage_check(run, &told, &sum, &e);
    assert(rc == 0 && sum.missed == seen.missed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    bool put_right = input_u8(&in) & 1;
    uint8_t *bytes = malloc(in.left ? in.left : 1);
    size_t left = in.left;
    char path[32];
    nowhere = nowhere ? nowhere : fopen("/dev/null", "we");
    int fd = memfd_create("ledger", MFD_CLOEXEC);
    assert(bytes && nowhere && fd >= 0);
    input_bytes(&in, bytes, left);
    if (put_right)
        put_checksums(bytes, left);
    ssize_t n = write(fd, bytes, left);
    assert(n == (ssize_t)left);
    free(bytes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char *paths[] = {path};
    struct lineage_list list = {.indices = NULL};
    struct lineage lineage;
    struct book book;
    struct err e;
    if (book_read(&book, paths, 1, &e) == 0) {
        if (is_small(&book) && lineage_make(&lineage, &book, &list, &e) == 0) {
            for (const struct lineage_run *run = lineage.runs; run; run = run->next)
                check(run);
            lineage_free(&lineage);
        }
        book_free(&book);
    }
    close(fd);
    return 0;
}
