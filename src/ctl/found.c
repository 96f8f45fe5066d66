/* SPDX-License-Identifier: MIT */
/* The places, and what is looked for in them. */
#include "ctl/found.h"

#include "ctl/found_lines.h"
#include "dataset/dataset.h"
#include "dataset/known.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const found_kind_words[] = {"idx", "foreign", "python", "broken"};

/* ---- what is looked for -------------------------------------------------------------------- */

/* IDX files in a folder, under a known name; "emnist" is all of its sets that are there. */
struct idx_place {
    const char *folder, *name;
};

static const struct idx_place torchvision_idx[] = {{"FashionMNIST/raw", "fashion-mnist"},
                                                   {"MNIST/raw", "mnist"},
                                                   {"KMNIST/raw", "kmnist"},
                                                   {"QMNIST/raw", "qmnist"},
                                                   {"EMNIST/raw", "emnist"},
                                                   {NULL, NULL}};
static const struct idx_place keras_idx[] = {{"fashion-mnist", "fashion-mnist"}, {NULL, NULL}};
static const struct idx_place mxnet_idx[] = {
    {"fashion-mnist", "fashion-mnist"}, {"mnist", "mnist"}, {NULL, NULL}};
static const struct idx_place fetched_idx[] = {{"fashion-mnist", "fashion-mnist"},
                                               {"mnist", "mnist"},
                                               {"kmnist", "kmnist"},
                                               {"qmnist", "qmnist"},
                                               {NULL, NULL}};
static const struct idx_place debian_idx[] = {{"fashion-mnist", "fashion-mnist"}, {NULL, NULL}};

/* What import reads: one path, or two that belong together; of several with one name the first that
 * is there. */
struct foreign_place {
    const char *name, *path, *other;
};

static const struct foreign_place torchvision_foreign[] = {
    {"cifar-10", "cifar-10-batches-py", NULL},
    {"cifar-10", "cifar-10-python.tar.gz", NULL},
    {"cifar-10", "cifar-10-batches-bin", NULL},
    {"cifar-10", "cifar-10-binary.tar.gz", NULL},
    {"cifar-100", "cifar-100-python", NULL},
    {"cifar-100", "cifar-100-python.tar.gz", NULL},
    {"cifar-100", "cifar-100-binary", NULL},
    {"cifar-100", "cifar-100-binary.tar.gz", NULL},
    {"svhn", "train_32x32.mat", "test_32x32.mat"},
    {"svhn", "SVHN/train_32x32.mat", "SVHN/test_32x32.mat"},
    {"stl-10", "stl10_binary", NULL},
    {"stl-10", "stl10_binary.tar.gz", NULL},
    {"usps", "usps.bz2", "usps.t.bz2"},
    {NULL, NULL, NULL}};
static const struct foreign_place keras_foreign[] = {
    {"mnist", "mnist.npz", NULL},
    {"cifar-10", "cifar-10-batches-py-target/cifar-10-batches-py", NULL},
    {"cifar-10", "cifar-10-batches-py", NULL},
    {"cifar-10", "cifar-10-batches-py.tar.gz", NULL},
    {"cifar-100", "cifar-100-python-target/cifar-100-python", NULL},
    {"cifar-100", "cifar-100-python", NULL},
    {"cifar-100", "cifar-100-python.tar.gz", NULL},
    {NULL, NULL, NULL}};
static const struct foreign_place mxnet_foreign[] = {
    {"cifar-10", "cifar10", NULL}, {"cifar-100", "cifar100", NULL}, {NULL, NULL, NULL}};

/* ---- the list ------------------------------------------------------------------------------ */

struct search {
    struct found_list *list;
    struct err *e;
    int code; /* -ENOMEM, once it was */
};

static bool is_known_place(const struct search *s, const char *name, const char *path)
{
    for (size_t i = 0; i < s->list->count; i++)
        if (!strcmp(s->list->items[i].path, path) && !strcmp(s->list->items[i].name, name))
            return true;
    return false;
}

static void no_memory(struct search *s)
{
    s->code = err_set(s->e, -ENOMEM, "out of memory");
}

/* Takes path and line, which may be NULL for want of memory. */
static void add(struct search *s, const char *framework, const char *name, enum found_kind kind,
                char *path, char *line)
{
    struct found_list *l = s->list;
    if (path && line && l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 16;
        struct found *items = realloc(l->items, room * sizeof *items);
        if (items) {
            l->items = items;
            l->room = room;
        }
    }
    if (!path || !line || l->count == l->room) {
        no_memory(s);
        free(path);
        free(line);
        return;
    }
    struct found *f = &l->items[l->count++];
    *f = (struct found){.framework = framework, .kind = kind, .path = path, .line = line};
    snprintf(f->name, sizeof f->name, "%s", name);
}

/* Absolute and without links; NULL where it is not there. The caller's to free. */
static char *resolve(struct search *s, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && errno == ENOMEM)
        no_memory(s);
    return real;
}

static char *place_in(struct search *s, const char *root, const char *path)
{
    char joined[PATH_MAX];
    int n = snprintf(joined, sizeof joined, "%s/%s", root, path);
    return n < (int)sizeof joined ? resolve(s, joined) : NULL;
}

/* As glob(3), below a folder. Returns how many; *found is to be freed where there is one. */
static size_t glob_in(struct search *s, const char *root, const char *pattern, glob_t *found)
{
    char *whole;
    if (asprintf(&whole, "%s/%s", root, pattern) < 0) {
        no_memory(s);
        return 0;
    }
    int rc = glob(whole, 0, NULL, found);
    free(whole);
    if (rc == GLOB_NOSPACE)
        no_memory(s);
    return rc ? 0 : found->gl_pathc;
}

/* ---- IDX ----------------------------------------------------------------------------------- */

static bool has_any(const char *folder, const struct known_dataset *k)
{
    static const char *const endings[] = {"", ".gz"};
    for (int split = 0; split < KNOWN_SPLITS; split++)
        for (int i = 0; i < 2; i++) {
            char path[PATH_MAX];
            snprintf(path, sizeof path, "%s/%s%s", folder, k->splits[split].images, endings[i]);
            if (access(path, F_OK) == 0)
                return true;
        }
    return false;
}

static void look_idx(struct search *s, const char *framework, const char *folder,
                     const struct known_dataset *k)
{
    struct dataset_source source = {
        .name = k->name, .path = folder, .transpose = -1, .multi_label = -1};
    struct err wrong;
    if (!has_any(folder, k) || is_known_place(s, k->name, folder))
        return;
    int rc = dataset_look(&source, &wrong);
    bool fine = rc == 0;
    if (rc == -ENOMEM)
        no_memory(s);
    add(s, framework, k->name, fine ? FOUND_IDX : FOUND_BROKEN, strdup(folder),
        fine ? found_entry(k->name, folder) : strdup(wrong.text));
}

static void find_idx(struct search *s, const char *framework, const char *root,
                     const struct idx_place *places)
{
    for (; places->folder; places++) {
        char *folder = place_in(s, root, places->folder);
        const struct known_dataset *k;
        bool several = !strcmp(places->name, "emnist");
        for (size_t i = 0; folder && (k = known_at(i)) != NULL; i++)
            if (several ? !strncmp(k->name, "emnist-", 7) : !strcmp(k->name, places->name))
                look_idx(s, framework, folder, k);
        free(folder);
    }
}

/* ---- what import reads --------------------------------------------------------------------- */

static void find_foreign(struct search *s, const char *framework, const char *root,
                         const struct foreign_place *places)
{
    const char *last = "";
    for (; places->name; places++) {
        if (!strcmp(places->name, last))
            continue;
        char *path = place_in(s, root, places->path);
        char *other = places->other ? place_in(s, root, places->other) : NULL;
        if (path && (!places->other || other)) {
            last = places->name;
            if (!is_known_place(s, last, path))
                add(s, framework, last, FOUND_FOREIGN, strdup(path),
                    found_import(last, path, other));
        }
        free(path);
        free(other);
    }
}

/* pathmnist.npz, pathmnist_128.npz and so on. */
static void find_medmnist(struct search *s, const char *root)
{
    glob_t found;
    if (!glob_in(s, root, "*mnist*.npz", &found))
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(strlen(base) - strlen(".npz")), base);
        if (fnmatch("*3d*", name, 0) == 0)
            continue; /* images of three dimensions */
        char *path = resolve(s, found.gl_pathv[i]);
        if (path && !is_known_place(s, name, path))
            add(s, "MedMNIST", name, FOUND_FOREIGN, strdup(path), found_import(name, path, NULL));
        free(path);
    }
    globfree(&found);
}

/* ---- what was imported --------------------------------------------------------------------- */

/* By fmnist.import_dataset, which keeps them where daemon="auto" looks. */
static void find_imported(struct search *s, const char *root)
{
    glob_t found;
    if (!glob_in(s, root, "*/dataset.yaml", &found))
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        *strrchr(found.gl_pathv[i], '/') = 0;
        char *path = resolve(s, found.gl_pathv[i]);
        const char *name = path ? strrchr(path, '/') + 1 : "";
        if (path && !is_known_place(s, name, path))
            add(s, "fmnist.import_dataset", name, FOUND_IDX, strdup(path), found_entry(NULL, path));
        free(path);
    }
    globfree(&found);
}

/* ---- what Python reads --------------------------------------------------------------------- */

struct python_place {
    const char *name, *pattern, *said; /* as its framework calls it */
};

static const struct python_place tfds_places[] = {
    {"fashion-mnist", "fashion_mnist/*", "fashion_mnist"},
    {"mnist", "mnist/*", "mnist"},
    {"kmnist", "kmnist/*", "kmnist"},
    {"cifar-10", "cifar10/*", "cifar10"},
    {"cifar-100", "cifar100/*", "cifar100"},
    {"svhn", "svhn_cropped/*", "svhn_cropped"},
    {"stl-10", "stl10/*", "stl10"},
    {NULL, NULL, NULL}};
static const struct python_place hugging_face_places[] = {
    {"fashion-mnist", "datasets--zalando-datasets--fashion_mnist",
     "zalando-datasets/fashion_mnist"},
    {"mnist", "datasets--ylecun--mnist", "ylecun/mnist"},
    {"cifar-10", "datasets--uoft-cs--cifar10", "uoft-cs/cifar10"},
    {"cifar-100", "datasets--uoft-cs--cifar100", "uoft-cs/cifar100"},
    {"svhn", "datasets--ufldl-stanford--svhn", "ufldl-stanford/svhn"},
    {NULL, NULL, NULL}};

static void find_python(struct search *s, const char *framework, const char *root,
                        const struct python_place *places,
                        char *(*line)(const char *, const char *))
{
    for (; places->name; places++) {
        glob_t found;
        if (!glob_in(s, root, places->pattern, &found))
            continue;
        char *path = resolve(s, found.gl_pathv[found.gl_pathc - 1]); /* the latest version */
        if (path && !is_known_place(s, places->name, path))
            add(s, framework, places->name, FOUND_PYTHON, strdup(path),
                line(places->name, places->said));
        free(path);
        globfree(&found);
    }
}

/* ---- the places ---------------------------------------------------------------------------- */

/* "$VARIABLE/below", or, where that is not set, "~/otherwise". Returns false where neither is. */
static bool place_of(char out[PATH_MAX], const char *variable, const char *below,
                     const char *otherwise)
{
    const char *value = getenv(variable), *home = getenv("HOME");
    if (value && *value)
        return snprintf(out, PATH_MAX, "%s/%s", value, below) < PATH_MAX;
    return otherwise && home && *home &&
           snprintf(out, PATH_MAX, "%s/%s", home, otherwise) < PATH_MAX;
}

static void look_in_root(struct search *s, const char *framework, const char *root)
{
    find_idx(s, framework, root, torchvision_idx);
    find_foreign(s, framework, root, torchvision_foreign);
}

/* torchvision has no folder of its own: these are the ones that its users write. */
static void look_in_roots(struct search *s)
{
    char root[PATH_MAX];
    if (place_of(root, "FMNIST_DATA", ".", NULL))
        look_in_root(s, "$FMNIST_DATA", root);
    look_in_root(s, "torchvision", "./data");
    look_in_root(s, "torchvision, d2l", "../data");
    look_in_root(s, "torchvision", ".");
    if (place_of(root, "", "", "data"))
        look_in_root(s, "torchvision", root);
    if (place_of(root, "", "", ".pytorch"))
        look_in_root(s, "torchvision", root);
}

int found_look(struct found_list *list, struct err *e)
{
    struct search s = {.list = list, .e = e};
    char root[PATH_MAX];
    *list = (struct found_list){0};
    if (place_of(root, "XDG_DATA_HOME", "fmnistd/datasets", ".local/share/fmnistd/datasets")) {
        find_imported(&s, root);
        find_idx(&s, "scripts/fetch-datasets", root, fetched_idx);
    }
    look_in_roots(&s);
    if (place_of(root, "KERAS_HOME", "datasets", ".keras/datasets")) {
        find_idx(&s, "Keras", root, keras_idx);
        find_foreign(&s, "Keras", root, keras_foreign);
    }
    if (place_of(root, "MXNET_HOME", "datasets", ".mxnet/datasets")) {
        find_idx(&s, "MXNet, d2l", root, mxnet_idx);
        find_foreign(&s, "MXNet, d2l", root, mxnet_foreign);
    }
    if (place_of(root, "", "", ".medmnist"))
        find_medmnist(&s, root);
    find_idx(&s, "Debian", "/usr/share/datasets", debian_idx);
    if (place_of(root, "TFDS_DATA_DIR", ".", "tensorflow_datasets"))
        find_python(&s, "tensorflow_datasets", root, tfds_places, found_tfds);
    if (place_of(root, "HF_HUB_CACHE", ".", NULL) ||
        place_of(root, "HF_HOME", "hub", ".cache/huggingface/hub"))
        find_python(&s, "Hugging Face", root, hugging_face_places, found_hugging_face);
    if (s.code)
        found_close(list);
    return s.code;
}

void found_close(struct found_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        free(list->items[i].line);
    }
    free(list->items);
    *list = (struct found_list){0};
}
