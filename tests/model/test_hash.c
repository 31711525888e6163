/* The same bits everywhere: one hash over the logits of 64 prompt and 32 generated tokens of
 * the default model, for every kernel variant of this module, for several cuts of the prompt,
 * alone and beside another sequence. tests/golden/logits-hash.txt holds it for all hosts;
 * JavaScript's tests compare with the same file. */
#include <stdlib.h>

#include "engine_support.h"
#include "kernels/kernels.h"
#include "test.h"

#define MODEL  "models/cache/SmolLM2-135M-Instruct.Q4_1.gguf"
#define GOLDEN "tests/golden/logits-hash.txt"
#define FLAGS  (SOTTO_REQUEST_PROMPT_LOGITS | SOTTO_REQUEST_LOGITS | SOTTO_REQUEST_IGNORE_EOS)

/* The first 64 ids of the golden file's text. */
static bool prompt_ids(int32_t ids[64]) {
  size_t len;
  char *golden = test_read_file("tests/golden/smollm2-q4_1.golden", &len);
  if (!golden) return false;
  memcpy(ids, golden + 32, 64 * sizeof *ids);
  free(golden);
  return true;
}

static void expected_hash(char text[17]) {
  size_t len;
  char *file = test_read_file(GOLDEN, &len);
  snprintf(text, 17, "%s", file ? file : "");
  free(file);
}

static void check_hash(const char *what, uint64_t hash) {
  char actual[17], expected[17];
  expected_hash(expected);
  snprintf(actual, sizeof actual, "%016llx", (unsigned long long)hash);
  printf("  %s: %s\n", what, actual);
  CHECK_STR(actual, expected);
}

TEST(hash_is_the_same_for_every_variant_cut_and_company) {
  int32_t ids[64];
  REQUIRE(prompt_ids(ids));
  for (uint32_t variant = SOTTO_VARIANT_SCALAR; variant < SOTTO_N_VARIANTS; variant++) {
    sotto_engine_options options = {
        .n_ctx = 256, .n_batch = 64, .n_parallel = 2, .variant = variant};
    sotto_memory_plan plan;
    const char *path = MODEL;
    sotto_engine *e = sotto_engine_new(&options);
    sotto_status status = feed_headers(e, &path, 1, (delivery){0}, &plan);
    if (status == SOTTO_ERR_INVALID_ARGUMENT && variant > SOTTO_VARIANT_SCALAR) {
      sotto_engine_free(e); /* not in this module */
      continue;
    }
    REQUIRE(status == SOTTO_OK && sotto_engine_start_load(e) == SOTTO_OK);
    REQUIRE(feed_body(e, &path, 1, (delivery){.stream = variant & 1}) == SOTTO_OK);
    outcome o[2];
    sotto_request requests[2] = {greedy(ids, 64, 32, FLAGS | SOTTO_REQUEST_NO_CACHE),
                                 greedy(ids + 5, 37, 20, SOTTO_REQUEST_IGNORE_EOS)};
    run_requests(e, requests, 1, o);
    CHECK(o[0].n_logits == 96);
    check_hash(sotto_engine_variant(e), o[0].hash);
    sotto_engine_free(e);
    /* Cuts and company of the scalar kernels are for native builds: in wasm they take minutes. */
    if (variant == SOTTO_VARIANT_SCALAR && sotto_kernels_count() > 1) continue;

    options.n_batch = 7;
    e = open_model(MODEL, &options, (delivery){.seed = 99});
    REQUIRE(e != NULL);
    run_requests(e, requests, 2, o);
    check_hash("in cuts of 7 beside another sequence", o[0].hash);
    sotto_engine_free(e);
  }
}
