/* SPDX-License-Identifier: MIT */
/* fmnist._native.Augment: a chain of transforms without a daemon. Its draws and its pixels.
 *
 * Arrays come and go by the buffer protocol, as plain memory: how long each has to be follows from
 * the counts, and another length is refused here, before the library is asked. Nothing here knows
 * where a number is drawn for, or what a batch is; that is fmnist/_torch_augment.py's.
 *
 * Threads: a chain is immutable; calls that may take long leave the interpreter lock. */
#include "native.h"

struct native_augment {
    PyObject_HEAD
    struct fmnist_augment *augment; /* owned */
    struct fmnist_augment_info info;
    uint64_t sample_bytes; /* of one image before the chain */
    uint64_t image_bytes;  /* of one behind it */
};

static PyObject *augment_new(PyTypeObject *type, PyObject *args, PyObject *unused)
{
    const char *text;
    unsigned channels, height, width;
    if (!PyArg_ParseTuple(args, "sIII", &text, &channels, &height, &width))
        return NULL;
    struct fmnist_augment *augment;
    int rc = fmnist_augment_new(text, channels, height, width, &augment);
    if (rc)
        return raise_error(rc, fmnist_error());
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct native_augment *a = (struct native_augment *)alloc(type, 0);
    if (!a) {
        fmnist_augment_free(augment);
        return NULL;
    }
    a->augment = augment;
    a->info.size = sizeof a->info;
    fmnist_augment_info(augment, &a->info);
    a->sample_bytes = (uint64_t)channels * height * width;
    a->image_bytes = (uint64_t)a->info.channels * a->info.height * a->info.width *
                     (a->info.dtype == FMNIST_FLOAT32 ? sizeof(float) : 1);
    return (PyObject *)a;
}

static void augment_dealloc(PyObject *self)
{
    fmnist_augment_free(((struct native_augment *)self)->augment);
    native_free(self);
}

/* info() -> (value_count, channels, height, width, dtype, text) */
static PyObject *augment_info(PyObject *self, PyObject *unused)
{
    const struct fmnist_augment_info *i = &((struct native_augment *)self)->info;
    return Py_BuildValue("(IIIIIs)", i->value_count, i->channels, i->height, i->width, i->dtype,
                         i->text);
}

/* value(i) -> (at, operation, name, is_float) */
static PyObject *augment_value(PyObject *self, PyObject *args)
{
    struct native_augment *a = (struct native_augment *)self;
    struct fmnist_augment_value value = {.size = sizeof value};
    unsigned i;
    if (!PyArg_ParseTuple(args, "I", &i))
        return NULL;
    int rc = fmnist_augment_value(a->augment, i, &value);
    if (rc)
        return raise_error(rc, fmnist_error());
    return Py_BuildValue("(IssO)", value.at, value.operation, value.name,
                         value.is_float ? Py_True : Py_False);
}

/* ---- memory of the caller's ---------------------------------------------------------------- */

/* Whether a buffer has that many bytes; else a ValueError that names it. */
static bool has_bytes(const Py_buffer *b, const char *name, uint64_t want)
{
    if ((uint64_t)b->len == want)
        return true;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, want %llu", name, b->len,
                 (unsigned long long)want);
    return false;
}

/* Whether a buffer is of whole items; *count says how many. */
static bool has_items(const Py_buffer *b, const char *name, size_t item_bytes, uint64_t *count)
{
    *count = (uint64_t)b->len / item_bytes;
    if ((uint64_t)b->len % item_bytes == 0)
        return true;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, want a multiple of %zu", name, b->len,
                 item_bytes);
    return false;
}

static PyObject *none_or(int rc)
{
    if (rc)
        return raise_error(rc, fmnist_error());
    Py_RETURN_NONE;
}

/* ---- draws --------------------------------------------------------------------------------- */

/* draw(seed, epoch, views, indices, values): what FMNIST_DRAWS_COUNTER draws, into `values` */
static PyObject *augment_draw(PyObject *self, PyObject *args)
{
    struct native_augment *a = (struct native_augment *)self;
    unsigned long long seed, epoch;
    unsigned views;
    uint64_t count;
    Py_buffer indices, values;
    if (!PyArg_ParseTuple(args, "KKIy*w*", &seed, &epoch, &views, &indices, &values))
        return NULL;
    PyObject *result = NULL;
    if (has_items(&indices, "indices", sizeof(uint32_t), &count) &&
        has_bytes(&values, "values", count * views * a->info.value_count * sizeof(uint32_t))) {
        int rc;
        Py_BEGIN_ALLOW_THREADS
        rc = fmnist_augment_draw(a->augment, seed, epoch, views, indices.buf, count, values.buf);
        Py_END_ALLOW_THREADS
        result = none_or(rc);
    }
    PyBuffer_Release(&indices);
    PyBuffer_Release(&values);
    return result;
}

static uint64_t sum_of(const uint32_t *lengths, uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += lengths[i];
    return sum;
}

/* draw_torch(states, first, lengths, values): what DataLoader's processes draw. states: of the
 * generators, one behind the other; they are moved on */
static PyObject *augment_draw_torch(PyObject *self, PyObject *args)
{
    struct native_augment *a = (struct native_augment *)self;
    unsigned first;
    uint64_t generators, batches;
    Py_buffer states, lengths, values;
    if (!PyArg_ParseTuple(args, "w*Iy*w*", &states, &first, &lengths, &values))
        return NULL;
    PyObject *result = NULL;
    if (has_items(&states, "states", FMNIST_TORCH_STATE_BYTES, &generators) &&
        has_items(&lengths, "lengths", sizeof(uint32_t), &batches) &&
        has_bytes(&values, "values",
                  sum_of(lengths.buf, batches) * a->info.value_count * sizeof(uint32_t))) {
        int rc;
        Py_BEGIN_ALLOW_THREADS
        rc = fmnist_augment_draw_torch(a->augment, states.buf, (uint32_t)generators, first,
                                       lengths.buf, batches, values.buf);
        Py_END_ALLOW_THREADS
        result = none_or(rc);
    }
    PyBuffer_Release(&states);
    PyBuffer_Release(&lengths);
    PyBuffer_Release(&values);
    return result;
}

/* torch_seed(seed) -> the 5,056 bytes of a torch.Generator's state behind manual_seed(seed) */
PyObject *native_torch_seed(PyObject *module, PyObject *args)
{
    unsigned long long seed;
    uint8_t state[FMNIST_TORCH_STATE_BYTES];
    if (!PyArg_ParseTuple(args, "K", &seed)) /* modulo 2^64, as manual_seed takes negative ones */
        return NULL;
    fmnist_torch_seed(state, seed);
    return PyBytes_FromStringAndSize((const char *)state, sizeof state);
}

/* ---- pixels -------------------------------------------------------------------------------- */

/* run(samples, values, images): the whole chain, from uint8 samples to what info() says */
static PyObject *augment_run(PyObject *self, PyObject *args)
{
    struct native_augment *a = (struct native_augment *)self;
    Py_buffer samples, values, images;
    uint64_t count;
    if (!PyArg_ParseTuple(args, "y*y*w*", &samples, &values, &images))
        return NULL;
    PyObject *result = NULL;
    if (has_items(&samples, "samples", a->sample_bytes, &count) &&
        has_bytes(&values, "values", count * a->info.value_count * sizeof(uint32_t)) &&
        has_bytes(&images, "images", count * a->image_bytes)) {
        int rc;
        Py_BEGIN_ALLOW_THREADS
        rc = fmnist_augment_run(a->augment, samples.buf, values.buf, count, images.buf);
        Py_END_ALLOW_THREADS
        result = none_or(rc);
    }
    PyBuffer_Release(&samples);
    PyBuffer_Release(&values);
    PyBuffer_Release(&images);
    return result;
}

static PyMethodDef methods[] = {
    {"info", augment_info, METH_NOARGS,
     "info() -> (value_count, channels, height, width, dtype, text)"},
    {"value", augment_value, METH_VARARGS, "value(i) -> (at, operation, name, is_float)"},
    {"draw", augment_draw, METH_VARARGS,
     "draw(seed, epoch, views, indices, values): counter draws, uint32 "
     "[count][views][value_count]"},
    {"draw_torch", augment_draw_torch, METH_VARARGS,
     "draw_torch(states, first, lengths, values): batch b draws from states[(first + b) % count]"},
    {"run", augment_run, METH_VARARGS, "run(samples, values, images): the whole chain"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Augment(text, channels, height, width): of the images before the chain"},
    {Py_tp_new, augment_new},
    {Py_tp_dealloc, augment_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec native_augment_spec = {
    .name = "fmnist._native.Augment",
    .basicsize = sizeof(struct native_augment),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
