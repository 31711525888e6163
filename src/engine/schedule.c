/* Who runs next: slots, shared prefixes, pages, drafts, and the batch. */
#include "engine/internal.h"
#include "platform/time.h"

uint32_t generator_reusable_prefix(const sotto_generator *g, const sotto_kv_seq *seq,
                                   const sotto_token *tokens, uint32_t n) {
  uint32_t limit = seq->n_tokens < n ? seq->n_tokens : n, i = 0;
  while (i < limit && seq->tokens[i] == tokens[i]) i++;
  return sotto_kv_resumable(g->kv, seq, i);
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
  if (best && best != except) sotto_kv_cut(g->kv, &best->seq, 0);
  return best;
}

/* Give a waiting job a slot that starts with as much of its prompt as any sequence has computed. At
 * least one token is always left to compute, since its logits are wanted. */
static void admit(sotto_generator *g, job *j) {
  uint32_t reusable = (uint32_t)j->tokens.count - 1, best_n = 0;
  if (generator_scores(j) || j->options.flags & SOTTO_REQUEST_NO_CACHE || g->config.whole_texts)
    reusable = 0;
  slot *best = NULL;
  for (uint32_t i = 0; i < g->n_slots; i++) {
    uint32_t n = generator_reusable_prefix(g, &g->slots[i].seq, j->tokens.ids, reusable);
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
      sotto_kv_cut(g->kv, &target->seq, best_n);
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

/* Free the pages of the least recently used idle slot. False where no idle slot has any. */
static bool evict_idle(sotto_generator *g) {
  slot *oldest = NULL;
  for (uint32_t i = 0; i < g->n_slots; i++) {
    slot *s = &g->slots[i];
    if (!s->job && s->seq.n_tokens && (!oldest || s->last_used < oldest->last_used)) oldest = s;
  }
  if (!oldest) return false;
  sotto_kv_cut(g->kv, &oldest->seq, 0);
  return true;
}

/* Of the least recently used slot that has pages behind windows. */
static bool give_back(sotto_generator *g) {
  uint64_t newer_than = 0;
  for (;;) {
    slot *oldest = NULL;
    for (uint32_t i = 0; i < g->n_slots; i++) {
      slot *s = &g->slots[i];
      if (s->last_used > newer_than && (!oldest || s->last_used < oldest->last_used)) oldest = s;
    }
    if (!oldest) return false;
    if (sotto_kv_give_back(g->kv, &oldest->seq)) return true;
    newer_than = oldest->last_used;
  }
}

bool generator_make_room(sotto_generator *g) {
  return give_back(g) || evict_idle(g);
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
  sotto_kv_cut(g->kv, &youngest->slot->seq, 0);
  youngest->slot->job = NULL;
  youngest->slot = NULL;
  youngest->next = g->waiting;
  g->waiting = youngest;
  g->n_waiting++;
  return true;
}

void generator_preempt_all(sotto_generator *g) {
  while (preempt(g, NULL)) {
  }
}

static bool is_scoring(const job *j) {
  return generator_scores(j) && j->n_scored < j->n_prompt;
}

/* How many of the job's tokens go into this batch (a chunk of its prompt, or the one token of a
 * decode), where the batch has room for so many tokens and outputs. */
static uint32_t prompt_chunk(const sotto_generator *g, const job *j, uint32_t room,
                             uint32_t outputs) {
  uint32_t left = (uint32_t)j->tokens.count - j->slot->seq.n_tokens;
  const bool too_long = left > room || (is_scoring(j) && left > outputs);
  if (g->config.whole_texts && too_long) return 0; /* in a later batch */
  if (left > room) left = room;
  if (is_scoring(j) && left > outputs) left = outputs;
  return outputs ? left : 0;
}

/* What a batch being made has so far. */
typedef struct content {
  uint32_t tokens, outputs;
  uint32_t n_batch; /* most tokens */
} content;

/* Give the job's next tokens a place in the batch, making room in the KV cache as generator.h says.
 * Does nothing where the batch or the cache can take no more. */
static void schedule_job(sotto_generator *g, job *j, content *batch) {
  const uint32_t n =
      prompt_chunk(g, j, batch->n_batch - batch->tokens, g->config.n_outputs - batch->outputs);
  if (n == 0) return;
  while (!sotto_kv_reserve(g->kv, &j->slot->seq, n, 0)) {
    if (generator_make_room(g)) continue;
    if (batch->tokens == 0 && preempt(g, j)) continue;
    return;
  }
  j->n_batch = n;
  batch->tokens += n;
  if (is_scoring(j))
    batch->outputs += n;
  else if (!generator_only_fills_cache(j))
    batch->outputs += j->slot->seq.n_tokens + n == j->tokens.count;
}

static bool may_draft(const job *j) {
  const bool answering = j->tokens.count > j->n_prompt;
  return j->n_batch && answering && !(j->options.flags & SOTTO_REQUEST_NO_LOOKUP);
}

/* How likely the next draft is to be picked, of a job that may draft; 0 when it has none. */
static float next_chance(const job *j) {
  const uint32_t left = j->options.max_tokens - ((uint32_t)j->tokens.count - j->n_prompt);
  return j->n_draft + 1 < left ? sotto_lookup_chance(&j->lookup, j->n_draft) : 0;
}

/* Pages and states for n drafts behind what the job has in the batch already; where there are not
 * so many, for that alone, as before. */
static bool reserve_drafts(sotto_generator *g, job *j, uint32_t n) {
  const bool enough = sotto_kv_reserve(g->kv, &j->slot->seq, j->n_batch, n);
  if (!enough) sotto_kv_reserve(g->kv, &j->slot->seq, j->n_batch, 0);
  return enough;
}

/* Fill a batch of decodes up with the likeliest drafts, if that pays and pages are free: nobody
 * makes room for a draft. */
static void schedule_drafts(sotto_generator *g, const content *batch) {
  uint32_t room = sotto_lookup_room(batch->tokens), n = 0;
  if (room > batch->n_batch - batch->tokens) room = batch->n_batch - batch->tokens;
  if (room > g->config.n_outputs - batch->outputs) room = g->config.n_outputs - batch->outputs;
  if (room == 0) return;
  for (job *j = g->running; j; j = j->next) {
    if (may_draft(j)) sotto_lookup_find(&j->lookup, j->tokens.ids, (uint32_t)j->tokens.count);
  }
  float expected = 0;
  for (; n < room; n++) {
    job *best = NULL;
    for (job *j = g->running; j; j = j->next) {
      if (may_draft(j) && next_chance(j) > (best ? next_chance(best) : 0)) best = j;
    }
    if (!best) break;
    expected += next_chance(best);
    best->n_draft++;
  }
  const bool pays = sotto_lookup_pays(batch->tokens, n, expected);
  for (job *j = g->running; j; j = j->next) {
    if (j->n_draft == 0) continue;
    if (pays && reserve_drafts(g, j, j->n_draft))
      j->draft_n += j->n_draft;
    else
      j->n_draft = 0;
  }
}

/* The token at a position behind those that are known. */
static sotto_token draft_of(const sotto_generator *g, const job *j, uint32_t position) {
  const uint32_t count = (uint32_t)j->tokens.count;
  return g->batch.n_ahead ? SOTTO_TOKEN_NONE
                          : sotto_lookup_token(&j->lookup, j->tokens.ids, count, position - count);
}

/* Where one job picks the best token, the backend need not wait for us between a few tokens: as
 * many as are quick enough for whoever waits meanwhile, or has read the answer to its end. */
static void schedule_ahead(sotto_generator *g, const content *batch) {
  job *j = g->running;
  const bool known = g->loaded && g->token_ms > 0;
  if (!known || batch->tokens != 1 || j->n_batch != 1 || j->n_draft > 0) return;
  if (j->tokens.count == j->n_prompt || !generator_picks_best(g, j)) return;
  const uint32_t left = j->options.max_tokens - ((uint32_t)j->tokens.count - j->n_prompt);
  uint32_t n = g->backend->type->most_ahead;
  if (n >= left) n = left - 1;
  if (n >= g->config.n_outputs) n = g->config.n_outputs - 1;
  if (n >= batch->n_batch) n = batch->n_batch - 1;
  while (n > 0 && (n + 1) * g->token_ms > g->config.ahead_ms) n--;
  if (n > 0 && reserve_drafts(g, j, n)) j->n_draft = g->batch.n_ahead = n;
}

static void add_to_batch(sotto_generator *g, job *j) {
  sotto_batch *batch = &g->batch;
  const sotto_kv_seq *seq = &j->slot->seq;
  const uint32_t count = (uint32_t)j->tokens.count;
  for (uint32_t i = 0; i < j->n_batch + j->n_draft; i++) {
    uint32_t t = batch->n_tokens++, position = seq->n_tokens + i;
    g->batch_tokens[t] = position < count ? j->tokens.ids[position] : draft_of(g, j, position);
    g->batch_positions[t] = position;
    g->batch_seqs[t] = seq;
    g->batch_jobs[t] = j;
    const bool last = position + 1 >= count && !generator_only_fills_cache(j);
    if (!last && !is_scoring(j)) continue;
    generator_wish(g, j, batch->n_outputs, position + 1 > count ? position + 1 - count : 0);
    g->batch_outputs[batch->n_outputs++] = t;
  }
}

static bool all_ready(sotto_generator *g) {
  for (size_t i = 0; !g->loaded && i < g->backend->n_placements; i++)
    if (!g->ready[i]) return false;
  g->loaded = true;
  return true;
}

bool generator_schedule(sotto_generator *g) {
  while (g->waiting && g->n_running < g->config.n_parallel) admit(g, g->waiting);
  for (job *j = g->running; j; j = j->next) j->n_batch = j->n_draft = 0;
  /* Decodes first, so that running answers keep flowing; then prompts, oldest first. Jobs already
   * in the batch are older than any that preempt() may take, as both go by age. */
  content content = {
      .n_batch = all_ready(g) ? g->config.n_batch : g->config.n_batch_loading,
  };
  uint32_t decodes = 0;
  for (int prompts = 0; prompts < 2; prompts++) {
    for (job *j = g->running; j; j = j->next) {
      bool decoding = j->tokens.count - j->slot->seq.n_tokens == 1;
      if (decoding != (prompts != 0)) schedule_job(g, j, &content);
    }
    if (!prompts) decodes = content.tokens;
  }
  g->batch = (sotto_batch){.tokens = g->batch_tokens,
                           .positions = g->batch_positions,
                           .seqs = g->batch_seqs,
                           .outputs = g->batch_outputs,
                           .wishes = g->wishes};
  if (content.tokens == decodes) {
    schedule_drafts(g, &content);
    if (g->backend->type->most_ahead) schedule_ahead(g, &content);
  }
  for (job *j = g->running; j; j = j->next) add_to_batch(g, j);
  return g->batch.n_tokens > 0;
}

void generator_commit_batch(sotto_generator *g) {
  for (uint32_t t = 0; t < g->batch.n_tokens;) {
    const job *j = g->batch_jobs[t];
    if (!j) { /* ended meanwhile */
      t++;
      continue;
    }
    sotto_kv_commit(g->kv, &j->slot->seq, &g->batch_tokens[t], j->n_batch);
    t += j->n_batch + j->n_draft;
  }
}
