/* Vocabularies for the tokenizer's tests. */
#include "test_tokenizer_vocab.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "test.h"

static const char *keep(test_vocab *v, const char *text, size_t len) {
  char *copy = v->pool + v->pool_used;
  if (v->pool_used + len + 1 > sizeof v->pool) abort();
  memcpy(copy, text, len);
  copy[len] = 0;
  v->pool_used += len + 1;
  return copy;
}

sotto_token test_vocab_token(test_vocab *v, const char *text, sotto_token_attr attr) {
  if (v->n_tokens == 1024) abort();
  v->tokens[v->n_tokens] = text;
  v->types[v->n_tokens] = attr;
  return (sotto_token)v->n_tokens++;
}

sotto_token test_vocab_merge(test_vocab *v, const char *merge) {
  if (v->n_merges == 1024) abort();
  v->merges[v->n_merges++] = merge;
  size_t left = strcspn(merge, " "), right = strlen(merge) - left - 1;
  char text[256];
  memcpy(text, merge, left);
  memcpy(text + left, merge + left + 1, right);
  return test_vocab_token(v, keep(v, text, left + right), SOTTO_TOKEN_NORMAL);
}

void test_vocab_init(test_vocab *v, const char *pre) {
  memset(v, 0, sizeof *v);
  v->model = "gpt2";
  v->pre = pre;
  uint32_t other = 0x100;
  for (uint32_t b = 0; b < 256; b++) {
    bool printable = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
    char text[4];
    size_t len = sotto_utf8_encode(printable ? b : other++, text);
    test_vocab_token(v, keep(v, text, len), SOTTO_TOKEN_NORMAL);
  }
}

void test_vocab_english(test_vocab *v, const char *pre) {
  static const char *const merges[] = {
      "Ġ t",  "Ġ a",   "h e", "i n",  "r e", "o n",   "Ġt he", "e r",   "Ġ s",     "a t",
      "Ġ w",  "n d",   "Ġ o", "o u",  "e s", "Ġ c",   "i s",   "o r",   "i t",     "l l",
      "in g", "Ġa nd", "' s", "' t",  "Ġ Ġ", "ĠĠ ĠĠ", "a a",   "aa aa", "aaaa aa", "Ã ©",
      "ä ¸",  "ä¸ Ń",  "ï ¿", "ï¿ ½", "Ċ Ċ", "! !",   "1 2",   "12 3",  "x y",     "y x",
      "xy x", "yx y",  "< |", "| >",  "s t", "ar t",  "a r"};
  test_vocab_init(v, pre);
  for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
    if (strcmp(merges[i], "ar t") == 0) continue; /* needs the merge behind it */
    test_vocab_merge(v, merges[i]);
  }
  test_vocab_merge(v, "ar t");
  test_vocab_token(v, "<|im_start|>", SOTTO_TOKEN_CONTROL);
  test_vocab_token(v, "<|im_end|>", SOTTO_TOKEN_CONTROL);
}

sotto_token test_vocab_piece(test_vocab *v, const char *text, sotto_token_attr attr, float score) {
  v->scores[v->n_tokens] = score;
  return test_vocab_token(v, text, attr);
}

void test_vocab_pieces(test_vocab *v) {
  memset(v, 0, sizeof *v);
  v->model = "llama";
  v->pre = "default";
  v->no_merges = true;
  test_vocab_token(v, "<unk>", SOTTO_TOKEN_UNKNOWN);
  test_vocab_token(v, "<s>", SOTTO_TOKEN_CONTROL);
  test_vocab_token(v, "</s>", SOTTO_TOKEN_CONTROL);
  for (int b = 0; b < 256; b++) {
    char text[8];
    snprintf(text, sizeof text, "<0x%02X>", b);
    test_vocab_token(v, keep(v, text, 6), SOTTO_TOKEN_BYTE);
  }
  test_vocab_piece(v, "\u2581", SOTTO_TOKEN_NORMAL, -1000);
  for (char c = 'a'; c <= 'z'; c++) {
    test_vocab_piece(v, keep(v, &c, 1), SOTTO_TOKEN_NORMAL, -1001 - (float)(c - 'a'));
  }
}

void test_vocab_write(const test_vocab *v, gguf_writer *w) {
  if (v->model) gguf_write_string(w, "tokenizer.ggml.model", v->model);
  if (v->pre) gguf_write_string(w, "tokenizer.ggml.pre", v->pre);
  if (!v->no_tokens) gguf_write_strings(w, "tokenizer.ggml.tokens", v->tokens, v->n_tokens);
  if (!v->no_types) gguf_write_i32s(w, "tokenizer.ggml.token_type", v->types, v->n_tokens);
  if (v->model && strcmp(v->model, "llama") == 0 && !v->no_scores) {
    gguf_write_f32s(w, "tokenizer.ggml.scores", v->scores, v->n_tokens);
  }
  if (!v->no_merges) gguf_write_strings(w, "tokenizer.ggml.merges", v->merges, v->n_merges);
}

static sotto_gguf *parse(const void *data, size_t len, sotto_ctx *ctx) {
  sotto_gguf *gguf;
  size_t consumed;
  bool done = false;
  if (!CHECK(sotto_gguf_new(ctx, 1, &gguf) == SOTTO_OK)) return NULL;
  if (CHECK(sotto_gguf_feed(gguf, 0, data, len, &consumed, &done) == SOTTO_OK) && CHECK(done)) {
    return gguf;
  }
  printf("    %s\n", ctx->message);
  sotto_gguf_free(gguf);
  return NULL;
}

sotto_gguf *test_vocab_parse(gguf_writer *w, sotto_ctx *ctx) {
  size_t len, header;
  unsigned char *file = gguf_writer_finish(w, &len, &header);
  sotto_gguf *gguf = parse(file, len, ctx);
  free(file);
  return gguf;
}

/* The tokenizer must not need the GGUF any more. */
static sotto_tokenizer *build(sotto_gguf *gguf, sotto_ctx *ctx) {
  sotto_tokenizer *t = NULL;
  if (!gguf) return NULL;
  if (!CHECK(sotto_tokenizer_new(ctx, gguf, &t) == SOTTO_OK)) printf("    %s\n", ctx->message);
  sotto_gguf_free(gguf);
  return t;
}

sotto_tokenizer *test_vocab_tokenizer(const test_vocab *v, sotto_ctx *ctx) {
  gguf_writer w;
  gguf_writer_init(&w);
  test_vocab_write(v, &w);
  return build(test_vocab_parse(&w, ctx), ctx);
}

/* Put `pre` in the place of the value of tokenizer.ggml.pre. */
static size_t replace_pre(char *data, size_t len, const char *pre) {
  static const char entry[] = "tokenizer.ggml.pre\x08\0\0\0\x06\0\0\0\0\0\0\0smollm";
  const size_t size = sizeof entry - 1, at_len = size - 14, at_value = size - 6;
  for (size_t i = 0; i + size <= len; i++) {
    if (memcmp(data + i, entry, size) != 0) continue;
    size_t n = strlen(pre);
    memmove(data + i + at_value + n, data + i + size, len - i - size);
    memcpy(data + i + at_value, pre, n);
    data[i + at_len] = (char)n;
    return len - 6 + n;
  }
  CHECK(!"the file's pre-tokeniser is smollm");
  return len;
}

sotto_tokenizer *test_file_tokenizer(const char *path, const char *pre, sotto_ctx *ctx) {
  const size_t most = 16 << 20; /* the header is in there */
  FILE *file = fopen(test_path(path), "rb");
  if (!test_check(file != NULL, __FILE__, __LINE__, path)) return NULL;
  char *data = malloc(most + 64);
  size_t len = data ? fread(data, 1, most, file) : 0;
  fclose(file);
  if (pre) len = replace_pre(data, len, pre);
  sotto_tokenizer *t = build(parse(data, len, ctx), ctx);
  free(data);
  return t;
}

void test_decode(const sotto_tokenizer *t, const sotto_token *ids, size_t n, sotto_str *out) {
  for (size_t i = 0; i < n; i++) {
    sotto_slice bytes = sotto_tokenizer_bytes(t, ids[i], true);
    CHECK(sotto_str_append(out, bytes.data, bytes.len) == SOTTO_OK);
  }
}

void test_lossy(sotto_slice text, sotto_str *out) {
  for (size_t i = 0; i < text.len;) {
    uint32_t c;
    char bytes[4];
    i += sotto_utf8_decode(text.data + i, text.len - i, &c);
    CHECK(sotto_str_append(out, bytes, sotto_utf8_encode(c, bytes)) == SOTTO_OK);
  }
}
