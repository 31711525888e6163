/* Little-endian reads from untrusted or unaligned memory. */
#ifndef SOTTO_BASE_BYTES_H
#define SOTTO_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t sotto_read_u16(const void *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint32_t sotto_read_u32(const void *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint64_t sotto_read_u64(const void *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline float sotto_read_f32(const void *p) {
  float v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline double sotto_read_f64(const void *p) {
  double v;
  memcpy(&v, p, sizeof v);
  return v;
}

#endif
