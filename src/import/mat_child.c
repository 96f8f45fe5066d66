/* SPDX-License-Identifier: MIT */
/* The child process that runs matio. It opens the file, gives up whatever it could do beyond
 * reading it, and answers until its parent is gone. matio is not believed to withstand a file that
 * was made to hurt it.
 *
 * It is loaded here, not with the program: it comes with some 35 libraries (HDF5, TLS), which would
 * make each start of fmnistctl 35 ms longer. */
#include "import/mat.h"

#ifdef HAVE_MATIO

#include "base/io.h"
#include "import/mat_wire.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <matio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEMORY_MAX ((rlim_t)1 << 30)
#define CPU_MAX    ((rlim_t)1800) /* seconds */

#define CALLS(call)                                                                 \
    call(Mat_LogInitFunc) call(Mat_Open) call(Mat_Rewind) call(Mat_VarReadNextInfo) \
        call(Mat_VarReadDataLinear) call(Mat_VarFree)

#define MEMBER(name) __typeof__(name) *name;
static struct {
    CALLS(MEMBER)
} matio;

static char said[ERR_REASON_SIZE]; /* the last that matio said */
static union {
    uint64_t aligned;
    uint8_t bytes[MAT_SLAB * sizeof(double)];
} slab;
static int32_t labels[MAT_SLAB];

static int load(struct err *e)
{
    void *library = dlopen(HAVE_MATIO, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return err_set(e, -EINVAL, "MATLAB files are read by %s, which is not there: %s",
                       HAVE_MATIO, dlerror());
#define FIND(name)                                        \
    if (!(*(void **)&matio.name = dlsym(library, #name))) \
        return err_set(e, -EINVAL, "%s has no %s", HAVE_MATIO, #name);
    CALLS(FIND)
    return 0;
}

static void keep_message(int level, char *message)
{
    (void)level;
    strncpy(said, message, sizeof said - 1);
}

static __attribute__((noreturn)) void answer(int fd, int32_t code, const void *bytes, size_t size)
{
    struct mat_frame frame = {code, (uint32_t)size};
    if (write_full(fd, &frame, sizeof frame) == 0)
        write_full(fd, bytes, size);
    _exit(0);
}

static __attribute__((noreturn)) void refuse(int fd, const struct err *e)
{
    answer(fd, -EINVAL, e->text, strlen(e->text) + 1);
}

static void send_frame(int fd, const void *bytes, size_t size)
{
    struct mat_frame frame = {0, (uint32_t)size};
    if (write_full(fd, &frame, sizeof frame) < 0 || write_full(fd, bytes, size) < 0)
        _exit(0); /* the parent has what it wants, or is gone */
}

/* Where the child has the two files that it has. */
enum { SOCKET = 3, FILE_READ = 4 };

/* Of what the parent has open, nothing else is left, and its interrupts are its own to answer. */
static void let_go(int file, int socket)
{
    int kept = fcntl(file, F_DUPFD, FILE_READ + 1), nowhere;
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (kept < 0 || dup2(socket, SOCKET) < 0 || dup2(kept, FILE_READ) < 0 ||
        (nowhere = open("/dev/null", O_RDWR)) < 0)
        _exit(1);
    for (int i = 0; i < SOCKET; i++)
        dup2(nowhere, i);
    close_range(FILE_READ + 1, UINT_MAX, 0);
}

static void limit(int resource, rlim_t value)
{
    struct rlimit r = {value, value};
    setrlimit(resource, &r);
}

static void set_limits(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    limit(RLIMIT_AS, MEMORY_MAX); /* a sanitizer takes more at its start */
#endif
    limit(RLIMIT_CPU, CPU_MAX);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
}

/* ---- which arrays there are */

static bool describe(const matvar_t *v, struct mat_array *a)
{
    memset(a, 0, sizeof *a);
    strncpy(a->name, v->name ? v->name : "", sizeof a->name - 1);
    a->rank = (uint32_t)v->rank;
    a->count = 1;
    for (int i = 0; i < MAT_DIMS_MAX; i++)
        a->dims[i] = i < v->rank ? v->dims[i] : 1;
    for (int i = 0; i < v->rank; i++)
        if (__builtin_mul_overflow(a->count, (uint64_t)v->dims[i], &a->count))
            return false;
    return a->count > 0;
}

static uint32_t send_arrays(int fd, mat_t *mat)
{
    static struct mat_array arrays[MAT_ARRAYS_MAX];
    uint32_t count = 0;
    matvar_t *v;
    matio.Mat_Rewind(mat);
    while (count < MAT_ARRAYS_MAX && (v = matio.Mat_VarReadNextInfo(mat)) != NULL) {
        if (describe(v, &arrays[count]))
            count++;
        matio.Mat_VarFree(v);
    }
    send_frame(fd, arrays, count * sizeof *arrays);
    return count;
}

/* The array that was sent with this number. */
static matvar_t *find(mat_t *mat, uint32_t number, struct mat_array *a)
{
    matvar_t *v;
    matio.Mat_Rewind(mat);
    while ((v = matio.Mat_VarReadNextInfo(mat)) != NULL) {
        if (describe(v, a) && number-- == 0)
            return v;
        matio.Mat_VarFree(v);
    }
    return NULL;
}

/* ---- values */

static double value_at(enum matio_classes class, size_t i)
{
    switch (class) {
    case MAT_C_DOUBLE:
        return ((const double *)(const void *)slab.bytes)[i];
    case MAT_C_SINGLE:
        return (double)((const float *)(const void *)slab.bytes)[i];
    case MAT_C_INT8:
        return ((const int8_t *)slab.bytes)[i];
    case MAT_C_UINT8:
        return slab.bytes[i];
    case MAT_C_INT16:
        return ((const int16_t *)(const void *)slab.bytes)[i];
    case MAT_C_UINT16:
        return ((const uint16_t *)(const void *)slab.bytes)[i];
    case MAT_C_INT32:
        return ((const int32_t *)(const void *)slab.bytes)[i];
    case MAT_C_UINT32:
        return ((const uint32_t *)(const void *)slab.bytes)[i];
    case MAT_C_INT64: /* beyond 2^53 they are no labels, rounded or not */
        return (double)((const int64_t *)(const void *)slab.bytes)[i];
    default:
        return (double)((const uint64_t *)(const void *)slab.bytes)[i];
    }
}

/* Narrows what the slab holds, in its place for levels. Returns how many values were good. */
static size_t narrow(enum matio_classes class, enum mat_form form, size_t count)
{
    double low = form == MAT_LEVELS ? 0 : INT32_MIN, high = form == MAT_LEVELS ? 255 : INT32_MAX;
    for (size_t i = 0; i < count; i++) {
        double value = value_at(class, i);
        if (!(value >= low && value <= high) || value != floor(value))
            return i;
        if (form == MAT_LEVELS)
            slab.bytes[i] = (uint8_t)value;
        else
            labels[i] = (int32_t)value;
    }
    return count;
}

static void send_values(int fd, mat_t *mat, matvar_t *v, const struct mat_array *a, uint32_t form)
{
    struct err e;
    for (uint64_t at = 0; at < a->count;) {
        size_t n = a->count - at < MAT_SLAB ? (size_t)(a->count - at) : MAT_SLAB;
        if (matio.Mat_VarReadDataLinear(mat, v, slab.bytes, (int)at, 1, (int)n) != 0) {
            err_set(&e, -EINVAL, "%s: cannot be read from value %" PRIu64 " on%s%s", a->name, at,
                    *said ? ": " : "", said);
            refuse(fd, &e);
        }
        size_t good = narrow(v->class_type, form, n);
        if (good < n) {
            err_set(&e, -EINVAL, "%s: value %" PRIu64 " is %g, want whole numbers%s", a->name,
                    at + good, value_at(v->class_type, good),
                    form == MAT_LEVELS ? " 0 to 255" : "");
            refuse(fd, &e);
        }
        if (form == MAT_LEVELS)
            send_frame(fd, slab.bytes, n);
        else
            send_frame(fd, labels, n * sizeof *labels);
        at += n;
    }
}

void mat_child(int file, int socket)
{
    struct mat_request request;
    struct mat_array a;
    struct err e;
    let_go(file, socket);
    if (load(&e) < 0)
        refuse(SOCKET, &e);
    matio.Mat_LogInitFunc("fmnistctl", keep_message);
    mat_t *mat = matio.Mat_Open("/proc/self/fd/4", MAT_ACC_RDONLY);
    if (!mat) {
        err_set(&e, -EINVAL, "matio cannot open it%s%s", *said ? ": " : "", said);
        refuse(SOCKET, &e);
    }
    set_limits();
    mat_confine();
    uint32_t count = send_arrays(SOCKET, mat);
    while (read_full(SOCKET, &request, sizeof request) == sizeof request && request.array < count) {
        matvar_t *v = find(mat, request.array, &a);
        if (!v)
            break;
        if (a.count > INT_MAX) {
            err_set(&e, -EINVAL, "%s: %" PRIu64 " values, and matio reads no more than %d", a.name,
                    a.count, INT_MAX);
            refuse(SOCKET, &e);
        }
        send_values(SOCKET, mat, v, &a, request.form);
        matio.Mat_VarFree(v);
    }
    _exit(0);
}

#endif
