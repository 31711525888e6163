/* The ranges of limits.def, and the refusal of what is outside. */
#ifndef SOTTO_BASE_LIMITS_H
#define SOTTO_BASE_LIMITS_H

#include <stdint.h>

#include "base/ctx.h"

typedef enum sotto_limit_id {
#define LIMIT(name, low, high) SOTTO_LIMIT_##name,
#include "base/limits.def"
#undef LIMIT
  SOTTO_N_LIMITS
} sotto_limit_id;

typedef struct sotto_limit {
  const char *name;
  double min, max;
} sotto_limit;
extern const sotto_limit sotto_limits[SOTTO_N_LIMITS];

static inline uint32_t sotto_limit_max(sotto_limit_id id) {
  return (uint32_t)sotto_limits[id].max;
}

/* ERR_INVALID_ARGUMENT with the field, the value and the range; NaN is never in range. */
sotto_status sotto_check_limit(sotto_ctx *ctx, sotto_limit_id id, double value);
/* The same of a list, or of what is in it: `field` is the list's name. */
sotto_status sotto_check_limit_of(sotto_ctx *ctx, const char *field, sotto_limit_id id,
                                  double value);
/* The same of a float, against the range as floats. */
sotto_status sotto_check_limit_f32(sotto_ctx *ctx, sotto_limit_id id, float value);

#endif
