/* The backend for GPUs without a GPU: every tiny model's commands keep WebGPU's rules on the
 * smallest device, its memory is what the plan says, requests begin, are cancelled and end. What
 * the kernels compute is tested in tests/gpu. */
#include <dirent.h>

#include "backend/gpu/pipelines.h"
#include "engine_support.h"
#include "gpu_host.h"
#include "test.h"

static gpu_host host;

/* Step until nothing is left to do; every commands are reported one step late. Returns how many
 * requests ended. */
static uint32_t run(sotto_engine *e, uint32_t *last_reason) {
  uint32_t n_done = 0;
  for (int steps = 0; CHECK(steps < 10000); steps++) {
    const sotto_step_result result = sotto_engine_step(e, 10);
    sotto_event event;
    while (sotto_engine_next_event(e, &event)) {
      if (event.type != SOTTO_EVENT_DONE) continue;
      n_done++;
      *last_reason = event.finish_reason;
      if (event.finish_reason == SOTTO_FINISH_ERROR) printf("    %s\n", sotto_engine_message(e));
    }
    if (result == SOTTO_STEP_IDLE) return n_done;
    gpu_host_take(&host, e);
    if (result != SOTTO_STEP_WAIT_GPU) continue;
    CHECK(host.pending != 0);
    CHECK(sotto_engine_step(e, 10) == SOTTO_STEP_WAIT_GPU);
    gpu_host_report(&host, e);
  }
  return n_done;
}

/* The self-test's commands keep the rules too, and zeros do not pass it. */
static void run_self_test(const char *path, sotto_gpu_device device) {
  device.only_records = 0;
  const sotto_engine_options options = {.n_ctx = 96, .n_batch = 40, .n_parallel = 2};
  sotto_memory_plan plan;
  sotto_engine *e = gpu_host_open(&host, path, &options, &device, &plan);
  if (!e) return;
  CHECK(sotto_engine_gpu_status(e) == SOTTO_ERR_GPU_UNAVAILABLE);
  CHECK(strstr(sotto_engine_message(e), "computes wrongly") != NULL);
  if (!CHECK(sotto_engine_bytes_peak(e) <= plan.total))
    printf("    %s: %llu, planned %llu\n", path, (unsigned long long)sotto_engine_bytes_peak(e),
           (unsigned long long)plan.total);
  CHECK(host.bytes <= plan.gpu_total && host.n_pipelines <= GPU_USUAL_PIPELINES);
  sotto_engine_free(e);
}

/* A token costs a run of each stage's list, four submits at most, and a read of each result;
 * nothing is made for it, and the GPU is waited for once for several. */
static void generate(sotto_engine *e, const int32_t *tokens, uint32_t n_layer) {
  const sotto_request request =
      greedy(tokens, 5, 6, SOTTO_REQUEST_IGNORE_EOS | SOTTO_REQUEST_NO_LOOKUP);
  uint32_t id, reason = 0;
  if (sotto_engine_add_request(e, &request, &id) != SOTTO_OK) return; /* it generates nothing */
  CHECK(run(e, &reason) == 1 && reason == SOTTO_FINISH_LENGTH);
  const gpu_host before = host;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  CHECK(run(e, &reason) == 1 && reason == SOTTO_FINISH_LENGTH);
  CHECK(host.n_lists == before.n_lists && host.n_lists == n_layer + 2);
  CHECK(host.n_pipelines == before.n_pipelines && host.bytes == before.bytes);
  const uint32_t n_runs = host.n_runs - before.n_runs; /* the prompt's end may be one of them */
  CHECK(n_runs == 6 * host.n_lists || n_runs == 5 * host.n_lists);
  CHECK(host.n_submits - before.n_submits <= 6 * 4);
  /* The prompt and one token together, or by themselves, and the others. */
  CHECK(host.n_serials - before.n_serials <= 3);
}

static void run_model(const char *path, const sotto_gpu_device *device) {
  const sotto_engine_options options = {.n_ctx = 96, .n_batch = 40, .n_parallel = 2};
  sotto_memory_plan plan;
  sotto_engine *e = gpu_host_open(&host, path, &options, device, &plan);
  if (!e) return;
  sotto_model_info info;
  REQUIRE(sotto_engine_info(e, &info) == SOTTO_OK);
  CHECK(plan.kv == 0 && plan.gpu_total == plan.gpu_weights + plan.gpu_kv + plan.gpu_scratch);
  CHECK(host.bytes <= plan.gpu_total);
  CHECK(host.bytes + host.bytes / 10 + 65536 >= plan.gpu_total);
  if (!CHECK(sotto_engine_bytes_in_use(e) <= plan.total))
    printf("    %s: %llu, planned %llu\n", path, (unsigned long long)sotto_engine_bytes_in_use(e),
           (unsigned long long)plan.total);
  const int32_t tokens[20] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                              11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  uint32_t reason = 0;
  if (info.pooling) {
    sotto_request request = greedy(tokens, 20, 0, SOTTO_REQUEST_EMBEDDING);
    uint32_t id;
    CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
    CHECK(run(e, &reason) == 1 && reason == SOTTO_FINISH_LENGTH);
  } else {
    const sotto_request requests[2] = {greedy(tokens, 20, 0, SOTTO_REQUEST_PROMPT_LOGITS),
                                       greedy(tokens + 3, 12, 0, SOTTO_REQUEST_PROMPT_LOGPROBS)};
    for (int i = 0; i < 2; i++) {
      uint32_t id;
      CHECK(sotto_engine_add_request(e, &requests[i], &id) == SOTTO_OK);
    }
    CHECK(run(e, &reason) == 2 && reason == SOTTO_FINISH_LENGTH);
    generate(e, tokens, info.n_layer);
  }
  CHECK(host.n_pipelines <= GPU_USUAL_PIPELINES);
  CHECK(host.n_dispatches > 0 && host.n_submits > 0 && host.n_reads > 0);
  sotto_engine_free(e);
}

TEST(gpu_commands_of_every_tiny_model_keep_the_rules) {
  const sotto_gpu_device device = gpu_least_device();
  DIR *folder = opendir("models/tiny");
  REQUIRE(folder != NULL);
  uint32_t n = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!strstr(entry->d_name, ".gguf") || strstr(entry->d_name, "-of-")) continue;
    char path[300];
    snprintf(path, sizeof path, "models/tiny/%s", entry->d_name);
    run_model(path, &device);
    run_self_test(path, device);
    n++;
  }
  closedir(folder);
  CHECK(n > 30);
}

/* A request that a GPU has begun ends on the CPU, or on another GPU, with the tokens of an engine
 * that has computed nothing else. */
static void lose_gpu(const char *path, const sotto_gpu_device *device, bool to_cpu) {
  const sotto_engine_options options = {.n_ctx = 96, .n_batch = 16, .n_parallel = 2};
  const int32_t tokens[20] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                              11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  const sotto_request request = greedy(tokens, 20, 12, SOTTO_REQUEST_IGNORE_EOS);
  sotto_memory_plan plan;
  sotto_engine *e = gpu_host_open(&host, path, &options, device, &plan);
  sotto_engine *cpu = open_model(path, &options, (delivery){0});
  if (!e || !cpu) return;
  outcome expected, got = {.hash = HASH_START};
  run_requests(cpu, &request, 1, &expected);
  uint32_t id;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  CHECK(sotto_engine_step(e, 10) == SOTTO_STEP_WAIT_GPU && gpu_host_take(&host, e));
  CHECK(sotto_engine_recover(e, to_cpu ? NULL : device, &plan) == SOTTO_OK);
  CHECK((plan.gpu_total == 0) == to_cpu);
  CHECK(sotto_engine_step(e, 10) != SOTTO_STEP_EVENTS);
  if (to_cpu) {
    CHECK(feed_body(e, &path, 1, (delivery){0}) == SOTTO_OK);
    for (int steps = 0; CHECK(steps < 1000) && drain(e, &got, id, 1) == 0; steps++)
      sotto_engine_step(e, 10);
    CHECK(got.n_tokens == expected.n_tokens && got.finish_reason == SOTTO_FINISH_LENGTH);
    CHECK(memcmp(got.tokens, expected.tokens, expected.n_tokens * sizeof *got.tokens) == 0);
  } else {
    uint32_t reason = 0;
    CHECK(gpu_host_feed(&host, device, e, path));
    CHECK(run(e, &reason) == 1 && reason == SOTTO_FINISH_LENGTH);
  }
  CHECK(sotto_engine_bytes_in_use(e) <= plan.total + 16384); /* nothing of the GPU is left */
  sotto_engine_free(e);
  sotto_engine_free(cpu);
}

TEST(gpu_lost_requests_go_on_elsewhere) {
  const sotto_gpu_device device = gpu_least_device();
  for (int to_cpu = 0; to_cpu < 2; to_cpu++) {
    lose_gpu("models/tiny/tiny-q4_0.gguf", &device, to_cpu);
    lose_gpu("models/tiny/family-lfm2.gguf", &device, to_cpu);
    lose_gpu("models/tiny/family-gemma3.gguf", &device, to_cpu);
  }
}

/* Once a loss is reported requests fail, each with its reason. */
TEST(gpu_loss_that_is_reported_ends_requests) {
  const sotto_gpu_device device = gpu_least_device();
  const sotto_engine_options options = {.n_ctx = 96, .n_batch = 16, .n_parallel = 2};
  const int32_t tokens[4] = {1, 2, 3, 4};
  const sotto_request request = greedy(tokens, 4, 8, 0);
  sotto_memory_plan plan;
  sotto_engine *e = gpu_host_open(&host, "models/tiny/tiny-q4_0.gguf", &options, &device, &plan);
  REQUIRE(e != NULL);
  uint32_t id, reason = 0;
  for (int i = 0; i < 3; i++) CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  CHECK(sotto_engine_step(e, 10) == SOTTO_STEP_WAIT_GPU && gpu_host_take(&host, e));
  sotto_engine_gpu_report(e, host.pending, SOTTO_ERR_GPU_LOST);
  CHECK(sotto_engine_gpu_status(e) == SOTTO_ERR_GPU_LOST);
  CHECK(run(e, &reason) == 3 && reason == SOTTO_FINISH_ERROR);
  sotto_engine_free(e);
}

/* Both times are there after some rounds, and the model runs as it would without the trial. */
TEST(gpu_trial_gives_times) {
  const sotto_gpu_device device = gpu_least_device();
  const sotto_engine_options options = {.n_ctx = 96, .n_batch = 16, .n_parallel = 2};
  sotto_memory_plan plan, cpu_plan;
  sotto_engine *e =
      gpu_host_open(&host, "models/tiny/family-llama-rope-llama3.gguf", &options, &device, &plan);
  REQUIRE(e != NULL);
  double gpu_ms = 0, cpu_ms = 0;
  uint32_t n_rounds = 0;
  for (; gpu_ms == 0 && n_rounds < 20; n_rounds++) {
    CHECK(sotto_engine_gpu_trial(e, &gpu_ms, &cpu_ms) == SOTTO_OK);
    if (gpu_host_take(&host, e)) gpu_host_report(&host, e);
  }
  CHECK(n_rounds > 2 && gpu_ms > 0 && cpu_ms > 0);
  const int32_t tokens[4] = {1, 2, 3, 4};
  const sotto_request request = greedy(tokens, 4, 8, SOTTO_REQUEST_IGNORE_EOS);
  uint32_t id, reason = 0;
  CHECK(sotto_engine_add_request(e, &request, &id) == SOTTO_OK);
  CHECK(run(e, &reason) == 1 && reason == SOTTO_FINISH_LENGTH);
  CHECK(sotto_engine_recover(e, NULL, &cpu_plan) == SOTTO_OK);
  CHECK(cpu_plan.total == plan.cpu_total && cpu_plan.cpu_total == cpu_plan.total);
  CHECK(sotto_engine_gpu_trial(e, &gpu_ms, &cpu_ms) == SOTTO_ERR_INVALID_ARGUMENT);
  sotto_engine_free(e);
}

/* A budget of the GPU's memory: what does not fit is refused with the ledger and what would. */
TEST(gpu_budget_is_kept) {
  sotto_gpu_device device = gpu_least_device();
  const sotto_engine_options options = {
      .n_ctx = 4096, .n_batch = 16, .n_parallel = 2, .backend = SOTTO_BACKEND_WEBGPU};
  const char *path = "models/tiny/tiny-q4_0.gguf";
  sotto_memory_plan plan, smaller;
  sotto_engine *e = gpu_host_open(&host, path, &options, &device, &plan);
  REQUIRE(e != NULL);
  sotto_engine_free(e);
  device.budget = plan.gpu_total - plan.gpu_kv / 2;
  e = sotto_engine_new(&options);
  REQUIRE(sotto_engine_set_gpu(e, &device) == SOTTO_OK);
  CHECK(feed_headers(e, &path, 1, (delivery){0}, &smaller) == SOTTO_OK && !smaller.fits);
  CHECK(smaller.gpu_limit == device.budget);
  CHECK(sotto_engine_start_load(e) == SOTTO_ERR_MEMORY_BUDGET);
  CHECK(strstr(sotto_engine_message(e), "MB of the GPU") != NULL);
  CHECK(strstr(sotto_engine_message(e), "n_ctx 2") != NULL); /* about half of it would fit */
  sotto_engine_free(e);
}

/* What a GPU cannot bind, or the kernels do not take, is refused by its name before loading. */
TEST(gpu_limits_are_kept) {
  const sotto_gpu_device device = gpu_least_device();
  const char *path = "models/tiny/tiny-q4_0.gguf";
  sotto_memory_plan plan;
  const sotto_engine_options long_context = {.n_ctx = 1 << 22, .backend = SOTTO_BACKEND_WEBGPU};
  sotto_engine *e = sotto_engine_new(&long_context);
  REQUIRE(sotto_engine_set_gpu(e, &device) == SOTTO_OK);
  CHECK(feed_headers(e, &path, 1, (delivery){0}, &plan) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK_STR(sotto_engine_error_field(e), "n_ctx");
  sotto_engine_free(e);
  const sotto_engine_options no_device = {.backend = SOTTO_BACKEND_WEBGPU};
  e = sotto_engine_new(&no_device);
  CHECK(feed_headers(e, &path, 1, (delivery){0}, &plan) == SOTTO_ERR_INVALID_ARGUMENT);
  CHECK(strstr(sotto_engine_message(e), "sotto_engine_set_gpu") != NULL);
  sotto_gpu_device weak = device;
  weak.max_binding = 64 << 20;
  CHECK(sotto_engine_set_gpu(e, &weak) == SOTTO_ERR_INVALID_ARGUMENT);
  sotto_engine_free(e);
}

/* Load, generate, save a state, and go on on the CPU; the first failure. */
static sotto_status live(sotto_engine *e, const char *path, bool computes) {
  sotto_gpu_device device = gpu_least_device();
  device.only_records = computes;
  sotto_memory_plan plan;
  SOTTO_TRY(sotto_engine_set_gpu(e, &device));
  SOTTO_TRY(feed_headers(e, &path, 1, (delivery){0}, &plan));
  SOTTO_TRY(sotto_engine_start_load(e));
  SOTTO_TRY(gpu_host_feed(&host, &device, e, path) ? SOTTO_OK : SOTTO_ERR_OUT_OF_MEMORY);
  const sotto_status status = sotto_engine_gpu_status(e);
  if (status == SOTTO_ERR_GPU_UNAVAILABLE && !computes) return SOTTO_OK; /* zeros are wrong */
  SOTTO_TRY(status);
  const int32_t tokens[4] = {1, 2, 3, 4};
  const sotto_request request = greedy(tokens, 4, 4, SOTTO_REQUEST_IGNORE_EOS);
  uint32_t id;
  SOTTO_TRY(sotto_engine_add_request(e, &request, &id));
  for (sotto_step_result result; (result = sotto_engine_step(e, 10)) != SOTTO_STEP_IDLE;) {
    sotto_event event;
    while (sotto_engine_next_event(e, &event))
      if (event.type == SOTTO_EVENT_DONE && event.status) return event.status;
    if (gpu_host_take(&host, e)) gpu_host_report(&host, e);
  }
  const char *data = NULL;
  uint32_t len;
  while (!data) {
    SOTTO_TRY(sotto_engine_save_state(e, NULL, 0, &data, &len));
    if (gpu_host_take(&host, e)) gpu_host_report(&host, e);
  }
  return sotto_engine_recover(e, NULL, &plan);
}

static sotto_status live_with_results(sotto_engine *e, const char *path) {
  return live(e, path, true);
}
static sotto_status live_up_to_the_test(sotto_engine *e, const char *path) {
  return live(e, path, false);
}

TEST(gpu_engines_survive_failed_allocations) {
  const sotto_engine_options options = {
      .n_ctx = 64, .n_batch = 16, .n_parallel = 1, .backend = SOTTO_BACKEND_WEBGPU};
  survive_failed_allocations(&options, live_with_results, "models/tiny/tiny-q4_0.gguf", 0);
  survive_failed_allocations(&options, live_up_to_the_test, "models/tiny/tiny-q4_0.gguf", 0);
}
