/* SPDX-License-Identifier: MIT */
/* Lines to copy. */
#include "ctl/found_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";

/* Owns: the caller. NULL without memory. */
static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *print(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

/* As a word of a shell. Owns: the caller. NULL without memory. */
static char *shell_word(const char *text)
{
    if (*text && text[strspn(text, plain)] == 0)
        return strdup(text);
    char *out = malloc(4 * strlen(text) + 3), *at = out;
    if (!out)
        return NULL;
    *at++ = '\'';
    for (; *text; text++)
        if (*text == '\'')
            at = stpcpy(at, "'\\''");
        else
            *at++ = *text;
    strcpy(at, "'");
    return out;
}

/* As a value within YAML's braces: in double quotes, which have escapes, where it is not plain. */
static char *yaml_value(const char *text)
{
    if (*text && *text != '-' && text[strspn(text, plain)] == 0)
        return strdup(text);
    char *out = malloc(4 * strlen(text) + 3), *at = out;
    if (!out)
        return NULL;
    *at++ = '"';
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            at += sprintf(at, "\\%c", *text);
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            at += sprintf(at, "\\x%02x", (unsigned char)*text);
        else
            *at++ = *text;
    strcpy(at, "\"");
    return out;
}

char *found_entry(const char *name, const char *path)
{
    char *value = yaml_value(path), *line = NULL;
    if (value)
        line = print("- {%s%s%spath: %s}", name ? "name: " : "", name ? name : "", name ? ", " : "",
                     value);
    free(value);
    return line;
}

char *found_import(const char *name, const char *path, const char *other)
{
    char *first = shell_word(path), *second = shell_word(other ? other : "x");
    char *word = shell_word(name), *line = NULL;
    if (first && second && word)
        line = print("fmnistctl import %s%s%s --name %s", first, other ? " " : "",
                     other ? second : "", word);
    free(first);
    free(second);
    free(word);
    return line;
}

char *found_tfds(const char *name, const char *said)
{
    return print(
        "fmnist.import_dataset({s: tfds.load(\"%s\", split=s) for s in (\"train\", \"test\")}, "
        "name=\"%s\")",
        said, name);
}

char *found_hugging_face(const char *name, const char *said)
{
    return print("fmnist.import_dataset(datasets.load_dataset(\"%s\"), name=\"%s\")", said, name);
}
