/* kv/ where layers remember differently: all positions, a window of them, a recurrent state. A
 * pretended model writes into the storage what each position and state should hold, many random
 * operations are done with several sequences, and after each one all that a sequence's next token
 * would read must be there. */
#include "backend/storage.h"
#include "base/hash.h"
#include "sample/random.h"
#include "test.h"

#define N_SEQS     6
#define N_CTX      1024
#define N_BATCH    400
#define MOST_DRAFT 5

static const sotto_kv_layer layers[] = {
    {.n_head_kv = 1, .head_dim = 4, .group = 0},
    {.n_state = 3},
    {.n_head_kv = 2, .head_dim = 4, .group = 1},
    {.n_head_kv = 1, .head_dim = 8, .group = 2, .n_state = 1},
};
enum { N_LAYERS = sizeof layers / sizeof *layers };

/* Windows shorter than a page, and of several. */
static const sotto_kv_shape all_kinds = {.layers = layers,
                                         .n_layer = N_LAYERS,
                                         .k_type = SOTTO_F32,
                                         .v_type = SOTTO_F32,
                                         .n_groups = 3,
                                         .groups = {{0}, {.window = 100}, {.window = 7}}};
static const sotto_kv_users users = {
    .n_ctx = N_CTX, .n_running = 3, .n_seqs = N_SEQS, .n_batch = N_BATCH};

typedef struct world {
  sotto_ctx ctx;
  sotto_kv_shape shape;
  sotto_storage storage;
  sotto_kv *kv;
  sotto_kv_seq seqs[N_SEQS];
  sotto_str saved;
  uint32_t n_random;
} world;

static uint32_t any(world *w, uint32_t below) {
  return (uint32_t)(sotto_random_uniform(17, w->n_random++) * below) % below;
}

/* What the pretended model computes, of the hash of all tokens up to a position, so that another
 * beginning shows. Whole numbers that a float32 holds. */
static float expected(uint64_t hash, uint32_t layer, uint32_t head, uint32_t i) {
  hash = (hash + layer * 31 + head * 7 + i + 1) * 0x9e3779b97f4a7c15;
  return (float)(hash >> 40);
}

static uint64_t hash_after(uint64_t hash, sotto_token token) {
  return sotto_hash(hash, &token, sizeof token);
}

static float *row(const world *w, const sotto_kv_seq *seq, uint32_t layer, uint32_t head,
                  uint32_t position, bool values) {
  const uint32_t page = seq->groups[layers[layer].group].numbers[position / SOTTO_KV_PAGE];
  float *rows = values ? sotto_storage_values(&w->storage, layer, page, head)
                       : sotto_storage_keys(&w->storage, layer, page, head);
  return rows + position % SOTTO_KV_PAGE * layers[layer].head_dim;
}

/* Writes what the token at `position` leaves behind, or checks that it is there. */
static bool visit_position(world *w, const sotto_kv_seq *seq, uint64_t hash, uint32_t position,
                           uint32_t layer, bool write) {
  for (uint32_t head = 0; head < layers[layer].n_head_kv; head++) {
    for (uint32_t half = 0; half < 2; half++) {
      float *x = row(w, seq, layer, head, position, half);
      for (uint32_t i = 0; i < layers[layer].head_dim; i++) {
        const float value = expected(hash, layer, 2 * head + half, i);
        if (write)
          x[i] = value;
        else if (x[i] != value)
          return false;
      }
    }
  }
  return true;
}

static bool visit_state(world *w, uint64_t hash, uint32_t slot, bool write) {
  for (uint32_t layer = 0; layer < N_LAYERS; layer++) {
    for (uint32_t i = 0; i < layers[layer].n_state; i++) {
      float *x = &sotto_storage_state(&w->storage, layer, slot)[i];
      const float value = expected(hash, layer, 1000, i);
      if (write)
        *x = value;
      else if (*x != value)
        return false;
    }
  }
  return true;
}

/* All that the sequence's next token reads. */
static void check_sequence(world *w, const sotto_kv_seq *seq) {
  bool right = true;
  uint64_t hash = SOTTO_HASH_START;
  for (uint32_t p = 0; p < seq->n_tokens; p++) {
    hash = hash_after(hash, seq->tokens[p]);
    for (uint32_t layer = 0; layer < N_LAYERS; layer++) {
      const uint32_t window = w->shape.groups[layers[layer].group].window;
      const bool seen = window == 0 || p + window > seq->n_tokens;
      if (seen) right &= visit_position(w, seq, hash, p, layer, false);
    }
  }
  if (seq->n_tokens == 0)
    right &= seq->state == SOTTO_KV_NONE;
  else
    right &= visit_state(w, hash, seq->state, false);
  CHECK(right);
}

/* Whoever is counted as free is held by nobody, and the other way round. */
static void check_counts(const world *w) {
  for (uint32_t g = 0; g < w->shape.n_groups; g++) {
    bool held[N_CTX / SOTTO_KV_PAGE] = {false};
    uint32_t n = 0;
    for (int s = 0; s < N_SEQS; s++) {
      const sotto_kv_pages *pages = &w->seqs[s].groups[g];
      for (uint32_t i = pages->first; i < pages->end; i++) {
        n += !held[pages->numbers[i]];
        held[pages->numbers[i]] = true;
      }
    }
    CHECK(n + sotto_kv_free_pages(w->kv, g) == w->shape.groups[g].n_pages);
  }
  bool held[256] = {false};
  uint32_t n = 0;
  for (int s = 0; s < N_SEQS; s++) {
    const sotto_kv_seq *seq = &w->seqs[s];
    for (uint32_t i = 0; i <= N_CTX / SOTTO_KV_PAGE; i++) {
      const uint32_t slot = i < N_CTX / SOTTO_KV_PAGE ? seq->checkpoints[i] : seq->state;
      if (slot == SOTTO_KV_NONE) continue;
      n += !held[slot];
      held[slot] = true;
    }
  }
  CHECK(n + sotto_kv_free_states(w->kv) == w->shape.n_states);
}

/* A batch of n tokens and drafts: everything is written, and the first n_kept of them committed,
 * drafts one by one; 0: the batch is given up. */
static bool run_batch(world *w, sotto_kv_seq *seq, uint32_t n, uint32_t n_drafts, uint32_t n_kept) {
  sotto_token tokens[N_BATCH + MOST_DRAFT];
  const uint32_t start = seq->n_tokens;
  if (!sotto_kv_reserve(w->kv, seq, n, n_drafts)) return false;
  uint64_t hash = SOTTO_HASH_START;
  for (uint32_t i = 0; i < start; i++) hash = hash_after(hash, seq->tokens[i]);
  for (uint32_t i = 0; i < n + n_drafts; i++) {
    const uint32_t end = start + i + 1;
    tokens[i] = (sotto_token)any(w, 1000);
    hash = hash_after(hash, tokens[i]);
    for (uint32_t layer = 0; layer < N_LAYERS; layer++)
      visit_position(w, seq, hash, end - 1, layer, true);
    const uint32_t slot = sotto_kv_state_after(seq, end);
    CHECK(slot != SOTTO_KV_NONE || i + 1 < n);
    if (slot != SOTTO_KV_NONE) visit_state(w, hash, slot, true);
  }
  if (n_kept) sotto_kv_commit(w->kv, seq, tokens, n);
  for (uint32_t i = n; i < n_kept; i++) sotto_kv_commit(w->kv, seq, tokens + i, 1);
  sotto_kv_rewind(w->kv, seq);
  CHECK(seq->n_tokens == start + n_kept);
  return true;
}

static bool make_room(world *w, const sotto_kv_seq *except) {
  bool any_page = false;
  for (int s = 0; s < N_SEQS; s++) any_page |= sotto_kv_give_back(w->kv, &w->seqs[s]);
  for (int s = 0; s < N_SEQS && !any_page; s++) {
    if (&w->seqs[s] == except || w->seqs[s].n_tokens == 0) continue;
    sotto_kv_cut(w->kv, &w->seqs[s], 0);
    any_page = true;
  }
  return any_page;
}

static bool open_world(world *w) {
  *w = (world){.shape = all_kinds};
  sotto_ctx_init(&w->ctx, NULL, NULL);
  sotto_str_init(&w->saved, &w->ctx);
  sotto_kv_shape_size(&w->shape, &users);
  bool ok = sotto_storage_init(&w->ctx, &w->shape, &w->storage) == SOTTO_OK;
  ok = ok && sotto_kv_new(&w->ctx, &w->shape, &w->storage.base, &w->kv) == SOTTO_OK;
  for (int s = 0; ok && s < N_SEQS; s++) ok = sotto_kv_seq_init(w->kv, &w->seqs[s]) == SOTTO_OK;
  return CHECK(ok);
}

static void close_world(world *w) {
  for (int s = 0; s < N_SEQS; s++) sotto_kv_seq_free(w->kv, &w->seqs[s]);
  for (uint32_t g = 0; g < w->shape.n_groups; g++)
    CHECK(sotto_kv_free_pages(w->kv, g) == w->shape.groups[g].n_pages);
  CHECK(sotto_kv_free_states(w->kv) == w->shape.n_states);
  sotto_kv_free(w->kv);
  sotto_storage_free(&w->storage);
  sotto_str_free(&w->saved);
  CHECK(w->ctx.bytes_in_use == 0);
}

/* A snapshot of the sequence moves to another, of which a second one says the same. */
static void move(world *w, const sotto_kv_seq *from, uint32_t n, sotto_kv_seq *to) {
  w->saved.len = 0;
  REQUIRE(sotto_kv_save(w->kv, from, n, 5, &w->saved) == SOTTO_OK &&
          sotto_kv_seal(&w->saved, 0) == SOTTO_OK);
  CHECK(sotto_kv_check(w->kv, 6, w->saved.data, w->saved.len) == SOTTO_ERR_INVALID_STATE);
  REQUIRE(sotto_kv_check(w->kv, 5, w->saved.data, w->saved.len) == SOTTO_OK);
  if (sotto_kv_load(w->kv, to, w->saved.data) != SOTTO_OK) {
    CHECK(to->n_tokens == 0 && to->state == SOTTO_KV_NONE);
    return;
  }
  const size_t len = w->saved.len;
  REQUIRE(sotto_kv_save(w->kv, to, n, 5, &w->saved) == SOTTO_OK &&
          sotto_kv_seal(&w->saved, len) == SOTTO_OK);
  CHECK(w->saved.len == 2 * len && memcmp(w->saved.data, w->saved.data + len, len) == 0);
}

TEST(kv_states_hold_through_all_operations) {
  static world w;
  if (!open_world(&w)) return;
  uint32_t n_cuts = 0, n_shares = 0, n_refused = 0;
  for (int step = 0; step < 20000; step++) {
    sotto_kv_seq *seq = &w.seqs[any(&w, N_SEQS)], *other = &w.seqs[any(&w, N_SEQS)];
    const uint32_t what = any(&w, 20);
    if (what < 12) {
      const bool prompt = any(&w, 4) == 0;
      const uint32_t n = prompt ? 1 + any(&w, N_BATCH) : 1, drafts = any(&w, 1 + MOST_DRAFT);
      const uint32_t kept = any(&w, 6) == 0 ? 0 : n + any(&w, drafts + 1);
      if (seq->n_tokens + n + drafts > N_CTX) {
        sotto_kv_cut(w.kv, seq, 0);
        n_refused++;
      }
      while (!run_batch(&w, seq, n, drafts, kept))
        if (!CHECK(make_room(&w, seq))) break;
    } else if (what < 15) {
      const uint32_t n = sotto_kv_resumable(w.kv, seq, any(&w, seq->n_tokens + 1));
      n_cuts += n > 0;
      sotto_kv_cut(w.kv, seq, n);
    } else if (what < 18 && seq != other) {
      const uint32_t most = seq->n_tokens, n = any(&w, 2) ? most : any(&w, most + 1);
      const uint32_t at = sotto_kv_resumable(w.kv, seq, n);
      CHECK(at <= n && (n < most || at == most));
      sotto_kv_cut(w.kv, other, 0);
      if (what < 17)
        sotto_kv_share(w.kv, other, seq, at);
      else if (at)
        move(&w, seq, at, other);
      n_shares += at > 0;
    } else if (what == 18) {
      sotto_kv_give_back(w.kv, seq);
    }
    for (int s = 0; s < N_SEQS; s++) check_sequence(&w, &w.seqs[s]);
    check_counts(&w);
  }
  CHECK(n_cuts > 200 && n_shares > 500 && n_refused > 2);
  close_world(&w);
}

/* The cache has room for one sequence alone, whatever its batches are. */
TEST(kv_states_have_room_for_one) {
  static world w;
  if (!open_world(&w)) return;
  sotto_kv_seq *seq = &w.seqs[0];
  for (uint32_t n = 1; seq->n_tokens < N_CTX; n = n * 7 % 401) {
    const uint32_t left = N_CTX - seq->n_tokens, tokens = n < left ? n : left;
    while (!run_batch(&w, seq, tokens, 0, tokens))
      if (!CHECK(sotto_kv_give_back(w.kv, seq))) return;
    check_sequence(&w, seq);
  }
  CHECK(!sotto_kv_reserve(w.kv, seq, 1, 0));
  close_world(&w);
}

TEST(kv_states_say_where_a_sequence_can_be_resumed) {
  static world w;
  if (!open_world(&w)) return;
  sotto_kv_seq *seq = &w.seqs[0];
  CHECK(run_batch(&w, seq, 300, 0, 300) && run_batch(&w, seq, 50, 0, 50));
  CHECK(sotto_kv_resumable(w.kv, seq, 1000) == 350); /* its end */
  CHECK(sotto_kv_resumable(w.kv, seq, 349) == 320);  /* the last page border in the batch */
  CHECK(sotto_kv_resumable(w.kv, seq, 319) == 256);  /* a checkpoint that stays */
  CHECK(sotto_kv_resumable(w.kv, seq, 255) == 0);
  sotto_kv_cut(w.kv, seq, 320);
  check_sequence(&w, seq);
  CHECK(sotto_kv_resumable(w.kv, seq, 350) == 320);
  CHECK(sotto_kv_give_back(w.kv, seq)); /* 256 needs positions from 157 on */
  CHECK(sotto_kv_resumable(w.kv, seq, 320) == 320 && sotto_kv_resumable(w.kv, seq, 319) == 0);
  close_world(&w);
}

TEST(kv_states_refuse_damaged_snapshots) {
  static world w;
  if (!open_world(&w)) return;
  CHECK(run_batch(&w, &w.seqs[0], 333, 0, 333));
  REQUIRE(sotto_kv_save(w.kv, &w.seqs[0], 333, 5, &w.saved) == SOTTO_OK &&
          sotto_kv_seal(&w.saved, 0) == SOTTO_OK);
  const size_t len = w.saved.len;
  for (size_t at = 0; at < len; at += 1 + at / 9) {
    w.saved.data[at] ^= 4;
    CHECK(sotto_kv_check(w.kv, 5, w.saved.data, len) == SOTTO_ERR_INVALID_STATE);
    w.saved.data[at] ^= 4;
    CHECK(sotto_kv_check(w.kv, 5, w.saved.data, at) == SOTTO_ERR_INVALID_STATE);
  }
  CHECK(sotto_kv_check(w.kv, 5, w.saved.data, len) == SOTTO_OK);
  close_world(&w);
}
