/* SPDX-License-Identifier: MIT */
/* Labels as words. Where they come from is the caller's. */
#include "ctl/label.h"

#include "base/err.h"
#include "ctl/json.h"
#include "ctl/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS_SIZE 64

struct label label_of(const struct fmnist_dataset *dataset, const struct fmnist_stream_info *info,
                      const struct fmnist_batch *batch, uint64_t row)
{
    return (struct label){.dataset = dataset,
                          .index = batch->indices[row],
                          .numbers = (const uint8_t *)batch->labels + row * info->label_bytes,
                          .count = info->label_count,
                          .dtype = info->label_dtype};
}

int64_t label_number(const struct label *l, uint32_t column)
{
    switch (l->dtype) {
    case FMNIST_UINT8:
        return ((const uint8_t *)l->numbers)[column];
    case FMNIST_INT32:
        return ((const int32_t *)l->numbers)[column];
    }
    return ((const int64_t *)l->numbers)[column];
}

const char *label_shown(const char *name, char text[LABEL_NAME_SIZE])
{
    snprintf(text, LABEL_NAME_SIZE, "%s", name);
    err_make_line(text);
    return text;
}

/* A class by name, else by number. */
static void write_name(const struct label *l, int64_t class, char words[WORDS_SIZE])
{
    const char *name = fmnist_label_text(l->dataset, class);
    if (name)
        snprintf(words, WORDS_SIZE, "%s", name);
    else
        snprintf(words, WORDS_SIZE, "%" PRId64, class);
    err_make_line(words);
}

/* The next column from *column on that is not 0, and what it says; false behind the last. */
static bool next_words(const struct label *l, uint32_t *column, char words[WORDS_SIZE])
{
    while (*column < l->count && label_number(l, *column) == 0)
        ++*column;
    if (*column >= l->count)
        return false;
    int64_t number = label_number(l, *column);
    write_name(l, (*column)++, words);
    size_t used = strlen(words);
    if (number != 1)
        snprintf(words + used, WORDS_SIZE - used, "=%" PRId64, number);
    return true;
}

static uint32_t count_set(const struct label *l)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < l->count; i++)
        set += label_number(l, i) != 0;
    return set;
}

void label_lines(const struct label *l, size_t width, void (*line)(void *to, const char *text),
                 void *to)
{
    struct lines lines = {.width = width, .line = line, .to = to};
    char words[WORDS_SIZE];
    uint32_t column = 0;
    snprintf(words, sizeof words, "%" PRId64 ": ", l->index);
    lines_begin(&lines, words);
    if (!l->count) {
        write_name(l, label_number(l, 0), words);
        lines_add(&lines, words);
    } else if (!count_set(l)) {
        lines_add(&lines, "none");
    }
    while (next_words(l, &column, words))
        lines_add(&lines, words);
    lines_end(&lines);
}

/* A text that is written from its beginning; what has no room is cut. */
struct written {
    char *text;
    size_t size, used;
};

static void put(struct written *w, const char *words)
{
    size_t room = w->size - w->used;
    int n = snprintf(w->text + w->used, room, "%s", words);
    w->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_number(struct written *w, const char *before, int64_t number, const char *behind)
{
    char words[WORDS_SIZE];
    snprintf(words, sizeof words, "%s%" PRId64 "%s", before, number, behind);
    put(w, words);
}

/* Whether that fits, and behind it what says that others follow. */
static bool has_room(const struct written *w, const char *words, uint32_t others)
{
    size_t more = others ? (size_t)snprintf(NULL, 0, " and %" PRIu32 " more", others) : 0;
    return w->used + 2 + strlen(words) + more < w->size;
}

void label_text(const struct label *l, char *text, size_t size)
{
    struct written w = {.text = text, .size = size};
    char words[WORDS_SIZE];
    uint32_t column = 0, left = count_set(l);
    bool first = true;
    put_number(&w, "", l->index, ": ");
    if (!l->count) {
        write_name(l, label_number(l, 0), words);
        put(&w, words);
        return;
    }
    if (!left)
        put(&w, "none");
    for (; next_words(l, &column, words); first = false, left--) {
        if (!first && !has_room(&w, words, left - 1)) {
            put_number(&w, " and ", left, " more");
            return;
        }
        put(&w, first ? "" : ", ");
        put(&w, words);
    }
}

static json_t *json_class(const struct label *l, uint32_t column)
{
    const char *name = fmnist_label_text(l->dataset, column);
    return name ? ctl_json_text(name) : json_integer(column);
}

void label_add_json(const struct label *l, json_t *to)
{
    json_t *labels = json_null(), *classes = json_null();
    if (l->count) {
        labels = json_array();
        classes = json_array();
    }
    for (uint32_t i = 0; i < l->count; i++) {
        json_array_append_new(labels, json_integer(label_number(l, i)));
        if (label_number(l, i))
            json_array_append_new(classes, json_class(l, i));
    }
    int64_t class = l->count ? -1 : label_number(l, 0);
    json_object_set_new(to, "label", l->count ? json_null() : json_integer(class));
    json_object_set_new(to, "class", ctl_json_text(fmnist_label_text(l->dataset, class)));
    json_object_set_new(to, "labels", labels);
    json_object_set_new(to, "classes", classes);
}
