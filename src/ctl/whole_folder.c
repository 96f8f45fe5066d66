/* SPDX-License-Identifier: MIT */
/* A folder with a dataset.yaml is an entry of a config that names it and nothing else. Without one,
 * files of known names are its splits; whose they are says their content. */
#include "ctl/whole_folder.h"

#include "base/io.h"
#include "config/dataset_file.h"
#include "dataset/known.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_there(const char *folder, const char *file)
{
    char path[4096 + 256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return access(path, F_OK) == 0;
}

/* ---- a dataset.yaml ------------------------------------------------------------------------ */

/* A config's text, whose only dataset is the folder. JSON's quotes are YAML's. */
static int write_config(int fd, const char *folder, struct err *e)
{
    json_t *path = json_string(folder); /* NULL where it is no UTF-8 */
    char *quoted = path ? json_dumps(path, JSON_ENCODE_ANY) : NULL;
    int rc = 0;
    if (!quoted)
        rc = err_set(e, -EINVAL, "its path is no UTF-8, which a config wants");
    else if (dprintf(fd, "cache: none\ndatasets:\n  - path: %s\n", quoted) < 0)
        rc = err_sys(e, -errno, "writing a config for it");
    free(quoted);
    json_decref(path);
    return rc;
}

static int open_described(struct whole_folder *f, struct err *e)
{
    char path[64];
    int fd = memfd_create("fmnistctl", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(e, -errno, "memfd_create");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = write_config(fd, f->path, e);
    if (!rc)
        rc = config_load(&f->config, path, e);
    fd_close(&fd);
    if (!rc)
        f->source = f->config.datasets[0];
    return rc;
}

/* ---- files of known names ------------------------------------------------------------------ */

/* As published, or unpacked, or with a dot: what opening them will find. */
static bool has_file(const char *folder, const char *name)
{
    char other[256];
    snprintf(other, sizeof other, "%s.gz", name);
    if (is_there(folder, name) || is_there(folder, other))
        return true;
    char *dash = strstr(other, "-idx");
    if (dash)
        *dash = '.';
    if (is_there(folder, other))
        return true;
    other[strlen(name)] = 0;
    return is_there(folder, other);
}

/* Those of several sets have the same names: the first is taken, and its name only where its
 * content is. */
static const struct known_dataset *find_known(const char *folder)
{
    const struct known_dataset *k;
    for (size_t i = 0; (k = known_at(i)) != NULL; i++)
        for (int s = 0; s < KNOWN_SPLITS; s++)
            if (has_file(folder, k->splits[s].images))
                return k;
    return NULL;
}

/* "…/FashionMNIST/raw" is of "FashionMNIST". */
static void name_of(const char *folder, char name[DATASET_NAME_SIZE])
{
    size_t end = strlen(folder), begin;
    for (;;) {
        while (end > 1 && folder[end - 1] == '/')
            end--;
        for (begin = end; begin && folder[begin - 1] != '/';)
            begin--;
        if (!begin || end - begin != 3 || strncmp(folder + begin, "raw", 3) != 0)
            break;
        end = begin;
    }
    snprintf(name, DATASET_NAME_SIZE, "%.*s", (int)(end - begin), folder + begin);
}

static int open_known(struct whole_folder *f, const struct known_dataset *known, struct err *e)
{
    name_of(f->path, f->name);
    /* Its own rules, without its content. */
    bool alone = known->transposed || known->label_columns;
    snprintf(f->name, sizeof f->name, "%s", alone ? known->name : strdupa(f->name));
    f->source = (struct dataset_source){
        .name = f->name, .path = f->path, .transpose = -1, .multi_label = -1};
    for (int s = 0; s < KNOWN_SPLITS && !alone; s++)
        if (has_file(f->path, known->splits[s].images)) {
            f->source.splits[s].images = known->splits[s].images;
            f->source.splits[s].labels = known->splits[s].labels;
        }
    return 0;
}

/* What was published under a name, whatever the folder is called. */
static const struct known_dataset *published(const struct dataset *d)
{
    const struct known_dataset *k = NULL;
    for (int s = 0, which; s < DATASET_SPLITS && !k; s++)
        if (d->splits[s].count)
            k = known_by_digest(d->splits[s].digest, &which);
    return k;
}

static int open_dataset(struct whole_folder *f, struct err *e)
{
    const struct dataset_options options = {.use_uring = false};
    int rc = dataset_open(&f->source, &options, &f->dataset, e);
    const struct known_dataset *k = rc ? NULL : published(f->dataset);
    if (!k || f->dataset->class_count || strcmp(k->name, f->source.name) == 0)
        return rc;
    /* Again, with the classes of that name. */
    dataset_close(f->dataset);
    f->dataset = NULL;
    f->source.name = k->name;
    return dataset_open(&f->source, &options, &f->dataset, e);
}

int whole_folder_open(struct whole_folder *f, const char *folder, struct err *e)
{
    struct stat st;
    char *path = realpath(folder, NULL);
    if (!path || stat(path, &st) < 0) {
        free(path);
        return err_set(e, -EINVAL, "%s", strerror(errno));
    }
    snprintf(f->path, sizeof f->path, "%s", path);
    free(path);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, -EINVAL,
                       "a file: want a folder with a dataset.yaml or IDX files, or "
                       "the name of a dataset that is served");
    const struct known_dataset *known = NULL;
    int rc;
    if (is_there(f->path, DATASET_FILE_NAME))
        rc = open_described(f, e);
    else if ((known = find_known(f->path)) != NULL)
        rc = open_known(f, known, e);
    else
        return err_set(e, -EINVAL,
                       "no dataset.yaml and no IDX file of a known name lies there; fmnistctl "
                       "import makes both of other formats");
    return rc ? rc : open_dataset(f, e);
}

void whole_folder_close(struct whole_folder *f)
{
    dataset_close(f->dataset);
    config_free(&f->config);
    free(f->rows);
    memset(f, 0, sizeof *f);
}
