/* SPDX-License-Identifier: MIT */
/* datasets: what is served, and with --all what could be. */
#include "ctl/found.h"
#include "ctl/json.h"
#include "ctl/label.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- what is served ------------------------------------------------------------------------ */

static void digest_text(const struct fmnist_dataset *d, char out[33])
{
    for (int i = 0; i < 16; i++)
        sprintf(out + 2 * i, "%02x", d->digest[i]);
}

static json_t *describe(const struct fmnist_dataset *d, uint32_t label_count)
{
    char digest[33];
    digest_text(d, digest);
    json_t *classes = json_array();
    for (uint32_t i = 0; i < d->class_count; i++)
        json_array_append_new(classes, json_string(d->class_names[i]));
    return json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:s, s:i, s:o}", "name", d->name, "split",
                     d->split, "images", (json_int_t)d->count, "height", (int)d->height, "width",
                     (int)d->width, "channels", (int)d->channels, "digest", digest, "label_count",
                     (int)label_count, "classes", classes);
}

/* What the names of all splits take, as "validation" is longer than "train". */
static int split_width(struct fmnist_datasets *all)
{
    const struct fmnist_dataset *d;
    size_t width = 6;
    for (size_t i = 0; (d = fmnist_datasets_at(all, i)) != NULL; i++)
        if (strlen(d->split) > width)
            width = strlen(d->split);
    return (int)width;
}

static void print(const struct fmnist_dataset *d, int width, uint32_t label_count)
{
    char digest[33], first[LABEL_NAME_SIZE], last[LABEL_NAME_SIZE];
    digest_text(d, digest);
    printf("%-16s %-*s %9llu images of %ux%ux%u, %s", d->name, width, d->split,
           (unsigned long long)d->count, d->height, d->width, d->channels, digest);
    if (label_count)
        printf(", %u labels an image", label_count);
    if (d->class_count)
        printf(", %u classes: %s ... %s", d->class_count, label_shown(d->class_names[0], first),
               label_shown(d->class_names[d->class_count - 1], last));
    putchar('\n');
}

/* Prints them, or makes *list of them. Returns an exit status. */
static int tell_served(const struct invocation *in, struct fmnist_client *client, json_t *list)
{
    struct fmnist_datasets *all;
    const struct fmnist_dataset *d;
    int rc = fmnist_datasets(client, &all);
    if (rc)
        return ctl_failed(rc, "%s", fmnist_error());
    int width = split_width(all);
    for (size_t i = 0; (d = fmnist_datasets_at(all, i)) != NULL; i++)
        if (in->json)
            json_array_append_new(list, describe(d, fmnist_datasets_label_count(all, i)));
        else
            print(d, width, fmnist_datasets_label_count(all, i));
    fmnist_datasets_free(all);
    return EXIT_FINE;
}

/* ---- what could be ------------------------------------------------------------------------- */

static const char *what_to_do(enum found_kind kind)
{
    switch (kind) {
    case FOUND_IDX:
    case FOUND_FOREIGN:
        return "";
    case FOUND_PYTHON:
        return "cannot be imported here; from Python: ";
    default:
        return "broken: ";
    }
}

static void print_found(const struct found_list *found)
{
    if (!found->count)
        puts("no copy of a known dataset lies where frameworks keep them");
    for (size_t i = 0; i < found->count; i++) {
        const struct found *f = &found->items[i];
        printf("%-16s %s: %s\n  %s%s\n", f->name, f->framework, f->path, what_to_do(f->kind),
               f->line);
    }
    if (found->count)
        puts("Lines that begin with - are for the config's datasets; fmnistctl reload reads it "
             "again.");
}

static json_t *describe_found(const struct found_list *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->count; i++) {
        const struct found *f = &found->items[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", f->name, "framework",
                                        f->framework, "kind", found_kind_words[f->kind], "path",
                                        ctl_json_text(f->path), "line", ctl_json_text(f->line)));
    }
    return list;
}

/* Whether a daemon answers or not. */
static int tell_all(const struct invocation *in)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = in->socket, .timeout_ms = in->timeout_ms, .reconnect_ms = -1};
    struct fmnist_client *client = NULL;
    struct found_list found;
    struct err e;
    if (found_look(&found, &e))
        return ctl_file_error(-ENOMEM, "datasets: %s", e.text);
    json_t *served = json_array();
    int status = EXIT_FINE;
    if (fmnist_connect(&o, &client) == FMNIST_OK)
        status = tell_served(in, client, served);
    else if (!in->json)
        printf("nothing is served: %s\n", fmnist_error());
    bool answers = client != NULL;
    fmnist_disconnect(client);
    if (in->json)
        ctl_print_json(stdout, json_pack("{s:b, s:o, s:o}", "daemon", answers, "served", served,
                                         "found", describe_found(&found)));
    else
        json_decref(served);
    if (!in->json)
        print_found(&found);
    found_close(&found);
    return status;
}

int verb_datasets(const struct invocation *in)
{
    if (in->all)
        return tell_all(in);
    struct fmnist_client *client = ctl_connect(in);
    if (!client)
        return EXIT_FAILED;
    json_t *list = json_array();
    int status = tell_served(in, client, list);
    fmnist_disconnect(client);
    if (in->json && status == EXIT_FINE)
        ctl_print_json(stdout, list);
    else
        json_decref(list);
    return status;
}
