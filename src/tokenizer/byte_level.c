/* The byte-level alphabet, in which a vocabulary spells every byte as one printable character:
 * '!'..'~', U+00A1..U+00AC and U+00AE..U+00FF as themselves, the other 68 as U+0100 and up
 * (bytes_to_unicode of GPT-2). */
#include "tokenizer/internal.h"

static bool spells_itself(unsigned c) {
  return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xFF && c != 0xAD);
}

/* The byte that the character c stands for, or -1. */
static int byte_of(unsigned c) {
  if (spells_itself(c)) return (int)c;
  if (c < 0x100 || c > 0x143) return -1;
  c -= 0x100; /* the bytes that do not spell themselves are 0..0x20, 0x7F..0xA0 and 0xAD */
  return (int)(c <= 0x20 ? c : c < 0x43 ? c - 0x21 + 0x7F : 0xAD);
}

size_t sotto_byte_level_decode(sotto_slice text, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < text.len;) {
    unsigned c = (unsigned char)text.data[i++];
    if (c >= 0x80) { /* the alphabet has no character of more than two bytes */
      unsigned next = i < text.len ? (unsigned char)text.data[i++] : 0;
      if (c < 0xC2 || c > 0xC5 || (next & 0xC0) != 0x80) return SIZE_MAX;
      c = (c & 0x1F) << 6 | (next & 0x3F);
    }
    int byte = byte_of(c);
    if (byte < 0) return SIZE_MAX;
    out[n++] = (char)byte;
  }
  return n;
}

/* Other tokens' text is not spelled in the alphabet: it is the bytes. */
static size_t bytes_of(sotto_slice text, sotto_token_attr attr, char *out) {
  if (attr != SOTTO_TOKEN_NORMAL && attr != SOTTO_TOKEN_BYTE) return SIZE_MAX;
  return sotto_byte_level_decode(text, out);
}

const sotto_decoder sotto_decoder_byte_level = {bytes_of};
