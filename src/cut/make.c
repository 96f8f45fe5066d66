/* SPDX-License-Identifier: MIT */
/* The steps of a cut, one behind the other: each is a row of phases, each phase a loop that can be
 * left between two images. What several of them do is make_state.c's, what scikit-learn computes of
 * class counts deal.c's. */
#include "cut/make_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* 0, 1, 2 ... in the scratch. Returns whether all of it is. */
static bool fill_scratch(struct cut_maker *m, uint64_t *budget)
{
    for (; *budget && m->at < m->count; m->at++, --*budget)
        m->b[m->at] = (uint32_t)m->at;
    return m->at == m->count;
}

static int done_if_any(struct cut_maker *m, uint64_t count, const char *what, struct err *e)
{
    if (!count)
        return cut_refuse(m, e, "%s holds no image of %llu", what, (unsigned long long)m->count);
    return 1;
}

/* ---- slices -------------------------------------------------------------------------------- */

static int resolve_slices(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    m->sum = 0;
    for (uint32_t i = 0; i < s->range_count; i++) {
        struct err why;
        int rc = cut_resolve(&s->ranges[i], m->count, &m->first[i], &m->end[i], &why);
        if (rc)
            return cut_refuse(m, e, "%s", why.text);
        m->sum += m->end[i] - m->first[i];
    }
    if (m->sum > m->count)
        return cut_refuse(m, e, "slices of %llu images in all, of %llu: want each once",
                          (unsigned long long)m->sum, (unsigned long long)m->count);
    m->range = 0;
    m->put = 0;
    return done_if_any(m, m->sum, "the slice", e);
}

static int run_slice(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    if (m->phase == 0) {
        int rc = resolve_slices(m, s, e);
        if (rc < 0)
            return rc;
        if (m->sum == m->count && s->range_count == 1)
            return 1;
        rc = cut_need(&m->b, m->sum, e);
        if (rc)
            return rc;
        cut_next_phase(m);
    }
    for (; m->range < s->range_count; m->range++, m->at = 0) {
        uint64_t n = m->end[m->range] - m->first[m->range];
        for (; *budget && m->at < n; m->at++, --*budget)
            m->b[m->put++] = cut_value(m, m->first[m->range] + m->at);
        if (m->at < n)
            return 0;
    }
    cut_adopt(m, m->sum);
    return 1;
}

/* ---- train_test_split without stratify ------------------------------------------------------ */

static int begin_draw(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    int rc = cut_draw_sizes(m, s, e);
    if (rc)
        return rc;
    mt19937_seed(&m->mt, s->seed);
    rc = cut_need(&m->b, m->count, e);
    cut_next_phase(m);
    return rc;
}

static int run_draw(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    uint64_t first = s->held_out ? 0 : m->tested, n = s->held_out ? m->tested : m->trained;
    if (s->stratified)
        return cut_deal(m, budget, e);
    if (m->phase == 0)
        return begin_draw(m, s, e);
    if (m->phase == 1) {
        if (fill_scratch(m, budget))
            cut_next_phase(m);
        return 0;
    }
    if (m->phase == 2) {
        if (cut_shuffle(m, m->b, m->count, budget))
            cut_next_phase(m);
        return 0;
    }
    for (; *budget && m->at < n; m->at++, --*budget)
        m->b[m->at] = cut_value(m, m->b[first + m->at]);
    if (m->at < n)
        return 0;
    cut_adopt(m, n);
    return 1;
}

/* ---- KFold --------------------------------------------------------------------------------- */

static int begin_fold(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    uint64_t each = m->count / s->folds, more = m->count % s->folds;
    if (s->folds > m->count)
        return cut_refuse(m, e, "%u folds of %llu images: want an image for each", s->folds,
                          (unsigned long long)m->count);
    m->first[0] = s->fold * each + (s->fold < more ? s->fold : more);
    m->end[0] = m->first[0] + each + (s->fold < more);
    int rc = cut_need(&m->b, m->count, e);
    if (rc)
        return rc;
    m->mask = s->seeded ? calloc(1, m->count) : NULL;
    if (s->seeded && !m->mask)
        return err_set(e, -ENOMEM, "no memory for a cut of %llu images",
                       (unsigned long long)m->count);
    mt19937_seed(&m->mt, s->seed);
    m->put = 0;
    cut_next_phase(m);
    m->phase = s->seeded ? 1 : 4;
    return 0;
}

/* The rest of it is one pass: what is held out keeps the order that it had. */
static int run_fold(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    if (s->stratified)
        return cut_deal_folds(m, budget, e);
    switch (m->phase) {
    case 0:
        return begin_fold(m, s, e);
    case 1:
        if (fill_scratch(m, budget))
            cut_next_phase(m);
        return 0;
    case 2:
        if (cut_shuffle(m, m->b, m->count, budget))
            cut_next_phase(m);
        return 0;
    case 3:
        for (; m->first[0] + m->at < m->end[0] && *budget > 0; m->at++, --*budget)
            m->mask[m->b[m->first[0] + m->at]] = 1;
        if (m->first[0] + m->at == m->end[0])
            cut_next_phase(m);
        return 0;
    }
    for (; *budget && m->at < m->count; m->at++, --*budget) {
        bool is_held_out = m->mask ? m->mask[m->at] : m->at >= m->first[0] && m->at < m->end[0];
        if (is_held_out == s->held_out)
            m->b[m->put++] = cut_value(m, m->at);
    }
    if (m->at < m->count)
        return 0;
    free(m->mask);
    m->mask = NULL;
    cut_adopt(m, m->put);
    return 1;
}

/* ---- classes and labels --------------------------------------------------------------------- */

static int check_labels(const struct cut_maker *m, struct err *e)
{
    if (!m->source.labels)
        return cut_refuse(m, e, "a label of this split is a row: want one of numbers");
    if ((int64_t)m->label_max - m->label_min >= CUT_LABEL_SPAN)
        return cut_refuse(m, e, "labels from %d to %d: want less than %d apart", (int)m->label_min,
                          (int)m->label_max, CUT_LABEL_SPAN);
    return 0;
}

/* What the labels become from here on. */
static int map_labels(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    uint32_t n = cut_label_span(m);
    if ((int64_t)m->source.label_max - m->source.label_min >= CUT_LABEL_SPAN)
        return cut_refuse(m, e, "labels from %d to %d: want less than %d apart",
                          (int)m->source.label_min, (int)m->source.label_max, CUT_LABEL_SPAN);
    if (!m->table) {
        m->table = malloc(n * sizeof *m->table);
        if (!m->table)
            return err_set(e, -ENOMEM, "no memory for labels");
        for (uint32_t i = 0; i < n; i++)
            m->table[i] = m->source.label_min + (int32_t)i;
    }
    m->label_min = INT32_MAX;
    m->label_max = INT32_MIN;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < s->label_count; k++)
            if (s->from[k] == m->table[i]) {
                m->table[i] = s->to[k];
                break;
            }
        m->label_min = m->table[i] < m->label_min ? m->table[i] : m->label_min;
        m->label_max = m->table[i] > m->label_max ? m->table[i] : m->label_max;
    }
    return 1;
}

static int begin_filter(struct cut_maker *m, const struct cut_step *s, struct err *e)
{
    int rc = check_labels(m, e);
    if (rc)
        return rc;
    m->flags = calloc(1, CUT_LABEL_SPAN);
    if (!m->flags)
        return err_set(e, -ENOMEM, "no memory for labels");
    for (uint32_t i = 0; i < s->label_count; i++)
        if (s->from[i] >= m->label_min && s->from[i] <= m->label_max)
            m->flags[s->from[i] - m->label_min] = 1;
    m->put = 0;
    cut_next_phase(m);
    return s->kind == CUT_CLASSES ? cut_need(&m->a, m->count, e) : 0;
}

static void end_filter(struct cut_maker *m)
{
    free(m->flags);
    m->flags = NULL;
}

/* Images stay in the order that they have, whichever class is named first. */
static int run_classes(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    if (m->phase == 0)
        return begin_filter(m, s, e);
    for (; *budget && m->at < m->count; m->at++, --*budget) {
        uint32_t index = cut_value(m, m->at);
        if (m->flags[cut_label(m, index) - m->label_min])
            m->a[m->put++] = index; /* at or before where it was */
    }
    if (m->at < m->count)
        return 0;
    end_filter(m);
    int rc = done_if_any(m, m->put, "classes(...)", e);
    if (rc < 0)
        return rc;
    m->count = m->put;
    m->all = false;
    return s->renumber ? map_labels(m, s, e) : 1;
}

static int run_labels(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    if (m->phase == 0)
        return begin_filter(m, s, e);
    for (; s->whole && *budget && m->at < m->count; m->at++, --*budget) {
        int32_t label = cut_label(m, cut_value(m, m->at));
        if (!m->flags[label - m->label_min])
            return cut_refuse(m, e, "%u labels, and image %u has label %d: want one for each",
                              s->label_count, cut_value(m, m->at), (int)label);
    }
    if (s->whole && m->at < m->count)
        return 0;
    end_filter(m);
    return map_labels(m, s, e);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Labels that do not occur stay as they are in the table, so that what maps all that occur alike is
 * alike. */
static int tidy_table(struct cut_maker *m)
{
    uint32_t n = cut_label_span(m);
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        if (!m->flags[i])
            m->table[i] = m->source.label_min + (int32_t)i;
        any |= m->table[i] != m->source.label_min + (int32_t)i;
    }
    end_filter(m);
    if (!any) {
        free(m->table);
        m->table = NULL;
    }
    return 1;
}

/* The cut's least and largest label. */
static int finish(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    if (!m->source.labels || (m->all && !m->table))
        return 1;
    if (m->phase == 0) {
        m->flags = m->table ? calloc(1, CUT_LABEL_SPAN) : NULL;
        if (m->table && !m->flags)
            return err_set(e, -ENOMEM, "no memory for labels");
        m->label_min = INT32_MAX;
        m->label_max = INT32_MIN;
        cut_next_phase(m);
    }
    for (; *budget && m->at < m->count; m->at++, --*budget) {
        uint32_t index = cut_value(m, m->at);
        int32_t label = cut_label(m, index);
        m->label_min = label < m->label_min ? label : m->label_min;
        m->label_max = label > m->label_max ? label : m->label_max;
        if (m->flags)
            m->flags[cut_stored_label(m, index) - m->source.label_min] = 1;
    }
    if (m->at < m->count)
        return 0;
    return m->table ? tidy_table(m) : 1;
}

/* ---- the maker ----------------------------------------------------------------------------- */

int cut_maker_new(struct cut_maker **out, const struct cut *c, const struct cut_source *source,
                  struct err *e)
{
    assert(source->count >= 1 && source->count <= UINT32_MAX);
    struct cut_maker *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(e, -ENOMEM, "out of memory");
    m->cut = *c;
    m->source = *source;
    m->count = source->count;
    m->all = true;
    m->label_min = source->label_min;
    m->label_max = source->label_max;
    *out = m;
    return 0;
}

static int run(struct cut_maker *m, uint64_t *budget, struct err *e)
{
    static int (*const runs[])(struct cut_maker * m, uint64_t * budget, struct err * e) = {
        [CUT_SLICE] = run_slice,     [CUT_DRAW] = run_draw,     [CUT_FOLD] = run_fold,
        [CUT_CLASSES] = run_classes, [CUT_LABELS] = run_labels,
    };
    if (m->step == m->cut.step_count)
        return finish(m, budget, e);
    const struct cut_step *s = &m->cut.steps[m->step];
    if (s->stratified && m->phase == 0) {
        int rc = check_labels(m, e);
        if (rc)
            return rc;
    }
    return runs[s->kind](m, budget, e);
}

int cut_maker_step(struct cut_maker *m, uint64_t images, struct err *e)
{
    while (m->step <= m->cut.step_count && images > 0) {
        uint64_t before = images;
        int rc = run(m, &images, e);
        images -= images == before; /* a phase that has nothing to do takes time, too */
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        m->step++;
        m->phase = 0;
        m->at = 0;
        free(m->b); /* of another size than the next step wants */
        m->b = NULL;
    }
    return m->step > m->cut.step_count;
}

void cut_maker_take(struct cut_maker *m, struct cut_made *out)
{
    assert(m->step > m->cut.step_count);
    *out = (struct cut_made){.count = m->count,
                             .indices = m->all ? NULL : m->a,
                             .table = m->table,
                             .table_first = m->source.label_min,
                             .table_count = cut_label_span(m),
                             .label_min = m->label_min,
                             .label_max = m->label_max};
    if (m->all)
        free(m->a);
    m->a = NULL;
    m->table = NULL;
    uint32_t *less = out->indices ? realloc(out->indices, m->count * sizeof *less) : NULL;
    if (less)
        out->indices = less;
}

void cut_maker_free(struct cut_maker *m)
{
    if (!m)
        return;
    free(m->a);
    free(m->b);
    free(m->mask);
    free(m->flags);
    free(m->table);
    free(m->classes);
    free(m);
}
