/* sample/summary.h: what is picked from a summary is what is picked from the row. Summaries are
 * made here from rows, by a plain sort and the C library's exp. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "sample/summary.h"
#include "test.h"

#define MAX_VOCAB 50000
#define MAX_LIST  1200

/* ---- random numbers -------------------------------------------------------------------------- */

static uint64_t state;

static double uniform(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) * 0x1p-53;
}

static uint32_t below(uint32_t n) {
  return (uint32_t)(uniform() * n);
}

static float between(double low, double high) {
  return (float)(low + (high - low) * uniform());
}

static float normal(void) {
  const double radius = sqrt(-2 * log(1 - uniform()));
  return (float)(radius * cos(6.283185307179586 * uniform()));
}

/* ---- a row, its summary, and a request ------------------------------------------------------- */

typedef struct scene {
  sotto_ctx ctx;
  sotto_sampler *sampler;
  uint32_t n_vocab;
  float row[MAX_VOCAB];
  sotto_token order[MAX_VOCAB]; /* of the whole row */
  sotto_sampling sampling;
  sotto_bias bias[MAX_LIST];
  size_t n_bias;
  sotto_token history[MAX_LIST];
  size_t n_history;
  uint64_t position;
  sotto_logits_summary summary;
  float best_logits[SOTTO_SUMMARY_BEST];
  sotto_token named[SOTTO_SUMMARY_NAMED];
  float named_logits[SOTTO_SUMMARY_NAMED];
} scene;

static scene *open_scene(uint32_t n_vocab) {
  scene *s = calloc(1, sizeof *s);
  sotto_ctx_init(&s->ctx, NULL, NULL);
  s->n_vocab = n_vocab;
  CHECK(sotto_sampler_new(&s->ctx, n_vocab, &s->sampler) == SOTTO_OK);
  sotto_sampling_default(&s->sampling);
  return s;
}

static void close_scene(scene *s) {
  sotto_sampler_free(s->sampler);
  CHECK(s->ctx.bytes_in_use == 0);
  free(s);
}

/* Another vocabulary, and nothing asked for. */
static void resize_scene(scene *s, uint32_t n_vocab) {
  sotto_sampler_free(s->sampler);
  CHECK(sotto_sampler_new(&s->ctx, n_vocab, &s->sampler) == SOTTO_OK);
  s->n_vocab = n_vocab;
  s->n_bias = s->n_history = 0;
  sotto_sampling_default(&s->sampling);
}

static const float *sorted_row;
static int by_logit(const void *a, const void *b) {
  const sotto_token i = *(const sotto_token *)a, j = *(const sotto_token *)b;
  if (sorted_row[i] != sorted_row[j]) return sorted_row[i] > sorted_row[j] ? -1 : 1;
  return (i > j) - (i < j);
}

/* Sort the row, and say of it what does not depend on a request. */
static void summarise(scene *s) {
  for (uint32_t i = 0; i < s->n_vocab; i++) s->order[i] = (sotto_token)i;
  sorted_row = s->row;
  qsort(s->order, s->n_vocab, sizeof *s->order, by_logit);
  const uint32_t n_best = s->n_vocab < SOTTO_SUMMARY_BEST ? s->n_vocab : SOTTO_SUMMARY_BEST;
  for (uint32_t i = 0; i < n_best; i++) s->best_logits[i] = s->row[s->order[i]];
  s->summary = (sotto_logits_summary){.best = s->order,
                                      .best_logits = s->best_logits,
                                      .n_best = n_best,
                                      .named = s->named,
                                      .named_logits = s->named_logits};
  const double highest = (double)s->best_logits[0];
  double sum = 0;
  for (uint32_t i = 0; i < s->n_vocab; i++) {
    s->summary.n_banned += s->row[i] == -INFINITY;
    sum += s->row[i] == -INFINITY ? 0 : exp((double)s->row[i] - highest);
  }
  /* Bounds as wide as a sum in float32 asks for, the truth anywhere between them. */
  const double lse = sum > 0 ? highest + log(sum) : -INFINITY;
  const double margin = 1e-9 + (sum > 0 ? fabs(lse) * 1e-15 : 0);
  const double width = below(2) ? 1e-5 : 1e-8;
  s->summary.lse_low = lse - margin - width * uniform();
  s->summary.lse_high = lse + margin + width * uniform();
}

/* Fetch what the request names; nothing if that is too much. */
static bool name(scene *s) {
  const bool fits = sotto_sampler_named(s->sampler, &s->sampling, s->bias, s->n_bias, s->history,
                                        s->n_history, s->named, &s->summary.n_named);
  for (uint32_t i = 0; i < s->summary.n_named; i++) s->named_logits[i] = s->row[s->named[i]];
  return fits;
}

static sotto_status pick(scene *s, sotto_token *token, bool *needs_row) {
  return sotto_sampler_pick_summary(s->sampler, &s->sampling, s->bias, s->n_bias, s->history,
                                    s->n_history, s->position, &s->summary, token, needs_row);
}

static sotto_status pick_from_row(scene *s, sotto_token *token) {
  return sotto_sampler_pick(s->sampler, &s->sampling, s->bias, s->n_bias, s->history, s->n_history,
                            s->position, s->row, token);
}

/* Pick both ways. False if the row is needed; what is picked otherwise is checked. */
static bool decides(scene *s) {
  sotto_token token, expected;
  bool needs_row;
  char message[SOTTO_MESSAGE_SIZE] = "";
  name(s);
  const sotto_status status = pick(s, &token, &needs_row);
  if (status != SOTTO_OK) memcpy(message, s->ctx.message, sizeof message);
  if (needs_row) {
    CHECK(status == SOTTO_OK && token == SOTTO_TOKEN_NONE);
    return false;
  }
  const sotto_status row_status = pick_from_row(s, &expected);
  CHECK(status == row_status && token == expected);
  if (status != SOTTO_OK) CHECK_STR(message, s->ctx.message);
  return true;
}

/* ---- random rows and requests ---------------------------------------------------------------- */

static void fill_row(scene *s) {
  const uint32_t shape = below(10), n = s->n_vocab;
  const float scale = between(0.1, 6), centre = between(-30, 30);
  for (uint32_t i = 0; i < n; i++) {
    float x = normal();
    switch (shape) {
    case 0: break;                                            /* as it is */
    case 1: x = x / (fabsf(normal()) + 0.01f); break;         /* heavy tails */
    case 2: x = rintf(x * 2) / 2; break;                      /* many ties */
    case 3: x = (float)below(3); break;                       /* a few values */
    case 4: x = 1; break;                                     /* all equal */
    case 5: x = below(8) ? -INFINITY : x; break;              /* a grammar */
    case 6: x = (float)(int)(below(20) - 10) * 1e-45f; break; /* subnormal, and both zeros */
    case 7: x = x * 1e37f; break;
    default: x = x + (below(n) < 10 ? 5 : 0); /* a few that stand out */
    }
    s->row[i] = shape == 6 ? x : x * scale + centre;
  }
  if (shape == 8) s->row[below(n)] += between(5, 1000); /* one that dominates */
  if (below(5) == 0) {
    for (uint32_t i = below(n); i-- > 0;) s->row[below(n)] = -INFINITY;
  }
  if (below(200) == 0) {
    for (uint32_t i = 0; i < n; i++) s->row[i] = -INFINITY;
  }
}

/* A token that is likely, or at the border of the best, or any. */
static sotto_token some_token(const scene *s) {
  uint32_t rank = below(s->n_vocab);
  if (below(3) == 0) rank = below(10);
  if (below(3) == 0) rank = SOTTO_SUMMARY_BEST - 5 + below(10);
  return s->order[rank < s->n_vocab ? rank : below(s->n_vocab)];
}

static void fill_request(scene *s) {
  sotto_sampling *o = &s->sampling;
  sotto_sampling_default(o);
  o->seed = state;
  s->position = below(100000);
  switch (below(8)) {
  case 0: o->temperature = 0; break;
  case 1: o->temperature = between(0, 100); break;
  case 2: o->temperature = between(0, 2); break;
  case 3: o->temperature = 1e-45f; break;
  case 4: o->temperature = 1; break;
  default: break;
  }
  switch (below(6)) {
  case 0: o->top_k = 0; break;
  case 1: o->top_k = 0; break;
  case 2: o->top_k = (int32_t)below(400); break;
  case 3: o->top_k = (int32_t)(s->n_vocab - below(2)); break;
  case 4: o->top_k = INT32_MAX; break;
  default: break;
  }
  if (below(2)) o->top_p = below(3) ? (float)(below(8) > 0) : between(0, 1);
  if (below(2)) o->min_p = below(3) ? (float)(below(8) == 0) : between(0, 1);
  if (below(4) == 0) o->typical_p = between(0, 1);
  if (below(3) == 0) o->repeat_penalty = expf(between(-4.6, 4.6));
  if (below(3) == 0) o->presence_penalty = below(2) ? between(-2, 2) : between(-100, 100);
  if (below(3) == 0) o->frequency_penalty = below(2) ? between(-2, 2) : between(-100, 100);
  if (below(3) == 0) o->repeat_last_n = (int32_t)below(300) - 1;
  s->n_bias = below(3) ? 0 : below(below(30) ? 20 : MAX_LIST);
  for (size_t i = 0; i < s->n_bias; i++) {
    const float kinds[] = {-INFINITY, between(-5, 5), between(-100, 100), 1e30f, -1e30f, 3e38f};
    s->bias[i] = (sotto_bias){some_token(s), kinds[below(100) ? below(3) : below(6)]};
  }
  if (below(6) == 0) { /* ban the best, perhaps all of those that are known */
    s->n_bias = 1 + below(below(2) ? 5 : 300);
    for (size_t i = 0; i < s->n_bias; i++) {
      s->bias[i] = (sotto_bias){s->order[i % s->n_vocab], -INFINITY};
    }
  }
  s->n_history = below(2) ? 0 : below(below(10) ? 100 : MAX_LIST);
  for (size_t i = 0; i < s->n_history; i++) {
    static const sotto_token outside[] = {-1, INT32_MIN, INT32_MAX};
    s->history[i] = below(50) ? some_token(s) : outside[below(3)];
  }
}

/* Only top-p, of about what the first tokens sum up to. */
static void fill_request_at_a_border(scene *s) {
  sotto_sampling_default(&s->sampling);
  s->n_bias = s->n_history = 0;
  s->position++;
  s->sampling.top_k = 0;
  s->sampling.min_p = 0;
  double sum = 0;
  for (uint32_t i = 1 + below(s->summary.n_best); i-- > 0;) {
    sum += exp((double)s->row[s->order[i]] - s->summary.lse_high);
  }
  s->sampling.top_p = (float)(sum * (1 + 2e-5 * (uniform() - 0.5)));
  if (!(s->sampling.top_p < 1)) s->sampling.top_p = 0.9999999f;
}

TEST(sample_summary_picks_as_from_the_row) {
  state = 0x9E3779B97F4A7C15;
  scene *s = open_scene(1);
  const int n_rows = 10000, n_requests = 3;
  int n_undecided = 0;
  for (int i = 0; i < n_rows; i++) {
    resize_scene(s, 1 + below(below(200) ? (below(3) ? 700 : 300) : MAX_VOCAB));
    fill_row(s);
    summarise(s);
    for (int r = 0; r < n_requests; r++) {
      fill_request(s);
      n_undecided += !decides(s);
    }
    fill_request_at_a_border(s);
    decides(s);
  }
  CHECK(n_undecided < n_rows * n_requests / 5);
  close_scene(s);
}

/* ---- how often the row is needed ------------------------------------------------------------- */

/* Logits like a model's: most of them noise, some tokens that fit, a few that fit well. */
static void fill_likely_row(scene *s) {
  for (uint32_t i = 0; i < s->n_vocab; i++) s->row[i] = normal() * 2;
  for (int i = 0; i < 100; i++) s->row[below(s->n_vocab)] += between(3, 8);
  for (int i = 0; i < 4; i++) s->row[below(s->n_vocab)] += between(8, 13);
}

static int count_undecided(scene *s, int n_positions) {
  int n = 0;
  for (int i = 0; i < n_positions; i++, s->position++) n += !decides(s);
  return n;
}

TEST(sample_summary_is_enough_for_usual_settings) {
  enum { N_ROWS = 25, N_POSITIONS = 20 };
  state = 88172645463325252;
  scene *s = open_scene(32000);
  int n_top_p = 0, n_min_p = 0, n_plain = 0, n_colder = 0;
  for (int i = 0; i < N_ROWS; i++) {
    fill_likely_row(s);
    summarise(s);
    sotto_sampling_default(&s->sampling);
    s->sampling.seed = state;
    for (int changed = 0; changed < 2; changed++) { /* a few biases, and penalties */
      s->sampling.repeat_penalty = changed ? 1.1f : 1;
      s->sampling.presence_penalty = changed ? 0.5f : 0;
      s->n_bias = changed ? 4 : 0;
      s->n_history = 100;
      for (int b = 0; b < 4; b++) s->bias[b] = (sotto_bias){s->order[b * b], between(-5, 5)};
      s->bias[1].bias = -INFINITY;
      for (int h = 0; h < 100; h++) s->history[h] = s->order[below(h % 2 ? 100 : s->n_vocab)];
      s->sampling.top_k = 40;
      s->sampling.temperature = 0.8f;
      CHECK(count_undecided(s, N_POSITIONS) == 0);
      s->sampling.typical_p = 0.9f;
      CHECK(count_undecided(s, N_POSITIONS) == 0);
      s->sampling.typical_p = 1;
      s->sampling.temperature = 0;
      CHECK(count_undecided(s, 1) == 0);
      s->sampling.temperature = 0.8f;
      s->sampling.top_k = 0;
      n_top_p += count_undecided(s, N_POSITIONS);
      s->sampling.top_p = 1;
      n_min_p += count_undecided(s, N_POSITIONS);
      s->sampling.min_p = 0;
      s->sampling.temperature = 1;
      n_plain += count_undecided(s, N_POSITIONS);
      s->sampling.temperature = 0.7f;
      n_colder += count_undecided(s, N_POSITIONS);
      s->sampling.top_p = 0.95f;
      s->sampling.min_p = 0.05f;
    }
  }
  const int n_picks = N_ROWS * 2 * N_POSITIONS;
  CHECK(n_top_p < n_picks / 100 && n_min_p < n_picks / 100);
  CHECK(n_plain < n_picks / 5); /* what is drawn may not be among the best */
  CHECK(n_colder < n_picks / 5);
  close_scene(s);
}

/* ---- borders --------------------------------------------------------------------------------- */

/* Of n tokens, the i-th best is token (i * 7) % n, with logits[i], or the last of them from there
 * on; everything is off. */
static scene *open_row(uint32_t n, const float *logits, uint32_t n_logits) {
  scene *s = open_scene(n);
  for (uint32_t i = 0; i < n; i++) {
    s->row[i * 7 % n] = logits[i < n_logits ? i : n_logits - 1];
  }
  summarise(s);
  s->sampling.temperature = 1;
  s->sampling.top_k = 0;
  s->sampling.top_p = 1;
  s->sampling.min_p = 0;
  return s;
}

TEST(sample_summary_needs_the_row_within_the_bounds) {
  enum { N = 1000, N_HIGH = 300 };
  for (uint64_t seed = 0; seed < 20; seed++) {
    /* The best has weight 1 of 1 / u, so that what is drawn is at its border. */
    const double u = sotto_random_uniform(seed, 0);
    const double high = log((1 / u - 1) / (N_HIGH + (N - 1 - N_HIGH) * exp(-0.5)));
    if (high >= 0) continue;
    for (int side = -1; side <= 1; side++) {
      float logits[N_HIGH + 2] = {0};
      for (int i = 1; i < N_HIGH + 2; i++) {
        logits[i] = (float)(high + side * 1e-4 / (1 - u) - (i > N_HIGH ? 0.5 : 0));
      }
      scene *s = open_row(N, logits, N_HIGH + 2);
      s->sampling.seed = seed;
      s->summary.lse_low -= 1e-5;
      s->summary.lse_high += 1e-5;
      CHECK(decides(s) == (side != 0));
      s->sampling.top_p = (float)u; /* the same border for top-p */
      CHECK(decides(s) == (side != 0));
      close_scene(s);
    }
  }
}

/* Bounds of no width: what is left is rounding, which goes by the order of ids in the row. */
TEST(sample_summary_needs_the_row_within_rounding) {
  const float logit = 0;
  for (uint32_t n = 128; n <= 512; n *= 2) {
    scene *s = open_row(n, &logit, 1);
    s->summary.lse_low = s->summary.lse_high = log(n);
    s->sampling.top_p = 0.125f;
    CHECK(!decides(s));
    s->sampling.top_p = 0.126f;
    CHECK(decides(s));
    close_scene(s);
  }
}

TEST(sample_summary_knows_ties_up_to_the_last_of_the_best) {
  enum { N = 1000, N_HIGH = 250 };
  float logits[N_HIGH + 1];
  for (int i = 0; i <= N_HIGH; i++) logits[i] = (float)(N_HIGH - i) / 100;
  scene *s = open_row(N, logits, N_HIGH + 1);
  const sotto_token last = s->order[SOTTO_SUMMARY_BEST - 1];
  REQUIRE(s->row[last] == 0 && s->row[s->order[SOTTO_SUMMARY_BEST]] == 0);
  const struct {
    float bias; /* of a token... */
    uint32_t rank;
    int32_t n_known; /* ... and how many of the first are certain then */
  } cases[] = {{0, 0, 256},           {-100, 0, 255}, /* falls behind all */
               {-2.5f, 0, 256},       /* a tie of all that are 0; token 0 has the lowest id */
               {-2.43f, 7, 255},      /* a tie too: is its id before or behind the last's? */
               {-INFINITY, 3, 255},   /* no more */
               {0, 300, 256},         /* a tie that is named; its id is behind the last's */
               {0.01f, 300, 257},     /* above the tie */
               {-0.01f, 999, 256},    /* below it */
               {-INFINITY, 255, 255}, /* the last of the best itself */
               {-INFINITY, 999, 256}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    s->n_bias = 1;
    s->bias[0] = (sotto_bias){s->order[cases[c].rank], cases[c].bias};
    int32_t n_known = cases[c].n_known;
    if (cases[c].rank == 7) n_known += s->order[7] < last;
    for (s->sampling.top_k = n_known - 1; s->sampling.top_k <= n_known + 1; s->sampling.top_k++) {
      for (s->position = 0; s->position < 20; s->position++) {
        CHECK(decides(s) == (s->sampling.top_k <= n_known));
      }
    }
  }
  close_scene(s);
}

TEST(sample_summary_of_a_small_vocabulary_is_complete) {
  float logits[SOTTO_SUMMARY_BEST];
  state = 7;
  for (uint32_t n = 1; n <= SOTTO_SUMMARY_BEST; n += 5) {
    for (uint32_t i = 0; i < n; i++) logits[i] = normal() * 3;
    scene *s = open_row(n, logits, n);
    s->summary.lse_low = -INFINITY;
    s->summary.lse_high = INFINITY; /* not needed */
    for (s->position = 0; s->position < 20; s->position++) {
      s->sampling.temperature = between(0, 3);
      s->sampling.typical_p = below(2) ? 1 : 0.7f;
      s->sampling.top_p = below(2) ? 1 : 0.7f;
      CHECK(decides(s));
    }
    close_scene(s);
  }
}

/* ---- bans, names, damage --------------------------------------------------------------------- */

TEST(sample_summary_with_most_tokens_banned) {
  enum { N = 900 };
  float logits[N];
  for (int i = 0; i < N; i++) logits[i] = (float)(N - i) / 100;
  scene *s = open_row(N, logits, N);
  sotto_sampling_default(&s->sampling);
  for (int i = 0; i < N; i++) s->bias[i] = (sotto_bias){s->order[i], -INFINITY};
  s->n_bias = SOTTO_SUMMARY_BEST - 40; /* as many are left as top-k wants */
  CHECK(decides(s));
  s->n_bias++;
  CHECK(!decides(s));
  s->sampling.temperature = 0;
  s->n_bias = SOTTO_SUMMARY_BEST - 1;
  CHECK(decides(s));
  s->n_bias++;
  CHECK(!decides(s));
  for (int i = 0; i < 2; i++) { /* one token is left that is not among the best */
    s->sampling.temperature = (float)i;
    s->n_bias = N - 1;
    CHECK(!decides(s));
    s->bias[s->n_bias++].bias = -1; /* named, all are known */
    CHECK(decides(s));
    s->bias[N - 1].bias = -INFINITY;
    sotto_token token;
    bool needs_row;
    name(s);
    CHECK(pick(s, &token, &needs_row) == SOTTO_ERR_NON_FINITE_LOGITS && !needs_row);
    CHECK(strstr(s->ctx.message, "every token is banned") != NULL);
    CHECK(decides(s));
  }
  close_scene(s);
}

TEST(sample_summary_names_what_bias_and_penalties_change) {
  enum { N = 2000 };
  const float logit = 0;
  scene *s = open_row(N, &logit, 1);
  static const sotto_bias bias[] = {{9, 1}, {5, -INFINITY}, {9, 2}};
  static const sotto_token history[] = {1, 7, -1, 5, N, 3, 7, INT32_MIN, 3};
  memcpy(s->bias, bias, sizeof bias);
  memcpy(s->history, history, sizeof history);
  s->n_bias = 3;
  s->n_history = 9;
  CHECK(name(s) && s->summary.n_named == 2); /* without penalties the history is of no account */
  CHECK(s->named[0] == 9 && s->named[1] == 5);
  s->sampling.frequency_penalty = 1;
  static const sotto_token named[] = {9, 5, 1, 7, 3};
  CHECK(name(s) && s->summary.n_named == 5 && memcmp(s->named, named, sizeof named) == 0);
  s->sampling.repeat_last_n = 4;
  CHECK(name(s) && s->summary.n_named == 4 && s->named[2] == 3 && s->named[3] == 7);
  s->sampling.repeat_last_n = 0;
  CHECK(name(s) && s->summary.n_named == 2);
  s->sampling.repeat_last_n = -1;
  CHECK(name(s) && s->summary.n_named == 5);
  /* As many as fit, and one more. */
  s->sampling.top_k = 40;
  s->n_history = 0;
  s->n_bias = SOTTO_SUMMARY_NAMED + 1;
  for (int i = 0; i <= SOTTO_SUMMARY_NAMED; i++) s->bias[i] = (sotto_bias){N - 1 - i, -1};
  s->bias[SOTTO_SUMMARY_NAMED].token = N - 1; /* there already */
  CHECK(name(s) && s->summary.n_named == SOTTO_SUMMARY_NAMED && decides(s));
  s->bias[SOTTO_SUMMARY_NAMED].token = 0;
  CHECK(!name(s) && s->summary.n_named == 0 && !decides(s));
  s->n_bias--;
  s->history[s->n_history++] = 0;
  CHECK(!name(s) && s->summary.n_named == 0 && !decides(s));
  close_scene(s);
}

TEST(sample_summary_that_does_not_fit_the_request) {
  enum { N = 500 };
  const float logit = 0;
  sotto_token token;
  bool needs_row;
  scene *s = open_row(N, &logit, 1);
  sotto_sampling_default(&s->sampling);
  s->sampling.presence_penalty = 1;
  s->n_bias = s->n_history = 1;
  s->bias[0] = (sotto_bias){3, 1};
  s->history[0] = 4;
  CHECK(name(s) && s->summary.n_named == 2);
  CHECK(pick(s, &token, &needs_row) == SOTTO_OK && !needs_row);
  s->summary.n_named = 1;
  CHECK(pick(s, &token, &needs_row) == SOTTO_OK && needs_row);
  s->summary.n_named = 2;
  s->named[1] = 5;
  CHECK(pick(s, &token, &needs_row) == SOTTO_OK && needs_row);
  CHECK(decides(s));
  s->order[0] = -1;
  CHECK(!decides(s));
  s->order[0] = 0;
  s->summary.n_best = 0;
  CHECK(!decides(s));
  /* The same token as all of the best: the list has no room for more tokens than there are. */
  resize_scene(s, 20);
  summarise(s);
  s->n_bias = 19;
  for (int i = 0; i < 19; i++) s->bias[i] = (sotto_bias){i, 0};
  for (int i = 0; i < 20; i++) s->order[i] = 19;
  CHECK(name(s) && pick(s, &token, &needs_row) == SOTTO_OK);
  close_scene(s);
}

TEST(sample_summary_refuses_non_finite_logits) {
  enum { N = 500 };
  const float logit = 0;
  sotto_token token;
  bool needs_row;
  scene *s = open_row(N, &logit, 1);
  for (int i = 0; i < 2; i++) {
    sotto_sampling_default(&s->sampling);
    s->sampling.temperature = (float)i;
    s->n_history = 0;
    s->summary.not_finite = true;
    CHECK(pick(s, &token, &needs_row) == SOTTO_ERR_NON_FINITE_LOGITS);
    CHECK(token == SOTTO_TOKEN_NONE && !needs_row && strstr(s->ctx.message, "NaN") != NULL);
    s->summary.not_finite = false;
    /* By bias and penalties: as from the row, with the message. */
    s->row[3] = 3.4e38f;
    summarise(s);
    s->n_bias = 1;
    s->bias[0] = (sotto_bias){3, 3e38f};
    CHECK(decides(s) && strstr(s->ctx.message, "token 3 is NaN or infinite after logit_bias"));
    s->n_bias = 0;
    s->n_history = 1;
    s->history[0] = 3;
    s->sampling.repeat_penalty = 0.01f;
    CHECK(decides(s) && strstr(s->ctx.message, "token 3 is NaN or infinite after the penalties"));
    for (uint32_t t = 0; t < N; t++) s->row[t] = -INFINITY;
    summarise(s);
    CHECK(decides(s) && strstr(s->ctx.message, "every token is banned"));
    s->row[499] = -3e38f;
    summarise(s);
    CHECK(decides(s));
  }
  close_scene(s);
}
