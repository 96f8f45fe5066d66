/* SPDX-License-Identifier: MIT */
/* Counts lines by kind and user. Does not decide who is refused. */
#include "session/refusals.h"

#include <stdarg.h>
#include <stdio.h>

/* The last place is everybody's for whom there is none. */
static struct refusal_kind *find(struct refusals *r, uint32_t uid, int code)
{
    for (uint32_t i = 0; i < r->kind_count; i++)
        if (r->kinds[i].uid == uid && r->kinds[i].code == code)
            return &r->kinds[i];
    if (r->kind_count == REFUSALS_KINDS)
        return &r->kinds[REFUSALS_KINDS - 1];
    struct refusal_kind *kind = &r->kinds[r->kind_count++];
    *kind = (struct refusal_kind){.uid = uid, .code = code};
    return kind;
}

void refusals_add(struct refusals *r, enum log_level level, uint32_t uid, int code,
                  const char *format, ...)
{
    struct refusal_kind *kind = find(r, uid, code);
    va_list args;
    va_start(args, format);
    vsnprintf(kind->last, sizeof kind->last, format, args);
    va_end(args);
    kind->level = level;
    if (kind->count++ < REFUSALS_LINES)
        log_line(level, "%s", kind->last);
}

void refusals_tell(struct refusals *r)
{
    for (uint32_t i = 0; i < r->kind_count; i++) {
        const struct refusal_kind *kind = &r->kinds[i];
        if (kind->count > REFUSALS_LINES)
            log_line(kind->level, "%u more of this kind, the last: %s",
                     kind->count - REFUSALS_LINES, kind->last);
    }
    r->kind_count = 0;
}
