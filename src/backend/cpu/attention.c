/* Attention's units, and keys and values on their way to the cache. A unit is a block of
 * consecutive tokens of one sequence, and query heads that share a KV head: each page is read once
 * for all of them. */
#include <stdatomic.h>

#include "backend/cpu/attention.h"

/* Rows (a query head of a token) that a block is made for: so many that the reading of a page
 * weighs little, so few that their scores stay in a core's cache. */
#define BLOCK_ROWS 24
/* Reading a page takes about as long as so many rows take with it. */
#define PAGE_ROWS 2

static uint32_t n_rep(const sotto_op *op) {
  return op->attention.n_head / op->attention.n_head_kv;
}

/* Made for the operation whose KV heads serve the most query heads. */
uint32_t cpu_attention_query_block_tokens(const sotto_program *p,
                                          const sotto_backend_config *config) {
  uint32_t tokens = BLOCK_ROWS;
  for (size_t i = 0; i < p->n_ops; i++) {
    if (p->ops[i].kind != SOTTO_OP_ATTENTION) continue;
    const uint32_t fit = BLOCK_ROWS / n_rep(&p->ops[i]);
    if (fit < tokens) tokens = fit;
  }
  if (tokens > config->n_part) tokens = config->n_part;
  return tokens ? tokens : 1;
}

uint64_t cpu_attention_scratch(const sotto_program *p, const sotto_backend_config *config) {
  uint64_t most = 0;
  for (size_t i = 0; i < p->n_ops; i++) {
    const sotto_op *op = &p->ops[i];
    if (op->kind != SOTTO_OP_ATTENTION) continue;
    const uint64_t rows = (uint64_t)cpu_attention_query_block_tokens(p, config) * n_rep(op);
    const uint64_t floats = sotto_attention_scratch(rows, config->n_ctx, op->attention.head_dim);
    if (floats > most) most = floats;
  }
  return most;
}

static uint32_t units_per_block(const sotto_op *op, uint32_t heads) {
  return op->attention.n_head_kv * ((n_rep(op) + heads - 1) / heads);
}

void cpu_attention_prepare(cpu_backend *b) {
  const sotto_batch *batch = &b->part;
  const uint32_t most = b->query_block_tokens;
  b->n_query_blocks = 0;
  for (uint32_t t = 0; t < batch->n_tokens; t++) {
    const bool follows = t > 0 && batch->seqs[t] == batch->seqs[t - 1] &&
                         batch->positions[t] == batch->positions[t - 1] + 1 &&
                         t - b->query_blocks[b->n_query_blocks - 1] < most;
    if (!follows) b->query_blocks[b->n_query_blocks++] = t;
  }
  b->query_blocks[b->n_query_blocks] = batch->n_tokens;
}

/* Query heads of a unit. All heads of a KV head are the least work; fewer may keep more threads
 * busy. */
static uint32_t unit_heads(const cpu_backend *b, const sotto_op *op) {
  uint64_t least = UINT64_MAX;
  uint32_t best = 1;
  for (uint32_t heads = n_rep(op); heads > 0; heads--) {
    const uint64_t units = (uint64_t)b->n_query_blocks * units_per_block(op, heads);
    const uint64_t rows = (uint64_t)heads * b->part.n_tokens / b->n_query_blocks;
    const uint64_t cost = (units + active_threads(b) - 1) / active_threads(b) * (rows + PAGE_ROWS);
    if (cost >= least) continue;
    least = cost;
    best = heads;
  }
  return best;
}

uint64_t cpu_attention_units(const cpu_backend *b, const sotto_op *op) {
  return (uint64_t)b->n_query_blocks * units_per_block(op, unit_heads(b, op));
}

/* Keys that the first token of a block sees, or where attention is not causal all of its
 * sequence's, which are in the batch then. */
static uint32_t n_keys(const cpu_backend *b, const sotto_op *op, const uint32_t *block) {
  uint32_t t = *block;
  if (!op->attention.causal) {
    while (t + 1 < b->part.n_tokens && b->part.seqs[t + 1] == b->part.seqs[*block]) t++;
  }
  return b->part.positions[t] + 1;
}

uint64_t cpu_attention_unit_macs(const cpu_backend *b, const sotto_op *op) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < b->n_query_blocks; i++) {
    const uint64_t n_tokens = b->query_blocks[i + 1] - b->query_blocks[i];
    const uint64_t n = n_tokens * (n_keys(b, op, b->query_blocks + i) + n_tokens - 1);
    if (n > most) most = n;
  }
  return 2 * most * unit_heads(b, op) * op->attention.head_dim;
}

void cpu_attention_run(const cpu_backend *b, const sotto_op *op, uint64_t unit, uint32_t thread) {
  const uint32_t heads = unit_heads(b, op), d = op->attention.head_dim,
                 per_block = units_per_block(op, heads),
                 per_kv_head = per_block / op->attention.n_head_kv;
  const uint32_t *block = b->query_blocks + unit / per_block;
  const uint32_t kv_head = (uint32_t)(unit % per_block) / per_kv_head;
  const uint32_t first = (uint32_t)(unit % per_kv_head) * heads; /* of the KV head's */
  const uint32_t n_heads = n_rep(op) - first < heads ? n_rep(op) - first : heads;
  const size_t offset = ((size_t)kv_head * n_rep(op) + first) * d;

  const uint32_t most_pages = b->config.n_ctx / SOTTO_KV_PAGE;
  const void **k_pages = b->pages + 2ull * thread * most_pages;
  const void **v_pages = k_pages + most_pages;
  const sotto_attention args = {
      .out = buffer_row(b, op->out, *block) + offset,
      .q = buffer_row(b, op->in[0], *block) + offset,
      .stride = (size_t)op->attention.n_head * d,
      .k_pages = k_pages,
      .v_pages = v_pages,
      .k_type = b->storage.shape.k_type,
      .v_type = b->storage.shape.v_type,
      .n_keys = n_keys(b, op, block),
      .bidirectional = !op->attention.causal,
      .window = op->attention.window,
      .n_tokens = block[1] - block[0],
      .n_rep = n_heads,
      .head_dim = d,
      .scale = op->attention.scale,
      .softcap = op->attention.softcap,
      .scratch = b->attention + thread * b->attention_scratch,
  };
  const uint32_t *pages =
      sotto_storage_pages(&b->storage, op->attention.layer, b->part.seqs[*block]);
  const size_t most_keys = sotto_attention_keys(&args, args.n_tokens - 1);
  const size_t first_page = sotto_attention_first_key(&args, 0) / SOTTO_KV_PAGE;
  for (size_t i = first_page; i < (most_keys + SOTTO_KV_PAGE - 1) / SOTTO_KV_PAGE; i++) {
    k_pages[i] = sotto_storage_keys(&b->storage, op->attention.layer, pages[i], kv_head);
    v_pages[i] = sotto_storage_values(&b->storage, op->attention.layer, pages[i], kv_head);
  }
  first_kernels(b)->attention(&args);
}

void cpu_kv_write(cpu_backend *b, const cpu_step *step, uint64_t t) {
  const sotto_kv_shape *shape = &b->storage.shape;
  const sotto_op *op = step->op;
  const uint32_t position = b->part.positions[t], d = op->attention.head_dim,
                 layer = op->attention.layer;
  const uint32_t page =
      sotto_storage_pages(&b->storage, layer, b->part.seqs[t])[position / SOTTO_KV_PAGE];
  const size_t row = position % SOTTO_KV_PAGE;
  const size_t k_bytes = (size_t)sotto_dtype_row_bytes(shape->k_type, d);
  const size_t v_bytes = (size_t)sotto_dtype_row_bytes(shape->v_type, d);
  sotto_kv_write_fn *write_k = sotto_kernels_kv_write(first_kernels(b), shape->k_type);
  sotto_kv_write_fn *write_v = sotto_kernels_kv_write(first_kernels(b), shape->v_type);
  const float *k = buffer_row(b, op->in[0], t), *v = buffer_row(b, op->in[1], t);
  bool finite = true;
  for (uint32_t head = 0; head < op->attention.n_head_kv; head++, k += d, v += d) {
    finite &=
        write_k(k, (char *)sotto_storage_keys(&b->storage, layer, page, head) + row * k_bytes, d);
    finite &=
        write_v(v, (char *)sotto_storage_values(&b->storage, layer, page, head) + row * v_bytes, d);
  }
  uint32_t failed = atomic_load(&b->failed_token);
  while (!finite && t < failed) {
    if (atomic_compare_exchange_weak(&b->failed_token, &failed, (uint32_t)t)) break;
  }
}
