/* Case of single characters, after Unicode's simple mappings. */
#ifndef SOTTO_BASE_CASE_H
#define SOTTO_BASE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mapping moves `count` code points, first, first + step and so on, by the same distance. */
typedef struct sotto_case_run {
  uint32_t first;
  uint16_t count, step;
  int32_t delta;
} sotto_case_run;

/* False, and *c as it was, where none of the n runs, which are in order, has it. */
bool sotto_case_map(const sotto_case_run *runs, size_t n, uint32_t *c);
uint32_t sotto_lower(uint32_t c);

#endif
