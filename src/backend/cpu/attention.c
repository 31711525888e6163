/* Attention's units, and keys and values on their way to the cache. A unit is a block of consecutive
 * tokens of one sequence, and query heads that share a KV head: each page is read once for all of them. */
#include <stdatomic.h>

#include "backend/cpu/cpu.h"

/* Rows (a query head of a token) that a block is made for: so many that the reading of a page weighs
 * little, so few that their scores stay in a core's cache. */
#define BLOCK_ROWS 24
/* Reading a page takes about as long as so many rows take with it. */
#define PAGE_ROWS 2

static uint32_t n_rep(const cpu_backend *b) {
  return b->program->hparams.n_head / b->program->hparams.n_head_kv;
}

/* Most tokens of a block. */
static uint32_t block_tokens(const sotto_program *p, const sotto_backend_config *config) {
  uint32_t tokens = BLOCK_ROWS * p->hparams.n_head_kv / p->hparams.n_head;
  if (tokens > config->n_part) tokens = config->n_part;
  return tokens ? tokens : 1;
}

uint64_t cpu_attention_scratch(const sotto_program *p, const sotto_backend_config *config) {
  const uint64_t rows =
      (uint64_t)block_tokens(p, config) * (p->hparams.n_head / p->hparams.n_head_kv);
  return sotto_attention_scratch(rows, config->n_ctx, p->hparams.head_dim);
}

static uint32_t units_per_block(const cpu_backend *b, uint32_t heads) {
  return b->program->hparams.n_head_kv * ((n_rep(b) + heads - 1) / heads);
}

void cpu_attention_prepare(cpu_backend *b) {
  const sotto_batch *batch = &b->part;
  const uint32_t most = block_tokens(b->program, &b->config);
  b->n_blocks = 0;
  for (uint32_t t = 0; t < batch->n_tokens; t++) {
    const bool follows = t > 0 && batch->seqs[t] == batch->seqs[t - 1] &&
                         batch->positions[t] == batch->positions[t - 1] + 1 &&
                         t - b->blocks[b->n_blocks - 1] < most;
    if (!follows) b->blocks[b->n_blocks++] = t;
  }
  b->blocks[b->n_blocks] = batch->n_tokens;

  /* All heads of a KV head in a unit is the least work; fewer may keep more threads busy. */
  uint64_t least = UINT64_MAX;
  for (uint32_t heads = n_rep(b); heads > 0; heads--) {
    const uint64_t units = (uint64_t)b->n_blocks * units_per_block(b, heads);
    const uint64_t rows = (uint64_t)heads * batch->n_tokens / b->n_blocks;
    const uint64_t cost = (units + active_threads(b) - 1) / active_threads(b) * (rows + PAGE_ROWS);
    if (cost >= least) continue;
    least = cost;
    b->unit_heads = heads;
  }
}

uint64_t cpu_attention_units(const cpu_backend *b) {
  return (uint64_t)b->n_blocks * units_per_block(b, b->unit_heads);
}

uint64_t cpu_attention_unit_macs(const cpu_backend *b) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < b->n_blocks; i++) {
    const uint32_t n_tokens = b->blocks[i + 1] - b->blocks[i];
    const uint64_t last = b->part.positions[b->blocks[i + 1] - 1];
    if (n_tokens * (last + 1) > most) most = n_tokens * (last + 1);
  }
  return 2 * most * b->unit_heads * b->program->hparams.head_dim;
}

void cpu_attention_run(const cpu_backend *b, const cpu_step *step, uint64_t unit, uint32_t thread) {
  const sotto_hparams *h = &b->program->hparams;
  const uint32_t per_block = units_per_block(b, b->unit_heads),
                 per_kv_head = per_block / h->n_head_kv;
  const uint32_t *block = b->blocks + unit / per_block;
  const uint32_t kv_head = (uint32_t)(unit % per_block) / per_kv_head;
  const uint32_t first = (uint32_t)(unit % per_kv_head) * b->unit_heads; /* of the KV head's */
  const uint32_t n_heads = n_rep(b) - first < b->unit_heads ? n_rep(b) - first : b->unit_heads;

  const uint32_t n_pages = b->part.positions[block[1] - 1] / SOTTO_KV_PAGE + 1;
  const uint32_t most_pages = b->config.n_ctx / SOTTO_KV_PAGE;
  const uint32_t *pages = b->part.seqs[*block]->pages;
  const void **k_pages = b->pages + 2ull * thread * most_pages;
  const void **v_pages = k_pages + most_pages;
  for (uint32_t i = 0; i < n_pages; i++) {
    k_pages[i] = sotto_kv_keys(b->kv, step->op->layer, pages[i], kv_head);
    v_pages[i] = sotto_kv_values(b->kv, step->op->layer, pages[i], kv_head);
  }
  const size_t offset = ((size_t)kv_head * n_rep(b) + first) * h->head_dim;
  sotto_attention args = {
      .out = buffer_row(b, step->op->out, *block) + offset,
      .q = buffer_row(b, step->op->in[0], *block) + offset,
      .stride = (size_t)h->n_head * h->head_dim,
      .k_pages = k_pages,
      .v_pages = v_pages,
      .k_type = sotto_kv_get_shape(b->kv)->k_type,
      .v_type = sotto_kv_get_shape(b->kv)->v_type,
      .n_keys = b->part.positions[*block] + 1,
      .n_tokens = block[1] - block[0],
      .n_rep = n_heads,
      .head_dim = h->head_dim,
      .scale = h->attention_scale,
      .scratch = b->attention + thread * cpu_attention_scratch(b->program, &b->config),
  };
  first_kernels(b)->attention(&args);
}

void cpu_kv_write(cpu_backend *b, const cpu_step *step, uint64_t t) {
  const sotto_kv_shape *shape = sotto_kv_get_shape(b->kv);
  const uint32_t position = b->part.positions[t], d = shape->head_dim, layer = step->op->layer;
  const uint32_t page = b->part.seqs[t]->pages[position / SOTTO_KV_PAGE];
  const size_t row = position % SOTTO_KV_PAGE;
  const size_t k_bytes = (size_t)sotto_dtype_row_bytes(shape->k_type, d);
  const size_t v_bytes = (size_t)sotto_dtype_row_bytes(shape->v_type, d);
  sotto_kv_write_fn *write_k = sotto_kernels_kv_write(first_kernels(b), shape->k_type);
  sotto_kv_write_fn *write_v = sotto_kernels_kv_write(first_kernels(b), shape->v_type);
  const float *k = buffer_row(b, step->op->in[0], t), *v = buffer_row(b, step->op->in[1], t);
  bool finite = true;
  for (uint32_t head = 0; head < shape->n_head_kv; head++, k += d, v += d) {
    finite &= write_k(k, (char *)sotto_kv_keys(b->kv, layer, page, head) + row * k_bytes, d);
    finite &= write_v(v, (char *)sotto_kv_values(b->kv, layer, page, head) + row * v_bytes, d);
  }
  uint32_t failed = atomic_load(&b->failed_token);
  while (!finite && t < failed) {
    if (atomic_compare_exchange_weak(&b->failed_token, &failed, (uint32_t)t)) break;
  }
}
