/* SPDX-License-Identifier: MIT */
/* The side of the child process's parent: it starts it, checks whatever it says, and ends it. */
#include "import/mat.h"

#include <errno.h>
#include <stddef.h>

#ifdef HAVE_MATIO

#include "base/io.h"
#include "import/mat_wire.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const mat_library = HAVE_MATIO;

struct mat_file {
    pid_t pid;
    int fd;
    struct mat_array arrays[MAT_ARRAYS_MAX];
    uint32_t count;
    enum mat_form form;
    uint32_t left;   /* bytes of the frame that is being read */
    uint64_t values; /* of the array that were not asked for yet */
};

/* How the child ended, where it has said nothing. */
static int ended(struct mat_file *f, struct err *e)
{
    int status = 0;
    pid_t pid = f->pid;
    f->pid = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(e, -EINVAL, "matio ended");
    if (!WIFSIGNALED(status))
        return err_set(e, -EINVAL, "matio ended with status %d", WEXITSTATUS(status));
    int n = WTERMSIG(status);
    return err_set(e, -EINVAL, "the file made matio fail (%s), in a process of its own",
                   n == SIGXCPU ? "it took too long" : strsignal(n));
}

static int take(struct mat_file *f, void *buffer, size_t size, struct err *e)
{
    if (f->pid == 0)
        return err_set(e, -EINVAL, "matio has ended");
    ssize_t n = read_full(f->fd, buffer, size);
    if (n < 0)
        return err_sys(e, (int)n, "reading what matio says");
    return (size_t)n == size ? 0 : ended(f, e);
}

/* The next frame's head. A frame with an error is the last one. */
static int next_frame(struct mat_file *f, struct err *e)
{
    struct mat_frame frame;
    struct err told = {.text = ""};
    int r = take(f, &frame, sizeof frame, e);
    if (r < 0)
        return r;
    if (frame.code == 0) {
        f->left = frame.bytes;
        return 0;
    }
    r = take(f, told.text, frame.bytes < sizeof told.text ? frame.bytes : sizeof told.text, e);
    told.text[sizeof told.text - 1] = 0;
    return r < 0 ? r : err_set(e, -EINVAL, "%s", told.text);
}

static int take_arrays(struct mat_file *f, struct err *e)
{
    int r = next_frame(f, e);
    if (r < 0)
        return r;
    if (f->left > sizeof f->arrays || f->left % sizeof *f->arrays)
        return err_set(e, -EINVAL, "matio names %u bytes of arrays", f->left);
    f->count = f->left / (uint32_t)sizeof *f->arrays;
    r = take(f, f->arrays, f->left, e);
    f->left = 0;
    for (uint32_t i = 0; r == 0 && i < f->count; i++)
        f->arrays[i].name[MAT_NAME_SIZE - 1] = 0;
    return r;
}

static int start(struct mat_file *f, int fd, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, -errno, "a socket for matio");
    f->pid = fork();
    if (f->pid == 0) {
        close(pair[0]);
        mat_child(fd, pair[1]);
    }
    int r = f->pid < 0 ? err_sys(e, -errno, "a process for matio") : 0;
    f->pid = f->pid < 0 ? 0 : f->pid;
    close(pair[1]);
    f->fd = pair[0];
    return r;
}

int mat_open(struct mat_file **file, int fd, struct err *e)
{
    struct mat_file *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(e, -ENOMEM, "no memory to read a MATLAB file");
    f->fd = -1;
    int r = start(f, fd, e);
    r = r < 0 ? r : take_arrays(f, e);
    if (r < 0) {
        mat_close(f);
        return r;
    }
    *file = f;
    return 0;
}

void mat_close(struct mat_file *f)
{
    if (!f)
        return;
    fd_close(&f->fd);
    if (f->pid > 0) {
        kill(f->pid, SIGKILL); /* it has nothing to put away */
        while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    free(f);
}

const struct mat_array *mat_arrays(const struct mat_file *f, uint32_t *count)
{
    *count = f->count;
    return f->arrays;
}

void mat_begin(struct mat_file *f, uint32_t array, enum mat_form form)
{
    struct mat_request request = {array, form};
    f->form = form;
    f->values = f->arrays[array].count;
    /* To a child that has ended nothing is sent, which mat_read finds. */
    (void)!send(f->fd, &request, sizeof request, MSG_NOSIGNAL);
}

int mat_read(struct mat_file *f, void *values, size_t count, struct err *e)
{
    uint8_t *to = values;
    if (count > f->values)
        return err_set(e, -EINVAL, "the array has %llu values less than are wanted",
                       (unsigned long long)(count - f->values));
    f->values -= count;
    size_t bytes = count * (f->form == MAT_LEVELS ? 1 : sizeof(int32_t));
    while (bytes > 0) {
        int r = f->left == 0 ? next_frame(f, e) : 0;
        if (r < 0)
            return r;
        size_t n = bytes < f->left ? bytes : f->left;
        r = take(f, to, n, e);
        if (r < 0)
            return r;
        f->left -= (uint32_t)n;
        bytes -= n;
        to += n;
    }
    return 0;
}

#else

const char *const mat_library = NULL;

int mat_open(struct mat_file **file, int fd, struct err *e)
{
    return err_set(e, -ENOTSUP,
                   "a MATLAB file, which this build does not read: it is without matio");
}

void mat_close(struct mat_file *f)
{
}

const struct mat_array *mat_arrays(const struct mat_file *f, uint32_t *count)
{
    *count = 0;
    return NULL;
}

void mat_begin(struct mat_file *f, uint32_t array, enum mat_form form)
{
}

int mat_read(struct mat_file *f, void *values, size_t count, struct err *e)
{
    return -ENOTSUP;
}

#endif
