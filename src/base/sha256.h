/* SHA-256 (FIPS 180-4), added to as bytes arrive. */
#ifndef SOTTO_BASE_SHA256_H
#define SOTTO_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SOTTO_SHA256_BYTES 32

typedef struct sotto_sha256 {
  uint64_t n_bytes; /* so far */
  uint32_t state[8];
  unsigned char block[64]; /* n_bytes % 64 of them wait */
} sotto_sha256;

void sotto_sha256_init(sotto_sha256 *hash);
void sotto_sha256_update(sotto_sha256 *hash, const void *data, size_t len);
/* The digest; the hash is used up. */
void sotto_sha256_final(sotto_sha256 *hash, unsigned char digest[SOTTO_SHA256_BYTES]);

#endif
