/* kv/: pages are shared, copied before they are written, and given back. */
#include "kv/kv.h"
#include "test.h"

/* Layers need not be alike; the first has two heads more. */
static const sotto_kv_layer layers[] = {{4, 8}, {2, 4}};
static const sotto_kv_shape shape = {
    .layers = layers, .n_layer = 2, .n_pages = 6, .k_type = SOTTO_F32, .v_type = SOTTO_F32};

static void write_row(sotto_kv *kv, const sotto_kv_seq *seq, uint32_t position, float value) {
  for (uint32_t layer = 0; layer < shape.n_layer; layer++) {
    for (uint32_t head = 0; head < layers[layer].n_head_kv; head++) {
      const uint32_t page = seq->pages[position / SOTTO_KV_PAGE], dim = layers[layer].head_dim;
      float *k = (float *)sotto_kv_keys(kv, layer, page, head) + position % SOTTO_KV_PAGE * dim;
      float *v = (float *)sotto_kv_values(kv, layer, page, head) + position % SOTTO_KV_PAGE * dim;
      for (uint32_t d = 0; d < dim; d++) {
        k[d] = value + 10000.0f * (float)layer + 1000.0f * (float)head;
        v[d] = -k[d];
      }
    }
  }
}

static bool row_is(sotto_kv *kv, const sotto_kv_seq *seq, uint32_t position, float value) {
  uint32_t page = seq->pages[position / SOTTO_KV_PAGE];
  float *k = (float *)sotto_kv_keys(kv, 1, page, 1) + position % SOTTO_KV_PAGE * 4;
  float *v = (float *)sotto_kv_values(kv, 1, page, 1) + position % SOTTO_KV_PAGE * 4;
  return k[3] == value + 11000.0f && v[3] == -k[3];
}

/* Add n tokens whose ids and rows are their positions plus `base`. */
static bool extend(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n, int base) {
  if (!sotto_kv_reserve(kv, seq, n)) return false;
  for (uint32_t i = 0; i < n; i++) {
    sotto_token token = base + (sotto_token)seq->n_tokens;
    write_row(kv, seq, seq->n_tokens, (float)token);
    sotto_kv_append(seq, &token, 1);
  }
  return true;
}

TEST(kv_shares_pages_and_copies_them_before_writing) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_kv *kv;
  sotto_kv_seq a, b;
  REQUIRE(sotto_kv_new(&ctx, &shape, &kv) == SOTTO_OK);
  REQUIRE(sotto_kv_seq_init(kv, &a) == SOTTO_OK && sotto_kv_seq_init(kv, &b) == SOTTO_OK);
  CHECK(extend(kv, &a, 70, 0)); /* 3 pages */
  CHECK(sotto_kv_free_pages(kv) == 3);
  sotto_kv_share(kv, &b, &a, 40); /* one whole page and a part of the second */
  CHECK(sotto_kv_free_pages(kv) == 3);
  CHECK(extend(kv, &b, 10, 500)); /* copies the second page */
  CHECK(sotto_kv_free_pages(kv) == 2);
  CHECK(a.pages[0] == b.pages[0] && a.pages[1] != b.pages[1]);
  for (uint32_t i = 0; i < 70; i++) CHECK(row_is(kv, &a, i, (float)i));
  for (uint32_t i = 0; i < 40; i++) CHECK(row_is(kv, &b, i, (float)i));
  for (uint32_t i = 40; i < 50; i++) CHECK(row_is(kv, &b, i, 500.0f + (float)i));
  /* a writes into its own second page again after a trim: b's copy is not touched. */
  sotto_kv_trim(kv, &a, 35);
  CHECK(sotto_kv_free_pages(kv) == 3);
  CHECK(extend(kv, &a, 5, 900));
  for (uint32_t i = 40; i < 50; i++) CHECK(row_is(kv, &b, i, 500.0f + (float)i));
  /* The pool's end: nothing changes when it has too few pages. */
  CHECK(!extend(kv, &a, 150, 0));
  CHECK(a.n_tokens == 40 && sotto_kv_free_pages(kv) == 3);
  CHECK(!extend(kv, &a, UINT32_MAX - 10, 0));
  CHECK(extend(kv, &a, 3 * 32 + 24, 0));
  CHECK(sotto_kv_free_pages(kv) == 0);
  sotto_kv_seq_free(kv, &a);
  sotto_kv_seq_free(kv, &b);
  CHECK(sotto_kv_free_pages(kv) == 6);
  sotto_kv_free(kv);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(kv_snapshots_hold_rows_not_pages) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_kv *kv;
  sotto_kv_seq a, b;
  sotto_str one, two;
  REQUIRE(sotto_kv_new(&ctx, &shape, &kv) == SOTTO_OK);
  REQUIRE(sotto_kv_seq_init(kv, &a) == SOTTO_OK && sotto_kv_seq_init(kv, &b) == SOTTO_OK);
  sotto_str_init(&one, &ctx);
  sotto_str_init(&two, &ctx);
  CHECK(extend(kv, &a, 45, 7));
  CHECK(sotto_kv_save(kv, &a, 41, 123, &one) == SOTTO_OK);
  CHECK(sotto_kv_load(kv, &b, 124, one.data, one.len) == SOTTO_ERR_INVALID_STATE);
  CHECK(b.n_tokens == 0 && b.n_pages == 0);
  CHECK(sotto_kv_load(kv, &b, 123, one.data, one.len) == SOTTO_OK);
  CHECK(b.n_tokens == 41);
  for (uint32_t i = 0; i < 41; i++)
    CHECK(b.tokens[i] == a.tokens[i] && row_is(kv, &b, i, 7.0f + (float)i));
  CHECK(sotto_kv_save(kv, &b, 41, 123, &two) == SOTTO_OK);
  CHECK(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
  sotto_kv_trim(kv, &b, 0);
  two.data[7]--;
  CHECK(sotto_kv_load(kv, &b, 123, two.data, two.len) == SOTTO_ERR_INVALID_STATE);
  CHECK(strstr(ctx.message, "is of another version of sotto"));
  two.data[0]--;
  CHECK(sotto_kv_load(kv, &b, 123, two.data, two.len) == SOTTO_ERR_INVALID_STATE);
  CHECK(strstr(ctx.message, "is not a sotto state"));
  CHECK(extend(kv, &a, 100, 0)); /* no room for the snapshot now */
  CHECK(sotto_kv_load(kv, &b, 123, one.data, one.len) == SOTTO_ERR_CONTEXT_LENGTH);
  CHECK(b.n_tokens == 0);
  sotto_str_free(&one);
  sotto_str_free(&two);
  sotto_kv_seq_free(kv, &a);
  sotto_kv_seq_free(kv, &b);
  sotto_kv_free(kv);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(kv_refuses_absurd_sizes) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_kv *kv;
  const sotto_kv_layer wide[2] = {{UINT32_MAX, 1u << 30}, {UINT32_MAX, 1u << 30}};
  sotto_kv_shape huge = {wide, 2, 1u << 20, SOTTO_F32, SOTTO_F32};
  CHECK(sotto_kv_bytes(&huge) == 0);
  CHECK(sotto_kv_new(&ctx, &huge, &kv) == SOTTO_ERR_MEMORY_BUDGET);
  CHECK(kv == NULL && ctx.bytes_in_use == 0);
}
