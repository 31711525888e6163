#include "base/sha256.h"

#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n) {
  return x >> n | x << (32 - n);
}

static inline uint32_t read_big_endian(const unsigned char *p) {
  uint32_t x;
  memcpy(&x, p, 4);
  return __builtin_bswap32(x);
}

static void take_blocks(uint32_t state[8], const unsigned char *p, size_t n_blocks) {
  uint32_t s[8];
  memcpy(s, state, sizeof s);
  for (; n_blocks; n_blocks--, p += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = read_big_endian(p + 4 * i);
    for (int i = 16; i < 64; i++) {
      uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
      uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (int i = 0; i < 64; i++) {
      uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      uint32_t t1 = h + s1 + (g ^ (e & (f ^ g))) + K[i] + w[i];
      uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      uint32_t t2 = s0 + ((a & b) | (c & (a | b)));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h;
  }
  memcpy(state, s, sizeof s);
}

void sotto_sha256_init(sotto_sha256 *hash) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  hash->n_bytes = 0;
  memcpy(hash->state, start, sizeof start);
}

void sotto_sha256_update(sotto_sha256 *hash, const void *data, size_t len) {
  const unsigned char *p = data;
  const size_t waiting = (size_t)(hash->n_bytes % 64);
  hash->n_bytes += len;
  if (waiting) {
    const size_t take = len < 64 - waiting ? len : 64 - waiting;
    if (take) memcpy(hash->block + waiting, p, take);
    p += take, len -= take;
    if (waiting + take < 64) return;
    take_blocks(hash->state, hash->block, 1);
  }
  take_blocks(hash->state, p, len / 64);
  if (len % 64) memcpy(hash->block, p + len / 64 * 64, len % 64);
}

void sotto_sha256_final(sotto_sha256 *hash, unsigned char digest[SOTTO_SHA256_BYTES]) {
  const uint64_t n_bits = __builtin_bswap64(hash->n_bytes * 8);
  static const unsigned char padding[64] = {0x80};
  const size_t waiting = (size_t)(hash->n_bytes % 64);
  sotto_sha256_update(hash, padding, (waiting < 56 ? 56 : 120) - waiting);
  sotto_sha256_update(hash, &n_bits, 8);
  for (int i = 0; i < 8; i++) {
    const uint32_t word = __builtin_bswap32(hash->state[i]);
    memcpy(digest + 4 * i, &word, 4);
  }
}
