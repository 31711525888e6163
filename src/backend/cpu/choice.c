#include "backend/cpu/choice.h"

#include <string.h>

/* Of so many matmuls one tries another candidate than the leader: odd numbers, so that it is each
 * of a layer's in turn. At the start nobody knows the leader. */
#define TRY_EVERY          15
#define TRY_EVERY_AT_START 3
/* A sample is long enough for a clock that ticks every 0.1 ms; so many make a trial. */
#define SAMPLE_MS       0.5
#define N_SAMPLES       CPU_CHOICE_SAMPLES
#define N_START_SAMPLES 4
/* So long the leader runs alone: nobody's first answer waits for a trial. Then all run until each
 * has as many samples and so much time has passed, and only what comes after that counts. */
#define ALONE_MS       1000
#define N_WARM_SAMPLES 4
#define WARM_MS        300
/* Faster by less than this is chance. */
#define MARGIN 0.93
/* A candidate that takes so much longer needs no more samples than two. */
#define HOPELESS 1.4

static void compete(cpu_choice *choice, const sotto_kernels *kernels, uint32_t n_streams) {
  choice->candidates[choice->n++] = (cpu_candidate){.kernels = kernels, .n_streams = n_streams};
}

/* Whether another candidate does just the same with weights of this type. */
static bool is_known(const cpu_choice *choice, const sotto_kernels *kernels) {
  for (uint32_t i = 0; i < choice->n; i++) {
    const sotto_kernels *other = choice->candidates[i].kernels;
    const bool same_act =
        !sotto_dtype_takes_act(choice->type) || other->quantize_act == kernels->quantize_act;
    if (same_act &&
        sotto_kernels_gemm(other, choice->type) == sotto_kernels_gemm(kernels, choice->type))
      return true;
  }
  return false;
}

static bool is_last_choice(const sotto_kernels *kernels, sotto_dtype type) {
  return sotto_dtype_has_bytes(type) && kernels->splits_bytes;
}

/* Kernels of another family than the best guess's: slower by half and more, but for quants of eight
 * bits, which the relaxed dots of some engines take in two steps. */
static bool is_outclassed(const cpu_choice *choice, const sotto_kernels *kernels) {
  return !sotto_dtype_has_bytes(choice->type) &&
         strcmp(kernels->family, choice->set->members[0]->family) != 0;
}

static void compete_all(cpu_choice *choice, uint32_t n_streams) {
  for (int last = 0; last < 2; last++) {
    for (uint32_t i = 0; i < choice->set->n; i++) {
      const sotto_kernels *kernels = choice->set->members[i];
      if (is_last_choice(kernels, choice->type) == last && !is_known(choice, kernels) &&
          !is_outclassed(choice, kernels))
        compete(choice, kernels, n_streams);
    }
  }
}

/* The candidates of a round; the leader of the one before leads. */
static void enter(cpu_choice *choice, cpu_choice_round round, cpu_candidate leader) {
  choice->round = round;
  choice->n = choice->leader = 0;
  choice->phase = round == CPU_CHOICE_START ? CPU_CHOICE_TRIAL : CPU_CHOICE_ALONE;
  choice->begin_ms = 0;
  if (round == CPU_CHOICE_KERNELS) {
    compete_all(choice, leader.n_streams);
  } else {
    compete(choice, leader.kernels, 1);
    compete(choice, leader.kernels, choice->most_streams);
  }
  while (choice->candidates[choice->leader].kernels != leader.kernels ||
         choice->candidates[choice->leader].n_streams != leader.n_streams)
    choice->leader++;
  choice->running = choice->leader;
  if (choice->n == 1) choice->round = CPU_CHOICE_SETTLED;
}

void cpu_choice_init(cpu_choice *choice, const sotto_kernel_set *set, sotto_dtype type,
                     uint32_t most_streams) {
  *choice = (cpu_choice){.set = set, .type = type, .most_streams = most_streams};
  compete_all(choice, 1);
  enter(choice, most_streams > 1 ? CPU_CHOICE_START : CPU_CHOICE_KERNELS, choice->candidates[0]);
}

/* The least sample would be that of the smallest matrix, which stays in a cache; the mean one of a
 * busy machine. */
static double median(const cpu_candidate *c) {
  double sorted[N_SAMPLES];
  for (uint32_t i = 0; i < c->n_samples; i++) {
    uint32_t at = i;
    for (; at > 0 && sorted[at - 1] > c->samples[i]; at--) sorted[at] = sorted[at - 1];
    sorted[at] = c->samples[i];
  }
  return sorted[c->n_samples / 2];
}

/* All candidates have their samples. */
static void decide(cpu_choice *choice) {
  for (uint32_t i = 0; i < choice->n; i++) {
    const double to_beat = median(&choice->candidates[choice->leader]);
    if (median(&choice->candidates[i]) < to_beat * MARGIN) choice->leader = i;
  }
  if (choice->round == CPU_CHOICE_KERNELS)
    choice->round = CPU_CHOICE_SETTLED;
  else
    enter(choice, choice->round + 1, choice->candidates[choice->leader]);
}

static bool is_hopeless(const cpu_choice *choice, const cpu_candidate *candidate) {
  const cpu_candidate *leader = &choice->candidates[choice->leader];
  return leader->n_samples >= 2 && candidate->n_samples >= 2 &&
         median(candidate) > median(leader) * HOPELESS;
}

static bool wants_samples(const cpu_choice *choice, const cpu_candidate *candidate) {
  switch (choice->phase) {
  case CPU_CHOICE_ALONE: return false;
  case CPU_CHOICE_WARM_UP: return candidate->n_samples < N_WARM_SAMPLES;
  case CPU_CHOICE_TRIAL: break;
  }
  const uint32_t n = choice->round == CPU_CHOICE_START ? N_START_SAMPLES : N_SAMPLES;
  return candidate->n_samples < n && !is_hopeless(choice, candidate);
}

const cpu_candidate *cpu_choice_next(cpu_choice *choice) {
  choice->running = choice->leader;
  const uint32_t every = choice->round == CPU_CHOICE_START ? TRY_EVERY_AT_START : TRY_EVERY;
  if (choice->round != CPU_CHOICE_SETTLED && ++choice->n_matmuls % every == 0) {
    for (uint32_t i = 0; i < choice->n; i++)
      if (i != choice->leader && wants_samples(choice, &choice->candidates[i])) choice->running = i;
  }
  return &choice->candidates[choice->running];
}

static void enter_phase(cpu_choice *choice, cpu_choice_phase phase, double now_ms) {
  choice->phase = phase;
  choice->begin_ms = now_ms;
  for (uint32_t i = 0; i < choice->n; i++) {
    cpu_candidate *c = &choice->candidates[i];
    *c = (cpu_candidate){.kernels = c->kernels, .n_streams = c->n_streams};
  }
}

void cpu_choice_note(cpu_choice *choice, double macs, double begin_ms, double end_ms) {
  static const double least_ms[] = {ALONE_MS, WARM_MS, 0};
  cpu_candidate *c = &choice->candidates[choice->running];
  if (choice->begin_ms == 0) choice->begin_ms = begin_ms;
  c->macs += macs;
  c->ms += end_ms - begin_ms;
  if (c->ms < SAMPLE_MS) return;
  if (c->n_samples < N_SAMPLES) c->samples[c->n_samples++] = c->ms / c->macs;
  c->macs = c->ms = 0;
  for (uint32_t i = 0; i < choice->n; i++)
    if (wants_samples(choice, &choice->candidates[i])) return;
  if (end_ms - choice->begin_ms < least_ms[choice->phase]) return;
  if (choice->phase == CPU_CHOICE_TRIAL)
    decide(choice);
  else
    enter_phase(choice, choice->phase + 1, end_ms);
}
