/* The program as text for people. */
#include "program/program.h"

static const char *const op_names[] = {
#define X(NAME, text) text,
#include "program/ops.def"
#undef X
};

static sotto_status print_buffer(const sotto_program *p, sotto_buffer_id id, sotto_str *out) {
  const sotto_buffer *buffer = &p->buffers[id];
  return sotto_str_appendf(out, "%s[%s,%u]", buffer->name,
                           buffer->per_output ? "outputs" : "tokens", buffer->dim);
}

static sotto_status print_op(const sotto_program *p, const sotto_op *op, size_t index,
                             sotto_str *out) {
  const sotto_hparams *h = &p->hparams;
  SOTTO_TRY(sotto_str_appendf(out, "%4zu  ", index));
  if (op->out >= 0) {
    SOTTO_TRY(print_buffer(p, op->out, out));
    SOTTO_TRY(sotto_str_append_c(out, " = "));
  }
  SOTTO_TRY(sotto_str_append_c(out, op_names[op->kind]));
  const char *separator = "(";
  for (int i = 0; i < 2 && op->in[i] >= 0; i++) {
    SOTTO_TRY(sotto_str_append_c(out, separator));
    SOTTO_TRY(print_buffer(p, op->in[i], out));
    separator = ", ";
  }
  if (op->weight >= 0) {
    const sotto_weight *w = &p->weights[op->weight];
    SOTTO_TRY(sotto_str_append_c(out, separator));
    SOTTO_TRY(sotto_str_append(out, w->tensor->name.data, w->tensor->name.len));
    SOTTO_TRY(sotto_str_appendf(out, ":%s[%llu,%llu]", sotto_dtype_name(w->tensor->type),
                                (unsigned long long)w->rows, (unsigned long long)w->cols));
    separator = ", ";
  }
  if (op->kind == SOTTO_OP_KV_WRITE || op->kind == SOTTO_OP_ATTENTION) {
    SOTTO_TRY(sotto_str_appendf(out, "%slayer %u, heads %u, kv heads %u, head dim %u", separator,
                                op->layer, h->n_head, h->n_head_kv, h->head_dim));
    separator = ", ";
  }
  if (op->kind == SOTTO_OP_ROPE) {
    SOTTO_TRY(sotto_str_appendf(out, "%spositions, %s, dims %u, base %g", separator,
                                h->rope_neox ? "neox" : "norm", h->n_rot,
                                (double)h->rope_freq_base));
  }
  return sotto_str_append_c(out, ")\n");
}

sotto_status sotto_program_print(const sotto_program *p, sotto_str *out) {
  for (size_t i = 0; i < p->n_ops; i++) SOTTO_TRY(print_op(p, &p->ops[i], i, out));
  return SOTTO_OK;
}
