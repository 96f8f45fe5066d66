/* SPDX-License-Identifier: MIT */
/* libarchive over a source, and zlib before it. Nothing is ever written by a member's name; those
 * that could not be are refused all the same, because nobody publishes them in good faith. */
#include "import/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { BLOCK_BYTES = 1 << 18 };

struct layer {
    struct layer_source source;
    struct archive *archive;
    struct archive_entry *entry;
    const char *name; /* its; NULL: it has none */
    locale_t utf8;    /* 0: its members have no names, or there is none */
    bool is_empty;    /* the source was, which is one member of no bytes */
    struct err err;   /* why the source could not be read */

    uint8_t *block; /* [BLOCK_BYTES], of which [first, end) is not taken yet */
    size_t first, end;

    bool gzip;
    z_stream inflater;
    uint8_t *inflated; /* [BLOCK_BYTES] */
    uint64_t packed_bytes, inflated_bytes;
    bool gzip_done; /* a stream's end was seen, and no other one has begun */

    uint8_t *peeked; /* [LAYER_PEEK_BYTES], of which [peek_first, peek_end) is not read yet */
    size_t peek_first, peek_end;
};

/* ---- packed bytes -------------------------------------------------------------------------- */

/* Fills the block where all of it was taken. Returns its bytes, 0 at the end. */
static ssize_t fill(struct layer *l)
{
    if (l->first < l->end)
        return (ssize_t)(l->end - l->first);
    ssize_t n = l->source.read(l->source.data, l->block, BLOCK_BYTES, &l->err);
    l->first = 0;
    l->end = n > 0 ? (size_t)n : 0;
    l->packed_bytes += l->end;
    return n;
}

static int refuse_gzip(struct layer *l, int code)
{
    if (code == Z_MEM_ERROR)
        return err_set(&l->err, -ENOMEM, "no memory to unpack it");
    return err_set(&l->err, -EINVAL, "its gzip data is damaged near packed byte %llu: %s",
                   (unsigned long long)(l->packed_bytes - l->inflater.avail_in),
                   l->inflater.msg ? l->inflater.msg : "no valid stream");
}

/* Of a file that ends in mid-stream. */
static int refuse_half(struct layer *l)
{
    return err_set(&l->err, -EINVAL,
                   "a half download: its gzip data breaks off after %.1f MB (%.1f MB unpacked); "
                   "fetch it again",
                   (double)l->packed_bytes / 1e6, (double)l->inflated_bytes / 1e6);
}

/* Inflates the next block. Returns its bytes, 0 at the end. */
static ssize_t inflate_block(struct layer *l)
{
    z_stream *z = &l->inflater;
    z->next_out = l->inflated;
    z->avail_out = BLOCK_BYTES;
    while (z->avail_out == BLOCK_BYTES) {
        ssize_t n = fill(l);
        if (n < 0)
            return n;
        if (n == 0)
            return l->gzip_done ? 0 : refuse_half(l);
        if (l->gzip_done) { /* one stream behind the other; or what gzip(1) calls garbage */
            if (l->block[l->first] != 0x1f)
                return 0;
            inflateReset(z);
            l->gzip_done = false;
        }
        z->next_in = l->block + l->first;
        z->avail_in = (uInt)n;
        int code = inflate(z, Z_NO_FLUSH);
        l->first = l->end - z->avail_in;
        if (code == Z_STREAM_END)
            l->gzip_done = true;
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return refuse_gzip(l, code);
    }
    l->inflated_bytes += BLOCK_BYTES - z->avail_out;
    return (ssize_t)(BLOCK_BYTES - z->avail_out);
}

static ssize_t give_block(struct archive *a, void *data, const void **block)
{
    struct layer *l = data;
    ssize_t n = l->gzip ? inflate_block(l) : fill(l);
    *block = l->gzip ? l->inflated : l->block + l->first;
    if (!l->gzip)
        l->first = l->end;
    if (n < 0)
        archive_set_error(a, (int)-n, "%s", l->err.text);
    return n < 0 ? ARCHIVE_FATAL : n;
}

static int64_t seek_source(struct archive *a, void *data, int64_t offset, int whence)
{
    struct layer *l = data;
    int64_t at = l->source.seek(l->source.data, offset, whence);
    l->first = l->end = 0;
    if (at < 0)
        archive_set_error(a, (int)-at, "seeking");
    return at < 0 ? ARCHIVE_FATAL : at;
}

/* ---- the archive --------------------------------------------------------------------------- */

static int tell(const struct layer *l, struct err *e)
{
    const char *text = archive_error_string(l->archive);
    if (l->err.text[0])
        return err_set(e, -EINVAL, "%s", l->err.text);
    if (archive_errno(l->archive) == ENOMEM)
        return err_set(e, -ENOMEM, "no memory to unpack it");
    if (text && (strstr(text, "runcated") || strstr(text, "No progress")))
        return err_set(e, -EINVAL, "a half download: it breaks off (%s); fetch it again", text);
    return err_set(e, -EINVAL, "%s", text ? text : "it cannot be unpacked");
}

static void allow(struct archive *a, enum layer_want want)
{
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_compress(a);
    archive_read_support_filter_lzma(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    if (want != LAYER_FILE)
        archive_read_support_format_zip(a);
    if (want == LAYER_ARCHIVE) {
        archive_read_support_format_tar(a);
        archive_read_support_format_gnutar(a);
    }
    if (want != LAYER_ZIP) {
        archive_read_support_format_raw(a);
        archive_read_support_format_empty(a);
    }
}

/* The end of an empty tar, or pixels that are black: a batch of CIFAR's may begin so. */
static bool begins_with_zeros(const struct layer *l, size_t size)
{
    static const uint8_t zeros[512]; /* a tar's block */
    return size >= sizeof zeros && !memcmp(l->block, zeros, sizeof zeros);
}

static int begin(struct layer *l, enum layer_want want, struct err *e)
{
    ssize_t n = fill(l);
    if (n < 0) {
        *e = l->err;
        return (int)n;
    }
    l->gzip = n >= 2 && l->block[0] == 0x1f && l->block[1] == 0x8b;
    if (l->gzip && inflateInit2(&l->inflater, 16 + MAX_WBITS) != Z_OK) {
        l->gzip = false;
        return err_set(e, -ENOMEM, "no memory to unpack it");
    }
    allow(l->archive, want == LAYER_ARCHIVE && begins_with_zeros(l, (size_t)n) ? LAYER_FILE : want);
    archive_read_set_callback_data(l->archive, l);
    archive_read_set_read_callback(l->archive, give_block);
    if (l->source.seek && !l->gzip)
        archive_read_set_seek_callback(l->archive, seek_source);
    return archive_read_open1(l->archive) == ARCHIVE_OK ? 0 : tell(l, e);
}

int layer_open(struct layer **layer, const struct layer_source *source, enum layer_want want,
               struct err *e)
{
    struct layer *l = calloc(1, sizeof *l);
    *layer = l;
    if (!l)
        return err_set(e, -ENOMEM, "out of memory");
    l->source = *source;
    l->block = malloc(BLOCK_BYTES);
    l->inflated = malloc(BLOCK_BYTES);
    l->peeked = malloc(LAYER_PEEK_BYTES);
    l->archive = archive_read_new();
    if (want != LAYER_FILE)
        l->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    int rc = l->block && l->inflated && l->peeked && l->archive
                 ? begin(l, want, e)
                 : err_set(e, -ENOMEM, "out of memory");
    if (rc) {
        layer_close(l);
        *layer = NULL;
    }
    return rc;
}

void layer_close(struct layer *l)
{
    if (!l)
        return;
    if (l->archive)
        archive_read_free(l->archive);
    if (l->gzip)
        inflateEnd(&l->inflater);
    if (l->utf8)
        freelocale(l->utf8);
    free(l->block);
    free(l->inflated);
    free(l->peeked);
    free(l);
}

bool layer_has_members(const struct layer *l)
{
    int format = archive_format(l->archive) & ARCHIVE_FORMAT_BASE_MASK;
    return format == ARCHIVE_FORMAT_ZIP || format == ARCHIVE_FORMAT_TAR;
}

bool layer_is_packed(const struct layer *l)
{
    return l->gzip || archive_filter_count(l->archive) > 1;
}

/* ---- members ------------------------------------------------------------------------------- */

static bool leads_out(const char *name)
{
    if (name[0] == '/' || name[0] == '\\')
        return true;
    for (const char *at = name; at; at = strpbrk(at, "/\\")) {
        at += at > name || *at == '/' || *at == '\\';
        if (!strncmp(at, "..", 2) && (!at[2] || at[2] == '/' || at[2] == '\\'))
            return true;
    }
    return false;
}

static int check_member(struct archive_entry *entry, const char *name, struct err *e)
{
    if (leads_out(name))
        return err_set(e, -EINVAL, "member \"%s\" leads out of its folder", name);
    if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
        archive_entry_filetype(entry) == AE_IFLNK)
        return err_set(e, -EINVAL, "member \"%s\" is a link, want files", name);
    mode_t type = archive_entry_filetype(entry);
    if (type != AE_IFREG && type != 0)
        return err_set(e, -EINVAL, "member \"%s\" is a device or a pipe, want files", name);
    if (archive_entry_sparse_count(entry))
        return err_set(e, -EINVAL, "member \"%s\" is a sparse file, want files without holes",
                       name);
    if (archive_entry_is_encrypted(entry) == 1)
        return err_set(e, -EINVAL, "member \"%s\" is encrypted: unpack it first", name);
    return 0;
}

static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    return name ? name : archive_entry_pathname_utf8(entry);
}

/* libarchive gives names as the locale has characters, and none where it has them not: for it all
 * locales are UTF-8, as the names of files are. */
static int next_header(struct layer *l)
{
    locale_t before = l->utf8 ? uselocale(l->utf8) : (locale_t)0;
    int code = archive_read_next_header(l->archive, &l->entry);
    l->name = code < ARCHIVE_WARN || code == ARCHIVE_EOF ? NULL : name_of(l->entry);
    if (l->utf8)
        uselocale(before);
    return code;
}

int layer_next(struct layer *l, struct layer_member *member, struct err *e)
{
    *member = (struct layer_member){.size = UINT64_MAX};
    l->peek_first = l->peek_end = 0;
    if (l->is_empty)
        return 0;
    for (;;) {
        int code = next_header(l);
        if (code == ARCHIVE_EOF) {
            l->is_empty = archive_format(l->archive) == ARCHIVE_FORMAT_EMPTY;
            member->size = 0;
            return l->is_empty;
        }
        if (code < ARCHIVE_WARN)
            return tell(l, e);
        if (!layer_has_members(l))
            return 1;
        const char *name = l->name;
        if (!name)
            return err_set(e, -EINVAL, "a member's name cannot be read");
        if (archive_entry_filetype(l->entry) == AE_IFDIR)
            continue;
        int rc = check_member(l->entry, name, e);
        if (rc)
            return rc;
        member->name = name;
        if (archive_entry_size_is_set(l->entry) && archive_entry_size(l->entry) >= 0)
            member->size = (uint64_t)archive_entry_size(l->entry);
        return 1;
    }
}

/* From the archive, behind what was peeked at. */
static ssize_t read_on(struct layer *l, uint8_t *to, size_t size, struct err *e)
{
    size_t done = 0;
    while (done < size && !l->is_empty) {
        la_ssize_t n = archive_read_data(l->archive, to + done, size - done);
        if (n < 0)
            return tell(l, e);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t layer_read(struct layer *l, void *buffer, size_t size, struct err *e)
{
    size_t ready = l->peek_end - l->peek_first;
    size_t taken = ready < size ? ready : size;
    memcpy(buffer, l->peeked + l->peek_first, taken);
    l->peek_first += taken;
    if (taken == size)
        return (ssize_t)size;
    ssize_t n = read_on(l, (uint8_t *)buffer + taken, size - taken, e);
    return n < 0 ? n : n + (ssize_t)taken;
}

ssize_t layer_peek(struct layer *l, const uint8_t **bytes, struct err *e)
{
    size_t ready = l->peek_end - l->peek_first;
    memmove(l->peeked, l->peeked + l->peek_first, ready);
    l->peek_first = 0;
    l->peek_end = ready;
    ssize_t n = read_on(l, l->peeked + ready, LAYER_PEEK_BYTES - ready, e);
    if (n < 0)
        return n;
    l->peek_end += (size_t)n;
    *bytes = l->peeked;
    return (ssize_t)l->peek_end;
}

uint64_t layer_unpacked(const struct layer *l)
{
    int64_t n = archive_filter_bytes(l->archive, 0);
    return n > 0 ? (uint64_t)n : 0;
}
