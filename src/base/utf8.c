/* UTF-8 decoding and encoding; WHATWG Encoding Standard, "UTF-8 decoder". */
#include "base/utf8.h"

/* The length that a lead byte announces (0: not a lead byte) and the range of its second byte. */
static unsigned lead(unsigned char b, unsigned char *low, unsigned char *high) {
  *low = 0x80;
  *high = 0xBF;
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return 2;
  if (b >= 0xE0 && b <= 0xEF) {
    if (b == 0xE0) *low = 0xA0;
    if (b == 0xED) *high = 0x9F;
    return 3;
  }
  if (b >= 0xF0 && b <= 0xF4) {
    if (b == 0xF0) *low = 0x90;
    if (b == 0xF4) *high = 0x8F;
    return 4;
  }
  return 0;
}

/* Bytes of the sequence that are right so far (>= 1); *wanted is what the lead byte announces. */
static size_t scan(const unsigned char *s, size_t len, unsigned *wanted) {
  unsigned char low, high;
  *wanted = lead(s[0], &low, &high);
  size_t n = 1;
  while (n < *wanted && n < len && s[n] >= low && s[n] <= high) {
    low = 0x80;
    high = 0xBF;
    n++;
  }
  return n;
}

size_t sotto_utf8_decode(const char *text, size_t len, uint32_t *code_point) {
  const unsigned char *s = (const unsigned char *)text;
  unsigned wanted;
  size_t n = scan(s, len, &wanted);
  if (n != wanted) {
    *code_point = 0xFFFD;
    return n;
  }
  static const unsigned char lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  uint32_t c = s[0] & lead_mask[wanted];
  for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3F);
  *code_point = c;
  return n;
}

size_t sotto_utf8_encode(uint32_t c, char out[4]) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xC0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3F));
  out[2] = (char)(0x80 | (c >> 6 & 0x3F));
  out[3] = (char)(0x80 | (c & 0x3F));
  return 4;
}

bool sotto_utf8_valid(const char *text, size_t len) {
  for (size_t i = 0; i < len;) {
    unsigned wanted;
    size_t n = scan((const unsigned char *)text + i, len - i, &wanted);
    if (n != wanted) return false;
    i += n;
  }
  return true;
}

size_t sotto_utf8_complete_prefix(const char *text, size_t len) {
  const unsigned char *s = (const unsigned char *)text;
  size_t back = len < 3 ? len : 3;
  for (size_t i = len; i > len - back; i--) {
    if ((s[i - 1] & 0xC0) == 0x80) continue; /* continuation: look for its lead */
    unsigned wanted;
    size_t have = len - (i - 1);
    size_t n = scan(s + i - 1, have, &wanted);
    return n == have && n < wanted ? i - 1 : len;
  }
  return len;
}
