/* SPDX-License-Identifier: MIT */
/* fmnist.h — libfmnist, the client library of fmnistd.
 *
 * fmnistd keeps image datasets of the MNIST family in memory and streams shuffled, resized
 * minibatches to training processes on the same host. A batch is a pure function of (dataset
 * digest, spec, seed, epoch, step): the number of workers, the transport, other clients and
 * restarts never change a byte of it.
 *
 * The call sequence:
 *
 *     struct fmnist_client *client;
 *     struct fmnist_stream *stream;
 *     struct fmnist_spec spec;
 *     struct fmnist_batch batch;
 *
 *     fmnist_spec_init(&spec);                          the defaults below
 *     spec.order = FMNIST_ORDER_TORCH;
 *     fmnist_connect(NULL, &client);                    the default socket
 *     fmnist_open(client, &spec, NULL, &stream);
 *     while (fmnist_next(stream, &batch) == FMNIST_OK) {   one epoch
 *         train(batch.images, batch.labels, batch.count);
 *         fmnist_release(stream, &batch);
 *     }
 *     fmnist_close(stream);
 *     fmnist_disconnect(client);
 *
 * Returns: 0 (FMNIST_OK), a positive named outcome, or a negative fmnist_result. fmnist_error()
 * then has one line that says what was seen, what was expected and where.
 *
 * Threads: a client or stream handle is used by one thread at a time; different handles are
 * independent. The library starts no thread and no process and installs no signal handler.
 *
 * fork(): handles belong to the process that made them. In a forked child every call but the two
 * that close answers FMNIST_EFORK, and those two only give up the child's copies; the parent's
 * stream goes on unharmed.
 *
 * Time-outs: every call that waits ends after the client's timeout_ms at the latest. The death of
 * the daemon is noticed within 250 ms; a call that reads then waits up to reconnect_ms for the
 * daemon to come back, opens its stream there again and goes on with the very next batch.
 *
 * Versions: a program goes on with every later library of its FMNIST_VERSION_MAJOR, from the first
 * 0.1.0 on (docs/guarantees.md). Numbers are added, and none changes its meaning: take a negative
 * result that you do not know as FMNIST_EIO. A struct that begins with `size` gets fields at its
 * end, each with 0 as its default; all others, and FMNIST_CHANNELS_MAX, stay as they are. `size` is
 * that of the program's header, and need not be the library's, as with openat2(2):
 *
 *                        an older program's                  a later program's
 *     the library reads  what it lacks is 0, the default     what the library lacks has to be 0
 *     the library fills  nothing is written behind `size`    what the library lacks becomes 0
 *
 * FMNIST_EINVAL else, and for a size that no header has: below the first's, or above 4096.
 *
 * Needs libc with its libm only. Linux.
 */
#ifndef FMNIST_H
#define FMNIST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FMNIST_VERSION_MAJOR 0
#define FMNIST_VERSION_MINOR 1
#define FMNIST_VERSION_PATCH 0
#define FMNIST_VERSION       "0.1.0"

#if defined(__GNUC__)
#define FMNIST_API __attribute__((visibility("default")))
#else
#define FMNIST_API
#endif

/* The version of the library that is loaded, as FMNIST_VERSION is the header's. */
FMNIST_API const char *fmnist_version(void);

/* ---- results ------------------------------------------------------------------------------- */

enum fmnist_result {
    FMNIST_OK = 0,
    FMNIST_END_OF_EPOCH = 1,  /* every batch of this epoch was delivered; the next call goes on */
    FMNIST_END_OF_STREAM = 2, /* spec.epochs epochs were delivered */

    FMNIST_EINVAL = -1,    /* an argument or a field of the spec is out of range */
    FMNIST_ECONNECT = -2,  /* no daemon answers at the socket */
    FMNIST_ETIMEDOUT = -3, /* nothing came within timeout_ms; the handle stays usable */
    FMNIST_EDEAD = -4,     /* the daemon ended and did not come back within reconnect_ms */
    FMNIST_EPROTO = -5,    /* the peer does not speak this protocol, or broke it */
    FMNIST_ENOMEM = -6,    /* out of memory, descriptors or address space, here or in the daemon */
    FMNIST_EFORK = -7,     /* the handle was made before fork(): connect again in the child */
    FMNIST_EBUSY = -8,     /* as many batches are held as may be: release one first */
    FMNIST_ETOKEN = -9,    /* the token is damaged, or belongs to another spec or dataset */
    FMNIST_ENOENT = -10,   /* the daemon has no such dataset or split */
    FMNIST_ELIMIT = -11,   /* a limit of the daemon's config refuses this; the text says which */
    FMNIST_EIO = -12,      /* the daemon could not do it; the text says why */
    FMNIST_EPERM = -13     /* this user may not do that; the text says who may */
};

/* The text of the last failed call in this thread: one line, without a newline, never NULL.
 * Owns: the library; valid until the thread's next failing call. */
FMNIST_API const char *fmnist_error(void);

/* ---- what a stream is ---------------------------------------------------------------------- */

/* Numbers of these enums travel on the wire and enter digests: they never change meaning. */

enum fmnist_dtype {
    FMNIST_UINT8 = 1,   /* levels 0..255 as stored; also a label type */
    FMNIST_FLOAT32 = 2, /* level / 255, rounded as divided, then (x - mean) / std where given */
    FMNIST_FLOAT16 = 3, /* the float32 value rounded to nearest even, IEEE binary16 */
    FMNIST_BFLOAT16 = 4,
    FMNIST_INT32 = 5, /* labels only */
    FMNIST_INT64 = 6  /* labels only */
};

enum fmnist_layout { FMNIST_NCHW = 1, FMNIST_NHWC = 2 };

enum fmnist_resize {
    FMNIST_RESIZE_NONE = 1,            /* the stored size */
    FMNIST_RESIZE_PILLOW_NEAREST = 2,  /* PyTorch: torchvision's Resize on a PIL image */
    FMNIST_RESIZE_PILLOW_BOX = 3,      /* ... Pillow 13's order of the two passes */
    FMNIST_RESIZE_PILLOW_BILINEAR = 4, /* ... torchvision's default; the default here */
    FMNIST_RESIZE_PILLOW_HAMMING = 5,
    FMNIST_RESIZE_PILLOW_BICUBIC = 6,
    FMNIST_RESIZE_PILLOW_LANCZOS = 7,
    FMNIST_RESIZE_PILLOW12_BOX = 8, /* the same filters in the order of Pillow <= 12.0 */
    FMNIST_RESIZE_PILLOW12_BILINEAR = 9,
    FMNIST_RESIZE_PILLOW12_HAMMING = 10,
    FMNIST_RESIZE_PILLOW12_BICUBIC = 11,
    FMNIST_RESIZE_PILLOW12_LANCZOS = 12,
    FMNIST_RESIZE_OPENCV_LINEAR = 13,  /* MXNet Gluon */
    FMNIST_RESIZE_TF_BILINEAR_PAD = 14 /* TensorFlow, JAX: resize_with_pad; yields floats */
};

enum fmnist_order {
    FMNIST_ORDER_SEQUENTIAL = 1,   /* 0, 1, 2, ... */
    FMNIST_ORDER_SHUFFLE = 2,      /* our own: keyed by a hash, O(1) memory and seek */
    FMNIST_ORDER_TORCH = 3,        /* DistributedSampler(seed).set_epoch(e): randperm(seed + e) */
    FMNIST_ORDER_TORCH_LOADER = 4, /* DataLoader(shuffle=True, generator=g), g seeded once */
    FMNIST_ORDER_NUMPY = 5,        /* MXNet Gluon: np.random.seed(seed), np.random.shuffle */
    FMNIST_ORDER_LIST = 6          /* the spec's list as it is, the same in every epoch */
};

/* What happens where the world size does not divide the number of samples. */
enum fmnist_pad {
    FMNIST_PAD_AUTO = 1, /* drop with drop_last, else wrap: what one drop_last means in PyTorch */
    FMNIST_PAD_WRAP = 2, /* DistributedSampler(drop_last=False): repeat the order's beginning */
    FMNIST_PAD_DROP = 3, /* DistributedSampler(drop_last=True): leave the tail out */
    FMNIST_PAD_NONE = 4  /* ragged: each sample exactly once, ranks may differ by one sample */
};

enum fmnist_transport {
    FMNIST_SHM = 1,   /* batches in shared memory, no copy */
    FMNIST_INLINE = 2 /* batches on the socket: through proxies and containers */
};

/* Where the random draws of spec.augment come from. */
enum fmnist_draws {
    FMNIST_DRAWS_COUNTER = 1, /* from (seed, epoch, sample, operation): whatever the order, the
                                 batch size, the world size and the other operations are */
    FMNIST_DRAWS_LIST = 2,    /* spec.list_values */
    FMNIST_DRAWS_CALLER = 3   /* fmnist_stream_values, before each batch; the library augments */
};

#define FMNIST_CHANNELS_MAX 4
#define FMNIST_LABELS_MAX   4096       /* labels of an image */
#define FMNIST_LABELS_ANY   UINT32_MAX /* spec.label_count: as many as the dataset has */

/* A stream's description. Fill it with fmnist_spec_init() and change what differs. */
struct fmnist_spec {
    size_t size;         /* sizeof(struct fmnist_spec), set by fmnist_spec_init: see Versions */
    const char *dataset; /* a name from the daemon's config; default "fashion-mnist" */
    const char *split; /* "train" (default), "test" or another that the dataset has; a slice of it:
                          "train[:50000]"; and with a selection behind it, as one text:
                          "train[:50000] | classes(3, 7)" (see `select`) */
    uint32_t batch_size; /* samples, 1 .. 2^24; default 64. The last batch of an epoch is short */
    uint32_t drop_last;  /* 0 (default) or 1: leave the short last batch out */
    uint32_t resize;     /* enum fmnist_resize; default FMNIST_RESIZE_PILLOW_BILINEAR */
    uint32_t height;     /* pixels, 1 .. 4096; 0 (default): the stored height */
    uint32_t width;      /* pixels, 1 .. 4096; 0 (default): the stored width */
    uint32_t dtype;      /* enum fmnist_dtype of the pixels; default FMNIST_FLOAT32 */
    uint32_t layout;     /* enum fmnist_layout; default FMNIST_NCHW */
    uint32_t channels;   /* 0 (default): as stored; 3 repeats a single stored channel */
    uint32_t mean_count; /* values in mean: 0 (default: no normalisation), 1, or one a channel */
    float mean[FMNIST_CHANNELS_MAX]; /* in units of the 0..1 pixel, finite */
    uint32_t std_count;              /* as mean_count */
    float std[FMNIST_CHANNELS_MAX];  /* finite, not 0 */
    uint32_t label_dtype;            /* FMNIST_UINT8, FMNIST_INT32 or FMNIST_INT64 (default) */
    uint32_t order;                  /* enum fmnist_order; default FMNIST_ORDER_SEQUENTIAL */
    uint64_t seed;                   /* any; default 0 */
    uint32_t rank;                   /* this process, 0 .. world_size - 1; default 0 */
    uint32_t world_size;             /* processes that share an epoch, 1 (default) .. 65536 */
    uint32_t pad;                    /* enum fmnist_pad; default FMNIST_PAD_AUTO */

    /* Where to begin and how it travels: these change no byte of a batch and no digest. */
    uint32_t transport; /* enum fmnist_transport; default FMNIST_SHM */
    uint64_t epoch;     /* the first epoch, 0 (default) .. 2^32 - 1; a token's takes its place */
    uint64_t epochs;    /* epochs to deliver; 0 (default): no end */

    /* NULL and 0 (default): all images of the split. Else the list takes their place: the order
     * permutes its entries, the ranks share them, batches are cut from them, as of a data set that
     * has just these samples (DataLoader or DistributedSampler over a Subset). Sequential and
     * FMNIST_ORDER_LIST are the same stream then; the latter wants a list. The daemon knows a list
     * by its digest, which is part of the stream's: fmnist_open sends it only to a daemon that does
     * not have it yet. Both arrays are kept by reference until fmnist_open returns.
     * Errors: FMNIST_EINVAL for an empty list, and for a number that the split does not have, with
     * its place; FMNIST_ELIMIT where the list and its order, 8 bytes an entry for torch,
     * torch-loader and numpy, are more than limits.list_bytes. */
    const uint32_t *list; /* [list_count], numbers in the split; repeats are allowed */
    uint64_t list_count;  /* 1 .. 2 * 10^8 */
    /* Lengths of the batches, each at least 1, together list_count. NULL: runs of batch_size.
     * With lengths, batch_size and drop_last do not apply, and want FMNIST_ORDER_LIST or sequential
     * and world_size 1. */
    const uint32_t *list_batches; /* [list_batch_count] */
    uint64_t list_batch_count;

    /* NULL and "" (default): images as they are. Else a chain of torchvision's transforms as text,
     * "random-crop(28, padding=4) random-horizontal-flip", which docs/augmentation.md describes. It
     * is applied to the resized image and says height, width and channels of what is delivered.
     * Where it ends in a tensor of floats (to-tensor, ...), dtype is a float, and mean and std are
     * its own (normalize). Kept by reference until fmnist_open returns. */
    const char *augment;
    uint32_t draws; /* enum fmnist_draws; 0 (default): FMNIST_DRAWS_COUNTER */
    uint32_t views; /* each image so many times, with draws of its own: 1 .. 16; 0 (default): 1.
                       A batch's images are then [count][views]..., labels and indices as ever */
    /* FMNIST_DRAWS_LIST: struct fmnist_augment_info.value_count numbers for each entry and view of
     * `list`, with FMNIST_ORDER_LIST or sequential and world_size 1. Part of the list's digest. */
    const uint32_t *list_values; /* [list_count][views][value_count] */
    uint64_t list_value_count;   /* numbers in list_values */

    /* 0 (default): one label an image, its class. A multi-label set has a row of numbers instead,
     * of which each belongs to a class and says whether the image has it: a program says that it
     * takes them with their number, or with FMNIST_LABELS_ANY, and then reads label_count of struct
     * fmnist_stream_info, which is 0 for other sets. Changes no byte of a batch and no digest.
     * Errors: FMNIST_EINVAL where the dataset's is another one. */
    uint32_t label_count;

    /* NULL and "" (default): all of `split`. Else which of its images, in which order, and what
     * their labels become: "held-out(0.1, seed=1, stratified)", "training(3/10)", "classes(3, 7,
     * renumber)", "labels(0, 0, 1)", several behind each other; docs/selection.md. A slice may
     * stand in `split` itself: "train[:50000]", "train[90%:]". The daemon makes the list of these
     * images: stream, digest and token are those of that list, indices of a batch are numbers in
     * the stored split, and `list` are then places in what is selected (Subset of a Subset). At
     * most 639 characters; kept by reference until fmnist_open returns. */
    const char *select;
};

/* Sets every field to its default. Errors: none; a size that is no header's is refused where the
 * spec is used. */
#define fmnist_spec_init(spec) fmnist_spec_init_sized((spec), sizeof *(spec))
FMNIST_API void fmnist_spec_init_sized(struct fmnist_spec *spec, size_t size);

/* Sets one field from text, as command lines and scripting languages have it: the field's name
 * with '-' or '_' ("batch-size"), and the value's ("64", "true", "pillow-bilinear", "0.5,0.5").
 * The strings of "dataset" and "split" are kept by reference.
 * Errors: FMNIST_EINVAL with the names or the range that the field allows, and for a field that the
 * program's header does not have. */
FMNIST_API int fmnist_spec_set(struct fmnist_spec *spec, const char *field, const char *value);

/* ---- connecting ---------------------------------------------------------------------------- */

struct fmnist_client;

struct fmnist_connect_options {
    size_t size;         /* sizeof(struct fmnist_connect_options) */
    const char *socket;  /* path; NULL: $FMNIST_SOCKET, else $XDG_RUNTIME_DIR/fmnistd/fmnistd.sock
                            if it exists, else /run/fmnistd/fmnistd.sock */
    uint32_t timeout_ms; /* the longest wait of any call; 0: the default, 30,000 */

    /* How long a stream whose daemon ended waits for it to come back, beside timeout_ms; 0: the
     * default, 60,000; negative: not at all, reading then gives FMNIST_EDEAD. Connecting and
     * opening do not wait for a daemon. The first 0.1.0 did not have it. */
    int64_t reconnect_ms;
};

/* Connects and shakes hands. `options` may be NULL.
 * Errors: FMNIST_ECONNECT, FMNIST_ETIMEDOUT, FMNIST_EPROTO, FMNIST_ELIMIT, FMNIST_EPERM where the
 * daemon does not know this user's namespace, FMNIST_ENOMEM.
 * Blocks: at most timeout_ms. Owns: the caller; end with fmnist_disconnect. */
FMNIST_API int fmnist_connect(const struct fmnist_connect_options *options,
                              struct fmnist_client **client);

/* The path of the socket that it was connected at: the options', or what took its place. Owns: the
 * client, until fmnist_disconnect. The first 0.1.0 did not have it. */
FMNIST_API const char *fmnist_client_socket(const struct fmnist_client *client);

/* Streams opened from the client stay open. Accepts NULL. */
FMNIST_API void fmnist_disconnect(struct fmnist_client *client);

/* ---- datasets ------------------------------------------------------------------------------ */

/* One split of one dataset. */
struct fmnist_dataset {
    size_t size;       /* bytes that the library filled: a later field is there if it lies within */
    const char *name;  /* "fashion-mnist" */
    const char *split; /* "train" */
    uint64_t count;    /* images */
    uint32_t height;   /* stored size, pixels */
    uint32_t width;
    uint32_t channels;
    uint32_t class_count;           /* 0 where the classes have no names */
    const char *const *class_names; /* [class_count] */
    uint8_t digest[16];             /* XXH3-128 of the content: the dataset's identity */
};

/* In the config's order; of each dataset train, test, then its others in the config's order. */
struct fmnist_datasets {
    size_t count;
    /* [count] of the first header's struct fmnist_dataset, for programs of that time: read them
     * with fmnist_datasets_at, which knows how long they are in the library that is loaded. */
    const struct fmnist_dataset *items;
};

/* What the daemon serves. Owns: the caller; end with fmnist_datasets_free.
 * Blocks: at most timeout_ms. */
FMNIST_API int fmnist_datasets(struct fmnist_client *client, struct fmnist_datasets **datasets);
FMNIST_API void fmnist_datasets_free(struct fmnist_datasets *datasets);

/* One of them. Returns NULL where index is not below count. Owns: `datasets`. */
FMNIST_API const struct fmnist_dataset *fmnist_datasets_at(const struct fmnist_datasets *datasets,
                                                           size_t index);

/* Labels that each image of it has: 0: one, its class; in a multi-label set 1 .. FMNIST_LABELS_MAX,
 * a row of numbers of which each belongs to a class, that of class_names where they have names.
 * Returns 0 also where index is not below count. */
FMNIST_API uint32_t fmnist_datasets_label_count(const struct fmnist_datasets *datasets,
                                                size_t index);

/* The entry of one split. Returns NULL where there is none. Owns: `datasets`. */
FMNIST_API const struct fmnist_dataset *fmnist_datasets_find(const struct fmnist_datasets *datasets,
                                                             const char *name, const char *split);

/* The text of a label, in a multi-label set that of a column: "Ankle boot". Returns NULL for one
 * without a name.
 * Owns: the fmnist_datasets it came from. */
FMNIST_API const char *fmnist_label_text(const struct fmnist_dataset *dataset, int64_t label);

/* The daemon's state and counters as one JSON object. Owns: the caller; free(3) it. */
FMNIST_API int fmnist_status(struct fmnist_client *client, char **json);

/* Has the daemon read its config file again. The daemon's own user and root only.
 * On success *text (may be NULL) has a line for each thing that changed or needs a restart.
 * Errors: FMNIST_EINVAL, FMNIST_ENOENT, FMNIST_EIO where the new config is wrong or a dataset of it
 * cannot be opened, with file and line: the old one stays, whole; FMNIST_EPERM for other users;
 * FMNIST_EBUSY while another reload is under way. The client stays connected. Blocks: until new
 * datasets are open, at most timeout_ms. Owns: the caller; free(3) *text. */
FMNIST_API int fmnist_reload(struct fmnist_client *client, char **text);

/* ---- reading ------------------------------------------------------------------------------- */

struct fmnist_stream;

/* A position: batches handed out so far, of which spec. 48 bytes that may be kept anywhere,
 * best in the model's own checkpoint; not secret. */
struct fmnist_token {
    uint8_t bytes[48];
};

/* Opens a stream at the spec's epoch or, with a token, where the token was taken. The stream takes
 * the client's connection over; the client makes another one when it is asked for more.
 * Errors: FMNIST_EINVAL, FMNIST_ENOENT, FMNIST_ETOKEN, FMNIST_ELIMIT, FMNIST_ENOMEM, and those of
 * fmnist_connect. Blocks: at most timeout_ms. Owns: the caller; end with fmnist_close. */
FMNIST_API int fmnist_open(struct fmnist_client *client, const struct fmnist_spec *spec,
                           const struct fmnist_token *token, struct fmnist_stream **stream);

/* Ends the stream; every view from it ends too. Accepts NULL. */
FMNIST_API void fmnist_close(struct fmnist_stream *stream);

/* What the daemon made of the spec: every default resolved. */
struct fmnist_stream_info {
    size_t size;           /* sizeof(struct fmnist_stream_info), set by the caller */
    uint64_t sample_count; /* samples an epoch delivers to this rank */
    uint64_t steps;        /* batches an epoch */
    uint32_t batch_size;   /* samples of a full batch: min(spec.batch_size, sample_count), or the
                              largest of spec.list_batches */
    uint32_t channels;     /* a batch's images: [count][channels][height][width] for NCHW, */
    uint32_t height;       /*                   [count][height][width][channels] for NHWC */
    uint32_t width;
    uint32_t dtype;  /* enum fmnist_dtype */
    uint32_t layout; /* enum fmnist_layout */
    uint32_t label_dtype;
    uint32_t transport;
    uint32_t slot_count;  /* batches that may be held, unreleased, at a time */
    uint64_t image_bytes; /* of a sample as delivered, all its views */
    uint32_t label_bytes; /* of an image's label, or its row of them */
    uint64_t epoch;       /* the position: the next batch is (epoch, step) */
    uint64_t step;
    uint8_t digest[16];     /* of the canonical spec and the dataset */
    uint32_t wire_dtype;    /* of the samples that travel: FMNIST_UINT8 or FMNIST_FLOAT32 */
    uint32_t wire_channels; /* of them */
    uint32_t views; /* images of each sample: a batch's are [count][views]... where more than 1 */
    uint32_t value_count; /* numbers drawn for an image by spec.augment */
    uint32_t label_count; /* labels of an image in a multi-label set, and a batch's labels are
                             [count][label_count]; 0: one, and they are [count] */
};
FMNIST_API int fmnist_stream_info(const struct fmnist_stream *stream,
                                  struct fmnist_stream_info *info);

struct fmnist_batch {
    uint64_t epoch;
    uint64_t step;          /* 0 .. steps - 1 */
    uint64_t count;         /* samples in this batch */
    const void *images;     /* see struct fmnist_stream_info for the shape; 64-byte aligned */
    const void *labels;     /* [count], or [count][label_count], of label_dtype */
    const int64_t *indices; /* [count], each sample's number in the dataset's split */
    uint64_t slot;          /* for fmnist_release */
};

/* The next batch, as a read-only view that does not change until fmnist_release. Several batches
 * may be held at once (slot_count) and released in any order.
 * Where the daemon ended, this waits for it to come back and goes on; batches that are held stay
 * as they are. info's slot_count may be another one then.
 * Returns: FMNIST_OK; FMNIST_END_OF_EPOCH once behind an epoch's last batch, with `batch` zeroed;
 * FMNIST_END_OF_STREAM behind spec.epochs epochs.
 * Errors: FMNIST_EBUSY, FMNIST_ENOMEM, which consumes nothing, FMNIST_ETIMEDOUT, FMNIST_EDEAD,
 * FMNIST_EPROTO, FMNIST_EFORK, what the daemon says of a stream that it has to end, and for a
 * daemon that came back those of fmnist_open: FMNIST_ETOKEN where it serves other data than before.
 * The next call then tries again.
 * Blocks: until the batch is there, at most timeout_ms, and before that at most reconnect_ms where
 * the daemon ended. */
FMNIST_API int fmnist_next(struct fmnist_stream *stream, struct fmnist_batch *batch);

/* Waits until fmnist_next would not: a batch is there, or the epoch's end, or an error to tell.
 * For callers that have other things to look at while they wait. Consumes nothing.
 * Returns: FMNIST_OK. Errors: FMNIST_ETIMEDOUT, also while the daemon is waited for, FMNIST_EDEAD
 * behind reconnect_ms of that, and the others of fmnist_next.
 * Blocks: at most timeout_ms, up to INT32_MAX. */
FMNIST_API int fmnist_wait(struct fmnist_stream *stream, uint32_t timeout_ms);

/* Opens a stream whose daemon ended at its position again, as fmnist_next does by itself unless
 * reconnect_ms is negative: for callers that decide how long. Does nothing to a stream that is
 * open. Batches that are held stay as they are. Returns: FMNIST_OK; the next call then goes on.
 * Errors: FMNIST_ETIMEDOUT, call again; those of fmnist_open, FMNIST_ETOKEN where the daemon serves
 * other data than before. Blocks: at most timeout_ms, up to INT32_MAX. */
FMNIST_API int fmnist_reopen(struct fmnist_stream *stream, uint32_t timeout_ms);

/* Has views show the samples as they travel, for who makes the final form elsewhere, such as on a
 * device: from now on a view's images are [count][wire_channels][height][width] of wire_dtype, in
 * the ring itself (inline: in memory of the stream's own). Labels and indices are as ever, and so
 * are fmnist_next_into, digest and tokens. Errors: FMNIST_EBUSY while views are held. */
FMNIST_API int fmnist_view_wire(struct fmnist_stream *stream);

/* Gives a view back: its memory may change from now on. Errors: FMNIST_EINVAL for a batch that is
 * not held. Never blocks. */
FMNIST_API int fmnist_release(struct fmnist_stream *stream, const struct fmnist_batch *batch);

/* Memory of the caller's. A NULL pointer leaves that part out. */
struct fmnist_into {
    size_t size; /* sizeof(struct fmnist_into) */
    void *images;
    size_t images_bytes; /* at least count * image_bytes */
    void *labels;
    size_t labels_bytes; /* at least count * label_bytes */
    int64_t *indices;
    size_t indices_bytes; /* at least count * 8 */
};

/* The next batch, written into the caller's memory; there is nothing to release. `batch` then
 * points into that memory. Memory too small: FMNIST_EINVAL, and the batch is not consumed.
 * Otherwise as fmnist_next. */
FMNIST_API int fmnist_next_into(struct fmnist_stream *stream, const struct fmnist_into *into,
                                struct fmnist_batch *batch);

/* FMNIST_DRAWS_CALLER: the draws of the next batch, [count][views][value_count]; copied, and used
 * up by the batch they are for. Without them fmnist_next, and fmnist_next_into where it is to write
 * images, is FMNIST_EINVAL and consumes nothing.
 * Errors: FMNIST_EINVAL for another count than the next batch has, and for a value that cannot be
 * drawn, with its place. */
FMNIST_API int fmnist_stream_values(struct fmnist_stream *stream, const uint32_t *values,
                                    uint64_t count);

/* The position behind the last batch handed out by next or next_into. */
FMNIST_API int fmnist_stream_token(const struct fmnist_stream *stream, struct fmnist_token *token);

/* A position of the caller's: that of the batch (epoch, step), step 0 .. info.steps, where
 * info.steps means "behind the epoch's last". For callers that read ahead of what they hand on. */
FMNIST_API int fmnist_stream_token_at(const struct fmnist_stream *stream, uint64_t epoch,
                                      uint64_t step, struct fmnist_token *token);

/* The token of another position of the stream that `of` belongs to, for callers that have no
 * stream any more. Does not know how many steps an epoch has: the daemon refuses a step beyond.
 * Errors: FMNIST_ETOKEN for a damaged token. Threads: any. */
FMNIST_API int fmnist_token_at(const struct fmnist_token *of, uint64_t epoch, uint64_t step,
                               struct fmnist_token *token);

/* ---- augmentation -------------------------------------------------------------------------- */

/* A chain of transforms for images of one shape: the draws of spec.augment, without a daemon. */
struct fmnist_augment;

/* text: as spec.augment. channels, height, width: of the images before it, as stored or resized.
 * Errors: FMNIST_EINVAL with the place in the text and what is known there, or the operation that
 * cannot be done with such images; FMNIST_ENOMEM. Owns: the caller; end with fmnist_augment_free.
 * Threads: any number of calls with one chain at a time. */
FMNIST_API int fmnist_augment_new(const char *text, uint32_t channels, uint32_t height,
                                  uint32_t width, struct fmnist_augment **augment);
FMNIST_API void fmnist_augment_free(struct fmnist_augment *augment); /* accepts NULL */

struct fmnist_augment_info {
    size_t size;          /* sizeof(struct fmnist_augment_info), set by the caller */
    uint32_t value_count; /* numbers that are drawn for an image */
    uint32_t channels;    /* of the images behind the chain */
    uint32_t height;
    uint32_t width;
    uint32_t dtype;   /* FMNIST_FLOAT32 where the chain ends in a tensor of floats, else UINT8 */
    const char *text; /* the chain's canonical text; valid as long as the chain */
};
FMNIST_API int fmnist_augment_info(const struct fmnist_augment *augment,
                                   struct fmnist_augment_info *info);

/* The i-th value: of which operation (its place in the chain), what it is ("top"), and whether its
 * four bytes are a float32 rather than an int32. Errors: FMNIST_EINVAL where i is not below
 * value_count. */
struct fmnist_augment_value {
    size_t size;           /* sizeof(struct fmnist_augment_value), set by the caller */
    uint32_t at;           /* 0: the chain's first operation, those within others counted */
    const char *operation; /* "random-crop" */
    const char *name;      /* "top" */
    uint32_t is_float;
};
FMNIST_API int fmnist_augment_value(const struct fmnist_augment *augment, uint32_t i,
                                    struct fmnist_augment_value *value);

/* The draws of FMNIST_DRAWS_COUNTER: values [count][views][value_count] of the samples `indices`.
 */
FMNIST_API int fmnist_augment_draw(const struct fmnist_augment *augment, uint64_t seed,
                                   uint64_t epoch, uint32_t views, const uint32_t *indices,
                                   uint64_t count, uint32_t *values);

/* The draws that torchvision's transforms take from PyTorch's CPU generators, batch by batch:
 * states [generators] of the 5,056 bytes of torch.get_rng_state(), moved on by what is drawn.
 * Batch b, of lengths[b] samples, draws from generator (first + b) % generators, as DataLoader's
 * workers do. Values come in the order of batches. Errors: FMNIST_EINVAL for no such state. */
#define FMNIST_TORCH_STATE_BYTES 5056
FMNIST_API int fmnist_augment_draw_torch(const struct fmnist_augment *augment, uint8_t *states,
                                         uint32_t generators, uint32_t first,
                                         const uint32_t *lengths, uint64_t batches,
                                         uint32_t *values);

/* The state behind torch.manual_seed(seed). */
FMNIST_API void fmnist_torch_seed(uint8_t state[FMNIST_TORCH_STATE_BYTES], uint64_t seed);

/* The chain's pixels: samples [count][channels][height][width] uint8 of fmnist_augment_new's shape
 * and values [count][value_count] to images [count][channels][height][width] of info's dtype, the
 * whole chain applied. Errors: FMNIST_EINVAL for a value that cannot be drawn; FMNIST_ENOMEM. */
FMNIST_API int fmnist_augment_run(const struct fmnist_augment *augment, const uint8_t *samples,
                                  const uint32_t *values, uint64_t count, void *images);

#ifdef __cplusplus
}
#endif

#endif
