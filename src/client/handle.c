/* SPDX-License-Identifier: MIT */
/* Connecting, and what can be asked without a stream. */
#include "client/client.h"

#include "base/container.h"
#include "base/io.h"
#include "client/sized.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS   30000u
#define DEFAULT_RECONNECT_MS 60000
#define NEXT_DAEMONS_MAX     2

/* ---- connecting ---------------------------------------------------------------------------- */

const char *fmnist_version(void)
{
    return FMNIST_VERSION;
}

static int too_long(const char *what, const char *path)
{
    return fail(
        FMNIST_EINVAL,
        "%s has %zu characters: a Unix socket's path has at most %d. Give it a shorter one, "
        "or a symbolic link to its folder; it begins %.64s",
        what, strlen(path), SOCKET_PATH_SIZE - 1, path);
}

static int default_path(char path[SOCKET_PATH_SIZE])
{
    const char *set = getenv("FMNIST_SOCKET");
    const char *run = getenv("XDG_RUNTIME_DIR");
    int n = 0;
    if (set && *set) {
        n = snprintf(path, SOCKET_PATH_SIZE, "%s", set);
    } else {
        if (run && *run)
            n = snprintf(path, SOCKET_PATH_SIZE, "%s/fmnistd/fmnistd.sock", run);
        if (!n || n >= SOCKET_PATH_SIZE || access(path, F_OK) < 0)
            n = snprintf(path, SOCKET_PATH_SIZE, "/run/fmnistd/fmnistd.sock");
    }
    return n < SOCKET_PATH_SIZE ? FMNIST_OK : too_long("FMNIST_SOCKET", set);
}

static int choose_path(const struct fmnist_connect_options *o, char path[SOCKET_PATH_SIZE])
{
    if (!o->socket)
        return default_path(path);
    if (strlen(o->socket) >= SOCKET_PATH_SIZE)
        return too_long("the socket's path", o->socket);
    strcpy(path, o->socket);
    return FMNIST_OK;
}

static int64_t reconnect_of(const struct fmnist_connect_options *o)
{
    if (!o->reconnect_ms)
        return DEFAULT_RECONNECT_MS;
    return o->reconnect_ms < UINT32_MAX ? o->reconnect_ms : UINT32_MAX;
}

int fmnist_connect(const struct fmnist_connect_options *options, struct fmnist_client **client)
{
    static const struct sized_kind kind = {"options", "sizeof(struct fmnist_connect_options)",
                                           SIZED_UP_TO(struct fmnist_connect_options, timeout_ms),
                                           sizeof *options};
    struct fmnist_connect_options o = {0};
    struct next_daemon next = {0};
    if (!client)
        return fail(FMNIST_EINVAL, "client: want no NULL");
    *client = NULL;
    int rc = options ? sized_take(&kind, &o, options) : FMNIST_OK;
    if (rc)
        return rc;
    struct fmnist_client *c = calloc(1, sizeof *c);
    if (!c)
        return fail(FMNIST_ENOMEM, "out of memory");
    c->connection.fd = -1;
    c->timeout_ms = o.timeout_ms ? o.timeout_ms : DEFAULT_TIMEOUT_MS;
    c->reconnect_ms = reconnect_of(&o);
    rc = choose_path(&o, c->path);
    if (!rc)
        rc = fork_guard_init(&c->guard);
    if (!rc)
        rc = client_connect(c, &next);
    if (rc) {
        fmnist_disconnect(c);
        return rc;
    }
    *client = c;
    return FMNIST_OK;
}

const char *fmnist_client_socket(const struct fmnist_client *client)
{
    return client->path;
}

void fmnist_disconnect(struct fmnist_client *client)
{
    if (!client)
        return;
    connection_hang_up(&client->connection, &client->guard);
    fork_guard_close(&client->guard);
    free(client);
}

/* ---- asking ------------------------------------------------------------------------------- */

int client_connect(struct fmnist_client *client, struct next_daemon *next)
{
    struct connection *c = &client->connection;
    /* Nothing comes on a connection that nobody asks on, but for its end. */
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->fd >= 0 && poll(&p, 1, 0) == 0)
        return FMNIST_OK;
    connection_close(c);
    int rc;
    do
        rc = connection_open(c, client->path, client->timeout_ms);
    while (client_asks_next(client, next, &rc));
    return rc;
}

bool client_asks_next(const struct fmnist_client *client, struct next_daemon *n, int *rc)
{
    if (*rc == FMNIST_EDEAD && client->reconnect_ms >= 0 && n->asked < NEXT_DAEMONS_MAX) {
        if (!n->asked++)
            snprintf(n->why, sizeof n->why, "%s", fmnist_error());
        return true;
    }
    if (*rc == FMNIST_ECONNECT && n->asked) {
        *rc = fail(FMNIST_EDEAD, "%s", n->why);
        n->asked = NEXT_DAEMONS_MAX;
    }
    return false;
}

static int ask(struct fmnist_client *client, uint16_t type, uint16_t reply_type, uint8_t **reply,
               size_t *size)
{
    struct next_daemon next = {0};
    int rc = guard_check(&client->guard);
    if (rc)
        return rc;
    do {
        rc = client_connect(client, &next);
        if (!rc)
            rc = connection_ask(&client->connection, type, NULL, 0, reply_type, reply, size);
    } while (type != WIRE_RELOAD && client_asks_next(client, &next, &rc));
    return rc;
}

/* ---- datasets ------------------------------------------------------------------------------ */

/* A list, and what its entries have no field for: programs of the first header step through them.
 */
struct list_of_datasets {
    struct fmnist_datasets datasets;
    uint32_t label_counts[]; /* [count] */
};

static void free_items(struct fmnist_dataset *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)items[i].name);
        free((void *)items[i].split);
        for (uint32_t k = 0; items[i].class_names && k < items[i].class_count; k++)
            free((void *)items[i].class_names[k]);
        free((void *)items[i].class_names);
    }
    free(items);
}

void fmnist_datasets_free(struct fmnist_datasets *datasets)
{
    if (!datasets)
        return;
    free_items((struct fmnist_dataset *)datasets->items, datasets->count);
    free(container_of(datasets, struct list_of_datasets, datasets));
}

/* Why an answer was not taken. */
static int untaken(const struct wire_cursor *c, bool out_of_memory, const char *what)
{
    return out_of_memory || c->no_memory ? fail(FMNIST_ENOMEM, "out of memory")
                                         : fail(FMNIST_EPROTO, "%s cannot be read", what);
}

static void take_dataset(struct wire_cursor *c, struct fmnist_dataset *d, uint32_t *label_count)
{
    d->size = sizeof *d;
    d->name = wire_take_text(c, WIRE_REPLY_MAX);
    d->split = wire_take_text(c, WIRE_REPLY_MAX);
    d->count = wire_take_u64(c);
    d->height = wire_take_u32(c);
    d->width = wire_take_u32(c);
    d->channels = wire_take_u32(c);
    *label_count = wire_take_u32(c);
    const void *digest = wire_take(c, sizeof d->digest);
    if (digest)
        memcpy(d->digest, digest, sizeof d->digest);
    uint32_t classes = wire_take_u32(c);
    if (classes > c->left / 4) /* each takes 4 bytes at least */
        c->failed = true;
    if (c->failed || !classes)
        return;
    const char **names = calloc(classes, sizeof *names);
    if (!names) {
        c->failed = c->no_memory = true;
        return;
    }
    d->class_names = names;
    d->class_count = classes;
    for (uint32_t i = 0; i < classes; i++)
        names[i] = wire_take_text(c, WIRE_REPLY_MAX);
}

int fmnist_datasets(struct fmnist_client *client, struct fmnist_datasets **datasets)
{
    if (!client || !datasets)
        return fail(FMNIST_EINVAL, "client and datasets: want no NULL");
    *datasets = NULL;
    uint8_t *reply;
    size_t size;
    int rc = ask(client, WIRE_DATASETS, WIRE_DATASETS_REPLY, &reply, &size);
    if (rc)
        return rc;
    struct wire_cursor c = {.at = reply, .left = size};
    uint32_t count = wire_take_u32(&c);
    struct list_of_datasets *list = NULL;
    struct fmnist_dataset *items = NULL;
    bool fits = count <= c.left / 4;
    if (fits) {
        list = calloc(1, sizeof *list + count * sizeof *list->label_counts);
        items = calloc(count ? count : 1, sizeof *items);
    }
    for (uint32_t i = 0; list && items && i < count; i++)
        take_dataset(&c, &items[i], &list->label_counts[i]);
    free(reply);
    if (list && items && !c.failed && !c.left) {
        list->datasets = (struct fmnist_datasets){.count = count, .items = items};
        *datasets = &list->datasets;
        return FMNIST_OK;
    }
    if (items)
        free_items(items, count);
    free(list);
    return untaken(&c, fits && (!list || !items), "the list of datasets");
}

/* Programs of the first header step through `items` by themselves, and know an entry by its place
 * there: what it has no field for is asked for with a function. */
_Static_assert(sizeof(struct fmnist_dataset) == SIZED_UP_TO(struct fmnist_dataset, digest),
               "items has the first header's stride");

const struct fmnist_dataset *fmnist_datasets_at(const struct fmnist_datasets *datasets,
                                                size_t index)
{
    return datasets && index < datasets->count ? &datasets->items[index] : NULL;
}

uint32_t fmnist_datasets_label_count(const struct fmnist_datasets *datasets, size_t index)
{
    if (!datasets || index >= datasets->count)
        return 0;
    return container_of(datasets, const struct list_of_datasets, datasets)->label_counts[index];
}

const struct fmnist_dataset *fmnist_datasets_find(const struct fmnist_datasets *datasets,
                                                  const char *name, const char *split)
{
    for (size_t i = 0; datasets && name && split && i < datasets->count; i++)
        if (!strcmp(datasets->items[i].name, name) && !strcmp(datasets->items[i].split, split))
            return &datasets->items[i];
    return NULL;
}

const char *fmnist_label_text(const struct fmnist_dataset *dataset, int64_t label)
{
    if (!dataset || label < 0 || label >= dataset->class_count)
        return NULL;
    return dataset->class_names[label];
}

static int ask_text(struct fmnist_client *client, uint16_t type, uint16_t reply_type, char **text)
{
    uint8_t *reply;
    size_t size;
    int rc = ask(client, type, reply_type, &reply, &size);
    if (rc)
        return rc;
    struct wire_cursor c = {.at = reply, .left = size};
    *text = wire_take_text(&c, WIRE_REPLY_MAX);
    free(reply);
    return *text ? FMNIST_OK : untaken(&c, false, "the daemon's reply");
}

int fmnist_status(struct fmnist_client *client, char **json)
{
    if (!client || !json)
        return fail(FMNIST_EINVAL, "client and json: want no NULL");
    *json = NULL;
    return ask_text(client, WIRE_STATUS, WIRE_STATUS_REPLY, json);
}

int fmnist_reload(struct fmnist_client *client, char **text)
{
    if (!client)
        return fail(FMNIST_EINVAL, "client: want no NULL");
    char *changes = NULL;
    if (text)
        *text = NULL;
    int rc = ask_text(client, WIRE_RELOAD, WIRE_RELOADED, &changes);
    if (text)
        *text = changes;
    else
        free(changes);
    return rc;
}
