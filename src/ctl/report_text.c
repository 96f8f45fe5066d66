/* SPDX-License-Identifier: MIT */
/* Runs for people: a line an epoch, alike ones together, and what was found below. */
#include "ctl/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 8 /* samples of a find that are told by number */

/* 60000 as "60,000". One of 8 static buffers, used in turn. */
static const char *grouped(uint64_t n)
{
    static char buffers[8][32];
    static unsigned turn;
    char *at = buffers[turn++ % 8] + 31;
    *at = 0;
    for (int digits = 0; digits == 0 || n; digits++, n /= 10) {
        if (digits && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + n % 10);
    }
    return at;
}

static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

const char *report_kind(enum coverage_kind kind)
{
    static const char *const words[] = {"missed", "repeated", "not known"};
    return words[kind];
}

bool report_is_complete(const struct report *r, const struct book *b)
{
    const struct coverage_sum *s = &r->all;
    return !s->missed && !s->repeated && !s->open && !s->wrong && !s->not_reached && !b->orphans;
}

static void print_line(struct line *l)
{
    if (!*l->text)
        return;
    if (l->first == l->last)
        printf("  epoch %" PRIu64 ": %s\n", l->first, l->text);
    else
        printf("  epochs %" PRIu64 " to %" PRIu64 ": %s\n", l->first, l->last, l->text);
    *l->text = 0;
}

static void describe_epoch(const struct report *r, const struct coverage_epoch *e, char text[512])
{
    uint64_t of = e->samples - e->before - e->left_out;
    bool each_once = !e->missed && !e->repeated && !e->open;
    snprintf(text, 512, "%s of %s%s%s", grouped(e->got), grouped(of), r->samples,
             e->so_far ? " so far" : "");
    if (each_once)
        add(text, 512, ", each once");
    if (e->missed)
        add(text, 512, "; %s missed", grouped(e->missed));
    if (e->repeated)
        add(text, 512, "; %s repeated", grouped(e->repeated));
    if (e->open)
        add(text, 512, "; %s not known: the stream is open, or its daemon died", grouped(e->open));
    if (e->before)
        add(text, 512, " (%s before the run begins here)", grouped(e->before));
    if (e->left_out)
        add(text, 512, " (%s left out by drop_last or pad)", grouped(e->left_out));
    if (e->padding)
        add(text, 512, " (%s more by pad)", grouped(e->padding));
    if (e->by_token)
        add(text, 512, " (%s by a token alone)", grouped(e->by_token));
}

static void print_find(const struct report *r, const struct coverage_epoch *e,
                       const struct coverage_find *f)
{
    printf("    %s: ", report_kind(f->kind));
    if (e->world_size > 1)
        printf("rank %" PRIu32 " of %" PRIu32 ", ", f->rank, e->world_size);
    if (f->first_step == f->last_step)
        printf("step %" PRIu64, f->first_step);
    else
        printf("steps %" PRIu64 " to %" PRIu64, f->first_step, f->last_step);
    printf(",%s ", *r->samples ? r->samples : " samples");
    for (uint64_t i = 0; i < f->count && i < SHOWN; i++)
        printf("%s%" PRIu32, i ? ", " : "", f->indices[i]);
    if (f->count > SHOWN)
        printf(" and %s more", grouped(f->count - SHOWN));
    if (f->kind == COVERAGE_REPEATED && f->sessions[1])
        printf("; by sessions %" PRIu32 " and %" PRIu32, f->sessions[0], f->sessions[1]);
    putchar('\n');
}

void report_print_epoch(struct report *r, const struct coverage_epoch *e)
{
    char text[512];
    describe_epoch(r, e, text);
    if (*r->line.text && (strcmp(text, r->line.text) != 0 || e->find_count))
        print_line(&r->line);
    if (!*r->line.text) {
        memcpy(r->line.text, text, sizeof text);
        r->line.first = e->epoch;
    }
    r->line.last = e->last;
    if (!e->find_count)
        return;
    print_line(&r->line);
    for (size_t i = 0; i < e->find_count; i++)
        print_find(r, e, &e->finds[i]);
    if (e->unnamed)
        printf("    and %s more\n", grouped(e->unnamed));
}

static void print_session(const struct lineage_session *s)
{
    printf("session %" PRIu32 " (pid %" PRIu32 ")", s->number, report_open_of(s)->pid);
}

/* Where sessions of the run do not go on from each other. */
static void print_jumps(const struct lineage_run *run)
{
    for (const struct lineage_session *s = run->first; s; s = s->next) {
        if (!s->jumps)
            continue;
        printf("  ");
        print_session(s);
        printf(" was opened at epoch %" PRIu64 " step %" PRIu64 ", %s where session %" PRIu32
               " ended: epoch %" PRIu64 " step %" PRIu64 "\n",
               s->begin.epoch, s->begin.step,
               place_compare(s->begin, s->before->end) < 0 ? "before" : "behind", s->before->number,
               s->before->end.epoch, s->before->end.step);
    }
}

void report_print_run(const struct report *r, uint32_t number)
{
    const struct ledger_open *o = report_open_of(r->run->first);
    const struct spec *spec = &o->spec;
    uint32_t sessions = 0;
    for (const struct lineage_session *s = r->run->first; s; s = s->next)
        sessions++;
    printf("run %" PRIu32 ": %s %s, order %s, seed %" PRIu64 ", batches of %" PRIu32, number,
           spec->dataset, spec->split, spec_name("order", spec->order), spec->seed,
           spec->batch_size);
    if (r->run->world_size > 1)
        printf(", %" PRIu32 " ranks", r->run->world_size);
    printf("; uid %" PRIu32 ", %s, ", o->uid,
           *o->program ? o->program : "a program without a name");
    printf("%" PRIu32 " session%s from pid %" PRIu32 " on\n", sessions, sessions == 1 ? "" : "s",
           o->pid);
    if (!r->is_judged)
        puts("  fmnistctl's own, which looks: told, not judged");
    print_jumps(r->run);
}

void report_print_wrong(const struct coverage_wrong *w)
{
    struct place_in first = lineage_place(w->session, w->run->first);
    struct place_in last = lineage_place(w->session, w->run->end - 1);
    printf("  ");
    print_session(w->session);
    printf(" had other images than the stream's somewhere from epoch %" PRIu64 " step %" PRIu64
           " to epoch %" PRIu64 " step %" PRIu64 "\n",
           first.epoch, first.step, last.epoch, last.step);
}

void report_print_end(struct report *r, const struct coverage_sum *sum)
{
    print_line(&r->line);
    if (sum->not_reached)
        printf("  %s more epochs were asked for: nothing of them\n", grouped(sum->not_reached));
}

static void print_book(const struct book *b)
{
    if (b->lost.sessions)
        printf("the ledger lacks %s batches that it could not be told: its disk was full\n",
               grouped(b->lost.batches));
    if (b->orphans)
        printf("%s batches are of sessions whose beginning is not in here\n", grouped(b->orphans));
    if (b->torn_bytes)
        printf("%s bytes at the end are no whole record: left out\n", grouped(b->torn_bytes));
    if (b->damaged_bytes)
        printf("%s bytes are damaged: what they said is not known\n", grouped(b->damaged_bytes));
}

void report_print_result(const struct report *r, const struct book *b)
{
    const struct coverage_sum *s = &r->all;
    print_book(b);
    if (report_is_complete(r, b))
        printf("complete: %" PRIu32 " run%s, each sample once\n", r->judged,
               r->judged == 1 ? "" : "s");
    else
        printf("not complete: %s samples missed, %s repeated, %s not known, %s epochs not reached, "
               "%s stretches with other images\n",
               grouped(s->missed), grouped(s->repeated), grouped(s->open), grouped(s->not_reached),
               grouped(s->wrong));
}
