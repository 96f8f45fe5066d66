/* SPDX-License-Identifier: MIT */
/* Parts with as much of every class as the whole has, as scikit-learn deals them. Its random
 * numbers are drawn in its order, and its doubles are computed as it does, because a tie that
 * rounding breaks decides who is held out. */
#include "cut/make_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sizes --------------------------------------------------------------------------------- */

int cut_draw_sizes(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    uint64_t n = m->count;
    m->tested = s->fraction > 0 ? (uint64_t)ceil(s->fraction * (double)n) : s->count;
    if (m->tested >= n)
        return cut_refuse(m, e, "%llu images of %llu held out: want at least one left",
                          (unsigned long long)m->tested, (unsigned long long)n);
    m->trained = n - m->tested;
    return 0;
}

/* ---- classes ------------------------------------------------------------------------------- */

/* By label, those that do not occur among them. */
static int new_classes(struct cut_maker *m, struct err *e)
{
    m->class_count = (uint32_t)(m->label_max - m->label_min) + 1;
    free(m->classes);
    m->classes = calloc(m->class_count, sizeof *m->classes);
    return m->classes ? 0 : err_set(e, -ENOMEM, "no memory for %u classes", m->class_count);
}

static struct cut_class *class_of(const struct cut_maker *m, uint64_t i)
{
    return &m->classes[cut_label(m, cut_value(m, i)) - m->label_min];
}

static bool count_classes(struct cut_maker *m, uint64_t *budget)
{
    for (; *budget && m->at < m->count; m->at++, --*budget)
        class_of(m, m->at)->count++;
    return m->at == m->count;
}

/* np.random.permutation(count) of numbers that are counted from 0. */
static void permute(struct cut_maker *m, uint32_t *numbers, uint32_t count)
{
    uint64_t budget = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = i;
    cut_shuffle(m, numbers, count, &budget);
}

/* ---- _approximate_mode --------------------------------------------------------------------- */

/* A class that occurs, by what is left of its part behind whole images. */
struct rest {
    double left;
    uint32_t class;
};

/* The largest first, and of equal ones the first class. */
static int by_rest(const void *a, const void *b)
{
    const struct rest *x = a, *y = b;
    if (x->left != y->left)
        return x->left < y->left ? 1 : -1;
    return x->class < y->class ? -1 : x->class > y->class;
}

/* One more to `wanted` of the classes, those with the largest rests; which of equal ones is drawn.
 */
static void add_by_rest(struct cut_maker *m, struct rest *rests, uint32_t count, uint64_t wanted,
                        uint32_t *numbers, uint32_t *parts)
{
    qsort(rests, count, sizeof *rests, by_rest);
    for (uint32_t i = 0; i < count && wanted > 0;) {
        uint32_t same = 1;
        while (i + same < count && rests[i + same].left == rests[i].left)
            same++;
        uint32_t add = same < wanted ? same : (uint32_t)wanted;
        permute(m, numbers, same);
        for (uint32_t k = 0; k < add; k++)
            parts[rests[i + numbers[k]].class]++;
        wanted -= add;
        i += same;
    }
}

/* parts[class] of `draws` images out of counts[class], over the classes that occur at all. */
static int approximate_mode(struct cut_maker *m, const uint32_t *counts, uint64_t draws,
                            uint32_t *parts, struct err *e)
{
    struct rest *rests = malloc(m->class_count * sizeof *rests);
    uint32_t *numbers = malloc(m->class_count * sizeof *numbers), count = 0;
    uint64_t sum = 0, floors = 0;
    if (!rests || !numbers) {
        free(rests);
        free(numbers);
        return err_set(e, -ENOMEM, "no memory for %u classes", m->class_count);
    }
    for (uint32_t c = 0; c < m->class_count; c++)
        sum += counts[c];
    for (uint32_t c = 0; c < m->class_count; c++) {
        if (!m->classes[c].count)
            continue;
        double wanted = (double)counts[c] / (double)sum * (double)draws, whole = floor(wanted);
        parts[c] = (uint32_t)whole;
        floors += parts[c];
        rests[count++] = (struct rest){wanted - whole, c};
    }
    if (floors < draws)
        add_by_rest(m, rests, count, draws - floors, numbers, parts);
    free(rests);
    free(numbers);
    return 0;
}

/* ---- train_test_split(stratify=labels) ------------------------------------------------------ */

static int check_counts(const struct cut_maker *m, struct err *e)
{
    uint32_t occur = 0;
    for (uint32_t c = 0; c < m->class_count; c++) {
        occur += m->classes[c].count > 0;
        if (m->classes[c].count == 1)
            return cut_refuse(m, e, "stratified, and class %d has one image: want two of each",
                              (int)(m->label_min + (int32_t)c));
    }
    if (m->trained < occur || m->tested < occur)
        return cut_refuse(m, e,
                          "stratified, with parts of %llu and %llu images and %u classes: want an "
                          "image for each class",
                          (unsigned long long)m->trained, (unsigned long long)m->tested, occur);
    return 0;
}

/* How many of each class either part has. */
static int deal_parts(struct cut_maker *m, struct err *e)
{
    uint32_t n = m->class_count, start = 0, *counts = calloc(3 * (size_t)n, sizeof *counts);
    if (!counts)
        return err_set(e, -ENOMEM, "no memory for %u classes", n);
    uint32_t *trained = counts + n, *tested = trained + n;
    for (uint32_t c = 0; c < n; c++)
        counts[c] = m->classes[c].count;
    int rc = approximate_mode(m, counts, m->trained, trained, e);
    for (uint32_t c = 0; c < n; c++)
        counts[c] -= trained[c];
    if (!rc)
        rc = approximate_mode(m, counts, m->tested, tested, e);
    for (uint32_t c = 0; c < n; c++) {
        struct cut_class *class = &m->classes[c];
        class->trained = trained[c];
        class->tested = tested[c];
        class->start = class->next = start;
        start += class->count;
    }
    free(counts);
    return rc;
}

static int begin_deal(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    int rc = check_counts(m, e);
    if (rc)
        return rc;
    mt19937_seed(&m->mt, s->seed);
    rc = deal_parts(m, e);
    if (!rc)
        rc = cut_need(&m->b, m->count, e);
    if (!rc)
        rc = cut_need(&m->a, m->count, e);
    m->class_at = 0;
    cut_next_phase(m);
    return rc;
}

/* By class in the scratch, each in the order that it had. */
static bool group(struct cut_maker *m, uint64_t *budget)
{
    for (; *budget && m->at < m->count; m->at++, --*budget) {
        uint32_t to = class_of(m, m->at)->next++;
        if (to < m->count) /* labels are those that were counted, or the mapping is broken */
            m->b[to] = cut_value(m, m->at);
    }
    return m->at == m->count;
}

static bool shuffle_classes(struct cut_maker *m, uint64_t *budget)
{
    for (; m->class_at < m->class_count; m->class_at++) {
        const struct cut_class *c = &m->classes[m->class_at];
        if (!cut_shuffle(m, m->b + c->start, c->count, budget))
            return false;
    }
    return true;
}

/* Of every class its first images to the one part, then to the other its next ones. What was left
 * before is in the scratch. */
static bool lay_out(struct cut_maker *m, uint64_t *budget)
{
    if (m->at == 0 && m->class_at == m->class_count) {
        m->class_at = 0;
        m->sum = 0; /* images of the classes before, of either part */
        m->put = m->trained;
    }
    for (; m->class_at < m->class_count; m->class_at++, m->at = 0) {
        const struct cut_class *c = &m->classes[m->class_at];
        uint64_t n = (uint64_t)c->trained + c->tested;
        for (; *budget && m->at < n; m->at++, --*budget) {
            uint32_t index = m->b[c->start + m->at];
            if (m->at < c->trained)
                m->a[m->sum++] = index;
            else
                m->a[m->put++] = index;
        }
        if (m->at < n)
            return false;
    }
    return true;
}

int cut_deal(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    int rc = 0;
    uint64_t first = s->held_out ? m->trained : 0, n = s->held_out ? m->tested : m->trained;
    bool done = true;
    switch (m->phase) {
    case 0:
        rc = cut_draw_sizes(m, s, e);
        if (!rc)
            rc = new_classes(m, e);
        break;
    case 1:
        done = count_classes(m, budget);
        break;
    case 2:
        return begin_deal(m, s, e);
    case 3:
        done = group(m, budget);
        break;
    case 4:
        done = shuffle_classes(m, budget);
        break;
    case 5:
        done = lay_out(m, budget);
        m->all &= !done;
        break;
    case 6:
        done = cut_shuffle(m, m->a, m->trained, budget);
        break;
    case 7:
        done = !s->held_out || cut_shuffle(m, m->a + m->trained, m->tested, budget);
        break;
    default:
        for (; *budget && m->at < n; m->at++, --*budget)
            m->b[m->at] = m->a[first + m->at];
        if (m->at < n)
            return 0;
        cut_adopt(m, n);
        return 1;
    }
    if (rc)
        return rc;
    if (done)
        cut_next_phase(m);
    return 0;
}

/* ---- StratifiedKFold ------------------------------------------------------------------------ */

/* Classes in the order in which they first occur: `tested` is a class's place in it. Its images
 * stand at start of those in that order. */
static int begin_folds(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    uint32_t start = 0, n = 0;
    bool any = false;
    uint32_t *order = calloc(m->class_count, sizeof *order);
    if (!order)
        return err_set(e, -ENOMEM, "no memory for %u classes", m->class_count);
    for (uint32_t c = 0; c < m->class_count; c++)
        if (m->classes[c].count) {
            order[m->classes[c].tested] = c;
            any |= m->classes[c].count >= s->folds;
            n++;
        }
    for (uint32_t k = 0; k < n; k++) {
        struct cut_class *c = &m->classes[order[k]];
        c->start = c->next = start;
        start += c->count;
    }
    m->end[0] = n;
    free(m->mask);
    m->mask = (uint8_t *)order; /* kept until the step ends */
    if (!any)
        return cut_refuse(m, e, "stratified, and no class has an image for each of %u folds",
                          s->folds);
    mt19937_seed(&m->mt, s->seed);
    m->class_at = 0;
    m->fold_at = 0;
    cut_next_phase(m);
    int rc = cut_need(&m->b, m->count, e);
    return rc ? rc : cut_need(&m->a, m->count, e);
}

static bool count_in_order(struct cut_maker *m, uint64_t *budget)
{
    for (; *budget && m->at < m->count; m->at++, --*budget) {
        struct cut_class *c = class_of(m, m->at);
        if (!c->count++)
            c->tested = (uint32_t)m->sum++;
    }
    return m->at == m->count;
}

static struct cut_class *class_in_order(const struct cut_maker *m, uint32_t k)
{
    return &m->classes[((const uint32_t *)m->mask)[k]];
}

/* How many of the places [start, start + count) go to the fold, dealt round and round. */
static uint32_t share_of(const struct cut_class *c, uint32_t fold, uint32_t folds)
{
    uint64_t end = (uint64_t)c->start + c->count;
    uint64_t before = c->start + (uint64_t)(folds - 1 - fold), upto = end + (folds - 1 - fold);
    return (uint32_t)(upto / folds - before / folds);
}

/* In the scratch, for the images of each class in order, the fold that holds each out: runs of each
 * fold's number. */
static bool fill_folds(struct cut_maker *m, uint32_t folds, uint64_t *budget)
{
    for (; m->class_at < m->end[0]; m->class_at++, m->fold_at = 0) {
        struct cut_class *c = class_in_order(m, m->class_at);
        for (; m->fold_at < folds; m->fold_at++, m->at = 0) {
            uint32_t n = share_of(c, m->fold_at, folds);
            for (; *budget && m->at < n; m->at++, --*budget)
                m->b[c->next++] = m->fold_at;
            if (m->at < n || !*budget)
                return false;
            --*budget; /* a fold without an image takes time, too */
        }
        c->next = c->start;
    }
    m->class_at = 0;
    return true;
}

static bool shuffle_folds(struct cut_maker *m, uint64_t *budget)
{
    for (; m->class_at < m->end[0]; m->class_at++) {
        const struct cut_class *c = class_in_order(m, m->class_at);
        if (!cut_shuffle(m, m->b + c->start, c->count, budget))
            return false;
    }
    return true;
}

int cut_deal_folds(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    int rc;
    switch (m->phase) {
    case 0:
        m->sum = 0;
        rc = new_classes(m, e);
        cut_next_phase(m);
        return rc;
    case 1:
        if (count_in_order(m, budget))
            cut_next_phase(m);
        return 0;
    case 2:
        m->put = 0;
        return begin_folds(m, s, e);
    case 3:
        if (fill_folds(m, s->folds, budget))
            cut_next_phase(m);
        return 0;
    case 4:
        if (!s->seeded || shuffle_folds(m, budget))
            cut_next_phase(m);
        return 0;
    }
    for (; *budget && m->at < m->count; m->at++, --*budget) {
        uint32_t index = cut_value(m, m->at);
        uint32_t at = class_of(m, m->at)->next++;
        if ((at < m->count && m->b[at] == s->fold) == s->held_out)
            m->a[m->put++] = index; /* at or before where it was */
    }
    if (m->at < m->count)
        return 0;
    free(m->mask);
    m->mask = NULL;
    if (!m->put)
        return cut_refuse(m, e, "fold %u of %u holds no image", s->fold, s->folds);
    m->count = m->put;
    m->all = false;
    return 1;
}
