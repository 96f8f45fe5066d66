/* ctl/page.h — what happened between two looks at a daemon's status: a page of top. Pure.
 *
 * A page is a JSON object: seconds, version, pid, cpu_seconds, workers, workers_busy (0 to 1), and
 * streams, each with id and pid of its client, dataset, split, seconds, batches, images_per_second,
 * waited_seconds, render_seconds, batches_ready, slots, bottleneck (a sentence) and
 * bottleneck_side. Numbers are differences of the two looks. A stream that was opened in between
 * counts from its opening, and a daemon that was started in between from its start. Threads: any.
 */
#ifndef CTL_PAGE_H
#define CTL_PAGE_H

#include <jansson.h>
#include <stdint.h>

struct look {
    json_t *status; /* owned */
    uint64_t at_ns;
};

/* Owns: the caller; json_decref. Returns NULL without memory. */
json_t *page_make(const struct look *before, const struct look *now);

/* Calls line() with each line of the page as text, without a newline. */
void page_lines(const json_t *page, void (*line)(void *to, const char *text), void *to);

#endif
