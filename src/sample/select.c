/* Partial selection of the best of many, and log-probabilities. */
#include "sample/internal.h"

/* Put c into the heap's root, from which it sinks; the root is the worst of heap[n]. */
static void sink(sotto_candidate *heap, size_t n, sotto_candidate c) {
  size_t root = 0;
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && sotto_worse(heap[child + 1], heap[child])) child++;
    if (!sotto_worse(heap[child], c)) break;
    heap[root] = heap[child];
  }
  heap[root] = c;
}

/* Append c, which rises. */
static void rise(sotto_candidate *heap, size_t n, sotto_candidate c) {
  for (size_t parent; n > 0 && sotto_worse(c, heap[parent = (n - 1) / 2]); n = parent) {
    heap[n] = heap[parent];
  }
  heap[n] = c;
}

/* Heapsort's second half: the worst go to the end. */
static void sort_heap(sotto_candidate *heap, size_t n) {
  for (size_t left = n; left-- > 1;) {
    sotto_candidate last = heap[left];
    heap[left] = heap[0];
    sink(heap, left, last);
  }
}

size_t sotto_select_top(const float *values, size_t n, size_t m, sotto_candidate *out) {
  size_t count = 0, i = 0;
  const float nothing = -__builtin_inff();
  if (m == 0) return 0;
  for (; i < n && count < m; i++) {
    if (values[i] > nothing) rise(out, count++, (sotto_candidate){values[i], (int32_t)i});
  }
  for (; i < n; i++) { /* an equal value has the higher index and loses */
    if (values[i] > out[0].value) sink(out, count, (sotto_candidate){values[i], (int32_t)i});
  }
  sort_heap(out, count);
  return count;
}

void sotto_sort_candidates(sotto_candidate *candidates, size_t n) {
  for (size_t i = 0; i < n; i++) rise(candidates, i, candidates[i]);
  sort_heap(candidates, n);
}

float sotto_highest(const float *logits, size_t n) {
  float highest = logits[0];
  for (size_t i = 1; i < n; i++) highest = logits[i] > highest ? logits[i] : highest;
  return highest;
}

/* ---- log-probabilities ----------------------------------------------------------------------- */

/* log sum exp(logits) */
static double log_sum(const float *logits, uint32_t n) {
  double highest = (double)sotto_highest(logits, n), sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += sotto_exp((double)logits[i] - highest);
  return highest + sotto_log(sum);
}

float sotto_logprob(const float *logits, uint32_t n_vocab, sotto_token token) {
  if (token < 0 || (uint32_t)token >= n_vocab) return -__builtin_inff();
  return (float)((double)logits[token] - log_sum(logits, n_vocab));
}

void sotto_top_logprobs(const float *logits, uint32_t n_vocab, uint32_t k, sotto_top_logprob *top,
                        uint32_t *n_top) {
  *n_top = k < n_vocab ? k : n_vocab;
  if (*n_top == 0) return;
  double sum = log_sum(logits, n_vocab);
  uint32_t count = 0;
  for (uint32_t i = 0; i < n_vocab; i++) { /* insertion: few are asked for */
    if (count == *n_top && !(logits[i] > top[count - 1].logprob)) continue;
    uint32_t at = count < *n_top ? count++ : count - 1;
    for (; at > 0 && logits[i] > top[at - 1].logprob; at--) top[at] = top[at - 1];
    top[at] = (sotto_top_logprob){(sotto_token)i, logits[i]};
  }
  for (uint32_t i = 0; i < count; i++) top[i].logprob = (float)((double)top[i].logprob - sum);
}
