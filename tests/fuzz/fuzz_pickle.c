/* SPDX-License-Identifier: MIT */
/* A pickle over any bytes: it must end, in bounded memory, and whatever it made can be asked for.
 */
#include "fuzz/fuzz.h"
#include "import/pickle.h"

#include <assert.h>
#include <sys/mman.h>

static ssize_t read_input(void *data, void *buffer, size_t size, struct err *e)
{
    struct input *in = data;
    size_t n = in->left < size ? in->left : size;
    input_bytes(in, buffer, n);
    return (ssize_t)n;
}

static int make_spool(void *data, struct err *e)
{
    return memfd_create("spool", MFD_CLOEXEC);
}

static void look_at(const struct pickle *p, pickle_ref v)
{
    struct pickle_array array;
    struct err e;
    size_t size;
    switch (pickle_type_of(p, v)) {
    case PICKLE_ARRAY:
        if (pickle_get_array(p, v, &array, &e) == 0)
            assert(array.size == array.header.data_bytes && (array.memory || array.fd >= 0));
        break;
    case PICKLE_TEXT:
        assert(pickle_text(p, v, &size)[size] == 0);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    const struct pickle_source source = {.data = &in, .read = read_input, .spool = make_spool};
    struct pickle *p;
    struct err e;
    pickle_ref v;
    if (pickle_read(&p, &source, &e)) {
        assert(!p);
        return 0;
    }
    pickle_ref root = pickle_root(p);
    look_at(p, root);
    if (pickle_find(p, root, "data", &v))
        look_at(p, v);
    enum pickle_type type = pickle_type_of(p, root);
    if (type == PICKLE_TUPLE || type == PICKLE_LIST || type == PICKLE_DICT)
        for (size_t i = 0; i < pickle_count(p, root); i++)
            look_at(p, pickle_at(p, root, i));
    pickle_free(p);
    return 0;
}
