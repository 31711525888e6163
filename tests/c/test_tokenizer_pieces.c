/* SentencePiece BPE on small vocabularies: scores, spaces, bytes, what is unknown; and what a file
 * may leave out or get wrong, with the warnings for it. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/warnings.h"
#include "test.h"
#include "test_tokenizer_vocab.h"
#include "tokenizer/internal.h"

#define TEXT(literal) SOTTO_SLICE(literal)

/* Bytes of the tokens, with | between them. */
static void check_pieces(const sotto_tokenizer *t, sotto_slice text, const char *expected) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_span all = {0, text.len};
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  CHECK(sotto_tokenizer_encode(t, text, &all, 1, &tokens) == SOTTO_OK);
  char actual[512] = "";
  for (size_t i = 0; i < tokens.count; i++) {
    sotto_slice token = sotto_tokenizer_text(t, tokens.ids[i]);
    snprintf(actual + strlen(actual), sizeof actual - strlen(actual), i ? "|%.*s" : "%.*s",
             (int)token.len, token.data);
  }
  CHECK_STR(actual, expected);
  sotto_tokens_free(&tokens);
  CHECK(ctx.bytes_in_use == 0);
}

static void words(test_vocab *v) {
  test_vocab_pieces(v);
  test_vocab_piece(v, "ab", SOTTO_TOKEN_NORMAL, -3);
  test_vocab_piece(v, "bc", SOTTO_TOKEN_NORMAL, -1);
  test_vocab_piece(v, "abc", SOTTO_TOKEN_NORMAL, -2);
  test_vocab_piece(v, "\u2581a", SOTTO_TOKEN_NORMAL, -4);
  test_vocab_piece(v, "\u2581\u2581", SOTTO_TOKEN_NORMAL, -5);
  test_vocab_piece(v, "aa", SOTTO_TOKEN_NORMAL, -6);
  test_vocab_piece(v, "xy", SOTTO_TOKEN_UNUSED, -7);
  test_vocab_piece(v, "yz", SOTTO_TOKEN_NORMAL, -8);
  test_vocab_piece(v, "<u>", SOTTO_TOKEN_USER_DEFINED, 0);
  test_vocab_piece(v, "bc", SOTTO_TOKEN_NORMAL, -0.5f); /* a second time */
}

TEST(tokenizer_merges_pieces_by_score) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  words(&v);
  sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
  REQUIRE(t != NULL);
  CHECK(sotto_tokenizer_bos(t) == 1 && sotto_tokenizer_eos(t) == 2 && sotto_tokenizer_add_bos(t));
  CHECK(sotto_tokenizer_is_eog(t, 2) && !sotto_tokenizer_add_eos(t));
  check_pieces(t, TEXT(""), "");
  check_pieces(t, TEXT("abc"), "\u2581|abc"); /* bc, then abc, before \u2581a */
  check_pieces(t, TEXT("aaa"), "\u2581a|aa"); /* \u2581a first, then what is left */
  check_pieces(t, TEXT("abcb"), "\u2581|abc|b");
  check_pieces(t, TEXT(" a"), "\u2581|\u2581a");
  check_pieces(t, TEXT("  b"), "\u2581\u2581|\u2581|b"); /* leftmost of equal ones */
  check_pieces(t, TEXT("xyz"), "\u2581|x|yz");           /* xy is unused */
  check_pieces(t,
               TEXT("\u2581"
                    "a"),
               "\u2581|\u2581a"); /* U+2581 is a space */
  /* A space in front, and behind each special token. */
  check_pieces(t, TEXT("<s>a<u>a</s>"), "<s>|\u2581a|<u>|\u2581a|</s>");
  check_pieces(t, TEXT("<s></s>"), "<s>|</s>");
  /* Characters without a token become bytes; invalid ones are U+FFFD. */
  check_pieces(t, TEXT("a\u00e9\n"), "\u2581a|<0xC3>|<0xA9>|<0x0A>");
  check_pieces(t, TEXT("\xff"), "\u2581|<0xEF>|<0xBF>|<0xBD>");
  check_pieces(t, TEXT("<0x41>"), "\u2581|<0x3C>|<0x30>|x|<0x34>|<0x31>|<0x3E>");
  CHECK(sotto_slice_is(sotto_tokenizer_bytes(t, 3 + 0xC3, false), "\xC3"));
  CHECK(sotto_tokenizer_bytes(t, 3, false).len == 1);
  CHECK(sotto_slice_is(sotto_tokenizer_bytes(t, 259, false), " "));
  CHECK(sotto_tokenizer_bytes(t, 1, false).len == 0);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(tokenizer_decodes_pieces_as_a_stream) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  words(&v);
  sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
  REQUIRE(t != NULL);
  const sotto_token ids[] = {259, 260, 3 + 0xF0, 3 + 0x9F, 3 + 0x98, 3 + 0x80, 259, 3 + 0xC3, 261};
  const char *const so_far[] = {" ",
                                " a",
                                " a",
                                " a",
                                " a",
                                " a\U0001F600",
                                " a\U0001F600 ",
                                " a\U0001F600 ",
                                (" a\U0001F600 \uFFFD"
                                 "b")};
  for (int whole = 0; whole < 2; whole++) {
    sotto_detokenizer d;
    sotto_str out;
    sotto_str_init(&out, &ctx);
    sotto_detokenizer_init(&d);
    if (whole) sotto_detokenizer_init_text(&d, t);
    CHECK(sotto_detokenizer_feed(&d, TEXT(""), &out) == SOTTO_OK);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
      CHECK(sotto_detokenizer_feed(&d, sotto_tokenizer_bytes(t, ids[i], false), &out) == SOTTO_OK);
      CHECK_STR(out.data, so_far[i] + whole);
    }
    CHECK(sotto_detokenizer_end(&d, &out) == SOTTO_OK);
    sotto_str_free(&out);
  }
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

/* ---- merging, by definition ----------------------------------------------------------------- */

/* sentencepiece's loop over the whole text, without cutting it first. */
static size_t merge_by_definition(const sotto_tokenizer *t, const char *text, size_t *starts,
                                  size_t n) {
  for (;;) {
    uint32_t best = SOTTO_NO_ID;
    size_t at = 0;
    for (size_t i = 0; i + 1 < n; i++) {
      uint32_t id = sotto_vocab_find(t, text + starts[i], starts[i + 2] - starts[i]);
      if (id != SOTTO_NO_ID && (best == SOTTO_NO_ID || t->rank[id] < t->rank[best]))
        best = id, at = i;
    }
    if (best == SOTTO_NO_ID) return n;
    memmove(starts + at + 1, starts + at + 2, sizeof *starts * (n - at - 1));
    n--;
  }
}

TEST(tokenizer_merges_pieces_as_defined_at_every_length) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokenizer *t = test_file_tokenizer("models/cache/vocabularies/llama2.gguf", NULL, &ctx);
  REQUIRE(t != NULL);
  t->add_space_prefix = false;
  static const char *const alphabets[] = {"a", "ab ", "etaoinshrdlu  ", "=- \n", "the cat"};
  uint32_t seed = 5;
  for (size_t len = 1; len < 180; len++) {
    for (int k = 0; k < 5; k++) {
      char text[180];
      size_t starts[181], n = len;
      for (size_t i = 0; i < len; i++) {
        text[i] = alphabets[k][test_random(&seed) % strlen(alphabets[k])];
        starts[i] = i;
      }
      starts[len] = len;
      n = merge_by_definition(t, text, starts, n);
      sotto_tokens tokens;
      sotto_tokens_init(&tokens, &ctx);
      CHECK(sotto_tokenizer_encode(t, (sotto_slice){text, len}, NULL, 0, &tokens) == SOTTO_OK);
      size_t at = 0, i = 0;
      for (; i < tokens.count && i < n && at == starts[i]; i++) {
        at += sotto_tokenizer_bytes(t, tokens.ids[i], true).len;
      }
      CHECK(i == n && tokens.count == n && at == len);
      sotto_tokens_free(&tokens);
    }
  }
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

/* ---- what a file may leave out or get wrong ------------------------------------------------- */

/* The tokenizer of the vocabulary and what `add` writes; the warnings go to `out`. */
static sotto_tokenizer *build(const test_vocab *v, void (*add)(gguf_writer *w), sotto_ctx *ctx,
                              char *out, size_t size) {
  sotto_warnings warnings = {0};
  gguf_writer w;
  gguf_writer_init(&w);
  test_vocab_write(v, &w);
  if (add) add(&w);
  sotto_gguf *gguf = test_vocab_parse(&w, ctx);
  sotto_tokenizer *t = NULL;
  sotto_warnings_attach(ctx, &warnings);
  if (gguf && !CHECK(sotto_tokenizer_new(ctx, gguf, &t) == SOTTO_OK)) printf("%s\n", ctx->message);
  sotto_gguf_free(gguf);
  *out = 0;
  const char *line = warnings.text.data;
  for (size_t i = 0; i < warnings.count; i++, line += strlen(line) + 1) {
    snprintf(out + strlen(out), size - strlen(out), "%s\n", line);
  }
  sotto_warnings_attach(ctx, NULL);
  sotto_warnings_free(&warnings);
  return t;
}

static void none_of_all(gguf_writer *w) {
  gguf_write_u32(w, "tokenizer.ggml.bos_token_id", UINT32_MAX);
  gguf_write_i32(w, "tokenizer.ggml.eos_token_id", -1);
  gguf_write_u32(w, "tokenizer.ggml.padding_token_id", 100000);
  gguf_write_u64(w, "tokenizer.ggml.eot_token_id", UINT64_MAX);
  gguf_write_bool(w, "tokenizer.ggml.add_bos_token", 1);
}

TEST(tokenizer_takes_ids_that_no_token_has_as_absent) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  char said[2048];
  test_vocab_english(&v, "gpt-2");
  v.types[v.n_tokens - 1] = SOTTO_TOKEN_UNUSED; /* <|im_end|> */
  sotto_tokenizer *t = build(&v, none_of_all, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK(sotto_tokenizer_bos(t) == SOTTO_TOKEN_NONE && sotto_tokenizer_eos(t) == SOTTO_TOKEN_NONE);
  CHECK(sotto_tokenizer_pad(t) == SOTTO_TOKEN_NONE && !sotto_tokenizer_add_bos(t));
  CHECK(
      strstr(said, "tokenizer.ggml.bos_token_id is 4294967295, and the vocabulary has 305 tokens"));
  CHECK(strstr(said, "tokenizer.ggml.eos_token_id is -1, "));
  CHECK(strstr(said, "tokenizer.ggml.padding_token_id is 100000, "));
  CHECK(strstr(said, "tokenizer.ggml.eot_token_id is 18446744073709551615, "));
  CHECK(strstr(said, "the model names no token that ends an answer"));
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(tokenizer_says_when_it_has_to_guess) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  char said[2048];
  test_vocab_english(&v, NULL);
  sotto_tokenizer *t = build(&v, NULL, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK(strstr(said, "tokenizer.ggml.pre is missing: text is split into words as for GPT-2"));
  sotto_tokenizer_free(t);
  v.pre = "default";
  t = build(&v, NULL, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK(strstr(said, "tokenizer.ggml.pre is 'default', which names no family"));
  sotto_tokenizer_free(t);

  words(&v);
  t = build(&v, NULL, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK_STR(said, "");
  sotto_tokenizer_free(t);
  v.no_scores = true;
  t = build(&v, NULL, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK(strstr(said, "tokenizer.ggml.scores is missing: the order of the tokens stands in"));
  check_pieces(t, TEXT("abca"), "\u2581|abc|a");
  sotto_tokenizer_free(t);
  v.no_scores = false;
  for (size_t i = 0; i < v.n_tokens; i++) v.scores[i] = -1000;
  t = build(&v, NULL, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK(strstr(said, "tokenizer.ggml.scores is the same for all tokens"));
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

static void unknown_is_control(gguf_writer *w) {
  gguf_write_u32(w, "tokenizer.ggml.unknown_token_id", 2);
}

TEST(tokenizer_without_byte_tokens_gives_one_unknown_for_a_run) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  char said[2048];
  words(&v);
  for (int b = 0; b < 256; b++) v.types[3 + b] = SOTTO_TOKEN_UNUSED;
  sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
  REQUIRE(t != NULL);
  check_pieces(t, TEXT("a\u00e9\u00e8b\n"), "\u2581a|<unk>|b|<unk>");
  sotto_tokenizer_free(t);
  t = build(&v, unknown_is_control, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  check_pieces(t, TEXT("a\u00e9b"), "\u2581a|b"); /* no text makes a control token */
  sotto_tokenizer_free(t);
  v.types[0] = SOTTO_TOKEN_NORMAL; /* none by convention: what is unknown is dropped */
  t = test_vocab_tokenizer(&v, &ctx);
  REQUIRE(t != NULL);
  check_pieces(t, TEXT("a\u00e9\u00e8b\n"), "\u2581a|b");
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

static void no_space_prefix(gguf_writer *w) {
  gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", 0);
}

/* As Gemma has it: no space in front, spaces and HTML tags as user-defined tokens. */
TEST(tokenizer_finds_user_defined_spaces_and_tags) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  char said[2048];
  words(&v);
  v.tokens[2] = "<eos>";
  test_vocab_piece(&v, "  ", SOTTO_TOKEN_USER_DEFINED, -1000);
  test_vocab_piece(&v, "\u2581\u2581\u2581", SOTTO_TOKEN_USER_DEFINED, 0);
  sotto_token tag = test_vocab_piece(&v, "</s>", SOTTO_TOKEN_USER_DEFINED, 0);
  test_vocab_piece(&v, "<u>", SOTTO_TOKEN_CONTROL, 0); /* as the user-defined one: it is control */
  sotto_tokenizer *t = build(&v, no_space_prefix, &ctx, said, sizeof said);
  REQUIRE(t != NULL);
  CHECK_STR(said, "");
  CHECK(!sotto_tokenizer_is_eog(t, tag) && sotto_tokenizer_is_eog(t, 2));
  check_pieces(t, TEXT("a  a    a\u2581\u2581"), "a|  |a|\u2581\u2581\u2581|\u2581a|  ");
  check_pieces(t, TEXT("a</s>a"), "a|</s>|a");
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  CHECK(sotto_tokenizer_encode(t, TEXT("<u>"), NULL, 0, &tokens) == SOTTO_OK);
  CHECK(tokens.count == 3); /* no user can write it */
  sotto_tokens_free(&tokens);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(tokenizer_refuses_broken_pieces) {
  static char longest[2000];
  memset(longest, 'a', sizeof longest - 1);
  for (int k = 0; k < 4; k++) {
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, NULL, NULL);
    test_vocab v;
    words(&v);
    gguf_writer w;
    gguf_writer_init(&w);
    const char *message = "tokenizer.ggml.scores is not an array of";
    v.no_scores = k < 2;
    if (k == 0) gguf_write_u32(&w, "tokenizer.ggml.scores", 1);
    if (k == 1) gguf_write_f32s(&w, "tokenizer.ggml.scores", v.scores, v.n_tokens - 1);
    if (k == 2) v.scores[265] = NAN, message = "tokenizer.ggml.scores[265] is not a number";
    if (k == 3) test_vocab_piece(&v, longest, SOTTO_TOKEN_NORMAL, 0), message = "has 1999 bytes";
    test_vocab_write(&v, &w);
    sotto_gguf *gguf = test_vocab_parse(&w, &ctx);
    sotto_tokenizer *t;
    REQUIRE(gguf != NULL);
    CHECK(sotto_tokenizer_new(&ctx, gguf, &t) == SOTTO_ERR_INVALID_MODEL && !t);
    if (!CHECK(strstr(ctx.message, message))) printf("    %s\n", ctx.message);
    sotto_gguf_free(gguf);
    CHECK(ctx.bytes_in_use == 0);
  }
}

/* ---- memory that runs out, and long texts --------------------------------------------------- */

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  long *left = user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return (*left)-- > 0 ? realloc(ptr, new_size) : NULL;
}

static void check_failing(const test_vocab *v, sotto_slice text) {
  sotto_ctx plain, ctx;
  sotto_ctx_init(&plain, NULL, NULL);
  gguf_writer w;
  gguf_writer_init(&w);
  test_vocab_write(v, &w);
  sotto_gguf *gguf = test_vocab_parse(&w, &plain);
  REQUIRE(gguf != NULL);
  long left;
  sotto_ctx_init(&ctx, failing_alloc, &left);
  sotto_tokenizer *t = NULL;
  int failures = 0;
  for (long n = 0; !t && n < 100; n++, failures++) {
    left = n;
    CHECK((sotto_tokenizer_new(&ctx, gguf, &t) == SOTTO_OK) == (t != NULL));
    CHECK(t || ctx.bytes_in_use == 0);
  }
  CHECK(t && failures > 6);
  sotto_gguf_free(gguf);
  size_t before = ctx.bytes_in_use;
  bool done = false;
  failures = 0;
  for (long n = 0; t && !done && n < 100; n++, failures++) {
    sotto_tokens tokens;
    sotto_tokens_init(&tokens, &ctx);
    left = n;
    done = sotto_tokenizer_encode(t, text, NULL, 0, &tokens) == SOTTO_OK;
    CHECK(done || tokens.count == 0);
    sotto_tokens_free(&tokens);
    CHECK(ctx.bytes_in_use == before);
  }
  CHECK(done && failures > 3);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0 && plain.bytes_in_use == 0);
}

TEST(tokenizer_of_pieces_survives_every_failing_allocation) {
  char text[400] = "a\xFF \u2581<u>e\u0301 ";
  size_t len = strlen(text);
  memset(text + len, 'a', sizeof text - len);
  test_vocab v;
  words(&v);
  check_failing(&v, (sotto_slice){text, sizeof text});
  test_vocab_english(&v, "qwen2"); /* its normaliser asks for memory too */
  check_failing(&v, (sotto_slice){text, sizeof text});
}

static double encode_seconds(const sotto_tokenizer *t, const char *text, size_t len) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  struct timespec from, to;
  timespec_get(&from, TIME_UTC);
  CHECK(sotto_tokenizer_encode(t, (sotto_slice){text, len}, NULL, 0, &tokens) == SOTTO_OK);
  timespec_get(&to, TIME_UTC);
  sotto_tokens_free(&tokens);
  return (double)(to.tv_sec - from.tv_sec);
}

TEST(tokenizer_of_pieces_takes_long_texts_in_its_stride) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  static const char *const files[] = {"llama2", "qwen3"};
  static const char *const units[] = {"a",      " ", "ab", "=", "\u4e2d", "\u0301\u0323",
                                      "\u00e9", "\n"};
  const size_t len = 1 << 20;
  char *text = malloc(len);
  REQUIRE(text != NULL);
  for (int f = 0; f < 2; f++) {
    char path[64];
    snprintf(path, sizeof path, "models/cache/vocabularies/%s.gguf", files[f]);
    sotto_tokenizer *t = test_file_tokenizer(path, NULL, &ctx);
    if (!CHECK(t != NULL)) continue;
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
      size_t n = 0, unit = strlen(units[k]);
      for (; n + unit <= len; n += unit) memcpy(text + n, units[k], unit);
      CHECK(encode_seconds(t, text, n) < 20); /* quadratic time would be many minutes */
    }
    sotto_tokenizer_free(t);
  }
  free(text);
  CHECK(ctx.bytes_in_use == 0);
}
