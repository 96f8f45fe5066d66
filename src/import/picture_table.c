/* SPDX-License-Identifier: MIT */
/* Fields are cut out of a copy of the text, in place. */
#include "import/picture_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool picture_table_is(const char *text, size_t size)
{
    size_t n = strlen(PICTURE_TABLE_HEAD);
    return size > n && !memcmp(text, PICTURE_TABLE_HEAD, n) && (text[n] == '\n' || text[n] == '\r');
}

/* Takes a field and the sign behind it, which becomes *end: ',', '\n' or 0. NULL: quotes are
 * wrong. */
static char *take_field(char **at, char *end)
{
    char *from = *at, *to = from, *field = from;
    bool quoted = *from == '"';
    from += quoted;
    while (*from && (quoted || (*from != ',' && *from != '\n'))) {
        if (quoted && *from == '"' && *++from != '"') {
            quoted = false;
            break;
        }
        *to++ = *from++;
    }
    if (*from == '\r' && from[1] == '\n')
        from++;
    if (quoted || (*from && *from != ',' && *from != '\n'))
        return NULL;
    *end = *from;
    *at = from + (*from != 0);
    *to = 0;
    if (to > field && to[-1] == '\r')
        to[-1] = 0;
    return field;
}

static bool take_label(const char *text, int32_t *label)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    *label = (int32_t)v;
    return *text >= '0' && *text <= '9' && !*end && !errno && v <= INT32_MAX;
}

static int take_line(char **at, struct picture_class *c, size_t line, struct err *e)
{
    char *fields[3], end = ',';
    for (int i = 0; i < 3; i++) {
        fields[i] = end == ',' ? take_field(at, &end) : NULL;
        if (!fields[i])
            return err_set(e, -EINVAL, "line %zu: want a folder, a label and a name", line);
    }
    if (end == ',' || !*fields[0] || !take_label(fields[1], &c->label))
        return err_set(e, -EINVAL, "line %zu: want a folder, a label and a name", line);
    c->folder = fields[0];
    c->name = fields[2];
    return 0;
}

static int by_folder(const void *a, const void *b)
{
    const struct picture_class *x = a, *y = b;
    return strcmp(x->folder, y->folder);
}

int picture_table_parse(struct picture_table *t, const char *text, size_t size, struct err *e)
{
    size_t lines = 1;
    *t = (struct picture_table){.text = NULL};
    if (size > PICTURE_TABLE_BYTES_MAX)
        return err_set(e, -EINVAL, "it is larger than %d MiB", PICTURE_TABLE_BYTES_MAX >> 20);
    t->text = strndup(text, size);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    t->all = calloc(lines, sizeof *t->all);
    int rc = t->text && t->all ? 0 : err_set(e, -ENOMEM, "out of memory");
    char *head = rc ? NULL : strchr(t->text, '\n');
    for (char *at = head ? head + 1 : NULL; at && *at && !rc; t->count += !rc)
        rc = take_line(&at, &t->all[t->count], t->count + 2, e);
    if (!rc)
        qsort(t->all, t->count, sizeof *t->all, by_folder);
    for (size_t i = 1; !rc && i < t->count; i++)
        if (!strcmp(t->all[i - 1].folder, t->all[i].folder))
            rc = err_set(e, -EINVAL, "folder %s is in it twice", t->all[i].folder);
    if (rc)
        picture_table_close(t);
    return rc;
}

void picture_table_close(struct picture_table *t)
{
    free(t->text);
    free(t->all);
    *t = (struct picture_table){.text = NULL};
}

const struct picture_class *picture_table_find(const struct picture_table *t, const char *folder)
{
    const struct picture_class key = {.folder = folder};
    return t->count ? bsearch(&key, t->all, t->count, sizeof *t->all, by_folder) : NULL;
}
