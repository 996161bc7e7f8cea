/* SPDX-License-Identifier: MIT */
/* Gives a fuzz program the inputs that were kept, without a fuzzer: any compiler, each folder in the order of
 * its names.
 *
 *     fuzz-NAME FILE|FOLDER...
 *
 * A run that breaks something ends by a signal, with the input's name said before. */
#include "fuzz.h"
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long replayed;
static const char *replay_now = "";

/* Only what a signal handler may call. */
static void replay_died(int number)
{
    const char words[] = "while replaying ";
    ssize_t written = write(STDERR_FILENO, words, sizeof(words) - 1);

    written += write(STDERR_FILENO, replay_now, strlen(replay_now));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *data;
    size_t size;

    if (!file || fstat(fileno(file), &about) != 0) {
        perror(path);
        exit(1);
    }
    data = malloc((size_t)about.st_size + 1);
    if (!data)
        abort();
    size = fread(data, 1, (size_t)about.st_size, file);
    fclose(file);
    replay_now = path;
    LLVMFuzzerTestOneInput(data, size);
    replay_now = "";
    free(data);
    replayed++;
}

static void replay_folder(const char *path)
{
    struct dirent **entry;
    int nr = scandir(path, &entry, NULL, alphasort);

    for (int i = 0; i < nr; i++) {
        char *name = NULL;
        if (entry[i]->d_name[0] != '.' && asprintf(&name, "%s/%s", path, entry[i]->d_name) > 0)
            replay_file(name);
        free(name);
        free(entry[i]);
    }
    if (nr >= 0)
        free(entry);
}

int main(int argc, char **argv)
{
    struct sigaction segv;

    signal(SIGABRT, replay_died);
    sigaction(SIGSEGV, NULL, &segv);
    if (segv.sa_handler == SIG_DFL) /* else a sanitizer has better words for it */
        signal(SIGSEGV, replay_died);
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) != 0) {
            perror(argv[i]);
            return 1;
        }
        if (S_ISDIR(about.st_mode))
            replay_folder(argv[i]);
        else
            replay_file(argv[i]);
    }
    printf("%lu inputs\n", replayed);
    if (!replayed) {
        fprintf(stderr, "usage: %s FILE|FOLDER...: there is no input\n", argv[0]);
        return 1;
    }
    return 0;
}
