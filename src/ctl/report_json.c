/* SPDX-License-Identifier: MIT */
/* Runs for programs. */
#include "ctl/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What Jansson has no integer for is a text until it is printed. No other one begins so: a
 * program's name is a line, and a ledger that was forged gets its digits as they are. */
#define LARGE "\x01"

static json_t *number(uint64_t v)
{
    char text[32];
    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    snprintf(text, sizeof text, LARGE "%" PRIu64, v);
    return json_string(text);
}

bool report_json_print(const json_t *all, FILE *f)
{
    static const char mark[] = "\"\\u0001"; /* as LARGE is printed at a text's beginning */
    char *text = json_dumps(all, JSON_COMPACT), *at = text;
    for (char *large; at && (large = strstr(at, mark)); at = large) {
        size_t digits = strspn(large + sizeof mark - 1, "0123456789");
        bool begins = large == text || large[-1] != '\\'; /* and no quote within a text */
        bool is_number = begins && digits && large[sizeof mark - 1 + digits] == '"';
        fwrite(at, 1, (size_t)(large - at), f);
        large += sizeof mark - 1;
        if (is_number) {
            fwrite(large, 1, digits, f);
            large += digits + 1;
        } else {
            fputs(mark, f);
        }
    }
    if (at)
        fprintf(f, "%s\n", at);
    free(text);
    return text != NULL;
}

static json_t *json_find(const struct coverage_find *f)
{
    json_t *indices = json_array();
    for (uint64_t i = 0; i < f->count; i++)
        json_array_append_new(indices, json_integer(f->indices[i]));
    return json_pack("{s:s, s:I, s:I, s:I, s:o}", "what", report_kind(f->kind), "rank",
                     (json_int_t)f->rank, "first_step", (json_int_t)f->first_step, "last_step",
                     (json_int_t)f->last_step, "samples", indices);
}

json_t *report_json_epoch(const struct coverage_epoch *e)
{
    json_t *finds = json_array();
    for (size_t i = 0; i < e->find_count; i++)
        json_array_append_new(finds, json_find(&e->finds[i]));
    json_t *all = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "epoch",
                            (json_int_t)e->epoch, "samples",
                            (json_int_t)(e->samples - e->before - e->left_out), "acknowledged",
                            (json_int_t)e->got, "missed", (json_int_t)e->missed, "repeated",
                            (json_int_t)e->repeated, "open", (json_int_t)e->open, "by_token",
                            (json_int_t)e->by_token, "left_out", (json_int_t)e->left_out, "padding",
                            (json_int_t)e->padding, "so_far", e->so_far, "finds", finds);
    if (e->last > e->epoch)
        json_object_set_new(all, "last_epoch", number(e->last));
    if (e->unnamed)
        json_object_set_new(all, "unnamed", number(e->unnamed));
    return all;
}

static json_t *json_place(struct place_in p)
{
    return json_pack("{s:I, s:I}", "epoch", (json_int_t)p.epoch, "step", (json_int_t)p.step);
}

static json_t *json_sessions(const struct lineage_run *run)
{
    json_t *all = json_array();
    for (const struct lineage_session *s = run->first; s; s = s->next)
        json_array_append_new(all, json_pack("{s:I, s:I, s:I, s:I, s:b, s:b, s:o, s:o}", "session",
                                             (json_int_t)s->number, "pid",
                                             (json_int_t)report_open_of(s)->pid, "rank",
                                             (json_int_t)report_open_of(s)->spec.rank, "world_size",
                                             (json_int_t)report_open_of(s)->spec.world_size,
                                             "ended", s->book->ended, "jumps", s->jumps, "begins",
                                             json_place(s->begin), "ends", json_place(s->end)));
    return all;
}

json_t *report_json_run(const struct report *r, const struct coverage_sum *sum)
{
    const struct ledger_open *o = report_open_of(r->run->first);
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:i, s:b, s:o, s:o, s:o, s:I}", "uid",
                     (json_int_t)o->uid, "program", o->program, "dataset", o->spec.dataset, "split",
                     o->spec.split, "order", spec_name("order", o->spec.order), "seed",
                     number(o->spec.seed), "world_size", (json_int_t)r->run->world_size, "judged",
                     r->is_judged, "sessions", json_sessions(r->run), "epochs", r->epochs, "wrong",
                     r->wrong, "epochs_not_reached", (json_int_t)sum->not_reached);
}

json_t *report_json_result(const struct report *r, const struct book *b, json_t *runs)
{
    const struct coverage_sum *s = &r->all;
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:O}", "complete",
                     report_is_complete(r, b), "missed", number(s->missed), "repeated",
                     number(s->repeated), "open", number(s->open), "wrong", number(s->wrong),
                     "by_token", number(s->by_token), "lost_batches", number(b->lost.batches),
                     "orphan_batches", number(b->orphans), "torn_bytes", number(b->torn_bytes),
                     "damaged_bytes", number(b->damaged_bytes), "runs", runs);
}

json_t *report_json_wrong(const struct coverage_wrong *w)
{
    return json_pack("{s:I, s:o, s:o}", "session", (json_int_t)w->session->number, "first",
                     json_place(lineage_place(w->session, w->run->first)), "last",
                     json_place(lineage_place(w->session, w->run->end - 1)));
}
