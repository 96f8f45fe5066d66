/* SPDX-License-Identifier: MIT */
/* What readers ask of a member's or a source's name, and how they tell of a member that is left
 * out. */
#include "import/reader.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether a word of the part begins so: "train" in "x_train", "mnist-training", but not in
 * "restrain". */
static bool has_word(const char *part, size_t length, const char *word, bool whole)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= length; i++) {
        bool first = i == 0 || !isalpha((unsigned char)part[i - 1]) ||
                     (islower((unsigned char)part[i - 1]) && isupper((unsigned char)part[i]));
        bool last = i + n == length || !isalpha((unsigned char)part[i + n]);
        if (first && (last || !whole) && !strncasecmp(part + i, word, n))
            return true;
    }
    return false;
}

static const char *split_of_part(const char *part, size_t length)
{
    static const struct {
        const char *word;
        bool whole;
        const char *split;
    } words[] = {
        {"t10k", false, "test"},        {"train", false, "train"},   {"test", false, "test"},
        {"valid", false, "validation"}, {"val", true, "validation"}, {"xnist", true, "nist"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has_word(part, length, words[i].word, words[i].whole))
            return words[i].split;
    return NULL;
}

const char *import_split_name(const struct import_member *m, const struct import_options *o)
{
    size_t end = strlen(m->name);
    while (end) {
        size_t first = end;
        while (first && m->name[first - 1] != '/')
            first--;
        const char *split = split_of_part(m->name + first, end - first);
        if (split)
            return split;
        end = first ? first - 1 : 0;
    }
    const char *split = split_of_part(m->source, strlen(m->source));
    return split ? split : o->split ? o->split : "train";
}

const char *import_base_name(const struct import_member *m)
{
    const char *slash = strrchr(m->name, '/');
    return slash ? slash + 1 : m->name;
}

void import_last_part(const char *path, char *out, size_t size)
{
    size_t length = strlen(path), first;
    while (length > 1 && path[length - 1] == '/')
        length--;
    for (first = length; first && path[first - 1] != '/';)
        first--;
    snprintf(out, size, "%.*s", (int)(length - first), path + first);
}

static void name_by_source(const char *path, char *name, size_t size)
{
    static const char *const ends[] = {".gz",  ".bz2", ".xz",  ".Z",   ".zst", ".tar", ".tgz",
                                       ".zip", ".npz", ".npy", ".csv", ".mat", ".bin", ".pkl"};
    import_last_part(path, name, size);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(name), m = strlen(ends[i]);
        if (n > m && !strcasecmp(name + n - m, ends[i])) {
            name[n - m] = 0;
            i = (size_t)-1; /* from the first again */
        }
    }
}

int import_call_by_source(struct import_set *set, const struct import_input *in, struct err *e)
{
    char name[256];
    name_by_source(import_input_first_path(in), name, sizeof name);
    return import_set_call(set, name, e);
}

void import_note(const struct import_options *o, bool broken, const char *format, ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;
    if (!o->note)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_make_line(text);
    o->note(o->note_data, broken, text);
}
