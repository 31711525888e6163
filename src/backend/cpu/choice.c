#include "backend/cpu/choice.h"

/* Of so many matmuls one tries another candidate than the best guess. */
#define TRY_EVERY 16
/* A sample is long enough for a clock that ticks every 0.1 ms; so many make a trial. */
#define SAMPLE_MS 0.5
#define N_SAMPLES 8
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

void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type) {
  *choice = (cpu_choice){.n = 0};
  for (int last = 0; last < 2; last++) {
    for (uint32_t i = 0; i < set->n; i++) {
      const sotto_kernels *kernels = set->members[i];
      if (is_last_choice(kernels, type) == last && !is_known(choice, kernels, type))
        choice->candidates[choice->n++].kernels = kernels;
    }
  }
  choice->settled = choice->n == 1;
}

static bool wants_samples(const cpu_choice *choice, const cpu_candidate *candidate) {
  return candidate->n_samples < (choice->warm ? N_SAMPLES : N_WARM_SAMPLES);
}

const sotto_kernels *cpu_choice_next(cpu_choice *choice) {
  choice->running = choice->leader;
  if (!choice->settled && ++choice->turn % TRY_EVERY == 0) {
    for (uint32_t i = 1; i < choice->n; i++)
      if (wants_samples(choice, &choice->candidates[i])) choice->running = i;
  }
  return choice->candidates[choice->running].kernels;
}

static void forget_samples(cpu_choice *choice) {
  for (uint32_t i = 0; i < choice->n; i++) {
    cpu_candidate *c = &choice->candidates[i];
    *c = (cpu_candidate){.kernels = c->kernels};
  }
}

static void settle(cpu_choice *choice) {
  for (uint32_t i = 1; i < choice->n; i++) {
    const double to_beat = choice->candidates[choice->leader].best;
    if (choice->candidates[i].best < to_beat * MARGIN) choice->leader = i;
  }
  choice->settled = true;
}

void cpu_choice_note(cpu_choice *choice, double macs, double begin_ms, double end_ms) {
  cpu_candidate *c = &choice->candidates[choice->running];
  if (choice->begin_ms == 0) choice->begin_ms = begin_ms;
  c->macs += macs;
  c->ms += end_ms - begin_ms;
  if (c->ms < SAMPLE_MS) return;
  const double speed = c->ms / c->macs;
  if (c->n_samples++ == 0 || speed < c->best) c->best = speed;
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
