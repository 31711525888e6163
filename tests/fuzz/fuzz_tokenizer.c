/* The tokenizer on any text, and built from any metadata.
 * Input: u8 mode. Even: a text for one of the vocabularies below: u8 start and u8 end of the
 *        trusted span in 255ths, u8 seed of the detokeniser's cuts, then the text.
 *        Odd: metadata: u8 flags, u8 allocations until one fails (255: none), then entries of
 *        u8 kind, u8 length and that many bytes: tokens, merges or scores, and keys. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../c/gguf_writer.c"
#include "base/utf8.h"
#include "limited_alloc.h"
#include "tokenizer/internal.h"

#define REQUIRE(expr)                                                                              \
  do {                                                                                             \
    if (!(expr)) abort();                                                                          \
  } while (0)

/* ---- files ---------------------------------------------------------------------------------- */

/* An array of strings and one of types, in GGUF's form. */
typedef struct list {
  gguf_buffer strings, types;
  uint64_t n;
} list;

static void add(list *l, const void *text, size_t len, int32_t type) {
  uint64_t len64 = len;
  gguf_buffer_put(&l->strings, &len64, 8);
  gguf_buffer_put(&l->strings, text, len);
  gguf_buffer_put(&l->types, &type, 4);
  l->n++;
}

static void write_array(gguf_writer *w, const char *key, uint32_t element, uint64_t n,
                        const gguf_buffer *items) {
  gguf_buffer value = {0};
  gguf_buffer_put(&value, &element, 4);
  gguf_buffer_put(&value, &n, 8);
  gguf_buffer_put(&value, items->data, items->len);
  gguf_write_raw(w, key, SOTTO_GGUF_ARRAY, value.data, value.len);
  free(value.data);
}

static void add_bytes(list *tokens) {
  uint32_t other = 0x100;
  for (uint32_t b = 0; b < 256; b++) {
    bool printable = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
    char text[4];
    add(tokens, text, sotto_utf8_encode(printable ? b : other++, text), SOTTO_TOKEN_NORMAL);
  }
}

/* NULL when the parser or the tokenizer refuses. */
static sotto_tokenizer *build(gguf_writer *w, sotto_ctx *ctx) {
  sotto_ctx plain;
  sotto_ctx_init(&plain, NULL, NULL);
  size_t len, header, consumed;
  unsigned char *file = gguf_writer_finish(w, &len, &header);
  sotto_gguf *gguf;
  bool done = false;
  sotto_tokenizer *t = NULL;
  REQUIRE(sotto_gguf_new(&plain, 1, &gguf) == SOTTO_OK);
  if (sotto_gguf_feed(gguf, 0, file, len, &consumed, &done) == SOTTO_OK && done) {
    sotto_status status = sotto_tokenizer_new(ctx, gguf, &t);
    REQUIRE((status == SOTTO_OK) == (t != NULL));
    REQUIRE(t || (ctx->bytes_in_use == 0 && ctx->message[0]));
  }
  sotto_gguf_free(gguf);
  free(file);
  return t;
}

/* `merges` is a list of strings, or of scores. */
static void finish(gguf_writer *w, list *tokens, list *merges, bool pieces) {
  write_array(w, "tokenizer.ggml.tokens", SOTTO_GGUF_STRING, tokens->n, &tokens->strings);
  write_array(w, "tokenizer.ggml.token_type", SOTTO_GGUF_I32, tokens->n, &tokens->types);
  if (!pieces) {
    write_array(w, "tokenizer.ggml.merges", SOTTO_GGUF_STRING, merges->n, &merges->strings);
  } else if (merges->n) {
    while (merges->n < tokens->n) add(merges, "", 0, 0);
    write_array(w, "tokenizer.ggml.scores", SOTTO_GGUF_F32, tokens->n, &merges->types);
  }
  free(tokens->strings.data);
  free(tokens->types.data);
  free(merges->strings.data);
  free(merges->types.data);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static const char *const pres[] = {"gpt-2", "smollm", "llama-bpe", "gpt-4o", "tekken", "qwen2"};
#define N_PRES  6
#define N_FIXED (2 * N_PRES + 4)

static sotto_ctx fixed_ctx;

static void add_piece(list *tokens, list *scores, const char *text, int32_t type, float score) {
  int32_t bits;
  memcpy(&bits, &score, 4);
  add(tokens, text, strlen(text), type);
  add(scores, "", 0, bits);
}

/* k: bit 0, user-defined tokens; bit 1, no space in front. */
static sotto_tokenizer *build_pieces(unsigned k) {
  static const char *const pieces[] = {"a",  "b",   "c",  "t",    "h",    "e",  "▁",    "é",
                                       "中", "x",   "y",  "1",    "\n",   "<",  "ab",   "abc",
                                       "bc", "▁t",  "th", "the",  "▁the", "▁▁", "▁▁▁▁", "xy",
                                       "yx", "xyx", "aa", "aaaa", "中中", "1▁", "e▁x"};
  list tokens = {0}, scores = {0};
  add_piece(&tokens, &scores, "<unk>", SOTTO_TOKEN_UNKNOWN, 0);
  add_piece(&tokens, &scores, "<s>", SOTTO_TOKEN_CONTROL, 0);
  add_piece(&tokens, &scores, "</s>", SOTTO_TOKEN_CONTROL, 0);
  for (int b = 0; b < 256; b++) {
    char text[8];
    snprintf(text, sizeof text, "<0x%02X>", b);
    add_piece(&tokens, &scores, text, SOTTO_TOKEN_BYTE, 0);
  }
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    add_piece(&tokens, &scores, pieces[i], SOTTO_TOKEN_NORMAL, -(float)(i * 7 % 31));
  }
  if (k & 1) {
    add_piece(&tokens, &scores, "<u", SOTTO_TOKEN_USER_DEFINED, 0);
    add_piece(&tokens, &scores, "   ", SOTTO_TOKEN_USER_DEFINED, 0);
  }
  gguf_writer w;
  gguf_writer_init(&w);
  gguf_write_string(&w, "tokenizer.ggml.model", "llama");
  gguf_write_bool(&w, "tokenizer.ggml.add_space_prefix", !(k & 2));
  finish(&w, &tokens, &scores, true);
  return build(&w, &fixed_ctx);
}

/* Every second vocabulary has user-defined tokens. */
static const sotto_tokenizer *fixed(unsigned k) {
  static sotto_tokenizer *tokenizers[N_FIXED];
  static const char *const pairs[] = {
      "a a",   "aa aa", "aaaa aa", "Ġ t", "Ġt h", "Ġth e", "Ġ Ġ", "ĠĠ ĠĠ", "x y", "y x",
      "xy xy", "1 1",   "11 1",    "Ã ©", "ä ¸",  "ä¸ Ń",  "ï ¿", "ï¿ ½",  "Ċ Ċ", "' s",
      "' S",   "< |",   "a b",     "b c", "ab c", "c ab",  "A A", "AA a",  "! !", "!! !!"};
  if (!fixed_ctx.alloc) sotto_ctx_init(&fixed_ctx, NULL, NULL);
  if (tokenizers[k]) return tokenizers[k];
  if (k >= 2 * N_PRES) {
    tokenizers[k] = build_pieces(k - 2 * N_PRES);
    REQUIRE(tokenizers[k]);
    return tokenizers[k];
  }
  list tokens = {0}, merges = {0};
  add_bytes(&tokens);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char text[32];
    size_t left = strcspn(pairs[i], " "), len = strlen(pairs[i]);
    memcpy(text, pairs[i], left);
    memcpy(text + left, pairs[i] + left + 1, len - left - 1);
    add(&tokens, text, len - 1, SOTTO_TOKEN_NORMAL);
    add(&merges, pairs[i], len, 0);
  }
  add(&tokens, "<|a|>", 5, SOTTO_TOKEN_CONTROL);
  add(&tokens, "<|a|>a", 6, SOTTO_TOKEN_CONTROL);
  add(&tokens, "ab", 2, SOTTO_TOKEN_CONTROL);
  add(&tokens, "é", 2, SOTTO_TOKEN_CONTROL);
  if (k & 1) {
    add(&tokens, "<|u", 3, SOTTO_TOKEN_USER_DEFINED);
    add(&tokens, "  ", 2, SOTTO_TOKEN_USER_DEFINED);
  }
  gguf_writer w;
  gguf_writer_init(&w);
  gguf_write_string(&w, "tokenizer.ggml.model", "gpt2");
  gguf_write_string(&w, "tokenizer.ggml.pre", pres[k / 2]);
  finish(&w, &tokens, &merges, false);
  tokenizers[k] = build(&w, &fixed_ctx);
  REQUIRE(tokenizers[k]);
  return tokenizers[k];
}

static void lossy(sotto_slice text, bool spaces, sotto_str *out) {
  for (size_t i = 0; i < text.len;) {
    uint32_t c;
    char bytes[4];
    i += sotto_utf8_decode(text.data + i, text.len - i, &c);
    if (spaces && c == 0x2581) c = ' ';
    REQUIRE(sotto_str_append(out, bytes, sotto_utf8_encode(c, bytes)) == SOTTO_OK);
  }
}

/* Special tokens aside: pieces of the pre-tokeniser, merged as BPE is defined. */
static void encode_by_definition(const sotto_tokenizer *t, sotto_slice text, sotto_tokens *out) {
  const char *p = text.data, *end = p + text.len;
  while (p < end) {
    const char *next = t->pre->split(t, p, end);
    REQUIRE(next > p && next <= end);
    size_t first = out->count;
    for (; p < next; p++) {
      REQUIRE(sotto_tokens_push(out, t->byte_id[(unsigned char)*p]) == SOTTO_OK);
    }
    for (;;) {
      const sotto_merge *best = NULL;
      size_t at = 0;
      for (size_t i = first; i + 1 < out->count; i++) {
        const sotto_merge *m =
            sotto_merges_find(t, (uint32_t)out->ids[i], (uint32_t)out->ids[i + 1]);
        if (m && (!best || m->rank < best->rank)) best = m, at = i;
      }
      if (!best) break;
      out->ids[at] = (sotto_token)best->id;
      out->count--;
      memmove(out->ids + at + 1, out->ids + at + 2, sizeof *out->ids * (out->count - at - 1));
    }
  }
}

/* The same for pieces: the whole text at once, as sentencepiece does it. At most 1,500 bytes. */
static void encode_pieces_by_definition(const sotto_tokenizer *t, sotto_slice text,
                                        sotto_tokens *out) {
  static size_t starts[1502];
  size_t n = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (((unsigned char)text.data[i] & 0xC0) != 0x80) starts[n++] = i;
  }
  starts[n] = text.len;
  for (;;) {
    uint32_t best = SOTTO_NO_ID;
    size_t at = 0;
    for (size_t i = 0; i + 1 < n; i++) {
      uint32_t id = sotto_vocab_find(t, text.data + starts[i], starts[i + 2] - starts[i]);
      if (id == SOTTO_NO_ID || (best != SOTTO_NO_ID && t->rank[id] >= t->rank[best])) continue;
      best = id;
      at = i;
    }
    if (best == SOTTO_NO_ID) break;
    memmove(starts + at + 1, starts + at + 2, sizeof *starts * (n - at - 1));
    n--;
  }
  for (size_t i = 0; i < n; i++) {
    uint32_t id = sotto_vocab_find(t, text.data + starts[i], starts[i + 1] - starts[i]);
    for (size_t at = starts[i]; id == SOTTO_NO_ID && at < starts[i + 1]; at++) {
      REQUIRE(sotto_tokens_push(out, t->byte_id[(unsigned char)text.data[at]]) == SOTTO_OK);
    }
    if (id != SOTTO_NO_ID) REQUIRE(sotto_tokens_push(out, (sotto_token)id) == SOTTO_OK);
  }
}

/* A text without special tokens as the algorithm sees it; doing it twice changes nothing. */
static void normalise(const sotto_tokenizer *t, sotto_str *text) {
  sotto_slice once = {text->data, text->len}, twice;
  sotto_str out, again;
  sotto_str_init(&out, &fixed_ctx);
  sotto_str_init(&again, &fixed_ctx);
  if (text->len && t->pre->normalizer->apply) {
    REQUIRE(t->pre->normalizer->apply(t, &once, &out) == SOTTO_OK);
    REQUIRE(sotto_utf8_valid(once.data, once.len));
    twice = once;
    if (!t->add_space_prefix) {
      REQUIRE(t->pre->normalizer->apply(t, &twice, &again) == SOTTO_OK);
      REQUIRE(sotto_slice_eq(once, twice));
    }
    if (once.data != text->data) {
      text->len = 0;
      REQUIRE(sotto_str_append(text, once.data, once.len) == SOTTO_OK);
    }
  }
  sotto_str_free(&again);
  sotto_str_free(&out);
}

/* The bytes of all tokens one after the other; counts those of control tokens. Any text can make
 * the unknown token. */
static void decode(const sotto_tokenizer *t, const sotto_tokens *tokens, sotto_str *out,
                   size_t *control) {
  *control = 0;
  for (size_t i = 0; i < tokens->count; i++) {
    REQUIRE(tokens->ids[i] >= 0 && (uint32_t)tokens->ids[i] < sotto_tokenizer_n_vocab(t));
    sotto_slice bytes = sotto_tokenizer_bytes(t, tokens->ids[i], true);
    REQUIRE(sotto_str_append(out, bytes.data, bytes.len) == SOTTO_OK);
    sotto_token_attr attr = sotto_tokenizer_attr(t, tokens->ids[i]);
    REQUIRE(attr != SOTTO_TOKEN_UNKNOWN || !sotto_tokenizer_is_eog(t, t->unknown));
    const bool may = t->rank || t->pre == &sotto_pre_bert;
    bool made = may && tokens->ids[i] == t->unknown;
    if (attr == SOTTO_TOKEN_CONTROL || (attr == SOTTO_TOKEN_UNKNOWN && !made)) {
      *control += bytes.len;
    }
    REQUIRE(attr != SOTTO_TOKEN_UNUSED);
  }
}

static void detokenize_in_cuts(sotto_slice text, uint32_t seed, const sotto_str *expected) {
  sotto_detokenizer d;
  sotto_str out;
  sotto_detokenizer_init(&d);
  sotto_str_init(&out, &fixed_ctx);
  for (size_t at = 0; at < text.len;) {
    seed = seed * 1664525 + 1013904223;
    size_t n = seed >> 24 & 7;
    if (n > text.len - at) n = text.len - at;
    REQUIRE(sotto_detokenizer_feed(&d, (sotto_slice){text.data + at, n}, &out) == SOTTO_OK);
    REQUIRE(out.len == 0 || sotto_utf8_valid(out.data, out.len));
    at += n;
  }
  REQUIRE(sotto_detokenizer_end(&d, &out) == SOTTO_OK);
  REQUIRE(out.len == expected->len && (!out.len || !memcmp(out.data, expected->data, out.len)));
  sotto_str_free(&out);
}

static void fuzz_text(const uint8_t *data, size_t size) {
  if (size < 4) return;
  const sotto_tokenizer *t = fixed(data[0] / 2 % N_FIXED);
  const bool pieces = t->rank != NULL;
  sotto_slice text = {(const char *)data + 4, size - 4};
  sotto_span span = {text.len * data[1] / 255, text.len * data[2] / 255};
  if (span.end < span.start) span.end = span.start;
  size_t before = fixed_ctx.bytes_in_use, control;
  sotto_str expected, actual;
  sotto_tokens tokens, defined;
  sotto_str_init(&expected, &fixed_ctx);
  sotto_str_init(&actual, &fixed_ctx);
  sotto_tokens_init(&tokens, &fixed_ctx);
  sotto_tokens_init(&defined, &fixed_ctx);
  lossy(text, pieces, &expected);

  REQUIRE(sotto_tokenizer_encode(t, text, &span, 1, &tokens) == SOTTO_OK);
  decode(t, &tokens, &actual, &control);
  REQUIRE(control <= 3 * (span.end - span.start));
  if (!t->pre->normalizer->apply) {
    REQUIRE(actual.len == expected.len);
    REQUIRE(!actual.len || !memcmp(actual.data, expected.data, actual.len));
  }

  tokens.count = 0;
  actual.len = 0;
  REQUIRE(sotto_tokenizer_encode(t, text, NULL, 0, &tokens) == SOTTO_OK);
  decode(t, &tokens, &actual, &control);
  REQUIRE(control == 0);
  if (!t->has_user_defined) {
    normalise(t, &expected);
    REQUIRE(actual.len == expected.len);
    REQUIRE(!actual.len || !memcmp(actual.data, expected.data, actual.len));
  }
  if (!t->has_user_defined && expected.len > 0 && expected.len <= 1500) {
    sotto_slice normal = {expected.data, expected.len};
    if (pieces)
      encode_pieces_by_definition(t, normal, &defined);
    else
      encode_by_definition(t, normal, &defined);
    REQUIRE(tokens.count == defined.count);
    REQUIRE(!tokens.count || !memcmp(tokens.ids, defined.ids, sizeof *tokens.ids * tokens.count));
  }
  expected.len = 0;
  lossy(text, false, &expected);
  detokenize_in_cuts(text, data[3], &expected);
  sotto_tokens_free(&defined);
  sotto_tokens_free(&tokens);
  sotto_str_free(&actual);
  sotto_str_free(&expected);
  REQUIRE(fixed_ctx.bytes_in_use == before);
}

/* ---- metadata ------------------------------------------------------------------------------- */

/* What files may say: all names, and the first of these keys are those that stand for many. */
static const char *const all_pres[] = {
#define SOTTO_PRETOKENIZER(name, ...) name,
#include "tokenizer/pretokenizers.def"
#undef SOTTO_PRETOKENIZER
};
#define N_ALL_PRES (sizeof all_pres / sizeof *all_pres)

static const char *const keys[] = {
    "tokenizer.ggml.bos_token_id",        "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.padding_token_id",    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.add_bos_token",       "tokenizer.ggml.add_eos_token",
    "tokenizer.ggml.unknown_token_id",    "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.eom_token_id",        "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",    "tokenizer.ggml.fim_sep_token_id",
    "tokenizer.ggml.mask_token_id",       "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.remove_extra_spaces", "tokenizer.ggml.add_sep_token"};
#define N_KEYS (sizeof keys / sizeof *keys)

/* kind 224 to 255: eight keys and four types, and with a second byte the keys behind those. */
static void write_key(gguf_writer *w, unsigned *written, uint8_t kind, const uint8_t *bytes,
                      size_t len) {
  static const uint8_t types[] = {SOTTO_GGUF_U8, SOTTO_GGUF_I8, SOTTO_GGUF_BOOL, SOTTO_GGUF_U8};
  if (len == 0) return;
  const size_t key = (kind % 8u + (len > 1 ? 8u * bytes[1] : 0)) % N_KEYS;
  if (*written & 1u << key) return;
  *written |= 1u << key;
  gguf_write_raw(w, keys[key], types[kind / 8 % 4], &(uint8_t){bytes[0] & 0x81}, 1);
}

/* Tokens, merges or scores, and keys; all their bytes go into `text`, too. */
static void read_entries(const uint8_t *data, size_t size, bool pieces, list *tokens, list *merges,
                         gguf_writer *w, gguf_buffer *text) {
  unsigned written = 0;
  for (size_t at = 0; at + 2 <= size;) {
    uint8_t kind = data[at];
    size_t len = data[at + 1];
    const uint8_t *bytes = data + at + 2;
    if (len > size - at - 2) len = size - at - 2;
    at += 2 + len;
    gguf_buffer_put(text, bytes, len);
    if (kind < 128) {
      add(tokens, bytes, len, kind % 16 < 8 ? kind % 8 : kind % 16 == 8 ? -1 : SOTTO_TOKEN_NORMAL);
    } else if (kind < 224) {
      float score = len ? (float)(int8_t)bytes[0] : 0;
      int32_t bits;
      memcpy(&bits, len > 3 ? (const void *)bytes : &score, 4);
      if (!pieces)
        add(merges, bytes, len, 0);
      else if (merges->n < tokens->n)
        add(merges, "", 0, bits);
    } else {
      write_key(w, &written, kind, bytes, len);
    }
  }
}

/* False where memory ran out. */
static bool encode_and_decode(const sotto_tokenizer *t, sotto_ctx *ctx, sotto_slice text,
                              bool trusted) {
  const size_t before = ctx->bytes_in_use;
  sotto_span span = {0, text.len};
  sotto_tokens ids;
  sotto_tokens_init(&ids, ctx);
  const bool encoded = sotto_tokenizer_encode(t, text, &span, trusted ? 1 : 0, &ids) == SOTTO_OK;
  REQUIRE(encoded || ids.count == 0);
  if (encoded) {
    sotto_str out;
    size_t control;
    if (!fixed_ctx.alloc) sotto_ctx_init(&fixed_ctx, NULL, NULL);
    sotto_str_init(&out, &fixed_ctx);
    decode(t, &ids, &out, &control);
    REQUIRE(trusted || control == 0);
    sotto_str_free(&out);
  }
  sotto_tokens_free(&ids);
  REQUIRE(ctx->bytes_in_use == before);
  return encoded;
}

static void look_at_tokens(const sotto_tokenizer *t) {
  for (sotto_token id = -1; id <= (sotto_token)sotto_tokenizer_n_vocab(t); id++) {
    sotto_slice token = sotto_tokenizer_text(t, id);
    volatile char sink = token.len ? token.data[token.len - 1] : 0;
    (void)sink;
    (void)sotto_tokenizer_is_eog(t, id);
  }
}

static void fuzz_metadata(const uint8_t *data, size_t size) {
  if (size < 3) return;
  uint8_t flags = data[1];
  allocator a = {.left = data[2]};
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, limited_alloc, &a);
  list tokens = {0}, merges = {0};
  gguf_writer w;
  gguf_writer_init(&w);
  gguf_buffer text = {0};
  const bool pieces = flags & 16;
  if (flags & 1) add_bytes(&tokens);
  read_entries(data + 3, size - 3, pieces, &tokens, &merges, &w, &text);
  const char *other = flags & 128 ? "bert" : "gpt2";
  gguf_write_string(&w, "tokenizer.ggml.model", pieces ? "llama" : other);
  const unsigned pre = ((flags >> 1 & 7u) + 8 * (flags >> 5 & 3u)) % (N_ALL_PRES + 1);
  if (pre < N_ALL_PRES) gguf_write_string(&w, "tokenizer.ggml.pre", all_pres[pre]);
  finish(&w, &tokens, &merges, pieces);
  sotto_tokenizer *t = build(&w, &ctx);
  if (t) {
    const sotto_slice slice = {text.data ? (const char *)text.data : "", text.len};
    for (int trusted = 0; trusted < 2; trusted++)
      REQUIRE(encode_and_decode(t, &ctx, slice, trusted) || a.left != 255);
    look_at_tokens(t);
  }
  sotto_tokenizer_free(t);
  REQUIRE(ctx.bytes_in_use == 0);
  free(text.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  if (data[0] & 1)
    fuzz_metadata(data, size);
  else
    fuzz_text(data, size);
  return 0;
}
