/* The program as text for people. */
#include "program/program.h"

static const char *const op_names[] = {
#define X(NAME, text) text,
#include "program/ops.def"
#undef X
};

/* Gated units have names of their own (Shazeer 2020, arXiv 2002.05202). */
const char *sotto_op_name(const sotto_op *op) {
  if (op->kind != SOTTO_OP_GLU) return op_names[op->kind];
  return op->glu.activation == SOTTO_GELU_TANH ? "geglu" : "swiglu";
}

static const char *const rows[] = {"", "positions", "row 0"};
static const char *const poolings[] = {"none", "mean", "cls", "last"};

static sotto_status print_buffer(const sotto_program *p, sotto_buffer_id id, sotto_str *out) {
  const sotto_buffer *buffer = &p->buffers[id];
  SOTTO_TRY(
      sotto_str_appendf(out, "%s[%s,", buffer->name, buffer->per_output ? "outputs" : "tokens"));
  if (buffer->n_used) SOTTO_TRY(sotto_str_appendf(out, "%u,", buffer->n_used));
  return sotto_str_appendf(out, "%u]", buffer->dim);
}

static sotto_status print_weight(const sotto_weight *w, sotto_str *out) {
  SOTTO_TRY(sotto_str_append(out, w->tensor->name.data, w->tensor->name.len));
  const uint64_t *ne = w->tensor->ne;
  const bool is_slice = w->rows * w->cols != ne[0] * ne[1] * ne[2];
  if (is_slice) {
    const uint64_t n = w->kind == SOTTO_WEIGHT_MATRIX ? w->rows : w->cols;
    SOTTO_TRY(sotto_str_appendf(out, "[%llu:%llu]", (unsigned long long)w->first,
                                (unsigned long long)(w->first + n)));
  }
  return sotto_str_appendf(out, ":%s[%llu,%llu]", sotto_dtype_name(w->tensor->type),
                           (unsigned long long)w->rows, (unsigned long long)w->cols);
}

static sotto_status print_rope(const sotto_rope *r, sotto_str *out) {
  SOTTO_TRY(sotto_str_appendf(out, "positions, %s, dims %u, base %g", r->neox ? "neox" : "norm",
                              r->n_rot, (double)r->base));
  if (r->scale != 1.0f) {
    SOTTO_TRY(sotto_str_appendf(out, ", %s factor %g", r->yarn ? "yarn" : "linear",
                                1 / (double)r->scale));
  }
  if (r->magnitude != 1.0f) {
    SOTTO_TRY(sotto_str_appendf(out, ", magnitude %g", (double)r->magnitude));
  }
  return r->factors >= 0 ? sotto_str_append_c(out, ", with factors") : SOTTO_OK;
}

static sotto_status print_parameters(const sotto_program *p, const sotto_op *op,
                                     const char *separator, sotto_str *out) {
  switch (op->kind) {
  case SOTTO_OP_EMBED:
    if (op->embed.row == SOTTO_ROW_OF_TOKEN) return SOTTO_OK;
    return sotto_str_appendf(out, "%s%s", separator, rows[op->embed.row]);
  case SOTTO_OP_POOL: return sotto_str_appendf(out, "%s%s", separator, poolings[op->pool.pooling]);
  case SOTTO_OP_KV_WRITE:
    return sotto_str_appendf(out, "%slayer %u, kv heads %u, head dim %u", separator,
                             op->attention.layer, op->attention.n_head_kv, op->attention.head_dim);
  case SOTTO_OP_ATTENTION:
    SOTTO_TRY(sotto_str_appendf(
        out, "%slayer %u, heads %u, kv heads %u, head dim %u, scale %g%s", separator,
        op->attention.layer, op->attention.n_head, op->attention.n_head_kv, op->attention.head_dim,
        (double)op->attention.scale, op->attention.causal ? "" : ", not causal"));
    if (op->attention.softcap != 0.0f) {
      SOTTO_TRY(sotto_str_appendf(out, ", softcap %g", (double)op->attention.softcap));
    }
    return op->attention.window ? sotto_str_appendf(out, ", window %u", op->attention.window)
                                : SOTTO_OK;
  case SOTTO_OP_ROPE:
    SOTTO_TRY(sotto_str_append_c(out, separator));
    return print_rope(&p->ropes[op->rope.table], out);
  case SOTTO_OP_RMS_NORM:
    return op->norm.width == p->buffers[op->out].dim
               ? SOTTO_OK
               : sotto_str_appendf(out, "%seach %u", separator, op->norm.width);
  case SOTTO_OP_SHORT_CONV:
    return sotto_str_appendf(out, "%slayer %u, taps %u", separator, op->conv.layer,
                             op->conv.n_taps);
  case SOTTO_OP_SCALE: return sotto_str_appendf(out, "%s%g", separator, (double)op->scale.factor);
  case SOTTO_OP_SOFTCAP: return sotto_str_appendf(out, "%s%g", separator, (double)op->softcap.cap);
  case SOTTO_OP_ROUTE:
    return sotto_str_appendf(out, "%sbest %u%s", separator, op->route.n_used,
                             op->route.normalise ? ", normalised" : "");
  default: return SOTTO_OK;
  }
}

static sotto_status print_op(const sotto_program *p, const sotto_op *op, size_t index,
                             sotto_str *out) {
  SOTTO_TRY(sotto_str_appendf(out, "%4zu  ", index));
  if (op->out >= 0) {
    SOTTO_TRY(print_buffer(p, op->out, out));
    SOTTO_TRY(sotto_str_append_c(out, " = "));
  }
  SOTTO_TRY(sotto_str_append_c(out, sotto_op_name(op)));
  const char *separator = "(";
  for (int i = 0; i < 2 && op->in[i] >= 0; i++) {
    SOTTO_TRY(sotto_str_append_c(out, separator));
    SOTTO_TRY(print_buffer(p, op->in[i], out));
    separator = ", ";
  }
  const sotto_weight_id weights[] = {op->weight, op->bias};
  for (int i = 0; i < 2; i++) {
    if (weights[i] < 0) continue;
    SOTTO_TRY(sotto_str_append_c(out, separator));
    SOTTO_TRY(print_weight(&p->weights[weights[i]], out));
    separator = ", ";
  }
  SOTTO_TRY(print_parameters(p, op, separator, out));
  return sotto_str_append_c(out, ")\n");
}

sotto_status sotto_program_print(const sotto_program *p, sotto_str *out) {
  for (size_t i = 0; i < p->n_ops; i++) SOTTO_TRY(print_op(p, &p->ops[i], i, out));
  return SOTTO_OK;
}
