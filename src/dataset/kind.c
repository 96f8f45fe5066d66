/* SPDX-License-Identifier: MIT */
/* Magic numbers of what is found in the place of an IDX file. Reads no files. */
#include "dataset/kind.h"

#include <stddef.h>
#include <string.h>

#define UNPACK "unpack it first"

static const struct {
    uint8_t size;
    uint8_t bytes[KIND_BYTES];
    const char *what;
} kinds[] = {
    {4, {0x89, 'P', 'N', 'G'}, "a PNG image: IDX files hold all images of a split"},
    {3, {0xff, 0xd8, 0xff}, "a JPEG image: IDX files hold all images of a split"},
    {4, {'P', 'K', 3, 4}, "a ZIP archive (.zip or .npz): " UNPACK},
    {4, {0x93, 'N', 'U', 'M'}, "a NumPy array (.npy)"},
    {4, {'P', 'A', 'R', '1'}, "a Parquet file"},
    {4, {0x89, 'H', 'D', 'F'}, "an HDF5 file"},
    {2, {0x1f, 0x8b}, "gzip in gzip: it was packed twice, unpack it once"},
    {3, {'B', 'Z', 'h'}, "a file packed by bzip2: " UNPACK},
    {4, {0xfd, '7', 'z', 'X'}, "a file packed by xz: " UNPACK},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, "a file packed by zstd: " UNPACK},
    {4, {'7', 'z', 0xbc, 0xaf}, "a 7-Zip archive: " UNPACK},
    {4, {'%', 'P', 'D', 'F'}, "a PDF document"},
    {4, {'v', 'e', 'r', 's'}, "a pointer of Git LFS: fetch the file itself (git lfs pull)"},
    {4, {1, 8, 0, 0}, "an IDX header with its bytes the other way round"},
    {4, {3, 8, 0, 0}, "an IDX header with its bytes the other way round"},
};

/* White space and UTF-8's byte order mark may come before the first '<'. */
static char first_sign(const uint8_t bytes[KIND_BYTES])
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    int i = memcmp(bytes, mark, sizeof mark) == 0 ? sizeof mark : 0;
    while (i < KIND_BYTES - 1 && bytes[i] && strchr(" \t\r\n", bytes[i]))
        i++;
    return (char)bytes[i];
}

const char *kind_of(const uint8_t bytes[KIND_BYTES])
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (memcmp(bytes, kinds[i].bytes, kinds[i].size) == 0)
            return kinds[i].what;
    switch (first_sign(bytes)) {
    case '<':
        return "an HTML or XML page, as servers send in a file's place: fetch it again";
    case '{':
        return "JSON text, as servers send in a file's place: fetch it again";
    default:
        return NULL;
    }
}
