/* The C tests' harness: TEST(name) { ... } registers itself; CHECK records a failure and goes on.
 * main (test_main.c) runs all, or those whose name contains argv[1]. */
#ifndef SOTTO_TESTS_TEST_H
#define SOTTO_TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct test_case {
  const char *name;
  void (*run)(void);
  struct test_case *next;
} test_case;

void test_register(test_case *test);
/* Count one check; on failure print where and, if given, what. Returns `ok`. */
bool test_check(bool ok, const char *file, int line, const char *text);

/* A file of the repository (path from its root) read whole; NULL and a failed check if it is not
 * there. free() it. *len excludes the NUL put behind the last byte. */
char *test_read_file(const char *path, size_t *len);
/* True when the file exists: for data that is fetched, not committed. */
bool test_file_exists(const char *path);
/* The absolute or relative path of a repository file, perhaps in a static buffer. */
const char *test_path(const char *path);

#define TEST(id)                                                                                   \
  static void id(void);                                                                            \
  __attribute__((constructor)) static void register_##id(void) {                                   \
    static test_case self = {#id, id, NULL};                                                       \
    test_register(&self);                                                                          \
  }                                                                                                \
  static void id(void)

#define CHECK(expr) test_check((expr), __FILE__, __LINE__, #expr)
/* CHECK that stops this test when it fails. */
#define REQUIRE(expr)                                                                              \
  do {                                                                                             \
    if (!CHECK(expr)) return;                                                                      \
  } while (0)
#define CHECK_STR(actual, expected)                                                                \
  do {                                                                                             \
    const char *a_ = (actual), *e_ = (expected);                                                   \
    if (!CHECK(strcmp(a_, e_) == 0)) printf("    actual:   %s\n    expected: %s\n", a_, e_);       \
  } while (0)

#endif
