/* Runs the registered tests. SOTTO_ROOT (environment) is the repository's root, default ".". */
#include <stdlib.h>

#include "test.h"

static test_case *tests;
static long checks, failures;

void test_register(test_case *test) {
  test_case **at = &tests;
  while (*at && strcmp((*at)->name, test->name) < 0) at = &(*at)->next;
  test->next = *at;
  *at = test;
}

bool test_check(bool ok, const char *file, int line, const char *text) {
  checks++;
  if (!ok) {
    failures++;
    printf("  %s:%d: CHECK(%s) failed\n", file, line, text);
  }
  return ok;
}

const char *test_path(const char *path) {
  static char buffer[1024];
  const char *root = getenv("SOTTO_ROOT");
  if (!root) return path; /* not "./": old wasi-libc finds no directory granted for that */
  snprintf(buffer, sizeof buffer, "%s/%s", root, path);
  return buffer;
}

bool test_file_exists(const char *path) {
  FILE *file = fopen(test_path(path), "rb");
  if (file) fclose(file);
  return file != NULL;
}

char *test_read_file(const char *path, size_t *len) {
  FILE *file = fopen(test_path(path), "rb");
  if (!test_check(file != NULL, __FILE__, __LINE__, path)) return NULL;
  size_t cap = 1 << 16, n = 0, got;
  char *data = malloc(cap);
  while (data && (got = fread(data + n, 1, cap - n - 1, file)) > 0) {
    n += got;
    if (cap - n < 2) data = realloc(data, cap *= 2);
  }
  fclose(file);
  if (!test_check(data != NULL, __FILE__, __LINE__, "memory for a test file")) return NULL;
  data[n] = 0;
  *len = n;
  return data;
}

int main(int argc, char **argv) {
  long run = 0, failed = 0;
  for (test_case *test = tests; test; test = test->next) {
    if (argc > 1 && !strstr(test->name, argv[1])) continue;
    long before = failures;
    test->run();
    run++;
    if (failures != before) {
      failed++;
      printf("FAIL %s\n", test->name);
    }
  }
  printf("%ld checks\n%ld passed, %ld failed\n", checks, run - failed, failed);
  return failed || !run ? 1 : 0;
}
