/* SPDX-License-Identifier: MIT */
/* The table, recognition, and one import from the first member to the rename. */
#include "import/reader.h"

#include "dataset/kind.h"
#include "dataset/known_classes.h"
#include "import/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What is known by its first bytes comes before what is known by its name alone; pixels as text,
 * which much looks like, behind other text. */
const struct import_reader *const import_readers[] = {
    &import_reader_idx,      &import_reader_npy,
    &import_reader_pickle,   &import_reader_mat,
    &import_reader_stl,      &import_reader_cifar,
    &import_reader_usps,     &import_reader_csv,
    &import_reader_pictures, NULL,
};

/* ---- which reader -------------------------------------------------------------------------- */

/* What a file is that nobody reads. */
static const char *kind_of_head(const struct import_head *head)
{
    uint8_t first[KIND_BYTES] = {0};
    if (!head->count)
        return "an empty file";
    if (head->count > 262 && !memcmp(head->bytes + 257, "ustar", 5))
        return "an archive in a folder: name it itself";
    memcpy(first, head->bytes, head->count < KIND_BYTES ? head->count : KIND_BYTES);
    return kind_of(first);
}

static int refuse_unknown(int members, const char *where, const char *kind, struct err *e)
{
    char formats[256] = "";
    for (const struct import_reader *const *r = import_readers; *r; r++)
        snprintf(formats + strlen(formats), sizeof formats - strlen(formats), "%s%s",
                 r == import_readers ? "" : ", ", (*r)->word);
    if (!members) {
        struct stat st;
        bool file =
            stat(where, &st) == 0 && S_ISREG(st.st_mode); /* packed zeros read as an empty tar */
        return err_set(e, -EINVAL, "%s: no file is in it%s; want images in one of: %s", where,
                       file ? ": an empty archive, or zeros alone" : "", formats);
    }
    return err_set(e, -EINVAL, "%s: %s%s; want one of: %s", where,
                   kind ? kind : "no format that is known here",
                   members > 1 ? " (and so are the files behind it)" : "", formats);
}

static int look_at(struct import_input *in, const struct import_member *m, struct import_head *head,
                   struct err *e)
{
    const uint8_t *bytes;
    ssize_t n = import_input_peek(in, &bytes, e);
    if (n < 0)
        return (int)n;
    *head = (struct import_head){
        .member = *m, .bytes = bytes, .count = (size_t)n, .whole = n < IMPORT_PEEK_BYTES};
    return 0;
}

static const struct import_reader *find_reader(const struct import_head *head,
                                               const struct import_options *o)
{
    for (const struct import_reader *const *r = import_readers; *r; r++)
        if ((*r)->recognise(head, o))
            return *r;
    return NULL;
}

/* A table of numbers lies beside pictures, too, and is not what is meant then. */
static bool is_sure(const struct import_reader *reader)
{
    return reader && reader != &import_reader_csv;
}

int import_recognise(struct import_input *in, const struct import_options *o,
                     const struct import_reader **reader, struct err *e)
{
    struct import_member m;
    struct import_head head;
    char where[512] = "";
    const char *kind = NULL;
    int members = 0, rc;
    *reader = NULL;
    while (!is_sure(*reader) && (rc = import_input_next(in, &m, e)) == 1) {
        rc = look_at(in, &m, &head, e);
        if (rc < 0)
            break;
        const struct import_reader *found = find_reader(&head, o);
        *reader = found ? found : *reader;
        if (!members++) {
            snprintf(where, sizeof where, "%s", import_input_where(in));
            kind = kind_of_head(&head);
        }
    }
    if (rc < 0)
        return import_input_where(in)[0] ? err_prefix(e, rc, "%s", import_input_where(in)) : rc;
    import_input_rewind(in);
    return *reader
               ? 0
               : refuse_unknown(members, members ? where : import_input_first_path(in), kind, e);
}

/* ---- what the reader passed over ------------------------------------------------------------ */

/* Whether the source begins with something that stands in a file's place, as an HTML page. */
static int stands_for(struct import_input *alone, bool *does, struct err *e)
{
    struct import_member m;
    struct import_head head = {.count = 0};
    int rc = import_input_next(alone, &m, e);
    *does = rc == 0;
    if (rc == 1)
        rc = look_at(alone, &m, &head, e);
    if (rc == 0 && !*does)
        *does = kind_of_head(&head) != NULL;
    return rc;
}

static int look_at_untouched(const char *path, const struct import_options *o,
                             const struct import_reader *reader, struct err *e)
{
    const struct import_watch nobody = {.step = NULL};
    const struct import_reader *other;
    struct import_input *alone;
    struct err ignored;
    bool does = true;
    int rc = import_input_open(&alone, &path, 1, nobody, e);
    if (rc)
        return rc;
    rc = import_recognise(alone, o, &other, e);
    if (!rc && other && other != reader)
        rc = err_set(e, -EINVAL,
                     "%s is for the reader %s, and the other sources are for %s: leave it out, or "
                     "import it alone",
                     path, other->word, reader->word);
    if (rc != -EINVAL || other)
        goto done;
    import_input_rewind(alone);
    if (!stands_for(alone, &does, &ignored) && !does) {
        import_note(o, false, "%s is left out: no format that is known here", path);
        rc = 0;
    }
done:
    import_input_close(alone);
    return rc;
}

/* Whoever names a source means all of it: a split that is missing would be missed late. */
static int check_untouched(const struct import_input *in, const struct import_options *o,
                           const struct import_reader *reader, struct err *e)
{
    size_t at = 0;
    const char *path;
    int rc = 0;
    while (!rc && (path = import_input_untouched(in, &at)))
        rc = look_at_untouched(path, o, reader, e);
    return rc;
}

/* ---- an import ----------------------------------------------------------------------------- */

/* What cannot be honoured is refused by its name. */
static int check_options(const struct import_reader *reader, const struct import_options *o,
                         struct err *e)
{
    const struct {
        const char *name;
        bool is_there;
    } all[] = {
        {"--set", o->set},
        {"--size", o->height},
        {"--resize", o->resize},
        {"--grayscale", o->channels == 1},
        {"--rgb", o->channels == 3},
        {"--images", o->images},
        {"--label-column", o->label_column},
        {"--labels-kind", o->labels_kind},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].is_there && (!reader->takes || !strstr(reader->takes, all[i].name)))
            return err_set(e, -EINVAL, "%s is not for what is here: %s", all[i].name, reader->text);
    return 0;
}

static int read_all(struct import_input *in, struct import_set *set, const struct import_options *o,
                    const struct import_reader *reader, struct err *e)
{
    int rc = reader->read(in, set, o, e);
    const char *where = import_input_where(in);
    return rc && where[0] ? err_prefix(e, rc, "%s", where) : rc;
}

/* Where it is from, the licence that came along, and the sum by which a publisher's file is known.
 */
static int add_texts(struct import_input *in, struct import_set *set, struct err *e)
{
    uint8_t digest[32];
    char origin[256];
    const char *path = import_input_only_path(in), *licence = import_input_licence(in);
    import_last_part(import_input_first_path(in), origin, sizeof origin);
    int rc = import_set_origin(set, origin, e);
    if (!rc && licence)
        rc = import_set_licence(set, licence, strlen(licence), e);
    if (rc || !path)
        return rc;
    rc = digest_file(path, digest, e);
    if (!rc)
        import_set_sha256(set, digest);
    return rc < 0 ? err_prefix(e, rc, "%s", path) : 0;
}

/* Class names of a set that is known by its name, where the source had none and they fit. */
static int add_known_classes(struct import_set *set, struct err *e)
{
    const struct known_classes *known = known_classes_find(import_set_name(set));
    int rc = 0;
    if (!known || import_set_has_classes(set))
        return 0;
    for (int i = 0; i < import_set_split_count(set); i++) {
        struct import_split_facts facts = import_set_facts(set, i);
        if (facts.columns > 1 ? facts.columns != known->count
                              : (uint32_t)facts.label_max >= known->count)
            return 0;
    }
    for (uint32_t i = 0; !rc && i < known->count; i++)
        rc = import_set_class(set, i, known->names[i], e);
    return rc;
}

int import_run(struct import_input *in, struct import_set *set, const struct import_options *wanted,
               const struct import_reader **reader, struct err *e)
{
    struct import_options with = *wanted, *o = &with;
    int rc = import_recognise(in, o, reader, e);
    if (!rc)
        rc = check_options(*reader, o, e);
    if (!rc && (*reader)->is_described)
        rc = described_read(&with.described, in, set, o, e);
    if (!rc && !(*reader)->names)
        rc = import_call_by_source(set, in, e);
    if (!rc)
        rc = read_all(in, set, o, *reader, e);
    if (!rc)
        rc = check_untouched(in, o, *reader, e);
    if (!rc && !import_set_name(set))
        rc = import_call_by_source(set, in, e);
    if (!rc)
        rc = add_known_classes(set, e);
    if (!rc)
        rc = add_texts(in, set, e);
    if (!rc && o->described)
        rc = described_tell(o->described, set, e);
    described_free(with.described);
    return rc ? rc : import_set_commit(set, e);
}
