/* SPDX-License-Identifier: MIT */
/* What several steps of a cut do. Which steps there are is make.c's. */
#include "cut/make_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cut_refuse(const struct cut_maker *m, struct err *e, const char *format, ...)
{
    const struct cut_step *s = &m->cut.steps[m->step];
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return s->at ? err_set(e, -EINVAL, "select, character %u: %s", s->at, text)
                 : err_set(e, -EINVAL, "split: %s", text);
}

int cut_need(uint32_t **array, uint64_t count, struct err *e)
{
    if (*array)
        return 0;
    *array = calloc(count ? count : 1, sizeof **array);
    return *array ? 0
                  : err_set(e, -ENOMEM, "no memory for a cut of %llu images",
                            (unsigned long long)count);
}

bool cut_shuffle(struct cut_maker *m, uint32_t *array, uint64_t count, uint64_t *budget)
{
    if (!m->shuffling) {
        m->partner = count ? count - 1 : 0;
        m->shuffling = true;
    }
    for (; m->partner > 0 && *budget > 0; m->partner--, --*budget) {
        uint32_t i = (uint32_t)m->partner, mask = UINT32_MAX >> __builtin_clz(i), j;
        do
            j = mt19937_u32(&m->mt) & mask;
        while (j > i);
        uint32_t t = array[i];
        array[i] = array[j];
        array[j] = t;
    }
    if (m->partner > 0)
        return false;
    m->shuffling = false;
    return true;
}

void cut_adopt(struct cut_maker *m, uint64_t count)
{
    uint32_t *t = m->a;
    m->a = m->b;
    m->b = t;
    m->count = count;
    m->all = false;
}

void cut_next_phase(struct cut_maker *m)
{
    m->phase++;
    m->at = 0;
}
