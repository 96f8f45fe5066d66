/* SPDX-License-Identifier: MIT */
/* A program of the first 0.1.0, as its users have it: compiled with that header alone (fmnist.h
 * beside this file is include/fmnist.h of commit 6a08d8c, unchanged, and never to be changed), and
 * linked to the shared library of today, which it finds as any program does. It calls every
 * function that the header has. Each struct that the library reads or fills in lies against an
 * unmapped page.
 *
 * usage: reader layout             what the header says of fields and numbers (layout.h)
 *        reader SOCKET TRANSPORT   two epochs of "tiny", a line for each thing that was told
 */
#include "e2e/first/fmnist.h"

#include "e2e/first/layout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Zeroed memory that ends where nothing is mapped; kept until the program ends. */
static void *alone(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || munmap(map + page, page) < 0)
        abort();
    return map + page - size;
}

static void must_be(int rc, int want, const char *what)
{
    if (rc == want)
        return;
    printf("%s gives %d, want %d: %s\n", what, rc, want, fmnist_error());
    exit(1);
}
#define must(call) must_be((call), FMNIST_OK, #call)

static struct fmnist_client *connect_to(const char *socket)
{
    struct fmnist_connect_options *o = alone(sizeof *o);
    struct fmnist_client *client;
    o->size = sizeof *o;
    o->socket = socket;
    must(fmnist_connect(o, &client));
    return client;
}

static void ask(struct fmnist_client *client)
{
    struct fmnist_datasets *sets;
    char *text;
    must(fmnist_datasets(client, &sets));
    for (size_t i = 0; i < sets->count; i++) {
        const struct fmnist_dataset *d = &sets->items[i];
        printf("dataset %s %s: %llu of %ux%ux%u, %s\n", d->name, d->split,
               (unsigned long long)d->count, d->height, d->width, d->channels,
               fmnist_label_text(d, d->class_count - 1));
        if (fmnist_datasets_find(sets, d->name, d->split) != d)
            must_be(1, 0, "fmnist_datasets_find");
    }
    fmnist_datasets_free(sets);
    must(fmnist_status(client, &text));
    free(text);
    must(fmnist_reload(client, &text));
    printf("reload: %s", text);
    free(text);
}

/* An epoch as views. */
static void read_views(struct fmnist_stream *stream, const struct fmnist_stream_info *info)
{
    struct fmnist_batch *b = alone(sizeof *b);
    int rc;
    must(fmnist_wait(stream, 60000));
    while ((rc = fmnist_next(stream, b)) == FMNIST_OK) {
        say_batch(stdout, info, b);
        must(fmnist_release(stream, b));
    }
    must_be(rc, FMNIST_END_OF_EPOCH, "fmnist_next");
}

/* The next one into memory of the program's. */
static void read_copies(struct fmnist_stream *stream, const struct fmnist_stream_info *info)
{
    struct fmnist_into *into = alone(sizeof *into);
    struct fmnist_batch *b = alone(sizeof *b);
    int rc;
    into->size = sizeof *into;
    into->images_bytes = info->batch_size * info->image_bytes;
    into->labels_bytes = (size_t)info->batch_size * info->label_bytes;
    into->indices_bytes = info->batch_size * sizeof(int64_t);
    into->images = malloc(into->images_bytes);
    into->labels = malloc(into->labels_bytes);
    into->indices = malloc(into->indices_bytes);
    while ((rc = fmnist_next_into(stream, into, b)) == FMNIST_OK)
        say_batch(stdout, info, b);
    must_be(rc, FMNIST_END_OF_EPOCH, "fmnist_next_into");
    free(into->images);
    free(into->labels);
    free(into->indices);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "layout")) {
        say_layout(stdout);
        return 0;
    }
    if (argc != 3)
        return 2;
    struct fmnist_client *client = connect_to(argv[1]);
    printf("library %s\n", fmnist_version());
    ask(client);

    struct fmnist_spec *spec = alone(sizeof *spec);
    struct fmnist_stream_info *info = alone(sizeof *info);
    struct fmnist_token *token = alone(sizeof *token), *start = alone(sizeof *start);
    struct fmnist_stream *stream;
    fmnist_spec_init(spec);
    spec->dataset = "tiny";
    spec->batch_size = 8;
    spec->order = FMNIST_ORDER_SHUFFLE;
    must(fmnist_spec_set(spec, "seed", "5"));
    must(fmnist_spec_set(spec, "transport", argv[2]));
    must(fmnist_open(client, spec, NULL, &stream));
    info->size = sizeof *info;
    must(fmnist_stream_info(stream, info));
    printf("stream of %llu in %llu: %ux%ux%u, dtype %u\n", (unsigned long long)info->sample_count,
           (unsigned long long)info->steps, info->channels, info->height, info->width, info->dtype);
    read_views(stream, info);

    must(fmnist_stream_token(stream, token));
    must(fmnist_stream_token_at(stream, 1, 0, start));
    if (memcmp(token, start, sizeof *token))
        must_be(1, 0, "fmnist_stream_token_at");
    fmnist_close(stream);
    must(fmnist_open(client, spec, token, &stream));
    read_copies(stream, info);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return 0;
}
