/* SPDX-License-Identifier: MIT */
/* import: a set of IDX files out of what others publish. Reading is src/import's; here are the
 * options, progress, Ctrl-C and what is said in the end. */
#include "ctl/config_add.h"
#include "ctl/config_entry.h"
#include "ctl/describe.h"
#include "ctl/ended.h"
#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

#include "base/clock.h"
#include "import/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct importing {
    const struct invocation *in;
    struct import_set *set;
    struct progress progress;
    json_t *left_out; /* what was told of members, for programs */
    bool broken, reloaded;
};

static int step(void *data, uint64_t done, uint64_t total, struct err *e)
{
    struct importing *x = data;
    x->progress.total = total;
    progress_tell(&x->progress, done, clock_ns());
    return ended_look(e);
}

static void note(void *data, bool broken, const char *text)
{
    struct importing *x = data;
    x->broken |= broken;
    progress_clear();
    fprintf(stderr, "fmnistctl: import: %s\n", text);
    json_array_append_new(
        x->left_out, json_pack("{s:b, s:o}", "broken", broken, "message", ctl_json_text(text)));
}

/* ---- options ------------------------------------------------------------------------------- */

/* "28x28". Returns 0, or EXIT_WRONG_USAGE, told. */
static int take_size(const char *text, struct import_options *o)
{
    char *end = NULL;
    unsigned long h = text ? strtoul(text, &end, 10) : 0, w = 0;
    if (!text)
        return 0;
    if (*end == 'x')
        w = strtoul(end + 1, &end, 10);
    if (*text < '1' || *text > '9' || *end || h < 1 || w < 1 || h > 4096 || w > 4096)
        return ctl_usage("--size \"%s\": want HEIGHTxWIDTH in pixels, as 28x28", text);
    o->height = (uint32_t)h;
    o->width = (uint32_t)w;
    return 0;
}

/* A rule's name, as a spec has it, of those that give levels. */
static int take_resize(const struct import_words *words, struct import_options *o)
{
    struct fmnist_spec spec;
    if (!words->resize)
        return 0;
    fmnist_spec_init(&spec);
    if (fmnist_spec_set(&spec, "resize", words->resize) != 0)
        return ctl_usage("--%s", fmnist_error());
    if (spec.resize == FMNIST_RESIZE_NONE || spec.resize == FMNIST_RESIZE_TF_BILINEAR_PAD)
        return ctl_usage("--resize %s: want a rule that makes whole levels of any size",
                         words->resize);
    if (!words->size)
        return ctl_usage("--resize %s: to which size? --size HxW is missing", words->resize);
    o->resize = spec.resize;
    return 0;
}

static int take_colour(const struct import_words *words, struct import_options *o)
{
    if (words->grayscale && words->rgb)
        return ctl_usage("--grayscale and --rgb exclude each other");
    o->channels = words->grayscale ? 1 : words->rgb ? 3 : 0;
    return 0;
}

static int take_options(const struct import_words *words, struct import_options *o)
{
    const char *kind = words->labels_kind;
    o->split = words->split;
    o->images = words->images;
    o->labels = words->labels;
    o->label_column = words->label_column;
    o->labels_kind = kind;
    o->set = words->set;
    if (kind && strcmp(kind, "fine") != 0 && strcmp(kind, "coarse") != 0)
        return ctl_usage("--labels-kind \"%s\": want fine or coarse", kind);
    if (!words->images != !words->labels)
        return ctl_usage("--images and --labels belong together: --%s is missing",
                         words->images ? "labels" : "images");
    int rc = take_size(words->size, o);
    if (!rc)
        rc = take_resize(words, o);
    return rc ? rc : take_colour(words, o);
}

/* A name a line; empty lines are passed over, so that a file may end as it likes. */
static int take_classes(const char *path, struct import_set *set, struct err *e)
{
    if (!path)
        return 0;
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    uint32_t class = 0;
    ssize_t n;
    int rc = f ? 0 : err_sys(e, -errno, "opening it");
    while (!rc && (n = getline(&line, &size, f)) > 0) {
        /* UTF-8's byte order mark, which some editors write first. */
        char *name = !class && !strncmp(line, "\xef\xbb\xbf", 3) ? line + 3 : line;
        n = (ssize_t)strlen(name);
        while (n && strchr("\r\n\t ", name[n - 1]))
            name[--n] = 0;
        if (n)
            rc = import_set_class(set, class ++, name, e);
    }
    if (!rc && ferror(f))
        rc = err_sys(e, -errno, "reading it");
    if (!rc && !class)
        rc = err_set(e, -EINVAL, "no name in it, want one a line");
    if (f)
        fclose(f);
    free(line);
    return rc ? err_prefix(e, rc, "--classes %s", path) : 0;
}

/* ---- what is said -------------------------------------------------------------------------- */

/* Quoted as JSON has it, which Python takes; nothing of what is no UTF-8. */
static void print_python(const char *name, const char *folder)
{
    json_t *texts[] = {ctl_json_text(name), ctl_json_text(folder)};
    char *quoted[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        quoted[i] = json_is_string(texts[i]) ? json_dumps(texts[i], JSON_ENCODE_ANY) : NULL;
        json_decref(texts[i]);
    }
    if (quoted[0] && quoted[1])
        printf("\n# or without a config, in Python: fmnist.open(%s, daemon=\"auto\", data=%s)\n",
               quoted[0], quoted[1]);
    free(quoted[0]);
    free(quoted[1]);
}

static void print_text(const struct importing *x, const struct import_set *set,
                       const struct import_reader *reader, const char *folder)
{
    char name[256], path[8192];
    for (int i = 0; i < import_set_split_count(set); i++) {
        struct import_split_facts s = import_set_facts(set, i);
        printf("%s: %llu images, %u x %u", s.name, (unsigned long long)s.images, s.shape.h,
               s.shape.w);
        if (s.shape.channels > 1)
            printf(" x %u", s.shape.channels);
        if (s.columns > 1)
            printf(", %u labels each\n", s.columns);
        else
            printf(", labels up to %d\n", s.label_max);
    }
    if (x->in->import.add) {
        printf("\n%s: %s is in it%s\n", x->in->import.add, import_set_name(set),
               x->reloaded ? ", and served" : "; no daemon that runs has read it");
        return;
    }
    config_entry_value(import_set_name(set), name, sizeof name);
    config_entry_value(folder, path, sizeof path);
    printf("\n# %s, for the config's datasets:\n  - name: %s\n    path: %s\n", reader->word, name,
           path);
    print_python(import_set_name(set), folder);
}

static json_t *describe_split(struct import_split_facts s)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "split", s.name, "images",
                     (json_int_t)s.images, "height", (json_int_t)s.shape.h, "width",
                     (json_int_t)s.shape.w, "channels", (json_int_t)s.shape.channels,
                     "label_columns", (json_int_t)s.columns, "label_max", (json_int_t)s.label_max);
}

static void print_json(const struct importing *x, const struct import_set *set,
                       const struct import_reader *reader, const char *folder)
{
    json_t *splits = json_array();
    for (int i = 0; i < import_set_split_count(set); i++)
        json_array_append_new(splits, describe_split(import_set_facts(set, i)));
    ctl_print_json(stdout,
                   json_pack("{s:o, s:o, s:s, s:o, s:I, s:O, s:b, s:b}", "name",
                             ctl_json_text(import_set_name(set)), "folder", ctl_json_text(folder),
                             "format", reader->word, "splits", splits, "classes",
                             (json_int_t)import_set_class_count(set), "left_out", x->left_out,
                             "added", x->in->import.add != NULL, "reloaded", x->reloaded));
}

static int tell(struct importing *x, const struct import_set *set,
                const struct import_reader *reader)
{
    char *folder = realpath(import_set_target(set), NULL);
    const char *path = folder ? folder : import_set_target(set);
    struct err e = {""};
    int rc = x->in->import.add ? config_add(x->in, x->in->import.add, import_set_name(set), path,
                                            &x->reloaded, &e)
                               : 0;
    if (rc) {
        int status = ctl_file_error(rc, "import: %s is there, but %s", path, e.text);
        free(folder);
        return status;
    }
    if (x->in->json)
        print_json(x, set, reader, path);
    else
        print_text(x, set, reader, path);
    free(folder);
    return x->broken ? EXIT_FAILED : EXIT_FINE;
}

/* ---- whether it can be added ---------------------------------------------------------------- */

/* A name that no dataset has yet, for what has none. */
#define ANY_NAME "fmnistctl-import"

struct adding {
    const char *config, *name;
};

static int look_at(void *data, const char *folder, struct err *e)
{
    const struct adding *a = data;
    return config_add_look(a->config, a->name, folder, e);
}

/* Before anything is read, and again with the name that the source gives: what is in vain should
 * not take long. */
static int look_whether_added(struct importing *x, const char *name, struct err *e)
{
    struct adding a = {x->in->import.add, name};
    ended_hold(); /* what is written beside the config has its own way with signals */
    int rc = import_set_probe(x->set, look_at, &a, e);
    ended_watch();
    return rc;
}

static int on_name(void *data, const char *name, struct err *e)
{
    return look_whether_added(data, name, e);
}

static int begin_adding(struct importing *x, struct err *e)
{
    const char *name = import_set_name(x->set);
    if (!x->in->import.add)
        return 0;
    import_set_on_name(x->set, on_name, x);
    return look_whether_added(x, name ? name : ANY_NAME, e);
}

/* ---- the verb ------------------------------------------------------------------------------ */

static int import_into(struct importing *x, const struct import_options *o)
{
    struct import_set *set = x->set;
    const struct import_watch watch = {.data = x, .step = step};
    const struct import_reader *reader;
    struct import_input *input = NULL;
    struct err e = {""};
    int rc = begin_adding(x, &e);
    if (!rc)
        rc = take_classes(x->in->import.classes, set, &e);
    if (!rc)
        rc = import_input_open(&input, x->in->words, x->in->word_count, watch, &e);
    if (!rc)
        rc = import_run(input, set, o, &reader, &e);
    import_input_close(input);
    progress_clear();
    if (rc && !ended_look(NULL))
        return ctl_file_error(rc, "import: %s", e.text);
    return rc ? EXIT_FAILED : tell(x, set, reader);
}

int verb_import(const struct invocation *in)
{
    struct importing x = {.in = in};
    struct import_options o = {.note = note, .note_data = &x, .describe = describe};
    struct err e = {""};
    int status = take_options(&in->import, &o);
    if (status)
        return status;
    ended_watch();
    int rc = import_set_new(&x.set, in->output, in->import.name, &e);
    if (rc)
        return ctl_file_error(rc, "import: %s", e.text);
    if (import_set_swept(x.set))
        fprintf(stderr, "fmnistctl: import: %s\n", import_set_swept(x.set));
    import_set_ask(x.set, ended_look);
    x.left_out = json_array();
    progress_start(&x.progress, "import", "bytes", 0);
    status = import_into(&x, &o);
    import_set_free(x.set);
    json_decref(x.left_out);
    ended_follow(); /* everything is cleared away */
    return status;
}
