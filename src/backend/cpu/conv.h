/* Convolutions over tokens, and their states (conv.c). Units are blocks of channels, of all tokens
 * of the part. */
#ifndef SOTTO_BACKEND_CPU_CONV_H
#define SOTTO_BACKEND_CPU_CONV_H

#include "backend/cpu/cpu.h"

uint64_t cpu_conv_units(const cpu_backend *backend, const sotto_op *op);
uint64_t cpu_conv_unit_macs(const cpu_backend *backend, const sotto_op *op);
void cpu_conv_run(const cpu_backend *backend, const sotto_op *op, uint64_t unit);

#endif
