/* Header, tokens, sequences with their pages, cosines and sines. */
#include "backend/gpu/batch.h"

#include "backend/memory.h"

uint64_t gpu_batch_words(const sotto_program *p, const sotto_backend_config *config,
                         const sotto_kv_shape *kv_shape) {
  const uint64_t n_pages = (uint64_t)kv_shape->n_groups * (config->n_ctx / SOTTO_KV_PAGE);
  return GPU_BATCH_HEADER + 4ull * config->n_batch + config->n_outputs +
         config->n_seqs * (GPU_SEQUENCE_WORDS + n_pages) +
         (uint64_t)p->n_ropes * config->n_batch * sotto_widest_rope(p);
}

/* Words being written: `at` is the index of the next one. */
typedef struct writer {
  uint32_t *words;
  uint32_t at;
} writer;

static void put(writer *w, uint32_t word) {
  w->words[w->at++] = word;
}

static void put_tokens(writer *w, const sotto_batch *batch) {
  w->words[GPU_BATCH_TOKENS_AT] = w->at;
  for (uint32_t t = 0; t < batch->n_tokens; t++) put(w, (uint32_t)batch->tokens[t]);
  w->words[GPU_BATCH_POSITIONS_AT] = w->at;
  for (uint32_t t = 0; t < batch->n_tokens; t++) put(w, batch->positions[t]);
  w->words[GPU_BATCH_SEQS_AT] = w->at;
  uint32_t seq = 0;
  for (uint32_t t = 0; t < batch->n_tokens; t++) {
    if (t > 0 && batch->seqs[t] != batch->seqs[t - 1]) seq++;
    put(w, seq);
  }
  w->words[GPU_BATCH_ENDS_AT] = w->at;
  for (uint32_t t = 0; t < batch->n_tokens; t++)
    put(w, sotto_kv_state_after(batch->seqs[t], batch->positions[t] + 1));
  w->words[GPU_BATCH_OUTPUTS_AT] = w->at;
  for (uint32_t o = 0; o < batch->n_outputs; o++) put(w, batch->outputs[o]);
}

static void put_pages(writer *w, const sotto_kv_pages *pages) {
  for (uint32_t i = 0; i < pages->end; i++) put(w, i < pages->first ? 0 : pages->numbers[i]);
}

/* At the sequence's end, or behind drafts that have gone through the model. */
static uint32_t state_before(const sotto_kv_seq *seq, uint32_t position) {
  return position == seq->n_tokens ? seq->state : sotto_kv_state_after(seq, position);
}

/* First their records, then the pages that these point to. */
static void put_sequences(writer *w, const sotto_batch *batch, uint32_t n_groups) {
  const uint32_t n_seqs = w->words[w->words[GPU_BATCH_SEQS_AT] + batch->n_tokens - 1] + 1;
  uint32_t *record = w->words + w->at;
  w->words[GPU_BATCH_SEQUENCES_AT] = w->at;
  w->at += n_seqs * GPU_SEQUENCE_WORDS;
  for (uint32_t t = 0, end; t < batch->n_tokens; t = end, record += GPU_SEQUENCE_WORDS) {
    const sotto_kv_seq *seq = batch->seqs[t];
    for (end = t; end < batch->n_tokens && batch->seqs[end] == seq;) end++;
    record[0] = t;
    record[1] = end - t;
    record[2] = batch->positions[t];
    record[3] = state_before(seq, batch->positions[t]);
    for (uint32_t g = 0; g < SOTTO_KV_MAX_GROUPS; g++) {
      record[4 + g] = w->at;
      if (g < n_groups) put_pages(w, &seq->groups[g]);
    }
  }
}

static void put_ropes(writer *w, const sotto_program *p, const sotto_batch *batch,
                      const float *frequencies, uint32_t stride) {
  w->words[GPU_BATCH_ROPES_AT] = w->at;
  for (size_t i = 0; i < p->n_ropes; i++, frequencies += stride) {
    for (uint32_t t = 0; t < batch->n_tokens; t++, w->at += stride)
      sotto_rope_table(&p->ropes[i], frequencies, batch->positions[t], (float *)(w->words + w->at));
  }
}

uint32_t gpu_batch_write(const sotto_program *p, const sotto_batch *batch,
                         const sotto_kv_shape *kv_shape, const float *frequencies, uint32_t stride,
                         uint32_t *words) {
  writer w = {words, GPU_BATCH_HEADER};
  words[GPU_BATCH_N_TOKENS] = batch->n_tokens;
  words[GPU_BATCH_N_OUTPUTS] = batch->n_outputs;
  put_tokens(&w, batch);
  put_sequences(&w, batch, kv_shape->n_groups);
  put_ropes(&w, p, batch, frequencies, stride);
  return w.at;
}
