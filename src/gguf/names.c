/* Tables of names: sorted orders of indices, looked up by bisection. */
#include "base/utf8.h"
#include "gguf/internal.h"

static void sift(uint32_t *order, size_t root, size_t n,
                 bool (*before)(const void *, uint32_t, uint32_t), const void *user) {
  uint32_t moved = order[root];
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && before(user, order[child], order[child + 1])) child++;
    if (!before(user, moved, order[child])) break;
    order[root] = order[child];
  }
  order[root] = moved;
}

void sotto_sort_indices(uint32_t *order, size_t n,
                        bool (*before)(const void *user, uint32_t a, uint32_t b),
                        const void *user) {
  for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
  for (size_t i = n / 2; i-- > 0;) sift(order, i, n, before, user);
  for (size_t end = n; end-- > 1;) {
    uint32_t last = order[end];
    order[end] = order[0];
    order[0] = last;
    sift(order, 0, end, before, user);
  }
}

typedef struct named_table {
  const unsigned char *rows;
  size_t stride;
} named_table;

static sotto_slice name_of(const named_table *table, uint32_t index) {
  sotto_slice name;
  memcpy(&name, table->rows + table->stride * index, sizeof name);
  return name;
}

static int compare(sotto_slice a, sotto_slice b) {
  int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool name_before(const void *user, uint32_t a, uint32_t b) {
  const named_table *table = user;
  return compare(name_of(table, a), name_of(table, b)) < 0;
}

void sotto_names_sort(uint32_t *order, size_t n, const void *table, size_t stride) {
  sotto_sort_indices(order, n, name_before, &(named_table){table, stride});
}

int64_t sotto_names_duplicate(const uint32_t *order, size_t n, const void *table, size_t stride) {
  named_table t = {table, stride};
  for (size_t i = 1; i < n; i++) {
    if (sotto_slice_eq(name_of(&t, order[i - 1]), name_of(&t, order[i]))) return order[i];
  }
  return -1;
}

int64_t sotto_names_find(const uint32_t *order, size_t n, const void *table, size_t stride,
                         sotto_slice name) {
  named_table t = {table, stride};
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = compare(name_of(&t, order[middle]), name);
    if (c == 0) return order[middle];
    if (c < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return -1;
}

bool sotto_name_is_clean(sotto_slice name) {
  for (size_t i = 0; i < name.len; i++) {
    unsigned char c = (unsigned char)name.data[i];
    if (c < 0x20 || c == 0x7F) return false;
  }
  return sotto_utf8_valid(name.data, name.len);
}
