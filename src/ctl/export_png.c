/* SPDX-License-Identifier: MIT */
/* A folder of pictures: FOLDER/SPLIT/CLASS/NUMBER.png, which is torchvision's ImageFolder for each
 * split. Folders of classes begin with the label, so that their order, which loaders make labels
 * of, is that of the labels; and each class has one in each split, so that none moves up. Beside
 * them lies FOLDER/classes.csv, by which import gives the same labels and names again. */
#include "ctl/ended.h"
#include "ctl/export.h"

#include "base/io.h"
#include "import/picture_table.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABELS_MAX 65536
#define CLASS_SIZE 96
#define TRIES_MAX  100

struct png_export {
    struct export *x;
    const struct whole_split *split;
    char folder[4096]; /* the temporary one */
    int label_digits, number_digits;
    int32_t last_label; /* a class's folder is made up to that */
    uint8_t *made;      /* owned; [LABELS_MAX], whether a label's folder of this split is there */
};

static int digits_of(uint64_t highest)
{
    int n = 1;
    while (highest >= 10) {
        highest /= 10;
        n++;
    }
    return n;
}

/* "3-T-shirt_top". */
static void class_folder(const struct png_export *p, int32_t label, char out[CLASS_SIZE])
{
    const char *name = whole_class(&p->x->whole, label);
    int n = snprintf(out, CLASS_SIZE, "%0*d%s", p->label_digits, (int)label, name ? "-" : "");
    for (; name && *name && n < CLASS_SIZE - 1; name++)
        out[n++] = strchr("/\\:*?\"<>|", *name) || (unsigned char)*name < ' ' ? '_' : *name;
    /* Not in the middle of a character. */
    while (name && *name && n > 0 && ((unsigned char)*name & 0xc0) == 0x80) {
        n--;
        name--;
    }
    out[n] = 0;
}

static int make_folder(const char *path, struct err *e)
{
    return mkdir(path, 0777) < 0 && errno != EEXIST ? err_sys(e, -errno, "making a folder") : 0;
}

static int make_class(struct png_export *p, int32_t label, struct err *e)
{
    char name[CLASS_SIZE], path[sizeof p->folder + 256];
    if (label < 0 || label >= LABELS_MAX)
        return err_set(e, -EINVAL, "label %d: a class of a folder is 0 to %d", (int)label,
                       LABELS_MAX - 1);
    if (p->made[label])
        return 0;
    class_folder(p, label, name);
    snprintf(path, sizeof path, "%s/%s/%s", p->folder, p->split->name, name);
    p->made[label] = 1;
    return make_folder(path, e);
}

static int write_picture(const struct whole_split *s, const uint8_t *pixels, const char *path,
                         struct err *e)
{
    static const png_uint_32 formats[] = {0, PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                          PNG_FORMAT_RGBA};
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = s->width,
                       .height = s->height,
                       .format = formats[s->channels],
                       .flags = PNG_IMAGE_FLAG_FAST};
    errno = 0;
    int wrote = png_image_write_to_file(&image, path, 0, pixels, 0, NULL);
    int code = wrote   ? 0
               : errno ? err_sys(e, -errno, "writing a picture")
                       : err_set(e, -EIO, "writing a picture: %s", image.message);
    png_image_free(&image);
    return code;
}

static int take(void *me, const struct whole_step *step, struct err *e)
{
    struct png_export *p = me;
    char name[CLASS_SIZE], path[sizeof p->folder + 256];
    int rc = 0;
    for (uint64_t i = 0; i < step->count && !rc; i++) {
        int32_t label = step->labels[i];
        rc = ended_look(e); /* thousands of files are a step */
        if (!rc)
            rc = make_class(p, label, e);
        if (rc)
            break;
        class_folder(p, label, name);
        snprintf(path, sizeof path, "%s/%s/%s/%0*llu.png", p->folder, p->split->name, name,
                 p->number_digits, (unsigned long long)(step->first + i));
        rc = write_picture(p->split, step->images + i * export_image_bytes(p->split), path, e);
    }
    return rc;
}

static int highest(void *me, const struct whole_step *step, struct err *e)
{
    int32_t *label = me;
    for (uint64_t i = 0; i < step->count; i++)
        *label = step->labels[i] > *label ? step->labels[i] : *label;
    return 0;
}

/* As many digits as all labels want, so that their order is that of their names. */
static int count_digits(struct png_export *p, struct err *e)
{
    struct export *x = p->x;
    int32_t most = x->whole.class_count ? (int32_t)x->whole.class_count - 1 : 0;
    int rc = 0;
    for (size_t s = x->first; s < x->end && !rc && !x->whole.class_count; s++)
        rc = whole_walk(&x->whole, s, highest, &most, e);
    p->label_digits = digits_of((uint64_t)most);
    p->last_label = most;
    return rc;
}

static int write_split(struct png_export *p, size_t split, struct err *e)
{
    char path[sizeof p->folder + 256];
    p->split = &p->x->whole.splits[split];
    p->number_digits = digits_of(p->split->count - 1);
    memset(p->made, 0, LABELS_MAX);
    snprintf(path, sizeof path, "%s/%s", p->folder, p->split->name);
    int rc = make_folder(path, e);
    for (int32_t c = 0; c <= p->last_label && !rc; c++)
        rc = make_class(p, c, e);
    return rc ? rc : export_walk(p->x, split, take, p, e);
}

/* ---- classes.csv --------------------------------------------------------------------------- */

static void put_field(FILE *f, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++)
        fprintf(f, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', f);
}

static int write_classes(const struct png_export *p, struct err *e)
{
    char path[sizeof p->folder + 256], folder[CLASS_SIZE];
    snprintf(path, sizeof path, "%s/" PICTURE_TABLE_NAME, p->folder);
    FILE *f = fopen(path, "wxe");
    if (!f)
        return err_sys(e, -errno, "making " PICTURE_TABLE_NAME);
    fputs(PICTURE_TABLE_HEAD "\n", f);
    for (int32_t c = 0; c <= p->last_label; c++) {
        const char *name = whole_class(&p->x->whole, c);
        class_folder(p, c, folder);
        put_field(f, folder);
        fprintf(f, ",%d,", (int)c);
        put_field(f, name ? name : "");
        fputc('\n', f);
    }
    int code = fflush(f) || ferror(f) ? -errno : 0;
    if (fclose(f) && !code)
        code = -errno;
    return code ? err_sys(e, code, "writing " PICTURE_TABLE_NAME) : 0;
}

/* ---- the folder ---------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    remove(path);
    return 0;
}

static void remove_all(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int there_already(const char *path, struct err *e)
{
    return err_set(e, -EEXIST, "it is there already: remove %s, or name another folder", path);
}

static int put_in_place(const struct png_export *p, struct err *e)
{
    int fd = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || syncfs(fd) < 0 ? err_sys(e, -errno, "syncing it") : 0;
    fd_close(&fd);
    if (rc)
        return rc;
    if (renameat2(AT_FDCWD, p->folder, AT_FDCWD, p->x->path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EINVAL && access(p->x->path, F_OK) != 0 && rename(p->folder, p->x->path) == 0)
        return 0; /* a file system without that flag */
    return errno == EEXIST ? there_already(p->x->path, e) : err_sys(e, -errno, "finishing it");
}

/* One that was killed may have left a folder with our number in its name, as a container's first
 * process has the same each time. */
static int make_beside(struct png_export *p, struct err *e)
{
    const char *path = p->x->path;
    size_t n = strlen(path);
    int rc = -EEXIST;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (int i = 0; rc == -EEXIST && i < TRIES_MAX; i++) {
        if (snprintf(p->folder, sizeof p->folder, "%.*s.%d-%d.tmp", (int)n, path, (int)getpid(),
                     i) >= (int)sizeof p->folder)
            return err_set(e, -ENAMETOOLONG, "the path is longer than %zu bytes",
                           sizeof p->folder - 1);
        rc = mkdir(p->folder, 0777) < 0 ? -errno : 0;
    }
    return rc ? err_sys(e, rc, "making a folder beside it") : 0;
}

static int write_png(struct export *x, struct err *e)
{
    struct png_export p = {.x = x};
    if (access(x->path, F_OK) == 0)
        return there_already(x->path, e);
    p.made = malloc(LABELS_MAX);
    if (!p.made)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = make_beside(&p, e);
    bool made = !rc;
    if (!rc)
        rc = count_digits(&p, e);
    for (size_t s = x->first; s < x->end && !rc; s++)
        rc = write_split(&p, s, e);
    if (!rc)
        rc = write_classes(&p, e);
    if (!rc)
        rc = put_in_place(&p, e);
    if (rc && made)
        remove_all(p.folder);
    free(p.made);
    return rc;
}

const struct export_format export_png = {.word = "png", .write = write_png};
