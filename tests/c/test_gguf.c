/* gguf/: well-formed files cut anywhere, malformed files of every kind, splits, failing memory, and
 * the header of a real model. */
#include <math.h>
#include <stdlib.h>

#include "gguf/gguf.h"
#include "gguf_writer.h"
#include "test.h"

#define MODEL   "models/cache/SmolLM2-135M-Instruct.Q4_1.gguf"
#define UNKNOWN UINT64_MAX

typedef struct bytes {
  unsigned char *data;
  size_t len, header;
} bytes;

static bytes finish(gguf_writer *w) {
  bytes file;
  file.data = gguf_writer_finish(w, &file.len, &file.header);
  return file;
}

/* A bit of everything. */
static bytes sample(void) {
  gguf_writer w;
  gguf_writer_init(&w);
  static const char *const tokens[] = {"a", "", "ccc", "\xC4\xA0the"};
  static const float scores[] = {0.5f, -1, 2, NAN};
  gguf_write_string(&w, "general.architecture", "llama");
  gguf_write_u32(&w, "llama.block_count", 30);
  gguf_write_raw(&w, "x.u8", SOTTO_GGUF_U8, &(uint8_t){200}, 1);
  gguf_write_raw(&w, "x.i8", SOTTO_GGUF_I8, &(int8_t){-3}, 1);
  gguf_write_u16(&w, "x.u16", 65535);
  gguf_write_raw(&w, "x.i16", SOTTO_GGUF_I16, &(int16_t){-32768}, 2);
  gguf_write_i32(&w, "x.i32", 77);
  gguf_write_u64(&w, "x.u64", UINT64_MAX);
  gguf_write_raw(&w, "x.i64", SOTTO_GGUF_I64, &(int64_t){INT64_MIN}, 8);
  gguf_write_f32(&w, "x.f32", 1.5f);
  gguf_write_raw(&w, "x.f64", SOTTO_GGUF_F64, &(double){-0.25}, 8);
  gguf_write_f32(&w, "x.inf", INFINITY);
  gguf_write_raw(&w, "x.huge", SOTTO_GGUF_F64, &(double){1e300}, 8);
  gguf_write_bool(&w, "x.true", 1);
  gguf_write_string_n(&w, "x.nul", "a\0b", 3);
  gguf_write_strings(&w, "tokens", tokens, 4);
  gguf_write_f32s(&w, "scores", scores, 4);
  gguf_write_strings(&w, "none", NULL, 0);
  gguf_write_i32s(&w, "no_numbers", NULL, 0);
  gguf_write_strings(&w, "more", tokens, 2);
  gguf_write_tensor(&w, "b.weight", SOTTO_Q4_1, 2, (uint64_t[]){64, 3}, NULL, 120);
  gguf_write_tensor(&w, "a.weight", SOTTO_F32, 1, (uint64_t[]){5}, NULL, 20);
  gguf_write_tensor(&w, "c", SOTTO_BF16, 4, (uint64_t[]){2, 3, 1, 2}, NULL, 24);
  return finish(&w);
}

static sotto_status feed_all(sotto_gguf *g, uint32_t file, const bytes *b, size_t chunk) {
  bool done = false;
  for (size_t at = 0; at < b->len && !done;) {
    size_t n = b->len - at < chunk ? b->len - at : chunk, consumed;
    SOTTO_TRY(sotto_gguf_feed(g, file, b->data + at, n, &consumed, &done));
    at += consumed;
    if (!done) CHECK(consumed == n);
    if (done) CHECK(at == b->header);
  }
  return sotto_gguf_end(g, file);
}

/* Parse one file in chunks; the model is freed. The message stays in ctx. */
static sotto_status parse(sotto_ctx *ctx, const bytes *b, uint64_t size, size_t chunk) {
  sotto_gguf *g;
  SOTTO_TRY(sotto_gguf_new(ctx, 1, &g));
  sotto_status status = sotto_gguf_set_file_size(g, 0, size);
  if (status == SOTTO_OK) status = feed_all(g, 0, b, chunk);
  if (status == SOTTO_OK) status = sotto_gguf_check(g);
  /* Whatever happened, questions are safe. */
  CHECK(sotto_gguf_find(g, "no such key") == NULL && sotto_gguf_find_tensor(g, "none") == NULL);
  /* A header with types that do not load is whole, and can be described. */
  CHECK(sotto_gguf_split_count(g) >= 1 &&
        (status == SOTTO_ERR_UNSUPPORTED_TYPE || sotto_gguf_complete(g) == (status == SOTTO_OK)));
  sotto_gguf_free(g);
  CHECK(ctx->bytes_in_use == 0);
  return status;
}

static void check_sample(const sotto_gguf *g, const bytes *b) {
  REQUIRE(sotto_gguf_complete(g) && sotto_gguf_check(g) == SOTTO_OK);
  CHECK(sotto_gguf_n_kv(g) == 20 && sotto_gguf_n_files(g) == 1 && sotto_gguf_split_count(g) == 1);
  CHECK(sotto_slice_is(sotto_gguf_kv_at(g, 1)->key, "llama.block_count"));
  CHECK(sotto_gguf_kv_at(g, 20) == NULL && sotto_gguf_find(g, "nothing") == NULL);
  sotto_slice s;
  CHECK(sotto_gguf_string(g, "general.architecture", &s) == SOTTO_OK && sotto_slice_is(s, "llama"));
  CHECK(sotto_gguf_string(g, "x.nul", &s) == SOTTO_OK && s.len == 3 && s.data[2] == 'b');
  const sotto_gguf_kv *kv = sotto_gguf_find(g, "x.i8");
  CHECK(kv->i == -3 && kv->u == 0 && kv->f == -3);
  CHECK(sotto_gguf_find(g, "x.i64")->i == INT64_MIN &&
        sotto_gguf_find(g, "x.u64")->u == UINT64_MAX);
  CHECK(sotto_gguf_find(g, "x.u64")->i == 0 && sotto_gguf_find(g, "x.i16")->i == -32768);
  CHECK(sotto_gguf_find(g, "x.u8")->i == 200 && sotto_gguf_find(g, "x.f64")->f == -0.25);
  kv = sotto_gguf_find(g, "tokens");
  REQUIRE(kv && kv->type == SOTTO_GGUF_ARRAY && kv->element == SOTTO_GGUF_STRING);
  CHECK(kv->count == 4 && sotto_slice_is(kv->strings[0], "a") && kv->strings[1].len == 0);
  CHECK(sotto_slice_is(kv->strings[2], "ccc") && sotto_slice_is(kv->strings[3], "\xC4\xA0the"));
  kv = sotto_gguf_find(g, "scores");
  float third;
  memcpy(&third, kv->items + 8, 4);
  CHECK(kv->count == 4 && third == 2);
  CHECK(sotto_gguf_find(g, "none")->count == 0 && sotto_gguf_find(g, "no_numbers")->count == 0);
  CHECK(sotto_slice_is(sotto_gguf_find(g, "more")->strings[0], "a"));

  uint64_t start = (b->header + 31) / 32 * 32;
  CHECK(sotto_gguf_data_start(g, 0) == start && sotto_gguf_data_end(g, 0) == b->len);
  CHECK(sotto_gguf_n_tensors(g) == 3 && sotto_gguf_tensor_at(g, 3) == NULL);
  CHECK(sotto_slice_is(sotto_gguf_tensor_at(g, 0)->name, "b.weight"));
  const sotto_gguf_tensor *t = sotto_gguf_find_tensor(g, "a.weight");
  REQUIRE(t && t == sotto_gguf_tensor_at(g, 1));
  CHECK(t->type == SOTTO_F32 && t->n_dims == 1 && t->ne[0] == 5 && t->ne[1] == 1 && t->ne[3] == 1);
  CHECK(t->offset == start + 128 && t->size == 20 && t->file == 0);
  t = sotto_gguf_find_tensor(g, "c");
  CHECK(t && t->ne[1] == 3 && t->ne[3] == 2 && t->size == 24 && t->type == SOTTO_BF16);
  CHECK(sotto_gguf_find_tensor(g, "b.weight")->size == 120);
  CHECK(sotto_gguf_find_tensor(g, "b.weigh") == NULL && sotto_gguf_find_tensor(g, "") == NULL);
}

TEST(gguf_any_chunk_borders_give_the_same_model) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  bytes b = sample();
  uint32_t random = 7;
  for (size_t chunk = 0; chunk <= b.len + 1; chunk += chunk < 100 ? 1 : 37) {
    for (int known = 0; known < 2; known++) {
      sotto_gguf *g;
      REQUIRE(sotto_gguf_new(&ctx, 1, &g) == SOTTO_OK);
      CHECK(sotto_gguf_set_file_size(g, 0, known ? b.len : UNKNOWN) == SOTTO_OK);
      bool done = false;
      size_t at = 0, consumed;
      while (!done && at < b.len) { /* chunk 0: random cuts, some of them empty */
        random = random * 1664525 + 1013904223;
        size_t n = chunk ? chunk : random >> 24 & 63;
        if (n > b.len - at) n = b.len - at;
        CHECK(!sotto_gguf_complete(g));
        REQUIRE(sotto_gguf_feed(g, 0, b.data + at, n, &consumed, &done) == SOTTO_OK);
        at += consumed;
      }
      CHECK(done && at == b.header);
      check_sample(g, &b);
      CHECK(sotto_gguf_feed(g, 0, b.data, 5, &consumed, &done) == SOTTO_OK);
      CHECK(done && consumed == 0 && sotto_gguf_end(g, 0) == SOTTO_OK);
      sotto_gguf_free(g);
      CHECK(ctx.bytes_in_use == 0);
    }
  }
  free(b.data);
}

TEST(gguf_typed_access) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  bytes b = sample();
  sotto_gguf *g;
  REQUIRE(sotto_gguf_new(&ctx, 1, &g) == SOTTO_OK && feed_all(g, 0, &b, 1000) == SOTTO_OK);
  uint32_t u;
  float f;
  bool boolean;
  sotto_slice s;
  CHECK(sotto_gguf_u32(g, "llama.block_count", &u) == SOTTO_OK && u == 30);
  CHECK(sotto_gguf_u32(g, "x.u8", &u) == SOTTO_OK && u == 200);
  CHECK(sotto_gguf_u32(g, "x.i32", &u) == SOTTO_OK && u == 77);
  CHECK(sotto_gguf_u32_or(g, "absent", 5, &u) == SOTTO_OK && u == 5);
  CHECK(sotto_gguf_u32_or(g, "x.u16", 5, &u) == SOTTO_OK && u == 65535);
  CHECK(sotto_gguf_f32(g, "x.f32", &f) == SOTTO_OK && f == 1.5f);
  CHECK(sotto_gguf_f32(g, "x.f64", &f) == SOTTO_OK && f == -0.25f);
  CHECK(sotto_gguf_f32_or(g, "absent", 2.5f, &f) == SOTTO_OK && f == 2.5f);
  CHECK(sotto_gguf_bool_or(g, "x.true", false, &boolean) == SOTTO_OK && boolean);
  CHECK(sotto_gguf_bool_or(g, "absent", true, &boolean) == SOTTO_OK && boolean);

#define REFUSED(call, key)                                                                         \
  do {                                                                                             \
    CHECK((call) == SOTTO_ERR_INVALID_MODEL);                                                      \
    CHECK(strstr(ctx.message, key) != NULL);                                                       \
  } while (0)
  REFUSED(sotto_gguf_u32(g, "absent", &u), "absent");
  REFUSED(sotto_gguf_u32(g, "x.i8", &u), "x.i8");
  REFUSED(sotto_gguf_u32(g, "x.u64", &u), "x.u64");
  REFUSED(sotto_gguf_u32(g, "x.i64", &u), "x.i64");
  REFUSED(sotto_gguf_u32_or(g, "x.f32", 1, &u), "x.f32");
  REFUSED(sotto_gguf_u32(g, "x.true", &u), "x.true");
  REFUSED(sotto_gguf_u32(g, "scores", &u), "scores");
  REFUSED(sotto_gguf_f32(g, "absent", &f), "absent");
  REFUSED(sotto_gguf_f32(g, "x.inf", &f), "x.inf");
  REFUSED(sotto_gguf_f32(g, "x.huge", &f), "x.huge");
  REFUSED(sotto_gguf_f32_or(g, "x.i32", 1, &f), "x.i32");
  REFUSED(sotto_gguf_bool_or(g, "x.u8", true, &boolean), "x.u8");
  REFUSED(sotto_gguf_string(g, "x.u8", &s), "x.u8");
  REFUSED(sotto_gguf_string(g, "absent", &s), "absent");
  sotto_gguf_free(g);
  free(b.data);
}

/* ---- malformed files ------------------------------------------------------------------------- */

static void ok_tensor(gguf_writer *w, const char *name) {
  gguf_write_tensor(w, name, SOTTO_F32, 1, (uint64_t[]){8}, NULL, 32);
}
static void entry(gguf_writer *w, const char *name, uint32_t type, uint64_t ne0, uint64_t ne1,
                  uint64_t offset) {
  gguf_write_tensor_entry(w, name, type, 2, (uint64_t[]){ne0, ne1}, offset);
  gguf_buffer_put(&w->body, NULL, 256);
}
static void array(gguf_writer *w, const char *key, uint32_t element, uint64_t count) {
  gguf_write_raw(w, key, SOTTO_GGUF_ARRAY, &element, 4);
  gguf_buffer_put(&w->kv, &count, 8);
}
static void string_of(gguf_writer *w, const char *key, uint64_t claimed) {
  gguf_write_raw(w, key, SOTTO_GGUF_STRING, &claimed, 8);
}
static void long_key(gguf_writer *w, size_t n) {
  char *key = calloc(n + 1, 1);
  memset(key, 'k', n);
  gguf_write_u32(w, key, 1);
  free(key);
}
static void raw_key(gguf_writer *w, uint64_t claimed) {
  gguf_buffer_put(&w->kv, &claimed, 8);
  gguf_buffer_put(&w->kv, NULL, 32);
  w->n_kv++;
}

#define FOR_EACH_BROKEN(B)                                                                         \
  B(version_0, INVALID_MODEL, "version 0", w->version = 0)                                         \
  B(version_1, INVALID_MODEL, "version 1", w->version = 1)                                         \
  B(version_4, INVALID_MODEL, "version 4", w->version = 4)                                         \
  B(big_endian, INVALID_MODEL, "big-endian", w->version = 0x03000000)                              \
  B(absurd_n_kv, INVALID_MODEL, "metadata keys", w->n_kv = UINT64_MAX)                             \
  B(many_n_kv, INVALID_MODEL, "65537 metadata keys", w->n_kv = 65537)                              \
  B(absurd_n_tensors, INVALID_MODEL, "tensors", w->n_tensors = (uint64_t)1 << 60)                  \
  B(more_kv_than_bytes, TRUNCATED_FILE, "40 metadata keys", w->n_kv = 40)                          \
  B(more_tensors_than_bytes, TRUNCATED_FILE, "50 tensors", w->n_tensors = 50)                      \
  B(empty_key, INVALID_MODEL, "key 1 of 1", gguf_write_u32(w, "", 1))                              \
  B(long_key_, INVALID_MODEL, "65536 bytes", long_key(w, 65536))                                   \
  B(absurd_key, INVALID_MODEL, "key 1 of 1", raw_key(w, UINT64_MAX - 3))                           \
  B(cut_key, TRUNCATED_FILE, "key 1 of 1", raw_key(w, 5000))                                       \
  B(control_in_key, INVALID_MODEL, "control", gguf_write_u32(w, "a\033[2Jb", 1))                   \
  B(invalid_utf8_key, INVALID_MODEL, "UTF-8", gguf_write_u32(w, "a\xFF", 1))                       \
  B(key_twice, INVALID_MODEL, "my.key occurs twice",                                               \
    (gguf_write_u32(w, "my.key", 1), gguf_write_f32(w, "my.key2", 1),                              \
     gguf_write_bool(w, "my.key", 1)))                                                             \
  B(value_type, INVALID_MODEL, "my.key", gguf_write_raw(w, "my.key", 13, "\0\0\0", 4))             \
  B(absurd_value_type, INVALID_MODEL, "4294967295", gguf_write_raw(w, "my.key", ~0u, "\0\0\0", 4)) \
  B(absurd_string, INVALID_MODEL, "my.key", string_of(w, "my.key", UINT64_MAX))                    \
  B(absurd_string_2, INVALID_MODEL, "my.key", string_of(w, "my.key", UINT64_MAX - 7))              \
  B(cut_string, TRUNCATED_FILE, "my.key", string_of(w, "my.key", 100000))                          \
  B(array_of_arrays, INVALID_MODEL, "array of array", array(w, "my.key", SOTTO_GGUF_ARRAY, 1))     \
  B(array_type, INVALID_MODEL, "my.key", array(w, "my.key", 99, 1))                                \
  B(absurd_array, INVALID_MODEL, "my.key", array(w, "my.key", SOTTO_GGUF_F64, UINT64_MAX / 8 + 2)) \
  B(large_array, INVALID_MODEL, "my.key", array(w, "my.key", SOTTO_GGUF_U8, (uint64_t)1 << 40))    \
  B(cut_array, TRUNCATED_FILE, "my.key", array(w, "my.key", SOTTO_GGUF_F32, 100000))               \
  B(absurd_strings, INVALID_MODEL, "my.key",                                                       \
    array(w, "my.key", SOTTO_GGUF_STRING, ((uint64_t)1 << 61) + 1))                                \
  B(cut_strings, TRUNCATED_FILE, "my.key", array(w, "my.key", SOTTO_GGUF_STRING, 50000))           \
  B(element_length, INVALID_MODEL, "my.key",                                                       \
    (array(w, "my.key", SOTTO_GGUF_STRING, 2),                                                     \
     gguf_buffer_put(&w->kv, "\1\0\0\0\0\0\0\0a\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 17)))            \
  B(alignment_0, INVALID_MODEL, "general.alignment", gguf_write_u32(w, "general.alignment", 0))    \
  B(alignment_48, INVALID_MODEL, "general.alignment", gguf_write_u32(w, "general.alignment", 48))  \
  B(alignment_2_31, INVALID_MODEL, "general.alignment",                                            \
    gguf_write_u32(w, "general.alignment", 0x80000000))                                            \
  B(alignment_text, INVALID_MODEL, "general.alignment",                                            \
    gguf_write_string(w, "general.alignment", "32"))                                               \
  B(alignment_negative, INVALID_MODEL, "general.alignment",                                        \
    gguf_write_i32(w, "general.alignment", -32))                                                   \
  B(tensor_no_name, INVALID_MODEL, "tensor 2 of 2", (ok_tensor(w, "a"), ok_tensor(w, "")))         \
  B(tensor_long_name, INVALID_MODEL, "128 bytes",                                                  \
    ok_tensor(w, "0123456789012345678901234567890123456789012345678901234567890123"                \
                 "0123456789012345678901234567890123456789012345678901234567890123"))              \
  B(tensor_bad_name, INVALID_MODEL, "tensor 1 of 1", ok_tensor(w, "a\nb"))                         \
  B(tensor_twice, INVALID_MODEL, "blk.0 occurs twice",                                             \
    (ok_tensor(w, "blk.0"), ok_tensor(w, "a"), ok_tensor(w, "blk.0")))                             \
  B(no_dims, INVALID_MODEL, "(x) has 0 dim",                                                       \
    gguf_write_tensor(w, "x", SOTTO_F32, 0, NULL, NULL, 4))                                        \
  B(five_dims, INVALID_MODEL, "(x) has 5 dim",                                                     \
    gguf_write_tensor(w, "x", SOTTO_F32, 5, (uint64_t[]){1, 1, 1, 1, 1}, NULL, 4))                 \
  B(absurd_dims, INVALID_MODEL, "dimensions",                                                      \
    (gguf_write_tensor_entry(w, "x", SOTTO_F32, 1, (uint64_t[]){1}, 0),                            \
     memset(w->tensors.data + 9, 0xFF, 4)))                                                        \
  B(dim_0, INVALID_MODEL, "tensor x has dimension 1", entry(w, "x", SOTTO_F32, 4, 0, 0))           \
  B(row_no_block, INVALID_MODEL, "tensor x (Q4_0)", entry(w, "x", SOTTO_Q4_0, 48, 1, 0))           \
  B(overflow, INVALID_MODEL, "tensor x", entry(w, "x", SOTTO_F32, UINT64_MAX, 1, 0))               \
  B(overflow_2, INVALID_MODEL, "tensor x",                                                         \
    entry(w, "x", SOTTO_F32, (uint64_t)1 << 32, (uint64_t)1 << 32, 0))                             \
  B(overflow_to_0, INVALID_MODEL, "tensor x",                                                      \
    entry(w, "x", SOTTO_F16, (uint64_t)1 << 62, (uint64_t)1 << 62, 0))                             \
  B(larger_than_any_file, INVALID_MODEL, "tensor x",                                               \
    entry(w, "x", SOTTO_Q8_0, (uint64_t)1 << 62, 1, 0))                                            \
  B(k_row_no_block, INVALID_MODEL, "rows of 576 weights, no multiple of the type's 256",           \
    entry(w, "x", SOTTO_Q4_K, 576, 1, 0))                                                          \
  B(type_iq2_xxs, UNSUPPORTED_TYPE, "tensor x has type IQ2_XXS (number 16)",                       \
    entry(w, "x", 16, 256, 1, 0))                                                                  \
  B(type_iq3_s, UNSUPPORTED_TYPE, "IQ3_S", entry(w, "x", 21, 256, 1, 0))                           \
  B(type_nvfp4, UNSUPPORTED_TYPE, "NVFP4", entry(w, "x", 40, 64, 1, 0))                            \
  B(type_i8, UNSUPPORTED_TYPE, "one of F32 F16 Q4_0", entry(w, "x", 24, 32, 1, 0))                 \
  B(type_4, UNSUPPORTED_TYPE, "unknown (number 4)", entry(w, "x", 4, 32, 1, 0))                    \
  B(type_absurd, UNSUPPORTED_TYPE, "4294967295", entry(w, "x", ~0u, 32, 1, 0))                     \
  B(offset_unaligned, INVALID_MODEL, "tensor x starts at offset 16",                               \
    entry(w, "x", SOTTO_F32, 4, 1, 16))                                                            \
  B(offset_own_alignment, INVALID_MODEL, "alignment 64",                                           \
    (gguf_write_u32(w, "general.alignment", 64), entry(w, "x", SOTTO_F32, 4, 1, 32)))              \
  B(offset_absurd, INVALID_MODEL, "tensor x", entry(w, "x", SOTTO_F32, 4, 1, UINT64_MAX - 31))     \
  B(offset_behind_end, TRUNCATED_FILE, "tensor x", entry(w, "x", SOTTO_F32, 4, 1, 4096))           \
  B(size_behind_end, TRUNCATED_FILE, "tensor x", entry(w, "x", SOTTO_F32, 1000, 1, 0))             \
  B(overlap, INVALID_MODEL, "tensors x and y overlap",                                             \
    (entry(w, "x", SOTTO_F32, 16, 1, 0), entry(w, "y", SOTTO_F32, 4, 1, 32)))                      \
  B(overlap_unsorted, INVALID_MODEL, "overlap",                                                    \
    (entry(w, "y", SOTTO_F32, 4, 1, 64), entry(w, "z", SOTTO_F32, 4, 1, 0),                        \
     entry(w, "x", SOTTO_F32, 16, 1, 32)))                                                         \
  B(same_place, INVALID_MODEL, "overlap",                                                          \
    (entry(w, "x", SOTTO_F32, 4, 1, 0), entry(w, "y", SOTTO_F32, 4, 1, 0)))                        \
  B(split_no, INVALID_MODEL, "number 2 of 3",                                                      \
    (gguf_write_u16(w, "split.no", 1), gguf_write_u16(w, "split.count", 3)))                       \
  B(split_no_behind, INVALID_MODEL, "split.no is 7",                                               \
    (gguf_write_u16(w, "split.no", 7), gguf_write_u16(w, "split.count", 3)))                       \
  B(split_count, INVALID_MODEL, "split.count is 60000", gguf_write_u16(w, "split.count", 60000))   \
  B(split_count_text, INVALID_MODEL, "split.count", gguf_write_string(w, "split.count", "3"))      \
  B(split_tensors, INVALID_MODEL, "split.tensors.count",                                           \
    (gguf_write_i32(w, "split.tensors.count", 7), ok_tensor(w, "a")))                              \
  B(split_part_only, INVALID_MODEL, "split into 3 files",                                          \
    (gguf_write_u16(w, "split.no", 0), gguf_write_u16(w, "split.count", 3)))

#define B(name, status, text, build)                                                               \
  static void build_##name(gguf_writer *w) {                                                       \
    build;                                                                                         \
  }
FOR_EACH_BROKEN(B)
#undef B

TEST(gguf_malformed_files_get_typed_errors_that_name_the_thing) {
  static const struct {
    const char *name;
    sotto_status status;
    const char *text;
    void (*build)(gguf_writer *);
  } cases[] = {
#define B(name, status, text, build) {#name, SOTTO_ERR_##status, text, build_##name},
      FOR_EACH_BROKEN(B)
#undef B
  };
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    gguf_writer w;
    gguf_writer_init(&w);
    cases[c].build(&w);
    bytes b = finish(&w);
    for (size_t chunk = 1; chunk <= b.len * 4; chunk *= 4) {
      memset(ctx.message, 0, sizeof ctx.message);
      sotto_status status = parse(&ctx, &b, b.len, chunk);
      if (!CHECK(status == cases[c].status) || !CHECK(strstr(ctx.message, cases[c].text))) {
        printf("    %s, chunk %zu: %s: %s\n", cases[c].name, chunk, sotto_status_code(status),
               ctx.message);
        break;
      }
      /* As a plain stream the same files end in some typed error, or wait for more
       * until the end. */
      status = parse(&ctx, &b, UNKNOWN, chunk);
      bool size_matters =
          !strcmp(cases[c].name, "offset_behind_end") || !strcmp(cases[c].name, "size_behind_end");
      bool right = size_matters ? status == SOTTO_OK
                                : status == cases[c].status || status == SOTTO_ERR_TRUNCATED_FILE ||
                                      cases[c].status == SOTTO_ERR_TRUNCATED_FILE;
      if (!CHECK(right && status != SOTTO_ERR_OUT_OF_MEMORY)) {
        printf("    %s as a stream: %s: %s\n", cases[c].name, sotto_status_code(status),
               ctx.message);
      }
    }
    free(b.data);
  }
  CHECK(sizeof cases / sizeof *cases >= 60);
}

TEST(gguf_other_files_are_recognised) {
  static const struct {
    const char *start, *text;
  } cases[] = {
      {"version https://git-lfs", "Git LFS"},   {"<!DOCTYPE html><html>...", "web page"},
      {"<html lang=en>..........", "web page"}, {"PK\3\4....................", "zip"},
      {"tjgg....................", "GGML"},     {"{\"error\": \"not found\"...", "7b 22 65 72"},
  };
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    bytes b = {(unsigned char *)(uintptr_t)cases[c].start, 22, 0};
    CHECK(parse(&ctx, &b, 22, 3) == SOTTO_ERR_INVALID_MODEL);
    CHECK(strstr(ctx.message, cases[c].text) != NULL);
  }
  bytes tiny = {(unsigned char *)(uintptr_t)"GGUF\3\0\0\0", 3, 0};
  CHECK(parse(&ctx, &tiny, 3, 3) == SOTTO_ERR_TRUNCATED_FILE);
  CHECK(parse(&ctx, &tiny, UNKNOWN, 3) == SOTTO_ERR_TRUNCATED_FILE);
  tiny.len = 0;
  CHECK(parse(&ctx, &tiny, UNKNOWN, 3) == SOTTO_ERR_TRUNCATED_FILE);
}

TEST(gguf_every_truncation_is_an_error) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  bytes b = sample();
  for (size_t len = 0; len < b.len; len++) {
    bytes cut = {b.data, len, b.header};
    CHECK(parse(&ctx, &cut, len, 16) == SOTTO_ERR_TRUNCATED_FILE);
    CHECK(strstr(ctx.message, "cut off") != NULL);
    /* A stream that ends: only the header can be missed here. */
    CHECK(parse(&ctx, &cut, UNKNOWN, 16) == (len < b.header ? SOTTO_ERR_TRUNCATED_FILE : SOTTO_OK));
  }
  free(b.data);
}

TEST(gguf_every_flipped_byte_is_survived) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  bytes b = sample();
  for (size_t at = 0; at < b.header; at++) {
    unsigned char old = b.data[at];
    static const unsigned char values[] = {0, 1, 0x7F, 0x80, 0xFF};
    for (int v = 0; v < 6; v++) {
      b.data[at] = v < 5 ? values[v] : (unsigned char)(old ^ 0x10);
      bytes whole = {b.data, b.len, 0};
      sotto_gguf *g;
      REQUIRE(sotto_gguf_new(&ctx, 1, &g) == SOTTO_OK);
      sotto_gguf_set_file_size(g, 0, b.len);
      size_t consumed;
      bool done;
      sotto_gguf_feed(g, 0, whole.data, whole.len, &consumed, &done);
      CHECK(consumed <= whole.len);
      sotto_gguf_free(g);
      CHECK(ctx.bytes_in_use == 0);
    }
    b.data[at] = old;
  }
  free(b.data);
}

TEST(gguf_accepts_what_lies_just_within_the_limits) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  gguf_writer w;
  gguf_writer_init(&w);
  w.version = 2;
  w.alignment = 8;
  gguf_write_u32(&w, "general.alignment", 8);
  long_key(&w, 65535);
  ok_tensor(&w, "0123456789012345678901234567890123456789012345678901234567890123"
                "012345678901234567890123456789012345678901234567890123456789012");
  ok_tensor(&w, "\xC3\xA9");
  bytes b = finish(&w);
  CHECK(parse(&ctx, &b, b.len, 1000) == SOTTO_OK);
  b.data = realloc(b.data, b.len + 100); /* bytes behind the last tensor are no error */
  memset(b.data + b.len, 0xEE, 100);
  CHECK(parse(&ctx, &b, b.len + 100, 1000) == SOTTO_OK);
  free(b.data);
  b = finish(&w); /* nothing at all in it: for the architecture to refuse */
  CHECK(parse(&ctx, &b, 24, 1000) == SOTTO_OK);
  free(b.data);
}

TEST(gguf_memory_grows_only_with_what_arrived) {
  sotto_ctx ctx;
  gguf_writer w;
  gguf_writer_init(&w);
  array(&w, "strings", SOTTO_GGUF_STRING, 100000000); /* would be 800 MB at least */
  bytes b = finish(&w);
  sotto_ctx_init(&ctx, NULL, NULL);
  CHECK(parse(&ctx, &b, UNKNOWN, 10) == SOTTO_ERR_TRUNCATED_FILE);
  CHECK(ctx.bytes_peak < 8192);
  free(b.data);
  string_of(&w, "text", 1000000000);
  b = finish(&w);
  CHECK(parse(&ctx, &b, UNKNOWN, 10) == SOTTO_ERR_TRUNCATED_FILE);
  CHECK(ctx.bytes_peak < 8192);
  free(b.data);
  w.n_kv = 65536;
  w.n_tensors = 1 << 20;
  b = finish(&w);
  b.len = b.header;
  CHECK(parse(&ctx, &b, UNKNOWN, 10) == SOTTO_ERR_TRUNCATED_FILE);
  CHECK(ctx.bytes_peak < 8192);
  free(b.data);
}

TEST(gguf_refuses_misuse) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_gguf *g;
  size_t consumed;
  bool done;
  CHECK(sotto_gguf_new(&ctx, 0, &g) == SOTTO_ERR_INVALID_ARGUMENT && !g);
  CHECK(sotto_gguf_new(&ctx, 1025, &g) == SOTTO_ERR_INVALID_ARGUMENT && !g);
  REQUIRE(sotto_gguf_new(&ctx, 2, &g) == SOTTO_OK);
  CHECK(sotto_gguf_feed(g, 2, "G", 1, &consumed, &done) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_gguf_end(g, 2) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_gguf_set_file_size(g, 2, 1) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_gguf_feed(g, 1, "GG", 2, &consumed, &done) == SOTTO_OK && consumed == 2 && !done);
  CHECK(sotto_gguf_set_file_size(g, 1, 100) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(sotto_gguf_check(g) == SOTTO_ERR_INVALID_MODEL && strstr(ctx.message, "file 1 of 2"));
  CHECK(sotto_gguf_n_kv(g) == 0 && sotto_gguf_n_tensors(g) == 0 && !sotto_gguf_find(g, "a"));
  CHECK(sotto_gguf_find_tensor(g, "a") == NULL && sotto_gguf_data_start(g, 1) == 0);
  CHECK(sotto_gguf_feed(g, 1, "XX", 2, &consumed, &done) == SOTTO_ERR_INVALID_MODEL);
  CHECK(sotto_gguf_feed(g, 1, "XX", 2, &consumed, &done) == SOTTO_ERR_INVALID_MODEL);
  CHECK(strstr(ctx.message, "refused before") && sotto_gguf_end(g, 1) == SOTTO_ERR_INVALID_MODEL);
  sotto_gguf_free(g);
  sotto_gguf_free(NULL);
  CHECK(ctx.bytes_in_use == 0);
}

/* ---- splits ---------------------------------------------------------------------------------- */

/* Part `no` of a model of three tensors in three files. */
static bytes part(uint16_t no, uint16_t count, const char *tensor, int32_t total) {
  gguf_writer w;
  gguf_writer_init(&w);
  if (no == 0) gguf_write_string(&w, "general.architecture", "llama");
  gguf_write_u16(&w, "split.no", no);
  gguf_write_u16(&w, "split.count", count);
  if (total >= 0) gguf_write_i32(&w, "split.tensors.count", total);
  if (tensor) ok_tensor(&w, tensor);
  return finish(&w);
}

static sotto_status parse_split(sotto_ctx *ctx, bytes *parts, uint32_t n, const int *order,
                                sotto_gguf **out) {
  sotto_gguf *g;
  sotto_status status = sotto_gguf_new(ctx, n, &g);
  for (uint32_t i = 0; i < n && status == SOTTO_OK; i++) {
    uint32_t file = (uint32_t)order[i];
    status = sotto_gguf_set_file_size(g, file, parts[file].len);
    if (status == SOTTO_OK) status = feed_all(g, file, &parts[file], 50);
  }
  if (status == SOTTO_OK) status = sotto_gguf_check(g);
  for (uint32_t i = 0; i < n; i++) free(parts[i].data);
  if (out && status == SOTTO_OK)
    *out = g;
  else
    sotto_gguf_free(g);
  return status;
}

TEST(gguf_split_files_join_in_any_order) {
  static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}};
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  for (int o = 0; o < 4; o++) {
    bytes parts[] = {part(0, 3, "b", 3), part(1, 3, "a", 3), part(2, 3, "c", -1)};
    sotto_gguf *g;
    REQUIRE(parse_split(&ctx, parts, 3, orders[o], &g) == SOTTO_OK);
    CHECK(sotto_gguf_complete(g) && sotto_gguf_split_count(g) == 3 && sotto_gguf_n_files(g) == 3);
    CHECK(sotto_gguf_n_tensors(g) == 3 && sotto_gguf_find(g, "general.architecture"));
    CHECK(sotto_slice_is(sotto_gguf_tensor_at(g, 0)->name, "b"));
    const sotto_gguf_tensor *t = sotto_gguf_find_tensor(g, "a");
    CHECK(t && t->file == 1 && t->offset == sotto_gguf_data_start(g, 1) && t->size == 32);
    CHECK(sotto_gguf_data_end(g, 2) == sotto_gguf_data_start(g, 2) + 32);
    sotto_gguf_free(g);
    CHECK(ctx.bytes_in_use == 0);
  }
}

TEST(gguf_inconsistent_splits_are_refused) {
  static const int order[] = {0, 1, 2}, back[] = {2, 1, 0};
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
#define SPLIT(n, sequence, text, ...)                                                              \
  do {                                                                                             \
    CHECK(parse_split(&ctx, (bytes[]){__VA_ARGS__}, n, sequence, NULL) ==                          \
          SOTTO_ERR_INVALID_MODEL);                                                                \
    if (!CHECK(strstr(ctx.message, text) != NULL)) printf("    %s\n", ctx.message);                \
    CHECK(ctx.bytes_in_use == 0);                                                                  \
  } while (0)
  SPLIT(3, order, "occurs twice", part(0, 3, "b", 3), part(1, 3, "b", 3), part(2, 3, "c", 3));
  SPLIT(3, order, "number 3 of 3", part(0, 3, "b", 3), part(2, 3, "a", 3), part(1, 3, "c", 3));
  SPLIT(3, order, "of 4 files", part(0, 3, "b", 3), part(1, 4, "a", 3), part(2, 3, "c", 3));
  SPLIT(3, back, "of 2 files", part(0, 2, "b", 3), part(1, 3, "a", 3), part(2, 3, "c", 3));
  SPLIT(3, order, "split.tensors.count", part(0, 3, "b", 4), part(1, 3, "a", 4),
        part(2, 3, "c", 4));
  SPLIT(3, order, "split.tensors.count", part(0, 3, "b", 3), part(1, 3, "a", 3),
        part(2, 3, "c", 9));
  SPLIT(3, order, "split.tensors.count", part(0, 3, "b", -1), part(1, 3, "a", 3),
        part(2, 3, "c", 3));
  SPLIT(2, order, "2 were given", part(0, 3, "b", 3), part(1, 3, "a", 3));
  SPLIT(2, order, "file 1 belongs to a model of 1 files", part(0, 1, "b", 3), part(1, 2, "a", 3));
  SPLIT(2, order, "number 1 of 2", part(0, 2, "b", 2), part(0, 2, "b", 2));
}

/* ---- memory ---------------------------------------------------------------------------------- */

typedef struct failing {
  long left; /* allocations that still succeed */
} failing;

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  failing *state = user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  if (state->left-- <= 0) return NULL;
  return realloc(ptr, new_size);
}

TEST(gguf_survives_every_failed_allocation) {
  static const int order[] = {0, 1, 2};
  for (int split = 0; split < 2; split++) {
    bool succeeded = false;
    for (long n = 0; !succeeded && n < 1000; n++) {
      failing state = {n};
      sotto_ctx ctx;
      sotto_ctx_init(&ctx, failing_alloc, &state);
      sotto_status status;
      if (split) {
        bytes parts[] = {part(0, 3, "b", 3), part(1, 3, "a", 3), part(2, 3, "c", -1)};
        status = parse_split(&ctx, parts, 3, order, NULL);
      } else {
        bytes b = sample();
        status = parse(&ctx, &b, UNKNOWN, 20);
        free(b.data);
      }
      succeeded = status == SOTTO_OK;
      CHECK(succeeded || status == SOTTO_ERR_OUT_OF_MEMORY);
      CHECK(ctx.bytes_in_use == 0);
      if (succeeded) CHECK(n > 5);
    }
    CHECK(succeeded);
  }
}

TEST(gguf_many_names_with_common_prefixes_stay_fast) {
  gguf_writer w;
  gguf_writer_init(&w);
  char name[64];
  for (unsigned i = 0; i < 20000; i++) {
    snprintf(name, sizeof name, "blk.with.a.long.common.prefix.%05u", (i * 7919u) % 20000);
    gguf_write_u32(&w, name, i);
    gguf_write_tensor_entry(&w, name, SOTTO_F32, 1, (uint64_t[]){8}, (uint64_t)i * 32);
  }
  bytes b = finish(&w);
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_gguf *g;
  REQUIRE(sotto_gguf_new(&ctx, 1, &g) == SOTTO_OK && feed_all(g, 0, &b, 4096) == SOTTO_OK);
  bool found = true;
  for (unsigned i = 0; i < 20000; i++) {
    snprintf(name, sizeof name, "blk.with.a.long.common.prefix.%05u", (i * 7919u) % 20000);
    const sotto_gguf_kv *kv = sotto_gguf_find(g, name);
    const sotto_gguf_tensor *t = sotto_gguf_find_tensor(g, name);
    found = found && kv && kv->u == i && t == sotto_gguf_tensor_at(g, i);
  }
  CHECK(found);
  sotto_gguf_free(g);
  free(b.data);
}

/* ---- a real model ---------------------------------------------------------------------------- */

TEST(gguf_real_header_parses) {
  if (!test_file_exists(MODEL)) return; /* fetched by the set-up */
  FILE *file = fopen(test_path(MODEL), "rb");
  REQUIRE(file != NULL);
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_gguf *g;
  REQUIRE(sotto_gguf_new(&ctx, 1, &g) == SOTTO_OK);
  fseek(file, 0, SEEK_END);
  uint64_t size = (uint64_t)ftell(file);
  fseek(file, 0, SEEK_SET);
  CHECK(sotto_gguf_set_file_size(g, 0, size) == SOTTO_OK);
  static char chunk[65521];
  bool done = false;
  size_t n, consumed;
  while (!done && (n = fread(chunk, 1, sizeof chunk, file)) > 0) {
    if (!CHECK(sotto_gguf_feed(g, 0, chunk, n, &consumed, &done) == SOTTO_OK)) {
      printf("    %s\n", ctx.message);
      break;
    }
  }
  fclose(file);
  REQUIRE(done && sotto_gguf_check(g) == SOTTO_OK);
  sotto_slice s;
  uint32_t u;
  float f;
  CHECK(sotto_gguf_string(g, "general.architecture", &s) == SOTTO_OK && sotto_slice_is(s, "llama"));
  CHECK(sotto_gguf_u32(g, "llama.block_count", &u) == SOTTO_OK && u == 30);
  CHECK(sotto_gguf_u32(g, "llama.embedding_length", &u) == SOTTO_OK && u == 576);
  CHECK(sotto_gguf_u32(g, "llama.attention.head_count_kv", &u) == SOTTO_OK && u == 3);
  CHECK(sotto_gguf_f32(g, "llama.rope.freq_base", &f) == SOTTO_OK && f == 100000.0f);
  const sotto_gguf_kv *tokens = sotto_gguf_find(g, "tokenizer.ggml.tokens");
  REQUIRE(tokens && tokens->count == 49152);
  CHECK(sotto_slice_is(tokens->strings[1], "<|im_start|>"));
  CHECK(sotto_gguf_n_tensors(g) == 272);
  const sotto_gguf_tensor *t = sotto_gguf_find_tensor(g, "blk.29.ffn_down.weight");
  REQUIRE(t != NULL);
  CHECK(t->type == SOTTO_Q4_1 && t->ne[0] == 1536 && t->ne[1] == 576 && t->size == 552960);
  t = sotto_gguf_find_tensor(g, "output_norm.weight");
  CHECK(t && t->type == SOTTO_F32 && t->ne[0] == 576);
  CHECK(sotto_gguf_data_end(g, 0) == size);
  sotto_gguf_free(g);
  CHECK(ctx.bytes_in_use == 0);
}
