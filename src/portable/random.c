/* SPDX-License-Identifier: MIT */
/* arc4random_buf(3) for programs that have libarchive in them: glibc has it from 2.36 on, and a
 * program that asks glibc for it starts with no older one. libarchive wants it for encryption,
 * which nothing here does; the bytes are random all the same. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

__attribute__((visibility("hidden"))) void arc4random_buf(void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)out + done, size - done, 0);
        if (n > 0)
            done += (size_t)n;
    }
}
