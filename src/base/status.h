/* Status codes: what every fallible function of the core returns. */
#ifndef SOTTO_BASE_STATUS_H
#define SOTTO_BASE_STATUS_H

typedef enum sotto_status {
#define X(name, number, code) SOTTO_##name = number,
#include "base/status.def"
#undef X
} sotto_status;

/* The stable lower-case code of a status ("out_of_memory"); "unknown" for a number not in the
 * table. */
const char *sotto_status_code(sotto_status status);

/* Evaluate a fallible expression once; return its status from this function unless it is OK. */
#define SOTTO_TRY(expr)                                                                            \
  do {                                                                                             \
    sotto_status try_status_ = (expr);                                                             \
    if (try_status_ != SOTTO_OK) return try_status_;                                               \
  } while (0)

#endif
