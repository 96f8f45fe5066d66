/* SPDX-License-Identifier: MIT */
/* A stream of a list of numbers, without what augments, normalises, permutes or shares. */
#include "ctl/originals.h"

#include "ctl/sheet.h"
#include "cut/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fmnist_spec spec_before(const struct fmnist_spec *spec, const uint32_t *indices,
                                      uint64_t count)
{
    struct fmnist_spec s;
    fmnist_spec_init(&s);
    s.dataset = spec->dataset;
    s.split = spec->split;
    s.resize = spec->resize;
    s.height = spec->height;
    s.width = spec->width;
    s.transport = spec->transport;
    s.dtype = FMNIST_UINT8;
    s.order = FMNIST_ORDER_LIST;
    s.list = indices;
    s.list_count = count;
    s.epochs = 1;
    s.label_count = FMNIST_LABELS_ANY;
    return s;
}

static int take_all(struct originals *o, const struct invocation *in, struct fmnist_stream *stream,
                    const struct fmnist_stream_info *info, struct err *e)
{
    const struct sheet_pixels pixels = {.dtype = info->dtype,
                                        .layout = info->layout,
                                        .channels = info->channels,
                                        .height = info->height,
                                        .width = info->width};
    const struct invocation all = {.spec = in->spec};
    size_t rgb_bytes = (size_t)info->height * info->width * 3;
    struct fmnist_batch b;
    uint64_t taken = 0, got = 0;
    int rc;
    if (info->sample_count != o->count || o->count > SHEET_BYTES_MAX / rgb_bytes)
        return err_set(e, -EFBIG, "%llu images are more than a picture holds",
                       (unsigned long long)o->count);
    o->channels = info->channels;
    o->height = info->height;
    o->width = info->width;
    o->rgb = malloc(o->count * rgb_bytes);
    if (!o->rgb)
        return err_set(e, -ENOMEM, "no memory for %llu images", (unsigned long long)o->count);
    bool same = true; /* of a part that the config cuts, numbers would be places */
    while ((rc = ctl_next(&all, stream, &taken, &b)) == 1) {
        for (uint64_t i = 0; i < b.count && got < o->count; i++, got++) {
            same &= b.indices[i] == (int64_t)o->indices[got];
            sheet_decode(&pixels, (const uint8_t *)b.images + i * info->image_bytes,
                         o->rgb + got * rgb_bytes);
        }
        fmnist_release(stream, &b);
    }
    if (rc < 0)
        return -ECANCELED;
    if (!same)
        return err_set(e, -EINVAL,
                       "the originals of \"%s\", which is cut from another split: name that one, "
                       "with --select",
                       in->spec.split);
    return got == o->count ? 0 : err_set(e, -EIO, "the stream of the originals ended early");
}

int originals_read(struct originals *o, const struct invocation *in, const uint32_t *indices,
                   uint64_t count, struct err *e)
{
    struct fmnist_spec spec = spec_before(&in->spec, indices, count);
    struct fmnist_stream_info info = {.size = sizeof info};
    struct fmnist_stream *stream = NULL;
    char split[64] = "";
    size_t n = cut_name_length(spec.split);
    memcpy(split, spec.split, n < sizeof split ? n : sizeof split - 1);
    spec.split = split; /* indices are numbers in the stored one */
    *o = (struct originals){.count = count, .indices = indices};
    struct fmnist_client *client = ctl_connect(in);
    if (!client)
        return -ECANCELED;
    int rc = fmnist_open(client, &spec, NULL, &stream);
    if (!rc)
        rc = fmnist_stream_info(stream, &info);
    rc = rc ? err_set(e, -EIO, "the originals: %s", fmnist_error())
            : take_all(o, in, stream, &info, e);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc;
}

void originals_close(struct originals *o)
{
    free(o->rgb);
    o->rgb = NULL;
}
