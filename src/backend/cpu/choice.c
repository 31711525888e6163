#include "backend/cpu/choice.h"

/* Of so many matmuls one tries another candidate than the best guess: an odd number, so that it is each of a
 * layer's in turn. */
#define TRY_EVERY 15
/* A sample is long enough for a clock that ticks every 0.1 ms; so many make a trial. */
#define SAMPLE_MS 0.5
#define N_SAMPLES CPU_CHOICE_SAMPLES
/* Before a trial counts, all have run as many samples, and so much time has passed. */
#define N_WARM_SAMPLES 4
#define WARM_MS        1000
/* Faster by less than this is chance. */
#define MARGIN 0.93

static bool is_known(const cpu_choice *choice, const sotto_kernels *kernels, sotto_dtype type) {
  for (uint32_t i = 0; i < choice->n; i++) {
    const sotto_kernels *other = choice->candidates[i].kernels;
    if (other->quantize_act == kernels->quantize_act &&
        sotto_kernels_gemm(other, type) == sotto_kernels_gemm(kernels, type))
      return true;
  }
  return false;
}

static bool is_last_choice(const sotto_kernels *kernels, sotto_dtype type) {
  return type == SOTTO_Q8_0 && kernels->splits_Q8_0;
}

/* The least sample would be that of the smallest matrix, which stays in a cache; the mean one of a busy
 * machine. */
static double median(const cpu_candidate *c) {
  double sorted[N_SAMPLES];
  for (uint32_t i = 0; i < N_SAMPLES; i++) {
    uint32_t at = i;
    for (; at > 0 && sorted[at - 1] > c->samples[i]; at--) sorted[at] = sorted[at - 1];
    sorted[at] = c->samples[i];
  }
  return sorted[N_SAMPLES / 2];
}

/* All candidates have their samples: the fastest stays, or is to show what it does with several streams. */
static void settle(cpu_choice *choice) {
  for (uint32_t i = 1; i < choice->n; i++) {
    const double to_beat = median(&choice->candidates[choice->leader]);
    if (median(&choice->candidates[i]) < to_beat * MARGIN) choice->leader = i;
  }
  choice->settled = choice->n_streams == 1;
  if (choice->settled) return;
  const sotto_kernels *fastest = choice->candidates[choice->leader].kernels;
  choice->candidates[0] = (cpu_candidate){.kernels = fastest, .n_streams = 1};
  choice->candidates[1] = (cpu_candidate){.kernels = fastest, .n_streams = choice->n_streams};
  choice->n = 2;
  choice->n_streams = 1;
  choice->leader = choice->running = 0;
}

void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type,
                     uint32_t n_streams) {
  *choice = (cpu_choice){.n = 0};
  for (int last = 0; last < 2; last++) {
    for (uint32_t i = 0; i < set->n; i++) {
      const sotto_kernels *kernels = set->members[i];
      if (is_last_choice(kernels, type) == last && !is_known(choice, kernels, type))
        choice->candidates[choice->n++] = (cpu_candidate){.kernels = kernels, .n_streams = 1};
    }
  }
  choice->n_streams = n_streams;
  if (choice->n == 1) settle(choice);
}

static bool wants_samples(const cpu_choice *choice, const cpu_candidate *candidate) {
  return candidate->n_samples < (choice->warm ? N_SAMPLES : N_WARM_SAMPLES);
}

const cpu_candidate *cpu_choice_next(cpu_choice *choice) {
  choice->running = choice->leader;
  if (!choice->settled && ++choice->turn % TRY_EVERY == 0) {
    for (uint32_t i = 1; i < choice->n; i++)
      if (wants_samples(choice, &choice->candidates[i])) choice->running = i;
  }
  return &choice->candidates[choice->running];
}

static void forget_samples(cpu_choice *choice) {
  for (uint32_t i = 0; i < choice->n; i++) {
    cpu_candidate *c = &choice->candidates[i];
    *c = (cpu_candidate){.kernels = c->kernels, .n_streams = c->n_streams};
  }
}

void cpu_choice_note(cpu_choice *choice, double macs, double begin_ms, double end_ms) {
  cpu_candidate *c = &choice->candidates[choice->running];
  if (choice->begin_ms == 0) choice->begin_ms = begin_ms;
  c->macs += macs;
  c->ms += end_ms - begin_ms;
  if (c->ms < SAMPLE_MS) return;
  if (c->n_samples < N_SAMPLES) c->samples[c->n_samples++] = c->ms / c->macs;
  c->macs = c->ms = 0;
  for (uint32_t i = 0; i < choice->n; i++)
    if (wants_samples(choice, &choice->candidates[i])) return;
  if (choice->warm) {
    settle(choice);
  } else if (end_ms - choice->begin_ms >= WARM_MS) {
    forget_samples(choice);
    choice->warm = true;
  }
}
