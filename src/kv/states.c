/* State slots: where a sequence may end after a batch, which of these it did, and checkpoints.
 *
 * A checkpoint stands at a page border. Those at every 8th stay as long as their page does, so that
 * their number is bounded by that of pages. Of the others a prompt leaves one at the last border in
 * front of its end, for another answer to it, or to one that ends a little differently; and one
 * more where it ends at a border. */
#include "kv/kv_internal.h"

static bool stays(uint32_t n_tokens) {
  return n_tokens % (KV_CHECKPOINT_PAGES * SOTTO_KV_PAGE) == 0;
}

static uint32_t *checkpoint(const sotto_kv_seq *seq, uint32_t n_tokens) {
  return &seq->checkpoints[n_tokens / SOTTO_KV_PAGE - 1];
}

static bool is_border(uint32_t n_tokens) {
  return n_tokens % SOTTO_KV_PAGE == 0;
}

static bool add_end(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_tokens, bool checkpoint) {
  if (kv->states.n_free == 0) return false;
  seq->ends[seq->n_ends++] = (sotto_kv_end){n_tokens, kv_take(&kv->states), checkpoint};
  return true;
}

bool kv_reserve_states(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n_more, uint32_t n_drafts) {
  if (kv->shape.n_states == 0) return true;
  const uint32_t start = seq->n_tokens, end = start + n_more;
  /* Borders in the batch that are worth a checkpoint, but not the end itself, which comes next. */
  uint32_t border = start / SOTTO_KV_PAGE * SOTTO_KV_PAGE + SOTTO_KV_PAGE;
  for (; border < end; border += SOTTO_KV_PAGE) {
    const bool last = border + SOTTO_KV_PAGE >= end;
    if ((last || stays(border)) && !add_end(kv, seq, border, true)) {
      kv_rewind_states(kv, seq);
      return false;
    }
  }
  for (uint32_t i = 0; i <= n_drafts; i++) {
    const bool of_prompt = i == 0 && n_more > 1;
    if (add_end(kv, seq, end + i, of_prompt ? is_border(end) : stays(end + i))) continue;
    kv_rewind_states(kv, seq);
    return false;
  }
  return true;
}

uint32_t sotto_kv_state_after(const sotto_kv_seq *seq, uint32_t n_tokens) {
  for (uint32_t i = 0; i < seq->n_ends; i++)
    if (seq->ends[i].n_tokens == n_tokens) return seq->ends[i].slot;
  return SOTTO_KV_NONE;
}

/* Checkpoints that need not stay and have one behind them in front of the sequence's end. */
static void drop_old_checkpoints(sotto_kv *kv, sotto_kv_seq *seq) {
  bool has_later = false;
  for (uint32_t n = seq->n_tokens / SOTTO_KV_PAGE * SOTTO_KV_PAGE; n > 0; n -= SOTTO_KV_PAGE) {
    uint32_t *slot = checkpoint(seq, n);
    if (*slot == SOTTO_KV_NONE) continue;
    if (has_later && !stays(n)) {
      kv_release(&kv->states, *slot);
      *slot = SOTTO_KV_NONE;
    }
    has_later |= n < seq->n_tokens;
  }
}

void kv_commit_states(sotto_kv *kv, sotto_kv_seq *seq) {
  uint32_t n_done = 0;
  bool new_checkpoint = false;
  while (n_done < seq->n_ends && seq->ends[n_done].n_tokens <= seq->n_tokens) {
    const sotto_kv_end end = seq->ends[n_done++];
    if (end.checkpoint) {
      *checkpoint(seq, end.n_tokens) = end.slot;
      kv_hold(&kv->states, end.slot);
      new_checkpoint = true;
    }
    if (end.n_tokens == seq->n_tokens) {
      kv_release(&kv->states, seq->state);
      seq->state = end.slot;
    } else {
      kv_release(&kv->states, end.slot);
    }
  }
  seq->n_ends -= n_done;
  if (n_done) memmove(seq->ends, seq->ends + n_done, seq->n_ends * sizeof *seq->ends);
  if (new_checkpoint) drop_old_checkpoints(kv, seq);
}

void kv_rewind_states(sotto_kv *kv, sotto_kv_seq *seq) {
  while (seq->n_ends) kv_release(&kv->states, seq->ends[--seq->n_ends].slot);
}

uint32_t kv_state_at(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n) {
  if (kv->shape.n_states == 0 || n == 0) return SOTTO_KV_NONE;
  return n == seq->n_tokens ? seq->state : *checkpoint(seq, n);
}

void kv_cut_states(sotto_kv *kv, sotto_kv_seq *seq, uint32_t n) {
  if (kv->shape.n_states == 0 || n == seq->n_tokens) return;
  const uint32_t state = kv_state_at(kv, seq, n);
  kv_hold(&kv->states, state);
  kv_release(&kv->states, seq->state);
  seq->state = state;
  for (uint32_t border = seq->n_tokens / SOTTO_KV_PAGE * SOTTO_KV_PAGE; border > n;
       border -= SOTTO_KV_PAGE) {
    kv_release(&kv->states, *checkpoint(seq, border));
    *checkpoint(seq, border) = SOTTO_KV_NONE;
  }
}

void kv_share_states(sotto_kv *kv, sotto_kv_seq *dst, const sotto_kv_seq *src, uint32_t n) {
  if (kv->shape.n_states == 0) return;
  dst->state = kv_state_at(kv, src, n);
  kv_hold(&kv->states, dst->state);
  for (uint32_t border = SOTTO_KV_PAGE; border <= n; border += SOTTO_KV_PAGE) {
    *checkpoint(dst, border) = *checkpoint(src, border);
    kv_hold(&kv->states, *checkpoint(dst, border));
  }
}

uint32_t kv_states_resumable(const sotto_kv *kv, const sotto_kv_seq *seq, uint32_t n) {
  if (kv->shape.n_states == 0 || n == seq->n_tokens) return n;
  n = n / SOTTO_KV_PAGE * SOTTO_KV_PAGE;
  while (n > 0 && *checkpoint(seq, n) == SOTTO_KV_NONE) n -= SOTTO_KV_PAGE;
  return n;
}
