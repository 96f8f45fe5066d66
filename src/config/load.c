/* SPDX-License-Identifier: MIT */
/* Loads a config: reads the file, has libcyaml load it, and has every value checked.
 *
 * Three passes, so that each message has its exact line: tree.c reads the text and keeps lines,
 * check.c holds it against the schema, and values.c and datasets.c turn what libcyaml has loaded
 * into numbers, paths and names.
 */
#include "config/config.h"

#include "config/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libcyaml failed on a text that libyaml has read once and schema_check let pass. That is memory:
 * libyaml says so to libcyaml as any error of its own. Anything else is kept in libcyaml's words.
 */
static int load_failed(const struct config_loader *l, cyaml_err_t result)
{
    switch (result) {
    case CYAML_ERR_OOM:
    case CYAML_ERR_LIBYAML_PARSER_INIT:
    case CYAML_ERR_LIBYAML_EVENT_INIT:
    case CYAML_ERR_LIBYAML_PARSER:
        return config_loader_no_memory(l);
    default:
        return tree_error(&l->tree, NULL, l->e, "%s", cyaml_strerror(result));
    }
}

static int load_text(struct config_loader *l, const char *text, size_t size)
{
    const cyaml_config_t how = {
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    int rc = tree_parse(&l->tree, l->file, text, size, l->e);
    if (rc)
        return rc;
    rc = schema_check(&config_file_schema, &l->tree, l->e);
    if (rc)
        goto free_tree;
    cyaml_err_t result = cyaml_load_data((const uint8_t *)text, size, &how, &config_schema,
                                         (cyaml_data_t **)&l->raw, NULL);
    if (result != CYAML_OK) {
        rc = load_failed(l, result);
        goto free_tree;
    }
    rc = config_loader_values(l);
    cyaml_free(&how, &config_schema, l->raw, 0);
free_tree:
    tree_free(&l->tree);
    return rc;
}

/* The absolute folder of a file. malloc'd; NULL with errno set. */
static char *folder_of(const char *path)
{
    char *folder = NULL;
    const char *slash = strrchr(path, '/');
    if (path[0] == '/') {
        folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    } else {
        char *cwd = getcwd(NULL, 0);
        char *relative = slash ? strndup(path, (size_t)(slash - path)) : NULL;
        if (cwd && relative)
            folder = config_loader_join(cwd, relative);
        else if (cwd && !slash)
            folder = strdup(cwd);
        free(relative);
        free(cwd);
    }
    return folder;
}

int config_load(struct config *c, const char *path, struct err *e)
{
    struct config_loader l = {.c = c, .file = path, .e = e};
    char *text = NULL;
    size_t size = 0;
    *c = (struct config){0};
    int rc = config_read_text(path, 0, &text, &size, e);
    if (rc)
        return rc;
    l.folder = folder_of(path);
    rc = l.folder ? load_text(&l, text, size) : err_sys(e, -errno, "folder of config %s", path);
    free(l.folder);
    free(text);
    if (rc)
        config_free(c);
    return rc;
}

int config_set_socket(struct config *c, const char *path, struct err *e)
{
    char *folder = path[0] == '/' ? strdup("/") : getcwd(NULL, 0);
    if (!folder)
        return err_sys(e, -errno, "the working directory");
    char *absolute = config_loader_join(folder, path);
    free(folder);
    if (!absolute)
        return err_set(e, -ENOMEM, "out of memory");
    size_t length = strlen(absolute);
    if (length > SOCKET_MAX || !path[0]) {
        free(absolute);
        return err_set(e, -EINVAL, "--socket \"%.40s\" is %zu bytes long; allowed: %s", path,
                       length, config_allowed("socket"));
    }
    free(c->socket);
    c->socket = absolute;
    c->lines[config_key_index("socket")] = CONFIG_COMMAND_LINE;
    return 0;
}

int config_keep_socket(struct config *c, const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_set(e, -ENOMEM, "out of memory");
    free(c->socket);
    c->socket = copy;
    c->lines[config_key_index("socket")] = CONFIG_COMMAND_LINE;
    return 0;
}

uint32_t config_line(const struct config *c, const char *path)
{
    return c->lines[config_key_index(path)];
}

void config_free(struct config *c)
{
    for (uint32_t i = 0; i < c->dataset_count; i++) {
        struct dataset_source *d = &c->datasets[i];
        for (uint32_t k = 0; d->classes && k < d->class_count; k++)
            free((char *)d->classes[k]);
        free((void *)d->classes);
        for (int split = 0; split < DATASET_SPLITS; split++) {
            free((char *)d->splits[split].name);
            free((char *)d->splits[split].from);
            free((char *)d->splits[split].cut);
            free((char *)d->splits[split].images);
            free((char *)d->splits[split].labels);
        }
        free((char *)d->name);
        free((char *)d->path);
    }
    free(c->datasets);
    free(c->dataset_lines);
    free(c->socket);
    free(c->socket_group);
    free(c->cache);
    free(c->ledger.path);
    *c = (struct config){0};
}
