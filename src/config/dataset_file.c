/* SPDX-License-Identifier: MIT */
/* Reads a dataset.yaml, and checks its keys. What is taken from it is datasets.c's. */
#include "config/dataset_file.h"

#include "config/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "1" /* that this fmnistd reads */

static int check(const struct tree *t, struct err *e)
{
    int rc = schema_check(&dataset_file_schema, t, e);
    if (rc)
        return rc;
    char seen[TREE_SEEN_SIZE];
    const struct tree_node *format = tree_member(t, &t->nodes[0], "format");
    if (strcmp(format->text, FORMAT) != 0)
        return tree_error(t, format, e,
                          "format is %s; allowed: %s, which is all that this fmnistd knows",
                          tree_seen(format, seen), FORMAT);
    return 0;
}

static int parse(struct dataset_file *f, const char *text, size_t size, struct err *e)
{
    int rc = tree_parse(&f->tree, f->path, text, size, e);
    return rc ? rc : check(&f->tree, e);
}

int dataset_file_parse(struct dataset_file *f, const char *path, const char *text, size_t size,
                       struct err *e)
{
    *f = (struct dataset_file){.path = strdup(path)};
    int rc = f->path ? parse(f, text, size, e) : err_set(e, -ENOMEM, "out of memory");
    if (rc)
        dataset_file_free(f);
    return rc;
}

/* Where there is none, the text is NULL. A folder that is not there is told of when its files are
 * opened. */
static int read_text(const char *path, char **text, size_t *size, struct err *e)
{
    *text = NULL;
    /* A link would have another file's lines told in an error. */
    int rc = config_read_text(path, O_NOFOLLOW, text, size, e);
    if (rc == -ENOENT || rc == -ENOTDIR || rc == -ENAMETOOLONG)
        return 0;
    if (rc == -ELOOP)
        return err_set(e, -EINVAL, "%s:1: a link; allowed: a file", path);
    if (rc && rc != -EINVAL && rc != -ENOMEM) /* nothing that the file says */
        return err_set(e, rc, "%s:1: %s; allowed: a file that can be read", path, strerror(-rc));
    return rc;
}

int dataset_file_read(struct dataset_file *f, const char *folder, struct err *e)
{
    char *text;
    size_t size;
    *f = (struct dataset_file){.path = config_loader_join(folder, DATASET_FILE_NAME)};
    if (!f->path)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = read_text(f->path, &text, &size, e);
    if (rc || !text)
        goto free_all;
    rc = parse(f, text, size, e);
    free(text);
    if (rc)
        goto free_all;
    return 0;

free_all:
    dataset_file_free(f);
    return rc;
}

void dataset_file_free(struct dataset_file *f)
{
    tree_free(&f->tree);
    free(f->path);
    *f = (struct dataset_file){0};
}
