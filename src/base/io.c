/* SPDX-License-Identifier: MIT */
/* Whole reads and writes. Does not retry EAGAIN: these are for blocking descriptors. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

int fd_error(struct err *e, int code, const char *what)
{
    struct rlimit limit = {0};
    if (code == -ENFILE)
        return err_set(e, code, "the daemon's machine has no descriptors left: raise fs.file-max");
    if (code != -EMFILE)
        return err_sys(e, code, "%s", what);
    getrlimit(RLIMIT_NOFILE, &limit);
    return err_set(e, code,
                   "the daemon has all of the %llu descriptors open that it may: raise "
                   "LimitNOFILE= of its unit or `ulimit -n` where it is started, and start it "
                   "again, or lower limits.clients",
                   (unsigned long long)limit.rlim_cur);
}

void fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

void fd_open_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* gets the lowest number that is free */
    while (fd >= 0 && fd <= STDERR_FILENO);
    fd_close(&fd);
}

ssize_t read_full(int fd, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (char *)buffer + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t pread_full(int fd, void *buffer, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int write_full(int fd, const void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, (const char *)buffer + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

int pwrite_full(int fd, const void *buffer, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(fd, (const char *)buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}
