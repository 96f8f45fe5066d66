/* SPDX-License-Identifier: MIT */
/* What help says: of fmnistctl, and of each verb. At most 80 columns. */
#include "ctl/help.h"

#include "ctl/json.h"
#include "ctl/option_table.h"
#include "import/reader.h"
#include "spec/spec.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 80u

static const char spec_help[] =
    "\nWhat to read (the fields of struct fmnist_spec):\n"
    "  --dataset NAME        default fashion-mnist\n"
    "  --split NAME          train (default), test or another one; or a slice of\n"
    "                        one: train[:50000], train[90%:], train[-10000:]\n"
    "  --select STEPS        of its images: \"held-out(0.1, seed=1, stratified)\",\n"
    "                        \"training(3/10)\", \"classes(3, 7, renumber)\",\n"
    "                        \"labels(0, 0, 1)\"; docs/selection.md has them all\n"
    "  --batch-size N        samples, default 64\n"
    "  --drop-last[=BOOL]    leave the short last batch out; default false\n"
    "  --resize RULE         none, pillow-{nearest,box,bilinear,hamming,bicubic,\n"
    "                        lanczos}, pillow12-{box,bilinear,hamming,bicubic,\n"
    "                        lanczos}, opencv-linear, tf-bilinear-pad; default\n"
    "                        pillow-bilinear\n"
    "  --height N --width N  pixels; default: as stored\n"
    "  --dtype TYPE          float32 (default), float16, bfloat16 or uint8\n"
    "  --layout NCHW|NHWC    default NCHW\n"
    "  --channels N          default: as stored; 3 repeats a single channel\n"
    "  --mean X[,X...]  --std X[,X...]   normalisation; default none\n"
    "  --label-dtype TYPE    int64 (default), int32 or uint8\n"
    "  --order ORDER         sequential (default), shuffle, torch, torch-loader,\n"
    "                        numpy or list\n"
    "  --indices FILE        these images, in place of all: whole numbers with\n"
    "                        white space between; - for standard input; in any\n"
    "                        order\n"
    "  --seed N              default 0\n"
    "  --epoch N             the first epoch, default 0\n"
    "  --rank N --world-size N           one shard of several; default 0 of 1\n"
    "  --pad RULE            auto (default), wrap, drop or none\n"
    "  --transport WAY       shm (default) or inline\n"
    "  --augment CHAIN       torchvision's transforms as text: \"random-crop(28,\n"
    "                        padding=4) random-horizontal-flip\";\n"
    "                        docs/augmentation.md has them all\n"
    "  --draws counter       where their random numbers come from: seed, epoch and\n"
    "                        sample\n"
    "  --views N             each image so many times, with draws of its own;\n"
    "                        default 1\n";

static const char amount_help[] = "\nHow much:\n"
                                  "  --epochs N            whole epochs\n"
                                  "  --batches N           batches, over the ends of epochs\n";

static const char import_help[] =
    "\n  --name NAME           what clients ask for; default: as the source is called\n"
    "  -o, --output FOLDER   where it goes, and must not be yet; default ./NAME\n"
    "  --split NAME          of a source that names none; default train\n"
    "  --classes FILE        the classes' names, one a line, that of label 0 first\n"
    "  --set NAME            which of several sets in the source: EMNIST's byclass,\n"
    "                        bymerge, balanced, letters, digits, mnist\n"
    "  --size HxW            of images that are a row of pixels and no square;\n"
    "                        pictures are made as large\n"
    "  --resize RULE         how; default pillow-bilinear\n"
    "  --grayscale  --rgb    pictures all gray, or all of three channels; default: as\n"
    "                        the first one is\n"
    "  --images NAME  --labels NAME      the arrays, where they have names of their\n"
    "                        own\n"
    "  --label-column NAME   of a CSV; default: label or class, else the first\n"
    "  --labels-kind KIND    of CIFAR-100: fine (default) or coarse\n"
    "  --add CONFIG          write the entry into the daemon's config, and have a\n"
    "                        daemon that runs read it\n"
    "\n"
    "SOURCE is a file, a folder or an archive (zip, or tar in any compression), or\n"
    "several that belong together. What it holds is told by its content. Writes\n"
    "IDX files and a dataset.yaml, all of it or nothing, and prints the entry for\n"
    "the daemon's config. Read are:\n";

void help_print_usage(void)
{
    puts("usage: fmnistctl [OPTION...] VERB [OPTION...]\n"
         "Shows, measures, draws and copies what fmnistd serves.\n");
    for (const struct verb *v = verbs; v->name; v++)
        printf("  %-12s %s\n", v->name, v->summary);
    puts("\n"
         "Of every verb; options stand before the verb or behind it:\n"
         "      --socket PATH  the daemon's socket; default: $FMNIST_SOCKET, else\n"
         "                     $XDG_RUNTIME_DIR/fmnistd/fmnistd.sock if it exists,\n"
         "                     else /run/fmnistd/fmnistd.sock\n"
         "      --timeout MS   the longest wait for the daemon; default 30000\n"
         "      --json         print JSON for programs, a line each time\n"
         "  -h, --help         this text; with a verb, the verb's options\n"
         "  -V, --version      the versions of fmnistctl and of its client library\n"
         "\n"
         "`fmnistctl help VERB` has a verb's options.\n"
         "Exit status: 0; 1 after a failure; 2 for wrong usage. verify and check\n"
         "have their own.");
}

static const char *words_of(const struct verb *verb)
{
    switch (verb->options) {
    case OPTIONS_VERIFY:
        return " LEDGER...";
    case OPTIONS_IMPORT:
        return " SOURCE...";
    case OPTIONS_CHECK:
    case OPTIONS_EXPORT:
        return " DATASET";
    case OPTIONS_HELP:
        return " [VERB]";
    case OPTIONS_COMPLETION:
        return " SHELL";
    default:
        return "";
    }
}

static bool has_own_options(const struct verb *verb)
{
    return verb->options != OPTIONS_NONE && verb->options != OPTIONS_HELP &&
           verb->options != OPTIONS_COMPLETION;
}

static void import_print_formats(void)
{
    for (const struct import_reader *const *r = import_readers; *r; r++)
        printf("  %-8s %s\n", (*r)->word, (*r)->text);
}

void help_print(const struct verb *verb)
{
    const char *words = words_of(verb);
    int n = printf("usage: fmnistctl %s %s[--json]%s", verb->name,
                   verb_asks_daemon(verb) ? "[--socket PATH] [--timeout MS] " : "",
                   has_own_options(verb) ? " [OPTION...]" : "");
    printf("%s%s\n%s.\n", (size_t)n + strlen(words) > COLUMNS ? "\n                " : "", words,
           verb->summary);
    switch (verb->options) {
    case OPTIONS_NONE:
    case OPTIONS_HELP:
        return;
    case OPTIONS_COMPLETION:
        puts("\nSHELL is bash, zsh or fish. For a shell that no package has set up:\n"
             "  bash  eval \"$(fmnistctl completion bash)\"   in ~/.bashrc\n"
             "  zsh   eval \"$(fmnistctl completion zsh)\"    in ~/.zshrc, behind compinit\n"
             "  fish  fmnistctl completion fish | source     in ~/.config/fish/config.fish\n"
             "Names of datasets are asked from the daemon at the time.");
        return;
    case OPTIONS_TOP:
        puts("\n  --once                one page of plain text, over one second\n"
             "  --pages N             so many, one a second\n"
             "  --json                each page as a line\n\n"
             "Default: refreshed each second until q or Ctrl-C; plain text where standard\n"
             "output is no terminal. Ends with the daemon (exit status 1). waits %: how much\n"
             "of its time the stream's reader waited for a batch.");
        return;
    case OPTIONS_BENCH:
        puts("\n  --no-read             do not read the images' bytes\n\n"
             "Default: one epoch. Times each fmnist_next; p50_us and p99_us are exact to 2 %.\n\n"
             "  --advise              how many workers are enough on this machine: beside a\n"
             "                        daemon of its own, with the config of the one that\n"
             "                        runs, which is left alone\n"
             "  --step-us N[,N...]    what the trainer computes between two batches, in\n"
             "                        microseconds of a CPU; default 1000\n"
             "  --seconds N           how long it measures, default 30\n"
             "  --config FILE         take datasets and limits from that one");
        break;
    case OPTIONS_VERIFY:
        puts("\n  --indices FILE        the list that streams have read: whole numbers with\n"
             "                        white space between; - for standard input. Without\n"
             "                        it, of a stream over a list the places are counted.\n\n"
             "Reads what a daemon with ledger: wrote (LEDGER, LEDGER.1 and so on) and says\n"
             "of each run and epoch whether every sample was acknowledged once, over all\n"
             "ranks and resumes; else which was missed or repeated. Asks no daemon.\n"
             "Exit status: 0; 1 where something is missed, repeated or not there yet;\n"
             "2 where a ledger cannot be read, or is damaged.");
        return;
    case OPTIONS_DUMP:
        puts("\n  -o, --output FILE     default fmnist.npz; - for standard output\n\n"
             "Default: one epoch. The file holds images, labels (as --dtype, --label-dtype)\n"
             "and indices (int64), the batches one behind the other. bfloat16, which NumPy\n"
             "does not have, is kept as its bits in uint16.");
        break;
    case OPTIONS_SHOW:
        puts("\n  -o, --output FILE     default fmnist.png; - for standard output\n"
             "  --columns N           images in a row, 1 to 64, default 8\n\n"
             "Default: one batch. Each image has its number in the dataset and its label\n"
             "below, or in a multi-label set its labels. With --augment it stands beside\n"
             "its original, with what was drawn for it.");
        break;
    case OPTIONS_EXPLAIN:
        puts("\n  --epoch N  --step N  --row N      which image: the batch's place, and the\n"
             "                        image's in it; default 0\n"
             "  -o, --output FILE     a PNG of it, beside its original; - for standard\n"
             "                        output\n\n"
             "The image of a stream as any reader has it there, past or to come: its number\n"
             "in the dataset, its label, and what was drawn for it.");
        break;
    case OPTIONS_IMPORT:
        fputs(import_help, stdout);
        import_print_formats();
        return;
    case OPTIONS_DATASETS:
        puts("\n  --all                 also copies that frameworks keep in their folders, with\n"
             "                        the line that makes each of them one that is served\n\n"
             "Default: each split that the daemon serves. --all wants no daemon. It looks\n"
             "where torchvision's users, d2l, Keras, MXNet, MedMNIST, Hugging Face,\n"
             "tensorflow_datasets and Debian put them: ./data, ../data, ~/data, ~/.pytorch\n"
             "and $FMNIST_DATA, and the frameworks' own folders or variables.");
        return;
    case OPTIONS_EXPORT:
        puts("\n  -o, --output PATH     what it is written to; - for standard output; needed\n"
             "  --format FORM         idx, npz, png or csv; default: what PATH ends in, else\n"
             "                        idx\n"
             "  --split NAME          this one alone\n\n"
             "DATASET is the name of one that is served, or the path of a folder, as for\n"
             "check.\n"
             "  idx   a folder of IDX files with a dataset.yaml, as import writes it\n"
             "  npz   x_train, y_train, x_test, y_test and so on: NumPy, Keras\n"
             "  png   PATH/SPLIT/LABEL-CLASS/NUMBER.png: torchvision's ImageFolder; and\n"
             "        PATH/classes.csv: folder,label,name\n"
             "  csv   a split: label,pixel0,... and an image a line, of 1 or 3 channels\n"
             "What is written whole takes its name in the end; import makes the same dataset\n"
             "of idx, npz and csv, and of png the same images, class by class.");
        return;
    case OPTIONS_CHECK:
        puts("\n  -o, --output FILE     a PNG of what was found; - for standard output\n"
             "  --columns N           images in a row of it, 1 to 64, default 8\n\n"
             "DATASET is the name of one that is served, or the path of a folder, with a\n"
             "slash in it, that has a dataset.yaml or IDX files; that asks no daemon.\n"
             "Looks at every image once. Says of each split which images are there more\n"
             "than once, and with which labels, which are of one level, how many there are\n"
             "of each label, and mean and std as --mean and --std want them.\n"
             "Exit status: 0; 1 where images are there more than once, or of one level;\n"
             "2 where it could not be looked at.");
        return;
    case OPTIONS_GENERATE:
        puts("\n  -o, --output FOLDER   where the four files go; made if missing; needed\n"
             "  --train N             training images, default 60000\n"
             "  --test N              test images, default 10000\n"
             "  --size N              pixels of a side, 8 to 256, default 28\n"
             "  --seed N              default 0; image i is the same for every count\n"
             "  --raw                 plain IDX files instead of .gz\n\n"
             "Ten clothing classes in Fashion-MNIST's order, drawn, not photographed.");
        return;
    }
    fputs(spec_help, stdout);
    if (verb->options != OPTIONS_EXPLAIN)
        fputs(amount_help, stdout);
}

/* ---- for programs -------------------------------------------------------------------------- */

static json_t *describe_option(const struct option *o)
{
    static const char *const kinds[] = {
        [no_argument] = "none", [required_argument] = "required", [optional_argument] = "optional"};
    json_t *values = json_array();
    const char *value;
    for (size_t i = 0; o->val == OPTION_FIELD && (value = spec_value(o->name, i)); i++)
        json_array_append_new(values, json_string(value));
    return json_pack("{s:s, s:s, s:o}", "option", o->name, "value", kinds[o->has_arg], "values",
                     values);
}

static json_t *describe_verb(const struct verb *verb)
{
    json_t *options = json_array();
    for (const struct option *o = option_table(verb->options); o->name; o++)
        if (option_is_offered(verb, o))
            json_array_append_new(options, describe_option(o));
    return json_pack("{s:s, s:s, s:o}", "verb", verb->name, "summary", verb->summary, "options",
                     options);
}

/* NULL: of all. */
static void print_json(const struct verb *only)
{
    json_t *all = json_array();
    for (const struct verb *v = verbs; v->name; v++)
        if (!only || v == only)
            json_array_append_new(all, describe_verb(v));
    ctl_print_json(stdout, all);
}

int verb_help(const struct invocation *in)
{
    const struct verb *verb = in->word_count ? verb_find(in->words[0]) : NULL;
    if (in->word_count && !verb)
        return verb_refuse(in->words[0]);
    if (in->json)
        print_json(verb);
    else if (verb)
        help_print(verb);
    else
        help_print_usage();
    return EXIT_FINE;
}
