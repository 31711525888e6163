/* Whole engines for tests: a model file loaded through the public API, requests
 * run to their end. */
#ifndef SOTTO_TESTS_ENGINE_SUPPORT_H
#define SOTTO_TESTS_ENGINE_SUPPORT_H

#include "api/sotto.h"

/* How the file's bytes are delivered. */
typedef struct delivery {
  bool stream;        /* one range per file instead of program order */
  uint32_t seed;      /* 0: whole ranges; else random cuts of headers, ranges and chunks */
  uint64_t max_range; /* 0: 1 MB */
} delivery;

/* Feed all headers and plan; the engine's status of the first failure. */
sotto_status feed_headers(sotto_engine *engine, const char *const *paths, uint32_t n_files,
                          delivery how, sotto_memory_plan *plan);
/* Feed everything after start_load. */
sotto_status feed_body(sotto_engine *engine, const char *const *paths, uint32_t n_files,
                       delivery how);
/* Headers, plan, weights of a model in memory; the status of the first failure. */
sotto_status load_bytes(sotto_engine *engine, const char *data, size_t len);
/* The bytes of a scalar metadata value in a model's file; NULL when the key is not there. */
char *value_of(char *data, size_t len, const char *key);
/* The bytes of a tensor in a model's file. */
char *tensor_data(char *data, size_t len, const char *name);
/* Attempts the same on one new engine after the other, and each time a later allocation fails,
 * until none is left to fail: every attempt but the last ends in ERR_OUT_OF_MEMORY with a message,
 * except n_mended of them that do without what they could not get. */
void survive_failed_allocations(const sotto_engine_options *options,
                                sotto_status (*attempt)(sotto_engine *engine, const char *path),
                                const char *path, long n_mended);
/* An engine with the model loaded; NULL and a failed check on any failure. */
sotto_engine *open_model(const char *path, const sotto_engine_options *options, delivery how);

/* What a request gave. */
typedef struct outcome {
  int32_t tokens[256];
  uint32_t n_tokens;
  char text[4096];
  uint32_t text_len;
  uint32_t finish_reason, status, cache_n, draft_n, draft_n_accepted;
  uint64_t hash;     /* FNV-1a of the bits of all logits seen, in order of position */
  uint32_t n_logits; /* rows in it */
} outcome;

#define HASH_START 14695981039346656037ull
uint64_t hash_bytes(uint64_t hash, const void *data, size_t len);

/* Take all events of the engine's last step into outcomes[id - first_id]. Returns how many requests
 * finished. */
uint32_t drain(sotto_engine *engine, outcome *outcomes, uint32_t first_id, uint32_t n);
/* Run n requests to their ends; a failed check when the engine stalls. */
void run_requests(sotto_engine *engine, const sotto_request *requests, uint32_t n,
                  outcome *outcomes);

/* A greedy request for n_new tokens. */
sotto_request greedy(const int32_t *tokens, uint32_t n_tokens, uint32_t n_new, uint32_t flags);

#endif
