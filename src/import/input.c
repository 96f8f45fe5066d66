/* SPDX-License-Identifier: MIT */
/* The walk: sources, a folder's files, an archive's members, and an .npz among either. Two layers
 * at most lie on each other; what is packed more often reads as what is in the second. */
#include "import/input.h"

#include "base/io.h"
#include "import/folder.h"
#include "import/layer.h"
#include "import/licence.h"
#include "import/zip_end.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 1024 };

struct import_input {
    char **paths;  /* [count] */
    bool *touched; /* [count] */
    size_t count, at;
    struct import_watch watch;
    uint64_t total; /* bytes of all sources */

    struct folder_walk *folder; /* NULL: the source is a file */
    int fd;                     /* the file that is open; -1: none */
    uint64_t file_bytes, packed_read;
    struct layer *outer, *inner; /* NULL: not there */
    bool inner_members;          /* inner is an .npz, and has more than one */

    struct layer *member; /* whose bytes are read: inner, else outer */
    uint64_t offset;      /* in it */
    uint64_t unpacked;    /* of all members */
    char file_name[NAME_BYTES], outer_name[NAME_BYTES], name[NAME_BYTES];
    char source[NAME_BYTES];
    char where[2 * NAME_BYTES + 8];
    uint64_t size;
    char *licence; /* NULL: none was met */
};

/* ---- below: a file, and a member that is packed -------------------------------------------- */

static ssize_t read_file(void *data, void *buffer, size_t size, struct err *e)
{
    struct import_input *in = data;
    if (in->watch.step) {
        int rc = in->watch.step(in->watch.data, in->packed_read, in->total, e);
        if (rc)
            return rc;
    }
    ssize_t n = read_full(in->fd, buffer, size);
    if (n < 0)
        return err_sys(e, (int)n, "reading it");
    in->packed_read += (uint64_t)n;
    return n;
}

static int64_t seek_file(void *data, int64_t offset, int whence)
{
    struct import_input *in = data;
    off_t at = lseek(in->fd, (off_t)offset, whence);
    return at < 0 ? -errno : at;
}

static ssize_t read_outer(void *data, void *buffer, size_t size, struct err *e)
{
    struct import_input *in = data;
    return layer_read(in->outer, buffer, size, e);
}

/* ---- opening ------------------------------------------------------------------------------- */

static uint64_t size_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return 0;
    return S_ISDIR(st.st_mode) ? folder_size(path) : (uint64_t)st.st_size;
}

int import_input_open(struct import_input **out, const char *const *paths, size_t count,
                      struct import_watch watch, struct err *e)
{
    struct import_input *in = *out = calloc(1, sizeof *in);
    int rc = 0;
    if (!in)
        return err_set(e, -ENOMEM, "out of memory");
    in->fd = -1;
    in->watch = watch;
    in->paths = calloc(count ? count : 1, sizeof *in->paths);
    in->touched = calloc(count ? count : 1, sizeof *in->touched);
    if (!in->paths || !in->touched)
        rc = err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < count; i++) {
        in->paths[i] = strdup(paths[i]);
        in->count = i + 1;
        if (!in->paths[i])
            rc = err_set(e, -ENOMEM, "out of memory");
        else if (access(paths[i], R_OK) < 0)
            rc = err_sys(e, -errno, "%s", paths[i]);
        else
            in->total += size_of(paths[i]);
    }
    if (rc) {
        import_input_close(in);
        *out = NULL;
    }
    return rc;
}

static void close_file(struct import_input *in)
{
    layer_close(in->inner);
    layer_close(in->outer);
    in->inner = in->outer = in->member = NULL;
    in->inner_members = false;
    fd_close(&in->fd);
}

void import_input_rewind(struct import_input *in)
{
    close_file(in);
    folder_walk_close(in->folder);
    in->folder = NULL;
    in->at = 0;
    in->packed_read = in->unpacked = 0;
    in->where[0] = 0;
}

void import_input_close(struct import_input *in)
{
    if (!in)
        return;
    import_input_rewind(in);
    for (size_t i = 0; i < in->count; i++)
        free(in->paths[i]);
    free(in->paths);
    free(in->touched);
    free(in->licence);
    free(in);
}

/* ---- the walk ------------------------------------------------------------------------------ */

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcasecmp(name + n - m, end);
}

static void name_source(struct import_input *in, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t first = length;
    while (first > 0 && path[first - 1] != '/')
        first--;
    snprintf(in->source, sizeof in->source, "%.*s", (int)(length - first), path + first);
}

static int open_file(struct import_input *in, const char *path, const char *name, struct err *e)
{
    const struct layer_source file = {.data = in, .read = read_file, .seek = seek_file};
    struct stat st;
    snprintf(in->where, sizeof in->where, "%s", path);
    if (snprintf(in->file_name, sizeof in->file_name, "%s", name) >= NAME_BYTES)
        return err_set(e, -ENAMETOOLONG, "its name has more than %d bytes", NAME_BYTES - 1);
    strcpy(in->outer_name, in->file_name);
    /* A pipe is refused below, and not waited for. */
    in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (in->fd < 0 || fstat(in->fd, &st) < 0)
        return err_sys(e, -errno, "opening it");
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EINVAL, "it is neither a file nor a folder");
    in->file_bytes = (uint64_t)st.st_size;
    int rc = zip_check_end(in->fd, in->file_bytes, e);
    if (rc)
        return rc;
    /* A folder that has an archive beside what was unpacked of it does not have all twice. */
    bool members = !in->folder || ends_in(name, ".npz");
    return layer_open(&in->outer, &file, members ? LAYER_ARCHIVE : LAYER_FILE, e);
}

/* Opens the next file of the sources. Returns 1; 0 behind the last. */
static int next_file(struct import_input *in, struct err *e)
{
    const char *name;
    close_file(in);
    if (in->folder) {
        int rc = folder_walk_next(in->folder, &name, e);
        if (rc < 0)
            return rc;
        if (rc == 1) {
            rc = open_file(in, folder_walk_path(in->folder), name, e);
            return rc ? rc : 1;
        }
        folder_walk_close(in->folder);
        in->folder = NULL;
    }
    if (in->at == in->count)
        return 0;
    const char *path = in->paths[in->at++];
    struct stat st;
    name_source(in, path);
    snprintf(in->where, sizeof in->where, "%s", path);
    if (stat(path, &st) < 0)
        return err_sys(e, -errno, "looking at it");
    if (S_ISDIR(st.st_mode)) {
        int rc = folder_walk_open(&in->folder, path, e);
        return rc ? rc : next_file(in, e);
    }
    int rc = open_file(in, path, in->source, e);
    return rc ? rc : 1;
}

static bool is_hidden(const char *name)
{
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if ((at[0] == '.' && at[1] && at[1] != '/') || !strncmp(at, "__MACOSX", 8))
            return true;
    }
    return false;
}

static bool begins(const uint8_t *bytes, ssize_t count, const char *magic, size_t size)
{
    return count >= (ssize_t)size && !memcmp(bytes, magic, size);
}

#define BEGINS(b, n, magic) begins(b, n, magic, sizeof magic - 1)

/* Whether the outer layer's member is packed, and is not read as it stands. Of a file of its own
 * the outer layer has undone the packing already. */
static int find_inner(struct import_input *in, enum layer_want *want, struct err *e)
{
    const uint8_t *b;
    ssize_t n = layer_peek(in->outer, &b, e);
    if (n < 0)
        return (int)n;
    if (BEGINS(b, n, "PK\3\4") && ends_in(in->outer_name, ".npz")) {
        *want = LAYER_ZIP;
        return 1;
    }
    return layer_has_members(in->outer) &&
           (BEGINS(b, n, "\x1f\x8b") || BEGINS(b, n, "BZh") ||
            BEGINS(b, n,
                   "\xfd"
                   "7zXZ") ||
            BEGINS(b, n, "\x1f\x9d") || BEGINS(b, n, "\x28\xb5\x2f\xfd"));
}

/* The outer layer stands at a member: that, or what is packed in it. Returns 1; 0: an .npz that has
 * none. */
static int take_member(struct import_input *in, uint64_t size, struct err *e)
{
    const struct layer_source member = {.data = in, .read = read_outer};
    enum layer_want want = LAYER_FILE;
    struct layer_member m;
    in->member = in->outer;
    in->size = size;
    snprintf(in->name, sizeof in->name, "%s", in->outer_name);
    int rc = find_inner(in, &want, e);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    rc = layer_open(&in->inner, &member, want, e);
    if (rc)
        return rc;
    in->inner_members = want == LAYER_ZIP;
    if (in->inner_members)
        return 0; /* its members come by next_inner */
    in->member = in->inner;
    in->size = IMPORT_SIZE_UNKNOWN;
    rc = layer_next(in->inner, &m, e);
    return rc < 0 ? rc : 1;
}

static int next_inner(struct import_input *in, struct err *e)
{
    struct layer_member m;
    int rc = layer_next(in->inner, &m, e);
    if (rc <= 0)
        return rc;
    in->member = in->inner;
    in->size = m.size;
    int n = snprintf(in->name, sizeof in->name, "%s/%s", in->outer_name, m.name ? m.name : "");
    return n < NAME_BYTES
               ? 1
               : err_set(e, -ENAMETOOLONG, "a name has more than %d bytes", NAME_BYTES - 1);
}

/* Goes to the outer layer's next member. Returns 1; 0 behind the last. */
static int next_outer(struct import_input *in, struct err *e)
{
    struct layer_member m;
    int rc = layer_next(in->outer, &m, e);
    if (rc <= 0)
        return rc;
    uint64_t size = m.size;
    const char *folder = in->folder ? in->file_name : "", *slash = in->folder ? "/" : "";
    if (m.name && snprintf(in->outer_name, sizeof in->outer_name, "%s%s%s", folder, slash,
                           m.name) >= NAME_BYTES)
        return err_set(e, -ENAMETOOLONG, "a name has more than %d bytes", NAME_BYTES - 1);
    if (!layer_has_members(in->outer) && !layer_is_packed(in->outer))
        size = in->file_bytes;
    rc = take_member(in, size, e);
    return rc < 0 ? rc : 1;
}

static int check_ratio(const struct import_input *in, uint64_t unpacked, struct err *e)
{
    if (unpacked <= IMPORT_RATIO_ABOVE || unpacked / IMPORT_RATIO_MAX <= in->total)
        return 0;
    return err_set(e, -EINVAL,
                   "%llu bytes unpack to more than %u times as many: that is a bomb, no images",
                   (unsigned long long)in->total, IMPORT_RATIO_MAX);
}

static int advance(struct import_input *in, struct err *e)
{
    for (;;) {
        int rc = 0;
        if (in->inner_members) {
            rc = next_inner(in, e);
        } else if (in->outer) {
            layer_close(in->inner);
            in->inner = NULL;
            rc = next_outer(in, e);
            if (rc == 1 && in->inner_members)
                continue;
        } else {
            rc = next_file(in, e);
            if (rc <= 0)
                return rc;
            continue;
        }
        if (rc < 0)
            return rc;
        if (rc == 1)
            return 1;
        if (in->inner_members) { /* the .npz has no more */
            layer_close(in->inner);
            in->inner = NULL;
            in->inner_members = false;
        } else {
            close_file(in);
        }
    }
}

int import_input_next(struct import_input *in, struct import_member *m, struct err *e)
{
    do {
        int rc = advance(in, e);
        if (rc <= 0) {
            if (rc == 0)
                in->where[0] = 0;
            return rc;
        }
        rc = check_ratio(in, layer_unpacked(in->outer), e);
        if (rc)
            return rc;
    } while (is_hidden(in->name));
    in->offset = 0;
    if (strcmp(in->source, in->name) != 0)
        snprintf(in->where, sizeof in->where, "%s: %s", in->source, in->name);
    else
        snprintf(in->where, sizeof in->where, "%s", in->name);
    *m = (struct import_member){.source = in->source, .name = in->name, .size = in->size};
    const char *before = in->licence;
    int rc = licence_take(in->member, in->name, &in->licence, e);
    in->touched[in->at - 1] |= in->licence != before;
    return rc ? rc : 1;
}

/* ---- a member's bytes ---------------------------------------------------------------------- */

ssize_t import_input_read(struct import_input *in, void *buffer, size_t size, struct err *e)
{
    ssize_t n = layer_read(in->member, buffer, size, e);
    if (n < 0)
        return n;
    in->touched[in->at - 1] = true;
    in->offset += (uint64_t)n;
    in->unpacked += (uint64_t)n;
    int rc = check_ratio(in, in->unpacked, e);
    return rc ? rc : n;
}

int import_input_all(struct import_input *in, void *buffer, size_t size, struct err *e)
{
    uint64_t before = in->offset;
    ssize_t n = import_input_read(in, buffer, size, e);
    if (n < 0)
        return (int)n;
    return (size_t)n == size ? 0 : import_input_short(in, before + size, e);
}

ssize_t import_input_peek(struct import_input *in, const uint8_t **bytes, struct err *e)
{
    return layer_peek(in->member, bytes, e);
}

uint64_t import_input_offset(const struct import_input *in)
{
    return in->offset;
}

const char *import_input_where(const struct import_input *in)
{
    return in->where;
}

const char *import_input_licence(const struct import_input *in)
{
    return in->licence;
}

const char *import_input_untouched(const struct import_input *in, size_t *at)
{
    while (*at < in->count && in->touched[*at])
        ++*at;
    return *at < in->count ? in->paths[(*at)++] : NULL;
}

const char *import_input_first_path(const struct import_input *in)
{
    return in->paths[0];
}

const char *import_input_only_path(const struct import_input *in)
{
    return in->count == 1 ? in->paths[0] : NULL;
}

int import_input_short(const struct import_input *in, uint64_t want, struct err *e)
{
    if (want < 1000000)
        return err_set(e, -EINVAL, "it ends at byte %llu, want %llu bytes: a half download?",
                       (unsigned long long)in->offset, (unsigned long long)want);
    return err_set(e, -EINVAL, "a half download: %.1f of %.1f MB; fetch it again",
                   (double)in->offset / 1e6, (double)want / 1e6);
}
