/* What may be wrong and does not stop the work: lines for people, kept until somebody shows them. A
 * context without a list drops them. */
#ifndef SOTTO_BASE_WARNINGS_H
#define SOTTO_BASE_WARNINGS_H

#include "base/str.h"

typedef struct sotto_warnings {
  sotto_str text; /* each warning with a NUL behind it */
  size_t count;
} sotto_warnings;

/* From now on warnings of ctx go into the list, which is borrowed; NULL: nowhere. */
void sotto_warnings_attach(sotto_ctx *ctx, sotto_warnings *warnings);
void sotto_warnings_free(sotto_warnings *warnings);

/* A warning of at most 511 bytes that names the thing and what follows from it. What was said
 * already is not said twice. The only failure is that of memory. */
sotto_status sotto_warn(sotto_ctx *ctx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
