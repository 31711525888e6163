/* The merges: which two tokens become which third, and in what order. */
#include "tokenizer/internal.h"

#define MERGES     "tokenizer.ggml.merges"
#define MAX_PROBES 1024 /* as for the vocabulary: bounds what a file made to collide can cost */

static uint32_t bucket_of(const sotto_tokenizer *t, uint32_t left, uint32_t right) {
  uint64_t hash = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
  hash = (hash ^ hash >> 29) * 0xD6E8FEB86659FD93u;
  return (uint32_t)((hash >> 32) * t->n_merge_buckets >> 32);
}

/* The bucket of this pair, or the empty one where it belongs; NULL when there is neither. */
static inline sotto_merge *probe(const sotto_tokenizer *t, uint32_t left, uint32_t right) {
  uint32_t bucket = bucket_of(t, left, right);
  for (int i = 0; i < MAX_PROBES; i++) {
    sotto_merge *merge = &t->merges[bucket];
    if (merge->id == SOTTO_NO_ID || (merge->left == left && merge->right == right)) return merge;
    if (++bucket == t->n_merge_buckets) bucket = 0;
  }
  return NULL;
}

const sotto_merge *sotto_merges_find(const sotto_tokenizer *t, uint32_t left, uint32_t right) {
  const sotto_merge *merge = probe(t, left, right);
  return merge && merge->id != SOTTO_NO_ID ? merge : NULL;
}

static sotto_status refuse(const sotto_tokenizer *t, uint64_t index, sotto_slice merge,
                           const char *why) {
  return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                    MERGES "[%llu] '%.*s' %s; " SOTTO_VOCAB_NEXT_STEP, (unsigned long long)index,
                    SOTTO_SLICE_ARG(merge), why);
}

/* Whether the vocabulary has a token of this text that BPE must not give. */
static bool is_kept_out(const sotto_tokenizer *t, sotto_slice bytes) {
  size_t len;
  sotto_token id = sotto_special_match(t, bytes, 0, bytes.len, &len);
  return id != SOTTO_TOKEN_NONE && len == bytes.len;
}

/* One line of the list: "left right", both spelled in the byte-level alphabet, which has no space.
 * `bytes` has room for the line. */
static sotto_status add(sotto_tokenizer *t, uint32_t rank, sotto_slice line, char *bytes,
                        uint32_t *guess) {
  if (line.len == 0) return refuse(t, rank, line, "is empty");
  const char *space = memchr(line.data, ' ', line.len);
  size_t at = space ? (size_t)(space - line.data) : 0;
  sotto_slice left = {line.data, at};
  sotto_slice right = {line.data + at + 1, at ? line.len - at - 1 : 0};
  if (!left.len || !right.len || memchr(right.data, ' ', right.len)) {
    return refuse(t, rank, line, "is not two tokens with one space between them");
  }
  size_t n_left = sotto_byte_level_decode(left, bytes);
  size_t n_right = n_left == SIZE_MAX ? SIZE_MAX : sotto_byte_level_decode(right, bytes + n_left);
  if (n_right == SIZE_MAX) {
    return refuse(t, rank, line, "is not written in the byte-level alphabet");
  }
  sotto_slice spelled[3] = {{bytes, n_left}, {bytes + n_left, n_right}, {bytes, n_left + n_right}};
  uint32_t ids[3];
  for (int i = 0; i < 3; i++) {
    /* Most vocabularies list what merges give in the merges' order. */
    if (i == 2 && *guess < t->n_vocab && t->flags[*guess] & SOTTO_FLAG_FOUND &&
        sotto_slice_eq(sotto_vocab_bytes(t, *guess), spelled[2])) {
      ids[2] = *guess;
      continue;
    }
    ids[i] = sotto_vocab_find(t, spelled[i].data, spelled[i].len);
    if (ids[i] != SOTTO_NO_ID) continue;
    if (is_kept_out(t, spelled[i])) return SOTTO_OK; /* a merge that no text may use */
    return refuse(t, rank, line,
                  i < 2 ? "merges a token that tokenizer.ggml.tokens lacks"
                        : "gives a token that tokenizer.ggml.tokens lacks");
  }
  sotto_merge *merge = probe(t, ids[0], ids[1]);
  if (!merge) {
    return refuse(t, rank, line,
                  "shares its bucket of the hash table with too many others, as only "
                  "a file made to attack does");
  }
  *guess = ids[2] + 1;
  /* Of a pair listed twice the last counts, as in the reference's map. */
  *merge = (sotto_merge){.left = ids[0], .right = ids[1], .rank = rank, .id = ids[2]};
  return SOTTO_OK;
}

sotto_status sotto_merges_load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, MERGES);
  if (!kv || kv->type != SOTTO_GGUF_ARRAY || kv->element != SOTTO_GGUF_STRING) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL, MERGES " is %s; " SOTTO_VOCAB_NEXT_STEP,
                      kv ? "not an array of strings" : "missing");
  }
  if (kv->count > SOTTO_MAX_MERGES) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      MERGES
                      " has %llu elements, and %u is the most supported; " SOTTO_VOCAB_NEXT_STEP,
                      (unsigned long long)kv->count, SOTTO_MAX_MERGES);
  }
  uint32_t n = (uint32_t)kv->count;
  size_t longest = 0, size;
  for (uint32_t i = 0; i < n; i++) {
    if (kv->strings[i].len > longest) longest = kv->strings[i].len;
  }
  t->n_merge_buckets = n + n / 3 + 16;
  if (!sotto_size_mul(t->n_merge_buckets, sizeof *t->merges, &size)) size = SIZE_MAX;
  t->merges = sotto_alloc(t->ctx, size);
  if (!t->merges) return SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < t->n_merge_buckets; i++) t->merges[i].id = SOTTO_NO_ID;
  char *bytes = sotto_alloc(t->ctx, longest + 1);
  uint32_t guess = SOTTO_NO_ID;
  sotto_status status = bytes ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < n && status == SOTTO_OK; i++) {
    status = add(t, i, kv->strings[i], bytes, &guess);
  }
  sotto_free(t->ctx, bytes, longest + 1);
  return status;
}
