#include "base/case.h"

#include "base/lower_tables.h"

bool sotto_case_map(const sotto_case_run *runs, size_t n, uint32_t *c) {
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    const sotto_case_run *r = &runs[middle];
    uint32_t last = r->first + (uint32_t)(r->count - 1) * r->step;
    if (*c < r->first)
      high = middle;
    else if (*c > last)
      low = middle + 1;
    else {
      if ((*c - r->first) % r->step) return false;
      *c = (uint32_t)((int32_t)*c + r->delta);
      return true;
    }
  }
  return false;
}

uint32_t sotto_lower(uint32_t c) {
  if (c < 0x80) return c - 'A' < 26 ? c | 0x20 : c;
  sotto_case_map(lower_runs, sizeof lower_runs / sizeof *lower_runs, &c);
  return c;
}
