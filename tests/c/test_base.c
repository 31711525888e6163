/* base/: allocation accounting, arenas, strings, UTF-8. */
#include "base/arena.h"
#include "base/sha256.h"
#include "base/str.h"
#include "base/utf8.h"
#include "test.h"

TEST(base_alloc_accounts_exactly) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  void *a = sotto_alloc_aligned(&ctx, 100), *b = sotto_alloc(&ctx, 10);
  CHECK(((size_t)a & 63) == 0);
  b = sotto_realloc(&ctx, b, 10, 1000);
  CHECK(ctx.bytes_in_use >= 1100);
  sotto_free_aligned(&ctx, a, 100);
  sotto_free(&ctx, b, 1000);
  CHECK(ctx.bytes_in_use == 0);
  CHECK(sotto_alloc(&ctx, (size_t)-1 - 100) == NULL);
  CHECK(ctx.status == SOTTO_ERR_OUT_OF_MEMORY);
}

TEST(base_arena_gives_zeroed_aligned_blocks_and_frees_all) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_arena arena;
  sotto_arena_init(&arena, &ctx);
  for (size_t size = 0; size < 10000; size = size * 2 + 1) {
    unsigned char *p = sotto_arena_alloc(&arena, size);
    REQUIRE(p != NULL);
    CHECK(((size_t)p & 15) == 0);
    for (size_t i = 0; i < size; i++) CHECK(p[i] == 0);
    memset(p, 0xAA, size);
  }
  CHECK(sotto_arena_alloc(&arena, (size_t)-1) == NULL);
  CHECK(sotto_arena_array(&arena, (size_t)-1 / 4, 8) == NULL);
  sotto_arena_free(&arena);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(base_utf8_replaces_maximal_subparts) {
  static const struct {
    const char *bytes;
    const char *expected;
  } cases[] = {
      {"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"\x80", "\xEF\xBF\xBD"},
      {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xE2\x82z", "\xEF\xBF\xBDz"},
      {"\xF0\x9F\x98", "\xEF\xBF\xBD"},
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    char out[64];
    size_t n = 0, len = strlen(cases[c].bytes);
    for (size_t i = 0; i < len;) {
      uint32_t code_point;
      i += sotto_utf8_decode(cases[c].bytes + i, len - i, &code_point);
      n += sotto_utf8_encode(code_point, out + n);
    }
    out[n] = 0;
    CHECK_STR(out, cases[c].expected);
    CHECK(sotto_utf8_valid(cases[c].bytes, len) == (strcmp(out, cases[c].bytes) == 0));
  }
  CHECK(sotto_utf8_complete_prefix("a\xF0\x9F\x98", 4) == 1);
  CHECK(sotto_utf8_complete_prefix("a\xF0\x9F\x98\x80", 5) == 5);
  CHECK(sotto_utf8_complete_prefix("\xE2\x28", 2) == 2);
  CHECK(sotto_utf8_complete_prefix("\x80\x80\x80", 3) == 3);
}

TEST(base_str_escapes_json) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_str str;
  sotto_str_init(&str, &ctx);
  CHECK(sotto_str_append_json(&str, (sotto_slice){"\"\\\n\x01\xFF\xC3\xA9", 7}) == SOTTO_OK);
  CHECK_STR(str.data, "\"\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA9\"");
  sotto_str_free(&str);
  CHECK(ctx.bytes_in_use == 0);
}

static void check_sha256(const char *text, size_t times, size_t piece, const char *expected) {
  sotto_sha256 hash;
  unsigned char digest[SOTTO_SHA256_BYTES];
  char hex[2 * SOTTO_SHA256_BYTES + 1];
  size_t len = strlen(text);
  sotto_sha256_init(&hash);
  for (size_t i = 0; i < times; i++)
    for (size_t at = 0; at < len; at += piece)
      sotto_sha256_update(&hash, text + at, len - at < piece ? len - at : piece);
  sotto_sha256_final(&hash, digest);
  for (int i = 0; i < SOTTO_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  CHECK(strcmp(hex, expected) == 0);
}

/* FIPS 180-4's examples, and a million times 'a', in pieces of any size. */
TEST(base_sha256_gives_the_standards_digests) {
  static const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  static const char *many =
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaa";
  for (size_t piece = 1; piece < 130; piece += 7) {
    check_sha256("", 1, piece, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha256("abc", 1, piece,
                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256(two, 1, piece, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  }
  check_sha256(many, 10000, 33, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
