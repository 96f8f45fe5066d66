/* SPDX-License-Identifier: MIT */
/* python/native/native.h — fmnist._native, the binding of libfmnist.
 *
 * The least that Python cannot do: waiting without the interpreter lock, copying blocks of batches
 * into the caller's memory, views whose lease ends with the last array over them, and memory that
 * is used again when that is gone. What a stream is, how arrays are made and where an epoch goes on
 * is fmnist/core.py's.
 *
 * Threads: everything here runs under the interpreter lock but for the calls of libfmnist that
 * wait. A stream in such a call is `busy`: a second reader is refused, and views that die
 * meanwhile are given back behind it.
 */
#ifndef PYTHON_NATIVE_NATIVE_H
#define PYTHON_NATIVE_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "fmnist.h"

#include <stdbool.h>

#if defined(Py_LIMITED_API) && Py_LIMITED_API < 0x030b0000
/* The buffer protocol is in the stable ABI from 3.11 on, as it had been since 3.3: the same struct,
 * functions and slot are in every 3.10, whose headers show them to no extension of that ABI. So
 * they are declared here, and all else that is used is 3.10's. Source: PEP 3118, CPython's
 * Include/pybuffer.h. */
typedef struct {
    void *buf;
    PyObject *obj; /* owned */
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;

#define PyBUF_SIMPLE    0
#define PyBUF_WRITABLE  0x01
#define PyBUF_FORMAT    0x04
#define PyBUF_ND        0x08
#define PyBUF_STRIDES   (0x10 | PyBUF_ND)
#define Py_bf_getbuffer 1

PyAPI_FUNC(int) PyObject_GetBuffer(PyObject *exporter, Py_buffer *view, int flags);
PyAPI_FUNC(void) PyBuffer_Release(Py_buffer *view);
PyAPI_FUNC(int) PyBuffer_FillInfo(Py_buffer *view, PyObject *exporter, void *buf, Py_ssize_t len,
                                  int readonly, int flags);
#endif

/* Sets the exception of fmnist/errors.py that belongs to the code. Returns NULL. */
PyObject *raise_error(int code, const char *text);

/* The last of a deallocator: frees an object of a heap type. */
void native_free(PyObject *self);

/* ---- streams ------------------------------------------------------------------------------- */

struct native_stream {
    PyObject_HEAD
    struct fmnist_stream *stream; /* owned; NULL: closed */
    struct fmnist_stream_info info;
    struct fmnist_token token; /* of where it was opened: others are made of it without a stream */
    uint32_t timeout_ms;
    int64_t reconnect_ms; /* negative: none */
    int64_t missed_ms;    /* waited for the daemon since the last batch */
    bool wire;            /* views show samples as they travel */
    bool busy;            /* in a call without the interpreter lock */
    bool closing;         /* closed by the user; the last view ends it */
    uint32_t view_count;
    struct fmnist_batch *returned; /* [returned_size] views that died while busy */
    uint32_t returned_size, returned_count;
};

/* Closes it, with what it has been given back. Accepts one that is closed. */
void native_stream_end(struct native_stream *s);

/* A new reference to what holds the batch until it is gone, on errors too. */
PyObject *native_lease_new(struct native_stream *s, const struct fmnist_batch *batch);

/* ---- views --------------------------------------------------------------------------------- */

/* A tuple (epoch, step, count, images, labels, indices); the last three are fmnist._native.View.
 * Takes over the batch: it is given back when the last of the three is gone, on errors too. */
PyObject *view_batch(struct native_stream *s, const struct fmnist_batch *batch);

/* The same over memory of the user's own, which the batch was written into: writable, each its
 * owner's reference more. memories[2] NULL: no indices. */
PyObject *view_taken(const struct native_stream *s, const struct fmnist_batch *batch,
                     PyObject *const memories[3]);

/* ---- memory -------------------------------------------------------------------------------- */

/* A new fmnist._native.Memory of that many bytes, and where it lies. */
PyObject *native_memory_make(size_t size, void **memory);

/* ---- chains -------------------------------------------------------------------------------- */

/* torch_seed(seed) -> bytes, of the module. */
PyObject *native_torch_seed(PyObject *module, PyObject *args);

extern PyType_Spec native_augment_spec;
extern PyTypeObject *native_augment_type;

extern PyType_Spec native_stream_spec, native_lease_spec, native_view_spec, native_memory_spec;
extern PyTypeObject *native_stream_type, *native_lease_type, *native_view_type, *native_memory_type;

#endif
