/* Ranges as a table. */
#include "base/limits.h"

#include <stdbool.h>

const sotto_limit sotto_limits[] = {
#define LIMIT(name, low, high) {#name, low, high},
#include "base/limits.def"
#undef LIMIT
};

static sotto_status out_of_range(sotto_ctx *ctx, const char *field, sotto_limit_id id,
                                 double value) {
  const sotto_limit *limit = &sotto_limits[id];
  const double largest_int = 9007199254740992.0; /* a float of 7 digits, an integer as it is */
  const bool whole =
      value >= -largest_int && value <= largest_int && value == (double)(int64_t)value;
  return sotto_fail_field(ctx, field, "%s is %.*g, must be from %.16g to %.16g", limit->name,
                          whole ? 16 : 7, value, limit->min, limit->max);
}

sotto_status sotto_check_limit_of(sotto_ctx *ctx, const char *field, sotto_limit_id id,
                                  double value) {
  const sotto_limit *limit = &sotto_limits[id];
  if (value >= limit->min && value <= limit->max) return SOTTO_OK;
  return out_of_range(ctx, field, id, value);
}

sotto_status sotto_check_limit(sotto_ctx *ctx, sotto_limit_id id, double value) {
  return sotto_check_limit_of(ctx, sotto_limits[id].name, id, value);
}

sotto_status sotto_check_limit_f32(sotto_ctx *ctx, sotto_limit_id id, float value) {
  const sotto_limit *limit = &sotto_limits[id];
  if (value >= (float)limit->min && value <= (float)limit->max) return SOTTO_OK;
  return out_of_range(ctx, limit->name, id, (double)value);
}
