/* A number for what a program computes: kinds, parameters and slices, field by field, so that it is
 * the same on every host. */
#include "base/hash.h"
#include "program/program.h"

static uint64_t hash_u32(uint64_t hash, uint32_t value) {
  const unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                                  (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
  return sotto_hash(hash, bytes, sizeof bytes);
}

static uint64_t hash_f32(uint64_t hash, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return hash_u32(hash, bits);
}

static uint64_t hash_weight(uint64_t hash, const sotto_program *p, sotto_weight_id id) {
  hash = hash_u32(hash, id >= 0);
  if (id < 0) return hash;
  const sotto_weight *w = &p->weights[id];
  hash = sotto_hash(hash, w->tensor->name.data, w->tensor->name.len);
  const uint64_t slice[] = {w->first, w->rows, w->cols};
  for (size_t i = 0; i < sizeof slice / sizeof *slice; i++)
    hash = hash_u32(hash_u32(hash, (uint32_t)slice[i]), (uint32_t)(slice[i] >> 32));
  return hash;
}

static uint64_t hash_rope(uint64_t hash, const sotto_program *p, const sotto_rope *r,
                          uint32_t n_ctx) {
  hash = hash_u32(hash_u32(hash, r->n_rot), r->neox);
  hash = hash_f32(hash_f32(hash_f32(hash, r->base), r->scale), r->magnitude);
  if (r->yarn) {
    hash = hash_f32(hash_f32(hash, r->beta_fast), r->beta_slow);
    hash = hash_u32(hash, r->n_ctx_orig);
  }
  return hash_weight(hash, p, sotto_rope_factors(r, n_ctx));
}

static uint64_t hash_op(uint64_t hash, const sotto_program *p, const sotto_op *op, uint32_t n_ctx) {
  hash = hash_u32(hash, (uint32_t)op->kind);
  const sotto_buffer_id buffers[] = {op->out, op->in[0], op->in[1]};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    hash = hash_u32(hash, (uint32_t)buffers[i]);
    if (buffers[i] < 0) continue;
    hash = hash_u32(hash_u32(hash, p->buffers[buffers[i]].dim), p->buffers[buffers[i]].n_used);
  }
  hash = hash_weight(hash_weight(hash, p, op->weight), p, op->bias);
  switch (op->kind) {
  case SOTTO_OP_EMBED: return hash_u32(hash, (uint32_t)op->embed.row);
  case SOTTO_OP_LAYER_NORM:
  case SOTTO_OP_RMS_NORM: return hash_u32(hash_f32(hash, op->norm.eps), op->norm.width);
  case SOTTO_OP_MATMUL: return hash_u32(hash, op->matmul.feeds_logits);
  case SOTTO_OP_ROPE:
    hash = hash_u32(hash, op->rope.head_dim);
    return hash_rope(hash, p, &p->ropes[op->rope.table], n_ctx);
  case SOTTO_OP_KV_WRITE:
  case SOTTO_OP_ATTENTION:
    hash = hash_u32(hash_u32(hash, op->attention.layer), op->attention.n_head);
    hash = hash_u32(hash_u32(hash, op->attention.n_head_kv), op->attention.head_dim);
    hash = hash_u32(hash, op->attention.window);
    hash = hash_f32(hash_f32(hash, op->attention.scale), op->attention.softcap);
    return hash_u32(hash, op->attention.causal);
  case SOTTO_OP_GLU: return hash_u32(hash, (uint32_t)op->glu.activation);
  case SOTTO_OP_SHORT_CONV: return hash_u32(hash_u32(hash, op->conv.layer), op->conv.n_taps);
  case SOTTO_OP_SCALE: return hash_f32(hash, op->scale.factor);
  case SOTTO_OP_POOL: return hash_u32(hash, (uint32_t)op->pool.pooling);
  case SOTTO_OP_SOFTCAP: return hash_f32(hash, op->softcap.cap);
  case SOTTO_OP_ROUTE: return hash_u32(hash_u32(hash, op->route.n_used), op->route.normalise);
  default: return hash;
  }
}

uint64_t sotto_program_hash(const sotto_program *p, uint32_t n_ctx) {
  uint64_t hash = SOTTO_HASH_START;
  for (size_t i = 0; i < p->n_ops; i++) hash = hash_op(hash, p, &p->ops[i], n_ctx);
  return hash;
}
