/* SHA-256 for hosts: that of browsers (SubtleCrypto) takes only all bytes at once. */
#include "api/sotto.h"
#include "base/sha256.h"

uint32_t sotto_hash_state_bytes(void) {
  return sizeof(sotto_sha256);
}
void sotto_hash_begin(void *state) {
  sotto_sha256_init(state);
}
void sotto_hash_add(void *state, const void *data, uint32_t len) {
  sotto_sha256_update(state, data, len);
}
void sotto_hash_end(void *state, unsigned char *digest) {
  sotto_sha256_final(state, digest);
}
