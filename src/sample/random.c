/* Philox4x32 with 10 rounds; multipliers and Weyl constants as in the paper. */
#include "sample/random.h"

void sotto_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53 * c0, b = (uint64_t)0xCD9E8D57 * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)b;
    c3 = (uint32_t)a;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

uint64_t sotto_random_u64(uint64_t seed, uint64_t position) {
  uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), 0, 0}, out[4];
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  sotto_philox4x32(counter, key, out);
  return out[0] | (uint64_t)out[1] << 32;
}

double sotto_random_uniform(uint64_t seed, uint64_t position) {
  return (double)(sotto_random_u64(seed, position) >> 11) * 0x1p-53;
}
