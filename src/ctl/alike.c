/* SPDX-License-Identifier: MIT */
/* Finds where something begins or ends. Does not count what was had. */
#include "ctl/alike.h"

/* In the midst of an epoch, that one is like none beside it. */
static void cut_at(struct place_in p, uint64_t behind, uint64_t *cut)
{
    if (p.epoch > behind && p.epoch < *cut)
        *cut = p.epoch;
    else if (p.epoch == behind && p.step > 0)
        *cut = behind + 1;
}

uint64_t alike_until(const struct lineage_run *run, struct place_in far, uint64_t epoch)
{
    uint64_t cut = UINT64_MAX;
    cut_at(far, epoch, &cut);
    if (!far.step && far.epoch) /* nobody is past the epoch before */
        cut_at((struct place_in){.epoch = far.epoch - 1}, epoch, &cut);
    for (const struct lineage_session *s = run->first; s; s = s->next) {
        cut_at(s->begin, epoch, &cut);
        cut_at(s->end, epoch, &cut);
        cut_at(s->vouched, epoch, &cut);
        for (size_t i = 0; i < s->book->run_count; i++) {
            cut_at(lineage_place(s, s->book->runs[i].first), epoch, &cut);
            cut_at(lineage_place(s, s->book->runs[i].end), epoch, &cut);
        }
    }
    return cut;
}
