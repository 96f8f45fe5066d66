/* SPDX-License-Identifier: MIT */
/* cut/make_state.h — where a maker is. Private to make.c, deal.c and make_state.c.
 *
 * Invariant: the images that are left are 0 .. count - 1 where `all`, else a[0 .. count). Threads:
 * one.
 */
#ifndef CUT_MAKE_STATE_H
#define CUT_MAKE_STATE_H

#include "base/mt19937.h"
#include "cut/make.h"

/* Of one class, while a cut is stratified. */
struct cut_class {
    uint32_t count; /* images */
    uint32_t start; /* of its images, among those in order of their class */
    uint32_t next;  /* of them, the next one to put or to deal */
    uint32_t trained, tested;
};

struct cut_maker {
    struct cut cut;
    struct cut_source source;
    uint64_t count;
    bool all;
    uint32_t *a;                  /* owned; room for as many as there were */
    uint32_t *b;                  /* owned: scratch of a step */
    uint8_t *mask;                /* owned: [count], of a step */
    uint8_t *flags;               /* owned: [CUT_LABEL_SPAN], of a step */
    int32_t *table;               /* owned: what labels are by now; NULL: as they are */
    int32_t label_min, label_max; /* bounds of what they are */
    struct cut_class *classes;    /* owned, of a step: [class_count] */
    uint32_t class_count;
    /* where it is */
    uint32_t step;
    int phase;
    uint64_t at, put;
    uint32_t range, class_at, fold_at;
    uint64_t first[CUT_RANGES_MAX], end[CUT_RANGES_MAX], sum;
    uint64_t trained, tested; /* images of either part */
    bool shuffling;
    uint64_t partner;
    struct mt19937 mt;
};

/* "select, character 7: ...", or "split: ...". Returns -EINVAL. */
int cut_refuse(const struct cut_maker *m, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes room for so many where there is none: of the first image, until they are others. Errors:
 * -ENOMEM. */
int cut_need(uint32_t **array, uint64_t count, struct err *e);

/* numpy.random.RandomState.shuffle, for as many as the budget has. Returns whether that was all. */
bool cut_shuffle(struct cut_maker *m, uint32_t *array, uint64_t count, uint64_t *budget);

/* The first `count` of the scratch are what is left. */
void cut_adopt(struct cut_maker *m, uint64_t count);

void cut_next_phase(struct cut_maker *m);

/* Sets trained and tested. Errors: -EINVAL where one of them would be 0. */
int cut_draw_sizes(struct cut_maker *m, const struct cut_step *s, struct err *e);

/* A step of train_test_split(stratify=labels), and of StratifiedKFold. Returns whether it is done.
 */
int cut_deal(struct cut_maker *m, uint64_t *budget, struct err *e);
int cut_deal_folds(struct cut_maker *m, uint64_t *budget, struct err *e);

/* The i-th image that is left. */
static inline uint32_t cut_value(const struct cut_maker *m, uint64_t i)
{
    return m->all ? (uint32_t)i : m->a[i];
}

/* What is stored, within the bounds that it had: a mapping that is broken meanwhile has zeros, and
 * tables have no place for them. What is made of it then is given to nobody. */
static inline int32_t cut_stored_label(const struct cut_maker *m, uint32_t index)
{
    int32_t label = m->source.labels[index];
    return label < m->source.label_min || label > m->source.label_max ? m->source.label_min : label;
}

/* What the label of an image is by now. */
static inline int32_t cut_label(const struct cut_maker *m, uint32_t index)
{
    int32_t label = cut_stored_label(m, index);
    return m->table ? m->table[label - m->source.label_min] : label;
}

/* How many labels there may be. */
static inline uint32_t cut_label_span(const struct cut_maker *m)
{
    return (uint32_t)m->source.label_max - (uint32_t)m->source.label_min + 1;
}

#endif
