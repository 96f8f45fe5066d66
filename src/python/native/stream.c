/* SPDX-License-Identifier: MIT */
/* fmnist._native.Stream: one open stream. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_MS  100u /* how long a Ctrl-C may have to wait */
#define TEXT_SIZE 512

/* ---- the end ------------------------------------------------------------------------------- */

static PyObject *stream_close(PyObject *self, PyObject *unused)
{
    struct native_stream *s = (struct native_stream *)self;
    s->closing = true;
    if (s->stream && !s->busy && !s->view_count)
        native_stream_end(s);
    Py_RETURN_NONE;
}

/* Views hold a reference, so that none is left here. */
static void stream_dealloc(PyObject *self)
{
    native_stream_end((struct native_stream *)self);
    native_free(self);
}

/* ---- the beginning ------------------------------------------------------------------------- */

/* Fields come as pairs of texts; their strings live as long as the tuple. */
static int set_fields(struct fmnist_spec *spec, PyObject *fields)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(fields); i++) {
        const char *name, *value;
        if (!PyArg_ParseTuple(PyTuple_GetItem(fields, i), "ss", &name, &value))
            return -1;
        int rc = fmnist_spec_set(spec, name, value);
        if (rc) {
            raise_error(rc, fmnist_error());
            return -1;
        }
    }
    return 0;
}

static int connect_and_open(const struct fmnist_connect_options *options,
                            const struct fmnist_spec *spec, const struct fmnist_token *token,
                            struct fmnist_stream **stream)
{
    struct fmnist_client *client;
    int rc = fmnist_connect(options, &client);
    if (rc)
        return rc;
    rc = fmnist_open(client, spec, token, stream);
    fmnist_disconnect(client); /* the stream has its connection */
    return rc;
}

/* There is room for every batch that may be held. */
static int make_room(struct native_stream *s)
{
    fmnist_stream_info(s->stream, &s->info);
    if (s->info.slot_count <= s->returned_size)
        return 0;
    void *larger = realloc(s->returned, s->info.slot_count * sizeof *s->returned);
    if (!larger) {
        PyErr_NoMemory();
        return -1;
    }
    s->returned = larger;
    s->returned_size = s->info.slot_count;
    return 0;
}

static int begin(struct native_stream *s, const struct fmnist_connect_options *options,
                 const struct fmnist_spec *spec, const struct fmnist_token *token)
{
    int rc;
    Py_BEGIN_ALLOW_THREADS
    rc = connect_and_open(options, spec, token, &s->stream);
    Py_END_ALLOW_THREADS
    if (rc) {
        raise_error(rc, fmnist_error());
        return -1;
    }
    s->timeout_ms = options->timeout_ms;
    s->info.size = sizeof s->info;
    fmnist_stream_token(s->stream, &s->token);
    rc = make_room(s);
    if (rc)
        native_stream_end(s);
    return rc;
}

static int stream_init(PyObject *self, PyObject *args, PyObject *unused)
{
    struct native_stream *s = (struct native_stream *)self;
    /* The daemon's end is told at once: the wait for it is here, where signals are heard. */
    struct fmnist_connect_options options = {.size = sizeof options, .reconnect_ms = -1};
    long long reconnect_ms;
    PyObject *fields;
    const char *token_bytes;
    Py_ssize_t token_size;
    Py_buffer list, lengths, values;
    if (s->stream) {
        PyErr_SetString(PyExc_RuntimeError, "the stream is open already");
        return -1;
    }
    if (!PyArg_ParseTuple(args, "zILO!z#z*z*z*", &options.socket, &options.timeout_ms,
                          &reconnect_ms, &PyTuple_Type, &fields, &token_bytes, &token_size, &list,
                          &lengths, &values))
        return -1;
    s->reconnect_ms = reconnect_ms;
    struct fmnist_token token;
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    spec.label_count = FMNIST_LABELS_ANY;
    spec.list = list.buf;
    spec.list_count = (uint64_t)list.len / sizeof *spec.list;
    spec.list_batches = lengths.buf;
    spec.list_batch_count = (uint64_t)lengths.len / sizeof *spec.list_batches;
    spec.list_values = values.buf;
    spec.list_value_count = (uint64_t)values.len / sizeof *spec.list_values;
    int rc = -1;
    if (token_bytes && token_size != sizeof token)
        PyErr_Format(PyExc_ValueError, "the token has %zd bytes, want %zu", token_size,
                     sizeof token);
    else if (!set_fields(&spec, fields))
        rc = begin(s, &options, &spec,
                   token_bytes ? memcpy(&token, token_bytes, sizeof token) : NULL);
    PyBuffer_Release(&list);
    PyBuffer_Release(&lengths);
    PyBuffer_Release(&values);
    return rc;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static bool usable(const struct native_stream *s)
{
    if (s->stream && !s->closing && !s->busy)
        return true;
    PyErr_SetString(PyExc_RuntimeError,
                    s->busy ? "another thread is reading this stream: open one for each thread"
                            : "the stream is closed");
    return false;
}

static void leave_call(struct native_stream *s)
{
    s->busy = false;
    for (uint32_t i = 0; i < s->returned_count; i++)
        fmnist_release(s->stream, &s->returned[i]);
    s->returned_count = 0;
    if (s->closing && !s->view_count)
        native_stream_end(s);
}

/* Waits once, and hears signals then. Returns what `wait` does, with its text; an exception is set
 * unless that is FMNIST_OK, FMNIST_ETIMEDOUT or FMNIST_EDEAD. */
static int wait_a_slice(struct native_stream *s, int (*wait)(struct fmnist_stream *, uint32_t),
                        char text[TEXT_SIZE])
{
    int rc;
    s->busy = true;
    Py_BEGIN_ALLOW_THREADS
    rc = wait(s->stream, SLICE_MS);
    Py_END_ALLOW_THREADS
    PyOS_snprintf(text, TEXT_SIZE, "%s", rc ? fmnist_error() : "");
    leave_call(s);
    if (PyErr_CheckSignals())
        return -1;
    if (!s->stream || s->closing) {
        PyErr_SetString(PyExc_RuntimeError, "the stream was closed while it was waited for");
        return -1;
    }
    if (rc && rc != FMNIST_ETIMEDOUT && rc != FMNIST_EDEAD)
        raise_error(rc, text);
    return rc;
}

/* What a call answered: an exception, unless the daemon ended and comes back in time. Then the call
 * can be made again. Returns 0, or -1 with an exception. */
static int survive(struct native_stream *s, int rc)
{
    if (rc != FMNIST_EDEAD || s->reconnect_ms < 0) {
        raise_error(rc, fmnist_error());
        return -1;
    }
    char why[TEXT_SIZE] = "", text[TEXT_SIZE];
    for (; s->missed_ms < s->reconnect_ms; s->missed_ms += SLICE_MS) {
        rc = wait_a_slice(s, fmnist_reopen, why);
        if (!rc)
            return make_room(s);
        if (PyErr_Occurred())
            return -1;
    }
    PyOS_snprintf(text, sizeof text,
                  "the daemon ended, and none went on with this stream within %lld ms: %s",
                  (long long)s->reconnect_ms, why);
    raise_error(FMNIST_EDEAD, text);
    s->missed_ms = 0;
    return -1;
}

/* Waits in slices. Returns 0, or -1 with an exception. */
static int await_batch(struct native_stream *s)
{
    char text[TEXT_SIZE];
    int rc = fmnist_wait(s->stream, 0);
    for (uint32_t waited = 0; rc;) {
        if (rc != FMNIST_ETIMEDOUT) {
            if (survive(s, rc))
                return -1;
            waited = 0;
        } else if (waited >= s->timeout_ms) {
            PyOS_snprintf(text, sizeof text, "no batch within %u ms", s->timeout_ms);
            raise_error(rc, text);
            return -1;
        }
        rc = wait_a_slice(s, fmnist_wait, text);
        if (PyErr_Occurred())
            return -1;
        waited += SLICE_MS;
    }
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Where the next batch of a block goes. */
struct block {
    char *images, *labels, *indices;
    size_t images_bytes, labels_bytes, indices_bytes;
};

static int copy_batch(struct native_stream *s, struct block *b, struct fmnist_batch *batch)
{
    const struct fmnist_into into = {
        .size = sizeof into,
        .images = b->images,
        .images_bytes = b->images_bytes,
        .labels = b->labels,
        .labels_bytes = b->labels_bytes,
        .indices = (int64_t *)b->indices,
        .indices_bytes = b->indices_bytes,
    };
    int rc = fmnist_next_into(s->stream, &into, batch);
    if (rc)
        return rc;
    const struct {
        char **at;
        size_t *left;
        uint64_t bytes;
    } parts[] = {
        {&b->images, &b->images_bytes, batch->count * s->info.image_bytes},
        {&b->labels, &b->labels_bytes, batch->count * s->info.label_bytes},
        {&b->indices, &b->indices_bytes, batch->count * sizeof(int64_t)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!*parts[i].at)
            continue;
        *parts[i].at += parts[i].bytes;
        *parts[i].left -= parts[i].bytes;
    }
    return FMNIST_OK;
}

/* Copies as many batches as are ready, `limit` at most. *done says how many. */
static int copy_ready(struct native_stream *s, struct block *b, uint32_t limit, uint32_t *done)
{
    int rc = FMNIST_OK;
    struct fmnist_batch batch;
    while (!rc && *done < limit && fmnist_wait(s->stream, 0) == FMNIST_OK) {
        rc = copy_batch(s, b, &batch);
        *done += rc == FMNIST_OK;
    }
    return rc;
}

/* fill(limit, images, bytes, labels, bytes, indices, bytes) -> batches; addresses, 0: left out.
 * After an exception the stream has gone on by what was copied: info() says where it is. */
static PyObject *stream_fill(PyObject *self, PyObject *args)
{
    struct native_stream *s = (struct native_stream *)self;
    unsigned limit, done = 0;
    unsigned long long images, labels, indices;
    Py_ssize_t sizes[3];
    if (!PyArg_ParseTuple(args, "IKnKnKn", &limit, &images, &sizes[0], &labels, &sizes[1], &indices,
                          &sizes[2]) ||
        !usable(s))
        return NULL;
    struct block b = {(char *)(uintptr_t)images,  (char *)(uintptr_t)labels,
                      (char *)(uintptr_t)indices, (size_t)sizes[0],
                      (size_t)sizes[1],           (size_t)sizes[2]};
    int rc = FMNIST_OK;
    while (!rc && done < limit) {
        if (await_batch(s))
            return NULL;
        s->busy = true;
        Py_BEGIN_ALLOW_THREADS
        rc = copy_ready(s, &b, limit, &done);
        Py_END_ALLOW_THREADS
        if (rc < 0 && rc != FMNIST_EDEAD)
            raise_error(rc, fmnist_error());
        leave_call(s);
        if (PyErr_Occurred())
            return NULL;
        if (!s->stream || s->closing)
            break;
        if (rc == FMNIST_EDEAD) {
            if (survive(s, rc))
                return NULL;
            rc = FMNIST_OK;
        } else {
            s->missed_ms = 0;
        }
    }
    return PyLong_FromUnsignedLong(done);
}

/* Other threads run meanwhile where it takes longer than they would wait for the lock. */
#define LONG_BYTES (UINT64_C(1) << 20)

static int hand_out(struct native_stream *s, const struct fmnist_into *into,
                    struct fmnist_batch *batch)
{
    if (s->info.batch_size * s->info.image_bytes < LONG_BYTES)
        return into ? fmnist_next_into(s->stream, into, batch) : fmnist_next(s->stream, batch);
    int rc;
    s->busy = true;
    Py_BEGIN_ALLOW_THREADS
    rc = into ? fmnist_next_into(s->stream, into, batch) : fmnist_next(s->stream, batch);
    Py_END_ALLOW_THREADS
    leave_call(s);
    if (!s->stream || s->closing)
        PyErr_SetString(PyExc_RuntimeError, "the stream was closed while it was read");
    return rc;
}

/* fmnist_next, or with `into` fmnist_next_into, with an exception where it is negative. */
static int next_batch(struct native_stream *s, const struct fmnist_into *into,
                      struct fmnist_batch *batch)
{
    for (;;) {
        if (await_batch(s))
            return -1;
        int rc = hand_out(s, into, batch); /* it is there: no wait */
        if (PyErr_Occurred())
            return -1;
        if (rc >= 0) {
            s->missed_ms = 0;
            return rc;
        }
        if (survive(s, rc))
            return -1;
    }
}

/* view() -> (epoch, step, count, images, labels, indices), or None at an epoch's end */
static PyObject *stream_view(PyObject *self, PyObject *unused)
{
    struct native_stream *s = (struct native_stream *)self;
    struct fmnist_batch batch;
    /* A reopening that a signal cut off may have left more slots than there is room for. */
    if (!usable(s) || make_room(s))
        return NULL;
    int rc = next_batch(s, NULL, &batch);
    if (rc < 0)
        return NULL;
    if (rc > 0)
        Py_RETURN_NONE;
    return view_batch(s, &batch);
}

/* take(indices) -> as view(), but in memory of the caller's own; without indices None for them */
static PyObject *stream_take(PyObject *self, PyObject *args)
{
    struct native_stream *s = (struct native_stream *)self;
    int indices;
    if (!PyArg_ParseTuple(args, "p", &indices) || !usable(s))
        return NULL;
    uint64_t count = s->info.batch_size;
    struct fmnist_into into = {
        .size = sizeof into,
        .images_bytes = count * s->info.image_bytes,
        .labels_bytes = count * s->info.label_bytes,
        .indices_bytes = indices ? count * sizeof(int64_t) : 0,
    };
    void *at[3] = {NULL};
    PyObject *memories[3] = {native_memory_make(into.images_bytes, &at[0]), NULL, NULL};
    PyObject *views = NULL;
    struct fmnist_batch batch;
    int rc;
    if (!memories[0])
        goto give_up;
    memories[1] = native_memory_make(into.labels_bytes, &at[1]);
    if (!memories[1])
        goto give_up;
    memories[2] = indices ? native_memory_make(into.indices_bytes, &at[2]) : NULL;
    if (indices && !memories[2])
        goto give_up;
    into.images = at[0];
    into.labels = at[1];
    into.indices = at[2];
    rc = next_batch(s, &into, &batch);
    if (rc == FMNIST_OK)
        views = view_taken(s, &batch, memories);
    else if (rc > 0)
        views = Py_NewRef(Py_None);
give_up:
    Py_XDECREF(memories[0]);
    Py_XDECREF(memories[1]);
    Py_XDECREF(memories[2]);
    return views;
}

/* values(values): the draws of the next batch */
static PyObject *stream_values(PyObject *self, PyObject *values)
{
    struct native_stream *s = (struct native_stream *)self;
    size_t row = sizeof(uint32_t) * s->info.views * s->info.value_count;
    Py_buffer b;
    if (!usable(s) || PyObject_GetBuffer(values, &b, PyBUF_SIMPLE))
        return NULL;
    int rc = 0;
    bool whole = row && (size_t)b.len % row == 0;
    if (whole)
        rc = fmnist_stream_values(s->stream, b.buf, (size_t)b.len / row);
    else
        PyErr_Format(PyExc_ValueError, "draws of %zd bytes: want a multiple of %zu, of a sample",
                     b.len, row);
    PyBuffer_Release(&b);
    if (rc)
        return raise_error(rc, fmnist_error());
    if (!whole)
        return NULL;
    Py_RETURN_NONE;
}

/* view_wire(): views show samples as they travel from now on */
static PyObject *stream_view_wire(PyObject *self, PyObject *unused)
{
    struct native_stream *s = (struct native_stream *)self;
    if (!usable(s))
        return NULL;
    int rc = fmnist_view_wire(s->stream);
    if (rc)
        return raise_error(rc, fmnist_error());
    s->wire = true;
    Py_RETURN_NONE;
}

/* skip(count): batches that nobody wants, without a copy */
static PyObject *stream_skip(PyObject *self, PyObject *args)
{
    struct native_stream *s = (struct native_stream *)self;
    const struct fmnist_into nowhere = {.size = sizeof nowhere};
    struct fmnist_batch batch;
    unsigned count;
    if (!PyArg_ParseTuple(args, "I", &count) || !usable(s))
        return NULL;
    for (unsigned i = 0; i < count; i++)
        if (next_batch(s, &nowhere, &batch) < 0)
            return NULL;
    Py_RETURN_NONE;
}

/* ---- asking -------------------------------------------------------------------------------- */

static PyObject *stream_token(PyObject *self, PyObject *args)
{
    struct native_stream *s = (struct native_stream *)self;
    unsigned long long epoch, step;
    struct fmnist_token token;
    if (!PyArg_ParseTuple(args, "KK", &epoch, &step))
        return NULL;
    if (step > s->info.steps || epoch > UINT64_C(1) << 32) {
        char text[TEXT_SIZE];
        PyOS_snprintf(text, sizeof text, "position (%llu, %llu): want a step of 0 to %llu", epoch,
                      step, (unsigned long long)s->info.steps);
        return raise_error(FMNIST_EINVAL, text);
    }
    int rc = fmnist_token_at(&s->token, epoch, step, &token);
    if (rc)
        return raise_error(rc, fmnist_error());
    return PyBytes_FromStringAndSize((const char *)token.bytes, sizeof token.bytes);
}

static PyObject *stream_info(PyObject *self, PyObject *unused)
{
    struct native_stream *s = (struct native_stream *)self;
    struct fmnist_stream_info *i = &s->info;
    if (!usable(s))
        return NULL;
    fmnist_stream_info(s->stream, i);
    return Py_BuildValue("(KKIIIIIIIIIKIKKy#II)", (unsigned long long)i->sample_count,
                         (unsigned long long)i->steps, i->batch_size, i->channels, i->height,
                         i->width, i->dtype, i->layout, i->label_dtype, i->transport, i->slot_count,
                         (unsigned long long)i->image_bytes, i->label_bytes,
                         (unsigned long long)i->epoch, (unsigned long long)i->step, i->digest,
                         (Py_ssize_t)sizeof i->digest, i->views, i->label_count);
}

static PyMethodDef methods[] = {
    {"fill", stream_fill, METH_VARARGS,
     "fill(limit, images, bytes, labels, bytes, indices, bytes) -> batches copied"},
    {"view", stream_view, METH_NOARGS,
     "view() -> (epoch, step, count, images, labels, indices), or None at an epoch's end"},
    {"take", stream_take, METH_VARARGS,
     "take(indices) -> as view(), in memory of the caller's own; indices or None"},
    {"values", stream_values, METH_O, "values(values): the draws of the next batch"},
    {"view_wire", stream_view_wire, METH_NOARGS, "view_wire(): views show samples as they travel"},
    {"skip", stream_skip, METH_VARARGS, "skip(count)"},
    {"token", stream_token, METH_VARARGS,
     "token(epoch, step) -> 48 bytes; on a stream that is closed, too"},
    {"info", stream_info, METH_NOARGS, "info() -> the fields of struct fmnist_stream_info"},
    {"close", stream_close, METH_NOARGS, "close(): views that are alive stay valid"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Stream(socket, timeout_ms, reconnect_ms, ((field, value), ...), token or None, "
                "list or None, lengths of its batches or None, its draws or None): all uint32"},
    {Py_tp_init, stream_init},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec native_stream_spec = {
    .name = "fmnist._native.Stream",
    .basicsize = sizeof(struct native_stream),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
