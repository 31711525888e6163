/* FNV-1a, 64 bits: tells data apart by accident, not against an attacker. */
#ifndef SOTTO_BASE_HASH_H
#define SOTTO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SOTTO_HASH_START 14695981039346656037ull

/* Go on from `hash` (SOTTO_HASH_START, or of what came before) with len bytes. */
static inline uint64_t sotto_hash(uint64_t hash, const void *data, size_t len) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < len; i++) hash = (hash ^ bytes[i]) * 1099511628211ull;
  return hash;
}

#endif
