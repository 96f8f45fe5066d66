/* SPDX-License-Identifier: MIT */
/* Prints a config. What it prints reads as the same values; they then all come from the file. */
#include "config/print.h"

#include "base/log.h"
#include "base/utf8.h"
#include "config/memory.h"
#include "config/schema.h"
#include "config/sizes.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COLUMN 36 /* where the comments begin */

struct printing {
    const struct config *c;
    FILE *out;
    char by_memory[96];
};

/* ---- texts --------------------------------------------------------------------------------- */

/* In double quotes, where no word means something else. Returns how many bytes that took. All of it
 * was checked. */
static int put_text(struct printing *p, const char *text)
{
    int n = fprintf(p->out, "\"");
    const unsigned char *at = (const unsigned char *)text;
    for (size_t bytes; *at; at += bytes) {
        uint32_t character;
        bytes = utf8_take(at, &character);
        assert(bytes);
        if (utf8_is_plain_yaml(character))
            n += (int)fwrite(at, 1, bytes, p->out);
        else
            n += fprintf(p->out, character < 0x100 ? "\\x%02" PRIX32 : "\\u%04" PRIX32, character);
    }
    return n + fprintf(p->out, "\"");
}

/* A file's name is bytes, and only half of a config would be there when one is found. */
static int check_path(const char *key, const char *path, struct err *e)
{
    if (!path || utf8_is_text(path))
        return 0;
    return err_set(e, -EILSEQ, "%s is \"%.120s\", which is no UTF-8, as a config is", key, path);
}

static int check_paths(const struct config *c, struct err *e)
{
    int rc = check_path("socket", c->socket, e);
    if (!rc)
        rc = check_path("cache", c->cache, e);
    if (!rc)
        rc = check_path("ledger.path", c->ledger.path, e);
    for (uint32_t i = 0; !rc && i < c->dataset_count; i++)
        rc = check_path("datasets[].path", c->datasets[i].path, e);
    return rc;
}

static int put_size(struct printing *p, uint64_t bytes)
{
    char text[SIZE_TEXT_SIZE];
    return fprintf(p->out, "%s", size_text(bytes, "", text));
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* "  key: "; how far it is indented shows by its path. */
static int begin(const struct printing *p, const char *path)
{
    const char *dot = strchr(path, '.');
    return fprintf(p->out, "%s%s: ", dot ? "  " : "", dot ? dot + 1 : path);
}

/* Ends a line of `n` bytes. `why`: what a default follows, or NULL. */
static void end(const struct printing *p, int n, const char *path, const char *why)
{
    uint32_t line = config_line(p->c, path);
    fprintf(p->out, "%*s", n < COLUMN ? COLUMN - n : 1, "");
    if (line == CONFIG_COMMAND_LINE)
        fprintf(p->out, "# the command line\n");
    else if (line)
        fprintf(p->out, "# line %" PRIu32 "\n", line);
    else
        fprintf(p->out, "# default%s%s\n", why ? ", " : "", why ? why : "");
}

static void print_text(struct printing *p, const char *path, const char *text, const char *why)
{
    int n = begin(p, path);
    end(p, n + put_text(p, text), path, why);
}

static void print_word(const struct printing *p, const char *path, const char *word)
{
    int n = begin(p, path);
    end(p, n + fprintf(p->out, "%s", word), path, NULL);
}

static void print_number(const struct printing *p, const char *path, uint32_t number,
                         const char *why)
{
    int n = begin(p, path);
    end(p, n + fprintf(p->out, "%" PRIu32, number), path, why);
}

static void print_size(struct printing *p, const char *path, uint64_t bytes, const char *why)
{
    int n = begin(p, path);
    end(p, n + put_size(p, bytes), path, why);
}

/* ---- defaults that follow something -------------------------------------------------------- */

/* Why a default is what it is. `most`: without a limit of memory; `here`: by the memory alone. */
static const char *why_less(const struct printing *p, uint64_t value, uint64_t most, uint64_t here,
                            const char *other)
{
    return value == most ? NULL : value == here ? p->by_memory : other;
}

static void print_limits(struct printing *p)
{
    const struct config_limits *l = &p->c->limits;
    struct config most = {0}, here = {0};
    config_memory_defaults(&most, (struct host_memory){.bytes = UINT64_MAX, .of = ""});
    config_memory_defaults(&here, p->c->memory);
    const struct config_limits *m = &most.limits, *h = &here.limits;
    print_size(p, "sample_store", p->c->sample_cache_bytes,
               why_less(p, p->c->sample_cache_bytes, most.sample_cache_bytes,
                        here.sample_cache_bytes, NULL));
    fputs("limits:\n", p->out);
    print_number(p, "limits.clients", l->clients,
                 why_less(p, l->clients, m->clients, h->clients, NULL));
    print_number(p, "limits.clients_per_user", l->clients_per_user,
                 why_less(p, l->clients_per_user, m->clients_per_user, h->clients_per_user,
                          "as limits.clients"));
    print_size(
        p, "limits.ring_bytes", l->ring_bytes,
        why_less(p, l->ring_bytes, m->ring_bytes, h->ring_bytes, "as limits.ring_bytes_per_user"));
    print_size(p, "limits.ring_bytes_per_user", l->ring_bytes_per_user,
               why_less(p, l->ring_bytes_per_user, m->ring_bytes_per_user, h->ring_bytes_per_user,
                        "as limits.ring_bytes"));
    print_size(p, "limits.list_bytes", l->list_bytes,
               why_less(p, l->list_bytes, m->list_bytes, h->list_bytes, NULL));
    print_number(p, "limits.image_us", l->image_us, NULL);
    print_number(p, "limits.handshake_ms", l->handshake_ms, NULL);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void print_socket(struct printing *p)
{
    const struct config *c = p->c;
    print_text(p, "socket", c->socket, NULL);
    int n = begin(p, "socket_mode");
    end(p, n + fprintf(p->out, "\"%04" PRIo32 "\"", c->socket_mode), "socket_mode",
        c->socket_group ? "with a socket_group" : NULL);
    if (c->socket_group)
        print_text(p, "socket_group", c->socket_group, NULL);
    else
        print_word(p, "socket_group", "none");
}

static void print_ledger(struct printing *p)
{
    const struct config_ledger *l = &p->c->ledger;
    if (!l->path) {
        fputs("# ledger: there is none\n", p->out);
        return;
    }
    fputs("ledger:\n", p->out);
    print_text(p, "ledger.path", l->path, NULL);
    print_size(p, "ledger.max_bytes", l->max_bytes, NULL);
    print_number(p, "ledger.files", l->files, NULL);
}

static void print_split(struct printing *p, const struct dataset_source *d, int split)
{
    fputs("      ", p->out);
    put_text(p, dataset_split_name(d, split));
    if (d->splits[split].cut) {
        fputs(": {from: ", p->out);
        put_text(p, d->splits[split].from);
        fputs(", select: ", p->out);
        put_text(p, d->splits[split].cut);
        fputs("}\n", p->out);
        return;
    }
    fputs(": {images: ", p->out);
    put_text(p, d->splits[split].images);
    fputs(", labels: ", p->out);
    put_text(p, d->splits[split].labels);
    fputs("}\n", p->out);
}

/* What an entry leaves out is as its name is known. */
static void print_dataset(struct printing *p, const struct dataset_source *d, uint32_t line)
{
    fputs("  - name: ", p->out);
    put_text(p, d->name);
    fputs("\n    path: ", p->out);
    int n = 10 + put_text(p, d->path);
    fprintf(p->out, "%*s# line %" PRIu32 "\n", n < COLUMN ? COLUMN - n : 1, "", line);
    bool any = false;
    for (int split = 0; split < DATASET_SPLITS; split++)
        if (d->splits[split].images || d->splits[split].cut) {
            fputs(any ? "" : "    splits:\n", p->out);
            print_split(p, d, split);
            any = true;
        }
    if (d->class_count)
        fputs("    classes:\n", p->out);
    for (uint32_t i = 0; i < d->class_count; i++) {
        fputs("      - ", p->out);
        put_text(p, d->classes[i]);
        fputc('\n', p->out);
    }
    if (d->transpose >= 0)
        fprintf(p->out, "    transpose: %s\n", d->transpose ? "true" : "false");
    if (d->multi_label >= 0)
        fprintf(p->out, "    multi_label: %s\n", d->multi_label ? "true" : "false");
}

int config_print(const struct config *c, uint32_t workers, FILE *out, struct err *e)
{
    struct printing p = {.c = c, .out = out};
    char text[CONFIG_MEMORY_TEXT_SIZE];
    int rc = check_paths(c, e);
    if (rc)
        return rc;
    snprintf(p.by_memory, sizeof p.by_memory, "by the memory limit of %s", c->memory.of);
    fprintf(out, "# What is in force, and where in the config file it stands.\n# %s\n",
            config_memory_text(c, text));
    print_socket(&p);
    if (c->cache)
        print_text(&p, "cache", c->cache, NULL);
    else
        print_word(&p, "cache", "none");
    print_number(&p, "workers", workers, "the CPUs that it may use");
    if (c->ring_bytes)
        print_size(&p, "ring", c->ring_bytes, NULL);
    else
        print_word(&p, "ring", "auto");
    print_word(&p, "io_uring", c->io_uring ? "auto" : "off");
    print_word(&p, "log_level", log_level_name(c->log_level));
    print_ledger(&p);
    print_limits(&p);
    fputs("datasets:\n", out);
    for (uint32_t i = 0; i < c->dataset_count; i++)
        print_dataset(&p, &c->datasets[i], c->dataset_lines[i]);
    return 0;
}
