/* UTF-8 as the WHATWG Encoding Standard decodes it: invalid bytes become one U+FFFD per
 * maximal subpart, which is also what Python's and Rust's lossy decoders do. */
#ifndef SOTTO_BASE_UTF8_H
#define SOTTO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decode one code point from len >= 1 bytes: the number of bytes consumed (1..4), *code_point is
 * U+FFFD for invalid bytes. */
size_t sotto_utf8_decode(const char *text, size_t len, uint32_t *code_point);
/* Encode a code point (<= 0x10FFFF) into out[4]: the number of bytes written. */
size_t sotto_utf8_encode(uint32_t code_point, char out[4]);
/* True when all len bytes are valid UTF-8. */
bool sotto_utf8_valid(const char *text, size_t len);
/* The longest prefix of text that does not end inside a character that later bytes could complete.
 * What is left over (0..3 bytes) is kept by streaming callers. */
size_t sotto_utf8_complete_prefix(const char *text, size_t len);

#endif
