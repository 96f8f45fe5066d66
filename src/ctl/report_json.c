/* Runs for programs. */
#include "ctl/report.h"

static json_t *json_find(const struct coverage_find *f)
{
    json_t *indices = json_array();
    for (uint64_t i = 0; i < f->count; i++)
        json_array_append_new(indices, json_integer(f->indices[i]));
    return json_pack("{s:s, s:i, s:I, s:I, s:o}", "what", report_kind(f->kind), "rank",
                     (int)f->rank, "first_step", (json_int_t)f->first_step, "last_step",
                     (json_int_t)f->last_step, "samples", indices);
}

json_t *report_json_epoch(const struct coverage_epoch *e)
{
    json_t *finds = json_array();
    for (size_t i = 0; i < e->find_count; i++)
        json_array_append_new(finds, json_find(&e->finds[i]));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "epoch",
                     (json_int_t)e->epoch, "samples",
                     (json_int_t)(e->samples - e->before - e->left_out), "acknowledged",
                     (json_int_t)e->got, "missed", (json_int_t)e->missed, "repeated",
                     (json_int_t)e->repeated, "open", (json_int_t)e->open, "by_token",
                     (json_int_t)e->by_token, "left_out", (json_int_t)e->left_out, "padding",
                     (json_int_t)e->padding, "so_far", e->so_far, "finds", finds);
}

static json_t *json_place(struct place_in p)
{
    return json_pack("{s:I, s:I}", "epoch", (json_int_t)p.epoch, "step", (json_int_t)p.step);
}

static json_t *json_sessions(const struct lineage_run *run)
{
    json_t *all = json_array();
    for (const struct lineage_session *s = run->first; s; s = s->next)
        json_array_append_new(all, json_pack("{s:i, s:i, s:i, s:i, s:b, s:b, s:o, s:o}", "session",
                                             (int)s->number, "pid", (int)report_open_of(s)->pid,
                                             "rank", (int)report_open_of(s)->spec.rank,
                                             "world_size", (int)report_open_of(s)->spec.world_size,
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
                     json_integer((json_int_t)o->spec.seed), "world_size", (int)r->run->world_size,
                     "judged", r->is_judged, "sessions", json_sessions(r->run), "epochs", r->epochs,
                     "wrong", r->wrong, "epochs_not_reached", (json_int_t)sum->not_reached);
}

json_t *report_json_result(const struct report *r, const struct book *b, json_t *runs)
{
    const struct coverage_sum *s = &r->all;
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "complete",
                     report_is_complete(r, b), "missed", (json_int_t)s->missed, "repeated",
                     (json_int_t)s->repeated, "open", (json_int_t)s->open, "wrong",
                     (json_int_t)s->wrong, "by_token", (json_int_t)s->by_token, "lost_batches",
                     (json_int_t)b->lost.batches, "orphan_batches", (json_int_t)b->orphans,
                     "torn_bytes", (json_int_t)b->torn_bytes, "damaged_bytes",
                     (json_int_t)b->damaged_bytes, "runs", runs);
}

json_t *report_json_wrong(const struct coverage_wrong *w)
{
    return json_pack("{s:i, s:o, s:o}", "session", (int)w->session->number, "first",
                     json_place(lineage_place(w->session, w->run->first)), "last",
                     json_place(lineage_place(w->session, w->run->end - 1)));
}
