/* SPDX-License-Identifier: MIT */
/* fmnist._native.Lease: who holds what of a stream, and its end.
 *
 *     ndarray or tensor -> View (shape, type, address) -> Lease (the batch) -> Stream
 *
 * The batch is given back when the last array is gone, whichever library made it; a stream that was
 * closed meanwhile ends with the last lease. */
#include "native.h"

#include <stdlib.h>

struct lease {
    PyObject_HEAD
    struct native_stream *stream; /* owned */
    struct fmnist_batch batch;
};

void native_stream_end(struct native_stream *s)
{
    fmnist_close(s->stream);
    s->stream = NULL;
    free(s->returned);
    s->returned = NULL;
}

/* Now, or behind the call that is under way; closes where that was the last. */
static void give_back(struct native_stream *s, const struct fmnist_batch *batch)
{
    s->view_count--;
    if (s->busy)
        s->returned[s->returned_count++] = *batch;
    else if (s->closing && !s->view_count)
        native_stream_end(s);
    else
        fmnist_release(s->stream, batch); /* refused in a forked child: it is the parent's */
}

static void lease_dealloc(PyObject *self)
{
    struct lease *l = (struct lease *)self;
    give_back(l->stream, &l->batch);
    Py_DECREF(&l->stream->ob_base);
    native_free(self);
}

PyObject *native_lease_new(struct native_stream *s, const struct fmnist_batch *batch)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(native_lease_type, Py_tp_alloc);
    struct lease *lease = (struct lease *)alloc(native_lease_type, 0);
    if (!lease) {
        fmnist_release(s->stream, batch);
        return NULL;
    }
    s->view_count++;
    Py_INCREF(&s->ob_base);
    lease->stream = s;
    lease->batch = *batch;
    return &lease->ob_base;
}

static PyType_Slot lease_slots[] = {
    {Py_tp_dealloc, lease_dealloc},
    {0, NULL},
};

PyType_Spec native_lease_spec = {
    .name = "fmnist._native.Lease",
    .basicsize = sizeof(struct lease),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = lease_slots,
};
