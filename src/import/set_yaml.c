/* SPDX-License-Identifier: MIT */
/* dataset.yaml: what the daemon reads of a set's folder. Every text is quoted, so that none is
 * taken for a number, a date or YAML's own signs. */
#include "import/set_state.h"

#include "base/io.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As YAML's double-quoted text. Bytes that are no UTF-8 become '?': the reader takes no others. */
static void put_quoted(FILE *f, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', f);
    for (size_t bytes; *at; at += bytes ? bytes : 1) {
        uint32_t character;
        bytes = utf8_take(at, &character);
        if (!bytes)
            fputc('?', f);
        else if (utf8_is_plain_yaml(character))
            fwrite(at, 1, bytes, f);
        else if (character == '"' || character == '\\')
            fprintf(f, "\\%c", (char)character);
        else if (character == '\n')
            fputs("\\n", f);
        else
            fprintf(f, character < 0x100 ? "\\x%02x" : "\\u%04x", character);
    }
    fputc('"', f);
}

static void put_splits(FILE *f, const struct import_set *set)
{
    int order[IMPORT_SPLITS_MAX];
    char images[128], labels[128];
    set_order(set, order);
    fputs("splits:\n", f);
    for (int i = 0; i < set->split_count; i++) {
        const struct set_split *p = &set->splits[order[i]];
        set_images_name(p, images);
        set_labels_name(p, labels);
        fputs("  ", f);
        put_quoted(f, p->name);
        fputs(": {images: ", f);
        put_quoted(f, images);
        fputs(", labels: ", f);
        put_quoted(f, labels);
        fputs("}\n", f);
    }
}

static void put_classes(FILE *f, const struct import_set *set)
{
    if (!set->class_count)
        return;
    fputs("classes:\n", f);
    for (uint32_t i = 0; i < set->class_count; i++) {
        fputs("  - ", f);
        put_quoted(f, set->classes[i]);
        fputc('\n', f);
    }
}

static void put_text(FILE *f, const char *key, const char *text)
{
    if (!text)
        return;
    fprintf(f, "%s: ", key);
    put_quoted(f, text);
    fputc('\n', f);
}

static void put_all(FILE *f, const struct import_set *set)
{
    fputs("# written by fmnistctl import\nformat: 1\n", f);
    put_text(f, "name", set->name);
    put_splits(f, set);
    put_classes(f, set);
    if (set->splits[0].columns > 1)
        fputs("multi_label: true\n", f);
    /* Images are written upright, also of sets that are known to be published on their side. */
    fputs("transpose: false\n", f);
    put_text(f, "origin", set->origin);
    if (set->has_sha256) {
        fputs("source_sha256: \"", f);
        for (size_t i = 0; i < sizeof set->sha256; i++)
            fprintf(f, "%02x", set->sha256[i]);
        fputs("\"\n", f);
    }
    put_text(f, "licence", set->licence);
}

int set_write_yaml(const struct import_set *set, struct err *e)
{
    int fd = openat(set->fd, "dataset.yaml", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        int code = -errno;
        fd_close(&fd);
        return err_sys(e, code, "making dataset.yaml");
    }
    put_all(f, set);
    bool good = fflush(f) == 0 && fsync(fd) == 0;
    int code = good ? 0 : -errno;
    if (fclose(f) && !code)
        code = -errno;
    return code ? err_sys(e, code, "writing dataset.yaml") : 0;
}
