/* Special tokens: which ids the model gives a role, which end a turn, and how their text is found
 * in a prompt. They are looked up in one list sorted by text: at each position of the text the
 * range of tokens that still agree is narrowed byte by byte, so a look-up costs the length of the
 * longest match, not the number of special tokens. */
#include <stdio.h>

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
    "tokenizer.ggml.eot_token_id",     "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
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

/* A key's id, or `fallback` without the key. An id that no token has stands for "none": converters
 * write 4294967295 or -1. */
static sotto_status read_id(const sotto_tokenizer *t, const sotto_gguf *gguf, const char *key,
                            sotto_token fallback, sotto_token *out) {
  *out = fallback;
  const sotto_gguf_kv *kv = sotto_gguf_take(gguf, key);
  if (!kv) return SOTTO_OK;
  bool fits = false, is_signed = false;
  switch (kv->type) {
  case SOTTO_GGUF_I8:
  case SOTTO_GGUF_I16:
  case SOTTO_GGUF_I32:
  case SOTTO_GGUF_I64:
    is_signed = true;
    fits = kv->i >= 0 && (uint64_t)kv->i < t->n_vocab;
    break;
  case SOTTO_GGUF_U8:
  case SOTTO_GGUF_U16:
  case SOTTO_GGUF_U32:
  case SOTTO_GGUF_U64: fits = kv->u < t->n_vocab; break;
  default:
    return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                      "%s is not an integer; " SOTTO_VOCAB_NEXT_STEP, key);
  }
  *out = fits ? (sotto_token)kv->i : SOTTO_TOKEN_NONE;
  if (fits) return SOTTO_OK;
  char number[24];
  if (is_signed)
    snprintf(number, sizeof number, "%lld", (long long)kv->i);
  else
    snprintf(number, sizeof number, "%llu", (unsigned long long)kv->u);
  return sotto_warn(t->ctx,
                    "%s is %s, and the vocabulary has %u tokens: the model counts as having none",
                    key, number, t->n_vocab);
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

/* The id that a role has by convention, if the token there is of the kind for it. */
static sotto_token by_convention(const sotto_tokenizer *t, sotto_token id, sotto_token_attr attr) {
  bool right = id >= 0 && (uint32_t)id < t->n_vocab && sotto_vocab_attr(t, (uint32_t)id) == attr;
  return right ? id : SOTTO_TOKEN_NONE;
}

/* SentencePiece puts a space in front where the file does not forbid it. Of byte-level tokenizers
 * only GPT-2's own pre-tokeniser can, which is not done here: the key stays for others to refuse.
 * Elsewhere converters write it and it means nothing. */
static sotto_status read_space_prefix(sotto_tokenizer *t, const sotto_gguf *gguf) {
  const char *key = "tokenizer.ggml.add_space_prefix";
  if (t->model->pre == &sotto_pre_spm) return read_bool(t, gguf, key, true, &t->add_space_prefix);
  bool unused;
  return t->pre->split == sotto_pre_find(SOTTO_SLICE("gpt-2"))->split
             ? SOTTO_OK
             : read_bool(t, gguf, key, false, &unused);
}

static bool is_bert(const sotto_tokenizer *t) {
  return t->model->pre == &sotto_pre_bert;
}

/* BERT's special tokens by their names: older files have the first under another key, or under
 * none. */
static sotto_status load_bert(sotto_tokenizer *t, const sotto_gguf *gguf, sotto_token *bos,
                              sotto_token *eos, sotto_token *unknown) {
  *bos = find_control(t, "[CLS]");
  *eos = find_control(t, "[SEP]");
  *unknown = find_control(t, "[UNK]");
  t->add_space_prefix = true;
  SOTTO_TRY(read_bool(t, gguf, "tokenizer.ggml.normalizer.lowercase", true, &t->lowercase));
  return read_bool(t, gguf, "tokenizer.ggml.normalizer.strip_accents", t->lowercase,
                   &t->strip_accents);
}

static sotto_status load_ids(sotto_tokenizer *t, const sotto_gguf *gguf) {
  sotto_token bos = by_convention(t, t->model->bos, SOTTO_TOKEN_CONTROL);
  sotto_token eos = by_convention(t, t->model->eos, SOTTO_TOKEN_CONTROL);
  sotto_token unknown = by_convention(t, t->model->unknown, SOTTO_TOKEN_UNKNOWN);
  if (is_bert(t)) SOTTO_TRY(load_bert(t, gguf, &bos, &eos, &unknown));
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.bos_token_id", bos, &t->bos));
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.eos_token_id", eos, &t->eos));
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.unknown_token_id", unknown, &t->unknown));
  SOTTO_TRY(read_id(t, gguf, "tokenizer.ggml.padding_token_id", SOTTO_TOKEN_NONE, &t->pad));
  return read_space_prefix(t, gguf);
}

/* What nothing but the end of a turn is spelled like; </s> and [EOT] may be text. */
static bool is_misnamed_end(sotto_slice text) {
  return looks_like_control(text) && ends_by_text(text);
}

/* As llama.cpp does: a turn that does not end is worse than a file that is not followed. */
static sotto_status set_misnamed_end(sotto_tokenizer *t, uint32_t id) {
  set_attr(t, (sotto_token)id, SOTTO_TOKEN_CONTROL);
  t->flags[id] |= SOTTO_FLAG_EOG;
  return sotto_warn(
      t->ctx,
      "token %u, %.*s, is a normal one in this file: it is taken for what ends a turn, "
      "but others of its kind may be missing; convert the model anew with a current "
      "converter",
      id, SOTTO_SLICE_ARG(sotto_vocab_text(t, id)));
}

static sotto_status load_roles(sotto_tokenizer *t, const sotto_gguf *gguf) {
  SOTTO_TRY(load_ids(t, gguf));
  SOTTO_TRY(read_bool(t, gguf, "tokenizer.ggml.add_bos_token", t->pre->add_bos, &t->add_bos));
  SOTTO_TRY(read_bool(t, gguf, "tokenizer.ggml.add_eos_token", is_bert(t), &t->add_eos));
  t->add_bos = t->add_bos && t->bos != SOTTO_TOKEN_NONE;
  t->add_eos = t->add_eos && t->eos != SOTTO_TOKEN_NONE;

  for (uint32_t id = 0; id < t->n_vocab; id++) {
    const sotto_token_attr attr = sotto_vocab_attr(t, id);
    sotto_slice text = sotto_vocab_text(t, id);
    if (attr == SOTTO_TOKEN_NORMAL && is_misnamed_end(text)) SOTTO_TRY(set_misnamed_end(t, id));
    if (attr != SOTTO_TOKEN_USER_DEFINED && attr != SOTTO_TOKEN_CONTROL) continue; /* nearly all */
    /* Gemma has the HTML tag </s> as a user-defined token. */
    bool ends =
        ends_by_text(text) && (attr == SOTTO_TOKEN_CONTROL || !sotto_slice_is(text, "</s>"));
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
    SOTTO_TRY(read_id(t, gguf, end_keys[i], SOTTO_TOKEN_NONE, &id));
    if (id != SOTTO_TOKEN_NONE) t->flags[id] |= SOTTO_FLAG_EOG;
  }
  if (t->eos != SOTTO_TOKEN_NONE) t->flags[t->eos] |= SOTTO_FLAG_EOG; /* by convention */
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (!(t->flags[id] & SOTTO_FLAG_EOG) && (sotto_token)id != t->bos) continue;
    sotto_token_attr attr = sotto_vocab_attr(t, id);
    if (attr == SOTTO_TOKEN_USER_DEFINED ||
        (attr == SOTTO_TOKEN_NORMAL && ends_by_text(sotto_vocab_text(t, id)))) {
      set_attr(t, (sotto_token)id, SOTTO_TOKEN_CONTROL);
    }
  }
  /* Converters of BERT call it a control token. */
  if (is_bert(t) && t->unknown != SOTTO_TOKEN_NONE &&
      sotto_vocab_attr(t, (uint32_t)t->unknown) == SOTTO_TOKEN_CONTROL)
    set_attr(t, t->unknown, SOTTO_TOKEN_UNKNOWN);
  /* Any text can make the unknown token: it may be nothing that ends or begins a turn. */
  if (t->unknown != SOTTO_TOKEN_NONE &&
      (sotto_vocab_attr(t, (uint32_t)t->unknown) != SOTTO_TOKEN_UNKNOWN ||
       t->flags[t->unknown] & SOTTO_FLAG_EOG || t->unknown == t->bos)) {
    t->unknown = SOTTO_TOKEN_NONE;
  }
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (t->flags[id] & SOTTO_FLAG_EOG) return SOTTO_OK;
  }
  return sotto_warn(t->ctx, "the model names no token that ends an answer (tokenizer.ggml."
                            "eos_token_id, eot_token_id): answers end at a stop string or at "
                            "the most tokens asked for");
}

/* ---- the sorted list ------------------------------------------------------------------------ */

static int compare(const sotto_tokenizer *t, sotto_token a, sotto_token b) {
  sotto_slice x = sotto_vocab_bytes(t, (uint32_t)a), y = sotto_vocab_bytes(t, (uint32_t)b);
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
  sotto_slice text = sotto_vocab_bytes(t, id);
  return (attr == SOTTO_TOKEN_CONTROL || attr == SOTTO_TOKEN_UNKNOWN ||
          attr == SOTTO_TOKEN_USER_DEFINED) &&
         text.len > 0 && sotto_utf8_valid(text.data, text.len);
}

/* Of two that are spelled alike the one that no user may write, else the first. */
static sotto_token first_of(const sotto_tokenizer *t, sotto_token a, sotto_token b) {
  bool free_a = sotto_vocab_attr(t, (uint32_t)a) == SOTTO_TOKEN_USER_DEFINED;
  bool free_b = sotto_vocab_attr(t, (uint32_t)b) == SOTTO_TOKEN_USER_DEFINED;
  if (free_a != free_b) return free_a ? b : a;
  return a < b ? a : b;
}

static sotto_status build_list(sotto_tokenizer *t) {
  for (uint32_t id = 0; id < t->n_vocab; id++) {
    if (!is_findable(t, id)) continue;
    if (sotto_vocab_bytes(t, id).len > SOTTO_MAX_SPECIAL_BYTES) {
      return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                        "tokenizer.ggml.tokens[%u] is a special token of %zu bytes, and %d is the "
                        "most one may have; " SOTTO_VOCAB_NEXT_STEP,
                        id, sotto_vocab_bytes(t, id).len, SOTTO_MAX_SPECIAL_BYTES);
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
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++) {
    sotto_slice text = sotto_vocab_bytes(t, (uint32_t)t->special[i]);
    if (kept && compare(t, t->special[kept - 1], t->special[i]) == 0) {
      if (!t->model->algorithm->repeats) {
        return sotto_fail(t->ctx, SOTTO_ERR_INVALID_MODEL,
                          "tokenizer.ggml.tokens[%d] and [%d] are the same special token "
                          "'%.*s'; " SOTTO_VOCAB_NEXT_STEP,
                          t->special[kept - 1], t->special[i], SOTTO_SLICE_ARG(text));
      }
      t->special[kept - 1] = first_of(t, t->special[kept - 1], t->special[i]);
    } else {
      t->special[kept++] = t->special[i];
    }
    t->special_first[(unsigned char)text.data[0] + 1] = kept;
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
    sotto_slice text = sotto_vocab_bytes(t, (uint32_t)t->special[middle]);
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
    if (sotto_vocab_bytes(t, (uint32_t)id).len == depth) {
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
