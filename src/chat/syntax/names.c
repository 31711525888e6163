/* Finds filters and tests by name. */
#include "chat/syntax/names.h"

#include <string.h>

static const char *const filters[] = {
#define X(name, ...) #name,
#include "chat/syntax/filters.def"
#undef X
};

static const char *const tests[] = {
#define X(name, ...) name,
#include "chat/syntax/tests.def"
#undef X
};

static int find(const char *const *names, size_t n, const char *name, size_t len) {
  for (size_t i = 0; i < n; i++) {
    if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return (int)i;
  }
  return -1;
}

int chat_find_filter(const char *name, size_t len) {
  return find(filters, sizeof filters / sizeof *filters, name, len);
}

int chat_find_test(const char *name, size_t len) {
  return find(tests, sizeof tests / sizeof *tests, name, len);
}
