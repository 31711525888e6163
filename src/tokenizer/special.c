/* Special tokens: which ids the model gives a role, which end a turn, and how their text is found
 * in a prompt. The table is the sorted list itself: at a position of the text the part of the list
 * that still agrees is narrowed byte by byte, so one look costs the length of a token, not their
 * number. */
#include "base/utf8.h"
#include "tokenizer/internal.h"

/* Tokens that end a turn or a text when a model has them as special tokens (llama.cpp's list). */
static const char *const end_texts[] = {
    "<|eot_id|>",    "<|im_end|>",
    "<|end|>",       "<|return|>",
    "<|call|>",      "<|calls|>",
    "<|flush|>",     "<end_of_turn>",
    "<|endoftext|>", "<|end_of_text|>",
    "<|eom_id|>",    "</s>",
    "<EOT>",         "_<EOT>",
    "[EOT]",         "[EOS]",
    "<eos>",         "<end_of_utterance>",
    "<turn|>",       "<|tool_response>",
    "[e~[",          "<｜end▁of▁sentence｜>",
    "<|fim_pad|>",   "<fim-pad>",
    "<fim_pad>",     "<PAD>",
    "[PAD]",         "<|fim_repo|>",
    "<|repo_name|>", "<fim-repo>",
    "<REPO>",        "<reponame>",
    "<|file_sep|>",
};

static const char *const end_keys[] = {
    "tokenizer.ggml.eos_token_id",     "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",     "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id",
};

static bool ends_by_text(sotto_slice text) {
  for (size_t i = 0; i < sizeof end_texts / sizeof *end_texts; i++) {
    if (sotto_slice_is(text, end_texts[i])) return true;
  }
  return false;
}

/* Files call some such tokens user-defined, because their text belongs to the answer, and what ends
 * a turn even normal, when they have no token types. As control tokens no user can write them. */
static bool looks_like_control(sotto_slice text) {
  static const char *const marks[2][2] = {{"<|", "|>"}, {"<｜", "｜>"}};
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(marks[i][0]);
    if (text.len > 2 * n && memcmp(text.data, marks[i][0], n) == 0 &&
        memcmp(text.data + text.len - n, marks[i][1], n) == 0) {
      return true;
    }
  }
  return false;
}

/* ---- roles ---------------------------------------------------------------------------------- */

static sotto_status read_id(const sotto_tokenizer *t, const sotto_gguf *gguf, const char *key,
                            sotto_token *out) {
  *out = SOTTO_TOKEN_NONE;
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, key);
  if (!kv) return SOTTO_OK;
  bool fits = false;
  switch (kv->type) {
  case SOTTO_GGUF_I8:
  case SOTTO_GGUF_I16:
  case SOTTO_GGUF_I32:
  case SOTTO_GGUF_I64: fits = kv->i >= 0 && (uint64_t)kv->i < t->n_vocab; break;
  case SOTTO_GGUF_U8:
  case SOTTO_GGUF_U16:
  case SOTTO_GGUF_U32:
  case SOTTO_GGUF_U64: fits = kv->u < t->n_vocab; break;
  default: break;
  }
  if (!fits) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      "%s is not the id of one of the %u tokens; " SOTTO_VOCAB_NEXT_STEP, key,
                      t->n_vocab);
  }
  *out = (sotto_token)kv->i;
  return SOTTO_OK;
}

static sotto_status read_bool(const sotto_tokenizer *t, const sotto_gguf *gguf, const char *key,
                              bool fallback, bool *out) {
  *out = fallback;
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, key);
  if (!kv) return SOTTO_OK;
  if (kv->type != SOTTO_GGUF_BOOL) {
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL, "%s is not a bool; " SOTTO_VOCAB_NEXT_STEP,
                      key);
  }
  *out = kv->boolean;
  return SOTTO_OK;
}

static void set_attr(sotto_tokenizer *t, sotto_token id, sotto_token_attr attr) {
  t->flags[id] = (uint8_t)((t->flags[id] & ~SOTTO_FLAG_ATTR) | attr);
}

static sotto_token find_control(const sotto_tokenizer *t, const char *text) {
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (sotto_vocab_attr(t, id) == SOTTO_TOKEN_CONTROL &&
        sotto_slice_is(sotto_vocab_text(t, id), text)) {
      return (sotto_token)id;
    }
  }
  return SOTTO_TOKEN_NONE;
}

static sotto_status load_roles(sotto_tokenizer *t, const sotto_gguf *gguf) {
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.bos_token_id", &t->bos));
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.eos_token_id", &t->eos));
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.padding_token_id", &t->pad));
  SOTTO_TRY(read_bool(t, gguf, "tokenizer.ggml.add_bos_token", t->pre->add_bos, &t->add_bos));
  SOTTO_TRY(read_bool(t, gguf, "tokenizer.ggml.add_eos_token", false, &t->add_eos));
  t->add_bos = t->add_bos && t->bos != SOTTO_TOKEN_NONE;
  t->add_eos = t->add_eos && t->eos != SOTTO_TOKEN_NONE;

  for (uint32_t id = 0; id < t->n_vocab; id++) {
    const sotto_token_attr attr = sotto_vocab_attr(t, id);
    if (attr != SOTTO_TOKEN_USER_DEFINED && attr != SOTTO_TOKEN_CONTROL) continue; /* nearly all */
    sotto_slice text = sotto_vocab_text(t, id);
    bool ends = ends_by_text(text);
    if (attr == SOTTO_TOKEN_USER_DEFINED && (ends || looks_like_control(text))) {
      set_attr(t, (sotto_token)id, SOTTO_TOKEN_CONTROL);
      if (!ends) t->flags[id] |= SOTTO_FLAG_SHOWN;
    }
    if (ends) t->flags[id] |= SOTTO_FLAG_EOG;
  }
  /* Harmony closes each message of a turn with <|end|> and the turn with one of the other two. */
  if (find_control(t, "<|return|>") >= 0 && find_control(t, "<|call|>") >= 0) {
    sotto_token end = find_control(t, "<|end|>");
    if (end >= 0) t->flags[end] &= (uint8_t)~SOTTO_FLAG_EOG;
  }
  for (size_t i = 0; i < sizeof end_keys / sizeof *end_keys; i++) {
    sotto_token id;
    SOTTO_TRY(read_id(t, gguf, end_keys[i], &id));
    if (id != SOTTO_TOKEN_NONE) t->flags[id] |= SOTTO_FLAG_EOG;
  }
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (!(t->flags[id] & SOTTO_FLAG_EOG) && (sotto_token)id != t->bos) continue;
    sotto_token_attr attr = sotto_vocab_attr(t, id);
    if (attr == SOTTO_TOKEN_USER_DEFINED ||
        (attr == SOTTO_TOKEN_NORMAL && ends_by_text(sotto_vocab_text(t, id)))) {
      set_attr(t, (sotto_token)id, SOTTO_TOKEN_CONTROL);
    }
  }
  return SOTTO_OK;
}

/* ---- the sorted list ------------------------------------------------------------------------ */

static int compare(const sotto_tokenizer *t, sotto_token a, sotto_token b) {
  sotto_slice x = sotto_vocab_text(t, (uint32_t)a), y = sotto_vocab_text(t, (uint32_t)b);
  int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
  return order ? order : (x.len > y.len) - (x.len < y.len);
}

static void sift_down(const sotto_tokenizer *t, sotto_token *heap, size_t at, size_t n) {
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && compare(t, heap[child], heap[child + 1]) < 0) child++;
    if (compare(t, heap[at], heap[child]) >= 0) return;
    sotto_token swap = heap[at];
    heap[at] = heap[child];
    heap[child] = swap;
  }
}

/* Heap sort: qsort may allocate behind the context's back, or be quadratic. */
static void sort(const sotto_tokenizer *t, sotto_token *ids, size_t n) {
  for (size_t i = n / 2; i-- > 0;) sift_down(t, ids, i, n);
  for (size_t end = n; end-- > 1;) {
    sotto_token swap = ids[0];
    ids[0] = ids[end];
    ids[end] = swap;
    sift_down(t, ids, 0, end);
  }
}

/* Tokens whose text can be told from a prompt. Invalid UTF-8 never occurs in one. */
static bool is_findable(const sotto_tokenizer *t, uint32_t id) {
  sotto_token_attr attr = sotto_vocab_attr(t, id);
  sotto_slice text = sotto_vocab_text(t, id);
  return (attr == SOTTO_TOKEN_CONTROL || attr == SOTTO_TOKEN_UNKNOWN ||
          attr == SOTTO_TOKEN_USER_DEFINED) &&
         text.len > 0 && sotto_utf8_valid(text.data, text.len);
}

static sotto_status build_list(sotto_tokenizer *t) {
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (!is_findable(t, id)) continue;
    if (sotto_vocab_text(t, id).len > SOTTO_MAX_SPECIAL_BYTES) {
      return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                        "tokenizer.ggml.tokens[%u] is a special token of %zu bytes, and %d is the "
                        "most one may have; " SOTTO_VOCAB_NEXT_STEP,
                        id, sotto_vocab_text(t, id).len, SOTTO_MAX_SPECIAL_BYTES);
    }
    t->n_special++;
    if (sotto_vocab_attr(t, id) == SOTTO_TOKEN_USER_DEFINED) t->has_user_defined = true;
  }
  if (t->n_special == 0) return SOTTO_OK;
  t->special = sotto_alloc(t->ctx, sizeof *t->special * t->n_special);
  if (!t->special) return SOTTO_ERR_OUT_OF_MEMORY;
  uint32_t n = 0;
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (is_findable(t, id)) t->special[n++] = (sotto_token)id;
  }
  sort(t, t->special, n);
  for (uint32_t i = 0; i < n; i++) {
    sotto_slice text = sotto_vocab_text(t, (uint32_t)t->special[i]);
    if (i && compare(t, t->special[i - 1], t->special[i]) == 0) {
      return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                        "tokenizer.ggml.tokens[%d] and [%d] are the same special token "
                        "'%.*s'; " SOTTO_VOCAB_NEXT_STEP,
                        t->special[i - 1], t->special[i], SOTTO_SLICE_ARG(text));
    }
    t->special_first[(unsigned char)text.data[0] + 1] = i + 1;
  }
  for (int b = 0; b < 256; b++) { /* first bytes that no token has */
    if (t->special_first[b + 1] < t->special_first[b]) {
      t->special_first[b + 1] = t->special_first[b];
    }
  }
  return SOTTO_OK;
}

sotto_status sotto_special_load(sotto_tokenizer *t, const sotto_gguf *gguf) {
  SOTTO_TRY(load_roles(t, gguf));
  return build_list(t);
}

/* ---- finding -------------------------------------------------------------------------------- */

/* The first of special[low .. high), which agree in their first `depth` bytes and are longer, whose
 * byte at `depth` is at least c. */
static uint32_t lower_bound(const sotto_tokenizer *t, uint32_t low, uint32_t high, size_t depth,
                            unsigned c) {
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    sotto_slice text = sotto_vocab_text(t, (uint32_t)t->special[middle]);
    if ((unsigned char)text.data[depth] < c)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

sotto_token sotto_special_match(const sotto_tokenizer *t, sotto_slice text, size_t at,
                                size_t trusted_end, size_t *len) {
  sotto_token best = SOTTO_TOKEN_NONE;
  unsigned c = (unsigned char)text.data[at];
  uint32_t low = t->special_first[c], high = t->special_first[c + 1];
  for (size_t depth = 1; low < high; depth++) {
    sotto_token id = t->special[low];
    if (sotto_vocab_text(t, (uint32_t)id).len == depth) {
      if (at + depth <= trusted_end ||
          sotto_vocab_attr(t, (uint32_t)id) == SOTTO_TOKEN_USER_DEFINED) {
        best = id;
        *len = depth;
      }
      low++;
    }
    if (at + depth == text.len) break;
    c = (unsigned char)text.data[at + depth];
    low = lower_bound(t, low, high, depth, c);
    high = lower_bound(t, low, high, depth, c + 1);
  }
  return best;
}
