/* SPDX-License-Identifier: MIT */
/* The module: its types, and what a daemon can be asked without a stream. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

static PyObject *class_names(const struct fmnist_dataset *d)
{
    PyObject *names = PyTuple_New(d->class_count);
    for (uint32_t i = 0; names && i < d->class_count; i++) {
        PyObject *name = PyUnicode_FromString(d->class_names[i]);
        if (!name || PyTuple_SetItem(names, i, name) < 0)
            Py_CLEAR(names);
    }
    return names;
}

static PyObject *dataset_list(const struct fmnist_datasets *datasets)
{
    PyObject *list = PyList_New(0);
    const struct fmnist_dataset *d;
    for (size_t i = 0; list && (d = fmnist_datasets_at(datasets, i)) != NULL; i++) {
        PyObject *names = class_names(d);
        PyObject *item =
            names ? Py_BuildValue("(ssKIIINy#I)", d->name, d->split, (unsigned long long)d->count,
                                  d->height, d->width, d->channels, names, d->digest,
                                  (Py_ssize_t)sizeof d->digest,
                                  fmnist_datasets_label_count(datasets, i))
                  : NULL;
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* What is asked of a daemon on a connection of its own. */
struct question {
    struct fmnist_connect_options options;
    struct fmnist_datasets *datasets;
    char *status;
    char socket[sizeof((struct sockaddr_un *)0)->sun_path]; /* where it was found */
};

static int ask(struct question *q, bool status)
{
    struct fmnist_client *client;
    int rc = fmnist_connect(&q->options, &client);
    if (rc)
        return rc;
    rc = status ? fmnist_status(client, &q->status) : fmnist_datasets(client, &q->datasets);
    snprintf(q->socket, sizeof q->socket, "%s", fmnist_client_socket(client));
    fmnist_disconnect(client);
    return rc;
}

static bool ask_daemon(struct question *q, bool status)
{
    q->options.size = sizeof q->options;
    int rc;
    Py_BEGIN_ALLOW_THREADS
    rc = ask(q, status);
    Py_END_ALLOW_THREADS
    if (rc)
        raise_error(rc, fmnist_error());
    return rc == FMNIST_OK;
}

static PyObject *native_datasets(PyObject *module, PyObject *args)
{
    struct question q = {0};
    if (!PyArg_ParseTuple(args, "zI", &q.options.socket, &q.options.timeout_ms) ||
        !ask_daemon(&q, false))
        return NULL;
    PyObject *list = dataset_list(q.datasets);
    fmnist_datasets_free(q.datasets);
    return list;
}

static PyObject *native_running(PyObject *module, PyObject *args)
{
    struct question q = {0};
    if (!PyArg_ParseTuple(args, "I", &q.options.timeout_ms) || !ask_daemon(&q, false))
        return NULL;
    PyObject *list = dataset_list(q.datasets);
    fmnist_datasets_free(q.datasets);
    return list ? Py_BuildValue("(NN)", PyUnicode_DecodeFSDefault(q.socket), list) : NULL;
}

static PyObject *native_status(PyObject *module, PyObject *args)
{
    struct question q = {0};
    if (!PyArg_ParseTuple(args, "zI", &q.options.socket, &q.options.timeout_ms) ||
        !ask_daemon(&q, true))
        return NULL;
    PyObject *text = PyUnicode_FromString(q.status);
    free(q.status);
    return text;
}

static PyObject *native_address(PyObject *module, PyObject *array)
{
    Py_buffer b;
    if (PyObject_GetBuffer(array, &b, PyBUF_SIMPLE))
        return NULL;
    PyObject *address = PyLong_FromVoidPtr(b.buf);
    PyBuffer_Release(&b);
    return address;
}

static PyMethodDef methods[] = {
    {"datasets", native_datasets, METH_VARARGS,
     "datasets(socket, timeout_ms) -> [(name, split, count, height, width, channels, class_names, "
     "digest, label_count)]"},
    {"running", native_running, METH_VARARGS,
     "running(timeout_ms) -> (socket, datasets): of the daemon that the library finds by itself"},
    {"status", native_status, METH_VARARGS, "status(socket, timeout_ms) -> JSON text"},
    {"address", native_address, METH_O, "address(array) -> of its first byte; it is contiguous"},
    {"torch_seed", native_torch_seed, METH_VARARGS,
     "torch_seed(seed) -> 5,056 bytes: a torch.Generator's state behind manual_seed(seed)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "fmnist._native", .m_doc = "libfmnist, for fmnist.core.",
    .m_size = -1,          .m_methods = methods,
};

static bool add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type && PyModule_AddType(module, *type) == 0;
}

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && add_type(module, &native_stream_spec, &native_stream_type) &&
        add_type(module, &native_lease_spec, &native_lease_type) &&
        add_type(module, &native_view_spec, &native_view_type) &&
        add_type(module, &native_memory_spec, &native_memory_type) &&
        add_type(module, &native_augment_spec, &native_augment_type) &&
        PyModule_AddStringConstant(module, "version", fmnist_version()) == 0)
        return module;
    Py_XDECREF(module);
    return NULL;
}
