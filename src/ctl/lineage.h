/* SPDX-License-Identifier: MIT */
/* ctl/lineage.h — which sessions of a ledger are one run of a trainer.
 *
 * A run is the sessions of one user, one program (by its name) and one stream identity that go on
 * from each other: over resumes, over world sizes, and over all ranks of a world. A session
 *
 *     continues another of its rank  that has ended, where it begins with the batch behind the last
 *                                    one acknowledged, or, because its token says so, with a later
 *                                    one that may have been handed over: to that session, or by a
 *                                    daemon that was killed since and had not told it yet;
 *     joins a run as another rank    where it begins where the other ranks did;
 *     jumps within a run             where it was opened at a token that fits none: that of its
 *                                    rank, which was acknowledged last, goes on before or behind;
 *     begins a run of its own        otherwise: without a token nobody says that it goes on.
 *
 * Two that read at the same time are never one after the other: two trainers with one spec are two
 * runs. A session that acknowledged nothing is in none, where that is known: not inline.
 *
 * Threads: one. Memory: a pointer a session.
 */
#ifndef CTL_LINEAGE_H
#define CTL_LINEAGE_H

#include "ctl/book.h"
#include "sampler/sampler.h"

/* A batch's place, which is the same over world sizes. */
struct place_in {
    uint64_t epoch, step;
};

static inline int place_compare(struct place_in a, struct place_in b)
{
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    return a.step < b.step ? -1 : a.step > b.step;
}

/* One session in its run. */
struct lineage_session {
    const struct book_session *book;
    uint32_t number;            /* of the session in the book, from 1: what people are told */
    struct sampler sampler;     /* its steps; of a list without its lengths, a sample is a batch */
    bool is_counted;            /* steps are counted, but which samples they had is not known */
    struct place_in begin, end; /* behind the last acknowledged */
    struct place_in vouched;    /* up to here its successor's token says that it had all */
    const struct lineage_session *before; /* NULL: none that it goes on from */
    bool goes_on;                         /* another goes on from it */
    bool jumps;                           /* it begins elsewhere than that ended */
    struct lineage_session *next;         /* of the run, in time */
};

struct lineage_run {
    struct lineage_session *first, *last;
    uint32_t world_size; /* of the last */
    struct lineage_run *next;
};

struct lineage {
    struct lineage_session *sessions; /* owned; [session_count] */
    size_t session_count;
    const struct book *book;
    struct lineage_run *runs; /* owned; in time */
    uint32_t run_count;
};

/* A list that a stream may have read, and its digest. */
struct lineage_list {
    const uint32_t *indices; /* NULL: none */
    uint64_t count;
    uint8_t digest[LIST_DIGEST_SIZE];
};

/* Errors: -ENOMEM, -EINVAL for a session whose stream cannot be. The book has to live as long. */
int lineage_make(struct lineage *l, const struct book *b, const struct lineage_list *list,
                 struct err *e);
void lineage_free(struct lineage *l);

/* Place and number of a session's batch. */
struct place_in lineage_place(const struct lineage_session *s, uint64_t number);
uint64_t lineage_number(const struct lineage_session *s, struct place_in p);

#endif
