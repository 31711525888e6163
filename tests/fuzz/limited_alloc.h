/* An allocator for fuzz targets that fails after so many allocations and counts what is live. */
#ifndef SOTTO_TESTS_LIMITED_ALLOC_H
#define SOTTO_TESTS_LIMITED_ALLOC_H

#include <stdlib.h>

typedef struct allocator {
  unsigned left; /* allocations that succeed; 255: all */
  size_t live;
} allocator;

static void *limited_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  allocator *a = user;
  if (new_size == 0) {
    a->live -= old_size;
    free(ptr);
    return NULL;
  }
  if (a->left == 0) return NULL;
  if (a->left != 255) a->left--;
  void *grown = realloc(ptr, new_size);
  if (grown) a->live += new_size - old_size;
  return grown;
}

#endif
