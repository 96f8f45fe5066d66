/* SPDX-License-Identifier: MIT */
/* fmnist._native.Memory: what arrays of the user's own lie in.
 *
 * Less than MAPPED_BYTES is malloc's. A larger block is kept for the next array when the last one
 * over it is gone. malloc would give it back to the kernel where several are freed in a row, as the
 * frameworks free them, and a new page costs more than filling it: a batch of 256 KiB took four
 * times as long.
 *
 *     ndarray, tensor or jax.Array -> Memory -> block        the block is one Memory's, or kept
 *
 * Nothing here looks at what is in a block. */
#include "native.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What is kept at most: what a trainer has in its hands, not what a list of a whole epoch had. */
#define KEPT_BLOCKS 64
#define KEPT_BYTES  ((size_t)64 << 20)

#define MAPPED_BYTES ((size_t)64 << 10)
#define HUGE_PAGE    ((size_t)2 << 20)

/* TensorFlow and JAX use such memory as it is; other memory they copy first. */
#define ALIGNMENT ((size_t)64)

struct block {
    void *memory;
    size_t bytes;
};

struct memory {
    PyObject_HEAD
    struct block block; /* owned */
    Py_ssize_t size;    /* asked for: <= block.bytes */
};

/* Invariant: kept[0 .. count) are nobody's, the oldest first; bytes is their sum. */
static struct {
    struct block kept[KEPT_BLOCKS];
    size_t count, bytes;
} pool;

/* ---- blocks -------------------------------------------------------------------------------- */

static struct block take_out(size_t i)
{
    struct block b = pool.kept[i];
    pool.count--;
    pool.bytes -= b.bytes;
    memmove(&pool.kept[i], &pool.kept[i + 1], (pool.count - i) * sizeof *pool.kept);
    return b;
}

/* Pages at once: one system call instead of a fault for each. */
static struct block map_block(size_t bytes)
{
    bool huge = bytes >= HUGE_PAGE;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | (huge ? 0 : MAP_POPULATE), -1, 0);
    if (memory == MAP_FAILED)
        return (struct block){0};
    if (huge)
        madvise(memory, bytes, MADV_HUGEPAGE);
    return (struct block){memory, bytes};
}

/* The newest that fits, which is most likely in the CPU's cache; none that is mostly too large. */
static struct block get_block(size_t bytes)
{
    if (bytes < MAPPED_BYTES) {
        bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        return (struct block){aligned_alloc(ALIGNMENT, bytes), bytes};
    }
    for (size_t i = pool.count; i-- > 0;)
        if (pool.kept[i].bytes >= bytes && pool.kept[i].bytes / 2 <= bytes)
            return take_out(i);
    return map_block(bytes);
}

static void put_block(struct block b)
{
    if (b.bytes < MAPPED_BYTES) {
        free(b.memory);
        return;
    }
    if (b.bytes > KEPT_BYTES) {
        munmap(b.memory, b.bytes);
        return;
    }
    while (pool.count == KEPT_BLOCKS || pool.bytes + b.bytes > KEPT_BYTES) {
        struct block oldest = take_out(0);
        munmap(oldest.memory, oldest.bytes);
    }
    pool.kept[pool.count++] = b;
    pool.bytes += b.bytes;
}

/* ---- the object ---------------------------------------------------------------------------- */

PyObject *native_memory_make(size_t size, void **memory)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(native_memory_type, Py_tp_alloc);
    struct memory *m = (struct memory *)alloc(native_memory_type, 0);
    if (!m)
        return NULL;
    m->block = get_block(size);
    m->size = (Py_ssize_t)size;
    *memory = m->block.memory;
    if (m->block.memory)
        return (PyObject *)m;
    Py_DECREF(m);
    return PyErr_NoMemory();
}

static PyObject *memory_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t size;
    void *memory;
    if (!PyArg_ParseTuple(args, "n", &size))
        return NULL;
    if (size <= 0) {
        PyErr_Format(PyExc_ValueError, "memory of %zd bytes", size);
        return NULL;
    }
    return native_memory_make((size_t)size, &memory);
}

static void memory_dealloc(PyObject *self)
{
    struct memory *m = (struct memory *)self;
    if (m->block.memory)
        put_block(m->block);
    native_free(self);
}

static int memory_getbuffer(PyObject *self, Py_buffer *b, int flags)
{
    struct memory *m = (struct memory *)self;
    return PyBuffer_FillInfo(b, self, m->block.memory, m->size, 0, flags);
}

static PyType_Slot slots[] = {
    {Py_tp_doc, "Memory(bytes): writable, aligned to 64. It is another's when the last array over "
                "it is gone."},
    {Py_tp_new, memory_new},
    {Py_tp_dealloc, memory_dealloc},
    {Py_bf_getbuffer, memory_getbuffer},
    {0, NULL},
};

PyType_Spec native_memory_spec = {
    .name = "fmnist._native.Memory",
    .basicsize = sizeof(struct memory),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
