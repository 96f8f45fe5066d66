/* SPDX-License-Identifier: MIT */
/* tests of config/config: what a config may say, and what is said about one that is wrong. */
#include "config/config.h"
#include "config/schema.h"

#include "dataset/known.h"
#include "support/support.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATASETS "datasets:\n  - {name: mnist, path: /d}\n"
#define ENTRY    "datasets:\n  - name: mine\n    path: /d\n"
#define TRAIN    "    splits: {train: {images: a, labels: b}}\n"
#define S        "{images: a, labels: b}"
#define CUT(of)  "    splits:\n      train: " S "\n      dev: " of "\n"
#define A10      "aaaaaaaaaa"
#define A50      A10 A10 A10 A10 A10
#define A64      A50 A10 "aaaa"

static struct err e;

/* What libc keeps of the groups' database from its first use on is no leak of a test. */
static void setup(void)
{
    getgrnam("no such"); /* asks them all */
    support_setup();
}

/* Writes the text and loads it; returns config_load's result. */
static int load_bytes(struct config *c, const void *text, size_t size)
{
    const char *path = support_path("c.yaml");
    support_write(path, text, size);
    e.text[0] = '\0';
    return config_load(c, path, &e);
}

static int load_text(struct config *c, const char *text)
{
    return load_bytes(c, text, strlen(text));
}

/* Exactly one line, that begins with the file and `line` and has `part` in it. */
static void check_text(unsigned line, const char *part)
{
    char head[600];
    snprintf(head, sizeof head, "%s:%u: ", support_path("c.yaml"), line);
    ck_assert_msg(!strncmp(e.text, head, strlen(head)), "line %u expected: %s", line, e.text);
    ck_assert_msg(strstr(e.text, part), "\"%s\" expected: %s", part, e.text);
    ck_assert_msg(strstr(e.text, "allowed") || strstr(e.text, "not YAML"), "no way out: %s",
                  e.text);
    ck_assert_msg(!strchr(e.text, '\n'), "more than a line: %s", e.text);
}

static void check_empty(const struct config *c)
{
    static const struct config zero;
    ck_assert_mem_eq(c, &zero, sizeof zero);
}

/* ---- one wrong thing each */

struct fault {
    const char *text;
    unsigned line;
    const char *part;
};

static const struct fault faults[] = {
    /* the file as a whole */
    {"", 1, "the file is empty"},
    {"# only a comment\n\n", 1, "the file is empty"},
    {"---\n", 1, "the file is empty"},
    {"- a\n- b\n", 1, "the file is a list"},
    {"\nfive\n", 2, "the file is \"five\""},
    {"socket: /s\n", 1, "datasets is missing"},
    {DATASETS "---\nworkers: 1\n", 3, "a second document"},
    {DATASETS "\tworkers: 1\n", 3, "a tab"},
    {DATASETS "workers: 1\n  ring: auto\n", 4, "not YAML"},
    {DATASETS "workers: [1\nring: 5\n", 4, "not YAML"},
    {DATASETS "workers: \"1\n", 4, "not YAML"},
    {DATASETS "cache: /\xff\n", 3, "byte 0xff: invalid leading UTF-8 octet"},
    {DATASETS "cache: /\x01\n", 3, "byte 0x01: control characters"},
    {"\x7f"
     "ELF\x02\x01",
     1, "byte 0x7f"},
    {"\xff\xfeworkers: 1\n", 1, "byte 0xff"},
    {"workers: &x 1\n" DATASETS, 1, "an anchor, alias or tag"},
    {DATASETS "workers: *x\n", 3, "an anchor, alias or tag"},
    {DATASETS "workers: !!int 1\n", 3, "an anchor, alias or tag"},
    {DATASETS "limits: &x {clients: 1}\n", 3, "an anchor, alias or tag"},
    {DATASETS "limits: !m [clients]\n", 3, "an anchor, alias or tag"},
    {"a: [[[[[[[[[[[[1]]]]]]]]]]]]\n", 1, "nested too deep"},
    {DATASETS "? [a, b]\n: 1\n", 3, "a list or mapping as a key"},
    {DATASETS "cache: \"/a\\0b\"\n", 3, "a NUL character"},
    {DATASETS "\"wor\\0kers\": 1\n", 3, "a NUL character"},

    /* keys */
    {"# one\nworker: 1\n" DATASETS, 2,
     "unknown key \"worker\" (is it \"workers\"?); allowed: socket, "},
    {DATASETS "socket-mode: \"0600\"\n", 3, "(is it \"socket_mode\"?)"},
    {DATASETS "colour: red\n", 3,
     "unknown key \"colour\"; allowed: socket, socket_mode, socket_group, cache, workers, ring, "
     "sample_store, io_uring, log_level, ledger, limits, datasets"},
    {DATASETS A64 A64 A64 A64 ": 1\n", 3, "...\"; allowed: "},
    {DATASETS "Workers: 1\n", 3, "(is it \"workers\"?)"},
    {DATASETS "limits:\n  client: 1\n", 4, "limits: unknown key \"client\" (is it \"clients\"?)"},
    {ENTRY "    file: x\n", 4, "datasets[]: unknown key \"file\""},
    {ENTRY "    splits:\n      training: {}\n", 5, "datasets[].splits.training.images is missing"},
    {ENTRY "    splits:\n      a/b: {images: a, labels: b}\n", 5,
     "datasets[].splits: a split is called \"a/b\"; allowed: a name as a dataset's"},
    {ENTRY "    splits:\n      \"a[1:]\": {images: a, labels: b}\n", 5,
     "called \"a[1:]\"; allowed"},
    {ENTRY "    splits:\n      a+b: {images: a, labels: b}\n", 5, "a split is called \"a+b\""},
    {ENTRY "    splits:\n      \"a\\nb\": {images: a, labels: b}\n", 5, "called \"a\\x0ab\""},
    {ENTRY "    splits:\n      " A64 ": {images: a, labels: b}\n", 5, "a split is called \"aaa"},
    {ENTRY "    splits:\n      dev: {images: a, labels: b}\n      dev: {images: a, labels: b}\n", 6,
     "datasets[].splits.dev is here a second time (first on line 5)"},
    {ENTRY "    splits:\n      dev: {images: a, labels: /b}\n", 5,
     "datasets[].splits.dev.labels is \"/b\"; allowed: a file name"},
    {ENTRY "    splits: {s1: " S ", s2: " S ", s3: " S ", s4: " S ", s5: " S ", s6: " S ", s7: " S
           ", s8: " S ", train: " S ", s9: " S ", s10: " S ", s11: " S ", s12: " S ", s13: " S
           ",\n     s14: " S ",\n     s15: " S "}\n",
     6,
     "datasets[].splits has too many splits; allowed: a mapping of names to splits: train, test"},
    {ENTRY CUT("{from: nowhere, first: 1}"), 6,
     "splits.dev.from is \"nowhere\"; allowed: the name of another split"},
    {ENTRY CUT("{from: dev, first: 1}"), 6, "splits.dev.from is \"dev\"; allowed"},
    {ENTRY CUT("{from: b}\n      b: {from: dev}"), 6, "splits.dev.from is "},
    {ENTRY CUT("{first: 1}"), 6, "splits.dev: first without from; allowed: images and labels, or"},
    {ENTRY CUT("{from: train, first: 0}"), 6, "splits.dev.first is \"0\"; allowed: a number of"},
    {ENTRY CUT("{from: train, first: -3}"), 6, "splits.dev.first is \"-3\""},
    {ENTRY CUT("{from: train, first: 10%}"), 6, "splits.dev.first is \"10%\""},
    {ENTRY CUT("{from: train, first: 1, last: 1}"), 6,
     "splits.dev: two ways of saying which images"},
    {ENTRY CUT("{from: train, images: a}"), 6, "splits.dev: two ways of saying which images"},
    {ENTRY CUT("{from: train, fraction: 0.1}"), 6,
     "splits.dev.fraction is \"0.1\"; allowed: more "
     "than 0 and less than 1, as 0.1, with a seed"},
    {ENTRY CUT("{from: train, fraction: 1.5, seed: 1}"), 6, "splits.dev.fraction is \"1.5\""},
    {ENTRY CUT("{from: train, fraction: 0.0, seed: 1}"), 6, "splits.dev.fraction is \"0.0\""},
    {ENTRY CUT("{from: train, fraction: .1, seed: 1}"), 6, "splits.dev.fraction is \".1\""},
    {ENTRY CUT("{from: train, fraction: 1e-1, seed: 1}"), 6, "splits.dev.fraction is \"1e-1\""},
    {ENTRY CUT("{from: train, fraction: 0.1, seed: 4294967296}"), 6, "splits.dev.seed is \"4294"},
    {ENTRY CUT("{from: train, seed: 1}"), 6, "splits.dev: seed without fraction"},
    {ENTRY CUT("{from: train, stratified: true}"), 6, "splits.dev: stratified without fraction"},
    {ENTRY CUT("{from: train, classes: [1, 1]}"), 6, "class 1 is here a second time"},
    {ENTRY CUT("{from: train, classes: [2147483648]}"), 6,
     "splits.dev.classes[] is \"2147483648\""},
    {ENTRY CUT("{from: train, renumber: true}"), 6, "splits.dev: renumber without classes"},
    {ENTRY CUT("{from: train, select: slice}"), 6, "splits.dev: select, character 6: want '('"},
    {ENTRY CUT("{from: train, without: train}"), 6,
     "splits.dev.without is \"train\"; allowed: the"},
    {ENTRY CUT("{from: train, without: b}\n      b: {from: train, select: slice(:50%)}"), 6,
     "splits.dev.without is \"b\""},
    {ENTRY CUT("{from: train, without: b}\n      b: {from: train, without: dev}"), 6,
     "splits.dev.without is \"b\""},
    {ENTRY "    splits:\n      train:\n        image: x\n", 6,
     "datasets[].splits.train: unknown key \"image\" (is it \"images\"?)"},
    {"workers: 1\n" DATASETS "workers: 2\n", 4, "workers is here a second time (first on line 1)"},
    {DATASETS "limits:\n  clients: 1\n  handshake_ms: 500\n  clients: 1\n", 6,
     "limits.clients is here a second time (first on line 4)"},
    {ENTRY "    name: other\n", 4, "datasets[].name is here a second time (first on line 2)"},
    {DATASETS DATASETS, 3, "datasets is here a second time (first on line 1)"},

    /* socket, socket_mode, cache */
    {DATASETS "socket:\n", 3, "socket is nothing; allowed: the path"},
    {DATASETS "socket: ~\n", 3, "socket is nothing"},
    {DATASETS "socket: null\n", 3, "socket is nothing"},
    {DATASETS "socket: ''\n", 3, "socket is \"\""},
    {DATASETS "socket: [/s]\n", 3, "socket is a list"},
    {DATASETS "socket: {a: b}\n", 3, "socket is a mapping"},
    {DATASETS "socket: ~/s\n", 3, "'~' is not expanded"},
    {DATASETS "socket: /run/\n", 3, "socket is \"/run/\""},
    {DATASETS "socket: /" A50 A50 "aaa\n", 3, "socket is 104 bytes long"},
    {DATASETS "socket_mode: 0777\n", 3, "socket_mode is \"0777\"; allowed: \"0600\""},
    {DATASETS "socket_mode: 384\n", 3, "socket_mode is \"384\""},
    {DATASETS "socket_mode: [0600]\n", 3, "socket_mode is a list"},
    {DATASETS "socket_group:\n", 3, "socket_group is nothing; allowed: a group's name or number"},
    {DATASETS "socket_group: ''\n", 3, "socket_group is \"\""},
    {DATASETS "socket_group: no such\n", 3, "knows no group of that name (getent group); allowed"},
    {DATASETS "socket_group: -1\n", 3, "knows no group of that name"},
    {DATASETS "socket_group: 4294967295\n", 3, "knows no group of that name"},
    {DATASETS "socket_group: 18446744073709551616\n", 3, "knows no group of that name"},
    {DATASETS "socket_group: root\nsocket_mode: 0600\n", 4, "lets no group in"},
    {DATASETS "cache: {a: b}\n", 3, "cache is a mapping; allowed: a folder, or none"},
    {DATASETS "cache: ''\n", 3, "cache is \"\""},
    {DATASETS "cache: ~user/x\n", 3, "'~' is not expanded"},

    /* numbers, sizes and words */
    {DATASETS "workers: 0\n", 3, "workers is \"0\"; allowed: auto, or 1 .. 256"},
    {DATASETS "workers: 257\n", 3, "workers is \"257\""},
    {DATASETS "workers: -1\n", 3, "workers is \"-1\""},
    {DATASETS "workers: 2.5\n", 3, "workers is \"2.5\""},
    {DATASETS "workers: 010\n", 3, "workers is \"010\""},
    {DATASETS "workers: 99999999999999999999\n", 3, "workers is \"99999"},
    {DATASETS "workers: many\n", 3, "workers is \"many\""},
    {DATASETS "workers: [1]\n", 3, "workers is a list"},
    {DATASETS "ring: 63KiB\n", 3, "ring is \"63KiB\"; allowed: auto, or 64KiB .. 1GiB"},
    {DATASETS "ring: 1025MiB\n", 3, "ring is \"1025MiB\""},
    {DATASETS "ring: 2MB\n", 3, "as bytes or with KiB, MiB, GiB or TiB"},
    {DATASETS "ring: {a: 1}\n", 3, "ring is a mapping"},
    {DATASETS "ring: 2MiB\nlimits: {ring_bytes: 1MiB}\n", 3,
     "ring is 2MiB; allowed: at most limits.ring_bytes, which is 1MiB"},
    {DATASETS "sample_store: lots\n", 3, "sample_store is \"lots\"; allowed: 0 .. 1TiB"},
    {DATASETS "sample_store: -1\n", 3, "sample_store is \"-1\""},
    {DATASETS "sample_store: 1025GiB\n", 3, "sample_store is \"1025GiB\""},
    {DATASETS "sample_store: 18446744073709551616\n", 3, "sample_store is \"18446744"},
    {DATASETS "sample_store: 9999999999999999999GiB\n", 3, "sample_store is \"9999999"},
    {DATASETS "sample_store: [1]\n", 3, "sample_store is a list"},
    {DATASETS "io_uring: on\n", 3, "io_uring is \"on\"; allowed: auto or off"},
    {DATASETS "io_uring: [auto]\n", 3, "io_uring is a list"},
    {DATASETS "io_uring: 1\n", 3, "io_uring is \"1\""},
    {DATASETS "log_level: loud\n", 3,
     "log_level is \"loud\"; allowed: error, warning, info or debug"},
    {DATASETS "log_level: 2\n", 3, "log_level is \"2\""},
    {DATASETS "log_level: {a: b}\n", 3, "log_level is a mapping"},
    {DATASETS "ledger: /l\n", 3, "ledger is \"/l\"; allowed: a mapping with a path"},
    {DATASETS "ledger: {files: 3}\n", 3, "ledger.path is missing"},
    {DATASETS "ledger: {path: /l/}\n", 3, "ledger.path is \"/l/\"; allowed: a file"},
    {DATASETS "ledger: {path: ~/l}\n", 3, "'~' is not expanded"},
    {DATASETS "ledger: {path: /l, max_bytes: 64KB}\n", 3, "ledger.max_bytes is \"64KB\""},
    {DATASETS "ledger: {path: /l, max_bytes: 63KiB}\n", 3, "allowed: 64KiB .. 1TiB"},
    {DATASETS "ledger: {path: /l, files: 1}\n", 3, "ledger.files is \"1\"; allowed: 2 .. 64"},
    {DATASETS "ledger: {path: /l, file: 1}\n", 3, "ledger: unknown key \"file\""},

    /* limits */
    {DATASETS "limits: 5\n", 3, "limits is \"5\"; allowed: a mapping"},
    {DATASETS "limits:\n", 3, "limits is nothing"},
    {DATASETS "limits: []\n", 3, "limits is a list"},
    {DATASETS "limits:\n  clients: 0\n", 4, "limits.clients is \"0\"; allowed: 1 .. 65536"},
    {DATASETS "limits:\n  clients: 65537\n", 4, "limits.clients is \"65537\""},
    {DATASETS "limits:\n  clients: 0x10\n", 4, "limits.clients is \"0x10\""},
    {DATASETS "limits:\n  clients: 010\n", 4, "limits.clients is \"010\""},
    {DATASETS "limits:\n  clients: -5\n", 4, "limits.clients is \"-5\""},
    {DATASETS "limits:\n  clients: [1]\n", 4, "limits.clients is a list"},
    {DATASETS "limits:\n  clients: 99999999999999999999\n", 4, "limits.clients is \"9999"},
    {DATASETS "limits:\n  clients: 9999999999999999999\n", 4, "limits.clients is \"9999"},
    {DATASETS "limits:\n  clients_per_user: 0\n", 4, "limits.clients_per_user is \"0\""},
    {DATASETS "limits:\n  clients_per_user: two\n", 4, "limits.clients_per_user is \"two\""},
    {DATASETS "limits:\n  clients: 4\n  clients_per_user: 5\n", 5,
     "limits.clients_per_user is 5; allowed: 1 .. limits.clients, which is 4"},
    {DATASETS "limits:\n  ring_bytes: 1KiB\n", 4, "limits.ring_bytes is \"1KiB\""},
    {DATASETS "limits:\n  ring_bytes: big\n", 4, "limits.ring_bytes is \"big\""},
    {DATASETS "limits:\n  ring_bytes: [1]\n", 4, "limits.ring_bytes is a list"},
    {DATASETS "limits:\n  ring_bytes_per_user: 2TiB\n", 4,
     "limits.ring_bytes_per_user is \"2TiB\""},
    {DATASETS "limits:\n  ring_bytes_per_user: {}\n", 4, "limits.ring_bytes_per_user is a mapping"},
    {DATASETS "limits:\n  ring_bytes: 2GiB\n  ring_bytes_per_user: 1GiB\n", 5,
     "limits.ring_bytes_per_user is 1GiB; allowed: at least limits.ring_bytes, which is 2GiB"},
    {DATASETS "limits:\n  list_bytes: 2TiB\n", 4, "limits.list_bytes is \"2TiB\"; allowed: 0 .."},
    {DATASETS "limits:\n  image_us: 99\n", 4, "limits.image_us is \"99\"; allowed: 100 .."},
    {DATASETS "limits:\n  handshake_ms: 99\n", 4, "limits.handshake_ms is \"99\"; allowed: 100 .."},
    {DATASETS "limits:\n  handshake_ms: 600001\n", 4, "limits.handshake_ms is \"600001\""},
    {DATASETS "limits:\n  handshake_ms: 5s\n", 4, "limits.handshake_ms is \"5s\""},

    /* datasets */
    {"datasets: 5\n", 1, "datasets is \"5\"; allowed: a list"},
    {"datasets:\n", 1, "datasets is nothing"},
    {"datasets: {name: mnist, path: /d}\n", 1, "datasets is a mapping"},
    {"\ndatasets: []\n", 2, "datasets has 0 entries"},
    {"datasets:\n  - mnist\n", 2, "datasets[] is \"mnist\"; allowed: a mapping with a name"},
    {"datasets:\n  -\n", 2, "datasets[] is nothing"},
    {"datasets:\n  - path: /d\n", 2, "datasets[].name is missing"},
    {"datasets:\n  - {name: mnist, path: /d}\n  - name: kmnist\n", 3, "datasets[].path is missing"},
    {"datasets:\n  - {name: [a], path: /d}\n", 2, "datasets[].name is a list"},
    {"datasets:\n  - {name: , path: /d}\n", 2, "datasets[].name is nothing"},
    {"datasets:\n  - {name: '', path: /d}\n", 2, "datasets[].name is \"\"; allowed: 1 .. 63 bytes"},
    {"datasets:\n  - {name: a/b, path: /d}\n", 2, "datasets[].name is \"a/b\""},
    {"datasets:\n  - {name: .., path: /d}\n", 2, "datasets[].name is \"..\""},
    {"datasets:\n  - {name: \"a\\nb\", path: /d}\n", 2, "datasets[].name is \"a\\x0ab\""},
    {"datasets:\n  - {name: " A64 ", path: /d}\n", 2, "datasets[].name is \"aaa"},
    {DATASETS "  - {name: mnist, path: /e}\n", 3, "\"mnist\" is here a second time"},
    {"datasets:\n  - {name: mnist, path: [/d]}\n", 2, "datasets[].path is a list"},
    {"datasets:\n  - {name: mnist, path: ''}\n", 2, "datasets[].path is \"\"; allowed: a folder"},
    {"datasets:\n  - name: mnist\n    path: ~/d\n", 3, "'~' is not expanded"},
    {DATASETS "  - {name: mine, path: /d}\n", 3,
     "dataset \"mine\" has no splits and is not known by name; allowed without: fashion-mnist, "},
    {ENTRY "    splits: 5\n", 4, "datasets[].splits is \"5\""},
    {ENTRY "    splits: [train]\n", 4, "datasets[].splits is a list"},
    {ENTRY "    splits: {}\n", 4,
     "datasets[].splits is a mapping; allowed: a mapping of names to splits"},
    {ENTRY "    splits:\n      train: a\n", 5, "datasets[].splits.train is \"a\""},
    {ENTRY "    splits:\n      test:\n", 5, "datasets[].splits.test is nothing"},
    {ENTRY "    splits:\n      train: {images: a}\n", 5,
     "datasets[].splits.train.labels is missing"},
    {ENTRY "    splits:\n      test: {labels: a}\n", 5, "datasets[].splits.test.images is missing"},
    {ENTRY "    splits:\n      train:\n        images: [a]\n        labels: b\n", 6,
     "datasets[].splits.train.images is a list"},
    {ENTRY "    splits:\n      train:\n        images: a\n        labels: ''\n", 7,
     "datasets[].splits.train.labels is \"\""},
    {ENTRY "    splits:\n      test:\n        images: /a\n        labels: b\n", 6,
     "datasets[].splits.test.images is \"/a\"; allowed: a file name in the dataset's folder"},
    {ENTRY "    splits:\n      test:\n        images: a\n        labels: b/\n", 7,
     "datasets[].splits.test.labels is \"b/\""},
    {ENTRY TRAIN "    classes: cat\n", 5, "datasets[].classes is \"cat\"; allowed: a list"},
    {ENTRY TRAIN "    classes: {cat: 1}\n", 5, "datasets[].classes is a mapping"},
    {ENTRY TRAIN "    classes: []\n", 5, "datasets[].classes has 0 entries"},
    {ENTRY TRAIN "    classes:\n", 5, "datasets[].classes is nothing"},
    {ENTRY TRAIN "    classes:\n      - cat\n      - [dog]\n", 7, "datasets[].classes[] is a list"},
    {ENTRY TRAIN "    classes:\n      - cat\n      - ''\n", 7, "datasets[].classes[] is \"\""},
    {ENTRY TRAIN "    classes:\n      - " A64 A64 A64 A64 "\n", 6, "datasets[].classes[] is \"aaa"},
    {ENTRY TRAIN "    transpose: maybe\n", 5,
     "datasets[].transpose is \"maybe\"; allowed: true or"},
    {ENTRY TRAIN "    transpose: 1\n", 5, "datasets[].transpose is \"1\""},
    {ENTRY TRAIN "    transpose: [true]\n", 5, "datasets[].transpose is a list"},
};

/* Each wrong thing is refused, with its own line, what was seen and what is allowed, and leaves
 * nothing behind. */
START_TEST(config_load__one_fault__exact_line_and_words)
{
    const struct fault *f = &faults[_i];
    struct config c;
    ck_assert_msg(load_text(&c, f->text) == -EINVAL, "accepted:\n%s", f->text);
    check_text(f->line, f->part);
    check_empty(&c);
}
END_TEST

/* ---- whole files */

/* A key that is read into the wrong field, or not at all. */
START_TEST(config_load__every_key__every_field)
{
    static const char text[] = "%YAML 1.1\n---\n"
                               "socket: /tmp/s\n"
                               "socket_mode: 0660\n"
                               "socket_group: 4294967294\n"
                               "cache: /tmp/c\n"
                               "workers: 256\n"
                               "ring: 64KiB\n"
                               "sample_store: 3 MiB\n"
                               "io_uring: off\n"
                               "log_level: debug\n"
                               "ledger: {path: /tmp/l, max_bytes: 1MiB, files: 64}\n"
                               "limits:\n"
                               "  clients: 7\n"
                               "  clients_per_user: 5\n"
                               "  ring_bytes: 70000\n"
                               "  ring_bytes_per_user: 1TiB\n"
                               "  list_bytes: 12345\n"
                               "  image_us: 60000000\n"
                               "  handshake_ms: 100\n"
                               "datasets:\n"
                               "  - name: mine\n"
                               "    path: /data/mine\n"
                               "    splits:\n"
                               "      train: {images: sub/a, labels: b.gz}\n"
                               "      dev: {images: e, labels: ../f}\n"
                               "      test: {images: c, labels: d}\n"
                               "      \"held out\": {images: g, labels: h}\n"
                               "    classes: [cat, \"dog, big\", 3]\n"
                               "    transpose: true\n"
                               "    multi_label: true\n"
                               "  - {name: kmnist, path: /k, transpose: false}\n";
    struct config c;
    ck_assert_msg(load_text(&c, text) == 0, "%s", e.text);
    ck_assert_str_eq(c.socket, "/tmp/s");
    ck_assert_uint_eq(c.socket_mode, 0660);
    ck_assert_uint_eq(c.socket_gid, 4294967294u);
    ck_assert_str_eq(c.socket_group, "4294967294");
    ck_assert_str_eq(c.cache, "/tmp/c");
    ck_assert_uint_eq(c.workers, 256);
    ck_assert_uint_eq(c.ring_bytes, 65536);
    ck_assert_uint_eq(c.sample_cache_bytes, 3 << 20);
    ck_assert_int_eq(c.io_uring, 0);
    ck_assert_int_eq(c.log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(c.ledger.path, "/tmp/l");
    ck_assert_uint_eq(c.ledger.max_bytes, 1 << 20);
    ck_assert_uint_eq(c.ledger.files, 64);
    ck_assert_uint_eq(c.limits.clients, 7);
    ck_assert_uint_eq(c.limits.clients_per_user, 5);
    ck_assert_uint_eq(c.limits.ring_bytes, 70000);
    ck_assert_uint_eq(c.limits.ring_bytes_per_user, UINT64_C(1) << 40);
    ck_assert_uint_eq(c.limits.list_bytes, 12345);
    ck_assert_uint_eq(c.limits.image_us, 60000000);
    ck_assert_uint_eq(c.limits.handshake_ms, 100);
    ck_assert_uint_eq(c.dataset_count, 2);
    const struct dataset_source *d = c.datasets;
    ck_assert_str_eq(d[0].name, "mine");
    ck_assert_str_eq(d[0].path, "/data/mine");
    ck_assert_str_eq(d[0].splits[DATASET_TRAIN].images, "sub/a");
    ck_assert_str_eq(d[0].splits[DATASET_TRAIN].labels, "b.gz");
    ck_assert_str_eq(d[0].splits[DATASET_TEST].images, "c");
    ck_assert_str_eq(d[0].splits[DATASET_TEST].labels, "d");
    ck_assert_str_eq(d[0].splits[DATASET_OTHERS].name, "dev");
    ck_assert_str_eq(d[0].splits[DATASET_OTHERS].labels, "../f");
    ck_assert_str_eq(d[0].splits[DATASET_OTHERS + 1].name, "held out");
    ck_assert_ptr_null(d[0].splits[DATASET_OTHERS + 2].name);
    ck_assert_uint_eq(d[0].class_count, 3);
    ck_assert_str_eq(d[0].classes[0], "cat");
    ck_assert_str_eq(d[0].classes[1], "dog, big");
    ck_assert_str_eq(d[0].classes[2], "3");
    ck_assert_int_eq(d[0].transpose, 1);
    ck_assert_int_eq(d[0].multi_label, 1);
    ck_assert_str_eq(d[1].name, "kmnist");
    ck_assert_ptr_null(d[1].splits[DATASET_TRAIN].images);
    ck_assert_ptr_null(d[1].classes);
    ck_assert_int_eq(d[1].transpose, 0);
    ck_assert_int_eq(d[1].multi_label, -1);
    config_free(&c);
    check_empty(&c);
}
END_TEST

/* Each way of cutting is the text that a client would select with; what is cut from a cut is cut
 * from the files. */
START_TEST(config_load__splits_cut_from_others__as_texts)
{
    static const struct {
        const char *of, *from, *cut;
    } cuts[] = {
        {"{from: train}", "train", ""},
        {"{from: train, first: 10}", "train", "slice(:10)"},
        {"{from: train, last: 10}", "train", "slice(-10:)"},
        {"{from: train, fraction: 0.10, seed: 7}", "train", "held-out(0.10, seed=7)"},
        {"{from: train, fraction: 0.5, seed: 0, stratified: true, classes: [3, 7], renumber: true, "
         "label_map: [1, 0], select: training(1/3)}",
         "train",
         "held-out(0.5, seed=0, stratified) classes(3, 7, renumber) labels(1, 0) training(1/3)"},
        {"{from: train, without: b}\n      b: {from: train, first: 5}", "train", "slice(5:)"},
        {"{from: train, without: b}\n      b: {from: train, last: 5}", "train", "slice(:-5)"},
        {"{from: train, without: b, classes: [1]}\n      b: {from: train, fraction: 0.1, seed: 1}",
         "train", "training(0.1, seed=1) classes(1)"},
        {"{from: b, first: 3}\n      b: {from: c, last: 5}\n      c: {from: train, first: 9}",
         "train", "slice(:9) slice(-5:) slice(:3)"},
        {"{from: train, without: b}\n      b: {from: train, select: held-out(3/10)}", "train",
         "training(3/10)"},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char text[1024];
        struct config c;
        snprintf(text, sizeof text, ENTRY CUT("%s"), cuts[i].of);
        ck_assert_msg(load_text(&c, text) == 0, "%s", e.text);
        ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].name, "dev");
        ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].from, cuts[i].from);
        ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].cut, cuts[i].cut);
        ck_assert_ptr_null(c.datasets[0].splits[DATASET_OTHERS].images);
        config_free(&c);
    }
    /* Of a set that is known by name. */
    struct config c;
    ck_assert_msg(load_text(&c,
                            "datasets:\n  - {name: mnist, path: /d, splits: {dev: {from: train, "
                            "last: 5}}}\n") == 0,
                  "%s", e.text);
    ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].cut, "slice(-5:)");
    config_free(&c);
}
END_TEST

static void check_defaults(const struct config *c)
{
    ck_assert_uint_eq(c->socket_mode, 0600);
    ck_assert_uint_eq(c->socket_gid, CONFIG_OWN_GROUP);
    ck_assert_ptr_null(c->socket_group);
    ck_assert_uint_eq(c->workers, 0);
    ck_assert_uint_eq(c->ring_bytes, 0); /* auto */
    ck_assert_uint_eq(c->sample_cache_bytes, 1 << 30);
    ck_assert_int_eq(c->io_uring, 1);
    ck_assert_int_eq(c->log_level, LOG_LEVEL_INFO);
    ck_assert_uint_eq(c->ledger.max_bytes, 64 << 20);
    ck_assert_uint_eq(c->ledger.files, 4);
    ck_assert_uint_eq(c->limits.clients, 256);
    ck_assert_uint_eq(c->limits.clients_per_user, 128);
    ck_assert_uint_eq(c->limits.ring_bytes, 1 << 30);
    ck_assert_uint_eq(c->limits.ring_bytes_per_user, UINT64_C(4) << 30);
    ck_assert_uint_eq(c->limits.list_bytes, 256 << 20);
    ck_assert_uint_eq(c->limits.image_us, 20000);
    ck_assert_uint_eq(c->limits.handshake_ms, 5000);
}

/* A default that differs from the one that the documents state. */
START_TEST(config_load__only_datasets__the_documented_defaults)
{
    struct config c;
    char *socket = config_default_socket(), *cache = config_default_cache();
    ck_assert_msg(load_text(&c, DATASETS) == 0, "%s", e.text);
    check_defaults(&c);
    ck_assert_ptr_null(c.ledger.path);
    ck_assert_str_eq(c.socket, socket);
    ck_assert_str_eq(c.cache, cache);
    ck_assert_uint_eq(c.dataset_count, 1);
    ck_assert_int_eq(c.datasets[0].transpose, -1);
    config_free(&c);
    free(socket);
    free(cache);
}
END_TEST

/* "none" taken for a folder of that name. */
START_TEST(config_load__cache_none__no_folder)
{
    struct config c;
    ck_assert_msg(load_text(&c, DATASETS "cache: none\n") == 0, "%s", e.text);
    ck_assert_ptr_null(c.cache);
    config_free(&c);
}
END_TEST

/* A group that is named and not let in; a number that a name stands for. */
START_TEST(config_load__socket_group__by_name_and_let_in)
{
    struct config c;
    ck_assert_msg(load_text(&c, DATASETS "socket_group: root\n") == 0, "%s", e.text);
    ck_assert_uint_eq(c.socket_gid, 0);
    ck_assert_uint_eq(c.socket_mode, 0660);
    config_free(&c);
    ck_assert_msg(load_text(&c, DATASETS "socket_group: none\nsocket_mode: 0660\n") == 0, "%s",
                  e.text);
    ck_assert_uint_eq(c.socket_gid, CONFIG_OWN_GROUP);
    ck_assert_uint_eq(c.socket_mode, 0660);
    config_free(&c);
}
END_TEST

/* One limit given alone must not contradict the other's default. */
START_TEST(config_load__one_limit_alone__defaults_follow)
{
    struct config c;
    ck_assert_msg(load_text(&c, DATASETS "limits: {clients: 10, ring_bytes: 8GiB}\n") == 0, "%s",
                  e.text);
    ck_assert_uint_eq(c.limits.clients_per_user, 10);
    ck_assert_uint_eq(c.limits.ring_bytes_per_user, UINT64_C(8) << 30);
    config_free(&c);
    ck_assert_msg(load_text(&c, DATASETS "limits: {ring_bytes_per_user: 1MiB}\n") == 0, "%s",
                  e.text);
    ck_assert_uint_eq(c.limits.ring_bytes, 1 << 20);
    config_free(&c);
}
END_TEST

/* Paths relative to where the daemon was started, instead of to the file. */
START_TEST(config_load__relative_paths__relative_to_the_file)
{
    struct config c;
    ck_assert_msg(load_text(&c, "socket: ./s\ncache: ../c\n"
                                "datasets: [{name: mnist, path: ./~d/e}]\n") == 0,
                  "%s", e.text);
    ck_assert_str_eq(c.socket, support_path("s"));
    ck_assert_str_eq(c.cache, support_path("../c"));
    ck_assert_str_eq(c.datasets[0].path, support_path("~d/e"));
    config_free(&c);
}
END_TEST

/* The same, with the file itself named relative to the current folder. */
START_TEST(config_load__file_named_relatively__paths_absolute)
{
    struct config c;
    char expected[600];
    char *before = getcwd(NULL, 0);
    ck_assert_ptr_nonnull(before);
    ck_assert_int_eq(mkdir(support_path("sub"), 0700), 0);
    support_write(support_path("sub/c.yaml"), "socket: s\n" DATASETS,
                  strlen("socket: s\n" DATASETS));
    static const char *const names[][2] = {
        {"", "sub/c.yaml"}, {"", "./sub/c.yaml"}, {"sub", "c.yaml"}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(chdir(support_path("%s", names[i][0])), 0);
        ck_assert_msg(config_load(&c, names[i][1], &e) == 0, "%s", e.text);
        snprintf(expected, sizeof expected, "%s/sub/s", support_dir());
        ck_assert_str_eq(c.socket, expected);
        config_free(&c);
    }
    ck_assert_int_eq(chdir(before), 0);
    free(before);
}
END_TEST

/* A name of 63 bytes fits struct dataset's 64, and a socket of 103 bytes, with ".new", sun_path. */
START_TEST(config_load__longest_name_and_socket__accepted)
{
    struct config c;
    static const char text[] = "socket: /" A50 A50 "aa\ncache: none\ndatasets:\n"
                               "  - name: " A50 A10 "aaa\n    path: /d\n" TRAIN;
    ck_assert_msg(load_text(&c, text) == 0, "%s", e.text);
    ck_assert_uint_eq(strlen(c.socket), 103);
    ck_assert_uint_eq(strlen(c.datasets[0].name), 63);
    config_free(&c);
}
END_TEST

/* Windows line ends and a byte order mark are no reason to refuse a file. */
START_TEST(config_load__bom_and_crlf__accepted)
{
    struct config c;
    ck_assert_msg(
        load_text(&c, "\xef\xbb\xbfworkers: 3\r\ndatasets: [{name: mnist, path: /d}]\r\n") == 0,
        "%s", e.text);
    ck_assert_uint_eq(c.workers, 3);
    config_free(&c);
}
END_TEST

/* ---- files that are none */

START_TEST(config_load__missing_file__enoent)
{
    struct config c;
    ck_assert_int_eq(config_load(&c, support_path("none.yaml"), &e), -ENOENT);
    ck_assert_ptr_nonnull(strstr(e.text, "none.yaml: No such file"));
    check_empty(&c);
}
END_TEST

START_TEST(config_load__folder__refused)
{
    struct config c;
    ck_assert_int_eq(config_load(&c, support_dir(), &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, ":1: a folder; allowed: a YAML file"));
    check_empty(&c);
}
END_TEST

/* root reads everything, so there is nothing to see for it. */
START_TEST(config_load__unreadable_file__eacces)
{
    struct config c;
    if (geteuid() == 0)
        return;
    support_write(support_path("c.yaml"), DATASETS, strlen(DATASETS));
    ck_assert_int_eq(chmod(support_path("c.yaml"), 0), 0);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), &e), -EACCES);
}
END_TEST

START_TEST(config_load__more_than_1_mib__refused)
{
    struct config c;
    support_write(support_path("c.yaml"), "", 0);
    ck_assert_int_eq(truncate(support_path("c.yaml"), (1 << 20) + 1), 0);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), &e), -EINVAL);
    ck_assert_ptr_nonnull(
        strstr(e.text, "c.yaml:1: a file of more than 1MiB; allowed: up to 1MiB"));
}
END_TEST

/* Nothing is waited for that may never come, or never end. */
START_TEST(config_load__pipe_or_device__refused_at_once)
{
    struct config c;
    ck_assert_int_eq(mkfifo(support_path("c.yaml"), 0600), 0);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "c.yaml:1: a pipe; allowed: a YAML file"));
    ck_assert_int_eq(config_load(&c, "/dev/zero", &e), -EINVAL);
    ck_assert_str_eq(e.text, "/dev/zero:1: a device or socket; allowed: a YAML file");
}
END_TEST

/* Large files that are near the limit: one that is all keys, one that is all nesting, one long
 * word, and one of NUL bytes. Each must end soon, with one line. */
START_TEST(config_load__large_files__refused_soon)
{
    static const char *const parts[] = {"workers: 1\n", "a: \n", "[",  "- ",
                                        "{a: ",         "x",     "\"", "&a "};
    size_t size = (1 << 20) - 16;
    char *text = malloc(size);
    struct config c;
    ck_assert_ptr_nonnull(text);
    for (size_t k = 0; k <= sizeof parts / sizeof parts[0]; k++) {
        memset(text, 0, size);
        for (size_t i = 0; k < sizeof parts / sizeof parts[0] && i < size; i++)
            text[i] = parts[k][i % strlen(parts[k])];
        ck_assert_int_eq(load_bytes(&c, text, size), -EINVAL);
        ck_assert_ptr_null(strchr(e.text, '\n'));
        check_empty(&c);
    }
    free(text);
}
END_TEST

/* Every beginning of a good file is good or refused, and gives everything back. */
START_TEST(config_load__every_truncation__no_leak)
{
    static const char text[] =
        "socket: /s\nlimits: {clients: 3}\n" ENTRY TRAIN "    classes: [a, \"b\"]\nworkers: 1\n";
    struct config c;
    for (size_t n = 0; n < sizeof text; n++) {
        int rc = load_bytes(&c, text, n);
        ck_assert_msg(rc == 0 || rc == -EINVAL, "%zu bytes: %d %s", n, rc, e.text);
        config_free(&c);
    }
}
END_TEST

/* A caller that does not want the text. */
START_TEST(config_load__no_err__only_the_code)
{
    struct config c;
    support_write(support_path("c.yaml"), "a: 1\n", 5);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), NULL), -EINVAL);
}
END_TEST

START_TEST(config_free__zeroed_struct__nothing)
{
    struct config c = {0};
    config_free(&c);
}
END_TEST

/* ---- defaults of the two paths */

/* Changes a variable that main has set: without an allocation that a leak check would count. */
static void set_variable(const char *text)
{
    ck_assert_int_eq(putenv((char *)text), 0);
}

/* Variables that are empty or relative count as not set. */
START_TEST(config_default_socket__runtime_dir__used_when_absolute)
{
    static const char *const values[][2] = {
        {"XDG_RUNTIME_DIR=/run/user/7", "/run/user/7/fmnistd/fmnistd.sock"},
        {"XDG_RUNTIME_DIR=", "/run/fmnistd/fmnistd.sock"},
        {"XDG_RUNTIME_DIR=run", "/run/fmnistd/fmnistd.sock"},
    };
    for (size_t i = 0; i < 3; i++) {
        set_variable(values[i][0]);
        char *path = config_default_socket();
        ck_assert_str_eq(path, values[i][1]);
        free(path);
    }
    unsetenv("XDG_RUNTIME_DIR");
    char *path = config_default_socket();
    ck_assert_str_eq(path, "/run/fmnistd/fmnistd.sock");
    free(path);
}
END_TEST

/* A daemon of root must not write where some user's variables point. */
START_TEST(config_default_cache__user_and_root__own_folders)
{
    set_variable("XDG_CACHE_HOME=/x");
    set_variable("HOME=/h");
    char *path = config_default_cache();
    ck_assert_str_eq(path, geteuid() == 0 ? "/var/cache/fmnistd" : "/x/fmnistd");
    free(path);
    unsetenv("XDG_CACHE_HOME");
    path = config_default_cache();
    ck_assert_str_eq(path, geteuid() == 0 ? "/var/cache/fmnistd" : "/h/.cache/fmnistd");
    free(path);
}
END_TEST

/* A default socket that does not fit is the environment's fault, and is said as such. */
START_TEST(config_load__default_socket_too_long__said)
{
    struct config c;
    set_variable("XDG_RUNTIME_DIR=/" A50 A50);
    ck_assert_int_eq(load_text(&c, DATASETS), -EINVAL);
    check_text(1, "socket, by default, is 122 bytes long");
}
END_TEST

/* ---- the shipped file and the reference */

START_TEST(shipped_file__as_it_is__loads_with_defaults)
{
    struct config c;
    ck_assert_msg(config_load(&c, "conf/fmnistd.yaml", &e) == 0, "%s", e.text);
    check_defaults(&c);
    ck_assert_ptr_null(c.ledger.path); /* the one key whose comment shows no default */
    ck_assert_uint_eq(c.dataset_count, 1);
    ck_assert_str_eq(c.datasets[0].name, "fashion-mnist");
    ck_assert_str_eq(c.datasets[0].path, "/usr/share/datasets/fashion-mnist");
    config_free(&c);
}
END_TEST

/* The defaults that the shipped file shows in comments must be the defaults: with each "#" before a
 * key taken away, it is the same config, and the example dataset is there too. */
START_TEST(shipped_file__every_comment_taken_away__the_same_config)
{
    size_t size, used = 0;
    char *text = support_read("conf/fmnistd.yaml", &size);
    for (size_t i = 0; i < size; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        /* "# " begins prose; "#key" and "#  key" a setting. */
        bool setting = line_start && text[i] == '#' && text[i + 1] != '\n' &&
                       !(text[i + 1] == ' ' && text[i + 2] != ' ') &&
                       strncmp(text + i, "#     ", 6);
        setting = setting || (line_start && !strncmp(text + i, "#      t", 8)) ||
                  (line_start && !strncmp(text + i, "#    s", 6));
        if (!setting)
            text[used++] = text[i];
    }
    struct config c;
    ck_assert_msg(load_bytes(&c, text, used) == 0, "%s", e.text);
    check_defaults(&c);
    ck_assert_str_eq(c.socket, "/run/fmnistd/fmnistd.sock");
    ck_assert_str_eq(c.cache, "/var/cache/fmnistd");
    ck_assert_uint_eq(c.dataset_count, 2);
    ck_assert_str_eq(c.datasets[1].name, "mine");
    ck_assert_ptr_nonnull(c.datasets[1].splits[DATASET_TEST].labels);
    ck_assert_uint_eq(c.datasets[1].class_count, 2);
    ck_assert_int_eq(c.datasets[1].transpose, 0);
    config_free(&c);
    free(text);
}
END_TEST

/* Every key that the schema has stands in the reference, with what it allows in the same words as
 * the messages, and in the shipped file. */
START_TEST(documents__every_key__in_both)
{
    char *reference = support_read("docs/config.md", NULL);
    char *shipped = support_read("conf/fmnistd.yaml", NULL);
    const struct config_key *key;
    char row[512];
    for (size_t i = 0; (key = config_key_at(i)); i++) {
        snprintf(row, sizeof row, "\n| `%s` | %s |", key->path, key->allowed);
        ck_assert_msg(strstr(reference, row), "docs/config.md has no row:%s", row);
        const char *name = strrchr(key->path, '.') ? strrchr(key->path, '.') + 1 : key->path;
        snprintf(row, sizeof row, "%s:", name);
        ck_assert_msg(strstr(name, "[]") || !strcmp(name, "NAME") || strstr(shipped, row),
                      "conf/fmnistd.yaml has no \"%s\"", row);
    }
    free(reference);
    free(shipped);
}
END_TEST

static size_t count_fields(const struct schema *s, const cyaml_schema_value_t *v, const char *path)
{
    char below[128];
    size_t count = *path != 0;
    if (*path)
        schema_allowed(s, path); /* asserts that the path is there */
    if (v->type == CYAML_MAPPING)
        for (const cyaml_schema_field_t *f = v->mapping.fields; f->key; f++) {
            snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", f->key);
            count += count_fields(s, &f->value, below);
        }
    if (v->type == CYAML_SEQUENCE) {
        snprintf(below, sizeof below, "%s[]", path);
        count += count_fields(s, v->sequence.entry, below);
    }
    if (v->type == CYAML_IGNORE) {
        snprintf(below, sizeof below, "%s.NAME", path);
        count += count_fields(s, &split_schema, below);
    }
    return count;
}

/* A key added to libcyaml's schema and not to the list of what is allowed, or the other way. */
START_TEST(config_keys__against_the_schema__the_same)
{
    size_t listed = 0;
    while (config_key_at(listed))
        listed++;
    ck_assert_uint_eq(count_fields(&config_file_schema, &config_schema, ""), listed);
    ck_assert_uint_eq(listed, config_file_schema.key_count);
    ck_assert_uint_eq(count_fields(&dataset_file_schema, dataset_file_schema.value, ""),
                      dataset_file_schema.key_count);
}
END_TEST

/* A key of a dataset.yaml that the reference does not tell of. */
START_TEST(documents__every_key_of_a_dataset_file__there)
{
    char *reference = support_read("docs/config.md", NULL), row[512];
    for (size_t i = 0; i < dataset_file_schema.key_count; i++) {
        const struct config_key *key = &dataset_file_schema.keys[i];
        snprintf(row, sizeof row, "\n| `%s` | %s |", key->path, key->allowed);
        ck_assert_msg(strstr(reference, row), "docs/config.md has no row:%s", row);
    }
    free(reference);
}
END_TEST

/* Both documents list the datasets that are known by name. */
START_TEST(documents__known_datasets__in_both)
{
    char *reference = support_read("docs/config.md", NULL);
    char *shipped = support_read("conf/fmnistd.yaml", NULL);
    const struct known_dataset *known;
    for (size_t i = 0; (known = known_at(i)); i++) {
        ck_assert_msg(strstr(reference, known->name), "docs/config.md lacks %s", known->name);
        ck_assert_msg(strstr(shipped, known->name), "conf/fmnistd.yaml lacks %s", known->name);
    }
    free(reference);
    free(shipped);
}
END_TEST

int main(void)
{
    putenv("XDG_RUNTIME_DIR=/run/user/1");
    putenv("XDG_CACHE_HOME=/home/u/.cache");
    putenv("HOME=/home/u");
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, config_load__one_fault__exact_line_and_words, 0,
                        sizeof faults / sizeof faults[0]);
    tcase_add_test(tc, config_load__every_key__every_field);
    tcase_add_test(tc, config_load__splits_cut_from_others__as_texts);
    tcase_add_test(tc, config_load__only_datasets__the_documented_defaults);
    tcase_add_test(tc, config_load__cache_none__no_folder);
    tcase_add_test(tc, config_load__socket_group__by_name_and_let_in);
    tcase_add_test(tc, config_load__one_limit_alone__defaults_follow);
    tcase_add_test(tc, config_load__relative_paths__relative_to_the_file);
    tcase_add_test(tc, config_load__file_named_relatively__paths_absolute);
    tcase_add_test(tc, config_load__longest_name_and_socket__accepted);
    tcase_add_test(tc, config_load__bom_and_crlf__accepted);
    tcase_add_test(tc, config_load__missing_file__enoent);
    tcase_add_test(tc, config_load__folder__refused);
    tcase_add_test(tc, config_load__unreadable_file__eacces);
    tcase_add_test(tc, config_load__more_than_1_mib__refused);
    tcase_add_test(tc, config_load__pipe_or_device__refused_at_once);
    tcase_add_test(tc, config_load__large_files__refused_soon);
    tcase_add_test(tc, config_load__every_truncation__no_leak);
    tcase_add_test(tc, config_load__no_err__only_the_code);
    tcase_add_test(tc, config_free__zeroed_struct__nothing);
    tcase_add_test(tc, config_default_socket__runtime_dir__used_when_absolute);
    tcase_add_test(tc, config_default_cache__user_and_root__own_folders);
    tcase_add_test(tc, config_load__default_socket_too_long__said);
    tcase_add_test(tc, shipped_file__as_it_is__loads_with_defaults);
    tcase_add_test(tc, shipped_file__every_comment_taken_away__the_same_config);
    tcase_add_test(tc, documents__every_key__in_both);
    tcase_add_test(tc, config_keys__against_the_schema__the_same);
    tcase_add_test(tc, documents__every_key_of_a_dataset_file__there);
    tcase_add_test(tc, documents__known_datasets__in_both);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
