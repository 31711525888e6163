/* tokenizer/ against the reference library's ids, and what it says about a real model. */
#include <stdlib.h>

#include "base/json.h"
#include "test.h"
#include "test_tokenizer_vocab.h"

#define TINY "models/tiny/tiny-q4_0.gguf"

static size_t from_base64(sotto_slice text, char *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t bits = 0;
  size_t n = 0, n_bits = 0;
  for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
    const char *digit = memchr(digits, text.data[i], 64);
    if (!CHECK(digit != NULL)) break;
    bits = bits << 6 | (uint32_t)(digit - digits);
    if ((n_bits += 6) >= 8) out[n++] = (char)(bits >> (n_bits -= 8));
  }
  return n;
}

static bool same_ids(const sotto_tokens *tokens, const sotto_json *expected) {
  if (tokens->count != expected->count) return false;
  const sotto_json *id = expected->first;
  for (size_t i = 0; i < tokens->count; i++, id = id->next) {
    if (tokens->ids[i] != id->integer) return false;
  }
  return true;
}

static void check_encode(const sotto_tokenizer *t, sotto_slice text, bool special,
                         const sotto_json *expected, sotto_tokens *tokens, const char *what) {
  tokens->count = 0;
  sotto_span all = {0, text.len};
  CHECK(sotto_tokenizer_encode(t, text, &all, special, tokens) == SOTTO_OK);
  if (CHECK(same_ids(tokens, expected))) return;
  printf("    %s: '%.*s' gives", what, SOTTO_SLICE_ARG(text));
  for (size_t i = 0; i < tokens->count; i++) printf(" %d", tokens->ids[i]);
  printf("\n");
}

/* Feed the ids' bytes one token at a time. */
static void check_decode(const sotto_tokenizer *t, const sotto_json *ids, sotto_slice expected,
                         sotto_ctx *ctx) {
  sotto_detokenizer d;
  sotto_str text;
  sotto_detokenizer_init(&d);
  sotto_str_init(&text, ctx);
  for (const sotto_json *id = ids->first; id; id = id->next) {
    sotto_slice bytes = sotto_tokenizer_bytes(t, (sotto_token)id->integer, true);
    CHECK(sotto_detokenizer_feed(&d, bytes, &text) == SOTTO_OK);
  }
  CHECK(sotto_detokenizer_end(&d, &text) == SOTTO_OK);
  CHECK(sotto_slice_eq((sotto_slice){text.data, text.len}, expected));
  sotto_str_free(&text);
}

static const sotto_json *first_of(const sotto_json *c, const char *const *keys) {
  for (; *keys; keys++) {
    const sotto_json *found = sotto_json_get(c, *keys);
    if (found) return found;
  }
  return NULL;
}

static void check_case(const sotto_tokenizer *smollm, const sotto_tokenizer *gpt2,
                       const sotto_json *c, sotto_tokens *tokens) {
  char bytes[65536];
  sotto_slice text;
  const sotto_json *base64 = sotto_json_get(c, "base64");
  if (base64 && CHECK(base64->string.len < sizeof bytes)) {
    text = (sotto_slice){bytes, from_base64(base64->string, bytes)};
  } else {
    text = sotto_json_get(c, "text")->string;
  }
  /* Results equal to an earlier key's are left out of the file. */
  static const char *const keys[] = {"gpt2_literal", "gpt2", "literal", "ids", NULL};
  const char *const gpt2_keys[] = {"gpt2", "ids", NULL};
  const sotto_json *ids = sotto_json_get(c, "ids"), *decoded = sotto_json_get(c, "decoded");
  check_encode(smollm, text, true, ids, tokens, "smollm");
  check_encode(smollm, text, false, first_of(c, keys + 2), tokens, "smollm, literal");
  check_encode(gpt2, text, true, first_of(c, gpt2_keys), tokens, "gpt-2");
  check_encode(gpt2, text, false, first_of(c, keys), tokens, "gpt-2, literal");
  check_decode(smollm, ids, decoded ? decoded->string : text, tokens->ctx);
}

static void check_golden(const char *model, const char *golden, size_t least) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokenizer *smollm = test_file_tokenizer(model, NULL, &ctx);
  sotto_tokenizer *gpt2 = test_file_tokenizer(model, "gpt-2", &ctx);
  size_t len;
  char *file = test_read_file(golden, &len);
  sotto_arena arena;
  sotto_arena_init(&arena, &ctx);
  sotto_json *root;
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, &ctx);
  if (smollm && gpt2 && file &&
      CHECK(sotto_json_parse(&arena, (sotto_slice){file, len}, &root) == SOTTO_OK)) {
    const sotto_json *valid = sotto_json_get(root, "valid"), *c;
    CHECK(valid->count >= least);
    for (c = valid->first; c; c = c->next) check_case(smollm, gpt2, c, &tokens);
    const sotto_json *invalid = sotto_json_get(root, "invalid");
    CHECK(invalid->count > 0);
    for (c = invalid->first; c; c = c->next) check_case(smollm, gpt2, c, &tokens);
    const sotto_json *decode = sotto_json_get(root, "decode");
    CHECK(decode->count > 0);
    for (c = decode->first; c; c = c->next) {
      check_decode(smollm, sotto_json_get(c, "ids"), sotto_json_get(c, "text")->string, &ctx);
    }
  }
  sotto_tokens_free(&tokens);
  sotto_arena_free(&arena);
  free(file);
  sotto_tokenizer_free(gpt2);
  sotto_tokenizer_free(smollm);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(tokenizer_gives_the_references_ids_for_the_default_model) {
  check_golden(TEST_MODEL, "tests/golden/tokenizer.json", 2000);
}

TEST(tokenizer_gives_the_references_ids_for_a_tiny_model) {
  check_golden(TINY, "tests/golden/tokenizer-tiny.json", 400);
}

TEST(tokenizer_knows_the_roles_of_the_default_models_tokens) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_tokenizer *t = test_file_tokenizer(TEST_MODEL, NULL, &ctx);
  REQUIRE(t != NULL);
  CHECK(sotto_tokenizer_n_vocab(t) == 49152);
  CHECK(sotto_tokenizer_bos(t) == 1 && sotto_tokenizer_eos(t) == 2 && sotto_tokenizer_pad(t) == 2);
  CHECK(!sotto_tokenizer_add_bos(t) && !sotto_tokenizer_add_eos(t));
  for (sotto_token id = -1; id <= 49152; id++) { /* <|endoftext|>, <|im_end|>, <reponame> */
    if (sotto_tokenizer_is_eog(t, id) != (id == 0 || id == 2 || id == 4))
      CHECK(!"end of generation");
    bool control = id >= 0 && id < 17;
    if ((sotto_tokenizer_attr(t, id) == SOTTO_TOKEN_CONTROL) != control) CHECK(!"control tokens");
  }
  CHECK(sotto_slice_is(sotto_tokenizer_text(t, 260), "Ġthe"));
  CHECK(sotto_slice_is(sotto_tokenizer_bytes(t, 260, false), " the"));
  CHECK(sotto_slice_is(sotto_tokenizer_bytes(t, 2, true), "<|im_end|>"));
  CHECK(sotto_tokenizer_bytes(t, 2, false).len == 0);
  CHECK(sotto_tokenizer_bytes(t, -1, true).len == 0 && sotto_tokenizer_text(t, 49152).len == 0);
  /* Compact: about twice the text of the vocabulary and 20 bytes a merge. */
  CHECK(ctx.bytes_in_use < 2600000);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}
