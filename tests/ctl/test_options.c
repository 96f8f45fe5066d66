/* SPDX-License-Identifier: MIT */
/* The command line behind the verb: every spec field by name, defaults, and what is refused. */
#include "ctl/verbs.h"
#include "support/support.h"

#include <string.h>

#define WORDS_MAX 16

static struct invocation in;

static const struct verb *verb_named(const char *name)
{
    const struct verb *v = verbs;
    while (v->name && strcmp(v->name, name) != 0)
        v++;
    ck_assert_ptr_nonnull(v->name);
    return v;
}

/* Parses words ended by NULL, the verb first. */
static int parse(const char *const *words)
{
    static char *argv[WORDS_MAX + 1]; /* what is parsed may refer to it */
    int argc = 0;
    memset(argv, 0, sizeof argv);
    for (; words[argc]; argc++) {
        ck_assert_int_lt(argc, WORDS_MAX);
        argv[argc] = (char *)words[argc]; /* getopt_long wants it so, and writes only pointers */
    }
    memset(&in, 0, sizeof in);
    return options_parse(&in, verb_named(words[0]), argc, argv);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

enum { GO_ON = 0, STOP_FINE = 1 + EXIT_FINE, STOP_WRONG = 1 + EXIT_WRONG_USAGE };

/* A default that moves would change what scripts read. */
START_TEST(options_parse__no_options__defaults_of_each_verb)
{
    struct fmnist_spec defaults;
    fmnist_spec_init(&defaults);
    defaults.label_count = FMNIST_LABELS_ANY; /* whatever the set has is shown */
    ck_assert_int_eq(PARSE("bench"), GO_ON);
    ck_assert_mem_eq(&in.spec, &defaults, sizeof defaults);
    ck_assert_uint_eq(in.epochs, 1);
    ck_assert_uint_eq(in.batches, 0);
    ck_assert(!in.no_read);
    ck_assert_int_eq(PARSE("dump"), GO_ON);
    ck_assert_uint_eq(in.epochs, 1);
    ck_assert_ptr_null(in.output);
    ck_assert_int_eq(PARSE("show"), GO_ON);
    ck_assert_uint_eq(in.epochs, 0);
    ck_assert_uint_eq(in.batches, 1);
}
END_TEST

/* Each field of a spec is an option of the same name: one that is missing in the table is refused
 * as unknown, one that is wrongly spelt there is refused by the library. */
START_TEST(options_parse__every_spec_field__accepted_by_each_stream_verb)
{
    static const char *const fields[][2] = {
        {"--dataset", "mnist"},     {"--split", "test"},       {"--batch-size", "7"},
        {"--drop-last", NULL},      {"--resize", "none"},      {"--height", "32"},
        {"--width", "33"},          {"--dtype", "uint8"},      {"--layout", "NHWC"},
        {"--channels", "3"},        {"--mean", "0.5"},         {"--std", "0.5,0.25,0.5"},
        {"--label-dtype", "int32"}, {"--order", "torch"},      {"--seed", "18446744073709551615"},
        {"--epoch", "3"},           {"--rank", "0"},           {"--world-size", "2"},
        {"--pad", "none"},          {"--transport", "inline"}, {"--augment", "pad(2)"},
        {"--draws", "counter"},     {"--views", "2"},
    };
    static const char *const stream_verbs[] = {"bench", "show", "explain", "dump"};
    for (size_t v = 0; v < 4; v++)
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            ck_assert_msg(PARSE(stream_verbs[v], fields[i][0], fields[i][1]) == GO_ON, "%s %s",
                          stream_verbs[v], fields[i][0]);
}
END_TEST

/* Values that land in another field than their name says. */
START_TEST(options_parse__many_fields__each_in_its_place)
{
    ck_assert_int_eq(PARSE("dump", "--dataset", "mnist", "--split=test", "--batch-size", "7",
                           "--height=32", "--width=33", "--dtype=float16", "--order", "shuffle",
                           "--seed=5", "-o", "-"),
                     GO_ON);
    ck_assert_str_eq(in.spec.dataset, "mnist");
    ck_assert_str_eq(in.spec.split, "test");
    ck_assert_uint_eq(in.spec.batch_size, 7);
    ck_assert_uint_eq(in.spec.height, 32);
    ck_assert_uint_eq(in.spec.width, 33);
    ck_assert_uint_eq(in.spec.dtype, FMNIST_FLOAT16);
    ck_assert_uint_eq(in.spec.order, FMNIST_ORDER_SHUFFLE);
    ck_assert_uint_eq(in.spec.seed, 5);
    ck_assert_str_eq(in.output, "-");
}
END_TEST

/* Any order may have a list; the order list is a mistake without one. */
START_TEST(options_parse__order_list__only_with_indices)
{
    ck_assert_int_eq(PARSE("dump", "--order", "list", "--indices", "numbers.txt"), GO_ON);
    ck_assert_uint_eq(in.spec.order, FMNIST_ORDER_LIST);
    ck_assert_str_eq(in.indices, "numbers.txt");
    ck_assert_int_eq(PARSE("bench", "--indices=-", "--order=list"), GO_ON);
    ck_assert_str_eq(in.indices, "-");
    ck_assert_int_eq(PARSE("bench", "--order", "list"), STOP_WRONG);
    ck_assert_int_eq(PARSE("bench", "--indices", "numbers.txt"), GO_ON);
    ck_assert_int_eq(PARSE("bench", "--indices", "numbers.txt", "--order", "torch"), GO_ON);
    ck_assert_uint_eq(in.spec.order, FMNIST_ORDER_TORCH);
    ck_assert_str_eq(in.indices, "numbers.txt");
}
END_TEST

/* --drop-last is a switch as well as a field. */
START_TEST(options_parse__drop_last__switch_or_value)
{
    ck_assert_int_eq(PARSE("bench", "--drop-last"), GO_ON);
    ck_assert_uint_eq(in.spec.drop_last, 1);
    ck_assert_int_eq(PARSE("bench", "--drop-last=true"), GO_ON);
    ck_assert_uint_eq(in.spec.drop_last, 1);
    ck_assert_int_eq(PARSE("bench", "--drop-last", "--drop-last=false"), GO_ON);
    ck_assert_uint_eq(in.spec.drop_last, 0);
    ck_assert_int_eq(PARSE("bench", "--drop-last=perhaps"), STOP_WRONG);
}
END_TEST

/* --epoch is a field, --epochs how much: neither may stand for the other. */
START_TEST(options_parse__epoch_epochs_batches__told_apart)
{
    ck_assert_int_eq(PARSE("bench", "--epoch", "3", "--epochs", "2"), GO_ON);
    ck_assert_uint_eq(in.spec.epoch, 3);
    ck_assert_uint_eq(in.epochs, 2);
    ck_assert_uint_eq(in.batches, 0);
    ck_assert_int_eq(PARSE("bench", "--batches", "5"), GO_ON);
    ck_assert_uint_eq(in.epochs, 0);
    ck_assert_uint_eq(in.batches, 5);
    ck_assert_int_eq(PARSE("bench", "--batches", "5", "--epochs", "1"), STOP_WRONG);
}
END_TEST

/* Draws that a program hands over have no place on a command line. */
START_TEST(options_parse__augment__chain_and_views_in_the_spec)
{
    ck_assert_int_eq(PARSE("dump", "--augment", "pad(2) random-horizontal-flip", "--views=3"),
                     GO_ON);
    ck_assert_str_eq(in.spec.augment, "pad(2) random-horizontal-flip");
    ck_assert_uint_eq(in.spec.views, 3);
    ck_assert_int_eq(PARSE("dump", "--augment", "pad(2)", "--draws", "caller"), STOP_WRONG);
    ck_assert_int_eq(PARSE("dump", "--augment", "pad(2)", "--draws", "list"), STOP_WRONG);
    ck_assert_int_eq(PARSE("dump", "--augment", "pad(2)", "--draws", "dice"), STOP_WRONG);
    ck_assert_int_eq(PARSE("dump", "--views", "17"), STOP_WRONG);
}
END_TEST

/* An image's place is a batch and a row: no more of them. */
START_TEST(options_parse__explain__a_place)
{
    ck_assert_int_eq(PARSE("explain"), GO_ON);
    ck_assert_uint_eq(in.step, 0);
    ck_assert_uint_eq(in.row, 0);
    ck_assert_int_eq(PARSE("explain", "--epoch", "3", "--step=7", "--row", "63", "-o", "x.png"),
                     GO_ON);
    ck_assert_uint_eq(in.spec.epoch, 3);
    ck_assert_uint_eq(in.step, 7);
    ck_assert_uint_eq(in.row, 63);
    ck_assert_str_eq(in.output, "x.png");
    ck_assert_int_eq(PARSE("explain", "--batches", "2"), STOP_WRONG);
    ck_assert_int_eq(PARSE("explain", "--row", "-1"), STOP_WRONG);
    ck_assert_int_eq(PARSE("show", "--row", "1"), STOP_WRONG);
}
END_TEST

/* What strtoull takes and nobody means. */
START_TEST(options_parse__numbers_out_of_form__wrong_usage)
{
    static const char *const bad[] = {
        "", "0", "-1", "+1", " 1", "1x", "1.5", "0x10", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(PARSE("bench", "--epochs", bad[i]), STOP_WRONG);
        ck_assert_int_eq(PARSE("bench", "--batches", bad[i]), STOP_WRONG);
        ck_assert_int_eq(PARSE("show", "--columns", bad[i]), STOP_WRONG);
    }
}
END_TEST

/* A mistyped option that is passed over would measure something else. */
START_TEST(options_parse__unknown_missing_or_extra__wrong_usage)
{
    ck_assert_int_eq(PARSE("bench", "--bogus"), STOP_WRONG);
    ck_assert_int_eq(PARSE("bench", "--height"), STOP_WRONG);
    ck_assert_int_eq(PARSE("bench", "--dtype", "float99"), STOP_WRONG);
    ck_assert_int_eq(PARSE("bench", "--batch-size", "0"), STOP_WRONG);
    ck_assert_int_eq(PARSE("bench", "extra"), STOP_WRONG);
    ck_assert_int_eq(PARSE("bench", "-o", "x"), STOP_WRONG);
    ck_assert_int_eq(PARSE("dump", "--no-read"), STOP_WRONG);
    ck_assert_int_eq(PARSE("dump", "-o", ""), STOP_WRONG);
    ck_assert_int_eq(PARSE("status", "--seed", "1"), STOP_WRONG);
    ck_assert_int_eq(PARSE("datasets", "extra"), STOP_WRONG);
    ck_assert_int_eq(PARSE("gen-dataset"), STOP_WRONG);
}
END_TEST

/* People write them on either side of the verb. */
START_TEST(options_parse__common_options__also_behind_the_verb)
{
    for (const struct verb *v = verbs; v->name; v++) {
        ck_assert_int_eq(PARSE(v->name, "--socket", "s", "--timeout=7", "--json"),
                         verb_asks_daemon(v) ? GO_ON : STOP_WRONG);
        ck_assert(in.json);
        ck_assert_str_eq(in.socket, "s");
        ck_assert_uint_eq(in.timeout_ms, 7);
    }
    ck_assert_int_eq(PARSE("status", "--socket", ""), STOP_WRONG);
    ck_assert_int_eq(PARSE("status", "--timeout", "86400001"), STOP_WRONG);
}
END_TEST

START_TEST(options_parse__top__once_or_pages)
{
    ck_assert_int_eq(PARSE("top"), GO_ON);
    ck_assert_uint_eq(in.pages, 0);
    ck_assert_int_eq(PARSE("top", "--once"), GO_ON);
    ck_assert_uint_eq(in.pages, 1);
    ck_assert_int_eq(PARSE("top", "--pages", "3"), GO_ON);
    ck_assert_uint_eq(in.pages, 3);
    ck_assert_int_eq(PARSE("top", "--pages", "3", "--once"), STOP_WRONG);
}
END_TEST

START_TEST(options_parse__verify__ledgers_behind_the_options)
{
    ck_assert_int_eq(PARSE("verify"), STOP_WRONG);
    ck_assert_int_eq(PARSE("verify", "a", "--indices", "i", "b", "--json"), GO_ON);
    ck_assert(in.json);
    ck_assert_str_eq(in.indices, "i");
    ck_assert_uint_eq(in.word_count, 2);
    ck_assert_str_eq(in.words[0], "a");
    ck_assert_str_eq(in.words[1], "b");
    ck_assert_int_eq(PARSE("verify", "--seed", "1", "a"), STOP_WRONG);
    ck_assert_int_eq(PARSE("verify", "--socket", "s", "a"), STOP_WRONG);
}
END_TEST

/* The words of a command line, with the verb brought to the front; NULL: none, and `status`. */
static const char *gathered(const char *const *words, int *status)
{
    static char *argv[WORDS_MAX + 1];
    static char text[256];
    int argc = 1;
    argv[0] = (char *)"fmnistctl";
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    argv[argc] = NULL;
    *status = options_find_verb(&argc, argv);
    if (*status)
        return NULL;
    text[0] = 0;
    for (int i = 1; i < argc; i++) {
        strcat(text, i > 1 ? " " : "");
        strcat(text, argv[i]);
    }
    ck_assert_ptr_null(argv[argc]);
    return text;
}

#define GATHERED(status, ...) gathered((const char *const[]){__VA_ARGS__, NULL}, status)

/* A value that is taken for the verb, or an option that is lost on the way. */
START_TEST(options_find_verb__options_before_it__behind_it)
{
    int status;
    ck_assert_str_eq(GATHERED(&status, "bench"), "bench");
    ck_assert_str_eq(GATHERED(&status, "bench", "--json"), "bench --json");
    ck_assert_str_eq(GATHERED(&status, "--dataset", "top", "--seed=3", "bench", "--json"),
                     "bench --dataset top --seed=3 --json");
    ck_assert_str_eq(GATHERED(&status, "-o", "dump", "show", "--columns", "3"),
                     "show -o dump --columns 3");
    ck_assert_str_eq(GATHERED(&status, "--drop-last", "bench"), "bench --drop-last");
    ck_assert_str_eq(GATHERED(&status, "--", "verify", "--", "-x"), "verify -- -x");
    ck_assert_str_eq(GATHERED(&status, "--json", "--", "verify", "-x"), "verify --json -x");
    ck_assert_str_eq(GATHERED(&status, "--socket", "--", "status"), "status --socket --");
    ck_assert_str_eq(GATHERED(&status, "--help", "bench"), "bench --help");
}
END_TEST

START_TEST(options_find_verb__no_verb__help_or_wrong_usage)
{
    int status;
    ck_assert_ptr_null(GATHERED(&status, "--help"));
    ck_assert_int_eq(status, STOP_FINE);
    ck_assert_ptr_null(GATHERED(&status, "--version", "bench"));
    ck_assert_int_eq(status, STOP_FINE);
    ck_assert_ptr_null(GATHERED(&status, "--json"));
    ck_assert_int_eq(status, STOP_WRONG);
    ck_assert_ptr_null(GATHERED(&status, "--jsn", "bench"));
    ck_assert_int_eq(status, STOP_WRONG);
    ck_assert_ptr_null(GATHERED(&status, "--"));
    ck_assert_int_eq(status, STOP_WRONG);
}
END_TEST

/* Help is no failure, whatever else is asked. */
START_TEST(options_parse__help__fine_for_every_verb)
{
    for (const struct verb *v = verbs; v->name; v++) {
        ck_assert_int_eq(PARSE(v->name, "--help"), STOP_FINE);
        ck_assert_int_eq(PARSE(v->name, "-h"), STOP_FINE);
        ck_assert_int_eq(PARSE(v->name, "--version"), STOP_FINE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/options");
    TCase *tc = tcase_create("options");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, options_parse__no_options__defaults_of_each_verb);
    tcase_add_test(tc, options_parse__every_spec_field__accepted_by_each_stream_verb);
    tcase_add_test(tc, options_parse__many_fields__each_in_its_place);
    tcase_add_test(tc, options_parse__order_list__only_with_indices);
    tcase_add_test(tc, options_parse__drop_last__switch_or_value);
    tcase_add_test(tc, options_parse__epoch_epochs_batches__told_apart);
    tcase_add_test(tc, options_parse__augment__chain_and_views_in_the_spec);
    tcase_add_test(tc, options_parse__explain__a_place);
    tcase_add_test(tc, options_parse__numbers_out_of_form__wrong_usage);
    tcase_add_test(tc, options_parse__unknown_missing_or_extra__wrong_usage);
    tcase_add_test(tc, options_parse__common_options__also_behind_the_verb);
    tcase_add_test(tc, options_parse__top__once_or_pages);
    tcase_add_test(tc, options_parse__verify__ledgers_behind_the_options);
    tcase_add_test(tc, options_find_verb__options_before_it__behind_it);
    tcase_add_test(tc, options_find_verb__no_verb__help_or_wrong_usage);
    tcase_add_test(tc, options_parse__help__fine_for_every_verb);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
