/* How long a token of an answer takes on the CPU, without the model's weights: from the speed of
 * its matrix products, which are nearly all of it, on weights that are nothing but zeros. */
#ifndef SOTTO_BACKEND_CPU_ESTIMATE_H
#define SOTTO_BACKEND_CPU_ESTIMATE_H

#include "backend/backend.h"

/* config: its kernels, threads and pool are used. Takes some tens of milliseconds and, while it
 * runs, some tens of megabytes. ERR_OUT_OF_MEMORY. */
sotto_status sotto_cpu_estimate(const sotto_program *program, const sotto_backend_config *config,
                                double *token_ms);

#endif
