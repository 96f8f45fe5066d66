/* SPDX-License-Identifier: MIT */
/* Macros of libraries and of the Makefile, as cppcheck has to be told them: it reads no header of
 * the system's. For `make analyze` alone. */
#define ISA_VARIANT portable
#define Py_BEGIN_ALLOW_THREADS
#define Py_END_ALLOW_THREADS
#define Py_RETURN_NONE return NULL
#define json_array_foreach(all, i, one) \
    for ((i) = 0; (i) < json_array_size(all) && ((one) = json_array_get(all, i)); (i)++)
