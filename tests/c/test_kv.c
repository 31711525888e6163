/* kv/: pages are shared, copied before they are written, and given back. Windows and states are
 * test_kv_states.c's. */
#include "backend/storage.h"
#include "test.h"

/* Layers need not be alike; the first has two heads more. */
static const sotto_kv_layer layers[] = {{.n_head_kv = 4, .head_dim = 8},
                                        {.n_head_kv = 2, .head_dim = 4}};
static const sotto_kv_shape shape = {.layers = layers,
                                     .n_layer = 2,
                                     .k_type = SOTTO_F32,
                                     .v_type = SOTTO_F32,
                                     .n_groups = 1,
                                     .groups = {{.n_pages = 6}},
                                     .n_ctx = 6 * SOTTO_KV_PAGE};

static sotto_storage storage;

static sotto_status new_cache(sotto_ctx *ctx, sotto_kv **kv) {
  sotto_ctx_init(ctx, NULL, NULL);
  const sotto_status status = sotto_storage_init(ctx, &shape, &storage);
  return status == SOTTO_OK ? sotto_kv_new(ctx, &shape, &storage.base, kv) : status;
}

static void free_cache(sotto_ctx *ctx, sotto_kv *kv) {
  sotto_kv_free(kv);
  sotto_storage_free(&storage);
  CHECK(ctx->bytes_in_use == 0);
}

static void write_row(const sotto_kv_seq *seq, uint32_t position, float value) {
  const uint32_t page = seq->groups[0].numbers[position / SOTTO_KV_PAGE];
  for (uint32_t layer = 0; layer < shape.n_layer; layer++) {
    for (uint32_t head = 0; head < layers[layer].n_head_kv; head++) {
      const uint32_t dim = layers[layer].head_dim, row = position % SOTTO_KV_PAGE * dim;
      float *k = (float *)sotto_storage_keys(&storage, layer, page, head) + row;
      float *v = (float *)sotto_storage_values(&storage, layer, page, head) + row;
      for (uint32_t d = 0; d < dim; d++) {
        k[d] = value + 10000.0f * (float)layer + 1000.0f * (float)head;
        v[d] = -k[d];
      }
    }
  }
}

static bool row_is(const sotto_kv_seq *seq, uint32_t position, float value) {
  const uint32_t page = seq->groups[0].numbers[position / SOTTO_KV_PAGE];
  float *k = (float *)sotto_storage_keys(&storage, 1, page, 1) + position % SOTTO_KV_PAGE * 4;
  float *v = (float *)sotto_storage_values(&storage, 1, page, 1) + position % SOTTO_KV_PAGE * 4;
  return k[3] == value + 11000.0f && v[3] == -k[3];
}

/* Add n tokens whose ids and rows are their positions plus `base`. */
static bool extend(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n, int base) {
  if (!sotto_kv_reserve(kv, seq, n, 0)) return false;
  for (uint32_t i = 0; i < n; i++) {
    sotto_token token = base + (sotto_token)seq->n_tokens;
    write_row(seq, seq->n_tokens, (float)token);
    sotto_kv_commit(kv, seq, &token, 1);
  }
  return true;
}

static sotto_status load(sotto_kv *kv, sotto_kv_seq *seq, uint64_t model, const sotto_str *data) {
  const sotto_status status = sotto_kv_check(kv, model, data->data, data->len);
  return status == SOTTO_OK ? sotto_kv_load(kv, seq, data->data) : status;
}

TEST(kv_shares_pages_and_copies_them_before_writing) {
  sotto_ctx ctx;
  sotto_kv *kv;
  sotto_kv_seq a, b;
  REQUIRE(new_cache(&ctx, &kv) == SOTTO_OK);
  REQUIRE(sotto_kv_seq_init(kv, &a) == SOTTO_OK && sotto_kv_seq_init(kv, &b) == SOTTO_OK);
  CHECK(extend(kv, &a, 70, 0)); /* 3 pages */
  CHECK(sotto_kv_free_pages(kv, 0) == 3);
  sotto_kv_share(kv, &b, &a, 40); /* one whole page and a part of the second */
  CHECK(sotto_kv_free_pages(kv, 0) == 3);
  CHECK(extend(kv, &b, 10, 500)); /* copies the second page */
  CHECK(sotto_kv_free_pages(kv, 0) == 2);
  CHECK(a.groups[0].numbers[0] == b.groups[0].numbers[0]);
  CHECK(a.groups[0].numbers[1] != b.groups[0].numbers[1]);
  for (uint32_t i = 0; i < 70; i++) CHECK(row_is(&a, i, (float)i));
  for (uint32_t i = 0; i < 40; i++) CHECK(row_is(&b, i, (float)i));
  for (uint32_t i = 40; i < 50; i++) CHECK(row_is(&b, i, 500.0f + (float)i));
  /* a writes into its own second page again after a trim: b's copy is not touched. */
  sotto_kv_cut(kv, &a, 35);
  CHECK(sotto_kv_free_pages(kv, 0) == 3);
  CHECK(extend(kv, &a, 5, 900));
  for (uint32_t i = 40; i < 50; i++) CHECK(row_is(&b, i, 500.0f + (float)i));
  /* The pool's end: nothing changes when it has too few pages. */
  CHECK(!extend(kv, &a, 150, 0));
  CHECK(a.n_tokens == 40 && sotto_kv_free_pages(kv, 0) == 3);
  CHECK(!extend(kv, &a, UINT32_MAX - 10, 0));
  CHECK(extend(kv, &a, 3 * 32 + 24, 0));
  CHECK(sotto_kv_free_pages(kv, 0) == 0);
  sotto_kv_seq_free(kv, &a);
  sotto_kv_seq_free(kv, &b);
  CHECK(sotto_kv_free_pages(kv, 0) == 6);
  free_cache(&ctx, kv);
}

TEST(kv_snapshots_hold_rows_not_pages) {
  sotto_ctx ctx;
  sotto_kv *kv;
  sotto_kv_seq a, b;
  sotto_str one, two;
  REQUIRE(new_cache(&ctx, &kv) == SOTTO_OK);
  REQUIRE(sotto_kv_seq_init(kv, &a) == SOTTO_OK && sotto_kv_seq_init(kv, &b) == SOTTO_OK);
  sotto_str_init(&one, &ctx);
  sotto_str_init(&two, &ctx);
  CHECK(extend(kv, &a, 45, 7));
  CHECK(sotto_kv_save(kv, &a, 41, 123, &one) == SOTTO_OK && sotto_kv_seal(&one, 0) == SOTTO_OK);
  CHECK(load(kv, &b, 124, &one) == SOTTO_ERR_INVALID_STATE);
  CHECK(b.n_tokens == 0 && b.groups[0].end == 0);
  CHECK(load(kv, &b, 123, &one) == SOTTO_OK);
  CHECK(b.n_tokens == 41);
  for (uint32_t i = 0; i < 41; i++)
    CHECK(b.tokens[i] == a.tokens[i] && row_is(&b, i, 7.0f + (float)i));
  CHECK(sotto_kv_save(kv, &b, 41, 123, &two) == SOTTO_OK && sotto_kv_seal(&two, 0) == SOTTO_OK);
  CHECK(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
  sotto_kv_cut(kv, &b, 0);
  two.data[7]--;
  CHECK(load(kv, &b, 123, &two) == SOTTO_ERR_INVALID_STATE);
  CHECK(strstr(ctx.message, "is of another version of sotto"));
  two.data[0]--;
  CHECK(load(kv, &b, 123, &two) == SOTTO_ERR_INVALID_STATE);
  CHECK(strstr(ctx.message, "is not a sotto state"));
  CHECK(extend(kv, &a, 100, 0)); /* no room for the snapshot now */
  CHECK(load(kv, &b, 123, &one) == SOTTO_ERR_CONTEXT_LENGTH);
  CHECK(b.n_tokens == 0);
  sotto_str_free(&one);
  sotto_str_free(&two);
  sotto_kv_seq_free(kv, &a);
  sotto_kv_seq_free(kv, &b);
  free_cache(&ctx, kv);
}

TEST(kv_refuses_absurd_sizes) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  const sotto_kv_layer wide[2] = {{.n_head_kv = UINT32_MAX, .head_dim = 1u << 30},
                                  {.n_head_kv = UINT32_MAX, .head_dim = 1u << 30}};
  sotto_kv_shape huge = shape;
  huge.layers = wide;
  CHECK(sotto_kv_bytes(&huge) == UINT64_MAX);
  CHECK(sotto_kv_position_bytes(&huge) == UINT64_MAX);
  CHECK(sotto_storage_init(&ctx, &huge, &storage) == SOTTO_ERR_MEMORY_BUDGET);
  CHECK(ctx.bytes_in_use == 0);
}
