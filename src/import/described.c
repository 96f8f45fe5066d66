/* SPDX-License-Identifier: MIT */
/* A walk of its own, before that of the files, because in an archive it may be the last. */
#include "import/described.h"

#include "import/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 }; /* as the daemon takes it */

static int place(const struct import_input *in, int rc, struct err *e)
{
    return rc && import_input_where(in)[0] ? err_prefix(e, rc, "%s", import_input_where(in)) : rc;
}

/* A file that is a source itself. */
static bool is_alone(const struct import_member *m)
{
    return !strcmp(m->source, m->name);
}

static bool is_description(const struct import_member *m)
{
    return !strcmp(import_base_name(m), "dataset.yaml");
}

static int take(struct described *d, struct import_input *in, const struct import_member *m,
                struct import_set *set, const struct import_options *o, struct err *e)
{
    const char *base = import_base_name(m);
    char *text = malloc(BYTES_MAX + 1);
    if (!text)
        return err_set(e, -ENOMEM, "out of memory");
    snprintf(d->source, sizeof d->source, "%s", m->source);
    snprintf(d->folder, sizeof d->folder, "%.*s", (int)(base - m->name), m->name);
    d->alone = is_alone(m);
    ssize_t n = import_input_read(in, text, BYTES_MAX + 1, e);
    int rc = n < 0 ? (int)n : 0;
    if (!rc && n > BYTES_MAX)
        rc = err_set(e, -EINVAL, "it is larger than 1 MiB");
    rc = place(in, rc, e);
    if (!rc)
        rc = o->describe(o, import_input_where(in), text, (size_t)n, set, d, e);
    free(text);
    return rc;
}

/* Returns 1 where there is one. */
static int find(struct described *d, struct import_input *in, struct import_set *set,
                const struct import_options *o, struct err *e)
{
    struct import_member m;
    int rc;
    while ((rc = import_input_next(in, &m, e)) == 1)
        if (is_description(&m)) {
            rc = take(d, in, &m, set, o, e);
            return rc ? rc : 1;
        }
    return place(in, rc, e);
}

int described_read(struct described **out, struct import_input *in, struct import_set *set,
                   const struct import_options *o, struct err *e)
{
    *out = NULL;
    if (!o->describe)
        return 0;
    struct described *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, -ENOMEM, "out of memory");
    d->transpose = -1;
    int rc = find(d, in, set, o, e);
    if (rc == 1 && o->set) {
        rc = err_set(e, -EINVAL, "--set %s is not for what is here: a dataset.yaml says what it is",
                     o->set);
    } else if (rc == 1) {
        *out = d;
        d = NULL;
        rc = 0;
    }
    described_free(d);
    import_input_rewind(in);
    return rc;
}

void described_free(struct described *d)
{
    if (!d)
        return;
    free(d->origin);
    free(d->licence);
    free(d);
}

/* "a.gz" is the file that is called "a". */
static bool is_called(const char *name, const char *file)
{
    size_t n = strlen(file);
    return !strncmp(name, file, n) && (!name[n] || !strcmp(name + n, ".gz"));
}

bool described_is_other(const struct described *d, const struct import_member *m)
{
    return is_description(m) && strcmp(d->source, m->source) != 0;
}

const char *described_split(struct described *d, const struct import_member *m)
{
    size_t n = strlen(d->folder);
    bool same = d->alone ? is_alone(m) : !strcmp(d->source, m->source);
    if (!same || strncmp(m->name, d->folder, n) != 0)
        return NULL;
    for (size_t i = 0; i < d->file_count; i++)
        if (is_called(m->name + n, d->files[i].name)) {
            d->files[i].seen = true;
            return d->files[i].split;
        }
    return NULL;
}

int described_check(const struct described *d, struct err *e)
{
    for (size_t i = 0; i < d->file_count; i++)
        if (!d->files[i].seen)
            return err_set(e, -EINVAL, "%s, which its dataset.yaml names for %s, is not there",
                           d->files[i].name, d->files[i].split);
    return 0;
}

int described_tell(const struct described *d, struct import_set *set, struct err *e)
{
    int rc = d->origin ? import_set_origin(set, d->origin, e) : 0;
    if (!rc && d->licence)
        rc = import_set_licence(set, d->licence, strlen(d->licence), e);
    if (d->has_sha256)
        import_set_sha256(set, d->sha256);
    return rc;
}
