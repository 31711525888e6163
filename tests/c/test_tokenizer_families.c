/* tokenizer/ against the reference library with the vocabularies of several families.
 * These come from set-up; the ids are kept as hashes (tests/golden/README.md). */
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "test.h"
#include "test_tokenizer_vocab.h"

static uint32_t fold(const void *data, size_t len) {
  const unsigned char *bytes = data;
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < len; i++) h = (h ^ bytes[i]) * 16777619u;
  return (h & 0xFFFFFF) ^ h >> 24;
}

static uint32_t fold_ids(const sotto_tokens *tokens) {
  return fold(tokens->ids, tokens->count * sizeof *tokens->ids);
}

static uint32_t digits(const char *text) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) value = value << 6 | (uint32_t)(strchr(alphabet, text[i]) - alphabet);
  return value;
}

/* Of a sparse list the entry for string `index`. The list is in order, and *next moves along. */
static const sotto_json *entry_at(const sotto_json **next, size_t index) {
  if (!*next || strtoul((*next)->key.data, NULL, 10) != index) return NULL;
  const sotto_json *found = *next;
  *next = found->next;
  return found;
}

static void complain(const char *id, const char *what, sotto_slice text,
                     const sotto_tokens *tokens) {
  printf("    %s, %s: '%.*s' gives", id, what, SOTTO_SLICE_ARG(text));
  for (size_t i = 0; i < tokens->count; i++) printf(" %d", tokens->ids[i]);
  printf("\n");
}

static void decode_text(const sotto_tokenizer *t, const sotto_tokens *tokens, sotto_str *out) {
  sotto_detokenizer d;
  sotto_detokenizer_init_text(&d, t);
  out->len = 0;
  for (size_t i = 0; i < tokens->count; i++) {
    CHECK(sotto_detokenizer_feed(&d, sotto_tokenizer_bytes(t, tokens->ids[i], true), out) ==
          SOTTO_OK);
  }
  CHECK(sotto_detokenizer_end(&d, out) == SOTTO_OK);
}

static void check_strings(const char *id, const sotto_tokenizer *t, const sotto_json *strings,
                          const sotto_json *golden, sotto_ctx *ctx) {
  sotto_slice special = sotto_json_get(golden, "special")->string;
  const sotto_json *literal = sotto_json_get(golden, "literal")->first;
  const sotto_json *decoded = sotto_json_get(golden, "text")->first;
  sotto_tokens tokens;
  sotto_str text;
  sotto_tokens_init(&tokens, ctx);
  sotto_str_init(&text, ctx);
  size_t n = 0, wrong = 0;
  for (const sotto_json *s = strings->first; s && 4 * n < special.len; s = s->next, n++) {
    const sotto_span all = {0, s->string.len};
    tokens.count = 0;
    CHECK(sotto_tokenizer_encode(t, s->string, &all, 1, &tokens) == SOTTO_OK);
    uint32_t expected = digits(special.data + 4 * n);
    if (!CHECK(fold_ids(&tokens) == expected) && wrong++ < 10)
      complain(id, "special", s->string, &tokens);

    const sotto_json *other = entry_at(&literal, n);
    if (other) expected = digits(other->string.data);
    tokens.count = 0;
    CHECK(sotto_tokenizer_encode(t, s->string, NULL, 0, &tokens) == SOTTO_OK);
    if (!CHECK(fold_ids(&tokens) == expected) && wrong++ < 10)
      complain(id, "literal", s->string, &tokens);

    other = entry_at(&decoded, n);
    decode_text(t, &tokens, &text);
    bool right = other ? fold(text.data, text.len) == digits(other->string.data)
                       : sotto_slice_eq((sotto_slice){text.data, text.len}, s->string);
    if (!CHECK(right) && wrong++ < 10) complain(id, "text", s->string, &tokens);
  }
  CHECK(n == strings->count && 4 * n == special.len && !literal && !decoded);
  sotto_str_free(&text);
  sotto_tokens_free(&tokens);
}

/* What becomes of every character between two letters, for the tables of BERT's processing. */
static void check_characters(const sotto_tokenizer *t, const sotto_json *golden, sotto_ctx *ctx) {
  const sotto_json *expected = sotto_json_get(golden, "characters");
  if (!expected) return;
  sotto_tokens tokens;
  sotto_tokens_init(&tokens, ctx);
  for (uint32_t c = 0; c < 0x40000; c++) {
    char text[6] = "a";
    if (c >= 0xD800 && c < 0xE000) continue;
    size_t len = 1 + sotto_utf8_encode(c, text + 1);
    text[len++] = 'b';
    CHECK(sotto_tokenizer_encode(t, (sotto_slice){text, len}, NULL, 0, &tokens) == SOTTO_OK);
  }
  CHECK(fold_ids(&tokens) == digits(expected->string.data));
  sotto_tokens_free(&tokens);
}

static void check_family(const char *id, const char *file) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  char path[128];
  snprintf(path, sizeof path, "models/cache/%s.gguf", file);
  sotto_tokenizer *t = test_file_tokenizer(path, NULL, &ctx);
  size_t strings_len, golden_len;
  snprintf(path, sizeof path, "tests/golden/tokenizer-%s.json", id);
  char *strings_file = test_read_file("tests/golden/tokenizer-strings.json", &strings_len);
  char *golden_file = test_read_file(path, &golden_len);
  sotto_arena arena;
  sotto_arena_init(&arena, &ctx);
  sotto_json *strings, *golden;
  if (t && strings_file && golden_file &&
      CHECK(sotto_json_parse(&arena, (sotto_slice){strings_file, strings_len}, &strings) ==
            SOTTO_OK) &&
      CHECK(sotto_json_parse(&arena, (sotto_slice){golden_file, golden_len}, &golden) ==
            SOTTO_OK)) {
    CHECK(strings->count >= 5000);
    check_strings(id, t, strings, golden, &ctx);
    check_characters(t, golden, &ctx);
  }
  sotto_arena_free(&arena);
  free(golden_file);
  free(strings_file);
  sotto_tokenizer_free(t);
  CHECK(ctx.bytes_in_use == 0);
}

#define FROM(name, id, file)                                                                       \
  TEST(tokenizer_gives_the_references_ids_for_##name) {                                            \
    check_family(id, file);                                                                        \
  }
#define FAMILY(name, id) FROM(name, id, "vocabularies/" id)
FAMILY(llama2, "llama2")
FAMILY(gemma2, "gemma2")
FAMILY(llama3, "llama3")
FAMILY(qwen3, "qwen3")
FAMILY(mistral_nemo, "mistral-nemo")
FAMILY(gpt_4o, "gpt-4o")
FROM(minilm, "minilm", "all-MiniLM-L6-v2.Q8_0")
