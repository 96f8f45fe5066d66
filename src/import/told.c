/* SPDX-License-Identifier: MIT */
/* What readers ask of a member's name, and how they tell of one that is left out. */
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
