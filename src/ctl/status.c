/* SPDX-License-Identifier: MIT */
/* status and reload: what the daemon says, for people or for programs. */
#include "ctl/json.h"
#include "ctl/process.h"
#include "ctl/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double mib(json_int_t bytes)
{
    return (double)bytes / (1 << 20);
}

static json_int_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *t = json_string_value(json_object_get(object, key));
    return t ? t : "?";
}

static void print_stream(const json_t *s)
{
    printf("  %s/%s, batch %lld, %lldx%lld %s, order %s, %s: epoch %lld, step %lld of %lld\n",
           text(s, "dataset"), text(s, "split"), (long long)integer(s, "batch_size"),
           (long long)integer(s, "height"), (long long)integer(s, "width"), text(s, "dtype"),
           text(s, "order"), text(s, "transport"), (long long)integer(s, "epoch"),
           (long long)integer(s, "step"), (long long)integer(s, "steps"));
    printf("  %lld of %lld batches ready, ring %.1f MiB; rendering took %.3f s, its reader waited "
           "%.3f of %.1f s\n",
           (long long)integer(s, "batches_ready"), (long long)integer(s, "slots"),
           mib(integer(s, "ring_bytes")), json_number_value(json_object_get(s, "render_seconds")),
           json_number_value(json_object_get(s, "waited_seconds")),
           json_number_value(json_object_get(s, "seconds")));
    if (json_object_get(s, "augment"))
        printf("  augmented (draws: %s, views: %lld): %s\n", text(s, "draws"),
               (long long)integer(s, "views"), text(s, "augment"));
}

static void print_client(const json_t *client)
{
    const json_t *s = json_object_get(client, "stream");
    printf("client %lld: %s, process %lld, user %lld%s\n", (long long)integer(client, "id"),
           text(client, "program"), (long long)integer(client, "pid"),
           (long long)integer(client, "uid"), s ? "" : ", no stream");
    if (json_is_string(json_object_get(client, "command")))
        printf("  command: %s\n", text(client, "command"));
    if (s)
        print_stream(s);
}

static void print_status(const json_t *all)
{
    const json_t *store = json_object_get(all, "sample_store");
    const json_t *lists = json_object_get(all, "lists");
    printf("fmnistd %s, process %lld, up %.0f s, on %s\n", text(all, "version"),
           (long long)integer(all, "pid"),
           json_number_value(json_object_get(all, "uptime_seconds")), text(all, "socket"));
    if (json_is_string(json_object_get(all, "config")))
        printf("config %s\n", text(all, "config"));
    printf("workers %lld, pixels %s, clients accepted %lld, refused %lld\n",
           (long long)integer(all, "workers"), text(all, "isa"),
           (long long)integer(all, "clients_accepted"), (long long)integer(all, "clients_refused"));
    printf("sample store: %.1f MiB filled, %.1f reserved of %.1f MiB, %lld entries\n",
           mib(integer(store, "filled_bytes")), mib(integer(store, "reserved_bytes")),
           mib(integer(store, "budget_bytes")), (long long)integer(store, "entries"));
    printf("lists: %lld kept, %.1f MiB, %lld received\n", (long long)integer(lists, "kept"),
           mib(integer(lists, "bytes")), (long long)integer(lists, "received"));
    const json_t *memory = json_object_get(all, "memory");
    printf(
        "memory: datasets %.1f MiB mapped, samples %.1f, rings %.1f, permutations %.1f; resident "
        "%.1f\n",
        mib(integer(memory, "datasets_bytes")), mib(integer(memory, "samples_bytes")),
        mib(integer(memory, "rings_bytes")), mib(integer(memory, "permutations_bytes")),
        mib(integer(memory, "resident_bytes")));
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(all, "datasets"), i, item)
        printf("dataset %s/%s: %lld images, %.1f MiB mapped\n", text(item, "name"),
               text(item, "split"), (long long)integer(item, "images"),
               mib(integer(item, "bytes")));
    json_array_foreach (json_object_get(all, "clients"), i, item)
        print_client(item);
}

int verb_status(const struct invocation *in)
{
    struct fmnist_client *client = ctl_connect(in);
    if (!client)
        return EXIT_FAILED;
    char *json;
    int rc = fmnist_status(client, &json);
    fmnist_disconnect(client);
    if (rc)
        return ctl_failed(rc, "%s", fmnist_error());
    int status = EXIT_FINE;
    json_error_t e;
    json_t *all = json_loads(json, 0, &e);
    if (all)
        processes_name(all);
    if (!all)
        status = ctl_error("the daemon's status is no JSON: %s", e.text);
    else if (in->json)
        ctl_print_json_exact(stdout, json_incref(all));
    else
        print_status(all);
    json_decref(all);
    free(json);
    return status;
}

/* What happened to it, of a line "key: what"; by the daemon's words, requests/changes.c. */
static const char *change_word(const char *what)
{
    static const char *const words[][2] = {
        {"added", "added"},
        {"removed", "removed"},
        {"opened anew", "reopened"},
        {"needs a restart", "needs-restart"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(what, words[i][0], strlen(words[i][0])))
            return words[i][1];
    return "changed";
}

/* "dataset" with a name, or a key of the config with null: {"key", "name", "change", "message"}. */
static json_t *describe_change(const char *line, size_t n)
{
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)n, line);
    char *what = strstr(text, ": "), *name = NULL;
    if (!what)
        return json_pack("{s:n, s:n, s:s, s:s%}", "key", "name", "change", "changed", "message",
                         line, n);
    *what = 0;
    char *end = strpbrk(text, " ");
    if (end) {
        *end++ = 0;
        name = *end == '"' ? end + 1 : NULL;
        if (name)
            name[strcspn(name, "\"")] = 0;
    }
    return json_pack("{s:s, s:s?, s:s, s:s%}", "key", text, "name", name, "change",
                     change_word(what + 2), "message", line, n);
}

/* {"changes": [a line for each], "details": [an object for each]}, empty where nothing changed. */
static void print_changes(const char *text)
{
    json_t *changes = json_array(), *details = json_array();
    if (strcmp(text, "nothing changed\n") != 0)
        for (size_t n; *text; text += n + (text[n] == '\n')) {
            n = strcspn(text, "\n");
            json_array_append_new(changes, json_stringn(text, n));
            json_array_append_new(details, describe_change(text, n));
        }
    ctl_print_json(stdout, json_pack("{s:o, s:o}", "changes", changes, "details", details));
}

int verb_reload(const struct invocation *in)
{
    struct fmnist_client *client = ctl_connect(in);
    if (!client)
        return EXIT_FAILED;
    char *text;
    int rc = fmnist_reload(client, &text);
    fmnist_disconnect(client);
    if (rc)
        return ctl_failed(rc, "%s", fmnist_error());
    if (in->json)
        print_changes(text);
    else
        fputs(text, stdout);
    free(text);
    return EXIT_FINE;
}
