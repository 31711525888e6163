#include "backend/cpu/choice.h"

/* Of so many matmuls one tries another candidate than the best so far. */
#define TRY_EVERY 8
/* A sample, long enough for a clock that ticks every 0.1 ms; and what a candidate gets in all. */
#define SAMPLE_MS    0.5
#define CANDIDATE_MS 6.0
/* Faster by less than this is chance. */
#define MARGIN 0.97

static bool is_known(const cpu_choice *choice, const sotto_kernels *kernels, sotto_dtype type) {
  for (uint32_t i = 0; i < choice->n; i++) {
    const sotto_kernels *other = choice->candidates[i].kernels;
    if (other->quantize_act == kernels->quantize_act &&
        sotto_kernels_gemm(other, type) == sotto_kernels_gemm(kernels, type))
      return true;
  }
  return false;
}

void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type) {
  *choice = (cpu_choice){.n = 0};
  for (uint32_t i = 0; i < set->n; i++) {
    if (!is_known(choice, set->members[i], type))
      choice->candidates[choice->n++].kernels = set->members[i];
  }
  choice->settled = choice->n == 1;
}

static bool wants_time(const cpu_candidate *candidate) {
  return candidate->total_ms < CANDIDATE_MS;
}

const sotto_kernels *cpu_choice_next(cpu_choice *choice) {
  choice->running = choice->leader;
  if (!choice->settled && ++choice->turn % TRY_EVERY == 0) {
    for (uint32_t i = 0; i < choice->n; i++)
      if (i != choice->leader && wants_time(&choice->candidates[i])) choice->running = i;
  }
  return choice->candidates[choice->running].kernels;
}

void cpu_choice_note(cpu_choice *choice, double macs, double ms) {
  cpu_candidate *c = &choice->candidates[choice->running];
  c->macs += macs;
  c->ms += ms;
  c->total_ms += ms;
  if (c->ms < SAMPLE_MS) return;
  const double speed = c->ms / c->macs;
  if (c->best == 0 || speed < c->best) c->best = speed;
  c->macs = c->ms = 0;
  const double to_beat = choice->candidates[choice->leader].best;
  if (to_beat > 0 && c->best < to_beat * MARGIN) choice->leader = choice->running;
  choice->settled = true;
  for (uint32_t i = 0; i < choice->n; i++)
    if (wants_time(&choice->candidates[i])) choice->settled = false;
}
