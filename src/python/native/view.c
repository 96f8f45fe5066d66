/* SPDX-License-Identifier: MIT */
/* fmnist._native.View: arrays over a batch, for NumPy and by DLPack. */
#include "native.h"

#include <stdlib.h>

#define DIMENSIONS 5 /* [count][views][channels][height][width] */

struct view {
    PyObject_HEAD
    PyObject *owner; /* owned: a lease, or memory of the user's own */
    bool writable;
    const void *memory;
    uint32_t dtype; /* enum fmnist_dtype */
    int dimensions;
    Py_ssize_t item_bytes;
    Py_ssize_t shape[DIMENSIONS], strides[DIMENSIONS];
};

/* DLPack's names of the types. */
static const struct {
    uint8_t code, bits;
} dlpack_types[] = {
    [FMNIST_UINT8] = {1, 8},     [FMNIST_FLOAT32] = {2, 32}, [FMNIST_FLOAT16] = {2, 16},
    [FMNIST_BFLOAT16] = {4, 16}, [FMNIST_INT32] = {0, 32},   [FMNIST_INT64] = {0, 64},
};

static void view_dealloc(PyObject *self)
{
    Py_DECREF(((struct view *)self)->owner);
    native_free(self);
}

static PyObject *view_new(PyObject *owner, const void *memory, uint32_t dtype, int dimensions,
                          const uint64_t *shape, Py_ssize_t item_bytes, bool writable)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(native_view_type, Py_tp_alloc);
    struct view *v = (struct view *)alloc(native_view_type, 0);
    if (!v)
        return NULL;
    Py_INCREF(owner);
    v->owner = owner;
    v->writable = writable;
    v->memory = memory;
    v->dtype = dtype;
    v->dimensions = dimensions;
    v->item_bytes = item_bytes;
    Py_ssize_t stride = item_bytes;
    for (int i = dimensions - 1; i >= 0; i--) {
        v->shape[i] = (Py_ssize_t)shape[i];
        v->strides[i] = stride;
        stride *= v->shape[i];
    }
    return &v->ob_base;
}

/* What holds the memory of a batch's images, labels and indices. */
struct owners {
    PyObject *images, *labels, *indices;
};

/* The tuple; indices only where somebody owns them. */
static PyObject *views_of(const struct fmnist_stream_info *info, const struct fmnist_batch *batch,
                          bool wire, const struct owners *owners)
{
    bool chw = wire || info->layout == FMNIST_NCHW,
         writable = !Py_IS_TYPE(owners->images, native_lease_type);
    uint32_t dtype = wire ? info->wire_dtype : info->dtype;
    uint64_t channels = wire ? info->wire_channels : info->channels;
    uint64_t shape[DIMENSIONS] = {batch->count};
    int last = 0;
    if (info->views > 1)
        shape[++last] = info->views;
    shape[++last] = chw ? channels : info->height;
    shape[++last] = chw ? info->height : info->width;
    shape[++last] = chw ? info->width : channels;
    Py_ssize_t pixel = dlpack_types[dtype].bits / 8;
    PyObject *images =
        view_new(owners->images, batch->images, dtype, last + 1, shape, pixel, writable);
    const uint64_t rows[] = {batch->count, info->label_count};
    PyObject *labels =
        view_new(owners->labels, batch->labels, info->label_dtype, info->label_count ? 2 : 1, rows,
                 dlpack_types[info->label_dtype].bits / 8, writable);
    PyObject *indices = Py_None;
    if (owners->indices)
        indices = view_new(owners->indices, batch->indices, FMNIST_INT64, 1, shape, sizeof(int64_t),
                           writable);
    else
        Py_INCREF(indices);
    if (images && labels && indices)
        return Py_BuildValue("(KKKNNN)", (unsigned long long)batch->epoch,
                             (unsigned long long)batch->step, (unsigned long long)batch->count,
                             images, labels, indices);
    Py_XDECREF(images);
    Py_XDECREF(labels);
    Py_XDECREF(indices);
    return NULL;
}

PyObject *view_batch(struct native_stream *s, const struct fmnist_batch *batch)
{
    PyObject *lease = native_lease_new(s, batch);
    if (!lease)
        return NULL;
    PyObject *views = views_of(&s->info, batch, s->wire, &(struct owners){lease, lease, lease});
    Py_DECREF(lease);
    return views;
}

PyObject *view_taken(const struct native_stream *s, const struct fmnist_batch *batch,
                     PyObject *const memories[3])
{
    const struct owners owners = {memories[0], memories[1], memories[2]};
    return views_of(&s->info, batch, false, &owners);
}

/* ---- the buffer protocol: NumPy, memoryview ------------------------------------------------ */

/* struct-module codes; bfloat16 has none, so that its bits are shown. */
static const char *const formats[] = {
    [FMNIST_UINT8] = "B",    [FMNIST_FLOAT32] = "f", [FMNIST_FLOAT16] = "e",
    [FMNIST_BFLOAT16] = "H", [FMNIST_INT32] = "i",   [FMNIST_INT64] = "q",
};

static int view_getbuffer(PyObject *self, Py_buffer *b, int flags)
{
    struct view *v = (struct view *)self;
    if (flags & PyBUF_WRITABLE && !v->writable) {
        b->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "batches in shared memory are read-only: copy them");
        return -1;
    }
    Py_INCREF(self);
    *b = (Py_buffer){
        .buf = (void *)v->memory,
        .obj = self,
        .len = v->shape[0] * v->strides[0],
        .itemsize = v->item_bytes,
        .readonly = !v->writable,
        .ndim = v->dimensions,
        .format = flags & PyBUF_FORMAT ? (char *)formats[v->dtype] : NULL,
        .shape = flags & PyBUF_ND ? v->shape : NULL,
        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? v->strides : NULL,
    };
    return 0;
}

/* ---- DLPack: the frameworks ---------------------------------------------------------------- */

/* Source: DLPack 0.8's DLManagedTensor, which every framework takes. It cannot say "read-only". */
struct dlpack {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t type_code, type_bits;
    uint16_t type_lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
    void *manager_ctx;
    void (*deleter)(struct dlpack *self);
    /* ours */
    int64_t lengths[2 * DIMENSIONS]; /* shape, strides in elements */
};

#define DLPACK_CPU 1

/* Tensors may die in any thread, with or without the interpreter lock, and after its end. */
static void dlpack_delete(struct dlpack *d)
{
    if (Py_IsInitialized()) {
        PyGILState_STATE state = PyGILState_Ensure();
        Py_DECREF((PyObject *)d->manager_ctx);
        PyGILState_Release(state);
    }
    free(d);
}

static void capsule_delete(PyObject *capsule)
{
    if (PyCapsule_IsValid(capsule, "dltensor"))
        dlpack_delete(PyCapsule_GetPointer(capsule, "dltensor"));
}

static PyObject *dlpack_capsule(struct view *v)
{
    struct dlpack *d = calloc(1, sizeof *d);
    if (!d)
        return PyErr_NoMemory();
    d->data = (void *)v->memory;
    d->device_type = DLPACK_CPU;
    d->ndim = v->dimensions;
    d->type_code = dlpack_types[v->dtype].code;
    d->type_bits = dlpack_types[v->dtype].bits;
    d->type_lanes = 1;
    d->shape = d->lengths;
    d->strides = d->lengths + DIMENSIONS;
    for (int i = 0; i < v->dimensions; i++) {
        d->shape[i] = v->shape[i];
        d->strides[i] = v->strides[i] / v->item_bytes;
    }
    d->manager_ctx = v;
    d->deleter = dlpack_delete;
    Py_INCREF(&v->ob_base);
    PyObject *capsule = PyCapsule_New(d, "dltensor", capsule_delete);
    if (!capsule)
        dlpack_delete(d);
    return capsule;
}

/* Arguments (stream, max_version, ...) ask for what a CPU's memory has no need of. */
static PyObject *view_dlpack(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return dlpack_capsule((struct view *)self);
}

static PyObject *view_dlpack_device(PyObject *self, PyObject *unused)
{
    return Py_BuildValue("(ii)", DLPACK_CPU, 0);
}

static PyObject *view_address(PyObject *self, void *unused)
{
    return PyLong_FromVoidPtr((void *)((struct view *)self)->memory);
}

static PyMethodDef methods[] = {
    {"__dlpack__", (PyCFunction)(void (*)(void))view_dlpack, METH_VARARGS | METH_KEYWORDS, NULL},
    {"__dlpack_device__", view_dlpack_device, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"address", view_address, NULL, "of the first byte", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot view_slots[] = {
    {Py_tp_doc, "A batch's images, labels or indices: for numpy.asarray and from_dlpack."},
    {Py_tp_dealloc, view_dealloc},
    {Py_bf_getbuffer, view_getbuffer},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec native_view_spec = {
    .name = "fmnist._native.View",
    .basicsize = sizeof(struct view),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = view_slots,
};
