/* SPDX-License-Identifier: MIT */
/* Looks for the signature of the list's end, behind which a comment may stand. */
#include "import/zip_end.h"

#include "base/io.h"

#include <errno.h>
#include <string.h>

enum { END_BYTES = 22 + 65535 };

int zip_check_end(int fd, uint64_t bytes, struct err *e)
{
    uint8_t first[4], end[END_BYTES];
    uint64_t from = bytes < END_BYTES ? 0 : bytes - END_BYTES;
    if (pread_full(fd, first, 4, 0) != 4 || memcmp(first, "PK\3\4", 4) != 0)
        return 0;
    ssize_t n = pread_full(fd, end, END_BYTES, from);
    if (n < 0)
        return err_sys(e, (int)n, "reading its end");
    if (memmem(end, (size_t)n, "PK\5\6", 4))
        return 0;
    return err_set(e, -EINVAL,
                   "a half download: %.1f MB are here, without the list of members at a zip file's "
                   "end; fetch it again",
                   (double)bytes / 1e6);
}
