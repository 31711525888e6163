/* Who runs next: slots, shared prefixes, pages, and the batch. */
#include "engine/internal.h"
#include "platform/time.h"

uint32_t generator_common_prefix(const sotto_kv_seq *seq, const sotto_token *tokens, uint32_t n) {
  uint32_t limit = seq->n_tokens < n ? seq->n_tokens : n, i = 0;
  while (i < limit && seq->tokens[i] == tokens[i]) i++;
  return i;
}

slot *generator_free_slot(sotto_generator *g, const slot *except) {
  slot *best = NULL;
  for (int spare = 1; spare >= 0 && !best; spare--) {
    for (uint32_t i = 0; i < g->n_slots; i++) {
      slot *s = &g->slots[i];
      if (s->job || (spare && s == except)) continue;
      bool empty = s->seq.n_tokens == 0;
      if (!best || (empty && best->seq.n_tokens) ||
          (empty == (best->seq.n_tokens == 0) && s->last_used < best->last_used)) {
        best = s;
      }
    }
  }
  if (best && best != except) sotto_kv_trim(g->kv, &best->seq, 0);
  return best;
}

/* Give a waiting job a slot that starts with as much of its prompt as any sequence has computed. At
 * least one token is always left to compute, since its logits are wanted. */
static void admit(sotto_generator *g, job *j) {
  uint32_t reusable = (uint32_t)j->tokens.count - 1, best_n = 0;
  if (j->options.flags & (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_NO_CACHE)) reusable = 0;
  slot *best = NULL;
  for (uint32_t i = 0; i < g->n_slots; i++) {
    uint32_t n = generator_common_prefix(&g->slots[i].seq, j->tokens.ids, reusable);
    if (n > best_n) {
      best = &g->slots[i];
      best_n = n;
    }
  }
  slot *target;
  if (best && !best->job && best->seq.n_tokens == best_n) {
    target = best; /* the conversation goes on where it ended */
  } else {
    target = generator_free_slot(g, best);
    if (target == best)
      sotto_kv_trim(g->kv, &target->seq, best_n);
    else if (best)
      sotto_kv_share(g->kv, &target->seq, &best->seq, best_n);
  }
  target->job = j;
  target->last_used = ++g->clock;
  j->slot = target;
  if (!j->prompt_reported) j->n_cached = best_n < j->n_prompt ? best_n : j->n_prompt;
  if (j->start_ms == 0) j->start_ms = sotto_time_ms();

  g->waiting = j->next;
  g->n_waiting--;
  j->next = NULL;
  job **at = &g->running;
  while (*at) at = &(*at)->next;
  *at = j;
  g->n_running++;
}

/* Give the pages of the least recently used idle sequence back. */
static bool evict_cached(sotto_generator *g) {
  slot *oldest = NULL;
  for (uint32_t i = 0; i < g->n_slots; i++) {
    slot *s = &g->slots[i];
    if (!s->job && s->seq.n_pages && (!oldest || s->last_used < oldest->last_used)) oldest = s;
  }
  if (!oldest) return false;
  sotto_kv_trim(g->kv, &oldest->seq, 0);
  return true;
}

/* Send the youngest running job other than `except` back to the head of the queue. */
static bool preempt(sotto_generator *g, const job *except) {
  job *youngest = NULL;
  for (job *j = g->running; j; j = j->next) {
    if (j != except) youngest = j;
  }
  if (!youngest) return false;
  for (job **at = &g->running; *at; at = &(*at)->next) {
    if (*at != youngest) continue;
    *at = youngest->next;
    break;
  }
  g->n_running--;
  sotto_kv_trim(g->kv, &youngest->slot->seq, 0);
  youngest->slot->job = NULL;
  youngest->slot = NULL;
  youngest->next = g->waiting;
  g->waiting = youngest;
  g->n_waiting++;
  return true;
}

static bool is_scoring(const job *j) {
  return j->options.flags & SOTTO_REQUEST_PROMPT_LOGITS && j->n_scored < j->n_prompt;
}

/* Tokens of the job that go into this batch, given room for so many tokens and outputs. */
static uint32_t chunk(const job *j, uint32_t room, uint32_t outputs) {
  uint32_t left = (uint32_t)j->tokens.count - j->slot->seq.n_tokens;
  if (left > room) left = room;
  if (is_scoring(j) && left > outputs) left = outputs;
  return outputs ? left : 0;
}

static void add_to_batch(sotto_generator *g, job *j, uint32_t n) {
  sotto_batch *batch = &g->batch;
  const sotto_kv_seq *seq = &j->slot->seq;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t t = batch->n_tokens++, position = seq->n_tokens + i;
    g->batch_tokens[t] = j->tokens.ids[position];
    g->batch_positions[t] = position;
    g->batch_seqs[t] = seq;
    g->batch_jobs[t] = j;
    if (position + 1 == j->tokens.count || is_scoring(j)) g->batch_outputs[batch->n_outputs++] = t;
  }
}

/* Put the job's next tokens into the batch, making room in the pool as the header says. False when the
 * batch can take no more. */
static bool schedule_job(sotto_generator *g, job *j, bool may_preempt) {
  uint32_t n =
      chunk(j, g->config.n_batch - g->batch.n_tokens, g->config.n_outputs - g->batch.n_outputs);
  if (n == 0) return false;
  while (!sotto_kv_reserve(g->kv, &j->slot->seq, n)) {
    if (evict_cached(g)) continue;
    if (may_preempt && preempt(g, j)) continue;
    return false;
  }
  add_to_batch(g, j, n);
  return true;
}

bool generator_schedule(sotto_generator *g) {
  while (g->waiting && g->n_running < g->config.n_parallel) admit(g, g->waiting);
  g->batch = (sotto_batch){.tokens = g->batch_tokens,
                           .positions = g->batch_positions,
                           .seqs = g->batch_seqs,
                           .outputs = g->batch_outputs};
  /* Decodes first, so that running answers keep flowing; then prompts, oldest first. Jobs already in
   * the batch are older than any that preempt() may take, as both go by age. */
  for (int prompts = 0; prompts < 2; prompts++) {
    for (job *j = g->running; j; j = j->next) {
      bool decoding = j->tokens.count - j->slot->seq.n_tokens == 1;
      if (decoding == (prompts != 0)) continue;
      bool in_batch = false;
      for (uint32_t t = 0; t < g->batch.n_tokens && !in_batch; t++)
        in_batch = g->batch_jobs[t] == j;
      if (!in_batch) schedule_job(g, j, g->batch.n_tokens == 0);
    }
  }
  return g->batch.n_tokens > 0;
}

void generator_commit_batch(sotto_generator *g) {
  for (uint32_t t = 0; t < g->batch.n_tokens; t++) {
    sotto_kv_append(&g->batch_jobs[t]->slot->seq, &g->batch_tokens[t], 1);
  }
}
