/* SPDX-License-Identifier: MIT */
/* What every object of the binding needs: its type, which the module makes, its end, and errors. */
#include "native.h"

PyTypeObject *native_stream_type, *native_lease_type, *native_view_type, *native_memory_type;
PyTypeObject *native_augment_type;

PyObject *raise_error(int code, const char *text)
{
    PyObject *errors = PyImport_ImportModule("fmnist.errors");
    PyObject *error = errors ? PyObject_CallMethod(errors, "of", "is", code, text) : NULL;
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    Py_XDECREF(errors);
    return NULL;
}

void native_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}
