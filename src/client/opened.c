/* SPDX-License-Identifier: MIT */
/* What the daemon says of a stream that it opened: everything that sizes are computed from later is
 * checked here, once. */
#include "client/stream.h"

static bool steps_fit(const struct fmnist_stream *s, const struct wire_opened *f)
{
    if (s->list.lengths) /* counts that were checked before they were sent */
        return f->steps == s->spec.list_batch_count && f->sample_count == s->spec.list_count &&
               f->batch_size == s->spec.batch_size;
    return (f->steps - 1) * f->batch_size < f->sample_count;
}

static int check_fds(bool is_inline, size_t fd_count)
{
    if (fd_count == (is_inline ? 0 : 2))
        return FMNIST_OK;
    return fail(FMNIST_EPROTO, "the daemon sent %zu descriptors, want %d", fd_count,
                is_inline ? 0 : 2);
}

int stream_check_opened(const struct fmnist_stream *s, const struct wire_opened *f, size_t fd_count)
{
    bool is_inline = s->spec.transport == FMNIST_INLINE;
    int rc = check_fds(is_inline, fd_count);
    if (rc)
        return rc;
    uint64_t pixels = (uint64_t)f->in_height * f->in_width;
    uint64_t want = pixels * f->in_channels * f->views * (f->float_samples ? 4 : 1);
    bool drawn_here = *s->spec.augment && s->spec.draws == FMNIST_DRAWS_CALLER;
    bool ok = f->height && f->width && f->height <= SPEC_SIDE_MAX * 16 &&
              f->width <= SPEC_SIDE_MAX * 16 && f->in_height && f->in_width &&
              f->in_height <= SPEC_SIDE_MAX * 16 && f->in_width <= SPEC_SIDE_MAX * 16 && f->views &&
              f->views <= SPEC_VIEWS_MAX &&
              (drawn_here || (f->in_height == f->height && f->in_width == f->width)) &&
              f->channels && f->in_channels && f->channels <= FMNIST_CHANNELS_MAX &&
              f->in_channels <= FMNIST_CHANNELS_MAX && f->float_samples <= 1 &&
              f->label_count <= FMNIST_LABELS_MAX && f->sample_bytes == want && f->batch_size &&
              f->batch_size <= SPEC_BATCH_MAX && f->steps && f->sample_count &&
              f->sample_count <= UINT32_MAX && f->steps <= f->sample_count && steps_fit(s, f) &&
              f->epoch <= SPEC_EPOCH_MAX + 1 && f->step < f->steps && f->slot_count &&
              f->slot_count <= RING_SLOTS_MAX;
    return ok ? FMNIST_OK : fail(FMNIST_EPROTO, "the daemon's description of the stream is wrong");
}
