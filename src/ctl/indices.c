/* SPDX-License-Identifier: MIT */
/* Reading numbers from text. Whether a dataset has images of these numbers is the daemon's to say.
 */
#include "ctl/indices.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 24 /* of a word that is told; a number has 10 digits */

struct numbers {
    uint32_t *at; /* malloc'd */
    uint64_t count, room;
};

static int add(struct numbers *n, uint32_t value, struct err *e)
{
    if (n->count == n->room) {
        uint64_t room = n->room ? 2 * n->room : 1024;
        uint32_t *at = realloc(n->at, room * sizeof *at);
        if (!at)
            return err_set(e, -ENOMEM, "out of memory");
        n->at = at;
        n->room = room;
    }
    n->at[n->count++] = value;
    return 0;
}

/* Reads one word; `c` is its first character, and then what follows it. Returns its length, also
 * where that is more than fits. */
static size_t read_word(FILE *f, int *c, char word[WORD_MAX])
{
    size_t n = 0;
    for (; *c != EOF && !isspace(*c); *c = getc_unlocked(f), n++)
        if (n < WORD_MAX - 1)
            word[n] = (char)*c;
    word[n < WORD_MAX - 1 ? n : WORD_MAX - 1] = 0;
    return n;
}

static int read_numbers(FILE *f, const char *name, struct numbers *n, struct err *e)
{
    uint64_t line = 1;
    int c = getc_unlocked(f);
    while (c != EOF) {
        if (isspace(c)) {
            line += c == '\n';
            c = getc_unlocked(f);
            continue;
        }
        char word[WORD_MAX], *end;
        size_t length = read_word(f, &c, word);
        unsigned long long v = strtoull(word, &end, 10);
        if (!isdigit((unsigned char)*word) || end != word + length || v > UINT32_MAX)
            return err_set(e, -EINVAL,
                           "%s:%" PRIu64 ": \"%s\": want whole numbers from 0 to %" PRIu32, name,
                           line, word, UINT32_MAX);
        int rc = add(n, (uint32_t)v, e);
        if (rc)
            return rc;
    }
    if (ferror(f))
        return err_set(e, -errno, "%s: %s", name, strerror(errno));
    if (!n->count)
        return err_set(e, -EINVAL, "%s has no number: want at least 1", name);
    return 0;
}

int indices_read(const char *path, uint32_t **indices, uint64_t *count, struct err *e)
{
    bool standard = !strcmp(path, "-");
    FILE *f = standard ? stdin : fopen(path, "re");
    if (!f)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    struct numbers n = {.at = NULL};
    int rc = read_numbers(f, standard ? "standard input" : path, &n, e);
    if (!standard)
        fclose(f);
    if (rc) {
        free(n.at);
        return rc;
    }
    *indices = n.at;
    *count = n.count;
    return 0;
}
