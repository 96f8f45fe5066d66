/* SPDX-License-Identifier: MIT */
/* Runs a fuzzer over its corpus as a test, built by any compiler: what was found once stays found.
 *
 * usage: replay_NAME [FILE...], without files all of tests/fuzz/corpus/NAME, twice. A fuzzer says
 * what is wrong by ending the process; one that leaves descriptors behind fails here.
 */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void run_file(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    if (!f || fstat(fileno(f), &st) < 0) {
        perror(path);
        exit(1);
    }
    printf("%s\n", path);
    fflush(stdout);
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1); /* exactly: a sanitizer sees what lies behind */
    if (!data || fread(data, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Returns how many files there were. */
static int run_folder(const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        run_file(path);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return count;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_file(argv[i]);
    if (argc > 1)
        return 0;
    const char *name = strstr(argv[0], "replay_");
    char folder[256];
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", name ? name + strlen("replay_") : "");
    int count = run_folder(folder);
    if (count <= 0) {
        fprintf(stderr, "%s: no files\n", folder);
        return 1;
    }
    /* What the first pass keeps for the process the second one has. */
    int before = count_descriptors();
    run_folder(folder);
    int after = count_descriptors();
    for (int i = 0; after > before && i < 5000; i++) { /* a thread may have some to close still */
        usleep(1000);
        after = count_descriptors();
    }
    if (after > before)
        fprintf(stderr, "descriptors: %d before, %d after\n", before, after);
    /* As scripts/run-tests reads it. */
    printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n", after <= before ? 100 : 99, count,
           after > before);
    return after > before;
}
