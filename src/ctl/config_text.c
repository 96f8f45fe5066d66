/* SPDX-License-Identifier: MIT */
/* Goes through the lines. Knows no YAML beyond how print.c writes it. */
#include "ctl/config_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys that are not this daemon's. */
static bool is_left_out(const char *line)
{
    static const char *const keys[] = {
        "workers:", "socket:", "socket_mode:", "socket_group:", "ledger:", "log_level:"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strncmp(line, keys[i], strlen(keys[i])))
            return true;
    return false;
}

static const char entry[] = "  - ";

/* The line that begins the dataset's entry. */
static bool is_entry_of(const char *line, const char *dataset)
{
    static const char key[] = "  - name: \"";
    size_t n = strlen(dataset);
    const char *name = line + sizeof key - 1;
    return !strncmp(line, key, sizeof key - 1) && !strncmp(name, dataset, n) && name[n] == '"';
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

static bool has_entry_of(const char *text, const char *dataset)
{
    for (; *text; text = next_line(text))
        if (is_entry_of(text, dataset))
            return true;
    return false;
}

static void write_config(FILE *f, const char *printed, const char *dataset, unsigned workers)
{
    bool one = has_entry_of(printed, dataset), skips = false, in_datasets = false;
    if (workers)
        fprintf(f, "workers: %u\n", workers);
    else
        fputs("workers: auto\n", f);
    fputs("log_level: warning\n", f);
    for (const char *line = printed, *next; *line; line = next) {
        next = next_line(line);
        if (*line != ' ' && *line != '#') {
            skips = is_left_out(line);
            in_datasets = !strncmp(line, "datasets:", 9);
        } else if (in_datasets && one && !strncmp(line, entry, sizeof entry - 1)) {
            skips = !is_entry_of(line, dataset);
        }
        if (!skips)
            fwrite(line, 1, (size_t)(next - line), f);
    }
}

char *config_text_for(const char *printed, const char *dataset, unsigned workers)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    write_config(f, printed, dataset, workers);
    bool failed = ferror(f);
    if (fclose(f) || failed) {
        free(text);
        return NULL;
    }
    return text;
}

void config_text_workers(const char *printed, char *text, unsigned size)
{
    static const char key[] = "workers: ";
    text[0] = 0;
    for (; *printed; printed = next_line(printed)) {
        if (strncmp(printed, key, sizeof key - 1) != 0)
            continue;
        const char *value = printed + sizeof key - 1, *why = strstr(value, "# ");
        int n = (int)strcspn(value, " \n");
        if (why && why < next_line(printed))
            snprintf(text, size, "%.*s (%.*s)", n, value, (int)strcspn(why + 2, "\n"), why + 2);
        else
            snprintf(text, size, "%.*s", n, value);
        return;
    }
}
