/* Replays fuzzing inputs without libFuzzer: every file of the folders (or files) named on the
 * command line goes through LLVMFuzzerTestOneInput. A missing or empty corpus is an error. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a whole file into memory of exactly its size, so that ASan sees every overrun. */
static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return perror(path), 1;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
  if (!data || size < 0 || fread(data, 1, (size_t)size, file) != (size_t)size) {
    fprintf(stderr, "%s: cannot read\n", path);
    free(data);
    fclose(file);
    return 1;
  }
  fclose(file);
  LLVMFuzzerTestOneInput(data, (size_t)size);
  free(data);
  return 0;
}

static int replay_folder(const char *path, int *count) {
  DIR *folder = opendir(path);
  if (!folder) return perror(path), 1;
  int failed = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    failed |= replay_file(name);
    ++*count;
  }
  closedir(folder);
  return failed;
}

int main(int argc, char **argv) {
  int failed = 0, count = 0;
  for (int i = 1; i < argc; i++) {
    struct stat info;
    if (stat(argv[i], &info) == 0 && !S_ISDIR(info.st_mode))
      failed |= replay_file(argv[i]), count++;
    else
      failed |= replay_folder(argv[i], &count);
  }
  printf("%d inputs replayed\n", count);
  return failed || count == 0;
}
