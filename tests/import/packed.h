/* SPDX-License-Identifier: MIT */
/* tests/import/packed.h — files in archives and compressions, as publishers make them, and what an
 * import makes of them. */
#ifndef TESTS_IMPORT_PACKED_H
#define TESTS_IMPORT_PACKED_H

#include "base/bytes.h"
#include "import/reader.h"
#include "support/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that is to be packed. */
struct packed_file {
    const char *name;
    const void *bytes;
    size_t size;
};

/* format: "zip", "tar", or "raw" (one file); filter: "none", "gzip", "xz", "bzip2", "compress",
 * "zstd". The path is one of support_path's. */
static inline const char *pack(const char *path, const char *format, const char *filter,
                               const struct packed_file *files, size_t count)
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    if (!strcmp(format, "tar"))
        archive_write_set_format_pax_restricted(a);
    else
        archive_write_set_format_by_name(a, format);
    if (strcmp(filter, "none") != 0)
        ck_assert_int_eq(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(a, 1);
    ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, files[i].name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)files[i].size);
        ck_assert_int_eq(archive_write_header(a, entry), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_data(a, files[i].bytes, files[i].size),
                         (la_ssize_t)files[i].size);
    }
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(a);
    return path;
}

/* What libarchive and the C library keep for the process is made before a test counts: the fixture
 * of each suite that packs. */
static inline void packed_setup(void)
{
    static const struct packed_file file = {"x", "x", 1};
    char path[] = "/tmp/packed-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    pack(path, "zip", "none", &file, 1);
    unlink(path);
    freelocale(
        newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)); /* which import/layer.c asks for */
    support_setup();
}

/* An IDX file of so many dimensions, its items counting up from `first`. malloc'd. */
static inline uint8_t *make_idx(uint8_t type, size_t item, int dim_count, const uint32_t *dims,
                                uint8_t first, size_t *size)
{
    size_t data = item, head = 4 + 4 * (size_t)dim_count;
    for (int i = 0; i < dim_count; i++)
        data *= dims[i];
    uint8_t *bytes = calloc(1, head + data);
    bytes[2] = type;
    bytes[3] = (uint8_t)dim_count;
    for (int i = 0; i < dim_count; i++)
        put_be32(bytes + 4 + 4 * i, dims[i]);
    for (size_t i = 0; i < data / item; i++)
        bytes[head + i * item + item - 1] = (uint8_t)(first + i);
    *size = head + data;
    return bytes;
}

/* What was told of members, one behind the other. */
static char told[4096];

static inline void note_told(void *data, bool broken, const char *text)
{
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s%s|", broken ? "broken: " : "", text);
}

/* Imports the sources into the test's folder "set", of that name or as they are called. The options
 * may be NULL. Returns what import_run does; the name it got is in `called`. */
static char called[IMPORT_NAME_SIZE];

static inline int import_paths(const char *const *paths, size_t count, const char *name,
                               const struct import_options *options, struct err *e)
{
    struct import_options o = options ? *options : (struct import_options){0};
    const struct import_reader *reader;
    struct import_input *in;
    struct import_set *set;
    const struct import_watch nobody = {0};
    o.note = note_told;
    told[0] = e->text[0] = 0;
    int rc = import_set_new(&set, support_path("set"), name, e);
    ck_assert_msg(rc == 0, "%s", e->text);
    rc = import_input_open(&in, paths, count, nobody, e);
    ck_assert_msg(rc == 0, "%s", e->text);
    rc = import_run(in, set, &o, &reader, e);
    snprintf(called, sizeof called, "%s", import_set_name(set) ? import_set_name(set) : "");
    import_input_close(in);
    import_set_free(set);
    return rc;
}

static inline void must_import(const char *path, const struct import_options *o)
{
    struct err e;
    ck_assert_msg(import_paths(&path, 1, "x", o, &e) == 0, "%s", e.text);
}

/* No folder that a set is made in is there any more. */
static inline void check_nothing_left(void)
{
    struct dirent *file;
    DIR *dir = opendir(support_dir());
    ck_assert_ptr_nonnull(dir);
    while ((file = readdir(dir)))
        ck_assert_msg(file->d_name[0] != '.' || !file->d_name[strspn(file->d_name, ".")],
                      "%s is left", file->d_name);
    closedir(dir);
}

/* That it is refused in these words, and that nothing is left. */
static inline void must_refuse(const char *path, const struct import_options *o, const char *words)
{
    struct err e;
    struct stat st;
    int rc = import_paths(&path, 1, "x", o, &e);
    ck_assert_msg(rc < 0 && strstr(e.text, words), "want \"%s\", have %d \"%s\"", words, rc,
                  e.text);
    ck_assert_msg(lstat(support_path("set"), &st) < 0, "a set is there");
    check_nothing_left();
}

/* The bytes of a file of the set behind its header. malloc'd; dims: [4], 0 behind the last. */
static inline uint8_t *read_set(const char *file, uint32_t dims[4], size_t *bytes)
{
    size_t size;
    uint8_t *all = support_read(support_path("set/%s", file), &size);
    size_t head = 4 + 4 * (size_t)all[3];
    for (int i = 0; i < 4; i++)
        dims[i] = i < all[3] ? get_be32(all + 4 + 4 * i) : 0;
    *bytes = size - head;
    memmove(all, all + head, *bytes);
    return all;
}

static inline void remove_set(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s'", support_path("set"));
    ck_assert_int_eq(system(command), 0);
}

#endif
