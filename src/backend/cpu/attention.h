/* Attention, and keys and values on their way to the cache (attention.c). */
#ifndef SOTTO_BACKEND_CPU_ATTENTION_H
#define SOTTO_BACKEND_CPU_ATTENTION_H

#include "backend/cpu/cpu.h"

/* Floats of scratch per thread. */
uint64_t cpu_attention_scratch(const sotto_program *program, const sotto_backend_config *config);
/* Most tokens of a block. */
uint32_t cpu_attention_query_block_tokens(const sotto_program *program,
                                          const sotto_backend_config *config);
/* Cut the batch into blocks. */
void cpu_attention_prepare(cpu_backend *backend);
uint64_t cpu_attention_units(const cpu_backend *backend, const sotto_op *op);
/* Multiply-adds of the largest unit. */
uint64_t cpu_attention_unit_macs(const cpu_backend *backend, const sotto_op *op);
void cpu_attention_run(const cpu_backend *backend, const sotto_op *op, uint64_t unit,
                       uint32_t thread);
/* Token t's keys and values to the cache. */
void cpu_kv_write(cpu_backend *backend, const cpu_step *step, uint64_t t);

#endif
