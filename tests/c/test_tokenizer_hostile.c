/* tokenizer/ given damaged, contradictory and hostile metadata, and memory that runs out. */
#include <stdlib.h>

#include "test.h"
#include "test_tokenizer_vocab.h"

/* B(name, status without ERR_, what the message must hold, how to break a small good vocabulary).
 * `v` is the vocabulary, `w` the writer that the rest goes to. */
#define BROKEN                                                                                     \
  B(no_model, INVALID_MODEL, "tokenizer.ggml.model is missing", v->model = NULL)                   \
  B(other_model, UNSUPPORTED_TOKENIZER, "'t5'", v->model = "t5")                                   \
  B(model_type, INVALID_MODEL, "tokenizer.ggml.model is not",                                      \
    (v->model = NULL, gguf_write_u32(w, "tokenizer.ggml.model", 1)))                               \
  B(empty_pre, UNSUPPORTED_TOKENIZER, "tokenizer.ggml.pre", v->pre = "")                           \
  B(other_pre, UNSUPPORTED_TOKENIZER, "'qwen35'", v->pre = "qwen35")                               \
  B(pre_type, INVALID_MODEL, "tokenizer.ggml.pre is not",                                          \
    (v->pre = NULL, gguf_write_bool(w, "tokenizer.ggml.pre", 1)))                                  \
  B(no_tokens, INVALID_MODEL, "tokenizer.ggml.tokens is missing", v->no_tokens = true)             \
  B(empty_tokens, INVALID_MODEL, "tokenizer.ggml.tokens", v->n_tokens = 0)                         \
  B(tokens_type, INVALID_MODEL, "tokenizer.ggml.tokens",                                           \
    (v->no_tokens = true, gguf_write_u32(w, "tokenizer.ggml.tokens", 9)))                          \
  B(tokens_element, INVALID_MODEL, "tokenizer.ggml.tokens",                                        \
    (v->no_tokens = true, gguf_write_i32s(w, "tokenizer.ggml.tokens", v->types, 9)))               \
  B(token_twice, INVALID_MODEL, "tokens[0] and [256]",                                             \
    (v->n_tokens = 256, v->n_merges = 0, test_vocab_token(v, "Ā", SOTTO_TOKEN_NORMAL)))            \
  B(control_twice, INVALID_MODEL, "same special token '<|im_end|>'",                               \
    test_vocab_token(v, "<|im_end|>", SOTTO_TOKEN_USER_DEFINED))                                   \
  B(long_token, INVALID_MODEL, "has 65536 bytes", long_token(v, 65536, SOTTO_TOKEN_NORMAL))        \
  B(long_special, INVALID_MODEL, "257 bytes", long_token(v, 257, SOTTO_TOKEN_CONTROL))             \
  B(types_type, INVALID_MODEL, "tokenizer.ggml.token_type",                                        \
    (v->no_types = true, gguf_write_u32(w, "tokenizer.ggml.token_type", 1)))                       \
  B(types_element, INVALID_MODEL, "tokenizer.ggml.token_type",                                     \
    (v->no_types = true,                                                                           \
     gguf_write_f32s(w, "tokenizer.ggml.token_type", (float[1024]){0}, v->n_tokens)))              \
  B(types_few, INVALID_MODEL, "tokenizer.ggml.token_type",                                         \
    (v->no_types = true,                                                                           \
     gguf_write_i32s(w, "tokenizer.ggml.token_type", v->types, v->n_tokens - 1)))                  \
  B(types_many, INVALID_MODEL, "tokenizer.ggml.token_type",                                        \
    (v->no_types = true,                                                                           \
     gguf_write_i32s(w, "tokenizer.ggml.token_type", v->types, v->n_tokens + 1)))                  \
  B(type_large, INVALID_MODEL, "token_type[3] is 7", v->types[3] = 7)                              \
  B(type_negative, INVALID_MODEL, "token_type[3]", v->types[3] = -1)                               \
  B(no_merges, INVALID_MODEL, "tokenizer.ggml.merges is missing", v->no_merges = true)             \
  B(merges_type, INVALID_MODEL, "tokenizer.ggml.merges is not",                                    \
    (v->no_merges = true, gguf_write_u32(w, "tokenizer.ggml.merges", 1)))                          \
  B(merges_element, INVALID_MODEL, "tokenizer.ggml.merges is not",                                 \
    (v->no_merges = true, gguf_write_i32s(w, "tokenizer.ggml.merges", v->types, 4)))               \
  B(merge_empty, INVALID_MODEL, "merges[2]", v->merges[2] = "")                                    \
  B(merge_space, INVALID_MODEL, "merges[2]", v->merges[2] = " ")                                   \
  B(merge_joined, INVALID_MODEL, "merges[2] 'he'", v->merges[2] = "he")                            \
  B(merge_left, INVALID_MODEL, "merges[2]", v->merges[2] = "h ")                                   \
  B(merge_right, INVALID_MODEL, "merges[2]", v->merges[2] = " e")                                  \
  B(merge_three, INVALID_MODEL, "merges[2]", v->merges[2] = "h e r")                               \
  B(merge_gap, INVALID_MODEL, "merges[2]", v->merges[2] = "h  e")                                  \
  B(merge_alphabet, INVALID_MODEL, "merges[2]", v->merges[2] = "h 中")                             \
  B(merge_invalid, INVALID_MODEL, "merges[2]", v->merges[2] = "h \xC4")                            \
  B(merge_of_unknown, INVALID_MODEL, "merges a token", v->merges[2] = "hh e")                      \
  B(merge_of_unknown_2, INVALID_MODEL, "merges a token", v->merges[2] = "h ee")                    \
  B(merge_to_unknown, INVALID_MODEL, "gives a token", v->merges[2] = "h h")                        \
  B(merge_to_unused, INVALID_MODEL, "gives a token", v->types[258] = SOTTO_TOKEN_UNUSED)           \
  B(pad_type, INVALID_MODEL, "padding_token_id",                                                   \
    gguf_write_f32(w, "tokenizer.ggml.padding_token_id", 1))                                       \
  B(eot_type, INVALID_MODEL, "eot_token_id",                                                       \
    gguf_write_string(w, "tokenizer.ggml.eot_token_id", "1"))                                      \
  B(bert_no_unknown, INVALID_MODEL, "[UNK]", v->model = "bert")                                    \
  B(bert_no_start, INVALID_MODEL, "[CLS]",                                                         \
    (v->model = "bert", test_vocab_token(v, "[UNK]", SOTTO_TOKEN_CONTROL)))                        \
  B(bert_unknown_is_text, INVALID_MODEL, "[UNK]",                                                  \
    (v->model = "bert", test_vocab_token(v, "[UNK]", SOTTO_TOKEN_NORMAL)))                         \
  B(bert_long_token, INVALID_MODEL, "513 bytes",                                                   \
    (v->model = "bert", test_vocab_token(v, "[UNK]", SOTTO_TOKEN_CONTROL),                         \
     test_vocab_token(v, "[CLS]", SOTTO_TOKEN_CONTROL),                                            \
     test_vocab_token(v, "[SEP]", SOTTO_TOKEN_CONTROL), long_token(v, 513, SOTTO_TOKEN_NORMAL)))   \
  B(add_bos_type, INVALID_MODEL, "add_bos_token",                                                  \
    gguf_write_u32(w, "tokenizer.ggml.add_bos_token", 1))                                          \
  B(add_eos_type, INVALID_MODEL, "add_eos_token",                                                  \
    gguf_write_string(w, "tokenizer.ggml.add_eos_token", "true"))

static void long_token(test_vocab *v, size_t len, sotto_token_attr attr) {
  static char text[65537];
  memset(text, 'q', sizeof text);
  text[len] = 0;
  test_vocab_token(v, text, attr);
}

#define B(name, status, message, how)                                                              \
  static void break_##name(test_vocab *v, gguf_writer *w) {                                        \
    (void)v, (void)w;                                                                              \
    how;                                                                                           \
  }
BROKEN
#undef B

TEST(tokenizer_refuses_broken_metadata) {
  static const struct {
    const char *name;
    void (*apply)(test_vocab *v, gguf_writer *w);
    sotto_status status;
    const char *message;
  } cases[] = {
#define B(name, status, message, how) {#name, break_##name, SOTTO_ERR_##status, message},
      BROKEN
#undef B
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, NULL, NULL);
    test_vocab v;
    test_vocab_english(&v, "gpt-2");
    gguf_writer w;
    gguf_writer_init(&w);
    cases[i].apply(&v, &w);
    test_vocab_write(&v, &w);
    sotto_gguf *gguf = test_vocab_parse(&w, &ctx);
    REQUIRE(gguf != NULL);
    size_t before = ctx.bytes_in_use;
    sotto_tokenizer *t = (sotto_tokenizer *)&ctx;
    bool right = sotto_tokenizer_new(&ctx, gguf, &t) == cases[i].status && t == NULL &&
                 strstr(ctx.message, cases[i].message) && strstr(ctx.message, "; ");
    if (!CHECK(right)) printf("    %s: %d %s\n", cases[i].name, ctx.status, ctx.message);
    sotto_tokenizer_free(t);
    CHECK(ctx.bytes_in_use == before);
    sotto_gguf_free(gguf);
    CHECK(ctx.bytes_in_use == 0);
  }
}

/* Odd, but the reference or converters produce it: taken as it is. */
TEST(tokenizer_accepts_odd_vocabularies) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  test_vocab_english(&v, "gpt-2");
  sotto_token the = 256 + 6; /* "Ġt he" */
  CHECK(strcmp(v.tokens[the], "Ġthe") == 0);
  test_vocab_token(&v, "", SOTTO_TOKEN_NORMAL); /* empty tokens */
  test_vocab_token(&v, "", SOTTO_TOKEN_NORMAL);
  test_vocab_token(&v, "", SOTTO_TOKEN_CONTROL);
  sotto_token raw = test_vocab_token(&v, " the", SOTTO_TOKEN_NORMAL); /* outside the alphabet */
  test_vocab_token(&v, "\xFF\xFE", SOTTO_TOKEN_NORMAL);
  test_vocab_token(&v, "\xC4", SOTTO_TOKEN_CONTROL);
  test_vocab_token(&v, "[PAD1]", SOTTO_TOKEN_UNUSED);
  test_vocab_token(&v, "[PAD1]", SOTTO_TOKEN_UNUSED);
  v.merges[v.n_merges++] = "h e"; /* a merge listed twice */
  v.merges[v.n_merges++] = "< |im_start|>";
  test_vocab_token(&v, "|im_start|>", SOTTO_TOKEN_NORMAL);
  v.types[17] = 0; /* "undefined" */
  gguf_writer w;
  gguf_writer_init(&w);
  test_vocab_write(&v, &w);
  gguf_write_raw(&w, "tokenizer.ggml.eos_token_id", SOTTO_GGUF_U16, &(uint16_t){42}, 2);
  gguf_write_bool(&w, "tokenizer.ggml.add_bos_token", 1); /* without a BOS */
  gguf_write_bool(&w, "tokenizer.ggml.add_eos_token", 1);
  sotto_gguf *gguf = test_vocab_parse(&w, &ctx);
  REQUIRE(gguf != NULL);
  sotto_tokenizer *t;
  REQUIRE(sotto_tokenizer_new(&ctx, gguf, &t) == SOTTO_OK);
  sotto_gguf_free(gguf);
  CHECK(!sotto_tokenizer_add_bos(t) && sotto_tokenizer_bos(t) == SOTTO_TOKEN_NONE);
  CHECK(sotto_tokenizer_add_eos(t) && sotto_tokenizer_eos(t) == 42);
  CHECK(sotto_tokenizer_is_eog(t, 42) && !sotto_tokenizer_is_eog(t, 43));
  CHECK(sotto_slice_is(sotto_tokenizer_bytes(t, raw, false), " the"));
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  CHECK(sotto_tokenizer_encode(t, SOTTO_SLICE(" the"), NULL, 0, &tokens) == SOTTO_OK);
  CHECK(tokens.count == 1 && tokens.ids[0] == the);
  sotto_tokens_free(&tokens);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

/* A merge must not be a way for a user to write a control token, however the file came to
 * have it. */
TEST(tokenizer_never_merges_to_a_control_token) {
  static const char *const pres[] = {"gpt-2", "llama-bpe"};
  for (int k = 0; k < 2; k++) {
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, NULL, NULL);
    test_vocab v;
    test_vocab_init(&v, pres[k]);
    sotto_token end = test_vocab_merge(&v, "< e");
    v.types[end] = SOTTO_TOKEN_CONTROL;
    v.types['A' - '!' + 33] = SOTTO_TOKEN_CONTROL;
    sotto_tokenizer *t = test_vocab_tokenizer(&v, &ctx);
    REQUIRE(t != NULL);
    sotto_tokens tokens;
    sotto_tokens_init(&tokens, &ctx);
    CHECK(sotto_tokenizer_encode(t, SOTTO_SLICE("<e A A"), NULL, 0, &tokens) == SOTTO_OK);
    for (size_t i = 0; i < tokens.count; i++) {
      CHECK(sotto_tokenizer_attr(t, tokens.ids[i]) == SOTTO_TOKEN_NORMAL);
    }
    CHECK(tokens.count == 4); /* "<", "e", " ", " " */
    sotto_tokens_free(&tokens);
    sotto_tokenizer_free(t);
    CHECK(ctx.bytes_in_use == 0);
  }
}

TEST(tokenizer_finds_the_tokens_that_end_a_turn) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  test_vocab v;
  test_vocab_english(&v, "gpt-4o");
  sotto_token im_end = (sotto_token)v.n_tokens - 1;
  sotto_token user = test_vocab_token(&v, "<|eot_id|>", SOTTO_TOKEN_USER_DEFINED);
  sotto_token normal = test_vocab_token(&v, "</s>", SOTTO_TOKEN_NORMAL);
  sotto_token eos = test_vocab_token(&v, "<|endoftext|>", SOTTO_TOKEN_NORMAL);
  sotto_token eom = test_vocab_token(&v, "<mine>", SOTTO_TOKEN_USER_DEFINED);
  sotto_token marked = test_vocab_token(&v, "<|marked|>", SOTTO_TOKEN_USER_DEFINED);
  sotto_token misnamed = test_vocab_token(&v, "<|eom_id|>", SOTTO_TOKEN_NORMAL);
  sotto_token plain = test_vocab_token(&v, "<|plain|>", SOTTO_TOKEN_NORMAL);
  sotto_token end = test_vocab_token(&v, "<|end|>", SOTTO_TOKEN_CONTROL);
  sotto_token result = test_vocab_token(&v, "<|return|>", SOTTO_TOKEN_CONTROL);
  sotto_token call = test_vocab_token(&v, "<|call|>", SOTTO_TOKEN_CONTROL);
  gguf_writer w;
  gguf_writer_init(&w);
  test_vocab_write(&v, &w);
  gguf_write_u32(&w, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
  gguf_write_u32(&w, "tokenizer.ggml.eom_token_id", (uint32_t)eom);
  sotto_gguf *gguf = test_vocab_parse(&w, &ctx);
  sotto_tokenizer *t;
  REQUIRE(gguf && sotto_tokenizer_new(&ctx, gguf, &t) == SOTTO_OK);
  const sotto_token ends[] = {im_end, user, eos, eom, misnamed, result, call};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    CHECK(sotto_tokenizer_is_eog(t, ends[i]));
    CHECK(sotto_tokenizer_attr(t, ends[i]) == SOTTO_TOKEN_CONTROL);
  }
  /* What looks like a control token is one, but its text belongs to the answer. */
  CHECK(!sotto_tokenizer_is_eog(t, marked));
  CHECK(sotto_tokenizer_attr(t, marked) == SOTTO_TOKEN_CONTROL);
  CHECK(sotto_tokenizer_bytes(t, marked, false).len == 10);
  CHECK(sotto_tokenizer_bytes(t, user, false).len == 0);
  CHECK(sotto_tokenizer_attr(t, plain) == SOTTO_TOKEN_NORMAL);
  /* An HTML tag in a vocabulary, and what ends a message but not the turn. */
  CHECK(!sotto_tokenizer_is_eog(t, normal) && !sotto_tokenizer_is_eog(t, end));
  sotto_tokenizer_free(t);
  sotto_gguf_free(gguf);
  CHECK(ctx.bytes_in_use == 0);
}

/* ---- memory that runs out ------------------------------------------------------------------- */

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  long *left = user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return (*left)-- > 0 ? realloc(ptr, new_size) : NULL;
}

TEST(tokenizer_survives_every_failing_allocation) {
  sotto_ctx plain, ctx;
  sotto_ctx_init(&plain, NULL, NULL);
  test_vocab v;
  test_vocab_english(&v, "smollm");
  gguf_writer w;
  gguf_writer_init(&w);
  test_vocab_write(&v, &w);
  sotto_gguf *gguf = test_vocab_parse(&w, &plain);
  REQUIRE(gguf != NULL);
  long left;
  sotto_ctx_init(&ctx, failing_alloc, &left);
  sotto_tokenizer *t = NULL;
  int failures = 0;
  for (long n = 0; !t && n < 100; n++) {
    left = n;
    sotto_status status = sotto_tokenizer_new(&ctx, gguf, &t);
    CHECK(status == (t ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY));
    if (t) break;
    CHECK(ctx.bytes_in_use == 0 && ctx.message[0]);
    failures++;
  }
  REQUIRE(t != NULL);
  CHECK(failures > 5);
  sotto_gguf_free(gguf);

  /* Special tokens, invalid UTF-8, short words and one that needs memory of its own. */
  char text[400] = "the\xFF<|im_start|> and ";
  size_t len = strlen(text), before = ctx.bytes_in_use;
  memset(text + len, 'x', sizeof text - len);
  sotto_span span = {0, sizeof text};
  sotto_tokens tokens;
  bool done = false;
  for (long n = 0; !done && n < 100; n++) {
    sotto_tokens_init(&tokens, &ctx);
    left = n;
    done =
        sotto_tokenizer_encode(t, (sotto_slice){text, sizeof text}, &span, 1, &tokens) == SOTTO_OK;
    CHECK(done ? tokens.count > 100 : tokens.count == 0);
    sotto_tokens_free(&tokens);
    CHECK(ctx.bytes_in_use == before);
    failures++;
  }
  CHECK(done);

  sotto_str out;
  sotto_detokenizer d;
  sotto_str_init(&out, &ctx);
  sotto_detokenizer_init(&d);
  left = 0;
  CHECK(sotto_detokenizer_feed(&d, SOTTO_SLICE("a\xE2\x82"), &out) == SOTTO_ERR_OUT_OF_MEMORY);
  CHECK(sotto_detokenizer_end(&d, &out) == SOTTO_ERR_OUT_OF_MEMORY);
  left = 1;
  CHECK(sotto_detokenizer_feed(&d, SOTTO_SLICE("a\xE2\x82"), &out) == SOTTO_OK);
  CHECK(sotto_detokenizer_feed(&d, SOTTO_SLICE("\xAC"), &out) == SOTTO_OK);
  CHECK_STR(out.data, "a€");
  sotto_str_free(&out);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0 && plain.bytes_in_use == 0);
}
