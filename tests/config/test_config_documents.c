/* SPDX-License-Identifier: MIT */
/* tests of what is told of the config: the shipped file, the reference, the list of keys and the
 * schema say the same. */
#include "config/load.h"
#include "config/schema.h"

#include "dataset/known.h"

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
    Suite *suite = suite_create("config/documents");
    TCase *tc = config_case("config/documents");
    tcase_add_test(tc, shipped_file__as_it_is__loads_with_defaults);
    tcase_add_test(tc, shipped_file__every_comment_taken_away__the_same_config);
    tcase_add_test(tc, documents__every_key__in_both);
    tcase_add_test(tc, config_keys__against_the_schema__the_same);
    tcase_add_test(tc, documents__every_key_of_a_dataset_file__there);
    tcase_add_test(tc, documents__known_datasets__in_both);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
