/* SPDX-License-Identifier: MIT */
/* export: a dataset for those who read it without a daemon. What it is written as is said by
 * --format or by the name of what it is written to. */
#include "ctl/export.h"

#include "ctl/ended.h"
#include "ctl/json.h"
#include "ctl/nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct export_format *const formats[] = {&export_idx, &export_npz, &export_png,
                                                      &export_csv};
enum { FORMATS = sizeof formats / sizeof *formats };

/* ---- which form ---------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n > m && !strcmp(path + n - m, ending);
}

/* NULL: there is none, told. */
static const struct export_format *find_format(const struct invocation *in)
{
    const char *words[FORMATS + 1] = {NULL};
    for (size_t i = 0; i < FORMATS; i++) {
        words[i] = formats[i]->word;
        if (in->format ? !strcmp(in->format, words[i])
                       : formats[i]->ending && ends_with(in->output, formats[i]->ending))
            return formats[i];
    }
    if (!in->format && strcmp(in->output, "-") != 0)
        return &export_idx;
    const char *near = in->format ? nearest(in->format, words) : NULL;
    if (near)
        ctl_usage("export: --format \"%s\": did you mean %s? There are idx, npz, png, csv",
                  in->format, near);
    else if (in->format)
        ctl_usage("export: --format \"%s\": want one of idx, npz, png, csv", in->format);
    else
        ctl_usage("export: -o -: --format is missing: want npz or csv");
    return NULL;
}

/* Also which format it is. Returns an exit status; what is wrong is told. */
static int check(const struct invocation *in, const struct export_format **format)
{
    if (!in->word_count)
        return ctl_usage("export: want the name of a dataset that is served, or the path of a "
                         "folder");
    if (!in->output)
        return ctl_usage("export: -o FILE or -o FOLDER is missing");
    const struct export_format *f = *format = find_format(in);
    if (!f)
        return EXIT_WRONG_USAGE;
    if (!f->ending && !strcmp(in->output, "-"))
        return ctl_usage("export: -o -: %s is a folder, which cannot be standard output: want its "
                         "name",
                         f->word);
    return EXIT_FINE;
}

/* A file as a folder: what is there stays. A device or a pipe is written to. */
static int refuse_existing(const char *path, const struct export_format *f, struct err *e)
{
    struct stat st;
    if (!f->ending || !strcmp(path, "-") || lstat(path, &st) < 0)
        return 0;
    if (S_ISLNK(st.st_mode) && stat(path, &st) < 0)
        return 0; /* it leads nowhere, and is replaced */
    return S_ISREG(st.st_mode)
               ? err_set(e, -EEXIST, "%s: it is there already: remove it, or name another file",
                         path)
               : 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Which splits. Returns 0 or -EINVAL. */
static int choose(struct export *x, const struct export_format *f, struct err *e)
{
    struct whole *w = &x->whole;
    const char *only = x->in->only_split;
    x->end = w->split_count;
    while (only && x->first < x->end && strcmp(w->splits[x->first].name, only) != 0)
        x->first++;
    if (x->first == x->end)
        return err_set(e, -EINVAL, "%s has no split \"%s\"", w->name, only);
    x->end = only ? x->first + 1 : x->end;
    if (f->one_split && x->end - x->first > 1)
        return err_set(e, -EINVAL, "%s holds one split, and %s has %zu: say which, --split %s",
                       f->word, w->name, w->split_count, w->splits[0].name);
    for (size_t s = x->first; s < x->end; s++) {
        if (!w->splits[s].named)
            w->class_count = 0; /* they would be names of other labels there */
        if (f->no_alpha && w->splits[s].channels != 1 && w->splits[s].channels != 3)
            return err_set(
                e, -EINVAL,
                "%s holds images of 1 or 3 channels, as nothing in it says how many, and "
                "those of %s have %u: want idx, npz or png",
                f->word, w->name, w->splits[s].channels);
        if (w->splits[s].label_columns && !f->has_rows)
            return err_set(e, -EINVAL,
                           "%s holds one label an image, and those of %s have %u: want idx or npz",
                           f->word, w->name, w->splits[s].label_columns);
    }
    return 0;
}

static int write_all(struct export *x, const struct export_format *f, struct err *e)
{
    uint64_t total = 0;
    int rc = choose(x, f, e);
    if (rc)
        return rc;
    for (size_t s = x->first; s < x->end; s++)
        total += x->whole.splits[s].count;
    progress_start(&x->progress, "export", "images", total);
    rc = f->write(x, e);
    progress_clear();
    return rc ? err_prefix(e, rc, "%s", x->path) : 0;
}

static void print_json(const struct export *x, const struct export_format *f, FILE *to)
{
    json_t *splits = json_array();
    for (size_t s = x->first; s < x->end; s++)
        json_array_append_new(splits, json_pack("{s:s, s:I}", "split", x->whole.splits[s].name,
                                                "images", (json_int_t)x->whole.splits[s].count));
    ctl_print_json(to, json_pack("{s:o, s:s, s:s, s:o}", "file", ctl_json_text(x->path), "format",
                                 f->word, "dataset", x->whole.name, "splits", splits));
}

static void tell(const struct export *x, const struct export_format *f)
{
    FILE *to = strcmp(x->path, "-") ? stdout : stderr;
    if (x->in->json) {
        print_json(x, f, to);
        return;
    }
    fprintf(to, "%s:", x->path);
    for (size_t s = x->first; s < x->end; s++) {
        const struct whole_split *split = &x->whole.splits[s];
        fprintf(to, "%s %s, %" PRIu64 " images of %ux%ux%u", s > x->first ? ";" : "", split->name,
                split->count, split->height, split->width, split->channels);
    }
    fputc('\n', to);
}

int verb_export(const struct invocation *in)
{
    struct export x = {.in = in, .path = in->output};
    struct err e = {""};
    const struct export_format *f = NULL;
    int status = check(in, &f);
    if (status || !f)
        return status;
    int rc = refuse_existing(in->output, f, &e);
    if (!rc)
        rc = whole_open(&x.whole, in, in->words[0], &e);
    ended_watch();
    if (!rc)
        rc = write_all(&x, f, &e);
    if (!rc)
        tell(&x, f);
    whole_close(&x.whole);
    ended_follow();
    if (rc && rc != -ECANCELED)
        ctl_file_error(rc, "export: %s", e.text);
    return rc ? EXIT_FAILED : EXIT_FINE;
}
