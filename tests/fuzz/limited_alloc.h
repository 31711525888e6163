/* An allocator for fuzz targets that fails after so many allocations, or at so many bytes,
 * and counts what is live. */
#ifndef SOTTO_TESTS_LIMITED_ALLOC_H
#define SOTTO_TESTS_LIMITED_ALLOC_H

#include <stdbool.h>
#include <stdlib.h>

typedef struct allocator {
  unsigned left; /* allocations that succeed; 255: all */
  size_t live;
  size_t most;  /* bytes that may be live; 0: any number */
  bool once;    /* only one allocation fails, and all behind it succeed */
  bool refused; /* one has failed */
} allocator;

static bool limited_refuses(allocator *a, size_t more) {
  const bool counted = a->left == 0;
  if (counted && a->once) a->left = 255;
  if (counted || (a->most && more > a->most - a->live)) return true;
  if (a->left != 255) a->left--;
  return false;
}

static void *limited_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  allocator *a = user;
  if (new_size == 0) {
    a->live -= old_size;
    free(ptr);
    return NULL;
  }
  if (limited_refuses(a, new_size > old_size ? new_size - old_size : 0)) {
    a->refused = true;
    return NULL;
  }
  void *grown = realloc(ptr, new_size);
  if (grown) a->live += new_size - old_size;
  return grown;
}

#endif
