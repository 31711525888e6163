/* tokenizer/ on texts: pre-tokenisers, trust, bytes of every kind, long ones, and back. */
#include <stdlib.h>
#include <time.h>

#include "base/utf8.h"
#include "test.h"
#include "test_tokenizer_vocab.h"
#include "tokenizer/internal.h"

#define TEXT(literal) SOTTO_SLICE(literal)

/* Where each piece ends, in bytes: from the tokenizers library (0.23.3) with the pre-tokenisers of
 * the models' tokenizer.json files. */
static const struct {
  sotto_slice text;
  const char *ends[5]; /* gpt-2, smollm, llama-bpe, gpt-4o, tekken */
} splits[] = {
    {TEXT("I'M sure we'll don't you'Re 'tis 'LL'sx"),
     {"1 2 3 8 11 14 18 20 24 25 27 29 32 34 36 38 39",
      "1 2 3 8 11 14 18 20 24 25 27 29 32 34 36 38 39", "1 3 8 11 14 18 20 24 27 29 32 34 36 38 39",
      "3 8 14 20 27 29 32 34 38 39", "1 3 8 11 14 18 20 24 27 29 32 34 36 39"}},
    {TEXT("a'ſb 'ſ"), {"1 2 5 7 9", "1 2 5 7 9", "1 4 5 7 9", "4 5 7 9", "1 5 7 9"}},
    {TEXT("12345 67 1a2b"),
     {"5 8 10 11 12 13", "1 2 3 4 5 6 7 8 9 10 11 12 13", "3 5 6 8 9 10 11 12 13",
      "3 5 6 8 9 10 11 12 13", "1 2 3 4 5 6 7 8 9 10 11 12 13"}},
    {TEXT("x  y   \n  z"),
     {"1 2 4 9 11", "1 2 4 9 11", "1 2 4 8 9 11", "1 2 4 8 9 11", "1 2 4 8 9 11"}},
    {TEXT("\r\n\r\nfoo\n bar \t"),
     {"3 4 7 8 12 14", "3 4 7 8 12 14", "4 7 8 12 14", "4 7 8 12 14", "4 7 8 12 14"}},
    {TEXT("!?!\n\n//\n/ x"), {"3 4 5 7 8 9 11", "3 4 5 7 8 9 11", "5 8 9 11", "9 11", "9 11"}},
    {TEXT("...\r\nHello"), {"3 4 5 10", "3 4 5 10", "5 10", "5 10", "5 10"}},
    {TEXT("HTTPServer fooBar XMLHttpRequest ABCdefGHI"),
     {"10 17 32 42", "10 17 32 42", "10 17 32 42", "10 14 17 25 32 39 42", "10 14 17 25 32 39 42"}},
    {TEXT("ÀÉÎòñ ǅungla ʰa"), {"10 18 22", "10 18 22", "10 18 22", "10 18 22", "10 18 22"}},
    {TEXT("中文字符，标点。日本語テキスト"),
     {"12 15 21 24 45", "12 15 21 24 45", "12 21 45", "12 21 45", "12 21 45"}},
    {TEXT("e\u0301te\u0301 \u0301\u0301a"),
     {"1 3 5 7 12 13", "1 3 5 7 12 13", "1 5 7 12 13", "7 13", "7 13"}},
    {TEXT("\u0301A\u0301BC's"), {"2 3 5 7 9", "2 3 5 7 9", "3 7 9", "5 9", "5 7 9"}},
    {TEXT("द\u0947वन\u093Eगर\u0940 ल\u093Fप\u093F ५०"),
     {"3 6 12 15 21 24 28 31 34 37 44", "3 6 12 15 21 24 28 31 34 37 38 41 44",
      "3 12 21 24 28 34 37 38 44", "24 37 38 44", "24 37 38 41 44"}},
    {TEXT("½²Ⅷ x²"), {"7 9 11", "2 4 7 9 11", "7 9 11", "7 9 11", "2 4 7 9 11"}},
    {TEXT("\u00A0\u00A0a\u3000b\u2028c"),
     {"2 4 5 8 9 12 13", "2 4 5 8 9 12 13", "2 5 9 13", "2 5 9 13", "2 5 9 13"}},
    {TEXT("  leading and trailing  "),
     {"1 9 13 22 24", "1 9 13 22 24", "1 9 13 22 24", "1 9 13 22 24", "1 9 13 22 24"}},
    {TEXT("\t\tif (x) {\n\t\t\treturn 0;\n\t}\n"),
     {"1 2 4 6 7 8 10 13 14 20 22 23 24 25 26 27", "1 2 4 6 7 8 10 13 14 20 21 22 23 24 25 26 27",
      "1 4 6 7 8 11 13 20 21 22 24 25 27", "1 4 6 7 8 11 13 20 21 22 24 25 27",
      "1 4 6 7 8 11 13 20 21 22 24 25 27"}},
    {TEXT("😀👩\u200D👩\u200D👧 🇩🇪!"), {"22 32", "22 32", "22 32", "22 32", "22 32"}},
    {TEXT("aB'S Ab's AB'LL ab'Ve"),
     {"2 3 4 7 9 12 13 15 18 19 21", "2 3 4 7 9 12 13 15 18 19 21", "2 4 7 9 12 15 18 21",
      "1 4 9 15 21", "1 2 4 7 9 12 15 18 21"}},
    {TEXT("a\000b\034c\302\205d"),
     {"1 2 3 4 5 7 8", "1 2 3 4 5 7 8", "1 3 5 8", "1 3 5 8", "1 3 5 8"}},
    {TEXT("_foo_BAR-9"), {"1 4 5 8 9 10", "1 4 5 8 9 10", "4 8 9 10", "4 8 9 10", "4 8 9 10"}},
    {TEXT("ΑΒΓ αβγ ΣΊΣΥΦΟΣ’s"),
     {"6 13 28 31 32", "6 13 28 31 32", "6 13 28 32", "6 13 28 32", "6 13 28 32"}},
    {TEXT("ªABCª ABC"), {"7 11", "7 11", "7 11", "7 11", "7 11"}},
    {TEXT("\n"), {"1", "1", "1", "1", "1"}},
    {TEXT("   "), {"3", "3", "3", "3", "3"}},
};

TEST(pretokenizers_split_as_the_reference) {
  static const char *const names[5] = {"gpt-2", "smollm", "llama-bpe", "gpt-4o", "tekken"};
  for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
    for (int k = 0; k < 5; k++) {
      const sotto_pre *pre = sotto_pre_find((sotto_slice){names[k], strlen(names[k])});
      REQUIRE(pre != NULL);
      char ends[512] = "";
      const char *p = splits[i].text.data, *end = p + splits[i].text.len;
      while (p < end) {
        const char *next = pre->split(NULL, p, end);
        REQUIRE(next > p && next <= end);
        p = next;
        char number[24];
        snprintf(number, sizeof number, "%s%d", *ends ? " " : "", (int)(p - splits[i].text.data));
        strcat(ends, number);
      }
      CHECK_STR(ends, splits[i].ends[k]);
    }
  }
}

/* ---- special tokens and trust --------------------------------------------------------------- */

/* Encode with spans and write the tokens down, special ones in brackets. */
static void check_tokens(const sotto_tokenizer *t, sotto_slice text, const sotto_span *spans,
                         size_t n_spans, const char *expected) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  CHECK(sotto_tokenizer_encode(t, text, spans, n_spans, &tokens) == SOTTO_OK);
  char actual[512] = "";
  for (size_t i = 0; i < tokens.count; i++) {
    sotto_slice bytes = sotto_tokenizer_bytes(t, tokens.ids[i], true);
    bool special = sotto_tokenizer_attr(t, tokens.ids[i]) != SOTTO_TOKEN_NORMAL;
    snprintf(actual + strlen(actual), sizeof actual - strlen(actual), special ? "[%.*s]" : "%.*s ",
             (int)bytes.len, bytes.data);
  }
  CHECK_STR(actual, expected);
  sotto_tokens_free(&tokens);
  CHECK(ctx.bytes_in_use == 0);
}

static void special_vocab(test_vocab *v) {
  test_vocab_init(v, "gpt-2");
  test_vocab_merge(v, "a b");
  test_vocab_token(v, "<s>", SOTTO_TOKEN_CONTROL);
  test_vocab_token(v, "<s>!", SOTTO_TOKEN_CONTROL);
  test_vocab_token(v, "<s><", SOTTO_TOKEN_USER_DEFINED);
  test_vocab_token(v, "<t", SOTTO_TOKEN_USER_DEFINED);
  test_vocab_token(v, "<tu>", SOTTO_TOKEN_CONTROL);
  test_vocab_token(v, "\xEF\xBF\xBD", SOTTO_TOKEN_CONTROL); /* U+FFFD */
  test_vocab_token(v, "\xFFz", SOTTO_TOKEN_CONTROL);        /* no text can have it */
  test_vocab_token(v, "", SOTTO_TOKEN_CONTROL);
  test_vocab_token(v, "ab", SOTTO_TOKEN_CONTROL); /* as the normal token */
  test_vocab_token(v, "unused", SOTTO_TOKEN_UNUSED);
  test_vocab_token(v, "<unk>", SOTTO_TOKEN_UNKNOWN);
}

TEST(tokenizer_sees_control_tokens_in_trusted_text_only) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  special_vocab(&v);
  sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
  REQUIRE(t != NULL);
#define SPANS(...)                                                                                 \
  (sotto_span[]){__VA_ARGS__}, sizeof((sotto_span[]){__VA_ARGS__}) / sizeof(sotto_span)
  check_tokens(t, TEXT("a<s>b"), NULL, 0, "a < s > b ");
  check_tokens(t, TEXT("a<s>b"), SPANS({0, 5}), "a [<s>]b ");
  check_tokens(t, TEXT("a<s>b"), SPANS({1, 4}), "a [<s>]b ");
  check_tokens(t, TEXT("a<s>b"), SPANS({2, 5}), "a < s > b ");
  check_tokens(t, TEXT("a<s>b"), SPANS({0, 3}), "a < s > b ");
  check_tokens(t, TEXT("a<s>b"), SPANS({0, 3}, {4, 5}), "a < s > b ");
  check_tokens(t, TEXT("a<s>b"), SPANS({0, 2}, {2, 4}), "a [<s>]b "); /* touching spans are one */
  check_tokens(t, TEXT("a<s>b"), SPANS({1, 2}, {2, 2}, {2, 3}, {3, 4}), "a [<s>]b ");
  check_tokens(t, TEXT("<s>x<s>x<s>"), SPANS({4, 7}), "< s > x [<s>]x < s > ");
  check_tokens(t, TEXT("<s>"), SPANS({0, 0}, {3, 3}), "< s > ");
  /* The longest that is allowed; a longer one may be out of bounds. */
  check_tokens(t, TEXT("<s>!"), SPANS({0, 4}), "[<s>!]");
  check_tokens(t, TEXT("<s>!"), SPANS({0, 3}), "[<s>]! ");
  check_tokens(t, TEXT("<unk>unused"), SPANS({0, 11}), "[<unk>]u n u s e d ");
  /* User-defined tokens are found everywhere, and what is trusted does not shorten them. */
  check_tokens(t, TEXT("a<t>"), NULL, 0, "a [<t]> ");
  check_tokens(t, TEXT("<tu>"), NULL, 0, "[<t]u > ");
  check_tokens(t, TEXT("<tu>"), SPANS({0, 4}), "[<tu>]");
  check_tokens(t, TEXT("<s><s>"), SPANS({0, 3}), "[<s><]s > ");
  check_tokens(t, TEXT("<s><s>"), SPANS({0, 6}), "[<s><]s > ");
  /* A normal token spelled like a control token. */
  check_tokens(t, TEXT("ab"), NULL, 0, "ab ");
  check_tokens(t, TEXT("ab"), SPANS({0, 2}), "[ab]");
  /* Spans move with the text when it is repaired, and keep whole characters only. */
  check_tokens(t, TEXT("\xFF\xFF<s>\xFF<s>"), SPANS({2, 5}),
               "\xEF \xBF \xBD \xEF \xBF \xBD [<s>]\xEF \xBF \xBD < s > ");
  check_tokens(t, TEXT("\xFF\xFF<s>\xFF<s>"), SPANS({6, 9}),
               "\xEF \xBF \xBD \xEF \xBF \xBD < s > \xEF \xBF \xBD [<s>]");
  check_tokens(t, TEXT("\xE2\x82<s>"), SPANS({1, 5}), "\xEF \xBF \xBD [<s>]");
  check_tokens(t, TEXT("\xE2\x82<s>"), SPANS({0, 2}), "[\xEF\xBF\xBD]< s > ");
  check_tokens(t, TEXT("\xE2\x82<s>"), SPANS({0, 1}, {3, 5}), "\xEF \xBF \xBD < s > ");
  check_tokens(t, TEXT("\xFFz"), SPANS({0, 2}), "[\xEF\xBF\xBD]z ");
  check_tokens(t, TEXT(""), SPANS({0, 0}), "");
  check_tokens(t, TEXT(""), NULL, 0, "");
  check_tokens(t, (sotto_slice){NULL, 0}, NULL, 0, "");
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(tokenizer_refuses_impossible_spans) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  special_vocab(&v);
  sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
  REQUIRE(t != NULL);
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  CHECK(sotto_tokens_push(&tokens, 7) == SOTTO_OK);
  static const sotto_span bad[][2] = {{{0, 6}, {6, 6}},
                                      {{3, 2}, {4, 5}},
                                      {{0, 3}, {2, 4}},
                                      {{4, 5}, {0, 1}},
                                      {{0, (size_t)-1}, {0, 0}}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(sotto_tokenizer_encode(t, TEXT("a<s>b"), bad[i], 2, &tokens) ==
          SOTTO_ERR_INVALID_ARGUMENT);
    CHECK(tokens.count == 1 && tokens.ids[0] == 7);
  }
  sotto_slice huge = {"", (size_t)1 << 30};
  CHECK(sotto_tokenizer_encode(t, huge, NULL, 0, &tokens) == SOTTO_ERR_INVALID_ARGUMENT);
  sotto_tokens_free(&tokens);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

/* ---- any bytes ------------------------------------------------------------------------------ */

/* Short ASCII, characters of every length, and broken ones. */
static size_t random_text(uint32_t *seed, char *out, size_t cap) {
  static const char *const parts[] = {
      "the ",         " and",     "aaaa", "xyxyxyx", "  ",           "\n\n",
      "'s",           "123",      "é",    "中",      "😀",           "\xEF\xBF\xBD",
      "<|im_start|>", "\xF0\x9F", "\x80", "\xFF",    "\xED\xA0\x80", "Z"};
  size_t n = 0, parts_left = test_random(seed) % 40;
  while (parts_left--) {
    const char *part = parts[test_random(seed) % (sizeof parts / sizeof *parts)];
    size_t len = strlen(part);
    if (n + len + 1 > cap) break;
    memcpy(out + n, part, len);
    n += len;
    if (test_random(seed) % 4 == 0) out[n++] = (char)(test_random(seed) >> 4);
  }
  return n;
}

TEST(tokenizer_decodes_to_what_it_encoded) {
  static const char *const pres[] = {"gpt-2", "smollm", "llama-bpe", "gpt-4o", "tekken"};
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  uint32_t seed = 1;
  for (size_t k = 0; k < sizeof pres / sizeof *pres; k++) {
    test_vocab v;
    test_vocab_english(&v, pres[k]);
    sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
    REQUIRE(t != NULL);
    for (int round = 0; round < 400; round++) {
      char text[1024];
      size_t len = random_text(&seed, text, sizeof text);
      sotto_span span = {0, 0};
      if (len) span.start = test_random(&seed) % len;
      if (len) span.end = span.start + test_random(&seed) % (len - span.start + 1);
      sotto_tokens tokens;
      sotto_str expected, actual;
      sotto_tokens_init(&tokens, &ctx);
      sotto_str_init(&expected, &ctx);
      sotto_str_init(&actual, &ctx);
      CHECK(sotto_tokenizer_encode(t, (sotto_slice){text, len}, &span, 1, &tokens) == SOTTO_OK);
      test_lossy((sotto_slice){text, len}, &expected);
      test_decode(t, tokens.ids, tokens.count, &actual);
      CHECK(sotto_slice_eq((sotto_slice){expected.data, expected.len},
                           (sotto_slice){actual.data, actual.len}));
      sotto_tokens_free(&tokens);
      sotto_str_free(&expected);
      sotto_str_free(&actual);
    }
    sotto_tokenizer_free(t);
  }
  CHECK(ctx.bytes_in_use == 0);
}

TEST(detokenizer_gives_whole_characters_however_bytes_are_cut) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  uint32_t seed = 2;
  for (int round = 0; round < 3000; round++) {
    char text[256];
    size_t len = random_text(&seed, text, sizeof text);
    sotto_str expected, actual;
    sotto_str_init(&expected, &ctx);
    sotto_str_init(&actual, &ctx);
    test_lossy((sotto_slice){text, len}, &expected);
    sotto_detokenizer d;
    sotto_detokenizer_init(&d);
    for (size_t at = 0; at < len;) {
      size_t n = test_random(&seed) % 7, before = actual.len;
      if (n > len - at) n = len - at;
      CHECK(sotto_detokenizer_feed(&d, (sotto_slice){text + at, n}, &actual) == SOTTO_OK);
      if (n) CHECK(sotto_utf8_valid(actual.data + before, actual.len - before));
      /* Nothing is held back that is complete. */
      CHECK(d.n_pending < 4 && sotto_utf8_complete_prefix(d.pending, d.n_pending) == 0);
      at += n;
    }
    CHECK(sotto_detokenizer_end(&d, &actual) == SOTTO_OK);
    CHECK(sotto_slice_eq((sotto_slice){expected.data, expected.len},
                         (sotto_slice){actual.data, actual.len}));
    sotto_str_free(&expected);
    sotto_str_free(&actual);
  }
  CHECK(ctx.bytes_in_use == 0);
}

/* ---- merging -------------------------------------------------------------------------------- */

/* The definition: of all pairs the lowest rank, of equal ones the leftmost, again and again. */
static size_t merge_by_definition(const sotto_tokenizer *t, sotto_token *ids, size_t n) {
  for (;;) {
    const sotto_merge *best = NULL;
    size_t at = 0;
    for (size_t i = 0; i + 1 < n; i++) {
      const sotto_merge *m = sotto_merges_find(t, (uint32_t)ids[i], (uint32_t)ids[i + 1]);
      if (m && (!best || m->rank < best->rank)) best = m, at = i;
    }
    if (!best) return n;
    ids[at] = (sotto_token)best->id;
    n--;
    memmove(ids + at + 1, ids + at + 2, sizeof *ids * (n - at - 1));
  }
}

TEST(tokenizer_merges_as_defined_at_every_length) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokenizer *t = test_file_tokenizer(TEST_MODEL, NULL, &ctx);
  REQUIRE(t != NULL);
  uint32_t seed = 3;
  static const char *const alphabets[] = {"a", "ab", "xyz", "etaoinshrdlu", "=-"};
  for (size_t len = 1; len < 200; len++) {
    for (int k = 0; k < 5; k++) {
      char word[200];
      sotto_token ids[200];
      for (size_t i = 0; i < len; i++) {
        word[i] = alphabets[k][test_random(&seed) % strlen(alphabets[k])];
        ids[i] = t->byte_id[(unsigned char)word[i]];
      }
      sotto_tokens tokens;
      sotto_tokens_init(&tokens, &ctx);
      CHECK(sotto_tokenizer_encode(t, (sotto_slice){word, len}, NULL, 0, &tokens) == SOTTO_OK);
      size_t n = merge_by_definition(t, ids, len);
      CHECK(tokens.count == n && memcmp(tokens.ids, ids, n * sizeof *ids) == 0);
      sotto_tokens_free(&tokens);
    }
  }
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(tokenizer_takes_long_words_in_its_stride) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokenizer *t = test_file_tokenizer(TEST_MODEL, NULL, &ctx);
  REQUIRE(t != NULL);
  const size_t len = 1 << 20;
  char *text = malloc(len);
  REQUIRE(text != NULL);
  uint32_t seed = 4;
  for (int kind = 0; kind < 4; kind++) {
    for (size_t i = 0; i < len; i++) {
      static const char start[] = "<|im_star";
      text[i] = kind == 0   ? (char)('a' + test_random(&seed) % 26)
                : kind == 1 ? 'a'
                : kind == 2 ? ' '
                            : start[i % 9];
    }
    size_t before = ctx.bytes_in_use;
    ctx.bytes_peak = before;
    sotto_span all = {0, len};
    sotto_tokens tokens;
    sotto_tokens_init(&tokens, &ctx);
    struct timespec from, to;
    timespec_get(&from, TIME_UTC);
    CHECK(sotto_tokenizer_encode(t, (sotto_slice){text, len}, &all, 1, &tokens) == SOTTO_OK);
    timespec_get(&to, TIME_UTC);
    CHECK(tokens.count > 1000 && tokens.count < len);
    CHECK(to.tv_sec - from.tv_sec < 20); /* quadratic time would be many minutes */
    CHECK(ctx.bytes_peak - before <= 48 * len);
    sotto_tokens_free(&tokens);
    CHECK(ctx.bytes_in_use == before);
  }
  free(text);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}
